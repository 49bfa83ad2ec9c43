"""What if: change a fact, and see side by side which advice changes. Nothing that is supposed is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from ...advice import Advice
from ...assess import assess
from ...assess.asking import quantity, ways
from ...assess.suppose import Entry, supposing
from ...record.errors import IntakeError
from ...record.tables import Measurement, Row
from ...record.vocabulary import vocabulary
from ...report.difference import changes
from ..context import Parts, Services
from ..store.patients import Chart
from .layout import show
from .patient import Subject

router = APIRouter(include_in_schema=False)

_OFTEN = ("creatinine", "body_weight", "neutrophils", "platelets")
"""Quantities that are offered whatever the record asks for: they decide doses."""
_QUESTIONS = 6


@router.get("/patients/{patient_id}/what-if")
@router.get("/smart/patient/{key}/what-if")
def what_if_page(request: Request, parts: Parts, chart: Subject, as_of: date | None = None) -> HTMLResponse:
    """The form, with the questions that decide most first."""
    day = as_of or parts.desk.day(chart, parts.today())
    return _shown(request, parts, chart, parts.desk.advice(chart, day), day)


@router.post("/patients/{patient_id}/what-if")
@router.post("/smart/patient/{key}/what-if")
async def what_if(request: Request, parts: Parts, chart: Subject, as_of: Annotated[date, Form()]) -> HTMLResponse:
    """The two answers side by side."""
    from anyio import to_thread

    form = await request.form()
    return await to_thread.run_sync(lambda: _supposed(request, parts, chart, as_of, form))


def _supposed(request: Request, parts: Services, chart: Chart, day: date, form: FormData) -> HTMLResponse:
    advice, record = parts.desk.advice(chart, day), parts.desk.record(chart)
    entries = list(entries_of(form))
    stopped = [str(each) for each in form.getlist("stop")]
    try:
        other = assess(supposing(record, entries, stopped, day), parts.desk.program, day)
    except IntakeError as error:
        problems = [f"found {each.found}; expected {each.expected}. {each.remedy}" for each in error.problems]
        return _shown(request, parts, chart, advice, day, form, problems=problems)
    return _shown(request, parts, chart, advice, day, form, other=other, stopped=stopped)


def entries_of(form: FormData) -> Iterator[Entry]:
    """The filled-in fields of the form, as they would be typed. A field's name is its kind and concept."""
    given = {name: str(value).strip() for name, value in form.items() if isinstance(value, str)}
    for name, value in given.items():
        kind, _, concept = name.partition(".")
        if not value or "." in concept:
            continue
        if kind == "quantity":
            yield Entry("quantity", concept, value, {"unit": given.get(f"unit.{concept}", "")})
        elif kind == "finding":
            yield Entry("finding", concept, value)
        elif kind == "word":
            yield Entry("word", concept, value)
        elif kind == "disease":
            yield Entry("disease", concept, value)
        elif kind == "list":
            yield Entry("list", concept)
        elif kind in ("load", "tissue", "genotype", "drug"):
            yield Entry(kind, "", value, _beside(given, kind))  # type: ignore[arg-type]
    person = _beside(given, "person")
    if person:
        yield Entry("person", more=person)


def _is_load(row: Row) -> bool:
    return isinstance(row, Measurement) and row.concept == "cmv_load" and row.value is not None


def _beside(given: dict[str, str], kind: str) -> dict[str, str]:
    """The fields that belong to one entry: ``load-unit``, ``drug-dose``."""
    return {name.partition("-")[2]: value for name, value in given.items() if value and name.startswith(f"{kind}-")}


def _shown(
    request: Request,
    parts: Services,
    chart: Chart,
    advice: Advice,
    day: date,
    form: FormData | None = None,
    *,
    other: Advice | None = None,
    stopped: list[str] | None = None,
    problems: list[str] | None = None,
) -> HTMLResponse:
    asked = [(q, ways(parts.desk.program, q.facts)) for q in advice.changes]
    asked = [(q, found) for q, found in asked if found][:_QUESTIONS]
    offered = {(way.kind, way.concept) for _, found in asked for way in found}
    often = [quantity(vocabulary(), name) for name in _OFTEN if ("quantity", name) not in offered]
    running = sorted({(bar.drug, bar.label) for bar in advice.timeline.bars if bar.running})
    loads = [m for m in parts.desk.record(chart).rows["measurement"] if _is_load(m) and m.day <= day]
    given = {} if form is None else {name: str(value) for name, value in form.items() if isinstance(value, str)}
    return show(
        request,
        "what_if.html.jinja",
        status=422 if problems else 200,
        chart=chart,
        advice=advice,
        day=day,
        asked=asked,
        often=often,
        running=running,
        last=max(loads, key=lambda m: m.day) if loads else None,
        other=other,
        changes=changes(advice, other) if other is not None else [],
        stopped=stopped or [],
        problems=problems or [],
        given=given,
        vocabulary=vocabulary(),
    )
