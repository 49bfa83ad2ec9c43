"""The chart day by day: each day is assessed as it was known then; nothing sees the future."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

from ..reasoning.engines import python
from ..reasoning.model import Program
from ..record.tables import Record, Row
from .compose import brief
from .genotypes import with_readings


class Day(BaseModel):
    """The badges, rules and overdue tasks of one day."""

    model_config = ConfigDict(frozen=True)
    day: str
    status: list[str]
    applies: list[str]
    overdue: list[str] = []


class First(BaseModel):
    """The first day on which a rule applied, or a task of it was overdue."""

    model_config = ConfigDict(frozen=True)
    day: str
    rule: str
    headline: str


class Replay(BaseModel):
    """A replayed chart."""

    model_config = ConfigDict(frozen=True)
    days: list[Day]
    first: list[First]


def days_of(record: Record, every: int = 0, within: int | None = None) -> list[date]:
    """Days with news (a birth is none), up to the record's own day; with ``every`` also each so many days between.

    ``within`` so many days before the last; what is longer ago is looked at on days with news only.
    """
    last = record.as_of or record.last_day()
    if last is None:
        return []
    rows = [row for name, found in record.rows.items() if name != "person" for row in found]
    days = {day for row in rows for day in _news(row, last)} | {last}
    if every:
        start = min(days) if within is None else max(min(days), last - timedelta(days=within))
        days |= {start + timedelta(days=n) for n in range(0, (last - start).days, every)}
    return sorted(days)


def _news(row: Row, last: date) -> Iterator[date]:
    """The day on which a row was first known, and the first day after its end."""
    known, end = max(row.day, row.known_on), getattr(row, "end", None)
    if known <= last:
        yield known
    if end is not None and known <= end < last:
        yield end + timedelta(days=1)


def replay(record: Record, program: Program, days: Iterable[date]) -> Replay:
    """Assess every day; note the first on which each rule applied, and on which each task was overdue."""
    made: list[Day] = []
    first: dict[tuple[str, str], First] = {}
    record = with_readings(record, program)
    for day in days:
        found, iso = brief(record, program, python.run(program, record.rows, day, record.patient)), day.isoformat()
        late = [task for task in found.tasks if task.overdue]
        for rule, headline in found.said:
            first.setdefault((rule, ""), First(day=iso, rule=rule, headline=headline))
        for task in late:
            words = f"Overdue: {task.what}"
            first.setdefault((task.rule, task.what), First(day=iso, rule=task.rule, headline=words))
        status = [f"{s.label}: {s.answer}" for s in found.status]
        overdue = list(dict.fromkeys(task.rule for task in late))
        made.append(Day(day=iso, status=status, applies=[rule for rule, _ in found.said], overdue=overdue))
    return Replay(days=made, first=sorted(first.values(), key=lambda f: (f.day, f.rule, f.headline)))
