import os
import re
from contextvars import ContextVar

import httpx

SERVICE, ROLE = os.environ["GREENLANE_SERVICE"], os.environ.get("GREENLANE_ROLE")
SERVES = re.findall(r"[^\s,]+", os.environ.get("GREENLANE_SERVES", "").lower())
MISMATCH, OTHER = ("mismatch", "other") if SERVES else ("unverified", "unknown")
OTHERWISE = {"active": "active", "preview": MISMATCH}.get(ROLE, OTHER)
HOP = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^",;\s])+)(?:;d=(\d+))?((?:"(?:[^"\\]|\\.)*"|[^",])*)')
HERE = ContextVar("HERE", default=(None, []))


class Forward(httpx.AsyncHTTPTransport):
    """For calls of your own services, and of nobody else: AsyncClient(mounts={"http://fms-map": Forward()})"""

    async def handle_async_request(self, call):
        preview, trails = HERE.get()
        if not preview:
            return await super().handle_async_request(call)
        call.headers["x-preview"] = preview
        try:
            answer = await super().handle_async_request(call)
        finally:
            del call.headers["x-preview"]  # or a redirect would take it along
        served = "unavailable" if answer.status_code in (502, 503, 504) else "opaque"
        silent = f'"{call.url.host}";served={served};status={answer.status_code}'
        trails.append(answer.headers.get("x-preview-trail") or silent)
        return answer


async def hand_back(request, call_next):
    """app.middleware("http")(hand_back)"""
    preview, trails = request.headers.get("x-preview"), []
    HERE.set((preview, trails))
    response = await call_next(request)
    if preview:
        mine = "promoted" if ROLE == "active" else "preview"
        hops = [f"{SERVICE};served={mine if preview.lower() in SERVES else OTHERWISE}"]
        called = [hop for trail in trails for hop in HOP.findall(trail)]
        hops += [f"{name};d={int(depth or 0) + 1}{rest}" for name, depth, rest in called if rest]
        whole = len(hops) > len(called)
        while len(hops) > 64 or len(", ".join(hops)) > 2000:
            hops, whole = hops[:-1], False
        response.headers["x-preview-trail"] = ", ".join(hops if whole else [*hops, "truncated"])
        response.headers["cache-control"] = "private, no-store"
    return response
