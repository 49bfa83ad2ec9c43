"""The smallest share that a depth or a number of genomes lets one see."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cmvigil.sequencing.power import detectable, smallest_share, templates


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
