"""What the mutants are held against: what people wrote, and two change detectors that the program wrote of itself.

- *written*: what people wrote that patients should hear: ``expected.yaml`` of a case, the conformance tests;
- *pinned*: ``expected.csv``, what became true, false or unknown for every example on every day with news;
- *decided*: ``decisions.csv``, single decisions ("given these facts, this is true") for what no patient reaches.

Only the first says that an answer is right. The other two are the program's own answers of an earlier day: they tell
that something changed, and somebody then reads the diff.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from cmvigil.assess.compose import day_of
from cmvigil.assess.replay import days_of
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.model import Program
from cmvigil.reasoning.outcome import Outcome
from cmvigil.reasoning.source import read_yaml
from cmvigil.reasoning.values import Ratio
from cmvigil.record.read import read_record
from cmvigil.record.tables import Range

HERE = Path(__file__).parent
CASES = (HERE.parents[1] / "examples", HERE.parent / "cases")
CONFORMANCE = HERE.parent / "conformance"
PINNED, DECIDED = HERE / "expected.csv", HERE / "decisions.csv"
DAY = date(2026, 1, 1)  # of decisions
NOBODY = "as_of: 2026-01-01\nperson: {age: 50}\n"
WORDS: Mapping[bool | None, str] = {True: "true", False: "false", None: "unknown"}


@dataclass
class Snapshot:
    """One patient at one day as the reference engine sees it, and what somebody wrote that must hold of it."""

    where: str
    outcome: Outcome
    states: Mapping[str, str]
    rules: dict[str, str] = field(default_factory=dict)  # rule -> state after precedence
    definitions: dict[str, str] = field(default_factory=dict)  # definition -> truth
    pinned: bool = False


def snapshot(where: str, outcome: Outcome) -> Snapshot:
    """A snapshot nobody has said anything about yet."""
    return Snapshot(where, outcome, {name: fact.state for name, fact in outcome.facts.items()})


def truth_of(outcome: Outcome, name: str) -> bool | None:
    """The truth of a definition, or of a rule before precedence."""
    return outcome.rules[name].truth if name in outcome.rules else outcome.values[name]


def examples(program: Program) -> Iterator[Snapshot]:
    """Every example and case on every day with news; what was written holds on its own day."""
    for path in [path for folder in CASES for path in sorted(folder.glob("*/case.yaml"))]:
        record = read_record(path)
        expected = read_yaml(path.with_name("expected.yaml")) or {}
        last = day_of(record)
        for day in days_of(record):
            made = snapshot(f"{path.parent.name} {day}", python.run(program, record.rows, day, record.patient))
            made.pinned = True
            if day == last:
                made.rules = dict(expected.get("rules", {}))
                made.definitions = {k: str(v).lower() for k, v in expected.get("definitions", {}).items()}
            yield made


class Listener:
    """Runs the conformance tests and keeps every patient they look at, with the states of rules that they ask for."""

    def __init__(self) -> None:
        self.kept: list[Snapshot] = []
        self.failed: list[str] = []
        self.of_this_test: list[Snapshot] = []
        self.of_answer: dict[int, tuple[Any, Snapshot]] = {}

    def listen(self) -> list[Snapshot]:
        """The patients of the conformance tests. Raises RuntimeError when one fails: what it wants does not hold."""
        from tests.conformance import patients, support

        from cmvigil.assess import compose as composing

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(composing, "compose", self.composed(composing.compose))
            state = self.asked(support.state)
            for module in (support, patients):
                patch.setattr(module, "state", state)
            patch.setattr(patients, "badge", self.shown(patients.badge))
            quiet = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-cov"]
            ended = pytest.main([str(CONFORMANCE), *quiet], plugins=[self])
        if ended != pytest.ExitCode.OK:
            raise RuntimeError(f"conformance tests ended with {ended!r}; mend these first: {', '.join(self.failed)}")
        return self.kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After each test: keep its patients, or its name where it failed."""
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "call":
            self.kept += [one for one in self.of_this_test if one.rules]
            self.of_this_test = []

    def composed(self, compose: Callable[..., Any]) -> Callable[..., Any]:
        """``compose``, remembering which outcome an answer was made from."""

        @wraps(compose)
        def made(record: Any, program: Program, outcome: Outcome, *more: Any, **given: Any) -> Any:
            answer = compose(record, program, outcome, *more, **given)
            if not program.overlays:
                one = snapshot("conformance", outcome)
                self.of_this_test.append(one)
                self.of_answer[id(answer)] = (answer, one)
            return answer

        return made

    def asked(self, state: Callable[..., str]) -> Callable[..., str]:
        """``state``, remembering what a test was told: the test passes, so that is what it wants."""

        @wraps(state)
        def told(advice: Any, rule: str) -> str:
            found = state(advice, rule)
            if id(advice) in self.of_answer:
                self.of_answer[id(advice)][1].rules[rule] = found
            return found

        return told

    def shown(self, badge: Callable[..., Any]) -> Callable[..., Any]:
        """``badge``, remembering which rule a test was shown: the test passes, so that one is to speak."""

        @wraps(badge)
        def told(case: Any, name: str) -> Any:
            found = badge(case, name)
            one = self.of_this_test[-1]
            one.rules[found.rule] = settle_one(one.outcome, found.rule)
            return found

        return told


# --- expected.csv ---------------------------------------------------------------------------------------------


def pins(program: Program, snapshots: Iterable[Snapshot]) -> list[tuple[str, str, str]]:
    """Patient and day, truth, names whose truth became this since the patient's day before.

    The first day is told against ``NOBODY``, a record that holds nothing but a person.
    """
    names = sorted((*program.definitions, *program.rules))
    nobody = python.run(program, read_record(NOBODY).rows, DAY)
    rows, patient, before = [], "", nobody
    for one in snapshots:
        if one.where.split()[0] != patient:
            patient, before = one.where.split()[0], nobody
        for truth in (True, False, None):
            became = [n for n in names if truth_of(one.outcome, n) is truth and truth_of(before, n) is not truth]
            if became:
                rows.append((one.where, WORDS[truth], " ".join(became)))
        before = one.outcome
    return rows


def read_pins() -> list[tuple[str, str, str]]:
    """The rows of ``expected.csv``."""
    with PINNED.open(encoding="utf-8", newline="") as file:
        return [(row["patient and day"], row["became"], row["names"]) for row in csv.DictReader(file)]


def write_pins(rows: Iterable[tuple[str, str, str]]) -> None:
    """Write ``expected.csv``; its diff is to be read before it is committed."""
    _write(PINNED, ("patient and day", "became", "names"), rows)


# --- decisions.csv --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """Given these values (what is not given is unknown), a definition or rule has this truth."""

    name: str
    given: tuple[tuple[str, str], ...]
    truth: str

    @property
    def spelled(self) -> str:
        """``line_running=true; line_day=13``."""
        return "; ".join(f"{name}={value}" for name, value in self.given)


def read_decisions() -> list[Decision]:
    """The rows of ``decisions.csv``."""
    with DECIDED.open(encoding="utf-8", newline="") as file:
        return [Decision(row["name"], _given(row["given"]), row["truth"]) for row in csv.DictReader(file)]


def _given(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (part.partition("=") for part in text.split("; ") if part)
    return tuple((name, value) for name, _, value in pairs)


def write_decisions(decisions: Iterable[Decision]) -> None:
    """Write ``decisions.csv``, sorted; its diff is to be read before it is committed."""
    rows = sorted({(d.name, d.spelled, d.truth) for d in decisions})
    _write(DECIDED, ("name", "given", "truth"), rows)


def _write(path: Path, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def as_value(text: str, kind: str) -> Any:
    """A value of ``decisions.csv`` as the engine sees it."""
    match kind:
        case "bool":
            return text == "true"
        case "exact":
            return Decimal(text)
        case "measured":
            return Range(Decimal(text), Decimal(text))
        case "ratio":
            return Ratio(Decimal(text), Decimal(1))
        case "date":
            return date.fromisoformat(text)
        case _:
            return text


def ancestors(program: Program, direct: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """For every name, all names it stands on."""
    found: dict[str, frozenset[str]] = {}
    for name in (*program.order, *program.rules):
        below = direct[name]
        found[name] = below.union(*(found.get(other, frozenset()) for other in below))
    return found


def overriders(program: Program) -> Mapping[str, list[str]]:
    """Rule -> rules that override it."""
    made: dict[str, list[str]] = defaultdict(list)
    for rule in program.rules.values():
        for other in rule.overrides:
            made[other].append(rule.name)
    return made


def settle_one(outcome: Outcome, rule: str) -> str:
    """The state of a rule that nothing overrides, as badges are."""
    return {True: "applies", False: "silent", None: "undetermined"}[outcome.rules[rule].truth]
