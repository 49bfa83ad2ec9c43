"""Launches that do not succeed, and records that let us in no longer: what is shown, and what is written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import Response

from ..context import Services
from ..pages.layout import show
from ..security.limits import client_of
from ..security.sessions import Visit
from ..store import audit
from .fhir import EndedError, FhirError
from .oauth import LaunchError


@contextmanager
def about(fhir: str) -> Iterator[None]:
    """What fails here is about this record."""
    try:
        yield
    except (LaunchError, FhirError) as error:
        error.fhir = error.fhir or fhir
        raise


def install(app: FastAPI) -> None:
    """Give each of these failures its page and its line of the audit log."""
    for kind in (LaunchError, FhirError):  # EndedError is a FhirError
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Any) -> Response:
    await to_thread.run_sync(_note, request, error)
    if isinstance(error, EndedError):
        return show(request, "smart_ended.html.jinja", status=401)
    if isinstance(error, LaunchError):
        title, said = "Not launched", str(error)
    else:
        title, said = "Not read", f"{error.what} could not be read: {error.found}."
    return show(request, "problem.html.jinja", status=400, title=title, said=said, problems=[], remedy=error.remedy)


def _note(request: Request, error: LaunchError | FhirError) -> None:
    """A line with the record and the reason, nothing that the record or the browser said. Strangers have a bound."""
    parts: Services = request.app.state.services
    visit: Visit = request.state.visit
    who = visit.who
    detail: dict[str, object] = {"why": _why(error)}
    if who is None:
        left_out = parts.strangers.take(client_of(request.scope))
        if left_out is None:
            return
        detail |= {"left_out": left_out} if left_out else {}
    organisation = {each.fhir: each.organisation for each in parts.settings.ehrs}.get(error.fhir, "")
    with parts.database.writing() as session:
        audit.append(
            session,
            organisation=organisation if who is None else who.organisation,
            actor="" if who is None else who.actor,
            action="launch.refused",
            entity=error.fhir[:200],
            at=parts.now(),
            **detail,
        )


def _why(error: LaunchError | FhirError) -> str:
    if isinstance(error, LaunchError):
        return error.why
    if isinstance(error, EndedError):
        return "The record lets us in no longer." if error.fhir else "Not opened in this session."
    return f"The patient was not read{f' ({error.status})' if error.status else ''}."
