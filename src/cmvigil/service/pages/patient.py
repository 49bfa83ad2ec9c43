"""The patient page: the whole answer, every line with its walk-back."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ...assess.asking import ways
from ...report import charts, html
from ..context import Asking, Parts, Services
from ..security.who import Who
from ..store import audit, patients
from ..store.patients import Chart
from .layout import show

router = APIRouter(include_in_schema=False)

_IN_PLACE, _BOXES = ("quantity", "finding", "word"), 4
"""Which answers can be tried beside the questions, and how many boxes stand there."""


@router.get("/patients/{patient_id}")
def patient_page(
    request: Request, parts: Parts, who: Asking, patient_id: str, as_of: date | None = None
) -> HTMLResponse:
    """What is known and advised on a day."""
    chart = opened(parts, who, patient_id)
    advice = parts.desk.advice(chart, as_of or parts.desk.day(chart, parts.today()))
    picture = parts.desk.kept("picture", (chart.key, advice.as_of), lambda: charts.timeline(advice))
    found = [way for question in advice.changes for way in ways(parts.desk.program, question.facts)]
    asked = [way for way in dict.fromkeys(found) if way.kind in _IN_PLACE][:_BOXES]
    return show(request, "patient.html.jinja", chart=chart, asked=asked, given={}, **html.shown(advice, picture))


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
