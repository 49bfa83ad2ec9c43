"""Random draws of one patient.

Everything is made of ``Random.random()``, the one generator whose sequence Python keeps between its versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, exp, log, pi, sqrt
from random import Random
from typing import TypeVar

_T = TypeVar("_T")


class Dice:
    """Draws that follow from a seed and the number of a patient, and from nothing else."""

    __slots__ = ("random",)

    def __init__(self, seed: int, patient: int) -> None:
        self.random = Random(seed << 40 | patient).random

    def chance(self, share: float) -> bool:
        """True in a ``share`` of all draws."""
        return self.random() < share

    def between(self, low: float, high: float) -> float:
        """Any number between two, all alike."""
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int((high - low + 1) * self.random())

    def normal(self, mean: float, spread: float) -> float:
        """A draw of the normal distribution with this standard deviation."""
        return mean + spread * sqrt(-2 * log(1 - self.random())) * cos(2 * pi * self.random())

    def lognormal(self, median: float, spread: float) -> float:
        """A draw whose natural logarithm has this standard deviation."""
        return median * exp(self.normal(0, spread))

    def pick(self, among: Sequence[_T]) -> _T:
        """One of them, all alike."""
        return among[int(len(among) * self.random())]

    def weighted(self, among: Sequence[tuple[_T, float]]) -> _T:
        """One of them by weight; the weights add up to 1."""
        drawn = self.random()
        for each, weight in among:
            drawn -= weight
            if drawn < 0:
                return each
        return among[-1][0]
