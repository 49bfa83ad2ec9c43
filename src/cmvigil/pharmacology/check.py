"""A regimen that is being given, against the label's dose for this kidney: amount, interval and phase."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, cast

from .. import advice as a
from ..reasoning.model import Program
from .bands import row_of
from .dosing import Called, called_for
from .kidney import Body, Clearance
from .label import Label
from .rounding import plain

Finding = Literal[
    "right", "under-dose", "over-dose", "wrong interval", "wrong phase", "not to be given", "cannot be judged"
]


@dataclass(frozen=True, slots=True)
class Regimen:
    """What is given: ``dose`` in ``dose_unit`` every ``interval_h`` hours; ``phase`` treatment or maintenance."""

    dose: Decimal | None
    dose_unit: str | None
    interval_h: Decimal | None
    phase: str = "treatment"


def check(
    program: Program, label: Label, given: Regimen, body: Body, kidney: Clearance, beside: Collection[str] = ()
) -> a.Check:
    """Judge a regimen. The guards are the knowledge's: below 90 % is under-dosed, above 110 % overdosed.

    Above 110 % of the usual scheme is right where another scheme of the label for this phase goes as high.
    """
    said = _given_words(given)
    if given.phase in label.no_dose:
        return a.Check(given=said, called_for="", finding="not to be given", text=label.no_dose[given.phase])
    scheme = _scheme(program, label, given.phase, given.interval_h)
    called = called_for(program, label, given.phase, scheme, body, kidney, beside)
    if isinstance(called, str):
        finding: Finding = "cannot be judged" if called.startswith("Not known") else "not to be given"
        return a.Check(given=said, called_for="", finding=finding, text=called)
    wanted = _called_words(called)
    daily = daily_mg(program, given, body)
    if daily is None or called.daily_mg is None:
        lacking = "weight" if body.weight is None else "dose, unit and interval as the label counts them"
        return a.Check(given=said, called_for=wanted, finding="cannot be judged", text=f"Not known: {lacking}")
    share = daily / called.daily_mg
    finding = _finding(program, label, given, called, daily, share, body, kidney, beside)
    keeps = finding == "right" and given.phase == "maintenance" and "treatment" not in label.no_dose
    split = finding == "right" and Fraction(given.interval_h or 0) < Fraction(called.interval_h)
    more = finding == "right" and share > guard(program, "over_dose_share")
    text = (_MORE if more else _SPLIT if split else _KEEPS if keeps else _TEXT[finding]).format(wanted)
    return a.Check(given=said, called_for=wanted, finding=finding, share=plain(share * 100, 0), text=text)


_TEXT: dict[Finding, str] = {
    "right": "This is the label's dose for this kidney: {}",
    "under-dose": "Below 90 % of the label's dose for this kidney: {}",
    "over-dose": "Above 110 % of the label's dose for this kidney: {}",
    "wrong interval": "The day's amount is right, the interval is longer than the label's: {}",
    "wrong phase": "This is the maintenance dose; treatment calls for {}",
}
_SPLIT = "The day's amount is right, split otherwise than on the label: {}"
_MORE = "More than the usual dose for this kidney, {}; the label allows it"
_KEEPS = "This is the label's maintenance dose for this kidney, which prevents and does not treat: {}"


def _other_scheme_allows(
    program: Program,
    label: Label,
    phase: str,
    daily: Fraction,
    body: Body,
    kidney: Clearance,
    beside: Collection[str],
) -> bool:
    """Whether some scheme of the phase has a day's dose up to the guard: foscarnet 120 mg/kg in maintenance."""
    rows = program.tables["kidney_doses"].rows
    schemes = {str(row["scheme"]) for row in rows if row["drug"] == label.drug and row["phase"] == phase}
    called = (called_for(program, label, phase, scheme, body, kidney, beside) for scheme in sorted(schemes))
    high = guard(program, "over_dose_share")
    return any(isinstance(one, Called) and one.daily_mg is not None and daily <= high * one.daily_mg for one in called)


def daily_mg(program: Program, given: Regimen, body: Body) -> Fraction | None:
    """Milligrams a day of what is given; None where dose, unit, interval or a needed weight is not known."""
    unit = row_of(program, "dose_units", {"unit": given.dose_unit or ""})
    if given.dose is None or not given.interval_h or not unit:
        return None
    mg = Fraction(given.dose) * Fraction(cast(Decimal, unit["mg"]))
    if unit["flat"] is None:
        if body.weight is None:
            return None
        mg *= Fraction(body.weight)
    return mg * 24 / Fraction(given.interval_h)


def _finding(
    program: Program,
    label: Label,
    given: Regimen,
    called: Called,
    daily: Fraction,
    share: Fraction,
    body: Body,
    kidney: Clearance,
    beside: Collection[str],
) -> Finding:
    low, high = guard(program, "full_dose_share"), guard(program, "over_dose_share")
    if share > high and not _other_scheme_allows(program, label, given.phase, daily, body, kidney, beside):
        return "over-dose"
    if share >= low:
        return "wrong interval" if Fraction(given.interval_h or 0) > Fraction(called.interval_h) else "right"
    if given.phase == "treatment":
        scheme = _scheme(program, label, "maintenance", given.interval_h)
        keep = called_for(program, label, "maintenance", scheme, body, kidney, beside)
        if (
            isinstance(keep, Called)
            and keep.daily_mg is not None
            and low * keep.daily_mg <= daily <= high * keep.daily_mg
        ):
            return "wrong phase"
    return "under-dose"


def guard(program: Program, name: str) -> Fraction:
    """A guard of the knowledge as a fraction: ``full_dose_share``, ``over_dose_share``."""
    return Fraction(cast(Decimal, program.settings[name].value))


def _scheme(program: Program, label: Label, phase: str, interval_h: Decimal | None) -> str:
    """The scheme of the label that a regimen belongs to, by its interval."""
    value = None if interval_h is None else Fraction(interval_h)
    return str(row_of(program, "dose_schemes", {"drug": label.drug, "phase": phase}, value).get("scheme", ""))


def _given_words(given: Regimen) -> str:
    if given.dose is None:
        return "dose not recorded"
    every = f" every {plain(Fraction(given.interval_h))} h" if given.interval_h else ", interval not recorded"
    return f"{plain(Fraction(given.dose))} {given.dose_unit or ''}".rstrip() + every


def _called_words(called: Called) -> str:
    dose = f"{plain(Fraction(cast(Decimal, called.row['dose'])))} {called.row['dose_unit']}"
    return f"{dose} every {plain(Fraction(called.interval_h))} h"
