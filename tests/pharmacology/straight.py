"""The labels' dose tables typed a second time, with another way of computing: what the knowledge is held against.

Nothing of cmvigil is imported. Everything is whole numbers: age in years, weight in tenths of a kilogram, creatinine in
hundredths of a mg/dL. A clearance stands as a pair (numerator, denominator) and is compared by cross-multiplying.
"""

from __future__ import annotations

from fractions import Fraction

Dose = tuple[Fraction, int] | None  # mg or mg/kg, hours; None: not to be given


def per_kg(age: int, sex: str, creatinine: int) -> Fraction:
    """mL/min/kg: (140 - age) / (72 x creatinine), x 0.85 in women."""
    return Fraction((140 - age) * (85 if sex == "female" else 100), 72 * creatinine)


def clearance(age: int, sex: str, creatinine: int, weight: int) -> Fraction:
    """mL/min by Cockcroft-Gault; weight in tenths of a kilogram."""
    return per_kg(age, sex, creatinine) * weight / 10


def _d(dose: str, hours: int) -> Dose:
    return Fraction(dose), hours


def ganciclovir(crcl: Fraction, phase: str) -> Dose:
    """Label table of ganciclovir by vein, mg/kg."""
    if crcl >= 70:
        return _d("5", 12 if phase == "treatment" else 24)
    if crcl >= 50:
        return _d("2.5", 12 if phase == "treatment" else 24)
    if crcl >= 25:
        return _d("2.5" if phase == "treatment" else "1.25", 24)
    if crcl >= 10:
        return _d("1.25" if phase == "treatment" else "0.625", 24)
    return _d("1.25" if phase == "treatment" else "0.625", 56)


def valganciclovir(crcl: Fraction, phase: str) -> Dose:
    """Label table of valganciclovir tablets, mg."""
    treat = phase == "treatment"
    if crcl >= 60:
        return _d("900", 12 if treat else 24)
    if crcl >= 40:
        return _d("450", 12 if treat else 24)
    if crcl >= 25:
        return _d("450", 24 if treat else 48)
    if crcl >= 10:
        return _d("450", 48 if treat else 84)
    return None


_FOSCARNET = {
    # lowest clearance of the band is open, but for the last, which holds 0.4
    ("treatment", "60 mg/kg every 8 h"): [(60, 8), (45, 8), (50, 12), (40, 12), (60, 24), (50, 24)],
    ("treatment", "90 mg/kg every 12 h"): [(90, 12), (70, 12), (50, 12), (80, 24), (60, 24), (50, 24)],
    ("maintenance", "90 mg/kg every 24 h"): [(90, 24), (70, 24), (50, 24), (80, 48), (60, 48), (50, 48)],
    ("maintenance", "120 mg/kg every 24 h"): [(120, 24), (90, 24), (65, 24), (105, 48), (80, 48), (65, 48)],
}
FOSCARNET_SCHEMES = list(_FOSCARNET)


def foscarnet(kg: Fraction, phase: str, scheme: str) -> Dose:
    """Label table of foscarnet, mg/kg, by mL/min/kg."""
    row = _FOSCARNET[phase, scheme]
    for place, edge in enumerate(("1.4", "1.0", "0.8", "0.6", "0.5")):
        if kg > Fraction(edge):
            return Fraction(row[place][0]), row[place][1]
    return (Fraction(row[5][0]), row[5][1]) if kg >= Fraction("0.4") else None


def cidofovir(crcl: Fraction, phase: str) -> Dose:
    """Label of cidofovir, mg/kg."""
    return _d("5", 168 if phase == "treatment" else 336) if crcl > 55 else None


def maribavir() -> Dose:
    """Label of maribavir beside nothing that changes it."""
    return _d("400", 12)


def letermovir() -> Dose:
    """Label of letermovir beside no ciclosporin."""
    return _d("480", 24)


def every_dose(age: int, sex: str, creatinine: int, weight: int) -> dict[tuple[str, str, str], Dose]:
    """Every drug, phase and scheme for one patient: (dose, hours), None where the label gives none."""
    crcl, kg = clearance(age, sex, creatinine, weight), per_kg(age, sex, creatinine)
    made: dict[tuple[str, str, str], Dose] = {
        ("maribavir", "treatment", "label"): maribavir(),
        ("letermovir", "maintenance", "label"): letermovir(),
        ("cidofovir", "treatment", "once a week"): cidofovir(crcl, "treatment"),
        ("cidofovir", "maintenance", "every 2 weeks"): cidofovir(crcl, "maintenance"),
    }
    for phase in ("treatment", "maintenance"):
        made["ganciclovir", phase, "label"] = ganciclovir(crcl, phase)
        made["valganciclovir", phase, "label"] = valganciclovir(crcl, phase)
    for phase, scheme in FOSCARNET_SCHEMES:
        made["foscarnet", phase, scheme] = foscarnet(kg, phase, scheme)
    return made
