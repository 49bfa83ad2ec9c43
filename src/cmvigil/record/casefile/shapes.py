"""The shapes of a case file: mappings whose keys are known, short forms, and one item where many may stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator
from pydantic.annotated_handlers import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from cmvigil.record.casefile.values import refuse
from cmvigil.record.casefile.words import OneOf


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


def in_order(start: date | None, end: date | None, what: str) -> None:
    """Refuse an end before its start."""
    if start is not None and end is not None and end < start:
        refuse(f"{what} {end} before {start}", "an end that is not before its start", "Check the two dates.")


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


class Once:
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


def keyed(key: str) -> Callable[[Any], Any]:
    """A short form that stands for a mapping with one key."""
    return lambda value: value if isinstance(value, dict) else {key: value}
