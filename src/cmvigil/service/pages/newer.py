"""Newer data at the source beside a record that was written here: what differs, and which of the two is in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from ...record.errors import IntakeError
from ...record.tables import Range, Record
from ...report.difference import changes
from ...sequencing.errors import SequenceError
from ..context import Asking, Parts, Services
from ..security.who import Who
from ..smart.chart import Chart as Bundle
from ..store import patients
from ..store.patients import Chart, File, NotFoundError
from .layout import show
from .patient import opened

router = APIRouter(include_in_schema=False)

_OF_THE_FILE = frozenset({"patient", "event", "known_on", "source", "time", "reported", "stream"})
"""Columns that differ between two files that say the same."""


@router.get("/patients/{patient_id}/newer")
def newer_page(request: Request, parts: Parts, who: Asking, patient_id: str) -> HTMLResponse:
    """The entries that only one of the two holds, and what their answers say otherwise."""
    chart = opened(parts, who, patient_id)
    if chart.newer is None:
        raise NotFoundError("newer")
    other = replace(chart, record=_document(parts, who, patient_id, chart.newer))
    with parts.database.reading() as session:
        number = patients.in_force(patients.versions(session, who, patient_id)).number
    day = parts.today()
    here, there = _record(parts, chart), _record(parts, other)
    differ = here is not None and there is not None
    return show(
        request,
        "newer.html.jinja",
        chart=chart,
        number=number,
        day=day.isoformat(),
        unreadable={"here": here is None, "at the source": there is None},
        only_here=list(_only(here, there)) if here and there else [],
        only_there=list(_only(there, here)) if here and there else [],
        changes=changes(parts.desk.advice(chart, day), parts.desk.advice(other, day)) if differ else [],
    )


@router.post("/patients/{patient_id}/record/{number}")
def put_in_force(
    parts: Parts, who: Asking, patient_id: str, number: int, seen: Annotated[int, Form()] = 0
) -> RedirectResponse:
    """Put a version of the record in force as the newest, unless another came since the page was ``seen``."""
    who.must("write")
    chart = opened(parts, who, patient_id)
    label = _label(parts, who, chart, _document(parts, who, patient_id, number))
    with parts.database.writing() as session:
        done = patients.put_in_force(session, who, patient_id, number, seen=seen, label=label, now=parts.now())
    return RedirectResponse(f"/patients/{patient_id}" if done else f"/patients/{patient_id}/record?said=overtaken", 303)


def _document(parts: Services, who: Who, patient_id: str, number: int) -> File:
    with parts.database.reading() as session:
        for each in patients.versions(session, who, patient_id):
            if each.number == number and each.kind != "sequence":
                return patients.file_of(each)
    raise NotFoundError(str(number))


def _record(parts: Services, chart: Chart) -> Record | None:
    try:
        return parts.desk.record(chart)
    except (IntakeError, SequenceError):
        return None


def _label(parts: Services, who: Who, chart: Chart, file: File) -> str:
    """What the patient is to be called; empty where that stays. Raises IntakeError for a file that cannot be read."""
    named, before = parts.desk.read(file).patient, _record(parts, chart)
    with parts.database.reading() as session:
        external = patients.find(session, who, chart.id).external
    source = None if external is None else Bundle.read(external.rpartition("/")[2], file.content)
    if source is not None:
        return source.name
    return named if before is None or named != before.patient else ""


def _only(one: Record, other: Record) -> Iterator[tuple[str, str, str]]:
    """The entries that the other lacks: day, kind, what it says; in the order of their days."""
    more = Counter(_entries(one)) - Counter(_entries(other))
    yield from sorted(more.elements(), reverse=True)


def _entries(record: Record) -> Iterator[tuple[str, str, str]]:
    for kind, rows in record.rows.items():
        for row in rows:
            said = {each.name: getattr(row, each.name) for each in fields(row)}
            shown = [_text(n, v) for n, v in said.items() if v is not None and n != "day" and n not in _OF_THE_FILE]
            yield row.day.isoformat(), kind, ", ".join(shown)


def _text(name: str, value: Any) -> str:
    if name in ("concept", "gene", "change"):
        return str(value).replace("_", " ")
    if isinstance(value, Range):
        value = value.word or (f"{value.low:f}" if value.is_point else f"{value.low:f} to {_high(value)}")
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    return f"{name.replace('_', ' ')} {value}"


def _high(value: Range) -> str:
    return "more" if value.high is None else f"{value.high:f}"
