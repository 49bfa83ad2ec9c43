"""The audit log: who did what to whose data, each line bound to the one before it by a hash.

Whoever can write to the database could still rewrite the whole chain; so its newest hash is told to the log as it
grows, and ``cmvigil audit verify --head`` compares with a hash that was noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import orjson
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from ..logs import LOG
from .tables import AuditEntry

START = "0" * 64
_NEWEST = "newest audit line"
_LOCK = 7_230_420
"""The advisory lock under which PostgreSQL appends; SQLite has one writer anyway."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first line at which the chain does not hold."""

    number: int
    why: str


def append(
    session: Session, *, organisation: str, actor: str, action: str, entity: str = "", at: datetime, **detail: object
) -> AuditEntry:
    """Append a line in the transaction of what it tells. ``detail``: ids, counts and rules, nothing a record says."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    last = session.execute(
        select(AuditEntry.number, AuditEntry.hash).order_by(AuditEntry.number.desc()).limit(1)
    ).first()
    entry = AuditEntry(
        number=last.number + 1 if last else 1,
        at=at.astimezone(UTC).replace(microsecond=0),
        organisation_id=organisation,
        actor=actor,
        action=action,
        entity=entity,
        detail=orjson.dumps(detail, option=orjson.OPT_SORT_KEYS).decode(),
        previous=last.hash if last else START,
        hash="",
    )
    entry.hash = digest(entry)
    session.add(entry)
    session.flush()
    if _NEWEST not in session.info:
        event.listen(session, "after_commit", _tell, once=True)
    session.info[_NEWEST] = entry.number, entry.hash
    return entry


def _tell(session: Session) -> None:
    """To the log, once it is on disk: a chain that is rewritten later does not lead to the hashes noted there."""
    number, newest = session.info.pop(_NEWEST)
    LOG.info("audit", number=number, hash=newest)


def digest(entry: AuditEntry) -> str:
    """The hash of a line and the one before it."""
    fields = [
        entry.number,
        entry.at.astimezone(UTC).isoformat(),
        entry.organisation_id,
        entry.actor,
        entry.action,
        entry.entity,
        entry.detail,
        entry.previous,
    ]
    return sha256(orjson.dumps(fields)).hexdigest()


def verify(entries: Iterable[AuditEntry], noted: Mapping[int, str] | None = None) -> Broken | None:
    """The first line, in order, that was changed, taken out or put in; None where the chain holds.

    ``noted``: numbers and hashes that were written down elsewhere, and must be met again. Only they tell that the end
    of the chain was cut off, or that all of it was written anew.
    """
    missing = dict(noted or {})
    expected, previous = 1, START
    for entry in entries:
        if entry.number != expected:
            return Broken(expected, f"it is missing; the next is {entry.number}")
        if entry.previous != previous:
            return Broken(entry.number, "it does not follow the line before it")
        if digest(entry) != entry.hash:
            return Broken(entry.number, "it was changed")
        if missing.pop(entry.number, entry.hash) != entry.hash:
            return Broken(entry.number, "it is not the one that was noted")
        expected, previous = entry.number + 1, entry.hash
    return Broken(min(missing), "it was noted and is missing") if missing else None


def head(session: Session) -> tuple[int, str]:
    """How many lines there are, and the newest hash."""
    last = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc()).limit(1)).first()
    return (last.number, last.hash) if last else (0, START)


def entries(session: Session, since: datetime | None = None) -> Iterable[AuditEntry]:
    """Lines in order, a thousand at a time; all, or those from a time on."""
    wanted = select(AuditEntry).order_by(AuditEntry.number).execution_options(yield_per=1000)
    if since is not None:
        wanted = wanted.where(AuditEntry.at >= since)
    return session.scalars(wanted)


def page(session: Session, organisation: str, before: int | None, size: int) -> Sequence[AuditEntry]:
    """The newest lines of an organisation, and those that are of none; ``before``: older than this one."""
    wanted = select(AuditEntry).where(AuditEntry.organisation_id.in_((organisation, "")))
    if before is not None:
        wanted = wanted.where(AuditEntry.number < before)
    return session.scalars(wanted.order_by(AuditEntry.number.desc()).limit(size)).all()
