"""The pages of launches: in, back, and the patient page of a record that is read and not kept."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from ...report import charts, html
from ..context import Asking, Parts, Services, Visiting
from ..pages.layout import show
from ..security.sessions import Visit
from ..store.patients import Chart as Stored
from ..store.patients import File
from . import launch, oauth, reading
from .chart import Chart
from .fhir import EndedError, FhirError
from .grants import Kept
from .keeping import NAME, keep
from .oauth import LaunchError

router = APIRouter(include_in_schema=False)
_KINDS = {
    "Condition": "Diagnoses (Condition)",
    "Observation": "Results and findings (Observation)",
    "Procedure": "Procedures (Procedure)",
    "MedicationRequest": "Drugs ordered (MedicationRequest)",
    "MedicationStatement": "Drugs taken (MedicationStatement)",
    "MedicationAdministration": "Drugs given (MedicationAdministration)",
    "DiagnosticReport": "Reports (DiagnosticReport)",
    "Medication": "Names of drugs (Medication)",
    "Specimen": "Specimens (Specimen)",
    "Organization": "Laboratories (Organization)",
}

_Text = Annotated[str, Query(max_length=2000)]


@router.get("/.well-known/jwks.json")
def keys(parts: Parts) -> JSONResponse:
    """Our public keys, for the records that check our signatures."""
    return JSONResponse(oauth.public_keys(parts.settings.ehrs), headers={"cache-control": "public, max-age=300"})


@router.get("/smart/launch")
def from_the_record(request: Request, parts: Parts, visit: Visiting, iss: _Text, launch: _Text) -> Response:
    """The record opens us for the patient that it shows."""
    return _begin(request, parts, visit, iss, launch)


@router.get("/smart/start")
def from_here(request: Request, parts: Parts, visit: Visiting, who: Asking, ehr: _Text | None = None) -> Response:
    """Choose a record, and a patient at its login."""
    who.must("read")
    if ehr is not None:
        return _begin(request, parts, visit, ehr, None)
    mine = [each for each in parts.settings.ehrs if each.organisation == who.organisation]
    records = [{"fhir": each.fhir, "host": urlsplit(each.fhir).netloc, "store": each.store} for each in mine]
    return show(request, "smart_start.html.jinja", records=records)


@router.get("/smart/callback")
def back(request: Request, parts: Parts, visit: Visiting) -> Response:
    """The browser comes back from the record's login."""
    try:
        key = launch.finish(request, parts, visit, dict(request.query_params))
    except LaunchError as error:
        return _failed(request, str(error), error.remedy)
    return RedirectResponse(f"/smart/patient/{key}", 303)


@router.get("/smart/patient")
def newest(request: Request, who: Asking, visit: Visiting) -> Response:
    """The record that was opened last."""
    who.must("read")
    opened = list(Kept.of(visit).opened)
    return RedirectResponse(f"/smart/patient/{opened[-1]}", 303) if opened else _ended(request)


@router.get("/smart/patient/{key}")
def patient_page(
    request: Request, parts: Parts, visit: Visiting, who: Asking, key: str, as_of: date | None = None
) -> Response:
    """What is known and advised, from the record as it is read."""
    who.must("read")
    grant = Kept.of(visit).opened.get(key)
    if grant is None:
        return _ended(request)
    try:
        ehr = launch.known(parts, grant.fhir)
        chart, read = reading.current(parts, visit, key, grant)
    except EndedError:
        return _ended(request)
    except LaunchError as error:
        return _failed(request, str(error), error.remedy)
    except FhirError as error:
        return _failed(request, f"{error.what} could not be read: {error.found}.", error.remedy, "Not read")
    launch.note(parts, who, "launch.read", grant.fhir, grant.patient, resources=len(chart.resources))
    if ehr.store:
        with parts.database.writing() as session:
            patient_id, _ = keep(session, who, grant.fhir, chart, "launch", parts.now())
        return RedirectResponse(f"/patients/{patient_id}", 303)
    stored = Stored(key, chart.name, File(NAME, chart.bundle()))
    advice = parts.desk.advice(stored, as_of or parts.desk.day(stored, parts.today()))
    picture = parts.desk.kept("picture", (stored.key, advice.as_of), lambda: charts.timeline(advice))
    values = html.shown(advice, picture)
    values |= {"chart": stored, "host": urlsplit(grant.fhir).netloc, "read": read, "key": key, "kinds": _KINDS}
    values |= {
        "person": _person(chart) if grant.banner else None,
        "unread": list(dict.fromkeys(chart.unread)),
    }
    return show(request, "smart_patient.html.jinja", **values)


@router.post("/smart/patient/{key}/again")
def again(parts: Parts, visit: Visiting, who: Asking, key: str) -> RedirectResponse:
    """Read the record anew."""
    who.must("read")
    reading.forget(parts, visit, key)
    return RedirectResponse(f"/smart/patient/{key}", 303)


def _begin(request: Request, parts: Services, visit: Visit, fhir: str, word: str | None) -> Response:
    try:
        return RedirectResponse(launch.begin(request, parts, visit, launch.known(parts, fhir), word), 303)
    except LaunchError as error:
        return _failed(request, str(error), error.remedy)


def _person(chart: Chart) -> dict[str, str]:
    """What tells the patient from another, for the banner."""
    patient = chart.resources["Patient", chart.patient]
    born, sex = patient.get("birthDate"), patient.get("gender")
    return {"name": chart.name, "born": str(born or ""), "sex": str(sex or "")}


def _ended(request: Request) -> Response:
    return show(request, "smart_ended.html.jinja", status=401)


def _failed(request: Request, said: str, remedy: str, title: str = "Not launched") -> Response:
    return show(request, "problem.html.jinja", status=400, title=title, said=said, problems=[], remedy=remedy)
