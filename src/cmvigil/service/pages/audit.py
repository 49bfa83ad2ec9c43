"""The audit log, for administrators: who did what, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from ..context import Asking, Parts
from ..security.who import LOCAL
from ..store import audit
from ..store.tables import AuditEntry, User
from .layout import show

router = APIRouter(include_in_schema=False)
_SIZE = 100
_WORDS = {
    "access.refused": "Refused",
    "backup.create": "Backed all data up",
    "backup.restore": "Restored a backup",
    "draft.drop": "Threw a draft away",
    "draft.expire": "A draft was kept long enough and thrown away",
    "hooks.call": "A call of CDS Hooks",
    "hooks.feedback": "Feedback to cards",
    "launch": "Launched from a record",
    "launch.refused": "Launch refused",
    "launch.read": "Read a record of a launch",
    "login": "Logged in",
    "login.refused": "Login refused",
    "logout": "Logged out",
    "patient.create": "Added a patient",
    "patient.delete": "Deleted a patient",
    "patient.read": "Opened a patient",
    "patient.readmit": "Let a deleted patient be read again",
    "record.keep": "Kept a record beside newer data at the source",
    "record.write": "Wrote a record",
    "sequence.write": "Added a sequence",
    "source.write": "Kept newer data of the source beside a record",
    "sync": "Read from a FHIR server",
    "worklist.acknowledge": "Acknowledged a line",
    "worklist.assign": "Assigned a line",
    "worklist.read": "Looked at the worklist",
    "worklist.reopen": "Reopened a line",
    "worklist.snooze": "Snoozed a line",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is shown."""

    number: int
    at: str
    who: str
    deed: str
    entity: str
    detail: dict[str, Any]


@router.get("/audit")
def audit_page(
    request: Request, parts: Parts, who: Asking, before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> HTMLResponse:
    """A page of the organisation's lines. It names patients by their ids: an administrator sees no record."""
    who.must("audit")
    with parts.database.reading() as session:
        found = audit.page(session, who.organisation, before, _SIZE + 1)
        wanted = select(User.id, User.name).where(User.id.in_({entry.actor for entry in found}))
        names = {LOCAL.id: LOCAL.name} | {row.id: row.name for row in session.execute(wanted)}
    older = found[_SIZE - 1].number if len(found) > _SIZE else None
    lines = [_line(entry, names) for entry in found[:_SIZE]]
    return show(request, "audit.html.jinja", lines=lines, older=older, first=before is None)


def _line(entry: AuditEntry, names: dict[str, str]) -> Line:
    at = entry.at.strftime("%Y-%m-%d %H:%M:%S")
    name = names.get(entry.actor, entry.actor or "nobody")
    detail = {key: value for key, value in orjson.loads(entry.detail).items() if key != "sha256"}
    return Line(entry.number, at, name, _WORDS.get(entry.action, entry.action), entry.entity, detail)
