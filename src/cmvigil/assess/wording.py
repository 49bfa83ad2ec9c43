"""Values in words: how numbers, dates, facts and templates read. Locale-free: same input, same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from ..reasoning.evaluate import Env, evaluate
from ..reasoning.model import Program
from ..reasoning.outcome import Outcome
from ..reasoning.values import Ratio
from ..record.tables import Range

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TEMPLATE = re.compile(r"\{([a-z_0-9]+)(?:\.(day|value|all))?\}")
_UNITLESS = re.compile(r"not detected (?:IU|copies)/mL")  # a load and its unit stand side by side in many texts
UNKNOWN = "unknown"
_NAMED = 5  # of a list in a text, the last of them "3 more"
_UNITS = {
    "1": "",
    "10*6/L": "×10⁶/L",
    "10*9/L": "×10⁹/L",
    "a": "years",
    "Cel": "°C",
    "d": "days",
    "ratio": "",
    "ug/L": "µg/L",
    "umol/L": "µmol/L",
}
"""Units as people read them; the closed table's own spelling stands for the others."""


def day(value: date) -> str:
    """28 Mar 2026."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def number(value: Decimal) -> str:
    """A number as it is read: thousands apart, no trailing zeros, every digit kept; computed ones come rounded."""
    return f"{value.normalize():,f}"


def rounded(value: Decimal) -> Decimal:
    """A computed number as people quote it: one decimal below 100, none above; half to even."""
    step = Decimal("0.1") if abs(value) < 100 else Decimal(1)
    return value.quantize(step, rounding=ROUND_HALF_EVEN)


def value(found: Any) -> str:
    """A value without its unit."""
    match found:
        case None:
            return UNKNOWN
        case bool():
            return "yes" if found else "no"
        case Decimal():
            return number(found)
        case Range():
            return _range(found)
        case Ratio():
            approx = found.approx()
            return UNKNOWN if approx is None else number(rounded(approx))
        case date():
            return day(found)
        case _:
            return str(found).replace("_", " ")


def _range(found: Range) -> str:
    if found.word:
        return found.word
    if found.is_point:
        return number(found.low)
    if found.high is None:
        return f"{'>' if found.low_open else '≥'}{number(found.low)}"
    if found.low == 0:
        return f"{'<' if found.high_open else '≤'}{number(found.high)}"
    return f"{number(found.low)} to {number(found.high)}"


def fill(template: str, program: Program, outcome: Outcome) -> str:
    """Put facts into a rule's text: ``{fact}`` with unit, ``{fact.value}`` without, ``{fact.day}`` its date.

    ``{fact.all}`` names what the fact could have picked from its view, each once, not only what it picked.
    """

    def put(match: re.Match[str]) -> str:
        name, part = match.group(1), match.group(2)
        if part == "day":
            fact = outcome.facts.get(name)
            return day(fact.day) if fact is not None and fact.day is not None else UNKNOWN
        if part == "all":
            return _all(name, program, outcome)
        shown = _labelled(_shown(name, program, outcome), program)
        unit = _unit(name, program)
        return shown if part == "value" or not unit or shown == UNKNOWN else f"{shown} {unit}"

    return _UNITLESS.sub("not detected", _TEMPLATE.sub(put, template))


def _labelled(found: Any, program: Program) -> str:
    return program.labels.get(found, value(found)) if isinstance(found, str) else value(found)


def _all(name: str, program: Program, outcome: Outcome) -> str:
    """What a fact could have picked; a change of the virus with its gene."""
    fact = program.facts[name]
    if outcome.values.get(name) is None:
        return UNKNOWN
    found: dict[str, None] = {}
    for row in outcome.views[fact.table]:
        if fact.where is None or evaluate(fact.where, Env(outcome.as_of, row)) is True:
            word = _labelled(row[fact.take], program)
            found[f"{row['gene']} {word}" if fact.take == "change" else word] = None
    words = list(found)
    if len(words) > _NAMED:
        words = [*words[: _NAMED - 1], f"{len(words) - _NAMED + 1} more"]
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _shown(name: str, program: Program, outcome: Outcome) -> Any:
    if name in program.settings:
        return program.settings[name].value
    return outcome.values.get(name)


def _unit(name: str, program: Program) -> str:
    layers: tuple[Mapping[str, Any], ...] = (program.facts, program.derived, program.settings)
    for layer in layers:
        if name in layer:
            unit = str(layer[name].unit)
            return _UNITS.get(unit, unit)
    return ""
