import os
import re
from urllib.parse import urlsplit

from flask import g, has_request_context, request
from requests.adapters import HTTPAdapter

SERVICE, ROLE = os.environ["GREENLANE_SERVICE"], os.environ.get("GREENLANE_ROLE")
SERVES = re.findall(r"[^\s,]+", os.environ.get("GREENLANE_SERVES", "").lower())
MISMATCH, OTHER = ("mismatch", "other") if SERVES else ("unverified", "unknown")
OTHERWISE = {"active": "active", "preview": MISMATCH}.get(ROLE, OTHER)
HOP = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^",;\s])+)(?:;d=(\d+))?((?:"(?:[^"\\]|\\.)*"|[^",])*)')


class Forward(HTTPAdapter):
    """For calls of your own services, and of nobody else: session.mount("http://fms-map", Forward())"""

    def send(self, call, **settings):
        preview = has_request_context() and request.headers.get("x-preview")
        if not preview:
            return super().send(call, **settings)
        call = call.copy()  # or a redirect would take the header along
        call.headers["x-preview"] = preview
        answer, host = super().send(call, **settings), urlsplit(call.url).hostname
        served = "unavailable" if answer.status_code in (502, 503, 504) else "opaque"
        silent = f'"{host}";served={served};status={answer.status_code}'
        g.setdefault("trails", []).append(answer.headers.get("x-preview-trail") or silent)
        return answer


def hand_back(response):
    """app.after_request(hand_back)"""
    preview = request.headers.get("x-preview")
    if preview:
        mine = "promoted" if ROLE == "active" else "preview"
        hops = [f"{SERVICE};served={mine if preview.lower() in SERVES else OTHERWISE}"]
        called = [hop for trail in g.get("trails", []) for hop in HOP.findall(trail)]
        hops += [f"{name};d={int(depth or 0) + 1}{rest}" for name, depth, rest in called if rest]
        whole = len(hops) > len(called)
        while len(hops) > 64 or len(", ".join(hops)) > 2000:
            hops, whole = hops[:-1], False
        response.headers["x-preview-trail"] = ", ".join(hops if whole else [*hops, "truncated"])
        response.headers["cache-control"] = "private, no-store"
    return response
