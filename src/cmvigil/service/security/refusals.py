"""What was refused to somebody who is logged in is written into the audit log: it may be an attempt."""

from __future__ import annotations

from fastapi import Request
from sqlalchemy.orm import Session

from ..store import audit
from ..store.tables import Draft, Patient
from .forgery import ForgeryError
from .who import ForbiddenError, Who


def note(request: Request, error: Exception) -> None:
    """Write down a forbidden or forged request, or one for what is another's. What does not exist is no sign."""
    visit = getattr(request.state, "visit", None)
    who: Who | None = visit.who if visit is not None else None
    if who is None:
        return
    route = getattr(request.scope.get("route"), "path", "")
    parts = request.app.state.services
    with parts.database.reading() as session:
        why, entity = _why(session, error)
    if not why:
        return
    with parts.database.writing() as session:
        audit.append(
            session,
            organisation=who.organisation,
            actor=who.actor,
            action="access.refused",
            entity=entity,
            at=parts.now(),
            why=why,
            route=f"{request.method} {route}",
        )


def _why(session: Session, error: Exception) -> tuple[str, str]:
    if isinstance(error, ForbiddenError):
        return f"role: {error}", ""
    if isinstance(error, ForgeryError):
        return "forged form", ""
    asked = str(error)
    for table, name in ((Patient, "patient"), (Draft, "draft")):
        if session.get(table, asked) is not None:
            return "not theirs", f"{name}/{asked}"
    return "", ""
