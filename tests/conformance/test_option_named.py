"""C4, E6, E8: options known by name: when to ask for them, what speaks against them; never preferred, never dosed."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    KIDNEY,
    MYCOPHENOLATE,
    TACROLIMUS,
    Case,
    Says,
    answer,
    changed,
    state,
)

from cmvigil.reasoning.loader import load

NAMED = ("virus_specific_t_cells", "cmv_immunoglobulin", "leflunomide", "brincidofovir")


def called(**calls: str) -> Case:
    """What the laboratory reported of each drug four days ago."""
    return {"genotype": [{"date": "d-4", "calls": calls}]}


def igg(value: str) -> Case:
    """Total IgG of last week."""
    return {"labs": {"igg": {"date": "d-7", "value": value}}}


def alt(value: str) -> Case:
    """ALT of yesterday with its upper limit."""
    return {"labs": {"alt": {"date": "d-1", "value": value, "upper_normal": 40}}}


BOTH = called(ganciclovir="resistant", foscarnet="resistant")
ONE = called(ganciclovir="resistant", foscarnet="susceptible")
ALL = called(ganciclovir="resistant", foscarnet="resistant", maribavir="resistant")
GONE = {"viral_loads": [{"date": "d-5", "value": 5000}, {"date": "d-1", "value": "not detected"}]}
LUNG = {"cmv": {"disease": [{"concept": "cmv_pneumonia", "start": "d-3"}]}}
LITTLE_STEROID = {
    "drugs": [{"drug": "prednisolone", "dose": "10 mg", "every": "daily", "route": "oral", "start": "d-30"}]
}
PREGNANT = {"person": {"pregnant": "yes"}}

SAYS = [
    Says(
        "t_cells_after_stem_cells",
        "E8",
        changed(ALLOGRAFT, ONE),
        called(ganciclovir="susceptible"),
        "ganciclovir_call",
        words="90 %",
    ),
    Says("t_cells_when_drugs_are_gone", "C4", changed(KIDNEY, BOTH), ONE, "foscarnet_call"),
    Says("t_cells_outside_stem_cells", "C4", KIDNEY, {"host": ALLOGRAFT["host"]}, "allograft_recorded"),
    Says("t_cells_and_steroid", "E8", ALLOGRAFT, LITTLE_STEROID, "steroid_dose"),
    Says("immunoglobulin_for_low_igg", "E6", changed(KIDNEY, igg("3.9 g/L")), igg("4 g/L"), "igg", words="3.9 g/L"),
    Says("immunoglobulin_in_pneumonia", "E8", changed(ALLOGRAFT, LUNG), {"cmv": None}, "lung_diagnosis_recorded"),
    Says("immunoglobulin_is_no_treatment", "C4", KIDNEY, GONE, "latest_load_negative", words="35.8 against 41.4 %"),
    Says("leflunomide_when_drugs_are_gone", "C4", changed(KIDNEY, BOTH), ONE, "foscarnet_call", words="14 of 17"),
    Says("leflunomide_and_the_liver", "C4", changed(KIDNEY, alt("90 U/L")), alt("39 U/L"), "raised_enzymes_recorded"),
    Says(
        "leflunomide_pregnancy",
        "scope",
        changed(KIDNEY, PREGNANT),
        {"person": {"pregnant": "no"}},
        "pregnancy_recorded",
    ),
    Says("leflunomide_suppresses", "S21", KIDNEY, {"drugs": None}, "immunosuppressant_now"),
    Says("brincidofovir_when_drugs_are_gone", "C4", changed(KIDNEY, ALL), ONE, "maribavir_call"),
    Says(
        "brincidofovir_failed_its_trial",
        "C4",
        KIDNEY,
        ALL,
        "ganciclovir_call_on_record foscarnet_call_on_record maribavir_call_on_record",
        words="smallpox",
    ),
    Says(
        "brincidofovir_shares_ul54",
        "S15",
        changed(KIDNEY, called(cidofovir="resistant")),
        called(cidofovir="susceptible"),
        "cidofovir_call",
    ),
    Says(
        "brincidofovir_and_the_gut",
        "C4",
        COLITIS,
        {"symptoms": None, "cmv": None},
        "gut_symptom_recorded gvhd_recorded",
    ),
]


@pytest.mark.parametrize("says", SAYS, ids=lambda s: s.rule)
def test_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", SAYS, ids=lambda s: s.rule)
def test_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", SAYS, ids=lambda s: s.rule)
def test_asks(says: Says) -> None:
    says.asks()


def test_none_is_ever_preferred() -> None:
    wrong = [r.name for r in load().rules.values() if r.effect == "prefer" and set(r.options) & set(NAMED)]
    assert wrong == []


@pytest.mark.parametrize(
    "case", [KIDNEY, ALLOGRAFT, changed(KIDNEY, ALL)], ids=["kidney", "stem cells", "all resistant"]
)
def test_they_stand_last_by_name_and_without_a_dose(case: Case) -> None:
    last = answer(case).options[-4:]
    assert tuple(option.drug for option in last) == NAMED
    assert {option.verdict for option in last} == {"named"}
    assert all(not option.regimens for option in last)


def test_no_file_of_theirs_holds_a_dose() -> None:
    program = load()
    assert not {row["drug"] for row in program.tables["kidney_doses"].rows} & set(NAMED)
    assert all(program.antivirals[drug]["named"] is True for drug in NAMED)


def test_low_igg_is_not_asked_of_everyone() -> None:
    """Where IgG was never measured the reason stays silent."""
    graft = changed(KIDNEY, {"drugs": [MYCOPHENOLATE, TACROLIMUS]})
    assert state(answer(graft), "immunoglobulin_for_low_igg") == "silent"
