"""The body of a patient: sex, age, weight, and a kidney whose function changes over the days."""

from __future__ import annotations

from math import exp

from . import parameters as p
from .dice import Dice
from .doses import PER_KG

_UMOL_PER_MG_DL = 88.4


class Body:
    """A patient's body. Days are counted from the first day of the window; kidney function is a creatinine."""

    __slots__ = ("_factor", "age", "base", "height", "injuries", "sex", "weight")

    def __init__(self, dice: Dice, clearance: float, age: tuple[int, int], factor: dict[str, float]) -> None:
        self.sex = "female" if dice.chance(0.46) else "male"
        self.age = dice.whole(*age)
        self.height = dice.normal(164 if self.sex == "female" else 177, 6.5)
        self.weight = round(max(42.0, min(130.0, dice.normal(24.5, 3.8) * (self.height / 100) ** 2)), 1)
        self._factor = factor[self.sex]
        clearance = max(22.0, dice.normal(clearance, clearance * 0.25))
        self.base = (140 - self.age) * self.weight * self._factor * _UMOL_PER_MG_DL / (72 * clearance)
        self.injuries: list[tuple[int, float]] = []  # last day before, and the highest rise of creatinine, of the base

    def creatinine(self, day: int) -> float:
        """The true serum creatinine, umol/L."""
        rise = 1.0
        for first, height in self.injuries:
            if day > first:
                since = day - first
                rise += height * (since / 5 if since < 5 else exp(-(since - 5) / 14))
        return self.base * rise

    def measured(self, dice: Dice, day: int) -> float:
        """The creatinine that a laboratory finds."""
        return self.creatinine(day) * (1 + dice.normal(0, p.CREATININE_NOISE.value))

    def clearance(self, creatinine: float, drug: str) -> float:
        """Cockcroft-Gault in mL/min, for foscarnet in mL/min/kg."""
        weight = 1.0 if drug in PER_KG else self.weight
        return (140 - self.age) * weight * self._factor * _UMOL_PER_MG_DL / (72 * creatinine)
