"""Replay: the chart day by day, each day as it was known then."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ...assess.replay import Replay, days_of, replay
from ...report.difference import changes
from ..context import Parts
from .layout import show
from .patient import Subject

router = APIRouter(include_in_schema=False)

_LOOKED_AT = 60
"""So many of the last days with news are looked at for what came first: some seconds of work."""


@router.get("/patients/{patient_id}/replay")
@router.get("/smart/patient/{key}/replay")
def replay_page(
    request: Request, parts: Parts, chart: Subject, as_of: date | None = None, part: bool = False
) -> HTMLResponse:
    """What was said on a day and what was new on it; ``part`` is the changing part alone, for the slider."""
    record = parts.desk.record(chart)
    last = parts.desk.day(chart, parts.today())
    days = [day for day in days_of(record) if day <= last] or [last]
    at = min(max(bisect_right(days, as_of or last) - 1, 0), len(days) - 1)
    advice = parts.desk.advice(chart, days[at])
    before = parts.desk.advice(chart, days[at - 1]) if at else None
    return show(
        request,
        "replay_day.jinja" if part else "replay.html.jinja",
        chart=chart,
        advice=advice,
        before=before,
        new=changes(before, advice) if before is not None else [],
        days=days,
        at=at,
    )


@router.get("/patients/{patient_id}/replay/first")
@router.get("/smart/patient/{key}/replay/first")
def first_page(request: Request, parts: Parts, chart: Subject) -> HTMLResponse:
    """The first day on which each rule applied, and on which each task was overdue."""
    record = parts.desk.record(chart)
    last = parts.desk.day(chart, parts.today())
    days = [day for day in days_of(record) if day <= last]
    looked_at = days[-_LOOKED_AT:]
    found: Replay = parts.desk.kept("replay", (chart.key, last), lambda: replay(record, parts.desk.program, looked_at))
    return show(
        request,
        "replay_first.html.jinja",
        chart=chart,
        as_of=last.isoformat(),
        first=found.first,
        looked_at=len(looked_at),
        days=len(days),
    )
