"""The chart day by day: each day is assessed as it was known then; nothing sees the future."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

from ..reasoning.model import Program
from ..record.tables import Record, Row
from .compose import assess


class Day(BaseModel):
    """The badges and rules of one day."""

    model_config = ConfigDict(frozen=True)
    day: str
    status: list[str]
    applies: list[str]


class First(BaseModel):
    """The first day on which a rule applied."""

    model_config = ConfigDict(frozen=True)
    day: str
    rule: str
    headline: str


class Replay(BaseModel):
    """A replayed chart."""

    model_config = ConfigDict(frozen=True)
    days: list[Day]
    first: list[First]


def days_of(record: Record, every: int = 0) -> list[date]:
    """Days with news (a birth is none), up to the record's own day; with ``every`` also each so many days between."""
    last = record.as_of or record.last_day()
    if last is None:
        return []
    rows = [row for name, found in record.rows.items() if name != "person" for row in found]
    days = {day for row in rows for day in _news(row, last)} | {last}
    if every:
        start = min(days)
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
    """Assess every day; note the first on which each rule applied."""
    made: list[Day] = []
    first: dict[str, First] = {}
    for day in days:
        advice = assess(record, program, day)
        items = [
            i
            for i in (*advice.abstentions, *advice.causes, *advice.findings, *advice.advice)
            if i.state in ("applies", "provided")
        ]
        for item in items:
            first.setdefault(item.rule, First(day=advice.as_of, rule=item.rule, headline=item.headline))
        status = [f"{s.label}: {s.answer}" for s in advice.status]
        made.append(Day(day=advice.as_of, status=status, applies=[i.rule for i in items]))
    return Replay(days=made, first=sorted(first.values(), key=lambda f: (f.day, f.rule)))
