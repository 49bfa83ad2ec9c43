"""The worklist: the lines of each patient as last computed, and what people did with them, which is only added to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ...assess.attention import Line
from ..security.who import Who
from . import audit, patients
from .tables import Attention, Patient, WorklistAction

Deed = Literal["acknowledge", "snooze", "assign", "reopen"]
State = Literal["open", "acknowledged", "snoozed"]
BACK_AFTER = {1: 1, 2: 3, 3: 7, 4: 30}
"""Days after which a line that was seen comes back, by urgency, while it is still so: seen is not done."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A line as it stands: what it says, whether somebody has answered it, and whose it is."""

    line: Attention
    label: str  # the patient's
    state: State = "open"
    until: date | None = None
    reason: str = ""
    assignee: str = ""


def replace(
    session: Session,
    patient: Patient,
    lines: Iterable[Line],
    *,
    as_of: date,
    knowledge: str,
    watched: str,
    now: datetime,
) -> None:
    """Put a patient's lines in place of the older ones. What was done with a line stays, by what it is about."""
    session.execute(delete(Attention).where(Attention.patient_id == patient.id))
    found = {line.about: line for line in lines}
    session.add_all(
        Attention(
            id=str(uuid4()),
            organisation_id=patient.organisation_id,
            patient_id=patient.id,
            about=line.about,
            kind=line.kind,
            label=line.label,
            urgency=line.urgency,
            position=position,
            reason=line.reason,
            due=date.fromisoformat(line.due) if line.due else None,
            rule=line.rule,
            as_of=as_of,
            knowledge=knowledge,
            computed=now,
        )
        for position, line in enumerate(found.values())
    )
    patient.watched, patient.tries, patient.retry = watched, 0, None


def standing(session: Session, who: Who, today: date) -> Sequence[Standing]:
    """All lines of the organisation, the most urgent first, each as it stands today."""
    lines = session.execute(
        select(Attention, Patient.label)
        .join(Patient, Patient.id == Attention.patient_id)
        .where(Attention.organisation_id == who.organisation)
        .order_by(Patient.label, Patient.id, Attention.position)
    ).all()
    deeds: dict[tuple[str, str], list[WorklistAction]] = {}
    wanted = select(WorklistAction).where(WorklistAction.organisation_id == who.organisation)
    for deed in session.scalars(wanted.order_by(WorklistAction.number)):
        deeds.setdefault((deed.patient_id, deed.about), []).append(deed)
    return [_stands(line, label, deeds.get((line.patient_id, line.about), ()), today) for line, label in lines]


def act(
    session: Session,
    who: Who,
    patient_id: str,
    about: str,
    deed: Deed,
    *,
    now: datetime,
    reason: str = "",
    until: date | None = None,
    assignee: str = "",
) -> None:
    """Write down what somebody did with a line. Raises :class:`~.patients.NotFoundError`."""
    patients.find(session, who, patient_id)
    wanted = select(Attention).where(Attention.patient_id == patient_id, Attention.about == about)
    line = session.scalars(wanted).first()
    if line is None:
        raise patients.NotFoundError(about)
    audit.append(
        session,
        organisation=who.organisation,
        actor=who.actor,
        action=f"worklist.{deed}",
        entity=f"patient/{patient_id}",
        at=now,
        rule=line.rule,
        until=until.isoformat() if until else "",
    )
    # Numbered after the line in the audit log, which one at a time may write.
    done = select(func.max(WorklistAction.number)).where(WorklistAction.patient_id == patient_id)
    session.add(
        WorklistAction(
            id=str(uuid4()),
            number=(session.scalar(done) or 0) + 1,
            organisation_id=who.organisation,
            patient_id=patient_id,
            about=about,
            kind=deed,
            reason=reason[:400],
            until=until,
            assignee=assignee[:200] or None,
            author=who.id,
            at=now,
        )
    )


def history(session: Session, who: Who, patient_id: str) -> Sequence[WorklistAction]:
    """What was done with a patient's lines, newest first. Raises :class:`~.patients.NotFoundError`."""
    patients.find(session, who, patient_id)
    wanted = select(WorklistAction).where(WorklistAction.patient_id == patient_id)
    return session.scalars(wanted.order_by(WorklistAction.number.desc())).all()


def unwatched(session: Session, made_from: str, who: Who | None = None) -> Sequence[Patient]:
    """Patients whose lines were not made from the day and knowledge of now, those that failed last.

    ``who`` narrows to an organisation.
    """
    wanted = (
        select(Patient)
        .where(~Patient.watched.startswith(made_from, autoescape=True))
        .order_by(Patient.tries, Patient.id)
    )
    if who is not None:
        wanted = wanted.where(Patient.organisation_id == who.organisation)
    return session.scalars(wanted).all()


def _stands(line: Attention, label: str, deeds: Iterable[WorklistAction], today: date) -> Standing:
    state: State = "open"
    until: date | None = None
    reason = assignee = ""
    for deed in deeds:
        if deed.kind == "assign":
            assignee = deed.assignee or ""
        else:
            until, reason = deed.until, deed.reason
            state = {"acknowledge": "acknowledged", "snooze": "snoozed"}.get(deed.kind, "open")  # type: ignore[assignment]
        if deed.kind == "acknowledge":
            until = deed.at.astimezone().date() + timedelta(days=BACK_AFTER[line.urgency])
    if until is not None and until <= today:
        state = "open"
    return Standing(line, label, state, until, reason, assignee)
