"""From a reported result to a measured quantity in the concept's unit, through the closed unit tables.

There is no general converter: a unit that the concept does not list makes the value unusable. IU and
copies, log and
linear stay apart. Comparators and "not detected" become bounds and keep their form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from cmvigil.record.tables import Range
from cmvigil.record.vocabulary import Quantity, Unit, vocabulary

ZERO = Decimal(0)
_MICRO = Decimal("0.000001")
_HUGE = Decimal("1e18")  # nothing measured here comes near
_WIDE = Context(prec=40, rounding=ROUND_HALF_EVEN)
_SIX_DIGITS = Context(prec=6, rounding=ROUND_HALF_EVEN)
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_GRADE = re.compile(r"([0-9])\+|\++")  # a dipstick: 2+ or ++
_RESULT = re.compile(r"(detected|positive)?[ ,:]*(<=|>=|<|>|≤|≥)?\s*([+-]?[\d.][\d.eE+-]*)\s*", re.ASCII)
_COMPARATORS = {"≤": "<=", "≥": ">="}

_THOUSANDS = re.compile(r"\d{3}(?![\d*^])", re.ASCII)  # what follows the space in 12 400, not the unit 10*9/L
_GROUPED = re.compile(r"\W*\d+(?:[,']\d|\.\d+[.,]\d| \d{3}(?![\d*^]))", re.ASCII)
_THREE_DIGITS = -3
NUMBER_FORM = "Write a decimal point and no thousands separator: 1234.5"

NOT_DETECTED = frozenset(
    {
        "not detected",
        "not_detected",
        "undetected",
        "undetectable",
        "target not detected",
        "tnd",
        "none detected",
    }
    | {"negative", "dna not detected", "not detectable"}
)
DETECTED = frozenset(
    {"detected", "positive", "detected below lloq", "detected <lloq", "detected < lloq", "<lloq", "< lloq"}
    | {
        "below lloq",
        "detected, not quantified",
        "detected, not quantifiable",
        "detected below quantification",
    }
    | {"detected_below_lloq"}
)


class Result(NamedTuple):
    """A result as reported, before units: comparator ('', <, <=, >, >=) and number, or one of two words."""

    form: str
    number: Decimal | None = None
    comparator: str = ""
    unit: str | None = None  # when the text itself carries one


class Measured(NamedTuple):
    """What a result is worth: the columns of a Measurement that depend on its unit."""

    value: Range | None
    form: str
    unit: str | None
    log: bool = False
    lloq: Decimal | None = None
    upper_normal: Decimal | None = None
    lower_normal: Decimal | None = None
    problem: str | None = None
    remedy: str = ""


def number(text: str) -> Decimal | None:
    """The number that ``text`` is, or None. No thousands separators, decimal commas or infinities."""
    value = Decimal(text) if _NUMBER.fullmatch(text) else None
    return value if value is not None and abs(value) < _HUGE else None


def grouped(text: str) -> bool:
    """Whether ``text`` begins with a number that has a decimal comma or a thousands separator."""
    return _GROUPED.match(text) is not None


def tidy(value: Decimal) -> Decimal:
    """The number to at most six decimals."""
    rounded = value.quantize(_MICRO, context=_WIDE)
    return value if rounded == value else rounded


def result(text: str) -> Result | None:
    """Read ``1200``, ``<137``, ``>1e6``, ``not detected``, ``detected <34.5 IU/mL``, ``2+``; None for other text."""
    plain = " ".join(text.split())
    word = plain.lower().rstrip(".")
    if (grade := _GRADE.fullmatch(plain)) is not None:
        return Result("quantified", Decimal(grade[1] or len(plain)), "", "+")
    if word in NOT_DETECTED:
        return Result("not_detected")
    if word in DETECTED:
        return Result("detected_below_lloq")
    match = _RESULT.match(plain) or _RESULT.match(word)
    if match is None:
        return None
    detected, comparator, digits = match.groups()
    value = number(digits)
    rest = plain[match.end() :].strip()
    if value is None or (rest and rest[0] in ".,;:-'") or _THOUSANDS.match(rest):
        return None  # 1,200 and 1 200 are no numbers, and certainly not 1
    comparator = _COMPARATORS.get(comparator or "", comparator or "")
    unit = rest or None
    if detected and comparator[:1] == "<":
        return Result("detected_below_lloq", value, comparator, unit)
    form = {"<": "below", ">": "above"}.get(comparator[:1], "quantified")
    return Result(form, value, comparator, unit)


def _two_ways(quantity: Quantity, value: Decimal) -> bool:
    """Whether a viral load has a point before three digits, which in much of the world parts the thousands."""
    return quantity.per_unit and 1 <= value < 1000 and value.as_tuple().exponent == _THREE_DIGITS


def _how_to_write(found: str) -> str:
    if grouped(found):
        return NUMBER_FORM
    if found.lower().strip(" .") in ("neg", "nd", "n.d", "not det"):
        return "Did you mean 'not detected'?"
    return "Write a number, <x, >x or not detected."


def measure(
    quantity: Quantity,
    reported: Result | None,
    unit: str | None,
    *,
    lloq: Decimal | None = None,
    lloq_unit: str | None = None,
    upper: Decimal | None = None,
    lower: Decimal | None = None,
    limits_unit: str | None = None,
    found: str = "",
) -> Measured:
    """Bring a result into ``quantity``'s unit. ``lloq`` and reference limits are in the result's unit
    unless theirs
    is given.

    Never raises: what cannot be used has ``value`` None and a ``problem`` with its remedy.
    """
    if reported is None:
        return _unusable(None, unit, f"'{found}' is not a result", _how_to_write(found))
    if reported.form == "not_detected" and "+" in quantity.accepts:
        reported, unit = Result("quantified", ZERO, "", "+"), "+"  # a negative dipstick is its lowest grade
    form = reported.form
    if reported.unit is not None and unit != reported.unit:
        problem = f"the result says {reported.unit}, its unit says {unit or 'nothing'}"
        return _unusable(form, unit, problem, "Write the unit once.")
    if not unit:
        return _unusable(form, None, "no unit stated", f"State the unit: {_units(quantity)}.")
    known = quantity.accepts.get(unit)
    if known is None:
        problem = f"unit '{unit}' is not accepted for {quantity.label}"
        return _unusable(form, unit, problem, f"Use {_units(quantity)}.")
    if reported.number is not None and known.factor is not None and _two_ways(quantity, reported.number):
        thousands = format(reported.number * 1000, "f").partition(".")[0]
        problem = f"{reported.number} {unit} may mean {reported.number.normalize():f} or {thousands}"
        return _unusable(form, known, problem, f"Write {thousands}, or {reported.number.normalize():f}.")
    if form in ("not_detected", "detected_below_lloq") and not quantity.per_unit:
        return _unusable(form, known, f"{quantity.label} needs a number", "Write the number.")
    lowest = _limit(lloq, lloq_unit, known, quantity)
    if form == "detected_below_lloq":
        if reported.number is not None and lowest is None:
            lowest = _convert(reported.number, known)
        if lowest is None:
            problem = "detected, but the limit of quantification is not known"
            return _unusable(form, known, problem, "State the assay's lower limit of quantification.")
    value = _range(reported, lowest, known)
    top = value.low if value.high is None else value.high
    if value.low < ZERO or top < quantity.low or value.low > quantity.high or top > quantity.high:
        number = "" if reported.number is None else format(reported.number.normalize(), "f")
        problem = f"{number} {unit} is outside {quantity.low} to {quantity.high} {known.canonical}"
        return _unusable(form, known, problem, "Check the number and its unit.")._replace(lloq=lowest)
    return Measured(
        value,
        form,
        known.canonical,
        known.factor is None,
        lowest,
        _limit(upper, limits_unit, known, quantity),
        _limit(lower, limits_unit, known, quantity),
    )


def remarks(measured: Measured, reported: str) -> list[tuple[str, str, str]]:
    """What a reader should know of a viral load that was used: (found, expected, remedy)."""
    said = []
    if measured.value is not None and measured.log:
        said.append((reported, "a linear unit", "Kept as ten to the power of it, in a series of its own."))
    below = measured.value is not None and measured.lloq is not None and measured.form == "quantified"
    if below and measured.value and measured.lloq and measured.value.low < measured.lloq:
        said.append(
            (
                reported,
                f"a number not below the limit of quantification {measured.lloq}",
                "Used as it stands.",
            )
        )
    return said


def load_concept(specimen: str | None) -> tuple[str, str | None, str]:
    """The concept of a viral load in a specimen, and what is wrong (problem, remedy) where it cannot be
    used."""
    known = vocabulary().quantities
    if specimen is None:
        return (
            "cmv_load",
            "specimen not stated",
            "State the specimen: plasma and whole blood are different things.",
        )
    for concept in ("cmv_load", "cmv_load_site"):
        if specimen in known[concept].specimens:
            return concept, None, ""
    return "cmv_load", f"no viral load is kept for {specimen}", "Give tissue results as tissue."


def reported_text(text: str, unit: str | None, result: Result | None) -> str:
    """A result as it came, with its unit where it is a number and does not carry one."""
    return f"{text} {unit}" if unit and result is not None and text[-1:].isdigit() else text


def stream(
    specimen: str | None, unit: str | None, assay: str | None, laboratory: str | None, *, log: bool = False
) -> str:
    """The name of the series that a viral load belongs to: only results of one stream may be compared."""
    parts = [specimen or "?", unit or "?", assay or "?", laboratory or "?"]
    return " | ".join([*parts, "log"] if log else parts)


def dose(amount: Decimal, unit: str, units: Mapping[str, Unit]) -> tuple[Decimal, str] | None:
    """A dose in its canonical unit (mg, mg/kg, mg/m2); None for an unknown unit."""
    known = units.get(unit)
    return None if known is None else (_convert(amount, known), known.canonical)


def _convert(value: Decimal, unit: Unit) -> Decimal:
    if unit.factor is None:
        # Beyond 10^15 nothing is plausible; the cap keeps a typing slip from becoming a huge computation.
        return tidy(_SIX_DIGITS.power(Decimal(10), min(max(value, Decimal(-15)), Decimal(15))))
    return tidy(value if unit.factor == 1 else _WIDE.multiply(value, unit.factor))


def _limit(value: Decimal | None, unit: str | None, default: Unit, quantity: Quantity) -> Decimal | None:
    """A limit in the canonical unit; None where its own unit is another quantity or not known."""
    if value is None:
        return None
    own = default if unit is None else quantity.accepts.get(unit)
    return None if own is None or own.canonical != default.canonical else _convert(value, own)


def _range(reported: Result, lloq: Decimal | None, unit: Unit) -> Range:
    if reported.form == "not_detected":
        return Range(ZERO, ZERO, word="not detected")
    if reported.form == "detected_below_lloq":
        return Range(ZERO, lloq, True, True, f"detected, <{(lloq or ZERO).normalize():f}")
    value = _convert(reported.number or ZERO, unit)
    if reported.form == "below":
        return Range(ZERO, value, False, reported.comparator == "<")
    if reported.form == "above":
        return Range(value, None, reported.comparator == ">", False)
    return Range(value, value)


def _unusable(form: str | None, unit: str | Unit | None, problem: str, remedy: str) -> Measured:
    log = isinstance(unit, Unit) and unit.factor is None
    name = unit.canonical if isinstance(unit, Unit) else unit
    return Measured(None, form or "quantified", name, log, problem=problem, remedy=remedy)


def _units(quantity: Quantity) -> str:
    return " or ".join(dict.fromkeys([quantity.unit, *list(quantity.accepts)[:4]]))
