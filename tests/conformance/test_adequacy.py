"""S03, S04, S22: every antiviral's course against the kidney function of each of its days, not ganciclovir's alone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import Patient, drug, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import answer, items

from cmvigil.advice import Bar

RISING = loads(m1="12000", d7="14000", d14="13000", d19="14000")
STRONG = {"creatinine": [{"date": day, "value": "70 umol/L"} for day in ("d-2", "d18")]}  # 1.58 mL/min/kg
USUAL = {"creatinine": [{"date": day, "value": "80 umol/L"} for day in ("d-2", "d18")]}  # 1.38 mL/min/kg


def on(*drugs: dict[str, Any], labs: dict[str, Any] = USUAL, **parts: Any) -> Patient:
    """A kidney recipient of 70 kg on day 20 of these drugs."""
    return graft("d20", viral_loads=RISING, drugs=list(drugs), labs=labs, complete=["medications"], **parts)


def foscarnet(dose: str, every: str, start: str = "d0", **more: Any) -> dict[str, Any]:
    """Foscarnet by vein."""
    return drug("foscarnet", start, dose=dose, every=every, route="iv", intent="treatment", **more)


def bar(case: Patient, name: str) -> Bar:
    """The bar of a drug on the timeline: its height is the share of the dose that the kidney called for."""
    return next(b for b in answer(case).timeline.bars if b.drug == name)


@pytest.mark.parametrize(
    ("dose", "every", "labs", "verdict"),
    [
        ("90 mg/kg", "12 h", STRONG, "right"),
        ("60 mg/kg", "8 h", STRONG, "right"),
        ("70 mg/kg", "12 h", USUAL, "right"),
        ("45 mg/kg", "8 h", USUAL, "right"),
        ("90 mg/kg", "12 h", USUAL, "over"),  # the band of 1.0 to 1.4 calls for 70
        ("60 mg/kg", "8 h", USUAL, "over"),
        ("70 mg/kg", "12 h", STRONG, "under"),
        ("90 mg/kg", "24 h", STRONG, "under"),  # maintenance
    ],
)
def test_s22_foscarnet_by_clearance_per_kilogram(dose: str, every: str, labs: dict[str, Any], verdict: str) -> None:
    case = on(foscarnet(dose, every), labs=labs)
    if verdict == "under":
        assert said(case, "dose_too_low_today", "LAB-FOS").severity == "harm"
        said(case, "line_was_under_dosed")
    else:
        silent(case, "dose_too_low_today")
    if verdict == "over":
        assert "foscarnet" in said(case, "dose_too_high_alert", "LAB-FOS").headline
        said(case, "line_was_over_dosed")
    else:
        silent(case, "dose_too_high_alert")


def test_s22_todays_foscarnet_dose() -> None:
    case = on(foscarnet("70 mg/kg", "12 h"))
    item = said(case, "foscarnet_for_today", "LAB-FOS")
    assert (
        "70 mg/kg every 12 h" in item.headline and "(4,900 mg before" in item.text and "above 1.0 to 1.4" in item.text
    )
    silent(on(valganciclovir("d0")), "foscarnet_for_today")
    open_without(case, "foscarnet_for_today", "foscarnet_dose_today")


def test_s03_an_adequate_foscarnet_course_can_be_called_refractory() -> None:
    right = on(foscarnet("70 mg/kg", "12 h"))
    said(right, "response_probable_refractory")
    half = on(foscarnet("35 mg/kg", "12 h"))
    silent(half, "response_probable_refractory")
    said(half, "not_refractory_under_dosed")


def test_s22_the_dose_follows_the_kidney_of_the_day() -> None:
    falling = {"creatinine": [{"date": "d-2", "value": "70 umol/L"}, {"date": "d10", "value": "105 umol/L"}]}
    case = on(foscarnet("90 mg/kg", "12 h", end="d9"), foscarnet("70 mg/kg", "12 h", start="d10"), labs=falling)
    silent(case, "line_was_under_dosed")
    silent(case, "dose_too_high_alert")
    kept = on(foscarnet("90 mg/kg", "12 h"), labs=falling)
    said(kept, "line_was_over_dosed")


def test_s22_a_measured_clearance_speaks_for_its_week() -> None:
    measured = {**USUAL, "measured_clearance": [{"date": "d17", "value": "110 mL/min"}]}  # 1.57 mL/min/kg
    case = on(foscarnet("70 mg/kg", "12 h"), labs=measured)
    said(case, "dose_too_low_today")
    assert "(6,300 mg before rounding" in said(case, "foscarnet_for_today").text
    old = {**USUAL, "measured_clearance": [{"date": "d10", "value": "110 mL/min"}]}
    silent(on(foscarnet("70 mg/kg", "12 h"), labs=old), "dose_too_low_today")


def test_s22_cidofovir_weekly_then_every_two_weeks() -> None:
    def given(start: str, every: str, **more: Any) -> dict[str, Any]:
        return drug("cidofovir", start, dose="5 mg/kg", every=every, route="iv", intent="treatment", **more)

    case = on(given("d0", "1 week", end="d13"), given("d14", "2 weeks"))
    silent(case, "dose_too_low_today")
    silent(case, "line_was_under_dosed")
    said(on(given("d0", "2 weeks")), "line_was_under_dosed")
    said(
        on(
            given("d0", "1 week", end="d13"),
            drug("cidofovir", "d14", dose="3 mg/kg", every="2 weeks", route="iv", intent="treatment"),
        ),
        "dose_too_low_today",
    )


def test_s22_maribavir_is_the_same_for_every_kidney_and_more_with_inducers() -> None:
    def maribavir(dose: str) -> dict[str, Any]:
        return drug("maribavir", "d0", dose=dose, every="12 h", route="oral", intent="treatment", missed_doses="none")

    phenytoin = drug("phenytoin", "d-30", dose="300 mg", every="daily", route="oral")
    alone = on(maribavir("400 mg"))
    silent(alone, "dose_too_low_today")
    silent(on(maribavir("400 mg"), labs={"creatinine": []}), "dose_cannot_be_judged")
    said(on(maribavir("400 mg"), phenytoin), "dose_too_low_today", "LAB-MBV")
    silent(on(maribavir("1200 mg"), phenytoin), "dose_too_low_today")
    rifampicin = drug("rifampicin", "d-30", dose="600 mg", every="daily", route="oral")
    said(on(maribavir("400 mg"), rifampicin), "dose_cannot_be_judged")


def test_s04_prophylaxis_below_its_dose_counts_for_the_kidney_of_its_days() -> None:
    mini = drug("valganciclovir", "d-100", "d-1", dose="450 mg", every="daily", route="oral", intent="prophylaxis")
    labs = {"creatinine": [{"date": day, "value": "80 umol/L"} for day in ("d-100", "d-70", "d-40", "d-10", "d18")]}
    case = on(mini, valganciclovir("d0"), labs=labs)
    assert bar(case, "valganciclovir").share == 0.5
    assert any(item.statement == "S04" for item in items(answer(case)).values())


def test_s22_without_a_dose_or_an_interval_foscarnet_is_asked_for() -> None:
    case = on(drug("foscarnet", "d0", route="iv", intent="treatment"))
    said(case, "dose_cannot_be_judged")
    silent(on(drug("foscarnet", "d0", route="iv", intent="treatment", adequate="yes")), "dose_cannot_be_judged")
