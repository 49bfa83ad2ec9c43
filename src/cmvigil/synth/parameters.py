"""The numbers behind the virtual patients, each with where it comes from.

``verified``: read in the source or its abstract; ``recalled``: from memory or derived; ``design``: chosen here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from .dice import Dice

Verification = Literal["verified", "recalled", "design"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a number is, its unit and its source."""

    name: str
    unit: str
    verification: Verification
    source: str


@dataclass(frozen=True, slots=True)
class Figure(Parameter):
    """One number for all patients."""

    value: float


@dataclass(frozen=True, slots=True)
class Lognormal(Parameter):
    """A number that differs between patients; ``sigma`` is the standard deviation of its natural logarithm."""

    median: float
    sigma: float

    def draw(self, dice: Dice) -> float:
        """The number of one patient."""
        return dice.lognormal(self.median, self.sigma)


@dataclass(frozen=True, slots=True)
class Between(Parameter):
    """A number from ``low`` to ``high``, all alike, or (``logarithmic``) all magnitudes alike."""

    low: float
    high: float
    logarithmic: bool = True

    def draw(self, dice: Dice) -> float:
        """The number of one patient."""
        if not self.logarithmic:
            return dice.between(self.low, self.high)
        drawn: float = self.low * (self.high / self.low) ** dice.random()
        return drawn


# -- virus -------------------------------------------------------------------------------------------------------------
DOUBLING = Lognormal(
    "doubling time of the load without drug",
    "d",
    "verified",
    "Lodding 2015, 10.1016/j.ebiom.2015.05.003: median 4.3, quartiles 2.5 and 7.8",
    4.3,
    0.84,
)
DOUBLING_LIMITS = Between("doubling times that are kept of those drawn", "d", "design", "", 1.5, 7.0, False)
HALF_LIFE = Lognormal(
    "half-life of the load when replication is stopped",
    "d",
    "design",
    "between 1 (Emery 1999, 10.1084/jem.190.2.177) and 11 (Asberg 2007, 10.1111/j.1600-6143.2007.01910.x)",
    3.5,
    0.4,
)
IMMUNE_CONTROL = Figure(
    "replication left under immune control",
    "1",
    "verified",
    "Emery 2002, J Infect Dis 185:1723: immunity removes about 84 %",
    0.16,
)
ABSENT = Figure("load of a patient without the virus in blood", "IU/mL", "design", "", 0.1)
RESERVOIR = Figure("load that latent virus keeps up", "IU/mL", "design", "", 1.0)
CEILING = Between("load that the host bears at most", "IU/mL", "design", "", 15_000.0, 2_500_000.0)
LOW_CEILING = Between("the same in an infection that stays low", "IU/mL", "design", "", 300.0, 1000.0)

# -- drugs -------------------------------------------------------------------------------------------------------------
FULL_EXPOSURE = Figure(
    "ganciclovir exposure (AUC over 24 h) at the full treatment dose", "mg.h/L", "recalled", "targets of 40 to 50", 50.0
)
HALF_EFFECT = Figure(
    "exposure that stops half of the replication",
    "mg.h/L",
    "recalled",
    "curve through Emery 2000, 10.1073/pnas.140123497: 0.915 by vein, 0.465 by mouth",
    16.4,
)
STEEPNESS = Figure("steepness of that curve (Hill)", "1", "recalled", "the same two points", 2.14)
EXPOSURE = Lognormal("exposure of a patient against what is usual", "1", "recalled", "", 1.0, 0.3)
OTHER_EFFECT = Figure("replication that foscarnet or maribavir stops at the full dose", "1", "design", "", 0.92)
SHIFT = Between(
    "exposure that a resistant strain needs more, in vivo",
    "fold",
    "recalled",
    "UL97 changes in vitro 5 to 10 (Chou 2017, 10.1128/JCM.00391-17); in vivo less is known",
    4.0,
    8.0,
)
FITNESS = Between("replication of a resistant strain against wild type", "1", "design", "", 0.9, 1.0, False)
MINORITY = Between("share of resistant virus when treatment begins", "1", "design", "", 0.003, 0.2)
NOTICED = Figure(
    "share from which resistance counts as there", "1", "recalled", "Sanger sequencing sees about 20 %", 0.2
)
REPORTED = Figure("share from which a genotype reports it", "1", "design", "", 0.1)
READABLE = Figure("load from which a genotype can be read", "IU/mL", "recalled", "about 400 to 1,000", 500.0)

# -- laboratory --------------------------------------------------------------------------------------------------------
ASSAY_NOISE = Figure("standard deviation between runs", "log10", "recalled", "0.2 to 0.3 in reports", 0.2)
WHOLE_BLOOD = Figure("whole blood above plasma", "log10", "recalled", "about 0.5 to 1", 0.6)
LLOQ = Figure("lower limit of quantification in plasma (central laboratory)", "IU/mL", "design", "", 137.0)
LLOQ_BLOOD = Figure("lower limit of quantification in whole blood (district laboratory)", "IU/mL", "design", "", 450.0)
DETECTION = Figure("limit of detection, of the limit of quantification", "1", "design", "", 0.25)
BLIP = Figure("share of runs that find virus where there is none", "1", "design", "", 0.004)
BLIP_LOAD = Lognormal(
    "what they find", "IU/mL", "design", "single positives to 273 IU/mL are mostly blips (Lodding 2018)", 130.0, 0.6
)
CREATININE_NOISE = Figure("standard deviation of creatinine between runs", "1", "design", "", 0.04)

ALL = tuple(each for each in globals().values() if isinstance(each, Parameter))


def listed() -> list[dict[str, object]]:
    """All parameters, for the file that goes with the patients."""
    return [asdict(each) for each in ALL]
