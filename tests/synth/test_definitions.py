"""The truth speaks of definitions that the pathway has, with the numbers that the pathway gives them."""

from __future__ import annotations

from tests.synth.support import program

from cmvigil.synth import truth


def test_every_definition_is_one_of_the_pathway() -> None:
    assert set(truth.DEFINITIONS) <= set(program().definitions)


def test_its_numbers_are_those_of_the_knowledge() -> None:
    settings = {name: float(each.value) for name, each in program().settings.items() if each.value is not None}
    assert settings["recurrence_free_days"] == truth.FREE
    assert truth.JUDGED == settings["judgement_day"] == settings["minimum_course_days"]
    assert settings["noise_factor"] == truth.NOISE
    assert settings["full_dose_share"] == truth.FULL
    assert settings["under_dose_tolerance"] == truth.TOLERANCE
    assert settings["adherence_share"] == truth.ADHERENT
    assert settings["course_gap_days"] == truth.PAUSE
