"""A service on Flask that calls the next one by requests, as its team would write it."""

import os

import requests
from flask import Flask, request
from werkzeug.serving import make_server

app = Flask(__name__)
session = requests.Session()
if os.environ.get("FORWARD") == "1":
    from forward_flask import Forward, hand_back

    session.mount("http://", Forward())
    app.after_request(hand_back)


@app.get("/hop")
def hop():
    received = {name.lower(): request.headers.getlist(name) for name in request.headers.keys()}
    url = os.environ.get("NEXT_URL")
    return {"received": received, "next": url and session.get(url, timeout=20).json()}


if __name__ == "__main__":
    server = make_server("127.0.0.1", int(os.environ.get("PORT", "0")), app, threaded=True)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
