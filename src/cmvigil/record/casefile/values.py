"""Single values of a case file: every one arrives as text and is read by what its place means."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from cmvigil.record import days, units
from cmvigil.record.errors import shown


def refuse(found: object, expected: str, remedy: str = "") -> NoReturn:
    """Refuse a value while a model is being read."""
    raise PydanticCustomError("case", "{expected}", {"found": found, "expected": expected, "remedy": remedy})


def text_of(value: Any) -> str:
    """The text of a single value, without the spaces around it."""
    if not isinstance(value, str):
        refuse(kind_of(value), "a single value", "Write one value here.")
    return value.strip()


def kind_of(value: Any) -> str:
    """What a value is, as it is named to people."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else shown(value)


def _day(value: Any, info: ValidationInfo, *, partial: Literal["", "first", "last"] = "") -> date:
    text = text_of(value)
    number = days.relative(text)
    if number is not None:
        zero = (info.context or {}).get("day_zero")
        if zero is None:
            refuse(shown(text), "a date", "Give day_zero at the top, or write the date as 2026-03-01.")
        found = days.after(zero, number)
    else:
        found = days.iso(text) or (days.partial(text, last=partial == "last") if partial else None)
    if found is None:
        forms = "a date such as 2026-03-01" + (", 2026-03 or 2026" if partial else "") + ", or a day such as d14"
        refuse(shown(text), forms, "Write year-month-day.")
    if not days.plausible(found):
        refuse(shown(text), "a date of a patient's lifetime", "Check the year; leave it out where it is not known.")
    return found


def _number(value: Any) -> Decimal:
    text = text_of(value)
    found = units.number(text)
    if found is None:
        refuse(shown(text), "a number", units.NUMBER_FORM)
    if found < 0:
        refuse(shown(text), "a number that is not negative", "Check the sign.")
    return units.tidy(found)


_YES = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}


def _yes_no(value: Any) -> bool:
    found = _YES.get(text_of(value).lower())
    if found is None:
        refuse(shown(value), "yes or no", "Leave it out when it is not known.")
    return found


def _yes_no_unknown(value: Any) -> bool | None:
    return None if text_of(value).lower() == "unknown" else _yes_no(value)


def _sign_value(value: Any) -> bool | None:
    words: dict[str, bool | None] = dict.fromkeys(("positive", "pos", "present"), True)
    words |= {**dict.fromkeys(("negative", "neg", "absent"), False), "not done": None}
    text = text_of(value).lower()
    if text in words:
        return words[text]
    if text in ("equivocal", "unclear"):
        return None
    return _yes_no_unknown(value)


DATE = {"type": "string", "description": "2026-03-01, or d14 counted from day_zero"}
_PARTIAL_DATE = {"type": "string", "description": "2026-03-01, 2026-03, 2026, or d14 counted from day_zero"}
_NUMBER = {"type": ["number", "string"]}

Day = Annotated[date, PlainValidator(_day), WithJsonSchema(DATE)]
FirstDay = Annotated[
    date, PlainValidator(lambda v, info: _day(v, info, partial="first")), WithJsonSchema(_PARTIAL_DATE)
]


def _end(value: Any, info: ValidationInfo) -> date | None:
    return None if text_of(value).lower() in ("ongoing", "current") else _day(value, info, partial="last")


LastDay = Annotated[
    date | None,
    PlainValidator(_end),
    WithJsonSchema({"type": "string", "description": "a date, or 'ongoing'"}),
]
Number = Annotated[Decimal, PlainValidator(_number), WithJsonSchema(_NUMBER)]
Text = Annotated[str, PlainValidator(text_of), WithJsonSchema({"type": ["string", "number"]})]
YesNo = Annotated[bool, PlainValidator(_yes_no), WithJsonSchema({"enum": ["yes", "no", True, False]})]
YesNoUnknown = Annotated[
    bool | None,
    PlainValidator(_yes_no_unknown),
    WithJsonSchema({"enum": ["yes", "no", "unknown", True, False]}),
]
Presence = Annotated[
    bool | None,
    PlainValidator(_sign_value),
    WithJsonSchema({"enum": ["yes", "no", "unknown", "positive", "negative", "equivocal", True, False]}),
]
