"""Answers about many patients are those of each patient alone."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import duckdb
import pytest

from cmvigil.assess.genotypes import with_readings
from cmvigil.assess.precedence import settle
from cmvigil.cohort.answer import answer
from cmvigil.cohort.drill import record_of
from cmvigil.cohort.settled import Settling
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.loader import load
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward

from .support import taken

AS_OF = date(2026, 5, 20)
_STATES = {"applies": "applies", "provided": "provided", "undetermined": "undetermined", "overridden": "overridden"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    folder = tmp_path_factory.mktemp("cohort")
    (folder / "out").mkdir()
    synthesise(folder / "out", Ward(5, 0.4, 180, date(2026, 6, 30), "mix"), load(), 120)
    on = taken(folder / "out" / "fhir", folder / "store")
    answer(on, load(), AS_OF, jobs=2)
    return on


def _of_store(on: duckdb.DuckDBPyConnection) -> dict[str, dict[str, set[str]]]:
    always = {row[0]: row[1:] for row in on.execute("SELECT * FROM always").fetchall()}
    made = {}
    for patient, cohort, *lists in on.execute(
        f"SELECT patient, cohort, {', '.join(Settling.LISTS)} FROM answer"
    ).fetchall():
        made[patient] = {
            name: {*own, *everybody} for name, own, everybody in zip(Settling.LISTS, lists, always[cohort], strict=True)
        }
    return made


def test_every_rule_and_definition_of_every_patient(store: duckdb.DuckDBPyConnection) -> None:
    program = load()
    answers = _of_store(store)
    assert len(answers) == 120
    for patient, found in answers.items():
        record = with_readings(record_of(store, patient), program)
        outcome = python.run(program, record.rows, AS_OF, patient)
        expected: dict[str, set[str]] = defaultdict(set)
        for name, settled in settle(program, outcome).items():
            expected[settled.state].add(name)
        for name in program.definitions:
            truth = outcome.values[name]
            expected["holds" if truth else "unsure" if truth is None else "fails"].add(name)
        for list_ in Settling.LISTS:
            assert found[list_] == expected[list_], (patient, list_, found[list_] ^ expected[list_])
