"""The closed words of the record, read once from ``knowledge/vocabulary``.

Numbers are read as text and become Decimals, so a factor means exactly what is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml

FOLDER = Path(__file__).parent.parent / "knowledge" / "vocabulary"

GENES = ("UL27", "UL51", "UL54", "UL56", "UL89", "UL97")
"""The viral genes in which a change bears on an antiviral; a result about any other is a misprint or of no use."""

_V = TypeVar("_V")
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class Unit:
    """An accepted unit: the unit its values are kept in and the exact factor; None is ten to the power of."""

    canonical: str
    factor: Decimal | None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measurable concept, its canonical unit, the units it is accepted in and its plausible bounds.

    ``per_unit``: its units are different quantities (IU and copies) and never convert into each other.
    """

    name: str
    label: str
    unit: str
    accepts: Mapping[str, Unit]
    low: Decimal
    high: Decimal
    per_unit: bool
    specimens: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sign:
    """An observable concept: a finding (present or not) or, with ``words``, a closed word."""

    name: str
    label: str
    words: tuple[str, ...]
    group: str | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All concepts by kind, plus the closed words of columns that are not concepts."""

    quantities: Mapping[str, Quantity]
    signs: Mapping[str, Sign]
    drugs: Mapping[str, str]  # concept -> label
    drug_names: Mapping[str, str]  # any known name, lower case -> concept
    drug_abbreviations: Mapping[str, str]  # letters and digits that are asked back, never taken -> concept
    other_drugs: frozenset[str]  # names near a known one that are another drug's
    conditions: Mapping[str, str]
    procedures: Mapping[str, str]
    sets: Mapping[str, tuple[str, ...]]
    specimens: frozenset[str]
    routes: frozenset[str]
    intents: frozenset[str]
    calls: frozenset[str]
    dose_units: Mapping[str, Unit]

    def kind(self, concept: str) -> str | None:
        """The event table that a concept's rows belong to; None for an unknown concept."""
        for table, concepts in (
            ("measurement", self.quantities),
            ("observation", self.signs),
            ("exposure", self.drugs),
            ("condition", self.conditions),
            ("procedure", self.procedures),
        ):
            if concept in concepts:
                return table
        return None

    def expand(self, name: str) -> tuple[str, ...]:
        """The members of a set, or the concept itself."""
        return self.sets.get(name, (name,))


def plain_name(text: str) -> str:
    """A drug's name as names are compared: lower case, single spaces."""
    return " ".join(text.lower().split())


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary shipped with the package."""
    drugs, forms = _read("drugs"), _read("forms")
    names = {plain_name(alias): name for name, drug in drugs.items() for alias in drug.get("names", ())}
    names |= {plain_name(drug["label"]): name for name, drug in drugs.items()}
    names |= {spelling: name for name in drugs for spelling in (name, name.replace("_", " "))}
    return Vocabulary(
        quantities=_frozen({name: _quantity(name, entry) for name, entry in _read("measurements").items()}),
        signs=_frozen(
            {
                name: Sign(name, entry["label"], tuple(entry.get("words", ())), entry.get("group"))
                for name, entry in _read("observations").items()
            }
        ),
        drugs=_labels(drugs),
        drug_names=_frozen(names),
        drug_abbreviations=_frozen({short: name for name, drug in drugs.items() for short in drug.get("short", ())}),
        other_drugs=frozenset(plain_name(each) for drug in drugs.values() for each in drug.get("unlike", ())),
        conditions=_labels(_read("conditions")),
        procedures=_labels(_read("procedures")),
        sets=_frozen({name: tuple(members) for name, members in _read("sets").items()}),
        specimens=frozenset(forms["specimens"]),
        routes=frozenset(forms["routes"]),
        intents=frozenset(forms["intents"]),
        calls=frozenset(forms["calls"]),
        dose_units=_frozen({u: Unit(to, Decimal(factor)) for u, (to, factor) in forms["dose_units"].items()}),
    )


def _read(name: str) -> dict[str, Any]:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.load(text, Loader=_Loader)
    return content


def _frozen(content: dict[str, _V]) -> Mapping[str, _V]:
    return MappingProxyType(content)


def _labels(entries: dict[str, Any]) -> Mapping[str, str]:
    return _frozen({name: entry["label"] for name, entry in entries.items()})


def _quantity(name: str, entry: dict[str, Any]) -> Quantity:
    low, high = entry["plausible"]
    return Quantity(
        name=name,
        label=entry["label"],
        unit=entry["unit"],
        accepts=_frozen({unit: _unit(entry["unit"], how) for unit, how in entry["accepts"].items()}),
        low=Decimal(low),
        high=Decimal(high),
        per_unit=entry.get("per_unit") == "true",
        specimens=frozenset(entry.get("specimens", ())),
    )


def _unit(canonical: str, how: str | dict[str, str]) -> Unit:
    if isinstance(how, str):
        return Unit(canonical, Decimal(how))
    return Unit(how["unit"], None if how["factor"] == "log10" else Decimal(how["factor"]))
