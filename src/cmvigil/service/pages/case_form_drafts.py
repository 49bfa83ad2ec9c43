"""Drafts of the case form: kept as they are typed, and never written over unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ..security.who import Who
from ..store import audit, patients
from ..store.tables import Draft


class ChangedError(RuntimeError):
    """The draft was changed elsewhere since it was seen here. ``at`` is when."""

    def __init__(self, at: datetime) -> None:
        super().__init__("the draft was changed elsewhere")
        self.at = at


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft. ``number`` counts its changes: who writes must have seen the last one.

    ``base``: the hash of the record that it began from, where it edits one.
    """

    id: str
    number: int
    fields: Mapping[str, str]
    saved: datetime
    patient: str | None
    base: str

    @property
    def label(self) -> str:
        """What the patient is called in it."""
        return self.fields.get("frame.patient", "")


def keep(
    session: Session,
    who: Who,
    fields: Mapping[str, str],
    now: datetime,
    *,
    draft: str | None = None,
    seen: int = 0,
    patient: str | None = None,
    base: str = "",
) -> Kept:
    """Keep a form as it stands, as a new draft or in the place of the one that was ``seen``.

    Raises ChangedError where another has been kept since, and NotFoundError for a draft of somebody else or a patient
    of another organisation.
    """
    number = 1
    if draft is None:
        if patient is not None:
            patients.find(session, who, patient)
    else:
        found = patients.find_draft(session, who, draft)
        session.refresh(found, with_for_update=True)  # of two writers the second waits, and sees the first
        number = _number(found) + 1
        if number != seen + 1:
            raise ChangedError(found.saved)
    kept = patients.save_draft(session, who, {"fields": dict(fields), "number": number, "base": base}, now, draft)
    if draft is None:
        kept.patient_id = patient
        _note(session, who, "draft.create", kept.id, now)
    return _kept(kept)


def find(session: Session, who: Who, draft: str, now: datetime) -> Kept:
    """A draft of one's own, to go on with. Raises NotFoundError."""
    found = patients.find_draft(session, who, draft)
    _note(session, who, "draft.read", draft, now)
    return _kept(found)


def listed(session: Session, who: Who) -> list[Kept]:
    """One's own drafts, newest first."""
    return [_kept(each) for each in patients.drafts(session, who)]


def drop(session: Session, who: Who, draft: str, now: datetime) -> None:
    """Throw a draft of one's own away. Raises NotFoundError."""
    patients.drop_draft(session, who, draft)
    _note(session, who, "draft.drop", draft, now)


def _kept(draft: Draft) -> Kept:
    return Kept(draft.id, _number(draft), draft.content["fields"], draft.saved, draft.patient_id, draft.content["base"])


def _number(draft: Draft) -> int:
    return int(draft.content["number"])


def _note(session: Session, who: Who, action: str, draft: str, now: datetime) -> None:
    audit.append(
        session, organisation=who.organisation, actor=who.actor, action=action, entity=f"draft/{draft}", at=now
    )
