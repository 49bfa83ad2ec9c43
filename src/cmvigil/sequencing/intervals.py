"""What a count of fragments says of a share of the population: the interval of Jeffreys, and the beta distribution."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from itertools import count
from math import exp, lgamma, log, log1p

_PLACES = Decimal("0.000001")
_TAIL = 0.025
_EXACT = 1e-12
"""Relative error at which the continued fraction ends."""
_STEP = 1e-10
"""Step at which the search for a quantile ends."""


@lru_cache(maxsize=1 << 14)
def jeffreys(hits: int, total: int) -> tuple[Decimal, Decimal]:
    """The 95 % interval of a share of which ``hits`` of ``total`` fragments were seen, to 6 places.

    It reaches down to 0 where nothing was seen and up to 1 where nothing else was, also for a total of 0. Raises
    ValueError where ``hits`` do not lie within 0 to ``total``.
    """
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} of {total}: expected a part of the total")
    a, b = hits + 0.5, total - hits + 0.5
    low = beta_quantile(_TAIL, a, b) if hits else 0.0
    high = beta_quantile(1 - _TAIL, a, b) if hits < total else 1.0
    return Decimal(low).quantize(_PLACES), Decimal(high).quantize(_PLACES)


def beta_quantile(share: float, a: float, b: float) -> float:
    """Where the beta distribution with the parameters ``a`` and ``b`` reaches a share (above 0, below 1) of its mass.

    Newton's steps, halved brackets where one leaves the bracket.
    """
    low, high, x = 0.0, 1.0, a / (a + b)
    while True:
        front = _front(x, a, b)
        excess = _mass(x, a, b, front) - share
        low, high = (low, x) if excess > 0 else (x, high)
        slope = front / (x * (1 - x))
        nearer = x - excess / slope if slope else low
        if not low < nearer < high:
            nearer = (low + high) / 2
        if abs(nearer - x) < _STEP:
            return nearer
        x = nearer


def beta_mass(x: float, a: float, b: float) -> float:
    """The mass of the beta distribution below ``x``, which lies between 0 and 1."""
    return _mass(x, a, b, _front(x, a, b))


def _front(x: float, a: float, b: float) -> float:
    return exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))


def _mass(x: float, a: float, b: float, front: float) -> float:
    """The mass below ``x``: the regularised incomplete beta function, from the side on which its fraction is short."""
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Its continued fraction, evaluated forwards (Lentz)."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in count(1):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            c, d = 1 + term / c, 1 / (1 + term * d)
            value *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return value
