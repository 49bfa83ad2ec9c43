"""A back-test of virtual patients: one pass over all their days, against the single runs of the same days."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

from cmvigil.cohort.answer import answer
from cmvigil.cohort.backtest import look_back
from cmvigil.cohort.intake import intake
from cmvigil.cohort.results import SAID
from cmvigil.cohort.store import open_store
from cmvigil.reasoning.loader import load
from cmvigil.synth.export import export
from cmvigil.synth.lives import Ward

LAST = date(2026, 6, 30)
Made = TypeVar("Made")


@dataclass(frozen=True)
class BackTest:
    """One run. Times are seconds of processor time, all cores together."""

    patients: int
    days: int
    snapshots: int  # patient-days on which anything was known
    whole: float
    single: float  # of one day, for everybody

    @property
    def each(self) -> float:
        """Seconds for a patient-day."""
        return self.whole / self.snapshots

    @property
    def ratio(self) -> float:
        """To single runs of all the days."""
        return self.whole / (self.single * self.days)


def measure(patients: int, days: int, singles: int) -> BackTest:
    """Back-test so many patients; of the single runs so many are made, spread over the days, and taken for all."""
    program = load()
    wanted = [rule.name for rule in program.rules.values() if rule.kind in SAID]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "ward").mkdir()
        export(folder / "ward", Ward(1, 0.3, days, LAST, "mix"), program, patients)
        with open_store(folder / "store.duckdb") as on:
            intake(on, folder / "ward" / "fhir")
            first = LAST - timedelta(days=days - 1)
            looked, whole = _spent(lambda: look_back(on, program, first, LAST, rules=wanted, jobs=2))
            some = [first + timedelta(days=(2 * n + 1) * days // (2 * singles)) for n in range(singles)]
            _, single = _spent(lambda: [answer(on, program, day, rules=wanted, jobs=2) for day in some])
    return BackTest(patients, days, looked.snapshots, whole, single / singles)


def _spent(work: Callable[[], Made]) -> tuple[Made, float]:
    start = time.process_time()
    made = work()
    return made, time.process_time() - start
