"""The virus grows, is held and decays as the published figures say."""

from __future__ import annotations

from math import log
from statistics import median

import pytest

from cmvigil.synth import parameters as p
from cmvigil.synth.dice import Dice
from cmvigil.synth.virus import Virus, effect, other_effect


def virus(number: int = 1, ceiling: float = 1e12) -> Virus:
    return Virus(Dice(1, number), ceiling)


def after(days: int, made: Virus, *, activity: float = 1.0, wild: float = 0.0, resistant: float = 0.0) -> float:
    """By what factor the load changes."""
    before = made.load
    for _ in range(days):
        made.live(activity, wild, resistant)
    return made.load / before


def test_the_two_published_points_of_the_effect() -> None:
    """Emery 2000: 0.915 by vein at the full dose, 0.465 by mouth, which reaches an exposure of 15.4."""
    assert effect(1.0) == pytest.approx(0.915, abs=0.005)
    assert effect(15.4 / p.FULL_EXPOSURE.value) == pytest.approx(0.465, abs=0.005)
    assert effect(0.0) == 0.0


def test_a_shift_moves_the_exposure_that_is_needed() -> None:
    assert effect(1.0, shift=4.0) == pytest.approx(effect(0.25))


def test_the_other_drugs_do_no_more_than_their_full_dose() -> None:
    assert other_effect(0.5) == pytest.approx(p.OTHER_EFFECT.value / 2)
    assert other_effect(3.0) == p.OTHER_EFFECT.value


def test_doubling_times_are_those_of_the_cohort() -> None:
    """Lodding 2015: median 4.3 days; the longest and the shortest are cut off, which draws the median down a little."""
    times = [log(2) / log(after(1, virus(number))) for number in range(1500)]
    assert 3.2 < median(times) < 4.4
    assert p.DOUBLING_LIMITS.low * 0.95 < min(times)
    assert max(times) < p.DOUBLING_LIMITS.high * 1.05


def test_the_full_dose_brings_the_load_down() -> None:
    made = virus()
    made.wild = 50_000.0
    assert after(21, made, wild=effect(1.0), resistant=effect(1.0)) < 0.2


def test_a_quarter_of_the_dose_does_not() -> None:
    grown = [after(14, virus(number), wild=effect(0.25)) for number in range(200)]
    assert sum(each > 1 for each in grown) > 100


def test_immune_control_alone_clears() -> None:
    made = virus()
    made.wild = 50_000.0
    assert after(90, made, activity=p.IMMUNE_CONTROL.value) < 0.01


def test_the_resistant_strain_takes_over_under_ganciclovir_and_falls_under_another_drug() -> None:
    made = virus()
    made.wild = 50_000.0
    made.select(0.05)
    after(40, made, wild=effect(1.0), resistant=effect(1.0, made.shift))
    assert made.resistant_share > 0.9
    stopped = other_effect(1.0)
    assert after(30, made, wild=stopped, resistant=stopped) < 0.2


def test_between_the_reservoir_and_the_ceiling() -> None:
    made = virus(ceiling=1e5)
    after(200, made)
    assert 1e4 < made.load < 1e5
    after(400, made, activity=0.0)
    assert made.wild == p.RESERVOIR.value
