"""What a browser's session holds of launches: those under way, and the records that were opened. Sealed by its cookie.

Two windows of one browser may show two patients: each opened record has a key of its own, which stands in its address.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from secrets import token_urlsafe
from typing import Any

from ..context import Services
from ..security import sessions
from ..security.sessions import Visit
from ..store.tables import LoginSession
from .oauth import Server, Token

_PENDING, _OPEN = 8, 6
"""Launches under way and opened records that are kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A launch under way: where it went, and what its answer must fit."""

    fhir: str
    server: Server
    redirect: str
    verifier: str
    nonce: str
    begun: str

    @classmethod
    def begin(cls, fhir: str, server: Server, redirect: str, now: datetime) -> Pending:
        """A launch that starts now, with secrets of its own."""
        return cls(fhir, server, redirect, token_urlsafe(48), token_urlsafe(24), now.isoformat())

    def late(self, now: datetime) -> bool:
        """Whether it took too long."""
        return now - datetime.fromisoformat(self.begun) > sessions.BEGUN


@dataclass(frozen=True, slots=True)
class Grant:
    """A record that was opened: whose, where, and the token for it.

    ``read``: when it was last fetched; ``asked``: how often somebody wanted it fetched anew.
    """

    fhir: str
    server: Server
    patient: str
    access: str
    refresh: str | None
    banner: bool
    read: str = ""
    asked: int = 0

    @classmethod
    def of(cls, pending: Pending, token: Token, patient: str) -> Grant:
        """What a token gave."""
        return cls(pending.fhir, pending.server, patient, token.access, token.refresh, token.banner)


@dataclass(slots=True)
class Kept:
    """The part of a session that is ours."""

    pending: dict[str, Pending] = field(default_factory=dict)
    opened: dict[str, Grant] = field(default_factory=dict)

    @classmethod
    def of(cls, visit: Visit) -> Kept:
        """What a session holds."""
        data: dict[str, Any] = visit.data.get("smart", {})
        return cls(
            {key: Pending(**{**each, "server": Server(**each["server"])}) for key, each in _part(data, "pending")},
            {key: Grant(**{**each, "server": Server(**each["server"])}) for key, each in _part(data, "opened")},
        )

    def put(self, visit: Visit) -> None:
        """Put it back into the session, the oldest left out."""
        visit.data["smart"] = {
            "pending": {key: asdict(each) for key, each in list(self.pending.items())[-_PENDING:]},
            "opened": {key: asdict(each) for key, each in list(self.opened.items())[-_OPEN:]},
        }


@contextmanager
def changing(parts: Services, visit: Visit) -> Iterator[Kept]:
    """Change what the session holds. Requests of the same browser wait for one another, so nothing is used twice."""
    with parts.database.writing() as session:
        session.get(LoginSession, visit.id, with_for_update=True)
        found = sessions.resume(session, visit.token, parts.now())
        if found is None and visit.kept:  # it has ended meanwhile: it holds nothing, and does not come back to life
            yield Kept()
            return
        if found is not None:
            visit.data = found.data
        kept = Kept.of(visit)
        yield kept
        kept.put(visit)
        sessions.keep(session, visit, parts.now(), parts.settings.session_hours)


def _part(data: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    return list(data.get(name, {}).items())
