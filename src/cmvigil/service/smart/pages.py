"""The pages of launches: in, back, and the patient page of a record that is read and not kept."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from ..context import Asking, Parts, Services, Visiting
from ..pages import patient
from ..pages.layout import show
from ..security.sessions import Visit
from . import launch, oauth, reading
from .chart import Chart
from .fhir import EndedError
from .grants import Kept
from .keeping import keep

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
    key = launch.finish(request, parts, visit, dict(request.query_params))
    return RedirectResponse(f"/smart/patient/{key}", 303)


@router.get("/smart/patient")
def newest(who: Asking, visit: Visiting) -> Response:
    """The record that was opened last."""
    who.must("read")
    opened = list(Kept.of(visit).opened)
    if not opened:
        raise EndedError("Patient", "nothing opened in this session", "Launch again from the record.")
    return RedirectResponse(f"/smart/patient/{opened[-1]}", 303)


@router.get("/smart/patient/{key}")
def patient_page(
    request: Request, parts: Parts, visit: Visiting, who: Asking, key: str, as_of: date | None = None
) -> Response:
    """What is known and advised, from the record as it is read."""
    found = reading.opened(parts, visit, who, key)
    grant, chart = found.grant, found.chart
    if launch.known(parts, grant.fhir).store:
        with parts.database.writing() as session:
            patient_id, _ = keep(session, who, grant.fhir, chart, "launch", parts.now())
        if patient_id:  # else deleted here: shown and not kept
            return RedirectResponse(f"/patients/{patient_id}", 303)
    values = patient.values(parts, found, as_of) | {
        "host": urlsplit(grant.fhir).netloc,
        "kinds": _KINDS,
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
    return RedirectResponse(launch.begin(request, parts, visit, launch.known(parts, fhir), word), 303)


def _person(chart: Chart) -> dict[str, str]:
    """What tells the patient from another, for the banner."""
    person = chart.resources["Patient", chart.patient]
    born, sex = person.get("birthDate"), person.get("gender")
    return {"name": chart.name, "born": str(born or ""), "sex": str(sex or "")}
