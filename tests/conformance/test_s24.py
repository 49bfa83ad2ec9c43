"""S24 and section F: risk tiers with dated schedules, early signs, what to do at each."""

from __future__ import annotations

from typing import Any

from tests.conformance.patients import Patient, colitis, drug, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import answer, items, state

CLEARED = loads(m1="12000", d7="900", d14="<34.5", d21="not detected")
WELL = {
    "lymphocytes": [{"date": "d24", "value": "1.4 10*9/L"}],
    "igg": [{"date": "d24", "value": "9 g/L"}],
}


def after(organ: str = "kidney", donor: str = "positive", recipient: str = "positive", **parts: Any) -> Patient:
    """Two weeks of rest after three weeks of treatment; everything known, nothing else wrong."""
    transplant = {
        "organ": organ,
        "date": "2025-03-01",
        "donor_igg": donor,
        "recipient_igg": recipient,
        "induction": "basiliximab",
    }
    return graft(
        "d26",
        host={"transplants": [transplant], "not": ["rejection"]},
        **{
            "viral_loads": CLEARED,
            "drugs": [valganciclovir("d0", "d21")],
            "labs": WELL,
            "words": {
                "cmv_cmi": {"value": "positive", "date": "d24"},
                "graft_manipulation": {"value": "t_replete", "date": "d0"},
            },
            "complete": ["medications", "conditions", "procedures", "end_organ_disease"],
            **parts,
        },
    )


def dates(case: Patient, rule: str) -> list[str]:
    """Days of the tasks of one rule."""
    return [task.day for task in answer(case).tasks if task.rule == rule]


def test_s24_high_risk_overrides_the_lower_tiers() -> None:
    high = after(recipient="negative")
    said(high, "surveillance_high_risk", "SOT4", "GARDINER18")
    assert state(answer(high), "surveillance_any_risk") == "overridden"
    assert dates(high, "surveillance_high_risk")[:3] == ["2026-03-29", "2026-04-05", "2026-04-12"]
    assert dates(high, "surveillance_any_risk") == []


def test_s24_near_miss_running_treatment_is_not_surveillance() -> None:
    silent(after(recipient="negative", drugs=[valganciclovir("d0")]), "surveillance_high_risk")


def test_s24_low_risk() -> None:
    low = after()
    said(low, "surveillance_low_risk", "BESTARD23")
    silent(low, "surveillance_high_risk")
    silent(low, "surveillance_medium_risk")
    assert dates(low, "surveillance_low_risk")[0] == "2026-04-05"
    open_without(low, "surveillance_low_risk", "recipient_igg")


def test_s24_medium_risk_after_disease() -> None:
    medium = after(cmv={"disease": [{"concept": "cmv_colitis", "start": "d-2", "end": "d20"}]})
    said(medium, "surveillance_medium_risk", "LODDING15")
    silent(after(), "surveillance_medium_risk")
    open_without(medium, "surveillance_medium_risk", "end_organ_disease_ever")


def test_s24_unknown_tier_still_has_dates() -> None:
    assert open_without(after(), "surveillance_high_risk", "lymphocytes").needs == ["lymphocytes"]
    unknown = after(labs={}, words={}, complete=[])
    assert state(answer(unknown), "surveillance_high_risk") == "undetermined"
    assert state(answer(unknown), "surveillance_any_risk") == "provided"
    assert "lymphocytes" in items(answer(unknown))["surveillance_any_risk"].needs
    assert dates(unknown, "surveillance_any_risk")


def test_s24_bowel_is_followed_by_symptoms_not_by_blood() -> None:
    bowel = colitis(
        "d26",
        drugs=[valganciclovir("d0", "d21")],
        cmv={"episodes": [{"start": "d-2", "end": "d21", "site": "colon"}]},
    )
    said(bowel, "surveillance_in_ibd", "ECCO21")
    silent(bowel, "surveillance_any_risk")
    silent(after(), "surveillance_in_ibd")
    assert dates(bowel, "surveillance_in_ibd")[0] == "2026-04-05"
    open_without(bowel, "surveillance_in_ibd", "treatment_end_recorded")


def test_s24_early_sign() -> None:
    sign = after(viral_loads=[*CLEARED, *loads(d23="600", d25="700")])
    said(sign, "early_sign_of_recurrence", "LODDING18")
    said(after(viral_loads=[*CLEARED, *loads(d25="1400")]), "early_sign_of_recurrence")
    silent(after(), "early_sign_of_recurrence")
    open_without(sign, "early_sign_of_recurrence", "previous_load_negative")


def test_s24_symptoms_mean_a_test_now() -> None:
    sick = after(symptoms={"fever": {"present": "yes", "date": "d25"}})
    said(sick, "symptoms_after_treatment", "DURAND13")
    silent(after(), "symptoms_after_treatment")
    open_without(sick, "symptoms_after_treatment", "warning_symptom_recorded")


def test_f_after_prophylaxis() -> None:
    late = graft(
        "d20",
        viral_loads=loads(d10="not detected"),
        drugs=[valganciclovir("d-90", "d0", every="24 h", intent="prophylaxis")],
    )
    assert "54 days" in said(late, "surveillance_after_prophylaxis", "EID10").text
    positive = {
        "transplants": [{"organ": "kidney", "date": "2025-09-01", "donor_igg": "positive", "recipient_igg": "positive"}]
    }
    silent({**late, "host": positive}, "surveillance_after_prophylaxis")
    open_without(late, "surveillance_after_prophylaxis", "recipient_igg")


def test_f_during_prophylaxis() -> None:
    now = graft("d20", drugs=[valganciclovir("d-60", every="24 h", intent="prophylaxis")])
    said(now, "during_prophylaxis", "SOT4")
    silent({**now, "viral_loads": loads(d18="3000")}, "during_prophylaxis")
    open_without(now, "during_prophylaxis", "prophylaxis_now_recorded")


def test_f_after_maribavir() -> None:
    stopped = after(drugs=[drug("maribavir", "d-30", "d21", route="oral")])
    said(stopped, "after_maribavir", "LAB-MBV")
    silent(after(), "after_maribavir")
    assert "2026-03-29" in {task.day for task in answer(stopped).tasks}
    open_without(stopped, "after_maribavir", "maribavir_end_recorded")


def test_f_very_late_disease() -> None:
    late = graft(
        "d20",
        host={"transplants": [{"organ": "kidney", "date": "2010-09-01"}]},
        viral_loads=loads(d18="3000"),
    )
    said(late, "very_late_cmv", "SOT4")
    silent(after(), "very_late_cmv")
    open_without(late, "very_late_cmv", "transplant_day")
