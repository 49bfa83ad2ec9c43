"""Drugs: one regimen an entry, with its dose, its rhythm and the doses missed."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema, model_validator

from cmvigil.record import units
from cmvigil.record.casefile.shapes import Part, Shorthand, in_order
from cmvigil.record.casefile.values import FirstDay, LastDay, Number, YesNo, refuse, text_of
from cmvigil.record.casefile.words import GivenDrug, Intent, OneOf, Route
from cmvigil.record.errors import shown
from cmvigil.record.vocabulary import vocabulary


class Dose(Part):
    """An amount and its unit."""

    amount: Number
    unit: Annotated[
        str,
        OneOf(lambda: vocabulary().dose_units, "a unit of dose"),
    ]


_DOSE = re.compile(r"([\d.eE+]+)\s*(\D.*)", re.DOTALL)


def _dose(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DOSE.fullmatch(value.strip())
    if match is None or units.grouped(value):
        refuse(
            shown(value),
            "an amount and its unit, such as 5 mg/kg",
            units.NUMBER_FORM if units.grouped(value) else "Add the unit.",
        )
    return {"amount": match[1], "unit": match[2]}


_DAILY = {"once": 1, "twice": 2, "three times": 3, "four times": 4}
_FREQUENCIES = {
    **{f"{word} {rest}": Decimal(24) / n for word, n in _DAILY.items() for rest in ("daily", "a day", "per day")},
    **{f"{word} {rest}": Decimal(168) / n for word, n in _DAILY.items() for rest in ("weekly", "a week", "per week")},
    **{word: Decimal(24) for word in ("daily", "od", "qd", "day", "1 day")},
    **{word: Decimal(12) for word in ("bd", "bid")},
    **{word: Decimal(8) for word in ("tds", "tid")},
    **{word: Decimal(6) for word in ("qds", "qid")},
    **{word: Decimal(168) for word in ("weekly", "week", "1 week")},
}
_EVERY = re.compile(r"q?\s*(\d{1,4}(?:\.\d+)?)\s*(hourly|hours|hour|hrs|h|days|day|d|weeks|week|wk|w)", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 168}


def _interval(value: Any) -> Decimal:
    text = " ".join(text_of(value).lower().split())
    if text in _FREQUENCIES:
        return units.tidy(_FREQUENCIES[text])
    match = _EVERY.fullmatch(text)
    hours = Decimal(match[1]) * _HOURS[match[2][0]] if match else Decimal(0)
    if hours <= 0:
        refuse(shown(text), "an interval such as 12 h, twice daily, weekly", "Write the hours between two doses.")
    return hours


Interval = Annotated[Decimal, PlainValidator(_interval), WithJsonSchema({"type": "string"})]


class Missed(Part):
    """Doses missed: ``count`` of ``of`` doses, or ``count`` per week."""

    count: Number
    of: Number | None = None
    per_week: bool = False


_MISSED = re.compile(r"(\d{1,4})\s*(?:of\s*(\d{1,5})|(per week|a week|weekly))?", re.ASCII)


def _missed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(value.lower().split())
    if text in ("none", "no"):
        return {"count": "0"}
    match = _MISSED.fullmatch(text)
    if match is None:
        refuse(shown(value), "none, 3, 2 of 28 or 3 per week", "Leave it out when it is not known.")
    if match[2] and int(match[1]) > int(match[2]):
        refuse(shown(value), "at most as many as there were doses", "Check the two numbers.")
    return {"count": match[1], "of": match[2], "per_week": bool(match[3])}


class Drug(Part):
    """One regimen of one drug. A change of dose is a new entry."""

    drug: GivenDrug
    dose: Annotated[Dose, Shorthand(_dose, {"type": "string", "description": "5 mg/kg"})] | None = None
    every: Interval | None = None
    route: Route | None = None
    start: FirstDay
    end: LastDay = None
    until: LastDay = None
    intent: Intent | None = None
    missed_doses: Annotated[Missed, Shorthand(_missed, {"type": ["string", "number"]})] | None = None
    adequate: YesNo | None = None

    @model_validator(mode="after")
    def _order(self) -> Drug:
        if self.end is not None and self.until is not None:
            refuse("end and until", "one of the two", "Keep end.")
        in_order(self.start, self.last, "end")
        return self

    @property
    def last(self) -> date | None:
        """The last day, None while running."""
        return self.end or self.until

    @property
    def known(self) -> bool:
        """Whether it is a drug of the vocabulary."""
        return self.drug in vocabulary().drugs
