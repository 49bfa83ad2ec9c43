"""The plan as people read it: what is overdue, what each of the next weeks asks for, what comes later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from cmvigil.advice import Advice, Item, Option, Task
from cmvigil.report import words
from cmvigil.report.appraisal import against_running
from cmvigil.report.reading import rhythms_of

WEEKS = 4
"""So many weeks stand day by day; what comes after them in a line."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Row:
    """One thing to do: a cell for each week (``Thu 14, Sat 16``), and what comes after the weeks."""

    what: str
    why: str
    cells: list[str]
    later: str


@dataclass(frozen=True)
class Plan:
    """``heads``: the weeks from the day of the assessment on, each with its days of therapy where they are counted."""

    overdue: list[Task]
    heads: list[str]
    rows: list[Row]
    alerts: list[Item]


def plan(advice: Advice) -> Plan:
    """The plan of an advice. Alerts are what it says on safety: a threshold crossed, a test that is lacking."""
    first = date.fromisoformat(advice.as_of)
    starts = [first + timedelta(days=7 * n) for n in range(WEEKS)]
    coming = [task for task in advice.tasks if not task.overdue]
    alike: dict[tuple[str, str, str], list[Task]] = {}
    for task in sorted(coming, key=lambda t: t.day):
        alike.setdefault((task.what, task.why, task.rule), []).append(task)
    alerts = [i for i in advice.advice if i.severity == "harm" and i.said]
    alerts += [item for option in advice.options if (item := _barred(option)) is not None]
    return Plan(
        overdue=sorted((task for task in advice.tasks if task.overdue), key=lambda t: (t.day, t.what)),
        heads=[_head(start, coming) for start in starts],
        rows=[_row(tasks, starts) for tasks in alike.values()],
        alerts=alerts,
    )


def _barred(option: Option) -> Item | None:
    """The reason that forbids a drug which runs all the same: it has no dosing card that would say so."""
    badly = against_running(option)
    reasons = [i for i in option.reasons if i.effect == option.verdict and i.said]
    if not badly or not reasons or option.verdict != "contraindicated":
        return None
    deciding = next((item for item in reasons if item.headline == option.why), reasons[0])
    headline = f"{words.sentence(option.label)}: {badly[:1].lower()}{badly[1:]}. {deciding.headline}"
    return deciding.model_copy(update={"headline": headline, "severity": "harm"})


def _head(start: date, tasks: list[Task]) -> str:
    """``13 to 19 May, days 9 to 15``."""
    end = start + timedelta(days=6)
    month = "" if start.month == end.month else f"{words.NBSP}{words.month(start)}"
    said = f"{start.day}{month} to {end.day}{words.NBSP}{words.month(end)}"
    zero = next(
        (date.fromisoformat(t.day) - timedelta(days=t.therapy_day) for t in tasks if t.therapy_day is not None), None
    )
    return said if zero is None else f"{said}, days {(start - zero).days} to {(end - zero).days}"


def _row(tasks: list[Task], starts: list[date]) -> Row:
    days = [date.fromisoformat(task.day) for task in tasks]
    cells = []
    for start in starts:
        here = [day for day in days if start <= day < start + timedelta(days=7)]
        cells.append("daily" if len(set(here)) == 7 else ", ".join(dict.fromkeys(_short(day) for day in here)))
    beyond = [task for task, day in zip(tasks, days, strict=True) if day >= starts[-1] + timedelta(days=7)]
    later = "; ".join(rhythm.when for rhythm in rhythms_of(beyond))
    if not beyond and tasks[-1].repeats:
        later = tasks[-1].repeats
    return Row(tasks[0].what, tasks[0].why, cells, later)


def _short(day: date) -> str:
    return f"{_WEEKDAYS[day.weekday()]}{words.NBSP}{day.day}"
