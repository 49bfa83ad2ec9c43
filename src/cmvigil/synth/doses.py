"""The dose that an antiviral's label calls for, as floats: read once from the knowledge, asked a million times."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import inf, nextafter
from typing import NamedTuple

from ..reasoning.model import Program

_SCHEMES = ("label", "90 mg/kg every 12 h", "90 mg/kg every 24 h")
PER_KG = frozenset({"foscarnet"})
"""Drugs whose bands are of clearance per kilogram."""


class Dose(NamedTuple):
    """Milligrams (``per_kg``: per kilogram of body weight) every so many hours."""

    amount: float
    per_kg: bool
    hours: float

    def daily(self, weight: float) -> float:
        """Milligrams a day."""
        return self.amount * (weight if self.per_kg else 1.0) * 24 / self.hours


class _Band(NamedTuple):
    low: float  # included
    high: float  # excluded
    dose: Dose | None


class Doses:
    """Bands of the labels for adults without dialysis and without a drug that changes the dose."""

    def __init__(self, program: Program) -> None:
        self._bands: dict[tuple[str, str], list[_Band]] = {}
        for row in program.tables["kidney_doses"].rows:
            if row["dialysis"] == "none" and row["beside"] == "none" and row["scheme"] in _SCHEMES:
                self._bands.setdefault((str(row["drug"]), str(row["phase"])), []).append(_band(row))
        factors = program.tables["sex_factor"].rows
        self.sex_factor = {str(row["sex"]): float(row["factor"] or 0) for row in factors}

    def called(self, drug: str, phase: str, clearance: float) -> Dose | None:
        """The dose for a clearance (mL/min; for foscarnet mL/min/kg); None where the drug is not to be given."""
        return next(band.dose for band in self._bands[drug, phase] if band.low <= clearance < band.high)


def _band(row: Mapping[str, Decimal | str | None]) -> _Band:
    lower, above, upper, to, amount, hours = (
        None if row[name] is None else float(row[name] or 0)
        for name in ("lower", "above", "upper", "to", "dose", "interval_h")
    )
    low = lower if lower is not None else -inf if above is None else nextafter(above, inf)
    high = upper if upper is not None else inf if to is None else nextafter(to, inf)
    dose = None if amount is None or hours is None else Dose(amount, row["flat"] is None, hours)
    return _Band(low, high, dose)
