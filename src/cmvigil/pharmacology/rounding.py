"""From the computed milligrams to what can be given: tablets, or a volume of concentrate that can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from .label import Form

COARSE = Fraction(1, 20)
"""A rounded dose may lie this share away from the computed one, else the finer step is taken (the guards: 10 %)."""


@dataclass(frozen=True, slots=True)
class Given:
    """A dose that can be given: milligrams, its volume of concentrate in mL (None for tablets), and both in words."""

    mg: Fraction
    volume_ml: Fraction | None
    words: str


def given(exact: Fraction, form: Form) -> Given:
    """The dose nearest to ``exact`` milligrams that the form allows; halfway goes down."""
    if form.tablet_mg is not None:
        return _tablets(exact, form)
    assert form.mg_per_ml is not None and form.step_mg is not None and form.fine_step_mg is not None
    mg = _nearest(exact, Fraction(form.step_mg))
    if abs(mg - exact) > COARSE * exact:
        mg = _nearest(exact, Fraction(form.fine_step_mg))
    volume = mg / Fraction(form.mg_per_ml)
    return Given(mg, volume, f"{plain(volume)} mL of the {plain(Fraction(form.mg_per_ml))} mg/mL {form.name}")


def _tablets(exact: Fraction, form: Form) -> Given:
    """Whole tablets: that each dose of a label is some number of them was checked when the label was read."""
    made = form.tablets(exact)
    if made is None:
        raise ValueError(f"{plain(exact)} mg is no whole number of tablets of {form.tablet_mg} mg")
    count, strength = made
    return Given(exact, None, f"{count} {form.name}{'' if count == 1 else 's'} of {plain(Fraction(strength))} mg")


def _nearest(exact: Fraction, step: Fraction) -> Fraction:
    below = exact // step
    return step * (below + (exact - below * step > step / 2))


def plain(value: Fraction, places: int = 3) -> str:
    """A fraction as a decimal without trailing zeros, rounded to ``places`` (half to even)."""
    quotient = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{quotient.quantize(Decimal(1).scaleb(-places)).normalize():,f}"
