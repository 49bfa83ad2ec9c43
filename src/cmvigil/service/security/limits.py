"""Limits of a request: how large it may be, how many a client may send."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from threading import Lock
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


class Rate:
    """So much a minute of each client, and a burst ahead of it. The longest unseen of 10,000 clients is forgotten."""

    def __init__(self, per_minute: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self.per_second, self.burst, self.clock = per_minute / 60, burst, clock
        self.left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> tokens, when

    def take(self, client: str) -> bool:
        """Whether one more of this client is within the rate; it counts."""
        now = self.clock()
        tokens, then = self.left.pop(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * self.per_second)
        self.left[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self.left) > _CLIENTS:
            self.left.popitem(last=False)
        return tokens >= 1


class RateLimit:
    """Refuses with 429 what one client sends above a rate; a burst of a tenth of a minute's worth passes.

    A client is its address, in IPv6 its network of 64 bits. Behind a proxy it is what a trusted proxy tells. The rate
    is that of all workers together: each grants its part.
    """

    def __init__(self, app: ASGIApp, *, per_minute: int, workers: int = 1) -> None:
        self.app = app
        part = per_minute / workers
        self.rate = Rate(part, max(10.0, part / 10))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that is within the rate."""
        if scope["type"] == "http" and not self.rate.take(client_of(scope)):
            wait = str(max(1, round(1 / self.rate.per_second)))
            answer = PlainTextResponse("Too many requests; wait a moment.\n", 429, {"retry-after": wait})
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)


class Strangers:
    """How much strangers may write into the audit log, by logins and launches that are refused.

    Of one address :attr:`EACH` lines an hour, of all together :attr:`ALL`; several workers share these. What is left
    out is counted. Safe to share between threads.
    """

    EACH, ALL = 10, 200

    def __init__(self, workers: int = 1, clock: Callable[[], float] = monotonic) -> None:
        each, everybody = self.EACH / workers, self.ALL / workers
        self._each = Rate(each / 60, max(1.0, each), clock)
        self._all = Rate(everybody / 60, max(1.0, everybody), clock)
        self._left_out, self._lock = 0, Lock()

    def take(self, client: str) -> int | None:
        """Whether a line may be written now: then how many were left out before it; else None."""
        with self._lock:
            if not (self._each.take(client) and self._all.take("")):
                self._left_out += 1
                return None
            before, self._left_out = self._left_out, 0
            return before


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
