"""The error model: rates are learned from the sample, and only what errors cannot explain is seen."""

from __future__ import annotations

import numpy as np
import pytest

from cmvigil.sequencing.reads.kernels import BOTH, COLUMNS, FORWARD, REVERSE
from cmvigil.sequencing.reads.noise import (
    CODON_NAMES,
    direction,
    error_rates,
    expected_errors,
    seen_codons,
)

AAA, AAC, AAG, ACA, CAA, CCC = (CODON_NAMES.index(each) for each in ("AAA", "AAC", "AAG", "ACA", "CAA", "CCC"))


def table(*codons: dict[int, tuple[int, int]]) -> np.ndarray:
    """Counts of codons by column: forward and reverse reads."""
    counts = np.zeros((len(codons), 3, COLUMNS), np.int32)
    for number, columns in enumerate(codons):
        for column, (ahead, back) in columns.items():
            counts[number, FORWARD, column], counts[number, REVERSE, column] = ahead, back
    return counts


def test_a_rate_is_what_rare_codons_show() -> None:
    counts = table(*[{AAA: (10_000, 10_000), AAC: (20, 10), ACA: (20, 10), CAA: (20, 10)}] * 4)
    rates = error_rates(counts)
    assert rates[FORWARD, 0, 1] == pytest.approx(20 / 10_060, rel=0.01)
    assert rates[REVERSE, 0, 1] == pytest.approx(10 / 10_030, rel=0.01)
    assert rates[FORWARD, 0, 2] < rates[FORWARD, 0, 1]


def test_a_frequent_codon_teaches_no_rate() -> None:
    counts = table(*[{AAA: (10_000, 10_000), AAC: (2_000, 2_000)}] * 4)
    assert error_rates(counts)[FORWARD, 0, 1] < 1e-3


def test_errors_of_three_bases_are_rarer_than_of_one() -> None:
    counts = table(*[{AAA: (10_000, 10_000), AAC: (20, 20), ACA: (20, 20), CAA: (20, 20)}] * 4)
    expected = expected_errors(counts, error_rates(counts))[0]
    assert expected[AAC] == pytest.approx(40, rel=0.2)
    assert expected[CCC] < 1e-3
    assert expected[AAA] < 1


def test_what_errors_explain_is_not_seen() -> None:
    counts = table(*[{AAA: (1_000, 1_000), AAC: (10, 10), CCC: (10, 10)}])
    expected = np.zeros(64)
    expected[AAC] = 12.0
    assert [each.column for each in seen_codons(counts[0], expected)] == [AAA, CCC]


@pytest.mark.parametrize(
    ("ahead", "back", "depth", "said"),
    [
        (20, 20, 1_000, "confirmed"),
        (40, 2, 1_000, "contradicted"),
        (0, 40, 1_000, "contradicted"),
        (40, 8, 1_000, "contradicted"),
        (40, 0, 100, "unconfirmed"),
        (40, 1, 0, "unconfirmed"),
    ],
)
def test_a_direction_must_confirm_the_other(ahead: int, back: int, depth: int, said: str) -> None:
    reverse = max(depth, back) if depth < 1_000 else depth
    hits, depths = np.array([ahead, back, 0], np.int32), np.array([1_000, reverse, 0], np.int32)
    assert direction(hits, depths) == said


def test_pairs_that_agree_confirm_both_directions() -> None:
    hits, depths = np.zeros(3, np.int32), np.zeros(3, np.int32)
    hits[BOTH], depths[BOTH] = 10, 500
    assert direction(hits, depths) == "confirmed"


def test_too_few_fragments_are_never_seen() -> None:
    counts = table({AAA: (3, 3), AAG: (3, 4)})
    assert seen_codons(counts[0], np.zeros(64)) == []


def test_rates_of_a_poor_machine_are_learned_from_what_is_less_rare() -> None:
    counts = table(*[{AAA: (500, 500), AAC: (10, 10)}] * 60)
    assert error_rates(counts)[FORWARD, 0, 1] < 1e-3
    assert error_rates(counts, 0.03)[FORWARD, 0, 1] == pytest.approx(10 / 510 / 3, rel=0.01)
