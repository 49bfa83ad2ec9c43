"""The host names under which we answer; on loopback its own: a foreign page cannot reach us by renaming itself."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST = re.compile(r"(?:([a-z0-9.-]+)|\[([0-9a-f:.]+)\])(?::[0-9]{1,5})?", re.IGNORECASE)


class Hosts:
    """Refuses a request for another host with 421; without a login, also one that came in by the network, with 403."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self.single_user = settings.mode == "single-user"
        named = urlsplit(settings.base_url).hostname
        self.hosts = LOOPBACK | ({named} if named else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request for us."""
        if scope["type"] in ("http", "websocket"):
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or _name(hosts[0]) not in self.hosts:
                await PlainTextResponse("This host is not served here.\n", 421)(scope, receive, send)
                return
            if self.single_user and not is_loopback((scope.get("server") or ("",))[0]):
                await PlainTextResponse("Without a login only this machine is served.\n", 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_loopback(address: str | None) -> bool:
    """Whether an address is this machine's own."""
    if address in LOOPBACK:
        return True
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def _name(host: str) -> str | None:
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else None
