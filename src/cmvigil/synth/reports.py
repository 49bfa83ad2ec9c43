"""What laboratories make of the truth: noise, limits, and now and then what goes wrong in any hospital."""

from __future__ import annotations

from math import log10
from typing import NamedTuple

from . import parameters as p
from .chart import CENTRAL, DISTRICT, LABORATORIES, STRANGE, TESTS, UCUM, Chart, Laboratory, Test
from .dice import Dice

_MISSED = 0.05
_CORRECTED = 0.004
_DUPLICATE = 0.004
_WRONG_UNIT = 0.003
_AWAY = 0.06  # loads that the other laboratory measures
_FAILED = 0.008  # loads that cannot be measured
_LOG = 0.1  # results in whole blood that are given as a logarithm
_MOST = 1e7  # the upper limit of quantification, IU/mL
_UMOL_PER_MG_DL = 88.4


class Load(NamedTuple):
    """A load as reported: 0 where it is below quantification; brought to plasma."""

    day: int
    value: float


class Reports:
    """The results of one patient, who has a home laboratory."""

    __slots__ = ("_chart", "_dice", "_home", "_last")

    def __init__(self, dice: Dice, chart: Chart, last: int) -> None:
        self._dice, self._chart = dice, chart
        self._home = CENTRAL if dice.chance(0.7) else DISTRICT
        self._last = last

    def test(self, name: str, day: int, value: float) -> bool:
        """Report a value. Whether there is a result: some are missed, none comes after the export."""
        dice, chart = self._dice, self._chart
        if day >= self._last or dice.chance(_MISSED):
            return False
        if name == "creatinine" and self._home is DISTRICT:
            name, value = "creatinine mg/dL", value / _UMOL_PER_MG_DL
        if name == STRANGE:
            chart.test(name, day, value, self._home)
            return True
        if dice.chance(_WRONG_UNIT):
            chart.test(name, day, value, self._home, valueQuantity=_in_wrong_unit(TESTS[name], value))
            chart.wrong("wrong unit", "unusable")
            return True
        if dice.chance(_CORRECTED):
            chart.test(name, day, value * dice.between(1.5, 3), self._home, status="entered-in-error")
            chart.wrong("entered in error", "rejected")
            chart.test(name, day, value, self._home, status="corrected")
            return True
        chart.test(name, day, value, self._home)
        if dice.chance(_DUPLICATE):
            chart.again()
        return True

    def load(self, day: int, true: float) -> Load | None:
        """Report a load, given the true one in plasma; None where it fails or comes too late."""
        dice, chart = self._dice, self._chart
        if day >= self._last:
            return None
        laboratory = LABORATORIES[self._home is CENTRAL] if dice.chance(_AWAY) else self._home
        if dice.chance(_FAILED):
            chart.failed_load(day, laboratory)
            return None
        offset, limit = _OFFSET[laboratory], _LIMIT[laboratory]
        found = true * 10 ** (offset + dice.normal(0, p.ASSAY_NOISE.value))
        if found < limit * p.DETECTION.value and dice.chance(p.BLIP.value):
            found = p.BLIP_LOAD.draw(dice)
            chart.wrong("blip")
        if found < limit:
            chart.load(day, laboratory, "" if found < limit * p.DETECTION.value else f"<{limit:.0f}")
            value = 0.0
        elif found >= _MOST:
            chart.load(day, laboratory, f">{_MOST:.0f}")
            value = _MOST
        else:
            value = float(f"{found:.3g}")
            log = laboratory is DISTRICT and dice.chance(_LOG)
            if dice.chance(_WRONG_UNIT):
                chart.load(day, laboratory, f"{value:.0f}", valueQuantity=_in_copies(value))
                chart.wrong("wrong unit", "unusable")
            else:
                chart.load(day, laboratory, f"{log10(value):.2f}" if log else f"{value:.0f}", log=log)
        if dice.chance(_DUPLICATE):
            chart.again()
        return Load(day, value / 10**offset)


_OFFSET: dict[Laboratory, float] = {CENTRAL: 0.0, DISTRICT: p.WHOLE_BLOOD.value}
_LIMIT: dict[Laboratory, float] = {CENTRAL: p.LLOQ.value, DISTRICT: p.LLOQ_BLOOD.value}


def _in_wrong_unit(test: Test, value: float) -> dict[str, object]:
    """The number of a result beside a unit that no such result has."""
    return {"value": round(value, test.digits), "unit": "mmol/mol", "system": UCUM, "code": "mmol/mol"}


def _in_copies(value: float) -> dict[str, object]:
    """A load in copies, where the code says international units."""
    return {"value": round(value), "unit": "copies/mL", "system": UCUM, "code": "{copies}/mL"}
