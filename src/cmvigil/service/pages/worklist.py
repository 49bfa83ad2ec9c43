"""The worklist: who needs attention today, why, and what was done about it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from ..attending import AT_ONCE, attend
from ..context import Asking, Parts
from ..store import audit, patients, worklist
from ..store.worklist import Deed, Standing
from .layout import show

router = APIRouter(include_in_schema=False)

URGENCY = {1: "Now", 2: "Today", 3: "This week", 4: "When there is time"}
SNOOZE = ("waiting for a result", "seen by another team", "not treated further", "record is wrong", "other")
"""Reasons to snooze a line, few enough to be counted."""


@router.get("/worklist")
def worklist_page(request: Request, parts: Parts, who: Asking, shown: str = "open", mine: bool = False) -> HTMLResponse:
    """Patients by urgency, each with its first reason; the others one step away. That it was seen is written down."""
    who.must("read")
    waiting = attend(parts, who, AT_ONCE)
    with parts.database.reading() as session:
        found = worklist.standing(session, who, parts.today())
        number = patients.number_of(session, who)
    mine_only = [each for each in found if not mine or each.assignee == who.name]
    rows = [each for each in mine_only if shown == "all" or each.state == "open"]
    by_patient: dict[str, list[Standing]] = {}
    for each in rows:
        by_patient.setdefault(each.line.patient_id, []).append(each)
    ranked = sorted(by_patient.values(), key=lambda lines: lines[0].line.urgency)
    groups = {URGENCY[n]: list(each) for n, each in groupby(ranked, key=lambda lines: lines[0].line.urgency)}
    set_aside = sum(each.state != "open" for each in found)
    with parts.database.writing() as session:
        audit.append(
            session,
            organisation=who.organisation,
            actor=who.actor,
            action="worklist.read",
            at=parts.now(),
            patients=len(by_patient),
        )
    return show(
        request,
        "worklist.html.jinja",
        groups=groups,
        waiting=waiting,
        number=number,
        set_aside=set_aside,
        shown=shown,
        mine=mine,
        today=parts.today(),
        tomorrow=parts.today() + timedelta(days=1),
        snooze=SNOOZE,
    )


@router.post("/worklist/{patient_id}")
def act(
    parts: Parts,
    who: Asking,
    patient_id: str,
    about: Annotated[str, Form()],
    deed: Annotated[Deed, Form()],
    reason: Annotated[str, Form()] = "",
    until: Annotated[date | None, Form()] = None,
    assignee: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Acknowledge, snooze with a reason, assign or reopen a line."""
    who.must("worklist")
    if deed == "snooze" and (until is None or until <= parts.today() or reason not in SNOOZE):
        return RedirectResponse("/worklist?said=not-snoozed", 303)
    with parts.database.writing() as session:
        worklist.act(
            session,
            who,
            patient_id,
            about,
            deed,
            now=parts.now(),
            reason=reason if deed == "snooze" else "",
            until=until if deed == "snooze" else None,
            assignee=assignee.strip() or who.name if deed == "assign" else "",
        )
    return RedirectResponse("/worklist", 303)
