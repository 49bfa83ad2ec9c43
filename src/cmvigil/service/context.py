"""What every request can reach: settings, database, desk, clock; and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Depends, Request

from .desk import Desk
from .security.limits import Strangers
from .security.oidc import Issuer
from .security.sessions import Visit
from .security.who import Who
from .settings import Settings
from .store.database import Database


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    """The parts of a running server. ``clock`` tells the time in UTC; tests give another.

    ``issuer`` knows a site's users; without one there is the one local user. ``strangers`` bounds what others have
    written down.
    """

    settings: Settings
    database: Database
    desk: Desk
    clock: Callable[[], datetime] = field(default=_now)
    issuer: Issuer | None = None
    strangers: Strangers = field(default_factory=Strangers)

    def now(self) -> datetime:
        """The time, in UTC."""
        return self.clock()

    def today(self) -> date:
        """The local calendar day: records bear local dates."""
        return self.clock().astimezone().date()


def services(request: Request) -> Services:
    """The parts of this server."""
    found: Services = request.app.state.services
    return found


def visit(request: Request) -> Visit:
    """The browser session of this request; the session middleware has put it there."""
    found: Visit = request.state.visit
    return found


def who(request: Request) -> Who:
    """Who asks. Raises NotLoggedInError where nobody is logged in."""
    return visit(request).must_be_somebody()


Parts = Annotated[Services, Depends(services)]
Asking = Annotated[Who, Depends(who)]
Visiting = Annotated[Visit, Depends(visit)]
