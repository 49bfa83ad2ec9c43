"""S11, C3, C4, G6: maribavir leads in a stable transplant recipient who has lost ganciclovir; where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import Patient, drug, failing, graft, loads, valganciclovir
from tests.conformance.readings import answer_read
from tests.conformance.support import (
    ALLOGRAFT,
    COLITIS,
    GANCICLOVIR,
    KIDNEY,
    MYCOPHENOLATE,
    TACROLIMUS,
    Case,
    Says,
    answer,
    changed,
    items,
    state,
)

from cmvigil.advice import Option

MARIBAVIR = {
    "drug": "maribavir",
    "dose": "400 mg",
    "every": "12 h",
    "route": "oral",
    "start": "d-10",
    "intent": "treatment",
    "missed_doses": "none",
}


def called(**calls: str) -> Case:
    """What the laboratory reported of each drug four days ago."""
    return {"genotype": [{"date": "d-4", "calls": calls}]}


def drugs(*more: Case) -> Case:
    """The graft's two drugs and these."""
    return {"drugs": [MYCOPHENOLATE, TACROLIMUS, *more]}


def beside(name: str) -> dict[str, Any]:
    """Another drug, for a month."""
    return {"drug": name, "start": "d-30"}


def option(case: Patient | Case, hide: tuple[str, ...] = ()) -> Option:
    """Maribavir's row of the table."""
    return next(o for o in answer(case, hide).options if o.drug == "maribavir")


LOST = changed(KIDNEY, drugs(), called(ganciclovir="resistant"))
"""Kidney graft, load 4,000 IU/mL, ganciclovir reported resistant and stopped."""
ON = changed(LOST, drugs(MARIBAVIR))
EYE = {"cmv": {"disease": [{"concept": "cmv_retinitis", "start": "d-3"}]}}
NO_DISEASE: Case = {"cmv": None}
DIALYSIS = {"procedures": [{"procedure": "haemodialysis", "start": "d-50"}]}
LOW = {"labs": {"neutrophils": {"date": "d-1", "value": "1.2 10*9/L"}}}
NOT_LOW = {"labs": {"neutrophils": {"date": "d-1", "value": "1.6 10*9/L"}}}
NARROW = {
    "genotype": [{"date": "d-4", "genes": {"UL97": {"covered": "440-645"}}, "calls": {"ganciclovir": "resistant"}}]
}
WIDE = {"genotype": [{"date": "d-4", "genes": {"UL97": {"covered": "335-645"}}, "calls": {"ganciclovir": "resistant"}}]}
SHARES = {"ganciclovir": "resistant", "foscarnet": "resistant", "maribavir": "susceptible"}
STABLE = failing(complete=["symptoms", "conditions", "end_organ_disease"])
"""Kidney graft, failing on full-dose valganciclovir, no symptom and no organ disease."""
FAILING_ON_IT = failing(
    drugs=[
        valganciclovir("d-40", "d-1"),
        drug("maribavir", "d0", dose="400 mg", every="12 h", route="oral", missed_doses="none", adequate="yes"),
    ]
)
GOOD_ON_IT = {"viral_loads": loads(m1="12000", d7="3000", d14="300", d41="<34.5")}


def load(value: str) -> Case:
    """The latest load, with one of the week before that is about the same."""
    return {"viral_loads": [{"date": "d-5", "value": value}, {"date": "d-1", "value": value}]}


def creatinine(value: str) -> Case:
    """A stable creatinine."""
    return {"labs": {"creatinine": [{"date": day, "value": f"{value} umol/L"} for day in ("d-8", "d-1")]}}


SAYS = [
    # not at all
    Says(
        "maribavir_together_with_ganciclovir",
        "G6",
        changed(ON, drugs(MARIBAVIR, GANCICLOVIR)),
        drugs(MARIBAVIR),
        "ganciclovir_now",
        words="one or the other",
    ),
    Says(
        "maribavir_forbidden_inducer",
        "C4",
        changed(LOST, drugs(beside("rifampicin"))),
        drugs(beside("phenytoin")),
        "maribavir_forbidden_partner_now",
        words="rifampicin",
    ),
    Says("maribavir_eye_or_brain", "E10", changed(LOST, EYE), NO_DISEASE, "eye_diagnosis_recorded"),
    Says(
        "maribavir_resistant",
        "S11",
        changed(LOST, called(maribavir="resistant")),
        called(maribavir="susceptible"),
        "maribavir_call",
        words="C480F",
    ),
    Says("maribavir_fails", "C3", FAILING_ON_IT, GOOD_ON_IT, "load_unchanged_or_rising"),
    Says("maribavir_outside_transplant", "S11", COLITIS, {"host": KIDNEY["host"]}, "organ_recorded"),
    Says(
        "maribavir_before_failure",
        "C4",
        KIDNEY,
        called(ganciclovir="resistant"),
        "ganciclovir_call_on_record",
        words="69.6 against 77.4 %",
    ),
    Says(
        "maribavir_on_renal_replacement",
        "C4",
        changed(LOST, DIALYSIS),
        {"procedures": None},
        "renal_replacement_recorded",
    ),
    Says(
        "maribavir_pregnancy",
        "scope",
        changed(LOST, {"person": {"pregnant": "yes"}}),
        {"person": {"pregnant": "no"}},
        "pregnancy_recorded",
    ),
    # where it leads
    Says(
        "maribavir_leads_in_stable_transplant",
        "S11",
        STABLE,
        GOOD_ON_IT,
        "load_unchanged_or_rising",
        words="55.7 against 23.9 %",
    ),
    Says(
        "maribavir_leads_when_polymerase_fails",
        "S11",
        changed(LOST, called(**SHARES)),
        called(ganciclovir="resistant", foscarnet="susceptible"),
        "foscarnet_call",
    ),
    Says("maribavir_licensed", "S11", LOST, called(ganciclovir="susceptible"), "ganciclovir_call"),
    Says("maribavir_spares_the_marrow", "S26", changed(LOST, LOW), NOT_LOW, "neutrophils", words="16.1 %"),
    Says("maribavir_spares_the_kidney", "C3", changed(LOST, creatinine("140")), creatinine("72"), "creatinine"),
    # what speaks against it
    Says("maribavir_not_when_it_cannot_wait", "C3", changed(LOST, load("100000")), load("5000"), "load_in_iu"),
    Says(
        "maribavir_little_evidence_at_this_load",
        "C3",
        changed(LOST, load("91000")),
        load("90999"),
        "load_in_iu",
        words="91,000 IU/mL",
    ),
    Says(
        "maribavir_less_evidence_at_this_load",
        "C3",
        changed(LOST, load("9100")),
        load("9099"),
        "load_in_iu",
        words="9,100 IU/mL",
    ),
    Says("maribavir_recurs_after_stopping", "C4", LOST, called(ganciclovir="susceptible"), "ganciclovir_call"),
    Says("maribavir_stop_ganciclovir_first", "G6", KIDNEY, drugs(), "ganciclovir_now"),
    Says(
        "maribavir_with_carbamazepine",
        "C4",
        changed(LOST, drugs(beside("carbamazepine"))),
        drugs(beside("phenytoin")),
        "carbamazepine_now",
        words="1,200 mg twice daily",
    ),
    Says(
        "maribavir_with_a_milder_inducer",
        "C4",
        changed(LOST, drugs(beside("efavirenz"))),
        drugs(beside("carbamazepine")),
        "maribavir_dose_raiser_now",
        words="efavirenz",
    ),
    Says("maribavir_and_levels", "G7", LOST, {"drugs": [MYCOPHENOLATE]}, "calcineurin_now"),
    Says("maribavir_at_very_low_clearance", "C4", changed(LOST, creatinine("600")), creatinine("140"), "creatinine"),
    Says("maribavir_codons_open", "C2", changed(LOST, NARROW), WIDE, "ul97_first_codon maribavir_reading"),
    Says(
        "maribavir_perhaps_reduced",
        "S11",
        changed(LOST, called(ganciclovir="resistant", maribavir="possible")),
        called(ganciclovir="resistant", maribavir="susceptible"),
        "maribavir_call",
    ),
    Says("maribavir_ask_for_the_liver", "C4", LOST, drugs(MARIBAVIR), "maribavir_now"),
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


def test_the_table_and_the_advice_say_the_same_of_a_failing_graft() -> None:
    advice = answer(STABLE)
    assert state(advice, "empirical_maribavir") in ("applies", "provided")
    assert (advice.options[0].drug, advice.options[0].verdict) == ("maribavir", "preferred")


def test_nobody_looked_at_eye_and_brain_leaves_the_lead_open() -> None:
    """The advice asks for them first; the table does not rank maribavir first without them, nor bars it."""
    advice = answer(failing())
    assert state(advice, "empirical_maribavir") == "undetermined"
    assert state(advice, "maribavir_leads_in_stable_transplant") == "undetermined"
    assert "retinal_lesion" in items(advice)["maribavir_leads_in_stable_transplant"].needs
    assert option(failing()).verdict == "acceptable"


def test_severity_takes_the_lead_away() -> None:
    """Where the advice says foscarnet now, maribavir does not stand as preferred."""
    severe = failing(cmv={"disease": [{"concept": "cmv_pneumonia", "start": "d30"}]})
    assert state(answer(severe), "empirical_foscarnet") in ("applies", "provided")
    assert option(severe).verdict == "acceptable"
    assert answer(severe).options[0].drug == "foscarnet"


def test_a_very_high_load_takes_the_lead_away() -> None:
    assert option(changed(LOST, load("99999"))).verdict == "preferred"
    assert option(changed(LOST, load("100000"))).verdict == "acceptable"


def test_resistant_virus_goes_to_maribavir_unless_it_takes_that_too() -> None:
    assert option(LOST).verdict == "preferred"
    both = changed(LOST, called(ganciclovir="resistant", maribavir="resistant"))
    assert option(both).verdict == "avoid"
    assert answer(both).options[0].drug == "foscarnet"


def test_who_has_a_working_drug_is_not_sent_to_maribavir() -> None:
    """The advice says stay on foscarnet; so the table does not call maribavir preferred."""
    foscarnet = drug("foscarnet", "d-5", dose="60 mg/kg", every="8 h", route="iv", intent="treatment")
    on = changed(LOST, drugs(foscarnet))
    assert state(answer(on), "stay_on_the_other_class") in ("applies", "provided")
    assert option(on).verdict != "preferred"


def test_ganciclovir_running_asks_for_a_choice_and_does_not_forbid_the_change() -> None:
    change = changed(LOST, drugs(GANCICLOVIR))
    assert option(change).verdict == "preferred"
    assert state(answer(change), "maribavir_stop_ganciclovir_first") == "applies"
    assert option(changed(LOST, drugs(GANCICLOVIR, MARIBAVIR))).verdict == "contraindicated"


def test_a_host_that_nobody_told_leaves_it_open() -> None:
    """Without a transplant on record and none denied, whether maribavir may be used is not known."""
    unsaid = changed(LOST, {"host": None, "complete": None, "drugs": None})
    assert option(unsaid).verdict == "undetermined"
    assert {"organ_transplant", "stem_cell_transplant"} <= set(option(unsaid).needs)


def test_neutrophils_below_the_label_let_it_in_before_failure() -> None:
    """The advice on counts names it in a transplant recipient; it is not the first choice, nor barred."""
    counts = {"labs": {"neutrophils": {"date": "d-1", "value": "0.4 10*9/L"}}}
    assert option(KIDNEY).verdict == "avoid"
    assert option(changed(KIDNEY, counts)).verdict == "acceptable"


def test_resistance_to_letermovir_alone_is_no_reason_for_it() -> None:
    assert option(changed(ALLOGRAFT, called(letermovir="resistant"))).verdict == "avoid"


def test_sight_cannot_be_left_open() -> None:
    """With floaters and no look into the eye, maribavir waits for the ophthalmologist."""
    floaters = changed(
        LOST,
        {"symptoms": {"visual_symptoms": {"present": "yes", "date": "d-1"}}, "complete": ["medications", "procedures"]},
    )
    found = option(floaters)
    assert found.verdict == "undetermined"
    assert "retinal_lesion" in found.needs


def test_dose_stays_where_the_label_has_one() -> None:
    dose = option(graft("d2", viral_loads=loads(d0="3000"), **called_on("d1", ganciclovir="resistant"))).regimens[0]
    assert (dose.dose_mg, dose.interval_h) == (400, 12)


def called_on(day: str, **calls: str) -> dict[str, Any]:
    """A report of resistance of that day."""
    return {"genotype": [{"date": day, "calls": calls}]}


def test_cross_resistance_is_named() -> None:
    both = changed(LOST, called(ganciclovir="resistant", maribavir="resistant"))
    text = items(answer(both))["maribavir_resistant"].text
    assert "F342Y" in text and "T409M" in text


def test_a_reading_of_the_genotype_counts_like_a_call() -> None:
    open_one = answer_read(LOST, "maribavir", "not_determined", "2026-03-26")
    assert state(open_one, "maribavir_codons_open") == "applies"
    assert open_one.options[0].drug == "maribavir"
    doubtful = answer_read(LOST, "maribavir", "possible", "2026-03-26", level="low")
    assert state(doubtful, "maribavir_perhaps_reduced") == "applies"
    resistant = answer_read(LOST, "maribavir", "resistant", "2026-03-26", level="high", drivers="UL97 T409M")
    assert next(o.verdict for o in resistant.options if o.drug == "maribavir") == "avoid"


def test_the_changes_behind_a_resistant_reading_are_named() -> None:
    def reading(verdict: str, hide: tuple[str, ...] = ()) -> str:
        advice = answer_read(LOST, "maribavir", verdict, "2026-03-26", level="high", drivers="UL97 T409M", hide=hide)
        found = items(advice).get("maribavir_read_as_resistant")
        return "silent" if found is None else f"{found.state} {found.headline}"

    assert reading("resistant") == "applies Read as resistant to maribavir: UL97 T409M"
    assert reading("susceptible") == "silent"
    assert reading("resistant", hide=("maribavir_reading",)).startswith("undetermined What does the genotype say")
