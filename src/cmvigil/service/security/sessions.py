"""Browser sessions. The cookie is a random token; the database holds its hash and data that only the token opens.

So whoever reads the database can neither take over a session nor read the tokens of a FHIR server that lie in it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_bytes, token_urlsafe
from typing import Any

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..store.tables import LoginSession, User
from .who import Who

TOUCH = timedelta(minutes=1)
"""How exactly the last request of a session is known: not every request writes."""
BEGUN = timedelta(minutes=10)
"""How long a login or a launch may take: until somebody is logged in, a session lives no longer."""
BEGUN_AT_ONCE = 1000
"""So many sessions in which nobody is logged in are kept of one address; the oldest go first."""


class NotLoggedInError(PermissionError):
    """Nobody is logged in, or no longer."""


@dataclass
class Visit:
    """One browser's session as a request sees it. ``data`` is sealed into the database by :func:`keep`.

    ``kept``: it is in the database; only then does the browser get its cookie. ``seen``: when it was last noted there.
    ``origin``: the address that it comes from.
    """

    token: str
    who: Who | None = None
    data: dict[str, Any] = field(default_factory=dict)
    kept: bool = False
    seen: datetime | None = None
    origin: str = ""

    @property
    def id(self) -> str:
        """What the database calls it."""
        return sha256(self.token.encode()).hexdigest()

    @property
    def csrf(self) -> str:
        """What a form must bring along: another text each time, so that the size of a packed page betrays nothing."""
        pad = token_bytes(32)
        return (pad + _mixed(pad, self._form_secret)).hex()

    def gave(self, text: str) -> bool:
        """Whether this is a text that :attr:`csrf` gave out."""
        try:
            given = bytes.fromhex(text)
        except ValueError:
            return False
        return len(given) == 64 and hmac.compare_digest(_mixed(given[:32], given[32:]), self._form_secret)

    @property
    def _form_secret(self) -> bytes:
        return hmac.new(self.token.encode(), b"form", sha256).digest()

    def must_be_somebody(self) -> Who:
        """Who is logged in. Raises :class:`NotLoggedInError`."""
        if self.who is None:
            raise NotLoggedInError
        return self.who


def begin(who: Who | None = None) -> Visit:
    """A new session, not yet kept."""
    return Visit(token_urlsafe(32), who)


def keep(session: Session, visit: Visit, now: datetime, hours: int, user_id: str | None = None) -> None:
    """Write a session, or its changed data. One in which nobody is logged in is kept for a login or a launch alone."""
    found = session.get(LoginSession, visit.id)
    if found is None:
        session.execute(delete(LoginSession).where(LoginSession.expires <= now))
        found = LoginSession(id=visit.id, user_id=user_id, expires=now + timedelta(hours=hours), seen=now, sealed="")
        session.add(found)
        if visit.who is None and user_id is None:
            found.origin, found.expires = visit.origin[:64], now + BEGUN
            session.flush()
            _make_room(session, found.origin)
    found.sealed = _seal(visit)
    visit.kept, visit.seen = True, now


def _make_room(session: Session, origin: str) -> None:
    begun = select(LoginSession.id).where(LoginSession.origin == origin).order_by(LoginSession.expires.desc())
    # Another worker may be at the same rows: each takes those that it can have, and nobody waits.
    older = begun.offset(BEGUN_AT_ONCE).with_for_update(skip_locked=True)
    session.execute(delete(LoginSession).where(LoginSession.id.in_(older)))


def resume(
    session: Session, token: str, now: datetime, local: Who | None = None, *, idle: timedelta | None = None
) -> Visit | None:
    """The session of a cookie; None where there is none, its time is over, or nothing came for longer than ``idle``.

    ``local`` is who needs no login.
    """
    visit = Visit(token, local, kept=True)
    found = session.get(LoginSession, visit.id)
    if found is None or found.expires <= now or (idle is not None and found.seen + idle <= now):
        return None
    user = session.get(User, found.user_id) if found.user_id else None
    if user is not None:
        visit.who = Who(user.id, user.name, user.organisation_id, frozenset(user.roles))
    visit.data, visit.seen = _open(visit, found.sealed), found.seen
    return visit


def lock(session: Session, visit: Visit, now: datetime) -> None:
    """Read anew what a session holds; until this transaction ends, no other request of the browser changes it."""
    session.get(LoginSession, visit.id, with_for_update=True)
    found = resume(session, visit.token, now)
    visit.data = found.data if found is not None else {}


def touch(session: Session, visit: Visit, now: datetime) -> None:
    """Note that the session is in use."""
    found = session.get(LoginSession, visit.id)
    if found is not None:
        found.seen = now


def end(session: Session, visit: Visit) -> None:
    """Forget a session."""
    session.execute(delete(LoginSession).where(LoginSession.id == visit.id))


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _key(visit: Visit) -> OctKey:
    return OctKey.import_key(hmac.new(visit.token.encode(), b"seal", sha256).digest())


def _seal(visit: Visit) -> str:
    header = {"alg": "dir", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, orjson.dumps(visit.data), _key(visit)) if visit.data else ""


def _open(visit: Visit, sealed: str) -> dict[str, Any]:
    if not sealed:
        return {}
    try:
        plain = jwe.decrypt_compact(sealed, _key(visit)).plaintext
    except JoseError:
        return {}  # sealed by another token: nothing in it is ours
    data: dict[str, Any] = orjson.loads(plain or b"{}")
    return data
