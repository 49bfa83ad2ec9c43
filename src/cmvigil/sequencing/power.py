"""The smallest share of the population that a test can see, from the depth and from the copies that went into it."""

from __future__ import annotations

from functools import lru_cache

from .intervals import beta_quantile

HITS = 8
"""Fragments that must show a change before it is called (design value)."""
TEMPLATES = 3
"""Genomes of the specimen that must hold a change before it is told from an accident of copying (design value)."""
POWER = 0.95
"""How surely a change at the smallest share is seen (design value)."""


@lru_cache(maxsize=1 << 15)
def detectable(depth: int, hits: int = HITS) -> float:
    """The smallest share of which ``depth`` fragments hold at least ``hits`` in 95 of 100 tests; 1 where none does."""
    if depth < hits:
        return 1.0
    # A binomial count reaches `hits` exactly as often as a beta variable with these parameters lies below the share.
    return beta_quantile(POWER, hits, depth - hits + 1)


def templates(copies: int, needed: int = 1) -> float:
    """The smallest share of which ``copies`` genomes hold at least ``needed`` in 95 of 100 tests; 1 where none does."""
    return detectable(copies, needed)


def smallest_share(depth: int, copies: int | None) -> float:
    """The smallest share that a depth and, where stated, the copies that went into the test let one see."""
    return detectable(depth) if copies is None else max(detectable(depth), templates(copies, TEMPLATES))
