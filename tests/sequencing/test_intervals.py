"""Intervals of Jeffreys and the beta distribution, against published figures and against the binomial itself."""

from __future__ import annotations

from decimal import Decimal
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmvigil.sequencing.intervals import beta_quantile, jeffreys


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 10, "0.000000", "0.217196"),
        (5, 10, "0.223529", "0.776471"),
        (10, 10, "0.782804", "1.000000"),
        (0, 0, "0.000000", "1.000000"),
        (500_000, 1_000_000, "0.499020", "0.500980"),
    ],
)
def test_known_intervals(hits: int, total: int, low: str, high: str) -> None:
    assert jeffreys(hits, total) == (Decimal(low), Decimal(high))


@pytest.mark.parametrize(("hits", "total"), [(-1, 5), (6, 5)])
def test_more_than_all_or_less_than_none_is_refused(hits: int, total: int) -> None:
    with pytest.raises(ValueError, match="part of the total"):
        jeffreys(hits, total)


@given(st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_share_lies_within_and_both_sides_mirror_each_other(counts: tuple[int, int]) -> None:
    hits, total = counts
    low, high = jeffreys(hits, total)
    assert 0 <= low <= Decimal(hits) / total + Decimal("0.000001")
    assert Decimal(hits) / total - Decimal("0.000001") <= high <= 1
    mirrored_low, mirrored_high = jeffreys(total - hits, total)
    assert abs(low + mirrored_high - 1) <= Decimal("0.000001")
    assert abs(high + mirrored_low - 1) <= Decimal("0.000001")


@given(st.integers(1, 60), st.integers(0, 60), st.sampled_from([0.001, 0.025, 0.5, 0.95, 0.999]))
def test_a_quantile_with_whole_parameters_is_a_tail_of_the_binomial(a: int, more: int, share: float) -> None:
    n = a + more
    p = beta_quantile(share, a, more + 1)
    tail = sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(a, n + 1))
    assert tail == pytest.approx(share, abs=1e-7)
