"""Kidney function for dosing: Cockcroft-Gault, its form per kilogram, a measured clearance, and what makes them unsafe.

Clearances are exact fractions, so that no band edge is missed by a rounding (1.1 - 0.8 is 0.3 here, nothing less).
Source of the equations: the labels (``knowledge/antivirals``); CKD-EPI 2021 (Inker 2021) is only shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from ..reasoning.model import Program
from .bands import row_of

UMOL_PER_MG_DL = Fraction(884, 10)
"""Micromoles per litre of creatinine in one milligram per decilitre."""

ADULT = 18
"""The age in years from which CKD-EPI 2021 was made and tested."""

Basis = Literal["estimated", "measured", "haemodialysis", "none"]


@dataclass(frozen=True, slots=True)
class Body:
    """What the kidney function of a day is computed from; None is not known.

    ``age`` completed years; ``sex`` female or male; ``weight`` kg, actual; ``height`` cm; ``creatinine`` umol/L;
    ``measured`` creatinine clearance, mL/min; ``dialysis``: haemodialysis, peritoneal_dialysis,
    continuous_renal_replacement or none; ``unstable``: creatinine changing too fast for an estimate (None: not known).
    """

    age: Decimal | None = None
    sex: str | None = None
    weight: Decimal | None = None
    height: Decimal | None = None
    creatinine: Decimal | None = None
    measured: Decimal | None = None
    dialysis: str = "none"
    unstable: bool | None = None


@dataclass(frozen=True, slots=True)
class Clearance:
    """The kidney function that doses follow. ``crcl`` mL/min, ``per_kg`` mL/min/kg; None is not known.

    ``adjusted`` is Cockcroft-Gault with the adjusted weight, from a body mass index of 30. ``egfr`` is CKD-EPI 2021 in
    mL/min/1.73 m2. ``estimated`` and ``estimated_per_kg`` are the estimates, whatever the doses follow.
    """

    basis: Basis
    crcl: Fraction | None
    per_kg: Fraction | None
    estimated: Fraction | None
    estimated_per_kg: Fraction | None
    measured: Fraction | None
    adjusted: Fraction | None
    adjusted_weight: Fraction | None
    bmi: Fraction | None
    egfr: float | None

    def on(self, axis: str) -> Fraction | None:
        """The figure that a label's bands are of: ``mL/min`` or ``mL/min/kg``; None for a drug without bands."""
        return {"mL/min": self.crcl, "mL/min/kg": self.per_kg}.get(axis)


def clearance(program: Program, body: Body) -> Clearance:
    """Kidney function of a body. A measured clearance stands above the estimate; on dialysis neither means anything."""
    per_kg = _per_kg(program, body)
    weight = None if body.weight is None else Fraction(body.weight)
    crcl = None if per_kg is None or weight is None else per_kg * weight
    measured = None if body.measured is None else Fraction(body.measured)
    bmi = _bmi(body)
    heavy = _adjusted_weight(program, body, bmi)
    basis: Basis = "none" if crcl is None and per_kg is None else "estimated"
    used, used_per_kg = crcl, per_kg
    if measured is not None:
        basis, used = "measured", measured
        used_per_kg = None if weight is None else measured / weight
    if body.dialysis != "none":
        basis = "haemodialysis" if body.dialysis == "haemodialysis" else "none"
        used = used_per_kg = None
    return Clearance(
        basis=basis,
        crcl=used,
        per_kg=used_per_kg,
        estimated=crcl,
        estimated_per_kg=per_kg,
        measured=measured,
        adjusted=None if heavy is None or per_kg is None else per_kg * heavy,
        adjusted_weight=heavy,
        bmi=bmi,
        egfr=_egfr(program, body),
    )


def mg_dl(creatinine: Decimal) -> Fraction:
    """Creatinine in mg/dL from umol/L."""
    return Fraction(creatinine) / UMOL_PER_MG_DL


def _per_kg(program: Program, body: Body) -> Fraction | None:
    """(140 - age) / (72 x creatinine in mg/dL), x 0.85 in women: mL/min/kg."""
    factor = row_of(program, "sex_factor", {"sex": body.sex or ""}).get("factor")
    if body.age is None or not isinstance(factor, Decimal) or not body.creatinine:
        return None
    return (140 - Fraction(body.age)) * Fraction(factor) / (72 * mg_dl(body.creatinine))


def _bmi(body: Body) -> Fraction | None:
    if body.weight is None or not body.height:
        return None
    return Fraction(body.weight) / (Fraction(body.height) / 100) ** 2


def _adjusted_weight(program: Program, body: Body, bmi: Fraction | None) -> Fraction | None:
    """Adjusted body weight in kg, where the body mass index calls for it; else None."""
    size = row_of(program, "ideal_weight", {"sex": body.sex or ""})
    if (
        bmi is None
        or body.weight is None
        or body.height is None
        or not size
        or bmi < Fraction(_exact(size["bmi_from"]))
    ):
        return None
    inches = Fraction(body.height) / Fraction(254, 100)
    ideal = Fraction(_exact(size["base"])) + Fraction(_exact(size["per_inch"])) * (inches - 60)
    return ideal + Fraction(_exact(size["share"])) * (Fraction(body.weight) - ideal)


def _egfr(program: Program, body: Body) -> float | None:
    row = row_of(program, "egfr_2021", {"sex": body.sex or ""})
    if body.age is None or body.age < ADULT or not body.creatinine or not row:
        return None
    kappa, alpha, factor = (float(_exact(row[name])) for name in ("kappa", "alpha", "factor"))
    ratio = float(mg_dl(body.creatinine)) / kappa
    return float(142 * min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -1.2 * 0.9938 ** float(body.age) * factor)


def _exact(cell: Decimal | str | None) -> Decimal:
    assert isinstance(cell, Decimal)
    return cell
