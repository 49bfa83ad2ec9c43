"""Which codons cannot be errors: the rates of errors are learned from the sample itself, for each way of reading.

A codon is called where errors of other codons at the same place would not bring as many fragments. The rate of each
change of a base is learned from codons so rare that they are errors; forward reads, reverse reads and pairs that agree
have rates of their own. A change that one direction shows and the other does not is an error of that direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..power import HITS
from .kernels import BOTH, FORWARD, REVERSE

# Design values, chosen on simulated reads with more errors than their qualities say (docs/sequencing.md).
RARE = 0.003
"""Share below which a codon one base off the most frequent one is taken for an error, to learn the rates from."""
RARE_COUNT = 2
EXCESS = 3.0
"""Errors cluster: as many times the expected ones are reckoned with."""
ALPHA = 1e-6
FLOOR_RATE, UNKNOWN_RATE = 1e-5, 2e-3
LEARNED_FROM = 20_000
"""Bases that must have been read for a rate to be learned."""
CONFIRMING, STRAND_RATIO = 3, 0.25
"""Fragments of each direction that confirm a change, and how much rarer one may show it than the other."""
ONE_STRAND_SHARE = 0.04
"""From this share on, a change of one direction only is kept with a flag: errors of one direction are rarer."""

Direction = Literal["confirmed", "unconfirmed", "contradicted"]
LETTERS = "ACGT"
CODON_NAMES = tuple(a + b + c for a in LETTERS for b in LETTERS for c in LETTERS)
"""The 64 codons in the order of the table's columns."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A codon that is no error: how many fragments show it, and what the directions of reading say of it."""

    column: int
    count: int
    direction: Direction


def error_rates(counts: NDArray[np.int32], rare: float = RARE) -> NDArray[np.float64]:
    """[way, from base, to base]: how often one base is read as another. ``counts``: [codon, way, column].

    ``rare``: the share up to which another codon is taken for an error, to learn from.
    """
    whole = counts[:, :, :64].sum(axis=1)
    depth = whole.sum(axis=1)
    most = whole.argmax(axis=1)
    read = depth > 0
    wrong, right = np.zeros((3, 4, 4)), np.zeros((3, 4))
    for place in range(3):
        step = 16 >> (2 * place)
        base = (most // step) % 4
        for other in range(4):
            column = most + (other - base) * step
            times = whole[np.arange(len(whole)), column]
            errors = read & (base != other) & (times <= np.maximum(rare * depth, RARE_COUNT))
            for way in range(3):
                seen = counts[np.arange(len(whole)), way, column]
                np.add.at(wrong[way], (base[errors], other), seen[errors])
                if other == 0:
                    np.add.at(right[way], base[read], counts[:, way, :64].sum(axis=1)[read])
    rates = np.full((3, 4, 4), UNKNOWN_RATE)
    for way in range(3):
        for base in range(4):
            if right[way, base] >= LEARNED_FROM:
                rates[way, base] = np.maximum(wrong[way, base] / right[way, base], FLOOR_RATE)
    return rates


def expected_errors(counts: NDArray[np.int32], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """[codon, column]: how many fragments would show each codon by errors in the others."""
    expected = np.zeros((counts.shape[0], 64))
    for way in range(3):
        one = rates[way].copy()
        np.fill_diagonal(one, 1.0)
        three = np.kron(np.kron(one, one), one)
        np.fill_diagonal(three, 0.0)
        expected += counts[:, way, :64] @ three
    return expected


def seen_codons(counts: NDArray[np.int32], expected: NDArray[np.float64]) -> list[Seen]:
    """The codons of one place that errors do not explain; ``counts``: [way, column].

    Those of one direction are among them: it is for the caller to leave them out and to count them.
    """
    columns = counts[:, :64].sum(axis=0)
    made = []
    for column in np.flatnonzero(columns >= HITS):
        count = int(columns[column])
        if not _beyond_chance(count, EXCESS * float(expected[column])):
            continue
        made.append(Seen(int(column), count, direction(counts[:, column], counts[:, :64].sum(axis=1))))
    return made


def direction(hits: NDArray[np.int32], depths: NDArray[np.int32]) -> Direction:
    """What the directions of reading say of a change. ``hits`` and ``depths``: fragments by way, with it and in all.

    ``contradicted``: the other direction was read well enough to show it, and does not; ``unconfirmed``: it was not.
    """
    ways = [(int(hits[way] + hits[BOTH]), int(depths[way] + depths[BOTH])) for way in (FORWARD, REVERSE)]
    (weak, its_depth), (strong, other_depth) = sorted(ways)
    awaited = strong / other_depth * its_depth if other_depth else 0.0
    if weak >= CONFIRMING and weak >= STRAND_RATIO * awaited:
        return "confirmed"
    return "contradicted" if awaited >= HITS and weak < STRAND_RATIO * awaited else "unconfirmed"


def least_seen(expected: float) -> int:
    """The fewest fragments that so many expected errors do not explain."""
    count = HITS
    while not _beyond_chance(count, EXCESS * expected):
        count += 1 + count // 50
    return count


def _beyond_chance(count: int, mean: float) -> bool:
    """Whether a Poisson count of this mean would be as large by a chance below ``ALPHA``."""
    if mean <= 0:
        return True
    if count <= mean:
        return False
    term = exp(-mean + count * log(mean) - lgamma(count + 1))
    tail, n = term, count
    while term > tail * 1e-9:
        n += 1
        term *= mean / n
        tail += term
    return tail < ALPHA
