"""The patient page: the whole answer, every line with its walk-back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from ...assess.asking import ways
from ...report import charts, html
from ..context import Asking, Parts, Services, Visiting
from ..security.who import Who
from ..smart import reading
from ..store import audit, patients
from ..store.patients import Chart
from .layout import show

router = APIRouter(include_in_schema=False)

_IN_PLACE, _BOXES = ("quantity", "finding", "word"), 4
"""Which answers can be tried beside the questions, and how many boxes stand there."""


def subject(request: Request, parts: Parts, visit: Visiting, who: Asking) -> Chart:
    """The record that a page is about, as its address says: a patient's of ours, or one that a launch has opened.

    That it was looked at is written down. Raises NotFoundError and ForbiddenError, and what a launch can meet.
    """
    named = request.path_params
    if "key" in named:
        return reading.opened(parts, visit, who, named["key"])
    return opened(parts, who, named["patient_id"])


Subject = Annotated[Chart, Depends(subject)]


@router.get("/patients/{patient_id}")
def patient_page(request: Request, parts: Parts, chart: Subject, as_of: date | None = None) -> HTMLResponse:
    """What is known and advised on a day."""
    return show(request, "patient.html.jinja", **values(parts, chart, as_of))


def values(parts: Services, chart: Chart, as_of: date | None) -> dict[str, Any]:
    """What the template of a patient page needs."""
    advice = parts.desk.advice(chart, as_of or parts.desk.day(chart, parts.today()))
    picture = parts.desk.kept("picture", (chart.key, advice.as_of), lambda: charts.timeline(advice))
    found = [way for question in advice.changes for way in ways(parts.desk.program, question.facts)]
    asked = [way for way in dict.fromkeys(found) if way.kind in _IN_PLACE][:_BOXES]
    return html.shown(advice, picture) | {"chart": chart, "asked": asked, "given": {}}


def opened(parts: Services, who: Who, patient_id: str) -> Chart:
    """The chart of a patient; that it was looked at is written down. Raises NotFoundError, ForbiddenError."""
    who.must("read")
    with parts.database.writing() as session:
        chart = patients.chart(session, who, patient_id)
        audit.append(
            session,
            organisation=who.organisation,
            actor=who.actor,
            action="patient.read",
            entity=f"patient/{patient_id}",
            at=parts.now(),
            version=chart.version,
        )
    return chart
