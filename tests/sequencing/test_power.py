"""The smallest share that a depth or a number of genomes lets one see."""

from __future__ import annotations

from itertools import pairwise, product
from math import comb

import pytest

from cmvigil.sequencing.power import detectable, detectable_both_ways, smallest_share, templates


@pytest.mark.parametrize(("depth", "share"), [(1312, 0.01), (655, 0.02), (260, 0.05), (129, 0.10), (63, 0.20)])
def test_the_depths_that_are_just_enough(depth: int, share: float) -> None:
    assert detectable(depth) <= share < detectable(depth - 2)


def test_too_few_fragments_show_nothing() -> None:
    assert (detectable(0), detectable(7)) == (1.0, 1.0)
    assert detectable(8) < 1


def test_more_depth_sees_smaller_shares() -> None:
    shares = [detectable(depth) for depth in range(8, 3000, 7)]
    assert all(after < before for before, after in pairwise(shares))


def test_few_genomes_limit_what_any_depth_can_see() -> None:
    assert templates(240) == pytest.approx(0.0124, abs=0.0001)
    assert templates(240, 3) == pytest.approx(0.026, abs=0.0001)
    assert smallest_share(100_000, 240) == templates(240, 3)
    assert smallest_share(100_000, None) == detectable(100_000)
    assert smallest_share(63, 100_000) == detectable(63)


def called(share: float, ways: tuple[int, int, int], hits: int, confirming: int, alone: int) -> float:
    """The chance that a change is called, over all that can be drawn."""
    chances = [[comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)] for n in ways]
    return sum(
        chances[0][ahead] * chances[1][back] * chances[2][both]
        for ahead, back, both in product(*(range(n + 1) for n in ways))
        if ahead + back + both >= hits and (min(ahead, back) + both >= confirming or ahead + back + both >= alone)
    )


@pytest.mark.parametrize(
    ("ways", "hits", "alone"),
    [((20, 20, 0), 8, 17), ((40, 10, 5), 8, 23), ((60, 3, 2), 8, 27), ((50, 0, 0), 8, 21), ((30, 30, 3), 12, 20)],
)
def test_the_share_that_both_directions_must_show_is_seen_in_95_of_100_tests(
    ways: tuple[int, int, int], hits: int, alone: int
) -> None:
    share = detectable_both_ways(ways, hits, 3, alone)
    assert called(share, ways, hits, 3, alone) == pytest.approx(0.95, abs=0.001)


def test_of_300_fragments_half_of_each_direction_the_share_is_above_that_of_depth_alone() -> None:
    assert detectable(300) < 0.0435
    assert detectable_both_ways((150, 150, 0), 8, 3, 12) == pytest.approx(0.0476, abs=0.0002)


def test_where_directions_cannot_matter_depth_alone_limits() -> None:
    assert detectable_both_ways((0, 0, 63), 8, 3, 8) == detectable(63)
    assert detectable_both_ways((4_000, 4_000, 2_000), 100, 3, 400) == detectable(10_000, 100)
    assert detectable_both_ways((5, 0, 0), 8, 3, 1) == 1.0
