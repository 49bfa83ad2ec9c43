"""Dated tasks from a rule's schedule: what is due when, what is already done, what is overdue.

An entry says ``what``, an ``anchor`` (a dated fact, or ``as_of``), ``from`` and ``until`` (days after the anchor),
``every`` (days), and ``done``: the fact whose latest date settles all tasks up to it. One task may lag ``slack`` days
(default 1). A fact that was looked for and not found settles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from .. import advice as a
from ..reasoning.model import Rule
from ..reasoning.outcome import Outcome
from .wording import day as day_in_words

AT_MOST = 12
"""Future dates listed per entry; the last of a longer series says how it goes on."""


def tasks_of(rule: Rule, outcome: Outcome, fill: Callable[[str], str]) -> Iterator[a.Task]:
    """Tasks of one rule: the newest overdue one of each entry, and those from today on."""
    for entry in rule.schedule:
        anchor = _anchor(str(entry.get("anchor", "as_of")), outcome)
        if anchor is None:
            continue
        due = list(_dates(entry, anchor))
        done = _done(entry, outcome)
        open_days = [d for d in due if done is None or d > done + timedelta(days=_int(entry, "slack", 1))]
        late = [d for d in open_days if d < outcome.as_of][-1:]
        coming = [d for d in open_days if d >= outcome.as_of]
        for day in [*late, *coming[:AT_MOST]]:
            goes_on = len(coming) > AT_MOST and day == coming[AT_MOST - 1]
            yield a.Task(
                day=day.isoformat(),
                therapy_day=_therapy_day(day, outcome),
                what=fill(str(entry["what"])),
                why=fill(str(entry.get("why", rule.headline))),
                rule=rule.name,
                topic=rule.topic,
                overdue=day < outcome.as_of,
                repeats=_repeats(entry, coming[-1]) if goes_on else "",
            )


def _dates(entry: Mapping[str, Any], anchor: date) -> Iterator[date]:
    start, until, every = (
        _int(entry, "from", 0),
        _int(entry, "until", _int(entry, "from", 0)),
        _int(entry, "every", 7),
    )
    for offset in range(start, until + 1, every):
        yield anchor + timedelta(days=offset)


def _repeats(entry: Mapping[str, Any], last: date) -> str:
    every = _int(entry, "every", 7)
    return f"then {'every day' if every == 1 else f'every {every} days'} until {day_in_words(last)}"


def _int(entry: Mapping[str, Any], key: str, default: int) -> int:
    return int(entry.get(key, default))


def _anchor(name: str, outcome: Outcome) -> date | None:
    if name == "as_of":
        return outcome.as_of
    found = outcome.values.get(name)
    if isinstance(found, date):
        return found
    fact = outcome.facts.get(name)
    return fact.day if fact is not None and fact.state == "known" else None


def _done(entry: Mapping[str, Any], outcome: Outcome) -> date | None:
    fact = outcome.facts.get(str(entry.get("done", "")))
    return fact.day if fact is not None and fact.state != "absent" else None


def _therapy_day(day: date, outcome: Outcome) -> int | None:
    start = outcome.values.get("line_start")
    return (day - start).days if isinstance(start, date) and outcome.values.get("line_running") else None
