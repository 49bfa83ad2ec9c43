"""A record that was read from a FHIR server becomes a patient of ours, or a new version of one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from ..security.who import Who
from ..store import patients
from ..store.patients import File
from .chart import Chart

NAME = "record.json"
Outcome = Literal["new", "changed", "as before"]


def external(fhir: str, patient: str) -> str:
    """What we call a FHIR server's patient."""
    return f"{fhir}|Patient/{patient}"


def keep(session: Session, who: Who, fhir: str, chart: Chart, origin: str, now: datetime) -> tuple[str, Outcome]:
    """Keep a record. Gives our patient's id and what became of it; what is as before makes no version."""
    file = File(NAME, chart.bundle())
    name = external(fhir, chart.patient)
    if session.get_bind().dialect.name == "postgresql":  # two launches at once are one patient; SQLite has one writer
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        session.execute(lock, {"name": f"{who.organisation} {name}"})
    known = patients.by_external(session, who, name)
    if known is None:
        made = patients.add(session, who, label=chart.name, record=file, origin=origin, now=now, external=name)
        return made.id, "new"
    before = patients.chart(session, who, known.id).record.sha256
    patients.attach(session, who, known.id, file, kind="record", now=now)
    known.label = chart.name[:200]
    return known.id, "as before" if before == file.sha256 else "changed"
