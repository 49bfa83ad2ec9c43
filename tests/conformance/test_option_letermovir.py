"""C4, E8, E10: letermovir prevents and does not treat; what forbids it, and where it may stand after clearance."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.readings import answer_read
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    GANCICLOVIR,
    KIDNEY,
    MYCOPHENOLATE,
    STEROID,
    TACROLIMUS,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)

from cmvigil.advice import Option

LETERMOVIR = {
    "drug": "letermovir",
    "dose": "480 mg",
    "every": "24 h",
    "route": "oral",
    "start": "d-60",
    "intent": "prophylaxis",
}
ACICLOVIR = {"drug": "aciclovir", "start": "d-60"}
CICLOSPORIN = {"drug": "ciclosporin", "dose": "100 mg", "every": "12 h", "route": "oral", "start": "d-60"}


def called(call: str) -> Case:
    """What the laboratory reported of letermovir four days ago."""
    return {"genotype": [{"date": "d-4", "calls": {"letermovir": call}}]}


def drugs(*more: Case) -> Case:
    """The graft's two drugs and these."""
    return {"drugs": [MYCOPHENOLATE, TACROLIMUS, *more]}


def beside(name: str) -> dict[str, Any]:
    """Another drug, for a month."""
    return {"drug": name, "start": "d-30"}


def option(case: Case, hide: tuple[str, ...] = ()) -> Option:
    """Letermovir's row of the table."""
    return next(o for o in answer(case, hide, appraise=True).options if o.drug == "letermovir")


GONE = {"viral_loads": [{"date": "d-5", "value": 5000}, {"date": "d-1", "value": "not detected"}]}
POSITIVE = {"viral_loads": [{"date": "d-5", "value": 5000}, {"date": "d-1", "value": 4000}]}
TREATED = drugs({**GANCICLOVIR, "end": "d-1"})
CLEARED = changed(KIDNEY, GONE, TREATED)
"""Kidney D+/R-, DNAemia gone, ganciclovir ended yesterday."""
ON = changed(ALLOGRAFT, {"drugs": [STEROID, LETERMOVIR]})
DIALYSIS = {"procedures": [{"procedure": "haemodialysis", "start": "d-50"}]}
EYE = {"cmv": {"disease": [{"concept": "cmv_retinitis", "start": "d-3"}]}}

SAYS = [
    Says("letermovir_does_not_treat", "C4", KIDNEY, GONE, "latest_load_negative", words="prevents, it does not treat"),
    Says("letermovir_resistant", "C4", changed(CLEARED, called("resistant")), called("susceptible"), "letermovir_call"),
    Says(
        "letermovir_perhaps_reduced",
        "C4",
        changed(CLEARED, called("possible")),
        called("susceptible"),
        "letermovir_call",
    ),
    Says("letermovir_breakthrough", "C4", ON, GONE, "dnaemia_now_recorded", words="UL56"),
    Says("letermovir_outside_transplant", "C4", COLITIS, {"host": KIDNEY["host"]}, "organ_recorded"),
    Says("letermovir_eye_or_brain", "E10", changed(KIDNEY, EYE), {"cmv": None}, "eye_diagnosis_recorded"),
    Says("letermovir_licensed", "E8", CLEARED, POSITIVE, "latest_load_negative", words="149"),
    Says("letermovir_as_secondary_prophylaxis", "C4", CLEARED, POSITIVE, "latest_load_negative", words="Off-label"),
    Says(
        "letermovir_forbidden_partner",
        "C4",
        changed(CLEARED, drugs(beside("pimozide"))),
        drugs(beside("haloperidol")),
        "letermovir_contraindicated_partner_on_record",
        words="pimozide",
    ),
    Says(
        "letermovir_weakened",
        "C4",
        changed(CLEARED, drugs(beside("rifampicin"))),
        drugs(beside("simvastatin")),
        "letermovir_weakener_now",
        words="rifampicin",
    ),
    Says(
        "letermovir_with_ciclosporin",
        "C4",
        changed(CLEARED, {"drugs": [MYCOPHENOLATE, CICLOSPORIN]}),
        drugs(),
        "ciclosporin_beside_now",
        words="240 mg",
    ),
    Says("letermovir_and_levels", "C4", CLEARED, {"drugs": [MYCOPHENOLATE]}, "calcineurin_now"),
    Says(
        "letermovir_at_very_low_clearance",
        "C4",
        changed(CLEARED, DIALYSIS),
        {"procedures": None},
        "renal_replacement_recorded",
    ),
    Says("letermovir_ask_for_the_liver", "C4", KIDNEY, drugs(LETERMOVIR), "letermovir_now", words="Child-Pugh C"),
    Says("letermovir_leaves_herpes", "C4", CLEARED, drugs(ACICLOVIR), "herpes_cover_now", words="aciclovir"),
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


def test_avoided_while_there_is_virus_and_acceptable_after() -> None:
    assert option(KIDNEY).verdict == "avoid"
    assert option(CLEARED).verdict == "acceptable"
    assert {r.dose_mg for r in option(CLEARED).regimens} == {480}


def test_without_a_load_it_is_open() -> None:
    blind = option(CLEARED, hide=("latest_load_negative",))
    assert blind.verdict == "undetermined"
    assert "latest_load_negative" in blind.needs


@pytest.mark.parametrize(("measured", "found"), [("10 mL/min", "applies"), ("10.5 mL/min", "silent")])
def test_a_clearance_of_ten_itself_is_not_established(measured: str, found: str) -> None:
    case = changed(CLEARED, {"labs": {"measured_clearance": {"date": "d-2", "value": measured}}})
    assert state(answer(case, appraise=True), "letermovir_at_very_low_clearance") == found


def test_a_statin_forbids_it_only_beside_ciclosporin() -> None:
    """Simvastatin alone is changed; with ciclosporin it is contraindicated."""
    alone = changed(CLEARED, drugs(beside("simvastatin")))
    assert option(alone).verdict == "acceptable"
    three = changed(CLEARED, {"drugs": [MYCOPHENOLATE, CICLOSPORIN, beside("simvastatin")]})
    assert option(three).verdict == "contraindicated"


def test_it_is_never_preferred() -> None:
    for case in (KIDNEY, ALLOGRAFT, CLEARED, ON):
        assert option(case).verdict != "preferred"


def test_past_its_time_it_is_no_licensed_prevention() -> None:
    late = {"host": {"transplants": [{**KIDNEY["host"]["transplants"][0], "date": "2025-06-01"}]}}
    assert state(answer(changed(CLEARED, late), appraise=True), "letermovir_licensed") == "silent"


def test_the_changes_behind_a_resistant_reading_are_named() -> None:
    def reading(verdict: str, hide: tuple[str, ...] = ()) -> str:
        advice = answer_read(
            CLEARED, "letermovir", verdict, "2026-03-26", level="high", drivers="UL56 C325Y", hide=hide
        )
        found = items(advice).get("letermovir_read_as_resistant")
        return "silent" if found is None else f"{found.state} {found.headline}"

    assert reading("resistant") == "applies Read as resistant to letermovir: UL56 C325Y"
    assert reading("susceptible") == "silent"
    assert reading("resistant", hide=("letermovir_reading",)).startswith("undetermined What does the genotype say")
