"""Limits of a request: how large it may be, how many a client may send."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLIENTS = 10_000


class BodyLimit:
    """Refuses a body above a limit with 413, as declared or as it arrives, and a packed one with 415: its size is open.

    ``larger``: paths with another limit.
    """

    def __init__(self, app: ASGIApp, *, limit: int, larger: Callable[[str], int | None]) -> None:
        self.app, self.limit, self.larger = app, limit, larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request of a size that may be."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.larger(scope["path"]) or self.limit
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity") != b"identity":
            await PlainTextResponse("Send the content unpacked.\n", 415)(scope, receive, send)
            return
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            await PlainTextResponse(_too_large(limit) + "\n", 413)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413, _too_large(limit))
            return message

        await self.app(scope, counted, send)


class RateLimit:
    """Refuses with 429 what one client sends above a rate; a burst of a tenth of a minute's worth passes.

    A client is its address, in IPv6 its network of 64 bits. Behind a proxy it is what a trusted proxy tells.
    """

    def __init__(self, app: ASGIApp, *, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self.app, self.clock = app, clock
        self.rate, self.burst = per_minute / 60, max(10.0, per_minute / 10)
        self.left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> tokens, when

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that is within the rate."""
        if scope["type"] == "http" and not self.take(client_of(scope)):
            wait = str(max(1, round(1 / self.rate)))
            answer = PlainTextResponse("Too many requests; wait a moment.\n", 429, {"retry-after": wait})
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def take(self, client: str) -> bool:
        """Whether one more request of this client is within the rate; it counts."""
        now = self.clock()
        tokens, then = self.left.pop(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        self.left[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self.left) > _CLIENTS:
            self.left.popitem(last=False)
        return tokens >= 1


def client_of(scope: Mapping[str, Any]) -> str:
    """Whose rate a request counts for."""
    address = (scope.get("client") or ("",))[0]
    try:
        found = ip_address(address)
    except ValueError:
        return str(address)
    return str(int(found) >> 64) if isinstance(found, IPv6Address) else address


def _too_large(limit: int) -> str:
    return f"The request is larger than {limit} bytes."
