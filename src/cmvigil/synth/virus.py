"""CMV in one patient, day by day: wild type and a resistant strain that grow, are held and decay.

``dV/dt = V (p a f (1 - V/K) (1 - e) - d)``: p replication, d decay, a the share that immunity leaves, f fitness, K the
ceiling, e what the drug stops. The load is that of plasma in IU/mL.
"""

from __future__ import annotations

from math import exp, log

from . import parameters as p
from .dice import Dice

_FULL = (p.FULL_EXPOSURE.value / p.HALF_EFFECT.value) ** p.STEEPNESS.value


def effect(exposure: float, shift: float = 1.0) -> float:
    """The share of replication that ganciclovir stops; ``exposure`` 1 is that of the full dose."""
    if exposure <= 0:
        return 0.0
    reach: float = _FULL * (exposure / shift) ** p.STEEPNESS.value
    return reach / (1 + reach)


def other_effect(exposure: float) -> float:
    """The same for foscarnet and maribavir, which both strains bear alike."""
    return p.OTHER_EFFECT.value * min(1.0, exposure)


class Virus:
    """The two strains of one patient."""

    __slots__ = ("ceiling", "decay", "fitness", "replication", "resistant", "shift", "wild")

    def __init__(self, dice: Dice, ceiling: float) -> None:
        doubling = p.DOUBLING.draw(dice)
        while not p.DOUBLING_LIMITS.low <= doubling <= p.DOUBLING_LIMITS.high:
            doubling = p.DOUBLING.draw(dice)
        self.decay = log(2) / p.HALF_LIFE.draw(dice)
        self.replication = log(2) / doubling + self.decay
        self.ceiling = ceiling
        self.shift = p.SHIFT.draw(dice)
        self.fitness = p.FITNESS.draw(dice)
        self.wild = p.RESERVOIR.value
        self.resistant = 0.0

    @property
    def load(self) -> float:
        """Both strains together, IU/mL."""
        return self.wild + self.resistant

    @property
    def resistant_share(self) -> float:
        """The share of the resistant strain."""
        return self.resistant / self.load

    def select(self, share: float) -> None:
        """A share of the virus is resistant from now on."""
        self.resistant, self.wild = self.load * share, self.load * (1 - share)

    def live(self, activity: float, on_wild: float, on_resistant: float) -> None:
        """One day; ``activity`` is what immunity leaves of replication, the others what the drug stops of it."""
        growth = self.replication * activity * max(0.0, 1 - self.load / self.ceiling)
        self.wild = max(p.RESERVOIR.value, self.wild * exp(growth * (1 - on_wild) - self.decay))
        if self.resistant:
            self.resistant *= exp(growth * self.fitness * (1 - on_resistant) - self.decay)
