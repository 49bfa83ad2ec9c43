"""The case file as a whole, and its published JSON Schema."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from cmvigil.record.casefile.cmv import Cmv
from cmvigil.record.casefile.drugs import Drug
from cmvigil.record.casefile.genotype import Genotype, Pending
from cmvigil.record.casefile.host import Host
from cmvigil.record.casefile.person import Person
from cmvigil.record.casefile.results import Lab, Load, LoadDefaults, Said, Seen, Tissue
from cmvigil.record.casefile.shapes import Many, Once, Part, Shorthand, in_order, keyed
from cmvigil.record.casefile.values import Day, FirstDay, LastDay, Text, refuse, text_of
from cmvigil.record.casefile.words import OneOf, ProcedureName
from cmvigil.record.errors import shown
from cmvigil.record.vocabulary import vocabulary

VERSION = "1"
SCHEMA_ID = "urn:cmvigil:schema:case:1"
_Date = date  # a model has a field called date


def _lists() -> tuple[str, ...]:
    return vocabulary().signs["complete"].words


ListName = Annotated[str, OneOf(_lists, "a list that can be complete")]


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
        in_order(self.day, self.end, "end")
        return self

    @property
    def day(self) -> _Date | None:
        """The day it was done or began."""
        return self.date or self.start


class Complete(Part):
    """The statement that a list is complete: what it does not name was not there on ``date``."""

    list: ListName
    date: Day | None = None


Statement = Annotated[Complete, Shorthand(keyed("list"), {"type": "string", "enum": sorted(_lists())})]


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
SeenMany = Many[Annotated[Seen, Shorthand(keyed("present"), {"enum": ["yes", "no", "unknown", True, False]})]]
SaidMany = Many[Annotated[Said, Shorthand(keyed("value"), {"type": "string"})]]
Findings = Annotated[dict[Annotated[str, _FINDING], SeenMany], Once(_FINDING)]


def _version(value: Any) -> str:
    if text_of(value) != VERSION:
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
    symptoms: Findings = Field({})
    findings: Findings = Field({})
    words: Annotated[dict[Annotated[str, _SAID], SaidMany], Once(_SAID)] = Field({})
    viral_load_defaults: LoadDefaults | None = None
    viral_loads: Many[Load] = Field([])
    tissue: Many[Tissue] = Field([])
    labs: Annotated[dict[Annotated[str, _LAB], Many[Lab]], Once(_LAB)] = Field({})
    drugs: Many[Drug] = Field([])
    genotype: Many[Genotype] = Field([])
    genotype_pending: Pending | None = None
    procedures: Many[Act] = Field([])
    complete: Many[Statement] = Field([])


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the case file, for editors that complete and check while typing."""
    schema = Case.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}
