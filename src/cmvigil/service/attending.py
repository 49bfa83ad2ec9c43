"""Keeps the worklist up to date: each patient's lines are made anew for a new day, a new record, a new knowledge."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

from anyio import to_thread
from sqlalchemy.exc import OperationalError

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
_AGAIN_MIN, _AGAIN_MOST = 1, 60
"""Minutes until one that failed is tried again: at first, doubled each time, and at most."""


def attend(parts: Services, who: Who | None = None, limit: int | None = None) -> int:
    """Make the lines of patients that have none of today; how many patients are still without."""
    made_from = f"{parts.today()} {parts.desk.version}"
    with parts.database.reading() as session:
        waiting = worklist.unwatched(session, made_from, who)
    now = parts.now()
    turn = [each for each in waiting if each.retry is None or each.retry <= now][:limit]
    failed = 0
    for patient in turn:
        try:
            _attend_one(parts, patient, made_from)
        except OperationalError:
            raise  # the database does not answer: nobody's turn
        except Exception as error:  # one that cannot be opened hides no other
            LOG.error("patient not assessed", kind=type(error).__name__)
            failed += 1
            _later(parts, patient)
    return len(waiting) - len(turn) + failed


def expire_drafts(parts: Services) -> int:
    """Throw away the drafts that nobody has gone on with for so long as the settings say; how many."""
    now = parts.now()
    with parts.database.writing() as session:
        number = patients.expire_drafts(session, now - timedelta(days=parts.settings.draft_days), now)
    if number:
        LOG.info("drafts expired", number=number)
    return number


async def keep_attending(parts: Services) -> None:
    """Look again and again, until it is cancelled. What fails is told by its kind, and tried again."""
    while True:
        for work, failed in (
            (partial(expire_drafts, parts), "drafts not expired"),
            (partial(attend, parts, None, AT_ONCE), "worklist not renewed"),
        ):
            try:
                await to_thread.run_sync(work, abandon_on_cancel=False)
            except Exception as error:
                LOG.error(failed, kind=type(error).__name__)
        await asyncio.sleep(_PAUSE_S)


def _attend_one(parts: Services, patient: Patient, made_from: str) -> None:
    """Make one patient's lines, of today whatever day the record names: what fell due since then is due.

    An invented patient stays on the day of its record. A failure of ours is a line of its own: it hides nobody else.
    """
    keeper = Who("worklist", "worklist", patient.organisation_id, frozenset())
    with parts.database.reading() as session:
        chart = patients.chart(session, keeper, patient.id)
    day = parts.today()
    try:
        record = parts.desk.record(chart)
        if patient.origin == "example":
            day = record.as_of or day
        _, lines = attention(record, parts.desk.program, day)
    except NothingToAssessError:
        lines = [_not_assessed("nothing dated is on record", chart.version)]
    except (IntakeError, SequenceError):
        lines = [_not_assessed("the record cannot be read", chart.version)]
    except Exception as error:
        LOG.error("patient not assessed", kind=type(error).__name__)
        lines = [_not_assessed("cmvigil itself failed", chart.version)]
    if chart.newer is not None:
        lines = sorted([_newer(chart.newer), *lines], key=lambda line: line.urgency)
    with parts.database.writing() as session:
        if patients.chart(session, keeper, patient.id).version != chart.version:
            return  # a newer record came meanwhile: its lines are made next
        worklist.replace(
            session,
            patients.find(session, keeper, patient.id),
            lines,
            as_of=day,
            knowledge=parts.desk.version,
            watched=f"{made_from} {chart.version}",
            now=parts.now(),
        )


def _later(parts: Services, patient: Patient) -> None:
    """Others first: one that failed waits, longer each time."""
    with parts.database.writing() as session:
        found = session.get(Patient, patient.id)
        if found is not None:
            pause = min(_AGAIN_MIN * 2 ** min(found.tries, 10), _AGAIN_MOST)
            found.tries, found.retry = found.tries + 1, parts.now() + timedelta(minutes=pause)


def _newer(number: int) -> Line:
    """The FHIR server says something else than the record that was written here."""
    reason = "Newer data at the source: this record was edited here, choose on the patient's page"
    return Line(2, "newer", "Newer data", reason, f"newer:{number}")


def _not_assessed(why: str, version: int) -> Line:
    """A patient whose record gives no answer is on the list, not off it."""
    return Line(3, "unreadable", "Not assessed", f"Not assessed: {why}", f"unreadable:{version}")
