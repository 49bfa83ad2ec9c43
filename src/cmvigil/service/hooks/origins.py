"""Which pages of other origins may call CDS Hooks from a browser (CORS); all other paths answer no other origin."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from ..settings import Settings

PATH = "/cds-services"
_LOOPBACK = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


class Origins:
    """Lets the origins of the settings in, and for trials every page served from this machine."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self.shared = CORSMiddleware(
            app,
            allow_origins=settings.hooks_origins,
            allow_origin_regex=_LOOPBACK if settings.hooks_open else None,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; the CORS headers stand on answers of the hooks alone."""
        hooks = scope["type"] == "http" and (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/"))
        await (self.shared if hooks else self.app)(scope, receive, send)
