"""The smallest share of the population that a test can see, from the depth and from the copies that went into it."""

from __future__ import annotations

from functools import lru_cache
from math import exp, log1p

from .intervals import beta_mass, beta_quantile

HITS = 8
"""Fragments that must show a change before it is called (design value)."""
TEMPLATES = 3
"""Genomes of the specimen that must hold a change before it is told from an accident of copying (design value)."""
POWER = 0.95
"""How surely a change at the smallest share is seen (design value)."""
_STEP = 1e-5
_NOTHING = 1e-4
"""A chance that changes no share in the places that are shown."""


@lru_cache(maxsize=1 << 15)
def detectable(depth: int, hits: int = HITS) -> float:
    """The smallest share of which ``depth`` fragments hold at least ``hits`` in 95 of 100 tests; 1 where none does."""
    if depth < hits:
        return 1.0
    # A binomial count reaches `hits` exactly as often as a beta variable with these parameters lies below the share.
    return beta_quantile(POWER, hits, depth - hits + 1)


@lru_cache(maxsize=1 << 14)
def detectable_both_ways(ways: tuple[int, int, int], hits: int, confirming: int, alone: int) -> float:
    """The smallest share that is called in 95 of 100 tests where both directions of reading must show it.

    ``ways``: fragments read forward, reverse, and both ways. A change is called where ``hits`` of all show it, and
    ``confirming`` of each direction or ``alone`` of all; 1 where none would be. ``confirming`` is at most half of
    ``hits``.
    """
    depth = sum(ways)
    low = detectable(depth, hits)
    if depth < hits or alone <= hits or not _one_sided(low, ways, hits, confirming, alone):
        return low
    high = detectable(depth, alone)
    while high - low > _STEP:
        share = (low + high) / 2
        called = beta_mass(share, hits, depth - hits + 1) - _one_sided(share, ways, hits, confirming, alone)
        low, high = (share, high) if called < POWER else (low, share)
    return high


def _one_sided(share: float, ways: tuple[int, int, int], hits: int, confirming: int, alone: int) -> float:
    """The chance that ``hits`` fragments or more show a change, fewer than ``alone``, and too few of one direction.

    Only one direction can be the weak one: both together would have fewer than ``hits``.
    """
    ahead, back, both = ways
    paired = _binomial(both, share, confirming)
    chance = 0.0
    for weak, strong in ((ahead, back), (back, ahead)):
        few = _binomial(weak, share, confirming)
        shown = [sum(paired[n] * few[seen - n] for n in range(seen + 1)) for seen in range(confirming)]
        if sum(shown) < _NOTHING:
            continue
        many = _binomial(strong, share, alone)
        chance += sum(here * sum(many[max(0, hits - seen) : max(0, alone - seen)]) for seen, here in enumerate(shown))
    return chance


def _binomial(count: int, share: float, first: int) -> list[float]:
    """The chances of 0, 1, ... up to ``first`` - 1 hits in ``count`` draws."""
    made = [exp(count * log1p(-share))]
    for n in range(1, first):
        made.append(made[-1] * (count - n + 1) / n * share / (1 - share))
    return made


def templates(copies: int, needed: int = 1) -> float:
    """The smallest share of which ``copies`` genomes hold at least ``needed`` in 95 of 100 tests; 1 where none does."""
    return detectable(copies, needed)


def smallest_share(depth: int, copies: int | None) -> float:
    """The smallest share that a depth and, where stated, the copies that went into the test let one see."""
    return detectable(depth) if copies is None else max(detectable(depth), templates(copies, TEMPLATES))
