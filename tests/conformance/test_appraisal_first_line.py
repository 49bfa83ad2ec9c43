"""Whole patients and the verdicts on ganciclovir, valganciclovir and foscarnet, in step with the advice beside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.patients import colitis, loads, valganciclovir
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    HIV,
    KIDNEY,
    answer,
    changed,
    items,
    state,
)
from tests.conformance.test_option_ganciclovir import (
    BRAIN,
    CHILD,
    COUNTS,
    EYE,
    FAILING,
    FALLEN,
    HALF_DOSE,
    LOOSE,
    MILD,
    ON_FOSCARNET,
    UNTREATED,
    called,
    labs,
    verdicts,
)

from cmvigil.advice import Advice
from cmvigil.assess import assess
from cmvigil.record.read import read_record

EXAMPLES = Path(__file__).parents[2] / "examples"
ON_DIALYSIS = changed(UNTREATED, {"procedures": [{"procedure": "haemodialysis", "start": "d-100"}]})
CONTINUOUS = changed(UNTREATED, {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-2"}]})
PREGNANT = changed(COLITIS, {"person": {"pregnant": "yes"}})
NO_COUNTS = changed(UNTREATED, {"labs": {"neutrophils": None, "platelets": None, "haemoglobin": None}})
BLEEDING = labs(COLITIS, haemoglobin="75 g/L")
UC_FAILING = colitis(
    "d42",
    viral_loads=loads(m1="12000", d7="14000", d14="13000", d28="15000", d41="16000"),
    drugs=[valganciclovir("d0")],
)
KIDNEY_SINCE = {"creatinine": [{"date": "d-2", "value": "80 umol/L"}, {"date": "d19", "value": "80 umol/L"}]}
COUNTED = {name: {**row, "date": "d19"} for name, row in COUNTS.items()}
HALF_DOSE_COUNTED = changed(HALF_DOSE, {"labs": {**KIDNEY_SINCE, **COUNTED}})
RESISTANT_UC = called(COLITIS, ganciclovir="resistant")

TABLE: list[tuple[str, Any, str, str, str]] = [
    # who, case; ganciclovir, valganciclovir, foscarnet
    ("kidney, untreated, well", UNTREATED, "preferred", "preferred", "acceptable"),
    ("kidney, gut does not absorb", changed(UNTREATED, LOOSE), "preferred", "avoid", "acceptable"),
    ("kidney, retinitis", EYE, "preferred", "acceptable", "acceptable"),
    ("kidney, encephalitis", BRAIN, "preferred", "avoid", "acceptable"),
    ("kidney, haemodialysis", ON_DIALYSIS, "preferred", "contraindicated", "avoid"),
    ("kidney, neutrophils 0.3", labs(KIDNEY, neutrophils="0.3 10*9/L"), "avoid", "avoid", "preferred"),
    ("kidney, neutrophils 0.7", labs(KIDNEY, neutrophils="0.7 10*9/L"), "preferred", "acceptable", "acceptable"),
    ("kidney, no counts", NO_COUNTS, "undetermined", "undetermined", "acceptable"),
    ("kidney, creatinine 300", labs(UNTREATED, creatinine="300 umol/L"), "preferred", "preferred", "contraindicated"),
    ("kidney, resistant", called(UNTREATED, ganciclovir="resistant"), "avoid", "avoid", "acceptable"),
    ("kidney, failing, high load", FAILING, "avoid", "avoid", "preferred"),
    ("kidney, mild first failure", MILD, "acceptable", "avoid", "acceptable"),
    ("kidney, responding", changed(FAILING, FALLEN), "preferred", "preferred", "acceptable"),
    ("kidney, under-dosed", HALF_DOSE_COUNTED, "preferred", "preferred", "acceptable"),
    ("kidney, foscarnet fails", ON_FOSCARNET, "undetermined", "undetermined", "avoid"),
    ("colitis", COLITIS, "preferred", "acceptable", "acceptable"),
    ("colitis, bleeding", BLEEDING, "avoid", "avoid", "acceptable"),
    ("colitis, pregnant", PREGNANT, "avoid", "avoid", "acceptable"),
    ("colitis, resistant", RESISTANT_UC, "avoid", "avoid", "preferred"),
    ("stem cells, neutrophils 0.8", labs(ALLOGRAFT, neutrophils="0.8 10*9/L"), "preferred", "preferred", "preferred"),
    ("stem cells, counts normal", ALLOGRAFT, "preferred", "preferred", "acceptable"),
    ("HIV, retinitis", HIV, "preferred", "preferred", "acceptable"),
    ("child", CHILD, "preferred", "acceptable", "acceptable"),
]


@pytest.mark.parametrize(
    ("case", "vein", "mouth", "foscarnet"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_verdicts(case: Any, vein: str, mouth: str, foscarnet: str) -> None:
    found = verdicts(answer(case))
    assert (found["ganciclovir"], found["valganciclovir"], found["foscarnet"]) == (vein, mouth, foscarnet)


@pytest.mark.parametrize(
    ("case", "first"),
    [
        (UNTREATED, "valganciclovir"),
        (changed(UNTREATED, LOOSE), "ganciclovir"),
        (EYE, "ganciclovir"),
        (COLITIS, "ganciclovir"),
        (HIV, "valganciclovir"),
        (labs(ALLOGRAFT, neutrophils="0.8 10*9/L"), "foscarnet"),
        (labs(KIDNEY, neutrophils="0.3 10*9/L"), "foscarnet"),
        (FAILING, "foscarnet"),
        (RESISTANT_UC, "foscarnet"),
    ],
    ids=["kidney", "loose", "eye", "colitis", "HIV", "engraftment", "no neutrophils", "failing", "resistant colitis"],
)
def test_first_choice(case: Any, first: str) -> None:
    assert answer(case).options[0].drug == first


@pytest.mark.parametrize(
    "case",
    [CHILD, PREGNANT, changed(HIV, {"person": {"age": 16}}), ON_DIALYSIS, CONTINUOUS],
    ids=["child", "pregnancy", "retinitis in a child", "haemodialysis", "continuous replacement"],
)
def test_reasons_carry_no_dose_to_those_for_whom_none_is_given(case: Any) -> None:
    advice = answer(case)
    options = [o for o in advice.options if o.drug in ("ganciclovir", "valganciclovir", "foscarnet")]
    said = [f"{item.headline} {item.text} {item.because}" for option in options for item in option.reasons]
    assert len(said) > 5
    assert [text for text in said if re.search(r"\d mg\b(?!/dL| of sodium)", text)] == []


def test_a_failure_that_is_not_certain_asks_for_what_decides_it() -> None:
    advice = answer(FAILING, hide=("line_taken",))
    option = next(option for option in advice.options if option.drug == "valganciclovir")
    assert (option.verdict, option.needs) == ("undetermined", ["line_taken"])


def test_outside_transplantation_a_real_failure_leads_to_foscarnet() -> None:
    advice = answer(UC_FAILING)
    assert items(advice)["foscarnet_outside_transplantation"].state == "applies"
    assert state(advice, "empirical_outside_transplant") == "applies"
    assert verdicts(advice)["foscarnet"] == "preferred"


def example(name: str) -> Advice:
    """The assessment of a shipped example."""
    return assess(read_record((EXAMPLES / name / "case.yaml").read_text()))


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("resistant-on-foscarnet", "foscarnet"),
        ("kidney-d-plus-r-minus-refractory", "foscarnet"),
        ("hiv-retinitis", "valganciclovir"),
        ("first-episode-uc", "ganciclovir"),
        ("disseminated-hlh", "ganciclovir"),
        ("lung-transplant", "ganciclovir"),
        ("under-dosed-refractory", "valganciclovir"),
        ("valganciclovir-neutropenia", "valganciclovir"),
    ],
)
def test_examples_keep_their_drug(name: str, first: str) -> None:
    option = example(name).options[0]
    assert (option.drug, option.verdict) == (first, "preferred")


def test_the_failing_foscarnet_of_the_stem_cell_example_is_not_gone_on_with() -> None:
    found = verdicts(example("stem-cell-gvhd"))
    assert found["foscarnet"] == "avoid"
    assert found["ganciclovir"] == found["valganciclovir"] == "undetermined"
