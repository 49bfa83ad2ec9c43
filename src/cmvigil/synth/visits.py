"""Blood tests that are taken whatever happens: at every visit, and loads that are looked for without cause."""

from __future__ import annotations

from collections.abc import Sequence

from . import parameters as p
from .body import Body
from .course import Regimen
from .dice import Dice
from .hosts import Host
from .reports import Reports

_USUAL = {
    "neutrophils": (3.6, 0.3, 0.2),
    "lymphocytes": (1.4, 0.4, 0.2),
    "platelets": (220.0, 0.25, 0.12),
    "haemoglobin": (12.5, 0.12, 0.05),
    "potassium": (4.3, 0.03, 0.07),
    "magnesium": (0.82, 0.05, 0.06),
    "alt": (24.0, 0.4, 0.25),
    "cd4": (420.0, 0.7, 0.15),
    "tacrolimus_level": (7.5, 0.1, 0.2),
    "glucose": (98.0, 0.12, 0.1),
}
"""Median among patients, its spread among them, and the spread within one; spreads are of the logarithm."""

_AFTER_GRAFT = {"lymphocytes": 0.6}  # of the usual
_ON_GANCICLOVIR = 0.55  # neutrophils, of the patient's own
_LAG = 7  # days until ganciclovir shows in the neutrophils, and until it no longer does


def write(dice: Dice, host: Host, body: Body, reports: Reports, regimens: Sequence[Regimen], days: int) -> None:
    """The tests of all visits."""
    own = {name: dice.lognormal(*_USUAL[name][:2]) for name in host.tests if name in _USUAL}
    if host.transplants:
        own |= {name: own[name] * share for name, share in _AFTER_GRAFT.items()}
    toxic = [
        (each.start + _LAG, days if each.end is None else each.end + _LAG)
        for each in regimens
        if each.drug_class == "ganciclovir"
    ]
    step = dice.whole(*host.visits)
    day = dice.whole(0, min(step, days - 2))
    while day < days - 1:
        for name in host.tests:
            if name == "creatinine":
                value = body.measured(dice, day)
            else:
                value = dice.lognormal(own[name], _USUAL[name][2])
                if name == "neutrophils" and any(start <= day <= end for start, end in toxic):
                    value *= _ON_GANCICLOVIR
            reports.test(name, day, value)
        day += max(3, step + dice.whole(-3, 3))


def surveillance(dice: Dice, reports: Reports, step: int, days: int) -> None:
    """Loads every ``step`` days or so, in a patient without virus."""
    day = dice.whole(0, min(step, days) - 1)
    while day < days:
        reports.load(day, p.ABSENT.value)
        day += max(1, step + dice.whole(-1, 1))
