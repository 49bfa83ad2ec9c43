"""Three-valued logic and exact arithmetic on the kinds of values the language knows. None is unknown, everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ..record.tables import Range

Truth = bool | None
_ZERO = Decimal(0)
_INFINITY = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quotient that is never divided: numerator and denominator, each exact or measured."""

    over: Decimal | Range
    under: Decimal | Range

    def approx(self) -> Decimal | None:
        """The number to show to people (not to compare): midless quotient of points, else None."""
        over, under = as_range(self.over), as_range(self.under)
        return over.low / under.low if over.is_point and under.is_point and under.low > 0 else None


def as_range(value: Decimal | Range) -> Range:
    """A number as a pair of bounds."""
    return value if isinstance(value, Range) else Range(value, value)


def negate(a: Truth) -> Truth:
    """Kleene NOT."""
    return None if a is None else not a


def conjunction(parts: Iterable[Truth]) -> Truth:
    """Kleene AND over all parts (short-circuits on false)."""
    result: Truth = True
    for part in parts:
        if part is False:
            return False
        if part is None:
            result = None
    return result


def disjunction(parts: Iterable[Truth]) -> Truth:
    """Kleene OR over all parts (short-circuits on true)."""
    result: Truth = False
    for part in parts:
        if part is True:
            return True
        if part is None:
            result = None
    return result


def at_least(n: int, parts: Iterable[Truth]) -> Truth:
    """True when n parts are true; false when even all unknown ones could not make n; else unknown."""
    true = unknown = 0
    for part in parts:
        true += part is True
        unknown += part is None
    return True if true >= n else False if true + unknown < n else None


def add(a: Any, b: Any) -> Any:
    """Sum of numbers; a date plus a whole number of days."""
    if a is None or b is None:
        return None
    if isinstance(a, date):
        return a + timedelta(days=int(b))
    if isinstance(a, Range) or isinstance(b, Range):
        x, y = as_range(a), as_range(b)
        high = None if x.high is None or y.high is None else x.high + y.high
        return Range(x.low + y.low, high, x.low_open or y.low_open, x.high_open or y.high_open)
    return a + b


def subtract(a: Any, b: Any) -> Any:
    """Difference of numbers (measured minus exact); date minus days; days between dates."""
    if a is None or b is None:
        return None
    if isinstance(a, date):
        return Decimal((a - b).days) if isinstance(b, date) else a - timedelta(days=int(b))
    if isinstance(a, Range):
        return Range(a.low - b, None if a.high is None else a.high - b, a.low_open, a.high_open)
    return a - b


def multiply(a: Any, b: Any) -> Any:
    """Product of exact numbers, or of a measured one and a non-negative exact one (else unknown)."""
    if a is None or b is None:
        return None
    if isinstance(b, Range):
        a, b = b, a
    if isinstance(a, Range):
        return None if b < 0 else a.scaled(b)
    return a * b


def compare(op: str, a: Any, b: Any) -> Truth:
    """``a op b``; unknown when either side is, or when the bounds leave it open."""
    if a is None or b is None:
        return None
    if isinstance(b, Ratio):
        a, b, op = b, a, _FLIP[op]
    if isinstance(a, Ratio):
        under = as_range(a.under)
        if under.low < 0 or (under.low == 0 and not under.low_open):
            return None
        return compare(op, a.over, multiply(a.under, b))
    if isinstance(a, Range) or isinstance(b, Range):
        return _compare_ranges(op, as_range(a), as_range(b))
    return bool(_PLAIN[op](a, b))


_FLIP = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_PLAIN = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _compare_ranges(op: str, a: Range, b: Range) -> Truth:
    match op:
        case "<":
            return _below(a, b)
        case ">":
            return _below(b, a)
        case ">=":
            return negate(_below(a, b))
        case "<=":
            return negate(_below(b, a))
        case "=":
            return _equal(a, b)
        case _:
            return negate(_equal(a, b))


def _below(a: Range, b: Range) -> Truth:
    """a < b: surely when a ends before b begins; surely not when a begins at or after b's end."""
    if a.high is not None and (a.high < b.low or (a.high == b.low and (a.high_open or b.low_open))):
        return True
    if b.high is not None and a.low >= b.high:
        return False
    return None


def _equal(a: Range, b: Range) -> Truth:
    if a.is_point and b.is_point:
        return a.low == b.low
    if _below(a, b) or _below(b, a):
        return False
    return None


def years(start: date | None, end: date | None) -> Decimal | None:
    """Completed years from one date to another (29 February counts from 1 March in common years)."""
    if start is None or end is None:
        return None
    return Decimal(end.year - start.year - ((end.month, end.day) < (start.month, start.day)))


def sort_key(value: Any) -> Any:
    """A total order for ``highest`` and ``lowest``: measured numbers by lower, then upper bound."""
    if isinstance(value, Range):
        return (value.low, _INFINITY if value.high is None else value.high)
    return value


def zero(kind: str) -> Any:
    """What an absent fact is worth: false or nothing; words and dates have no such value."""
    return {"bool": False, "exact": _ZERO, "measured": Range(_ZERO, _ZERO)}.get(kind)
