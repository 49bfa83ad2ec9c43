"""S15: cidofovir is appraised behind the others: what forbids a start, what stops a treatment, when it is the last."""

from __future__ import annotations

import pytest
from tests.conformance.readings import answer_read
from tests.conformance.support import (
    EVERYTHING,
    HIV,
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

CIDOFOVIR = {
    "drug": "cidofovir",
    "dose": "5 mg/kg",
    "every": "168 h",
    "route": "iv",
    "start": "d-10",
    "intent": "treatment",
}


def called(**calls: str) -> Case:
    """What the laboratory reported of each drug four days ago."""
    return {"genotype": [{"date": "d-4", "calls": calls}]}


def protein(grade: str) -> Case:
    """Urine protein by dipstick yesterday."""
    return {"labs": {"urine_protein": {"date": "d-1", "value": f"{grade} +"}}}


def creatinine(first: str, last: str, day: str = "d-12") -> Case:
    """Two creatinines in µmol/L: one on ``day``, one yesterday."""
    rows = [{"date": day, "value": f"{first} umol/L"}, {"date": "d-1", "value": f"{last} umol/L"}]
    return {"labs": {"creatinine": rows}}


def drugs(*more: Case) -> Case:
    """The graft's two drugs and these."""
    return {"drugs": [MYCOPHENOLATE, TACROLIMUS, *more]}


def option(case: Case, hide: tuple[str, ...] = ()) -> Option:
    """Cidofovir's row of the table."""
    return next(o for o in answer(case, hide).options if o.drug == "cidofovir")


LOST = changed(KIDNEY, drugs(), called(ganciclovir="resistant"), protein("0"))
"""Kidney graft, ganciclovir reported resistant and stopped, urine free of protein."""
ALL_LOST = called(ganciclovir="resistant", foscarnet="resistant", maribavir="resistant", cidofovir="susceptible")
LAST = changed(LOST, ALL_LOST)
ON = changed(LOST, drugs(CIDOFOVIR), creatinine("70", "72"))
"""The same patient on cidofovir for ten days, creatinine as at its start."""
WEAK = {"labs": {"creatinine": [{"date": "d-8", "value": "139 umol/L"}, {"date": "d-1", "value": "140 umol/L"}]}}
DIALYSIS = {"procedures": [{"procedure": "haemodialysis", "start": "d-50"}]}
AMPHOTERICIN = {
    "drug": "amphotericin_b",
    "dose": "250 mg",
    "every": "24 h",
    "route": "iv",
    "start": "d-20",
    "end": "d-3",
}
NOT_THE_LIST = {"complete": [name for name in EVERYTHING if name != "medications"]}
EYE = {"host": {"hiv": {"since": "2025"}, "not": None}, "cmv": {"episodes": [{"start": "d-10", "site": "retina"}]}}
NO_EYE = {"cmv": {"episodes": [{"start": "d-10", "site": "colon"}]}, "findings": None}
LOW = {"labs": {"neutrophils": {"date": "d-1", "value": "1.2 10*9/L"}}}
NOT_LOW = {"labs": {"neutrophils": {"date": "d-1", "value": "1.6 10*9/L"}}}
FAILING_ON_IT = changed(
    ON,
    drugs({**CIDOFOVIR, "start": "d-20", "adequate": "yes", "missed_doses": "none"}),
    {"viral_loads": [{"date": day, "value": 5000} for day in ("d-21", "d-13", "d-6", "d-1")]},
)

SAYS = [
    # the start
    Says("cidofovir_kidney_forbids", "S15", changed(LOST, WEAK), creatinine("70", "72", "d-6"), "creatinine"),
    Says("cidofovir_protein_forbids", "S15", changed(LOST, protein("2")), protein("1"), "urine_protein", words="2+"),
    Says(
        "cidofovir_on_renal_replacement",
        "S15",
        changed(LOST, DIALYSIS),
        {"procedures": None},
        "renal_replacement_recorded",
    ),
    Says(
        "cidofovir_unstable_kidney",
        "S15",
        changed(LOST, creatinine("70", "100", "d-2")),
        creatinine("70", "90", "d-2"),
        "creatinine_unstable",
    ),
    Says(
        "cidofovir_pregnancy",
        "scope",
        changed(LOST, {"person": {"pregnant": "yes"}}),
        {"person": {"pregnant": "no"}},
        "pregnancy_recorded",
    ),
    Says(
        "ask_for_pregnancy",
        "scope",
        changed(LOST, {"person": {"pregnant": None}}),
        {"person": {"pregnant": "no"}},
        "sex",
    ),
    Says("cidofovir_ask_for_allergy", "S15", LOST, drugs(CIDOFOVIR), "cidofovir_now", words="probenecid"),
    Says(
        "cidofovir_ask_for_the_drug_list",
        "S15",
        changed(LOST, NOT_THE_LIST),
        {"complete": EVERYTHING},
        "medication_list_stated",
    ),
    Says(
        "cidofovir_after_a_nephrotoxin",
        "S15",
        changed(LOST, drugs(AMPHOTERICIN)),
        drugs({**AMPHOTERICIN, "end": "d-8"}),
        "nephrotoxin_on_record",
        words="amphotericin B",
    ),
    Says(
        "cidofovir_beside_another_risk",
        "S15",
        LOST,
        {"drugs": [MYCOPHENOLATE]},
        "cidofovir_avoid_partner_on_record",
        words="tacrolimus",
    ),
    Says(
        "cidofovir_saline_and_the_heart",
        "S15",
        changed(LOST, {"host": {"other": ["heart_failure"]}}),
        {"host": {"other": None}},
        "heart_failure_recorded",
    ),
    # on treatment
    Says(
        "cidofovir_creatinine_stops",
        "S15",
        changed(ON, creatinine("70", "114.2")),
        creatinine("70", "114.1"),
        "cidofovir_creatinine_rise",
        words="44.2 µmol/L",
    ),
    Says(
        "cidofovir_lower_the_dose",
        "S15",
        changed(ON, creatinine("70", "96.52")),
        creatinine("70", "96.51"),
        "cidofovir_creatinine_rise",
        words="3 mg/kg",
    ),
    Says("cidofovir_protein_stops", "S15", changed(ON, protein("3")), protein("2"), "urine_protein"),
    Says("cidofovir_protein_on_treatment", "S15", changed(ON, protein("2")), protein("1"), "urine_protein"),
    Says(
        "cidofovir_below_start_limits",
        "S15",
        changed(ON, creatinine("125", "133")),
        creatinine("70", "72"),
        "creatinine",
    ),
    Says(
        "cidofovir_fails",
        "S15",
        FAILING_ON_IT,
        {"viral_loads": [{"date": "d-21", "value": 5000}, {"date": "d-1", "value": 100}]},
        "load_unchanged_or_rising load_rose",
    ),
    # the virus
    Says(
        "cidofovir_resistant",
        "S15",
        changed(LOST, called(cidofovir="resistant")),
        called(cidofovir="susceptible"),
        "cidofovir_call",
    ),
    Says(
        "cidofovir_perhaps_reduced",
        "S15",
        changed(LOST, called(cidofovir="possible")),
        called(cidofovir="susceptible"),
        "cidofovir_call",
    ),
    Says(
        "cidofovir_ul54_unread",
        "S15",
        LOST,
        called(ganciclovir="resistant", cidofovir="susceptible"),
        "cidofovir_susceptible_call",
    ),
    Says(
        "cidofovir_needs_no_ul97",
        "S15",
        changed(LOST, {"genotype": [{"date": "d-4", "genes": {"UL97": {"changes": ["A594V"]}}}]}),
        {"genotype": [{"date": "d-4", "genes": {"UL97": {"changes": ["A594V"]}, "UL54": {"changes": ["L545S"]}}}]},
        "ul97_change_on_record",
    ),
    # its place
    Says("cidofovir_not_first", "S15", KIDNEY, called(ganciclovir="resistant"), "ganciclovir_call_on_record"),
    Says(
        "cidofovir_behind_the_others",
        "S15",
        LOST,
        ALL_LOST,
        "foscarnet_call_on_record maribavir_call_on_record",
        words="59 %",
    ),
    Says(
        "cidofovir_last_resort",
        "S15",
        LAST,
        called(ganciclovir="resistant", foscarnet="resistant", maribavir="resistant"),
        "cidofovir_susceptible_call",
    ),
    Says(
        "cidofovir_outside_its_licence",
        "S15",
        KIDNEY,
        EYE,
        "hiv_recorded eye_diagnosis_recorded",
        words="retinitis in AIDS",
    ),
    Says("cidofovir_licensed_in_retinitis", "E9", HIV, NO_EYE, "eye_diagnosis_recorded"),
    Says(
        "cidofovir_and_the_eye", "S15", HIV, NO_EYE, "eye_diagnosis_recorded eye_recorded", words="Never into the eye"
    ),
    Says("cidofovir_and_the_marrow", "S26", changed(LOST, LOW), NOT_LOW, "neutrophils"),
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


@pytest.mark.parametrize(("clearance", "verdict"), [("55 mL/min", "contraindicated"), ("55.5 mL/min", "acceptable")])
def test_a_clearance_of_55_itself_forbids(clearance: str, verdict: str) -> None:
    measured = {"labs": {"measured_clearance": {"date": "d-2", "value": clearance}}}
    assert option(changed(LOST, measured)).verdict == verdict


@pytest.mark.parametrize(
    ("value", "found"), [("132.6 umol/L", "silent"), ("132.7 umol/L", "applies"), ("1.5 mg/dL", "silent")]
)
def test_a_creatinine_of_one_and_a_half_itself_does_not_forbid(value: str, found: str) -> None:
    """With a measured clearance that would do."""
    labs = {
        "creatinine": [{"date": "d-8", "value": value}, {"date": "d-1", "value": value}],
        "measured_clearance": {"date": "d-2", "value": "80 mL/min"},
    }
    assert state(answer(changed(LOST, {"labs": labs})), "cidofovir_kidney_forbids") == found


def test_creatinine_in_mg_per_dl_meets_the_limits_exactly() -> None:
    """0.5 mg/dL is 44.2 µmol/L, though neither 1.3 nor 0.8 is a binary number."""
    rows = [{"date": "d-12", "value": "0.8 mg/dL"}, {"date": "d-1", "value": "1.3 mg/dL"}]
    assert option(changed(ON, {"labs": {"creatinine": rows}})).verdict == "contraindicated"
    rows[1] = {"date": "d-1", "value": "1.1 mg/dL"}
    advice = answer(changed(ON, {"labs": {"creatinine": rows}}))
    assert state(advice, "cidofovir_lower_the_dose") == "applies"
    assert state(advice, "cidofovir_creatinine_stops") == "silent"


def test_a_start_before_the_record_cannot_be_compared() -> None:
    """Without a creatinine of the week before the first dose, nobody knows by how much it rose."""
    blind = changed(ON, {"labs": {"creatinine": {"date": "d-1", "value": "72 umol/L"}}})
    found = option(blind)
    assert found.verdict == "undetermined"
    assert found.needs == ["cidofovir_creatinine_rise"]


def test_single_fortnightly_doses_belong_to_one_treatment() -> None:
    doses = [{**CIDOFOVIR, "start": day, "end": day} for day in ("d-31", "d-24", "d-10")]
    case = changed(ON, drugs(*doses, {**CIDOFOVIR, "start": "d0"}), creatinine("70", "98", "d-33"))
    assert answer(case).facts["cidofovir_creatinine_rise"].value == "28"
    assert state(answer(case), "cidofovir_lower_the_dose") == "applies"


def test_into_the_eye_is_no_treatment_with_cidofovir() -> None:
    eye = changed(LOST, drugs({**CIDOFOVIR, "route": "intravitreal", "dose": "20 ug"}))
    assert state(answer(eye), "cidofovir_ask_for_allergy") == "applies"


def test_protein_2_plus_forbids_a_start_and_only_warns_on_treatment() -> None:
    assert option(changed(LOST, protein("2"))).verdict == "contraindicated"
    on = option(changed(ON, protein("2")))
    assert on.verdict == "acceptable"
    assert "cidofovir_protein_on_treatment" in {item.rule for item in on.reasons}
    stop = option(changed(ON, protein("3")))
    assert stop.verdict == "contraindicated"
    assert "cidofovir_protein_on_treatment" not in {item.rule for item in stop.reasons}


def test_s15_undetermined_until_creatinine_and_urine_protein_are_known() -> None:
    asked = changed(LOST, {"labs": {"urine_protein": None}})
    assert option(asked).verdict == "undetermined"
    assert option(asked).needs == ["urine_protein"]
    assert {"creatinine", "urine_protein"} <= set(option(asked, hide=("creatinine",)).needs)


def test_s15_last_when_all_others_are_taken_away() -> None:
    first = answer(LAST).options[0]
    assert (first.drug, first.verdict) == ("cidofovir", "preferred")
    assert first.regimens and first.regimens[0].dose_mg == 300
    foscarnet_left = called(ganciclovir="resistant", maribavir="resistant", cidofovir="susceptible")
    left = answer(changed(LAST, foscarnet_left)).options
    assert left[0].drug == "foscarnet"
    assert option(changed(LAST, foscarnet_left)).verdict == "acceptable"


def test_s15_not_the_last_resort_where_it_cannot_be_given() -> None:
    weak = option(changed(LAST, WEAK))
    assert weak.verdict == "contraindicated" and not weak.regimens
    assert "cidofovir_last_resort" in items(answer(changed(LAST, WEAK)))


def read(case: Case, verdict: str, day: str, level: str | None = None) -> tuple[str, str]:
    """Cidofovir's verdict, and what became of the last resort, with the genotype of a day read so."""
    advice = answer_read(case, "cidofovir", verdict, day, level=level)
    return next(o.verdict for o in advice.options if o.drug == "cidofovir"), state(advice, "cidofovir_last_resort")


def test_a_reading_of_the_genotype_counts_like_a_call() -> None:
    """Read susceptible within 90 days it may be the last resort; an older reading shows nothing, resistance stays."""
    case = changed(LAST, called(ganciclovir="resistant", foscarnet="resistant", maribavir="resistant"))
    assert option(case).verdict == "acceptable"
    assert read(case, "susceptible", "2026-03-26") == ("preferred", "applies")
    assert read(case, "susceptible", "2025-12-30") == ("acceptable", "silent")
    assert read(case, "resistant", "2025-12-30", level="high") == ("avoid", "silent")
    doubtful = answer_read(case, "cidofovir", "possible", "2026-03-26", level="low")
    assert state(doubtful, "cidofovir_perhaps_reduced") == "applies"


def test_a_susceptible_call_does_not_stand_against_a_resistant_reading() -> None:
    assert read(LAST, "resistant", "2026-03-26", level="moderate") == ("avoid", "silent")


def test_the_changes_behind_a_resistant_reading_are_named() -> None:
    def reading(verdict: str, hide: tuple[str, ...] = ()) -> str:
        advice = answer_read(LOST, "cidofovir", verdict, "2026-03-26", level="high", drivers="UL54 L545S", hide=hide)
        found = items(advice).get("cidofovir_read_as_resistant")
        return "silent" if found is None else f"{found.state} {found.headline}"

    assert reading("resistant") == "applies Read as resistant to cidofovir: UL54 L545S"
    assert reading("susceptible") == "silent"
    assert reading("resistant", hide=("cidofovir_reading",)).startswith("undetermined What does the genotype say")
