"""A service on FastAPI that calls the next one by httpx, as its team would write it."""

import os
import socket

import httpx
import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()
mounts = {}
if os.environ.get("FORWARD") == "1":
    from forward_fastapi import Forward, hand_back

    mounts = {"http://": Forward()}
    app.middleware("http")(hand_back)
client = httpx.AsyncClient(mounts=mounts, timeout=20, trust_env=False)


@app.get("/hop")
async def hop(request: Request):
    received = {}
    for name, line in request.headers.raw:
        received.setdefault(name.decode(), []).append(line.decode("latin-1"))
    url = os.environ.get("NEXT_URL")
    return {"received": received, "next": url and (await client.get(url)).json()}


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])
