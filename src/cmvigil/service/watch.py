"""Watches each request: gives it a number, times it, logs one line, counts it, and answers where the rest failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import LOG, where
from .metrics import REQUESTS, RUNNING, SECONDS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Watch:
    """``failed`` makes the answer to a request that ended in a defect of ours."""

    def __init__(self, app: ASGIApp, *, failed: Callable[[Request, Exception], Awaitable[Response]]) -> None:
        self.app, self.failed = app, failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. The line names the route, not the address: that could hold a name."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        number, begun, status = uuid4().hex, perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = number
            await send(message)

        RUNNING.inc()
        with structlog.contextvars.bound_contextvars(request=number):
            try:
                await self.app(scope, receive, noted)
            except Exception as error:
                LOG.error("failed", error=where(error), route=_route(scope))
                if status == 0:
                    answer = await self.failed(Request(scope, receive), error)
                    await answer(scope, receive, noted)
            finally:
                RUNNING.dec()
                seconds, route, method = perf_counter() - begun, _route(scope), scope["method"]
                method = method if method in _METHODS else "other"
                REQUESTS.labels(method, route, str(status)).inc()
                SECONDS.labels(route).observe(seconds)
                LOG.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "other")
