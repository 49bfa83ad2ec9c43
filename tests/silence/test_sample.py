"""A sample of patients without CMV: how many get a card, held to a budget, and against what the hook shows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
from benchmarks import silence
from benchmarks.silence import BUDGET, KINDS, PAGE, SAMPLE
from tests.cohort.support import taken

from cmvigil.assess import assess
from cmvigil.cohort.answer import answer
from cmvigil.cohort.drill import record_of
from cmvigil.reasoning.loader import load
from cmvigil.service.hooks import cards
from cmvigil.synth.export import LAST_DAY, export
from cmvigil.synth.lives import Ward


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return silence.ordinary(tmp_path_factory.mktemp("ordinary"), SAMPLE, load())


def test_the_sample_keeps_to_its_budget(store: duckdb.DuckDBPyConnection) -> None:
    found = silence.counted(store, load())
    assert found.patients == dict.fromkeys(KINDS, SAMPLE)
    for kind in KINDS:
        rules = {rule: number for (of, rule), number in found.leading.items() if of == kind}
        assert found.cards.get(kind, 0) <= BUDGET[kind], f"{KINDS[kind]}: {rules}"


def test_the_page_says_what_the_sample_shows(store: duckdb.DuckDBPyConnection) -> None:
    program = load()
    written = silence.told(PAGE.read_text(encoding="utf-8"), "sample")
    assert written == silence.table(silence.counted(store, program), program), "run: python -m benchmarks.silence"


def test_a_card_is_counted_where_the_hook_shows_one(store: duckdb.DuckDBPyConnection) -> None:
    assert silence.cards(store, load()) == of_hook(store, LAST_DAY)


@pytest.mark.parametrize("day", ["2026-03-10", "2026-06-30"])
def test_also_of_patients_with_cmv(tmp_path: Path, day: str) -> None:
    program = load()
    (tmp_path / "made").mkdir()
    export(tmp_path / "made", Ward(3, 1.0, 180, LAST_DAY), program, 25)
    on = taken(tmp_path / "made" / "fhir", tmp_path / "store")
    answer(on, program, date.fromisoformat(day))
    found = silence.cards(on, program)
    assert found == of_hook(on, date.fromisoformat(day))
    assert len(set(found.values())) > 3


def of_hook(on: duckdb.DuckDBPyConnection, day: date) -> dict[str, str]:
    """What the hook shows of each patient of a store: the rule that leads the card."""
    program, found = load(), {}
    for (patient,) in on.execute("SELECT patient FROM answer").fetchall():
        card = cards.of_patient(assess(record_of(on, patient), program, day, explain=False), ())
        if card is not None:
            found[patient] = card.rule
    return found
