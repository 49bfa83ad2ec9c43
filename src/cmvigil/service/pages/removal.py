"""Deleting a patient: a page that says what goes, and the deletion itself, when it has been confirmed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ..context import Asking, Parts, Services
from ..security.who import ForbiddenError, Who
from ..store import patients
from .layout import show

router = APIRouter(include_in_schema=False)


@router.get("/patients/{patient_id}/delete")
def delete_page(request: Request, parts: Parts, who: Asking, patient_id: str) -> HTMLResponse:
    """What is deleted, and what stays. Who may not see patients is shown the id alone."""
    who.must("delete")
    return _page(request, parts, who, patient_id)


@router.post("/patients/{patient_id}/delete")
def delete(request: Request, parts: Parts, who: Asking, patient_id: str, sure: Annotated[str, Form()] = "") -> Response:
    """Delete the patient, where that was ticked."""
    who.must("delete")
    if sure != "yes":
        return _page(request, parts, who, patient_id, status=422)
    with parts.database.writing() as session:
        if not patients.may_remove(session, who, patient_id):
            raise ForbiddenError("purge")
        patients.remove(session, who, patient_id, parts.now())
    return RedirectResponse("/patients?said=deleted" if who.may("read") else "/audit?said=deleted", 303)


def _page(request: Request, parts: Services, who: Who, patient_id: str, status: int = 200) -> HTMLResponse:
    with parts.database.reading() as session:
        allowed = patients.may_remove(session, who, patient_id)
        patient = patients.find(session, who, patient_id)
        documents = patients.versions(session, who, patient_id)
    return show(
        request,
        "removal.html.jinja",
        status=status,
        patient=patient,
        documents=len(documents),
        allowed=allowed,
        unsure=status == 422,
    )
