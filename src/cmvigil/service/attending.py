"""Keeps the worklist up to date: each patient's lines are made anew for a new day, a new record, a new knowledge."""

from __future__ import annotations

import asyncio

from anyio import to_thread

from ..assess.attention import Line, attention
from ..assess.compose import NothingToAssessError
from ..record.errors import IntakeError
from ..sequencing.errors import SequenceError
from .context import Services
from .logs import LOG
from .security.who import Who
from .store import patients, worklist
from .store.tables import Patient

AT_ONCE = 40
"""So many patients are looked at when the list is asked for; the rest follow in the background."""
_PAUSE_S = 60


def attend(parts: Services, who: Who | None = None, limit: int | None = None) -> int:
    """Make the lines of patients that have none of today; how many patients are still without."""
    made_from = f"{parts.today()} {parts.desk.version}"
    with parts.database.reading() as session:
        waiting = worklist.unwatched(session, made_from, who)
    for patient in waiting[:limit]:
        _attend_one(parts, patient, made_from)
    return len(waiting) - len(waiting[:limit])


async def keep_attending(parts: Services) -> None:
    """Look again and again, until it is cancelled. What fails is told by its kind, and tried again."""
    while True:
        try:
            await to_thread.run_sync(attend, parts, None, AT_ONCE, abandon_on_cancel=False)
        except Exception as error:
            LOG.error("worklist not renewed", kind=type(error).__name__)
        await asyncio.sleep(_PAUSE_S)


def _attend_one(parts: Services, patient: Patient, made_from: str) -> None:
    keeper = Who("worklist", "worklist", patient.organisation_id, frozenset())
    with parts.database.reading() as session:
        chart = patients.chart(session, keeper, patient.id)
    try:
        record = parts.desk.record(chart)
        day = record.as_of or parts.today()
        _, lines = attention(record, parts.desk.program, day)
    except (IntakeError, SequenceError, NothingToAssessError) as error:
        day, lines = parts.today(), [_unreadable(error, chart.version)]
    with parts.database.writing() as session:
        found = patients.find(session, keeper, patient.id)
        worklist.replace(
            session,
            found,
            lines,
            as_of=day,
            knowledge=parts.desk.version,
            watched=f"{made_from} {chart.version}",
            now=parts.now(),
        )


def _unreadable(error: Exception, version: int) -> Line:
    """A patient whose record cannot be read is on the list, not off it."""
    what = "nothing dated is on record" if isinstance(error, NothingToAssessError) else "the record cannot be read"
    return Line(3, "unreadable", "Not assessed", f"Not assessed: {what}", f"unreadable:{version}")
