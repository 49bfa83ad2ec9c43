"""What was measured and seen: laboratory values, viral loads, biopsies, findings and words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import model_validator

from cmvigil.record import units
from cmvigil.record.casefile.shapes import Part, Shorthand, in_order, keyed
from cmvigil.record.casefile.values import Day, Number, Presence, Text, refuse
from cmvigil.record.casefile.words import Specimen


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
        in_order(self.date, self.reported_on, "reported_on")
        return self


def split_unit(value: Any) -> Any:
    """``0.8 10*9/L`` -> value and unit; a bare number keeps no unit."""
    if isinstance(value, dict):
        content = value.get("value")
        if isinstance(content, str) and value.get("unit") is None:
            split = split_unit(content)
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
        content = split_unit(value)
        if not isinstance(content, dict):
            return content
        return content if content.get("unit") is not None else {**content, "unit": unit}

    return expand


_SHORT_MEASURE = {"type": ["string", "number"], "description": "number and unit: 80 umol/L"}
Lab = Annotated[Measure, Shorthand(split_unit, _SHORT_MEASURE)]
Weight = Annotated[Measure, Shorthand(_in("kg"), {**_SHORT_MEASURE, "description": "62 kg; a number is kg"})]
Height = Annotated[Measure, Shorthand(_in("cm"), {**_SHORT_MEASURE, "description": "168 cm; a number is cm"})]


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
        in_order(self.date, self.reported_on, "reported_on")
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
    return {"result": value} if value.strip().lower() in ("positive", "negative", "equivocal") else split_unit(value)


class Tissue(Part):
    """One biopsy."""

    date: Day
    site: Specimen | None = None
    he: Presence | None = None
    ihc: Annotated[Ihc, Shorthand(keyed("result"), {"enum": ["positive", "negative", "equivocal"]})] | None = None
    pcr: Annotated[TissuePcr, Shorthand(_tissue_pcr, {"type": "string"})] | None = None
    culture: Presence | None = None
    reported_on: Day | None = None

    @model_validator(mode="after")
    def _order(self) -> Tissue:
        in_order(self.date, self.reported_on, "reported_on")
        return self
