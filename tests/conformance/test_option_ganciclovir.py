"""The appraisal of ganciclovir by vein and of what valganciclovir shares: each reason said, silent, asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conformance.patients import drug, failing, graft, loads, valganciclovir
from tests.conformance.readings import answer_read
from tests.conformance.support import (
    COLITIS,
    EVERYTHING,
    GANCICLOVIR,
    HIV,
    KIDNEY,
    MYCOPHENOLATE,
    PATIENT,
    TACROLIMUS,
    Says,
    answer,
    changed,
    items,
    state,
)
from tests.conformance.test_s19 import WATCHFUL

GRAFT_DRUGS = [MYCOPHENOLATE, TACROLIMUS]
MARIBAVIR = {"drug": "maribavir", "dose": "400 mg", "every": "12 h", "route": "oral", "start": "d-6"}
UNTREATED = changed(KIDNEY, {"drugs": GRAFT_DRUGS})
SEEING_BADLY = changed(UNTREATED, {"symptoms": {"visual_symptoms": {"present": "yes", "date": "d-2"}}})
EYE = changed(SEEING_BADLY, {"findings": {"retinal_lesion": {"present": "yes", "date": "d-1"}}})
NO_LESION: dict[str, Any] = {"findings": {"retinal_lesion": {"present": "no", "date": "d-1"}}}
BRAIN = changed(
    UNTREATED,
    {
        "symptoms": {"neurological_symptoms": {"present": "yes", "date": "d-2"}},
        "findings": {
            "csf_cmv": {"present": "yes", "date": "d-1"},
            "cns_imaging_or_eeg": {"present": "yes", "date": "d-1"},
        },
    },
)
NO_SIGN: dict[str, Any] = {"symptoms": {"neurological_symptoms": {"present": "no", "date": "d-1"}}}
LOOSE = {"symptoms": {"severe_diarrhoea": {"present": "yes", "date": "d-2"}}}
COUNTS = {
    "neutrophils": {"date": "d41", "value": "3 10*9/L"},
    "platelets": {"date": "d41", "value": "200 10*9/L"},
    "haemoglobin": {"date": "d41", "value": "120 g/L"},
}
HIGH = loads(m1="120000", d7="140000", d14="130000", d28="150000", d41="160000")
FALLEN = {"viral_loads": loads(m1="120000", d7="20000", d14="3000", d28="500", d41="200")}
FAILING = failing(viral_loads=HIGH, labs=COUNTS)
MILD = failing(labs=COUNTS, complete=EVERYTHING)
HALF_DOSE = graft("d20", viral_loads=loads(m1="12000", d7="14000", d14="13000", d19="14000"))
HALF_DOSE = changed(HALF_DOSE, {"drugs": [valganciclovir("d0", dose="450 mg")]})
FAILED_BEFORE = graft(
    "d60",
    viral_loads=loads(m1="12000", d7="14000", d14="13000", d20="15000", d58="9000"),
    drugs=[valganciclovir("d0", "d20")],
)
SMALL_FALL = failing(viral_loads=loads(m1="12000", d7="9000", d14="5000", d28="4000", d41="3000"))
ON_FOSCARNET = failing(
    drugs=[drug("foscarnet", "d0", dose="90 mg/kg", every="12 h", route="iv", adequate="yes")],
    viral_loads=HIGH,
    labs=COUNTS,
)


def called(case: Any, date: str = "d-3", **calls: str) -> dict[str, Any]:
    """The case with a genotype without changes, and the laboratory's calls."""
    genes = {"UL97": {"covered": "335-670", "changes": []}, "UL54": {"covered": "300-1000", "changes": []}}
    return changed(case, {"genotype": [{"date": date, "genes": genes, "calls": calls}]})


def labs(case: Any, **values: str) -> dict[str, Any]:
    """The case with these results of yesterday."""
    return changed(case, {"labs": {name: {"date": "d-1", "value": value} for name, value in values.items()}})


def with_drugs(*more: Any, among: Any = KIDNEY) -> dict[str, Any]:
    """The recipient with these drugs besides mycophenolate and tacrolimus."""
    return changed(among, {"drugs": [*GRAFT_DRUGS, *more]})


def plain(name: str, **more: Any) -> dict[str, Any]:
    """A drug that runs since a week."""
    return {"drug": name, "start": "d-7", **more}


CHANGE = {"date": "d-3", "genes": {"UL97": {"covered": "335-670", "changes": ["A594Q"]}}}
"""A change at a codon of resistance that nobody has measured: neither called nor read."""
BOTH_RUN = with_drugs(MARIBAVIR, GANCICLOVIR)
MOVING = {"labs": {"creatinine": [{"date": "d-6", "value": "70 umol/L"}, {"date": "d-1", "value": "140 umol/L"}]}}
STEADY = {"labs": {"creatinine": [{"date": "d-6", "value": "70 umol/L"}, {"date": "d-1", "value": "72 umol/L"}]}}
NO_KIDNEY = {"labs": {"creatinine": [{"date": "d-6", "value": "900 umol/L"}, {"date": "d-1", "value": "905 umol/L"}]}}
PREGNANT = {"person": {"pregnant": "yes"}}
CHILD = changed(KIDNEY, {"person": {"age": 15, "pregnant": None, "sex": "male"}})

REASONS = [
    Says(
        "ganciclovir_neutrophils_below_label",
        "S26",
        labs(KIDNEY, neutrophils="0.3 10*9/L"),
        labs({}, neutrophils="0.6 10*9/L"),
        "neutrophils",
        words="do not start",
    ),
    Says(
        "ganciclovir_platelets_below_label",
        "S26",
        labs(KIDNEY, platelets="20 10*9/L"),
        labs({}, platelets="26 10*9/L"),
        "platelets",
        words="do not start",
    ),
    Says(
        "ganciclovir_haemoglobin_below_label",
        "S26",
        labs(KIDNEY, haemoglobin="79 g/L"),
        labs({}, haemoglobin="80 g/L"),
        "haemoglobin",
        words="transfuse",
    ),
    Says(
        "ganciclovir_neutrophils_half_to_one",
        "S26",
        labs(KIDNEY, neutrophils="0.7 10*9/L"),
        labs({}, neutrophils="1.0 10*9/L"),
        "neutrophils",
        words="Never half the dose",
    ),
    Says(
        "ganciclovir_in_recorded_pregnancy",
        "scope",
        changed(COLITIS, PREGNANT),
        {"person": {"pregnant": "no"}},
        "",
        words="boxed warning",
    ),
    Says(
        "ganciclovir_pregnancy_test_first",
        "scope",
        PATIENT,
        {"person": {"sex": "male", "pregnant": None}},
        "age",
        words="30 days after",
    ),
    Says("ganciclovir_beside_maribavir", "G6", BOTH_RUN, {"drugs": [*GRAFT_DRUGS, GANCICLOVIR]}, "", words="stop one"),
    Says(
        "ganciclovir_after_maribavir",
        "G6",
        with_drugs(MARIBAVIR),
        {"drugs": [*GRAFT_DRUGS, MARIBAVIR, GANCICLOVIR]},
        "",
        words="before the first dose",
    ),
    Says(
        "ganciclovir_is_resistant",
        "S11",
        called(KIDNEY, ganciclovir="resistant"),
        called({}, ganciclovir="susceptible"),
        "ganciclovir_call",
    ),
    Says("ganciclovir_is_failing", "C3", FAILING, FALLEN, "load_unchanged_or_rising", words="never beside maribavir"),
    Says(
        "ganciclovir_higher_dose_in_a_first_failure",
        "C3",
        MILD,
        {"symptoms": {"fever": {"present": "yes", "date": "d41"}}},
        "neutrophils",
        words="stop by day 14",
    ),
    Says(
        "ganciclovir_change_without_verdict",
        "C4",
        changed(KIDNEY, {"genotype": [CHANGE]}),
        {"genotype": [{**CHANGE, "calls": {"ganciclovir": "susceptible"}}]},
        "",
        words="UL97 A594Q",
    ),
    Says(
        "ganciclovir_failed_here_before",
        "C1",
        FAILED_BEFORE,
        {"viral_loads": loads(m1="12000", d7="3000", d14="300", d20="40", d58="9000")},
        "",
        words="Sequence UL97 and UL54",
    ),
    Says(
        "ganciclovir_is_susceptible",
        "S10",
        called(KIDNEY, ganciclovir="susceptible"),
        called({}, "d-95", ganciclovir="susceptible"),
        "",
        words="No all-clear",
    ),
    Says(
        "ganciclovir_works_here",
        "S09",
        changed(FAILING, FALLEN),
        {"viral_loads": HIGH},
        "load_fell_more_than_one_log",
        words="200 IU/mL against 120,000 IU/mL",
    ),
    Says(
        "ganciclovir_course_under_dosed",
        "S23",
        HALF_DOSE,
        {"drugs": [valganciclovir("d0")]},
        "load_unchanged_or_rising",
        words="before another class",
    ),
    Says("ganciclovir_fall_too_small", "C1", SMALL_FALL, FALLEN, "load_fell_one_log_at_most", words="Genotype"),
    Says(
        "ganciclovir_first_where_life_or_sight_is_threatened", "S16", EYE, NO_LESION, "retinal_lesion", words="by vein"
    ),
    Says(
        "ganciclovir_first_by_vein",
        "S16",
        changed(UNTREATED, LOOSE),
        {"symptoms": None},
        "severe_diarrhoea",
        words="once daily is maintenance",
    ),
    Says(
        "ganciclovir_first_line",
        "S16",
        called(UNTREATED, ganciclovir="susceptible"),
        called({}, ganciclovir="resistant"),
        "ganciclovir_call",
        words="First line",
    ),
    Says(
        "ganciclovir_moving_kidney",
        "S22",
        changed(KIDNEY, MOVING),
        STEADY,
        "creatinine_unstable",
        words="Measure the clearance",
    ),
    Says(
        "ganciclovir_with_hardly_any_kidney",
        "S22",
        changed(UNTREATED, NO_KIDNEY),
        STEADY,
        "creatinine",
        words="three times a week after haemodialysis",
    ),
    Says("ganciclovir_no_dose_here", "scope", CHILD, {"person": {"age": 19}}, "age", words="comes from"),
    Says(
        "ganciclovir_eye_with_the_ophthalmologist",
        "E9",
        EYE,
        NO_LESION,
        "retinal_lesion",
        words="into the vitreous",
    ),
    Says("ganciclovir_brain_with_the_experts", "E10", BRAIN, NO_SIGN, "csf_cmv", words="expert centre"),
    Says(
        "ganciclovir_licence",
        "S16",
        changed(SEEING_BADLY, NO_LESION),
        {"findings": {"retinal_lesion": {"present": "yes", "date": "d-1"}}},
        "retinal_lesion",
    ),
    Says(
        "ganciclovir_partner_to_change",
        "S26",
        with_drugs(GANCICLOVIR, plain("imipenem")),
        {"drugs": [*GRAFT_DRUGS, GANCICLOVIR]},
        "",
        words="imipenem-cilastatin",
    ),
    Says(
        "ganciclovir_partner_watched",
        "S26",
        with_drugs(GANCICLOVIR),
        {"drugs": [GANCICLOVIR]},
        "ganciclovir_partner_to_watch",
        words="tacrolimus",
    ),
]


@pytest.mark.parametrize("says", REASONS, ids=lambda says: says.rule)
def test_reason_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", REASONS, ids=lambda says: says.rule)
def test_reason_is_silent_in_a_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", [says for says in REASONS if says.hide], ids=lambda says: says.rule)
def test_reason_asks_for_its_deciding_fact(says: Says) -> None:
    says.asks()


LOW_GRADE: dict[str, Any] = {"drug": "ganciclovir", "verdict": "resistant", "day": "2026-03-20", "level": "low"}


def test_low_grade_resistance_leaves_a_higher_dose_by_vein_and_no_tablets() -> None:
    advice = answer_read(UNTREATED, **LOW_GRADE, fold="3.0", drivers="UL97 C592G")
    item = items(advice)["ganciclovir_higher_dose_for_low_grade"]
    assert (item.state, item.effect) == ("applies", "for")
    assert "UL97 C592G: fold change 3, below 5" in item.text and "day 7" in item.text and "day 14" in item.text
    assert state(advice, "ganciclovir_is_resistant") == "silent"
    assert state(advice, "valganciclovir_is_resistant") == "applies"
    assert verdicts(advice)["ganciclovir"] == "acceptable"
    assert verdicts(advice)["valganciclovir"] == "avoid"
    blind = answer_read(UNTREATED, **LOW_GRADE, fold="3.0", hide=("neutrophils",))
    open_one = items(blind)["ganciclovir_higher_dose_for_low_grade"]
    assert open_one.state == "undetermined" and "neutrophils" in open_one.needs


@pytest.mark.parametrize(
    "change",
    [
        {"labs": {"neutrophils": {"date": "d-1", "value": "1.5 10*9/L"}}},
        {"labs": {"platelets": {"date": "d-1", "value": "80 10*9/L"}}},
        {"labs": {"creatinine": {"date": "d-1", "value": "130 umol/L"}}},
        {"symptoms": {"fever": {"present": "yes", "date": "d-1"}}},
        {"cmv": {"disease": [{"concept": "cmv_colitis", "start": "d-3"}]}},
        {"viral_loads": [{"date": "d-1", "value": 120000}]},
    ],
    ids=["neutrophils", "platelets", "kidney", "fever", "disease", "load"],
)
def test_a_higher_dose_has_its_limits(change: dict[str, Any]) -> None:
    advice = answer_read(changed(UNTREATED, change), **LOW_GRADE, fold="3.0")
    assert state(advice, "ganciclovir_higher_dose_for_low_grade") == "silent"
    assert state(advice, "ganciclovir_is_resistant") == "applies"


@pytest.mark.parametrize(("level", "fold"), [("moderate", "8"), ("low", "5"), (None, None), ("high", None)])
def test_only_low_grade_resistance_leaves_a_higher_dose(level: str | None, fold: str | None) -> None:
    advice = answer_read(UNTREATED, "ganciclovir", "resistant", "2026-03-20", level=level, fold=fold)
    assert state(advice, "ganciclovir_higher_dose_for_low_grade") == "silent"
    assert verdicts(advice)["ganciclovir"] == "avoid"


@pytest.mark.parametrize(("more", "spoken"), [({}, "applies"), ({"UL54": "P522S"}, "silent")], ids=["UL97", "UL54 too"])
def test_a_change_of_ul54_closes_the_higher_dose(more: dict[str, str], spoken: str) -> None:
    genes = {name: {"covered": "300-1000", "changes": [change]} for name, change in more.items()}
    genes["UL97"] = {"covered": "335-670", "changes": ["C592G"]}
    case = changed(UNTREATED, {"genotype": [{"date": "d-10", "genes": genes}]})
    assert state(answer(case), "ganciclovir_higher_dose_for_low_grade") == spoken


def test_a_higher_dose_that_failed_is_no_option_again() -> None:
    too_much = {"drugs": [drug("ganciclovir", "d0", dose="10 mg/kg", every="12 h", route="iv")]}
    assert state(answer(changed(MILD, too_much)), "ganciclovir_is_failing") == "applies"
    assert state(answer(MILD), "ganciclovir_is_failing") == "silent"


def test_after_another_class_the_genotype_decides() -> None:
    rule = "ganciclovir_after_another_class"
    open_one = items(answer(ON_FOSCARNET))[rule]
    assert (open_one.state, open_one.needs) == ("undetermined", ["ganciclovir_present_reading"])
    strong = answer_read(ON_FOSCARNET, "ganciclovir", "resistant", "2026-04-08", level="high", fold="20")
    assert state(strong, rule) == "applies"
    assert state(answer(FAILING), rule) == "silent"
    susceptible = answer_read(ON_FOSCARNET, "ganciclovir", "susceptible", "2026-04-08")
    assert state(susceptible, rule) == "silent"
    assert verdicts(susceptible)["ganciclovir"] == "preferred"


def test_a_change_read_as_a_polymorphism_is_no_doubt() -> None:
    rule = "ganciclovir_change_without_verdict"
    doubted = answer(changed(UNTREATED, {"genotype": [CHANGE]}))
    assert (state(doubted, rule), state(doubted, "ganciclovir_first_line")) == ("applies", "silent")
    genes = {"UL97": {"covered": "335-670", "changes": ["D605E"]}, "UL54": {"covered": "300-1000", "changes": []}}
    calm = answer(changed(UNTREATED, {"genotype": [{"date": "d-3", "genes": genes}]}))
    assert (state(calm, rule), state(calm, "ganciclovir_first_line")) == ("silent", "applies")


def test_tablets_that_did_not_arrive_have_not_failed() -> None:
    lost = changed(MILD, {"symptoms": {"severe_diarrhoea": {"present": "yes", "date": "d41"}}})
    advice = answer(lost)
    assert state(advice, "ganciclovir_is_failing") == "silent"
    assert state(advice, "ganciclovir_first_by_vein") == "applies"
    assert state(advice, "valganciclovir_is_failing") == "applies"
    assert state(advice, "maribavir_leads_in_stable_transplant") == "silent"
    arrived = changed(lost, {"symptoms": {"severe_diarrhoea": {"present": "no", "date": "d41"}}})
    assert state(answer(arrived), "ganciclovir_first_by_vein") == "silent"
    assert state(answer(lost, hide=("severe_diarrhoea",)), "ganciclovir_first_by_vein") == "undetermined"


def test_continuous_replacement_goes_by_vein() -> None:
    ill = answer(changed(UNTREATED, {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-3"}]}))
    assert state(ill, "ganciclovir_first_by_vein") == "applies"
    assert state(ill, "valganciclovir_first_line_by_mouth") == "silent"


def test_watching_speaks_against_an_antiviral(tmp_path: Path) -> None:
    (tmp_path / "pathway").mkdir()
    (tmp_path / "pathway" / "site.yaml").write_text("settings:\n  tissue_copies_per_mg_low: {value: 100}\n")
    rule = "ganciclovir_or_watching"
    item = items(answer(WATCHFUL, overlay=tmp_path))[rule]
    assert (item.state, item.effect, item.statement) == ("applies", "against", "S19")
    severe = changed(WATCHFUL, {"host": {"ibd": {"steroid_response": "refractory"}}})
    assert state(answer(severe, overlay=tmp_path), rule) == "silent"
    assert state(answer(WATCHFUL, hide=("steroid_response",), overlay=tmp_path), rule) == "undetermined"


@pytest.mark.parametrize("procedure", ["haemodialysis", "peritoneal_dialysis", "continuous_renal_replacement"])
def test_dialysis_is_no_reason_against_the_vein(procedure: str) -> None:
    advice = answer(changed(UNTREATED, {"procedures": [{"procedure": procedure, "start": "d-100"}]}))
    rule = "ganciclovir_with_hardly_any_kidney" if procedure == "haemodialysis" else "ganciclovir_no_dose_here"
    assert items(advice)[rule].effect == "caution"
    assert verdicts(advice)["ganciclovir"] == "preferred"


def test_an_injection_into_the_eye_is_no_ganciclovir_by_vein() -> None:
    eye = {"drug": "ganciclovir", "dose": "2 mg", "every": "weekly", "route": "intravitreal", "start": "d-3"}
    assert state(answer(changed(HIV, {"drugs": [eye]})), "ganciclovir_first_by_vein") == "silent"


def verdicts(advice: Any) -> dict[str, str]:
    """Verdict by drug."""
    return {option.drug: option.verdict for option in advice.options}
