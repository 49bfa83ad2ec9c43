"""No statement is called better verified than the weakest of what it rests on."""

from __future__ import annotations

import pytest

from cmvigil.reasoning.loader import load

RECALLED = (
    # rules
    "axis_immunity_absent",
    "axis_immunity_present",
    "cause_advanced_hiv",
    "cause_depleting_antibody",
    "cause_depleting_induction",
    "cause_steroid",
    "immunity_absent_prolong",
    "liver_disease",
    "mtor_exchange",
    "relapse_risk_by_lymphocytes",
    # definitions
    "advanced_hiv",
    "asymptomatic_dnaemia",
    "end_organ_disease",
    "hepatitis",
    "leukopenia",
    "negative_blood_does_not_clear",
    "pneumonia",
    "t_cell_depleted",
    "test_tissue_for_cmv",
    "thrombocytopenia",
    "treat_despite_low_density",
)


@pytest.mark.parametrize("name", RECALLED)
def test_what_rests_on_memory_says_so(name: str) -> None:
    program = load()
    item = program.rules.get(name) or program.definitions[name]
    assert item.verification == "recalled"


@pytest.mark.parametrize("name", ["levels_around_maribavir", "prophylaxis_other_mismatch"])
def test_what_was_read_second_hand_says_so(name: str) -> None:
    assert load().rules[name].verification == "secondary"


def test_every_source_but_our_own_can_be_found() -> None:
    bare = [key for key, source in load().sources.items() if not source.get("locator") and key != "DESIGN"]
    assert bare == []
