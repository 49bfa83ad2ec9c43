"""Puts the browser session on each request for a page, and the cookie of a new one on the answer."""

from __future__ import annotations

from datetime import timedelta

from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..context import Services
from . import sessions
from .forgery import SAFE
from .limits import client_of
from .who import LOCAL

_WITHOUT = ("/static/", "/cds-services", "/healthz", "/readyz", "/metrics", "/openapi.json", "/.well-known/")
"""What is asked for without a browser session."""
ENTERED = "entered"
"""In the data of a session whose browser has brought the start key."""


class Sessions:
    """The session middleware. In single-user mode everybody on loopback is the one user, unless a key is asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with ``request.state.visit``. Who is not logged in sends nothing: it is not even read."""
        if scope["type"] != "http" or scope["path"].startswith(_WITHOUT):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        services: Services = scope["app"].state.services
        name = cookie_name(services)
        brought = request.cookies.get(name)
        visit = await to_thread.run_sync(_find, services, brought)
        visit.origin = client_of(scope)
        request.state.visit = visit

        async def with_cookie(message: Message) -> None:
            current: sessions.Visit = request.state.visit
            if message["type"] == "http.response.start" and current.token != brought:
                if current.kept:
                    MutableHeaders(scope=message).append("set-cookie", _cookie(services, name, current.token))
                elif brought is not None:
                    MutableHeaders(scope=message).append("set-cookie", _cookie(services, name, ""))
            await send(message)

        reads = receive if visit.who is not None or request.method in SAFE else _refuse
        await self.app(scope, reads, with_cookie)


def cookie_name(services: Services) -> str:
    """The name of the cookie; the prefix makes browsers hold it to this host and to https."""
    return "__Host-cmvigil" if services.settings.secure else "cmvigil"


def _find(services: Services, token: str | None) -> sessions.Visit:
    settings, now = services.settings, services.now()
    single = settings.mode == "single-user"
    if token is not None:
        idle = None if single else timedelta(minutes=settings.idle_minutes)
        with services.database.reading() as session:
            found = sessions.resume(session, token, now, idle=idle)
        if found is not None:
            if single and (settings.start_key is None or ENTERED in found.data):
                found.who = LOCAL
            if found.seen is not None and now - found.seen >= sessions.TOUCH:
                with services.database.writing() as session:
                    sessions.touch(session, found, now)
            return found
    if not single or settings.start_key is not None:
        return sessions.begin()
    visit = sessions.begin(LOCAL)
    with services.database.writing() as session:
        sessions.keep(session, visit, now, settings.session_hours)
    return visit


async def _refuse() -> Message:
    raise HTTPException(401, "Not logged in")


def _cookie(services: Services, name: str, token: str) -> str:
    settings = services.settings
    framed = bool(settings.frame_ancestors) and settings.secure
    # A launch comes back from the other server's page: Strict would leave the session behind there.
    same_site = "None; Partitioned" if framed else "Lax"
    age = settings.session_hours * 3600 if token else 0
    secure = "; Secure" if settings.secure else ""
    return f"{name}={token}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={age}{secure}"
