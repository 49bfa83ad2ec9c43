"""The closed words of a case file, completed by editors: concepts, specimens, drugs, routes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic.annotated_handlers import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from cmvigil.record import drug_names
from cmvigil.record.casefile.values import refuse, text_of
from cmvigil.record.errors import did_you_mean, listed, shown
from cmvigil.record.vocabulary import vocabulary


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
        text = text_of(value)
        word = self.find(text)
        if word is None:
            known = self.words()
            refuse(shown(text), self.what, did_you_mean(text, known, f"One of: {listed(sorted(known), 60)}"))
        return word

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        words = self.words()
        return {"type": "string", "enum": sorted({*words, *(a for a, word in self.aliases.items() if word in words)})}


def _conditions() -> dict[str, Any]:
    known = vocabulary()
    sets = {name for name, members in known.sets.items() if all(m in known.conditions for m in members)}
    return {**known.conditions, **dict.fromkeys(sets, "")}


def _drug(value: Any) -> str:
    """The concept of a drug that must be known."""
    text = text_of(value)
    concept = drug_names.known(text)
    if concept is None:
        refuse(shown(text), *(drug_names.unreadable(text) or ("the name of a drug that cmvigil knows", "Check it.")))
    return concept


def _drug_given(value: Any) -> str:
    """The concept of a drug, or the name of one that cmvigil does not know."""
    text = text_of(value)
    concept = drug_names.known(text)
    if concept is None and (wrong := drug_names.unreadable(text)) is not None:
        refuse(shown(text), *wrong)
    return concept or text


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
GivenDrug = Annotated[str, PlainValidator(_drug_given), WithJsonSchema({"type": "string"})]
_ROUTES = {"i.v.": "iv", "intravenous": "iv", "po": "oral", "p.o.": "oral", "by_mouth": "oral", "s.c.": "sc"}
Route = Annotated[str, OneOf(lambda: vocabulary().routes, "a route", _ROUTES)]
Intent = Annotated[
    str,
    OneOf(lambda: vocabulary().intents, "an intent", {"pre_emptive": "preemptive"}),
]
Call = Annotated[str, OneOf(lambda: vocabulary().calls, "a call")]
