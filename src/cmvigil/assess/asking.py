"""How a missing fact can be answered: as a value with a unit, as seen or not, as a word, as a drug, as a viral load.

The way is read from the knowledge: which concept the fact looks for, and in which table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..reasoning.model import Compare, Constant, Expr, In, Program, Ref, walk
from ..record.vocabulary import Vocabulary, vocabulary

Kind = Literal["quantity", "finding", "word", "disease", "load", "tissue", "genotype", "drug", "person", "list"]

_GENOTYPE = ("variant", "coverage", "susceptibility", "interpretation")
_BLOOD_LOAD, _TISSUE_LOAD = "cmv_load", "cmv_tissue_pcr"


@dataclass(frozen=True, slots=True)
class Way:
    """One entry that answers: what kind, of which concept, with which words or units to choose from."""

    kind: Kind
    concept: str
    label: str
    choices: tuple[str, ...] = ()  # units of a quantity, words of a word


def ways(program: Program, facts: Iterable[str], most: int = 8) -> list[Way]:
    """The entries that would answer these facts, each once, at most ``most``; none where only a site's setting does.

    A list that covers them comes last: that it is complete says that what is not listed is not there.
    """
    known = vocabulary()
    asked = [program.facts[name] for name in facts if name in program.facts]
    made = [_way(known, *each) for fact in asked for each in _concepts(program, fact.table, fact.where)]
    found = {(way.kind, way.concept): way for way in made if way is not None}
    lists = dict.fromkeys(fact.group for fact in asked if fact.group)
    return [*list(found.values())[:most], *(Way("list", each, each.replace("_", " ")) for each in lists)]


def quantity(known: Vocabulary, concept: str) -> Way:
    """How a quantity is entered: with one of its units, the canonical one first."""
    each = known.quantities[concept]
    spelled: dict[str, str] = {}  # one spelling of each unit
    for name in (each.unit, *each.accepts):
        if not set(name) & set("[]{}"):
            spelled.setdefault(name.lower().replace("^", "*").removeprefix("x"), name)
    return Way("quantity", concept, each.label, tuple(spelled.values()))


def _way(known: Vocabulary, table: str, concept: str) -> Way | None:
    if concept == _BLOOD_LOAD:
        return Way("load", concept, "CMV load in blood")
    if concept == _TISSUE_LOAD:
        return Way("tissue", concept, "CMV in tissue")
    if concept in known.quantities:
        return quantity(known, concept)
    if concept in known.signs:
        sign = known.signs[concept]
        return Way("word" if sign.words else "finding", concept, sign.label, sign.words)
    if table == "condition" and concept in known.conditions:
        return Way("disease", concept, known.conditions[concept])
    if table == "exposure" and concept in known.drugs:
        return Way("drug", "", "A drug that is taken")
    if table in _GENOTYPE:
        return Way("genotype", "", "Resistance genotype")
    return Way("person", "", "Age and sex") if table == "person" else None


def _concepts(program: Program, table: str, where: Expr | None) -> Iterator[tuple[str, str]]:
    """The event table and the concepts that rows of ``table`` with ``where`` come from, through views."""
    named = list(_named(where))
    while table in program.views:
        first, *steps = program.views[table].steps
        table = str(first.args["table"])
        if not named:
            conditions = [step.args["expr"] for step in steps if step.op == "where"]
            named = [concept for each in conditions if isinstance(each, Expr) for concept in _named(each)]
    yield from ((table, concept) for concept in named or [""])


def _named(where: Expr | None) -> Iterator[str]:
    """The concepts that a condition on rows asks for."""
    for node in walk(where) if where is not None else ():
        if isinstance(node, Compare) and node.op == "=" and isinstance(node.left, Ref) and node.left.name == "concept":
            if isinstance(node.right, Constant):
                yield str(node.right.value)
        elif isinstance(node, In) and isinstance(node.part, Ref) and node.part.name == "concept":
            yield from map(str, node.values)
