"""Who needs attention: the lines of a worklist that one patient gives on a day, the most urgent first.

Nothing is judged anew here: ``tables/worklist.yaml`` picks from what the answer says, and gives it a place in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from .. import advice as a
from ..reasoning.engines import python
from ..reasoning.model import Program
from ..reasoning.outcome import Outcome
from ..record.tables import Record
from .compose import compose, day_of
from .genotypes import with_readings
from .wording import day as in_words
from .wording import fill

TABLE = "worklist"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Line:
    """Why a patient needs attention. ``about`` changes when what it rests on does: an older answer to it is void then.

    ``urgency``: 1 now, 2 today, 3 this week, 4 when there is time. ``due`` is an ISO day, or empty.
    """

    urgency: int
    kind: str
    label: str
    reason: str
    about: str
    rule: str = ""
    due: str = ""
    task: str = ""  # what is to be done; a rule may have several tasks, and each is a line


def attention(record: Record, program: Program, as_of: date | None = None) -> tuple[a.Advice, list[Line]]:
    """The answer of a day, and its lines for the worklist. Raises NothingToAssessError without a day."""
    record = with_readings(record, program)
    outcome = python.run(program, record.rows, day_of(record, as_of), record.patient)
    advice = compose(record, program, outcome)
    return advice, list(lines(advice, program, outcome))


def lines(advice: a.Advice, program: Program, outcome: Outcome) -> Iterator[Line]:
    """The lines, most urgent first; each rule, task and fact once."""
    claimed: set[tuple[str, str]] = set()
    made: list[Line] = []
    picker = _Picker(advice, program, outcome)
    for row in program.tables[TABLE].rows:
        for line in picker.of(row):
            if not claimed & {(line.rule, ""), (line.rule, line.task)}:
                claimed.add((line.rule, line.task))
                made.append(line)
    yield from sorted(made, key=lambda line: line.urgency)


class _Picker:
    """Finds what a row of the table asks for."""

    def __init__(self, advice: a.Advice, program: Program, outcome: Outcome) -> None:
        self.advice, self.program, self.outcome = advice, program, outcome
        self.items = [*advice.advice, *advice.abstentions, *advice.causes, *advice.findings]
        self.asks: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Line]]] = {
            "rule": self._rule,
            "harm": self._severity,
            "act": self._severity,
            "definition": self._definition,
            "dated": self._dated,
            "overdue": self._task,
            "due": self._task,
            "open": self._open,
        }

    def of(self, row: Mapping[str, Any]) -> Iterator[Line]:
        """The lines that a row gives."""
        yield from self.asks[str(row["asks"])](row)

    def _rule(self, row: Mapping[str, Any]) -> Iterator[Line]:
        for item in self.items:
            if item.said and item.rule == row["name"]:
                yield self._of_item(row, item)

    def _severity(self, row: Mapping[str, Any]) -> Iterator[Line]:
        kind, _, topic = str(row["name"]).partition("/")
        for item in self.items:
            of_kind = self.program.rules[item.rule].kind == kind and topic in ("any", item.topic)
            if item.said and item.severity == row["asks"] and of_kind:
                yield self._of_item(row, item)

    def _open(self, row: Mapping[str, Any]) -> Iterator[Line]:
        """One line for each question that a warning of harm hangs on, by what is lacking: it orders nothing."""
        waiting = {i.rule: i for i in self.items if i.state == "undetermined" and i.severity == "harm"}
        for question in self.advice.changes:
            decided = [waiting.pop(rule) for rule in question.rules if rule in waiting]
            if decided:
                more = f" and {len(decided) - 1} more" if len(decided) > 1 else ""
                reason = f"Not known: {question.ask}. It decides “{decided[0].headline}”{more}"
                yield self._line(row, reason, decided[0].rule, question.fact)

    def _definition(self, row: Mapping[str, Any]) -> Iterator[Line]:
        name = str(row["name"])
        if self.outcome.values.get(name) is True:
            latest = max((fact.day for fact in self.outcome.facts.values() if fact.day), default=self.outcome.as_of)
            yield self._line(row, self._text(row), name, str(latest))

    def _dated(self, row: Mapping[str, Any]) -> Iterator[Line]:
        name, within = str(row["name"]), timedelta(days=int(row["within"]))
        day = self.outcome.values.get(name)
        if isinstance(day, date) and self.outcome.as_of - within <= day <= self.outcome.as_of:
            yield self._line(row, self._text(row), name, day.isoformat())

    def _task(self, row: Mapping[str, Any]) -> Iterator[Line]:
        name, late = str(row["name"]), row["asks"] == "overdue"
        last = self.outcome.as_of if late else self.outcome.as_of + timedelta(days=int(row["within"]))
        for task in self.advice.tasks:
            if name in ("any", task.rule) and task.overdue is late and date.fromisoformat(task.day) <= last:
                when = in_words(date.fromisoformat(task.day))
                day = "" if task.therapy_day is None else f", day {task.therapy_day}"
                reason = f"{task.what}: {'was due' if late else 'due'} {when}{day}"
                yield replace(
                    self._line(row, reason, task.rule, f"{task.what} {task.day}"), due=task.day, task=task.what
                )

    def _of_item(self, row: Mapping[str, Any], item: a.Item) -> Line:
        halves = [half for half in (item.walkback.when, item.walkback.unless) if half is not None]
        names = {name for half in halves for name in _facts(half, self.advice)}
        days = (event.day for name in names if name in self.advice.facts for event in self.advice.facts[name].events)
        return self._line(row, item.headline, item.rule, max(days, default=""))

    def _text(self, row: Mapping[str, Any]) -> str:
        return fill(str(row["text"]), self.program, self.outcome)

    def _line(self, row: Mapping[str, Any], reason: str, rule: str, rests_on: str) -> Line:
        about = f"{row['kind']}:{rule}:{rests_on}"
        return Line(int(row["urgency"]), str(row["kind"]), str(row["label"]), _short(reason), about[:300], rule)


def _facts(condition: a.Condition, advice: a.Advice) -> Iterator[str]:
    """The facts that a condition looked at, also through named ones."""
    yield from condition.facts
    for part in condition.below(advice.definitions):
        yield from _facts(part, advice)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
