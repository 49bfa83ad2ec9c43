"""The case file: what a clinician types, as a typed model with a published JSON Schema.

Every value arrives as text (see ``document``) and is read here by what its place means. Nothing has a
default that
states a clinical fact. Places that take a short form (``A594V``, ``80 umol/L``) also take the long one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.annotated_handlers import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from cmvigil.record import days, units
from cmvigil.record.document import Document, spell, walk
from cmvigil.record.document import Path as DocumentPath
from cmvigil.record.errors import IntakeError, Problem, did_you_mean, listed, shown
from cmvigil.record.vocabulary import GENES, plain_name, vocabulary

VERSION = "1"
_Date = date  # several models have a field called date

SCHEMA_ID = "urn:cmvigil:schema:case:1"


def refuse(found: object, expected: str, remedy: str = "") -> NoReturn:
    """Refuse a value while a model is being read."""
    raise PydanticCustomError("case", "{expected}", {"found": found, "expected": expected, "remedy": remedy})


# --- values ------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        refuse(_kind(value), "a single value", "Write one value here.")
    return value.strip()


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else shown(value)


def _day(value: Any, info: ValidationInfo, *, partial: Literal["", "first", "last"] = "") -> date:
    text = _text(value)
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
    text = _text(value)
    found = units.number(text)
    if found is None:
        refuse(shown(text), "a number", units.NUMBER_FORM)
    if found < 0:
        refuse(shown(text), "a number that is not negative", "Check the sign.")
    return units.tidy(found)


_YES = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}


def _yes_no(value: Any) -> bool:
    found = _YES.get(_text(value).lower())
    if found is None:
        refuse(shown(value), "yes or no", "Leave it out when it is not known.")
    return found


def _yes_no_unknown(value: Any) -> bool | None:
    return None if _text(value).lower() == "unknown" else _yes_no(value)


def _sign_value(value: Any) -> bool | None:
    words: dict[str, bool | None] = dict.fromkeys(("positive", "pos", "present"), True)
    words |= {**dict.fromkeys(("negative", "neg", "absent"), False), "not done": None}
    text = _text(value).lower()
    if text in words:
        return words[text]
    if text in ("equivocal", "unclear"):
        return None
    return _yes_no_unknown(value)


class OneOf:
    """A closed list of words, completed by editors; spaces and hyphens may stand for underscores."""

    def __init__(self, words: Callable[[], Iterable[str]], what: str, aliases: Mapping[str, str] | None = None) -> None:
        self.words = words
        self.what = what
        self.aliases = aliases or {}

    def find(self, text: str) -> str | None:
        """The word that ``text`` spells."""
        known = self.words()
        for spelling in (text, text.lower(), re.sub(r"[ -]+", "_", text.lower())):
            word = self.aliases.get(spelling, spelling)
            if word in known:
                return word
        return None

    def __call__(self, value: Any) -> str:
        text = _text(value)
        word = self.find(text)
        if word is not None:
            return word
        known = self.words()
        refuse(shown(text), self.what, did_you_mean(text, known, f"One of: {listed(sorted(known), 60)}"))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        words = self.words()
        return {"type": "string", "enum": sorted({*words, *(a for a, word in self.aliases.items() if word in words)})}


def _conditions() -> dict[str, Any]:
    known = vocabulary()
    sets = {name for name, members in known.sets.items() if all(m in known.conditions for m in members)}
    return {**known.conditions, **dict.fromkeys(sets, "")}


def _lists() -> tuple[str, ...]:
    return vocabulary().signs["complete"].words


_SHORT_NAMES = {"mmf": "mycophenolate", "aza": "azathioprine", "tac": "tacrolimus", "csa": "ciclosporin"}


def _drug(value: Any) -> str:
    text = _text(value)
    known = vocabulary().drug_names
    name = plain_name(text)
    concept = known.get(name) or _SHORT_NAMES.get(name)
    if concept is None:
        refuse(
            shown(text),
            "the name of a drug that cmvigil knows",
            # a drug taken for another does harm: only a slip of the pen is guessed
            did_you_mean(text, known, "Use its INN name, or leave out a drug without bearing on CMV.", cutoff=0.8),
        )
    return concept


_DATE = {"type": "string", "description": "2026-03-01, or d14 counted from day_zero"}
_PARTIAL_DATE = {"type": "string", "description": "2026-03-01, 2026-03, 2026, or d14 counted from day_zero"}
_NUMBER = {"type": ["number", "string"]}

Day = Annotated[date, PlainValidator(_day), WithJsonSchema(_DATE)]
FirstDay = Annotated[
    date, PlainValidator(lambda v, info: _day(v, info, partial="first")), WithJsonSchema(_PARTIAL_DATE)
]


def _end(value: Any, info: ValidationInfo) -> date | None:
    return None if _text(value).lower() in ("ongoing", "current") else _day(value, info, partial="last")


LastDay = Annotated[
    date | None,
    PlainValidator(_end),
    WithJsonSchema({"type": "string", "description": "a date, or 'ongoing'"}),
]
Number = Annotated[Decimal, PlainValidator(_number), WithJsonSchema(_NUMBER)]
Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": ["string", "number"]})]
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
_ILLNESSES = dict.fromkeys(("lymphoma", "leukaemia", "leukemia"), "haematological_malignancy")
ConditionName = Annotated[str, OneOf(lambda: vocabulary().conditions, "a condition", _ILLNESSES)]
ConditionOrSet = Annotated[str, OneOf(_conditions, "a condition or a set of them")]
ProcedureName = Annotated[str, OneOf(lambda: vocabulary().procedures, "a procedure")]
_SPECIMEN_ALIASES = {"blood": "whole_blood", "wb": "whole_blood", "edta_blood": "whole_blood"}
Specimen = Annotated[
    str,
    OneOf(lambda: vocabulary().specimens, "a specimen", _SPECIMEN_ALIASES),
]
DrugName = Annotated[str, PlainValidator(_drug), WithJsonSchema({"type": "string"})]
_ROUTES = {"i.v.": "iv", "intravenous": "iv", "po": "oral", "p.o.": "oral", "by_mouth": "oral", "s.c.": "sc"}
Route = Annotated[str, OneOf(lambda: vocabulary().routes, "a route", _ROUTES)]
Intent = Annotated[
    str,
    OneOf(lambda: vocabulary().intents, "an intent", {"pre_emptive": "preemptive"}),
]
Call = Annotated[str, OneOf(lambda: vocabulary().calls, "a call")]
ListName = Annotated[str, OneOf(_lists, "a list that can be complete")]

T = TypeVar("T")


class Shorthand:
    """Lets a place take a short form, turned into the long one by ``expand`` before it is read."""

    def __init__(self, expand: Callable[[Any], Any], *short: dict[str, Any]) -> None:
        self.expand = expand
        self.short = short or ({"type": ["string", "number", "boolean"]},)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [*self.short, handler(schema)]}


class _OneOrMany:
    """A single item stands for a list of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda v: v if isinstance(v, list) or v is None else [v], handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        inner = handler(schema)
        return {"anyOf": [inner["items"], inner]}


Many = Annotated[list[T], _OneOrMany()]


class _Once:
    """Keys that spell one word twice (``wbc`` and ``leukocytes``) would hide each other, and are refused."""

    def __init__(self, names: OneOf) -> None:
        self.names = names

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        seen: dict[str, str] = {}
        for key in value if isinstance(value, dict) else ():
            word = self.names.find(key)
            if word is not None and seen.setdefault(word, key) != key:
                refuse(f"'{seen[word]}' and '{key}'", f"'{word}' once", "Join the two.")
        return value


def _as(key: str) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, dict) else {key: value}


# --- the parts of a case -----------------------------------------------------------------------------


class Part(BaseModel):
    """A mapping of the case file: unknown keys are refused, ``null`` means not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _remember_shape(cls, content: Any, info: ValidationInfo) -> Any:
        if isinstance(content, dict):
            shapes = (info.context or {}).get("shapes")
            if shapes is not None:
                shapes[id(content)] = cls
            return {key: value for key, value in content.items() if value is not None}
        return content


def _in_order(start: date | None, end: date | None, what: str) -> None:
    if start is not None and end is not None and end < start:
        refuse(f"{what} {end} before {start}", "an end that is not before its start", "Check the two dates.")


class Measure(Part):
    """A result with its unit: ``80 umol/L`` or value and unit apart."""

    date: Day | None = None
    value: Text
    unit: Text | None = None
    upper_normal: Number | None = None
    lower_normal: Number | None = None
    reported_on: Day | None = None

    @model_validator(mode="after")
    def _order(self) -> Measure:
        _in_order(self.date, self.reported_on, "reported_on")
        return self


def _split_unit(value: Any) -> Any:
    """``0.8 10*9/L`` -> value and unit; a bare number keeps no unit."""
    if isinstance(value, dict):
        content = value.get("value")
        if isinstance(content, str) and value.get("unit") is None:
            split = _split_unit(content)
            return {**value, **split} if isinstance(split, dict) else value
        return value
    if not isinstance(value, str):
        return value
    text = value.strip()
    parts = text.split(None, 1)
    if len(parts) == 2 and parts[0] in ("<", ">", "<=", ">=", "≤", "≥"):
        rest = parts[1].split(None, 1)
        parts = [parts[0] + rest[0], *rest[1:]]
    if units.grouped(text):  # 12 400 umol/L is neither 12 nor a unit of 400
        return {"value": text}
    if len(parts) == 2 and units.number(parts[0].lstrip("<>=≤≥")) is not None:
        return {"value": parts[0], "unit": parts[1]}
    return {"value": text}


def _in(unit: str) -> Callable[[Any], Any]:
    """Weight and height are asked for in a named unit, so a bare number has one."""

    def expand(value: Any) -> Any:
        content = _split_unit(value)
        if not isinstance(content, dict):
            return content
        return content if content.get("unit") is not None else {**content, "unit": unit}

    return expand


_SHORT_MEASURE = {"type": ["string", "number"], "description": "number and unit: 80 umol/L"}
Lab = Annotated[Measure, Shorthand(_split_unit, _SHORT_MEASURE)]
Weight = Annotated[Measure, Shorthand(_in("kg"), {**_SHORT_MEASURE, "description": "62 kg; a number is kg"})]
Height = Annotated[Measure, Shorthand(_in("cm"), {**_SHORT_MEASURE, "description": "168 cm; a number is cm"})]


def _choice(*words: str) -> OneOf:
    return OneOf(lambda: words, " or ".join(words))


Sex = Annotated[str, OneOf(lambda: ("female", "male"), "female or male", {"f": "female", "m": "male"})]
GvhdType = Annotated[str, _choice("acute", "chronic")]


class Person(Part):
    """Who the patient is. ``age`` is in completed years on ``as_of``."""

    birth_date: Day | None = None
    age: Number | None = None
    sex: Sex | None = None
    weight: Many[Weight] = []
    height: Many[Height] = []
    pregnant: YesNoUnknown = None

    @model_validator(mode="after")
    def _one_age(self) -> Person:
        if self.birth_date is not None and self.age is not None:
            refuse("birth_date and age", "one of the two", "Keep birth_date.")
        if self.age is not None and self.age > 120:
            refuse(f"age {self.age}", "an age in years up to 120", "Check the number.")
        return self


_WORDS = {"pos": "positive", "neg": "negative"}


def _word(concept: str) -> OneOf:
    return OneOf(
        lambda: vocabulary().signs[concept].words, f"{concept.replace('_', ' ')} in a word that is known", _WORDS
    )


IbdExtent = Annotated[str, _word("ibd_extent")]
Severity = Annotated[str, _word("colitis_severity")]
SteroidResponse = Annotated[str, _word("steroid_response")]
Induction = Annotated[str, _word("induction")]
Graft = Annotated[str, _word("graft_manipulation")]
DonorIgg = Annotated[str, _word("donor_cmv_igg")]
RecipientIgg = Annotated[str, _word("recipient_cmv_igg")]
Disease = Annotated[
    str,
    OneOf(
        lambda: vocabulary().sets["ibd"],
        "an inflammatory bowel disease",
        {"uc": "ulcerative_colitis", "crohn": "crohns_disease", "crohn's_disease": "crohns_disease"},
    ),
]


class Ibd(Part):
    """Inflammatory bowel disease; extent, severity and steroid response as they were on ``date``."""

    disease: Disease
    since: FirstDay | None = None
    extent: IbdExtent | None = None
    severity: Severity | None = None
    steroid_response: SteroidResponse | None = None
    date: Day | None = None


class Gvhd(Part):
    """Graft-versus-host disease."""

    type: GvhdType | None = None
    since: FirstDay | None = None
    until: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> Gvhd:
        _in_order(self.since, self.until, "until")
        return self


class Rejection(Part):
    """A rejection, by the day it was diagnosed."""

    date: Day
    end: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> Rejection:
        _in_order(self.date, self.end, "end")
        return self


_ORGANS = {
    "kidney": "kidney_transplant",
    "liver": "liver_transplant",
    "heart": "heart_transplant",
    "lung": "lung_transplant",
    "pancreas": "pancreas_transplant",
    "intestine": "intestine_transplant",
    "other": "other_organ_transplant",
    "stem_cell": "stem_cell_transplant",
    "autologous_stem_cell": "autologous_stem_cell_transplant",
}


class Transplant(Part):
    """One transplantation and what belongs to it."""

    organ: Annotated[str, OneOf(lambda: _ORGANS, "an organ")]
    date: FirstDay
    donor_igg: DonorIgg | None = None
    recipient_igg: RecipientIgg | None = None
    induction: Induction | None = None
    graft_manipulation: Graft | None = None
    rejection: Many[Annotated[Rejection, Shorthand(_as("date"), _DATE)]] = []
    gvhd: Many[Gvhd] = []

    @property
    def procedure(self) -> str:
        """The procedure concept."""
        return _ORGANS[self.organ]


class Hiv(Part):
    """HIV infection; ``present: no`` states its absence."""

    present: YesNo = True
    since: FirstDay | None = None
    cd4: Many[Lab] = []


class Illness(Part):
    """A disease from ``since`` to ``end``."""

    condition: ConditionName
    since: FirstDay | None = None
    end: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> Illness:
        _in_order(self.since, self.end, "end")
        return self


def _hiv(value: Any) -> Any:
    return {"present": value} if isinstance(value, str) else value


class Host(Part):
    """Why the patient is at risk. ``not`` names conditions (or sets of them) stated absent."""

    ibd: Ibd | None = None
    transplants: Many[Transplant] = []
    hiv: Annotated[Hiv, Shorthand(_hiv, {"enum": ["yes", "no", True, False]})] | None = None
    other: Many[Annotated[Illness, Shorthand(_as("condition"), {"type": "string"})]] = []
    stated_absent: Many[ConditionOrSet] = Field(default=[], alias="not")


_SITES = {
    "colon": "cmv_colitis",
    "small_bowel": "cmv_enteritis",
    "stomach": "cmv_gastritis",
    "oesophagus": "cmv_oesophagitis",
    "lung": "cmv_pneumonia",
    "retina": "cmv_retinitis",
    "brain": "cmv_encephalitis",
    "liver": "cmv_hepatitis",
    "pancreas": "cmv_pancreatitis",
    "kidney": "cmv_nephritis",
    "skin": "cmv_skin",
}
Site = Annotated[str, OneOf(lambda: _SITES, "a site of disease")]


class Episode(Part):
    """A CMV episode as a clinician dates it, with its sites or diseases."""

    start: FirstDay
    end: LastDay = None
    site: Many[Site] = []
    disease: Many[ConditionName] = []
    note: Text | None = None

    @model_validator(mode="after")
    def _order(self) -> Episode:
        _in_order(self.start, self.end, "end")
        return self

    @property
    def diseases(self) -> list[str]:
        """The diseases named, by site or by name."""
        return list(dict.fromkeys([*(_SITES[site] for site in self.site), *self.disease]))


class CmvDisease(Part):
    """CMV disease of an organ."""

    concept: ConditionName
    start: FirstDay | None = None
    end: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> CmvDisease:
        _in_order(self.start, self.end, "end")
        return self


class Cmv(Part):
    """The CMV history. ``no_disease`` names diseases (or sets of them) stated absent."""

    episodes: Many[Episode] = []
    disease: Many[Annotated[CmvDisease, Shorthand(_as("concept"), {"type": "string"})]] = []
    no_disease: Many[ConditionOrSet] = []


class Seen(Part):
    """A symptom or finding on a day; ``unknown`` says that it was not clear."""

    present: Presence
    date: Day | None = None
    site: Specimen | None = None


class Said(Part):
    """A closed word on a day."""

    value: Text
    date: Day | None = None


class Load(Part):
    """A viral load: a number, ``<137``, ``>1e6``, ``not detected`` or ``detected <34.5``."""

    date: Day
    value: Text
    unit: Text | None = None
    specimen: Specimen | None = None
    assay: Text | None = None
    laboratory: Text | None = None
    lloq: Number | None = None
    reported_on: Day | None = None

    @model_validator(mode="after")
    def _order(self) -> Load:
        _in_order(self.date, self.reported_on, "reported_on")
        return self


class LoadDefaults(Part):
    """What holds for every viral load that does not say otherwise."""

    unit: Text | None = None
    specimen: Specimen | None = None
    assay: Text | None = None
    laboratory: Text | None = None
    lloq: Number | None = None


class Ihc(Part):
    """Immunohistochemistry: result and number of positive cells per section."""

    result: Presence
    density: Text | None = None


class TissuePcr(Part):
    """PCR in tissue: positive or negative, or a number with its denominator (copies/mg ...)."""

    result: Presence = None
    value: Text | None = None
    unit: Text | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> TissuePcr:
        if self.result is False and self.value is not None:
            refuse("a negative result with a value", "one of the two", "Leave out the value, or the result.")
        return self


def _tissue_pcr(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {"result": value} if value.strip().lower() in ("positive", "negative", "equivocal") else _split_unit(value)


class Tissue(Part):
    """One biopsy."""

    date: Day
    site: Specimen | None = None
    he: Presence | None = None
    ihc: Annotated[Ihc, Shorthand(_as("result"), {"enum": ["positive", "negative", "equivocal"]})] | None = None
    pcr: Annotated[TissuePcr, Shorthand(_tissue_pcr, {"type": "string"})] | None = None
    culture: Presence | None = None
    reported_on: Day | None = None

    @model_validator(mode="after")
    def _order(self) -> Tissue:
        _in_order(self.date, self.reported_on, "reported_on")
        return self


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
    text = " ".join(_text(value).lower().split())
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

    drug: DrugName
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
        _in_order(self.start, self.last, "end")
        return self

    @property
    def last(self) -> _Date | None:
        """The last day, None while running."""
        return self.end or self.until


class Change(Part):
    """An amino-acid change and its share of the population."""

    change: Text
    fraction: Text | None = None

    @model_validator(mode="after")
    def _spelling(self) -> Change:
        if not _CHANGE.fullmatch(self.change):
            refuse(
                shown(self.change),
                "a change such as A594V or del597-603",
                "Write old residue, codon, new residue.",
            )
        return self

    @property
    def share(self) -> Decimal | None:
        """The fraction, 0 to 1."""
        return None if self.fraction is None else share(self.fraction)

    @model_validator(mode="after")
    def _fraction(self) -> Change:
        found = self.share if self.fraction is not None else Decimal(0)
        if found is None or found > 1:
            refuse(
                shown(self.fraction),
                "a fraction such as 0.6 or 60 %",
                "Write a number from 0 to 1, or percent.",
            )
        return self


_CHANGE = re.compile(r"[A-Z]\d{1,4}[A-Z*]\??|[A-Z]?\d{1,4}\S*(?:del|ins|dup|fs|stop)\S*|(?:del|ins)\s?\S*\d{1,4}\S*")


def share(text: str) -> Decimal | None:
    """``0.6`` or ``60 %`` as a fraction; None for anything else."""
    percent = text.rstrip().endswith("%")
    found = units.number(text.rstrip(" %"))
    if found is None or found < 0:
        return None
    return units.tidy(found / 100 if percent else found)


class Span(Part):
    """Codons read, first to last."""

    first: Number
    last: Number

    @model_validator(mode="after")
    def _order(self) -> Span:
        if self.last < self.first:
            refuse(f"{self.first}-{self.last}", "first codon before last", "Swap the two.")
        return self


_SPAN = re.compile(r"(\d{1,4})\s*(?:-|–|to)\s*(\d{1,4})", re.ASCII)


def _span(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        refuse(shown(value), "codons such as 440-645", "Write first and last codon.")
    return {"first": match[1], "last": match[2]}


class Gene(Part):
    """One gene of a genotype. ``changes: []`` with ``covered`` says: read, and nothing found."""

    covered: Many[Annotated[Span, Shorthand(_span, {"type": "string", "description": "440-645"})]] = []
    changes: Many[Annotated[Change, Shorthand(_as("change"), {"type": "string", "description": "A594V"})]] = []


_GENE = OneOf(
    lambda: GENES, f"a gene that bears on an antiviral: {', '.join(GENES)}", {gene.lower(): gene for gene in GENES}
)


class Genotype(Part):
    """A resistance genotype as the laboratory reported it; ``date`` is the day of the specimen."""

    date: Day
    reported_on: Day | None = None
    specimen: Specimen | None = None
    method: Text | None = None
    genes: Annotated[dict[Annotated[str, _GENE], Gene], _Once(_GENE)] = {}
    calls: dict[DrugName, Call] = {}

    @model_validator(mode="after")
    def _check(self) -> Genotype:
        _in_order(self.date, self.reported_on, "reported_on")
        return self


class Pending(Part):
    """A genotype on its way."""

    sent: Day


class Act(Part):
    """A procedure, on a day or over a time."""

    procedure: ProcedureName
    date: FirstDay | None = None
    start: FirstDay | None = None
    end: LastDay = None

    @model_validator(mode="after")
    def _one_day(self) -> Act:
        if self.date is not None and self.start is not None:
            refuse("both date and start", "one of the two", "Write date for one day, start and end for a time.")
        _in_order(self.day, self.end, "end")
        return self

    @property
    def day(self) -> _Date | None:
        """The day it was done or began."""
        return self.date or self.start


class Complete(Part):
    """The statement that a list is complete: what it does not name was not there on ``date``."""

    list: ListName
    date: Day | None = None


def _signs(*, words: bool) -> list[str]:
    return [n for n, sign in vocabulary().signs.items() if bool(sign.words) is words and n != "complete"]


def _quantity_names() -> list[str]:
    return [name for name, quantity in vocabulary().quantities.items() if not quantity.per_unit]


_FINDING = OneOf(lambda: _signs(words=False), "a symptom or finding")
_SAID = OneOf(lambda: _signs(words=True), "a concept that takes a word")
_LABS = {
    **dict.fromkeys(("wbc", "wcc", "white_cells", "white_cell_count"), "leukocytes"),
    **dict.fromkeys(("hb", "hemoglobin"), "haemoglobin"),
    "plt": "platelets",
    "anc": "neutrophils",
    "alc": "lymphocytes",
}
_LAB = OneOf(_quantity_names, "a laboratory value", _LABS)
NAMED: dict[str, OneOf] = {"symptoms": _FINDING, "findings": _FINDING, "words": _SAID, "labs": _LAB}
"""The sections whose keys are concepts, and how these may be spelled."""
SeenMany = Many[Annotated[Seen, Shorthand(_as("present"), {"enum": ["yes", "no", "unknown", True, False]})]]
SaidMany = Many[Annotated[Said, Shorthand(_as("value"), {"type": "string"})]]
Findings = Annotated[dict[Annotated[str, _FINDING], SeenMany], _Once(_FINDING)]


def _version(value: Any) -> str:
    if _text(value) != VERSION:
        refuse(shown(value), f"cmvigil: {VERSION}", f"This program reads version {VERSION} of the case file.")
    return VERSION


class Case(Part):
    """One patient's case file."""

    cmvigil: Annotated[str, PlainValidator(_version), WithJsonSchema({"enum": [1, "1"]})] = VERSION
    patient: Text = "patient"
    day_zero: Day | None = None
    as_of: Day | None = None
    person: Person | None = None
    host: Host | None = None
    cmv: Cmv | None = None
    symptoms: Findings = {}
    findings: Findings = {}
    words: Annotated[dict[Annotated[str, _SAID], SaidMany], _Once(_SAID)] = {}
    viral_load_defaults: LoadDefaults | None = None
    viral_loads: Many[Load] = []
    tissue: Many[Tissue] = []
    labs: Annotated[dict[Annotated[str, _LAB], Many[Lab]], _Once(_LAB)] = {}
    drugs: Many[Drug] = []
    genotype: Many[Genotype] = []
    genotype_pending: Pending | None = None
    procedures: Many[Act] = []
    complete: Many[Annotated[Complete, Shorthand(_as("list"), {"type": "string", "enum": sorted(_lists())})]] = []


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the case file, for editors that complete and check while typing."""
    schema = Case.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def readable_part(document: Document) -> Document | None:
    """What is left of a document without the parts that cannot be read, each at its own place; None without any.

    A list is kept up to its first such entry, so that the places of the others stay true.
    """
    content, shallow = document.content, True
    context = {"day_zero": days.iso(str(content.get("day_zero")).strip()) if isinstance(content, dict) else None}
    for _ in range(3):
        try:
            Case.model_validate(content, context=context)
        except ValidationError as error:
            paths = [tuple(step for step, _ in walk(content, each["loc"])) for each in error.errors()]
            if any(path[:1] in ((), ("day_zero",), ("as_of",)) for path in paths):
                return None
            content = deepcopy(content)
            for path in sorted(paths, key=str, reverse=True):
                _cut(content, path if shallow else path[:1])
            shallow = False
        else:
            return Document(content, document.lines)
    return None


def _cut(content: Any, path: DocumentPath) -> None:
    for step in path[:-1]:
        if isinstance(content, list):
            del content[int(step) :]
            return
        content = content.get(step, {})
    if isinstance(content, list):
        del content[int(path[-1]) :]
    else:
        content.pop(path[-1], None)


def parse_case(document: Document, file: str = "") -> Case:
    """The case that a document holds. Raises IntakeError with every problem, in document order."""
    content = document.content
    if not isinstance(content, dict):
        raise IntakeError(
            [Problem(_kind(content), "a case file: keys such as person, host, viral_loads", "", file=file)]
        )
    zero = content.get("day_zero")
    context: dict[str, Any] = {
        "day_zero": days.iso(zero.strip()) if isinstance(zero, str) else None,
        "shapes": {},
    }
    try:
        return Case.model_validate(content, context=context)
    except ValidationError as error:
        problems = [_problem(detail, document, context["shapes"], file) for detail in error.errors(include_url=False)]
    raise IntakeError(sorted(problems, key=lambda problem: (problem.line or 0, problem.path)))


_SHAPE_ERRORS = {
    "model_type": ("a mapping (keys and values)", "Write 'key: value' lines here."),
    "dict_type": ("a mapping (keys and values)", "Write 'key: value' lines here."),
    "list_type": ("a list", "Begin each item with '- '."),
}


def _problem(detail: Any, document: Document, shapes: dict[int, type[Part]], file: str) -> Problem:
    path: DocumentPath = ()
    here = document.content
    for step, value in walk(document.content, detail["loc"]):
        path, here = (*path, step), value
    line = document.line(path)
    kind = detail["type"]
    if kind == "extra_forbidden":
        parent = [document.content, *(value for _, value in walk(document.content, path[:-1]))][-1]
        shape = shapes.get(id(parent))
        known = [f.alias or n for n, f in shape.model_fields.items()] if shape else []
        key = str(path[-1]) if path else "?"
        remedy = did_you_mean(key, known, f"Known keys: {listed(known, 24)}")
        return Problem(f"the key '{key}'", "a known key", remedy, spell(path), line, file)
    if kind == "missing":
        key = detail["loc"][-1]
        return Problem(f"no '{key}'", f"the key '{key}'", f"Add '{key}:'.", spell(path), line, file)
    if kind == "case":
        context = detail["ctx"]
        return Problem(str(context["found"]), context["expected"], context["remedy"], spell(path), line, file)
    expected, remedy = _SHAPE_ERRORS.get(kind, (detail["msg"], ""))
    return Problem(_kind(here), expected, remedy, spell(path), line, file)
