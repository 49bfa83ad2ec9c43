"""Draws follow from seed and number alone, and are spread as they say."""

from __future__ import annotations

from math import log
from statistics import fmean, median, stdev

from cmvigil.synth.dice import Dice

MANY = 20_000


def test_the_same_seed_and_number_draw_the_same() -> None:
    one, again, next_one, other = Dice(3, 5), Dice(3, 5), Dice(3, 6), Dice(4, 5)
    drawn = [[each.random() for _ in range(5)] for each in (one, again, next_one, other)]
    assert drawn[0] == drawn[1]
    assert len({tuple(each) for each in drawn}) == 3


def test_draws_are_those_of_every_version() -> None:
    dice = Dice(1, 2)
    assert [round(dice.random(), 9) for _ in range(2)] == [0.817177849, 0.84072107]


def test_numbers_are_spread_as_asked() -> None:
    dice = Dice(1, 1)
    normal = [dice.normal(10, 2) for _ in range(MANY)]
    assert abs(fmean(normal) - 10) < 0.06
    assert abs(stdev(normal) - 2) < 0.05
    skewed = [dice.lognormal(4.3, 0.84) for _ in range(MANY)]
    assert abs(median(skewed) / 4.3 - 1) < 0.03
    assert abs(stdev(map(log, skewed)) - 0.84) < 0.02


def test_whole_numbers_reach_both_ends() -> None:
    dice = Dice(1, 1)
    assert {dice.whole(-1, 1) for _ in range(100)} == {-1, 0, 1}


def test_weights_are_kept() -> None:
    dice = Dice(1, 1)
    drawn = [dice.weighted((("a", 0.7), ("b", 0.2), ("c", 0.1))) for _ in range(MANY)]
    assert abs(drawn.count("a") / MANY - 0.7) < 0.02
    assert abs(drawn.count("c") / MANY - 0.1) < 0.01
