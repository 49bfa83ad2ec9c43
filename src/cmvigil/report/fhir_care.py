"""The dates: a CarePlan that proposes what to watch and when."""

from __future__ import annotations

from datetime import date, timedelta

from cmvigil.report.fhir_frame import Frame, Resource, text, texts
from cmvigil.report.ics import topic
from cmvigil.report.reading import Rhythm

TITLE = "Dates of tests and checks"


def care_plan(frame: Frame) -> list[Resource]:
    """The plan; none where nothing is dated. A series is one activity with all its dates."""
    advice, rhythms = frame.advice, frame.reading.rhythms
    if not rhythms:
        return []
    days = [advice.as_of, *(rhythm.task.day for rhythm in rhythms), *(rhythm.last for rhythm in rhythms)]
    return [
        frame.resource(
            "CarePlan",
            "care",
            [TITLE, *(f"{rhythm.when}: {rhythm.task.what}" for rhythm in rhythms)],
            status="draft",
            intent="proposal",
            title=TITLE,
            subject=frame.subject,
            period={"start": min(days), "end": max(days)},
            created=advice.as_of,
            author=frame.device,
            activity=[{"detail": _activity(frame, rhythm)} for rhythm in rhythms],
        )
    ]


def _activity(frame: Frame, rhythm: Rhythm) -> Resource:
    task = rhythm.task
    first = date.fromisoformat(task.day)
    days = [str(first + timedelta(days=n * rhythm.step)) for n in range(rhythm.times)]
    made: Resource = {
        "kind": "Task",
        "status": "not-started",
        "code": {"text": text(task.what)},
        # R4: a code of a Timing says all of it, so it may say how a series goes on after its last date.
        "scheduledTiming": {"event": days, "code": {"text": text(rhythm.when)}},
        "description": texts(f"{topic(frame.advice, task)}: {task.what}. {rhythm.when}"),
    }
    made |= {"reasonCode": [{"text": text(task.why)}]} if task.why else {}
    return made | ({"statusReason": {"text": "Overdue"}} if task.overdue else {})
