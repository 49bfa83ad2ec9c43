"""Drugs together: what the knowledge says of pairs, and of threes, in which one is an antiviral.

The tables ``interactions`` and ``interactions_of_three`` are read, nothing is inferred: a pair without a row was not
looked at, which is not the same as safe. Drugs are concepts of the vocabulary; answers name them as people do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..advice import Interaction
from ..reasoning.evaluate import once
from ..reasoning.model import Program

LEVELS: tuple[str, ...] = ("contraindicated", "avoid", "caution", "monitor")
"""Levels of an interaction, the worst first."""

_TABLES: Mapping[str, tuple[str, ...]] = {
    "interactions": ("drug", "other"),
    "interactions_of_three": ("drug", "other", "third"),
}


class Found(BaseModel):
    """What is known of some drugs together. ``not_listed``: pairs with an antiviral that have no row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drugs: list[str]
    interactions: list[Interaction]
    not_listed: list[tuple[str, str]]


def between(program: Program, drugs: Sequence[str]) -> list[Interaction]:
    """Pairs and threes among the given drugs, each once, the worst first. Their order does not matter."""
    wanted = set(drugs)
    return _found(program, lambda names: names <= wanted)


def with_everything(program: Program, antiviral: str, taken: Iterable[str]) -> list[Interaction]:
    """What one antiviral does with each drug taken, or with two of them; seen from that antiviral, the worst first."""
    wanted = {antiviral, *taken}
    return _found(program, lambda names: antiviral in names and names <= wanted, antiviral)


def known_of(program: Program, drug: str) -> list[Interaction]:
    """Every pair and three of one drug, antiviral or other, the worst first."""
    return _found(program, lambda names: drug in names, drug if drug in program.antivirals else "")


def found(program: Program, drugs: Sequence[str]) -> Found:
    """The answer for a list of drugs: one alone has everything known of it, several have what is between them."""
    distinct = sorted(set(drugs))
    if len(distinct) == 1:
        return Found(drugs=_labels(program, distinct), interactions=known_of(program, distinct[0]), not_listed=[])
    listed = {names for names, _ in _rows(program)}
    pairs = [pair for pair in combinations(distinct, 2) if not program.antivirals.keys().isdisjoint(pair)]
    missing = sorted(_antiviral_first(program, pair) for pair in pairs if frozenset(pair) not in listed)
    return Found(
        drugs=_labels(program, distinct),
        interactions=between(program, distinct),
        not_listed=[(_label(program, a), _label(program, b)) for a, b in missing],
    )


def extent(program: Program) -> tuple[int, int]:
    """How far the list goes: how many antivirals, and how many pairs, each counted once."""
    pairs = {names for names, _ in _rows(program) if len(names) == 2}
    return len({str(row["drug"]) for _, row in _rows(program)}), len(pairs)


@once
def _rows(program: Program) -> list[tuple[frozenset[str], Mapping[str, Any]]]:
    """Every row with the drugs it speaks of. A table that a site deleted has none."""
    return [
        (frozenset(str(row[column]) for column in columns), row)
        for name, columns in _TABLES.items()
        if name in program.tables
        for row in program.tables[name].rows
    ]


def _found(program: Program, meant: Callable[[frozenset[str]], bool], seen_from: str = "") -> list[Interaction]:
    """The rows that are meant, both directions of a pair made one: its worse level, with the words of that row.

    Between rows of one level those of ``seen_from`` speak, else those of the drug that comes first.
    """
    together: dict[frozenset[str], list[Mapping[str, Any]]] = {}
    for names, row in _rows(program):
        if meant(names):
            together.setdefault(names, []).append(row)

    def rank(row: Mapping[str, Any]) -> tuple[int, bool, str]:
        return LEVELS.index(row["level"]), row["drug"] != seen_from, str(row["drug"])

    merged = [_interaction(program, sorted(rows, key=rank)) for rows in together.values()]
    return sorted(merged, key=lambda one: (LEVELS.index(one.level), one.drug, one.other))


def _interaction(program: Program, rows: Sequence[Mapping[str, Any]]) -> Interaction:
    first = rows[0]
    others = [_label(program, first[column]) for column in ("other", "third") if column in first]
    keys = dict.fromkeys(key.strip() for row in rows for key in str(row["source"]).split(","))
    return Interaction(
        drug=_label(program, first["drug"]),
        other=" and ".join(others),
        level=first["level"],
        effect=first["effect"],
        action=first["action"],
        verification=first["verification"],
        sources=list(keys),
    )


def _label(program: Program, drug: str) -> str:
    return program.labels.get(drug, drug)


def _labels(program: Program, drugs: Iterable[str]) -> list[str]:
    return [_label(program, drug) for drug in drugs]


def _antiviral_first(program: Program, pair: tuple[str, str]) -> tuple[str, str]:
    return pair if pair[0] in program.antivirals else (pair[1], pair[0])
