"""Strong advice against harm is never found further down only; each conformance patient is held to it too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.summary import NAMED, not_on_top

from cmvigil.assess import assess
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record

ROOT = Path(__file__).parents[2]
CASES = sorted((*ROOT.glob("examples/*/case.yaml"), *ROOT.glob("tests/cases/*/case.yaml")))

FLOATERS = """
as_of: 2026-05-20
person: {age: 41, sex: male, weight: 60 kg, height: 175 cm}
host: {hiv: {since: 2001, cd4: 45 /uL}}
symptoms: {visual_symptoms: yes, fever: no}
viral_loads: [{date: 2026-05-18, value: 820, unit: copies/mL, specimen: whole_blood}]
drugs: []
complete: [medications]
"""


def test_the_list_is_complete() -> None:
    rules = load().rules.values()
    strong = {r.name for r in rules if (r.kind, r.severity, r.strength) == ("advice", "harm", "strong")}
    assert strong == NAMED.keys()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_strong_advice_against_harm_stands_on_top(path: Path) -> None:
    assert not_on_top(assess(read_record(path))) == []


def test_floaters_in_hiv_go_to_the_ophthalmologist_in_the_first_lines() -> None:
    assert "Dilated examination by an ophthalmologist today." in assess(read_record(FLOATERS)).summary
