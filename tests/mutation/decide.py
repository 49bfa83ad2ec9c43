"""Looks for the single decision that tells a slip from the real thing, or shows that none can.

A decision gives values to what an expression names and leaves everything else unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import product
from math import prod
from random import Random

from cmvigil.reasoning.evaluate import Env, evaluate
from cmvigil.reasoning.model import (
    And,
    AtLeast,
    Compare,
    Constant,
    Expr,
    In,
    Not,
    Or,
    Program,
    Ref,
    StateIs,
    names,
    walk,
)

from .corpus import DAY, as_value
from .mutants import step

Given = Mapping[str, str]
TRIES = 400
ALL = 60_000  # so many combinations are gone through one by one


class Question:
    """An expression, the values that matter to each of its names, and ways to make it true or false."""

    def __init__(self, program: Program, expr: Expr) -> None:
        self.program, self.expr = program, expr
        self.kinds = {name: program.kind_of(name) for name in names(expr)}
        self.values: dict[str, list[str]] = {name: [""] for name in self.kinds}  # '' is unknown
        for node in walk(expr):
            self.note(node)
        for name, kind in self.kinds.items():
            if kind == "bool":
                self.values[name] = ["", "true", "false"]
            elif len(self.values[name]) == 1:
                self.values[name].append({"text": "other", "date": str(DAY)}.get(kind, "1"))

    def note(self, node: Expr) -> None:
        """Values on, just below and just above what a comparison compares with."""
        match node:
            case In(Ref(name), values):
                self.put(name, *map(str, values), "other")
            case Compare(_, Ref(name, "text"), Constant(value)):
                self.put(name, str(value), "other")
            case Compare(_, left, right):
                literals = [item.value for item in walk(node) if isinstance(item, Constant)]
                numbers = [value for value in literals if isinstance(value, Decimal)]
                edges = [edge for number in numbers for edge in (number, number + step(number), number - step(number))]
                for name in names(left) + names(right):
                    kind = self.kinds[name]
                    if kind == "date":
                        days = [int(edge) for edge in edges if edge == int(edge)] or [0]
                        self.put(name, *(str(DAY - timedelta(days=d)) for d in (*days, 0)))
                    elif kind == "text":
                        self.put(name, "one", "other")
                    else:
                        factors = [n * m for n in numbers for m in (10, 100)] if len(names(node)) > 1 else []
                        self.put(name, *(str(edge) for edge in (*edges, *factors) if edge >= 0))

    def put(self, name: str, *values: str) -> None:
        """Values worth trying for a name."""
        self.values[name] += [value for value in values if value not in self.values[name]]

    def env(self, given: Given) -> Env:
        """The expression's surroundings under a decision."""
        row = {name: as_value(given[name], kind) if given.get(name) else None for name, kind in self.kinds.items()}
        states = {name: "known" if given.get(name) else "missing" for name in self.kinds}
        for item in walk(self.expr):
            if isinstance(item, StateIs) and given.get(item.fact) == "stale":
                row[item.fact], states[item.fact] = None, "stale"
        return Env(DAY, row, states=states)

    def answer(self, expr: Expr, given: Given) -> bool | None:
        """What an expression says under a decision."""
        found: bool | None = evaluate(expr, self.env(given))
        return found

    def decisions(self) -> Iterator[dict[str, str]]:
        """Decisions to try: all of them where they are few, else ones that hang on a single part."""
        if prod(len(values) for values in self.values.values()) <= ALL:
            for values in product(*self.values.values()):
                yield dict(zip(self.values, values, strict=True))
            return
        random = Random(20260101)
        for _ in range(TRIES):
            given = dict.fromkeys(self.kinds, "")
            self.make(self.expr, random.choice((True, True, False, None)), given, random)
            yield dict(given)
            for name in self.kinds:
                for value in self.values[name]:
                    if value != given[name] and random.random() < 0.5:
                        yield {**given, name: value}

    @property
    def exhaustive(self) -> bool:
        """Whether ``decisions`` goes through every combination, so that finding none proves that there is none."""
        return prod(len(values) for values in self.values.values()) <= ALL

    def make(self, node: Expr, wanted: bool | None, given: dict[str, str], random: Random) -> None:
        """Choose values that may make a part come out as wanted, hanging on as few parts as possible."""
        match node:
            case Not(part):
                self.make(part, None if wanted is None else not wanted, given, random)
            case And(parts) | Or(parts):
                neutral = isinstance(node, And)
                deciding = -1 if wanted is neutral else random.randrange(len(parts))
                for i, part in enumerate(parts):
                    self.make(part, wanted if i == deciding else neutral, given, random)
            case AtLeast(n, parts):
                true = set(random.sample(range(len(parts)), n if wanted else n - 1))
                for i, part in enumerate(parts):
                    self.make(part, i in true, given, random)
            case Ref(name, "bool"):
                given[name] = "" if wanted is None else "true" if wanted else "false"
            case StateIs(fact, state):
                given[fact] = ("stale" if state == "stale" else "") if wanted else random.choice(self.values[fact][1:])
            case _:
                self.search(node, wanted, given, random)

    def search(self, node: Expr, wanted: bool | None, given: dict[str, str], random: Random) -> None:
        for _ in range(20):
            for name in names(node):
                given[name] = random.choice(self.values[name])
            if self.answer(node, given) is wanted:
                return


def spelled(given: Given) -> tuple[tuple[str, str], ...]:
    """A decision as it is written down: what is unknown is left out."""
    return tuple((name, value) for name, value in sorted(given.items()) if value)
