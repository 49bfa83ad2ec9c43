"""The truth of hand-made infections: every definition at its edge."""

from __future__ import annotations

from dataclasses import replace

from tests.synth.support import DAYS, UNTIL, doses

from cmvigil.synth import hosts
from cmvigil.synth.body import Body
from cmvigil.synth.chart import Chart
from cmvigil.synth.course import Course, Disease, Plan, Regimen, reduced
from cmvigil.synth.dice import Dice
from cmvigil.synth.doses import Dose
from cmvigil.synth.reports import Reports
from cmvigil.synth.truth import Truth

FULL = Dose(900, False, 12)
QUARTER = Dose(450, False, 24)
ONCE = Dose(900, False, 24)


def truth(
    loads: list[float],
    *regimens: Regimen,
    shares: list[float] | None = None,
    diseases: tuple[Disease, ...] = (),
) -> Truth:
    """The truth of loads from day 0 on (the last lasts), in a patient with healthy kidneys."""
    dice = Dice(1, 1)
    chart = Chart("someone", UNTIL.toordinal() - DAYS + 1)
    body = Body(dice, 100, (40, 40), doses().sex_factor)
    body.base = 60.0
    plan = Plan("single", 0, False, 1.0, 1.0, 0.0, "A594V")
    course = Course(dice, hosts.KIDNEY, body, chart, Reports(dice, chart, DAYS - 1), doses(), plan, DAYS)
    course.loads = loads + loads[-1:] * (DAYS - len(loads))
    course.shares = (shares or [0.0]) + (shares or [0.0])[-1:] * (DAYS - len(shares or [0.0]))
    course.regimens, course.diseases = list(regimens), list(diseases)
    return Truth(course)


def treatment(start: int, end: int | None = None, dose: Dose = FULL, drug: str = "valganciclovir") -> Regimen:
    return Regimen(drug, "treatment", dose, start, 1.0, end)


# -- virus -------------------------------------------------------------------------------------------------------------
def test_viraemia_is_a_load_that_can_be_quantified() -> None:
    found = truth([100.0] * 5 + [137.0] * 3 + [136.0])
    assert found.viraemia == [(5, 7)]
    assert found.first["dnaemia"] == 5
    assert found.cleared == 8


def test_viraemia_without_an_end_is_not_cleared() -> None:
    found = truth([5000.0])
    assert (found.viraemia, found.cleared) == ([(0, None)], None)


def test_no_virus_is_nothing() -> None:
    found = truth([1.0])
    assert not any(day is not None for day in found.first.values())
    assert (found.viraemia, found.cleared, found.recurrences) == ([], None, [])


def test_a_recurrence_needs_more_than_four_weeks_without_virus() -> None:
    again = [500.0] + [1.0] * 27 + [500.0]
    assert truth(again).recurrences == []
    assert truth([500.0] + [1.0] * 28 + [500.0]).recurrences == [29]
    assert truth([500.0] + [1.0] * 28 + [500.0]).first["recurrent"] == 29


# -- response ----------------------------------------------------------------------------------------------------------
def test_refractory_is_a_rise_of_more_than_a_log_after_two_weeks() -> None:
    risen = [1000.0] * 20 + [10_001.0]
    assert truth(risen, treatment(0)).first["refractory"] == 20
    assert truth([1000.0] * 20 + [10_000.0], treatment(0)).first["refractory"] is None


def test_before_day_14_nothing_is_judged() -> None:
    assert truth([1000.0], treatment(0)).first["probable_refractory"] == 14


def test_probable_is_a_load_that_has_not_fallen_by_half_a_log() -> None:
    assert truth([10_000.0] * 10 + [3200.0], treatment(0)).first["probable_refractory"] == 14
    fallen = truth([10_000.0] * 10 + [3100.0], treatment(0))
    assert fallen.first["probable_refractory"] is None
    assert fallen.first["not_responding"] is None


def test_not_responding_is_either() -> None:
    assert truth([1000.0] * 20 + [10_001.0], treatment(0)).first["not_responding"] == 14


def test_a_load_below_quantification_is_a_response() -> None:
    assert truth([200.0] * 14 + [130.0], treatment(0)).first["not_responding"] is None


def test_what_is_not_taken_or_given_too_low_is_not_refractory() -> None:
    assert truth([1000.0], replace(treatment(0), taken=0.9)).first["not_responding"] is None
    assert truth([1000.0], treatment(0, dose=QUARTER)).first["not_responding"] is None


def test_two_drugs_of_a_class_are_one_line() -> None:
    by_vein = Regimen("ganciclovir", "treatment", Dose(5, True, 12), 0, 1.0, 9)
    assert truth([1000.0], by_vein, treatment(10)).first["probable_refractory"] == 14
    assert truth([1000.0], by_vein, treatment(16)).first["probable_refractory"] == 19
    assert truth([1000.0], by_vein, treatment(17)).first["probable_refractory"] == 31


def test_another_class_begins_anew() -> None:
    foscarnet = Regimen("foscarnet", "treatment", Dose(90, True, 12), 10, 1.0, None)
    assert truth([1000.0], treatment(0, 9), foscarnet).first["probable_refractory"] == 24


# -- doses -------------------------------------------------------------------------------------------------------------
def test_under_dosed_days_are_those_below_the_dose_for_the_true_kidney() -> None:
    found = truth([1.0], treatment(10, 19, QUARTER), treatment(20, 29))
    assert found.under_dosed == [(10, 19)]
    assert found.first["line_under_dosed"] == 10


def test_a_tenth_of_the_days_is_borne() -> None:
    assert truth([1.0], treatment(0, 19), treatment(20, 21, ONCE), treatment(22)).first["line_under_dosed"] is None
    assert truth([1.0], treatment(0, 19), treatment(20, 25, ONCE)).first["line_under_dosed"] == 22


def test_under_dosed_while_positive_needs_a_week_of_virus() -> None:
    found = truth([1.0] * 5 + [500.0], treatment(0, dose=ONCE))
    assert found.first["under_dosed_while_positive"] == 12


def test_maintenance_beside_virus_is_under_dosed_too() -> None:
    maintenance = Regimen("valganciclovir", "maintenance", ONCE, 20, 1.0, 30)
    found = truth([500.0], maintenance)
    assert found.first["under_dosed_while_positive"] == 20
    assert found.first["line_under_dosed"] is None


def test_the_dose_is_held_against_the_true_kidney() -> None:
    halved = treatment(0, dose=Dose(450, False, 12))
    found = truth([1.0], halved)
    assert found.under_dosed == [(0, None)]
    body = found.course.body
    body.base *= body.clearance(body.base, "valganciclovir") / 50  # a clearance of 50, for which half the dose is right
    assert Truth(found.course).under_dosed == []


# -- resistance and disease --------------------------------------------------------------------------------------------
def test_resistance_is_true_from_the_share_that_is_noticed() -> None:
    found = truth([1000.0], shares=[0.0, 0.19, 0.2])
    assert found.first["resistance_reported"] == found.first["resistance_suspected"] == 2
    assert truth([100.0], shares=[0.9]).resistant is None


def test_organ_disease_is_not_the_syndrome() -> None:
    colitis = Disease(hosts.COLITIS, 7, None, 10)
    assert truth([500.0], diseases=(colitis,)).first["end_organ_disease"] == 7
    assert truth([500.0], diseases=(colitis._replace(code=hosts.SYNDROME),)).first["end_organ_disease"] is None


def test_as_json_days_are_dates() -> None:
    found = truth([500.0] * 10 + [1.0], treatment(3, 8, QUARTER), shares=[0.5])
    row = found.row(found.course.chart.iso)
    assert row["viraemia"] == [["2026-01-02", "2026-01-11"]]
    assert (row["onset"], row["cleared"], row["peak"]) == ("2026-01-02", "2026-01-12", 500)
    assert row["under_dosed"] == [["2026-01-05", "2026-01-10"]]
    assert row["resistance"] == {"gene": "UL97", "change": "A594V", "from": "2026-01-02"}
    (course,) = row["courses"]
    assert course == {
        "drug": "valganciclovir",
        "intent": "treatment",
        "mg_a_day": 450.0,
        "taken": 1.0,
        "from": "2026-01-05",
        "to": "2026-01-10",
    }


def test_reduced_doses_are_about_the_share_asked_for() -> None:
    assert reduced(FULL, 1.0) == FULL
    assert reduced(FULL, 0.5) == Dose(450, False, 12)
    assert reduced(FULL, 0.25) == Dose(450, False, 24)
    assert reduced(QUARTER, 0.5) == Dose(450, False, 48)
    assert reduced(Dose(5, True, 12), 0.5) == Dose(2.5, True, 12)
