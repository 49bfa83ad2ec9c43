"""Run a program on the reference and on a set-based engine, and list every cell in which they differ."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.support.engines import Run

from cmvigil.reasoning.engines import duckdb as sets
from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.model import Program

from .records import Rows


def cells(outcome: Any) -> dict[str, Any]:
    """Every answer of an outcome by name: facts with state and day, values, halves of rules."""
    made: dict[str, Any] = {f"fact {n}": (f.state, f.value, f.day) for n, f in outcome.facts.items()}
    made.update((f"value {n}", v) for n, v in outcome.values.items())
    made.update((f"rule {n}", (r.when, r.unless)) for n, r in outcome.rules.items())
    return made


def differences(
    program: Program,
    records: list[tuple[str, Rows]],
    days: Iterable[date],
    hide: Iterable[tuple[str, str]] = (),
    engine: Run = sets.run,
) -> tuple[int, list[str]]:
    """How many cells were compared, and those in which ``engine`` differs from the reference."""
    days, hide = list(days), list(hide)
    found = engine(program, records, [(p, d) for p, _ in records for d in days], hide)
    count, wrong = 0, []
    for patient, rows in records:
        hidden = [fact for who, fact in hide if who == patient]
        for day in days:
            expected = cells(reference.run(program, rows, day, patient, hidden))
            answered = cells(found[patient, day])
            assert expected.keys() == answered.keys()
            count += len(expected)
            wrong += [f"{patient} {day} {c}: {v!r} <> {answered[c]!r}" for c, v in expected.items() if v != answered[c]]
    return count, wrong
