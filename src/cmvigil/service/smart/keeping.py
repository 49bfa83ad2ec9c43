"""A record that was read from a FHIR server becomes a patient of ours, or a new version of one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from ..security.who import Who
from ..store import patients
from ..store.patients import File
from .chart import Chart

NAME = "record.json"
Outcome = Literal["new", "changed", "as before", "beside", "removed"]


def external(fhir: str, patient: str) -> str:
    """What we call a FHIR server's patient."""
    return f"{fhir}|Patient/{patient}"


def keep(session: Session, who: Who, fhir: str, chart: Chart, origin: str, now: datetime) -> tuple[str, Outcome]:
    """Keep a record. Gives our patient's id and what became of it; what is as before makes no version.

    Beside a record that was written here it is kept and not in force, until somebody chooses. Of a patient who was
    deleted here nothing is kept, and there is no id.
    """
    file = File(NAME, chart.bundle())
    name = external(fhir, chart.patient)
    patients.lock(session, who, name)  # two launches at once are one patient
    if patients.removed(session, who, name):
        return "", "removed"
    known = patients.by_external(session, who, name)
    if known is None:
        made = patients.add(session, who, label=chart.name, record=file, origin=origin, now=now, external=name)
        return made.id, "new"
    documents = patients.versions(session, who, known.id)
    last = patients.fetched(documents)
    if last is not None and last.sha256 == file.sha256:
        return known.id, "as before"
    if patients.in_force(documents).fetched:
        patients.attach(session, who, known.id, file, kind="record", now=now, fetched=True, label=chart.name)
        return known.id, "changed"
    patients.attach(session, who, known.id, file, kind="source", now=now, fetched=True)
    return known.id, "beside"
