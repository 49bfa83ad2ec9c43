"""The record of a patient: its versions, what could not be used, what is added; and the answer to take along."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ...advice import Advice
from ...record.errors import IntakeError, Problem
from ...report import fhir, html, ics, json, markdown, plan_csv
from ...sequencing.errors import SequenceError
from ..context import Asking, Parts
from ..store import patients
from ..store.patients import File, NotFoundError
from .case_form import is_fhir
from .layout import show
from .patient import Subject, opened

router = APIRouter(include_in_schema=False)

_EARLIER = 10
"""So many versions can be put in force again from the page; the others are there to be downloaded."""


@router.get("/patients/{patient_id}/record")
@router.get("/smart/patient/{key}/record")
def record_page(
    request: Request, parts: Parts, who: Asking, chart: Subject, patient_id: str = "", as_of: date | None = None
) -> HTMLResponse:
    """The documents that came in, newest first, and what they lack. Of a launch, none is kept."""
    with parts.database.reading() as session:
        documents = patients.versions(session, who, patient_id) if patient_id else ()
    in_force = patients.in_force(documents).number if documents else 0
    advice = parts.desk.advice(chart, as_of or parts.desk.day(chart, parts.today()))
    return show(
        request,
        "record.html.jinja",
        chart=chart,
        advice=advice,
        documents=documents[::-1],
        in_force=in_force,
        earlier=[each for each in documents[::-1] if each.kind != "sequence" and each.number != in_force][:_EARLIER],
        faces=FACES,
        editable=not is_fhir(chart.record.content),
    )


@router.post("/patients/{patient_id}/record")
def new_version(parts: Parts, who: Asking, patient_id: str, file: UploadFile) -> RedirectResponse:
    """A newer case file or Bundle takes the place of the record; the older ones are kept."""
    who.must("write")
    record = File(file.filename or "upload", file.file.read())
    newer = parts.desk.read(record)
    chart = opened(parts, who, patient_id)
    try:
        known_as = parts.desk.record(chart).patient
    except (IntakeError, SequenceError):
        known_as = ""  # what stands there cannot be read: this may mend it
    if known_as and newer.patient != known_as:
        remedy = "Add it as a patient of its own; or name the patient alike in both, where it is the same person."
        raise IntakeError([Problem(f"the record of “{newer.patient}”", f"one of “{known_as}”", remedy)])
    with parts.database.writing() as session:
        label = "" if known_as else newer.patient
        patients.attach(session, who, patient_id, record, kind="record", now=parts.now(), label=label)
    return RedirectResponse(f"/patients/{patient_id}", 303)


@router.get("/patients/{patient_id}/record/{number}")
def document(parts: Parts, who: Asking, patient_id: str, number: int) -> Response:
    """A document as it came, byte for byte."""
    opened(parts, who, patient_id)
    with parts.database.reading() as session:
        found = next((d for d in patients.versions(session, who, patient_id) if d.number == number), None)
    if found is None:
        raise NotFoundError(str(number))
    return _download(patients.file_of(found).content, f"record-{number}", "application/octet-stream")


@router.get("/patients/{patient_id}/answer/{face}")
@router.get("/smart/patient/{key}/answer/{face}")
def take_along(parts: Parts, chart: Subject, face: str, as_of: date | None = None) -> Response:
    """The answer as a file: one-page report, Markdown, JSON, calendar, table of the plan."""
    if face not in FACES:
        raise NotFoundError(face)
    _, kind, render = FACES[face]
    advice = parts.desk.advice(chart, as_of or parts.desk.day(chart, parts.today()))
    return _download(render(advice), f"cmvigil-{advice.as_of}.{face}", kind)


FACES: dict[str, tuple[str, str, Callable[[Advice], bytes]]] = {
    "html": ("Report, one file", "text/html", lambda advice: html.render(advice).encode()),
    "md": ("Text for the notes", "text/markdown", lambda advice: markdown.render(advice).encode()),
    "ics": ("Dates for a calendar", "text/calendar", lambda advice: ics.render(advice).encode()),
    "csv": ("Plan as a table", "text/csv", lambda advice: plan_csv.render(advice).encode()),
    "fhir.json": ("FHIR R4 Bundle", "application/fhir+json", fhir.render),
    "json": ("For machines (JSON)", "application/json", json.render),
}


def _download(content: bytes, name: str, kind: str) -> Response:
    """A file to save, never to be shown in our place: what was uploaded may hold anything."""
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-security-policy": "sandbox"}
    return Response(content, media_type=kind, headers=headers)
