"""Conditions as people read them: a tree of words, and for small ones a truth table in three values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from string import ascii_uppercase

from ...reasoning.evaluate import once
from ...reasoning.explain import Explainer
from ...reasoning.model import And, AtLeast, Constant, Expr, Not, Or, Program, StateIs, names, walk
from ...reasoning.outcome import FactValue, Outcome
from ...reasoning.values import at_least, conjunction, disjunction, negate

Truth = bool | None
LEAVES_AT_MOST = 8
ROWS_AT_MOST = 24
_ALL: tuple[Truth, ...] = (True, None, False)
_WORDS = {True: "true", None: "unknown", False: "false"}


@dataclass(frozen=True, slots=True)
class Branch:
    """A condition: its words, what it names (facts, derived facts, definitions, settings), its parts."""

    text: str
    named: tuple[str, ...] = ()
    parts: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class TruthTable:
    """Every case of a condition, alike ones drawn together.

    ``leaves``: letter and condition. ``rows``: a cell for each leaf (empty: whatever it is), then what follows.
    """

    leaves: tuple[tuple[str, Branch], ...]
    rows: tuple[tuple[tuple[str, ...], str], ...]


class Reader:
    """Reads the conditions of a program aloud."""

    def __init__(self, program: Program) -> None:
        self.program = program
        layers = (program.facts, program.derived, program.definitions)
        unknown = Outcome("", date.min, values={name: None for layer in layers for name in layer})
        unknown.facts = {name: FactValue("missing") for name in program.facts}
        self._explainer = Explainer(program, unknown)

    def branch(self, node: Expr) -> Branch:
        """A condition as a tree; named conditions in it stay closed."""
        match node:
            case And(parts):
                return Branch("all of", parts=tuple(map(self.branch, parts)))
            case Or(parts):
                return Branch("any of", parts=tuple(map(self.branch, parts)))
            case AtLeast(n, parts):
                return Branch(f"at least {n} of", parts=tuple(map(self.branch, parts)))
            case Not(part):
                inner = self.branch(part)
                if inner.parts:
                    return Branch("not", parts=(inner,))
                return Branch(f"not: {inner.text}", inner.named)
            case _:
                return Branch(self._explainer.text(node), self.named(node))

    def named(self, node: Expr) -> tuple[str, ...]:
        """What a condition names, each once; settings last."""
        settings = tuple(dict.fromkeys(part.name for part in _constants(node) if part.name))
        return (*names(node), *settings)

    def facts(self, *nodes: Expr | None) -> tuple[str, ...]:
        """The facts that conditions rest on in the end."""
        found = (name for node in nodes if node is not None for name in self._explainer.facts(node))
        return tuple(dict.fromkeys(found))

    def words(self, node: Expr) -> str:
        """An expression in one line."""
        return self._explainer.text(node)

    def table(self, when: Expr, unless: Expr | None = None) -> TruthTable | None:
        """The truth table of ``when`` and not ``unless``; None where it would be too large to read."""
        whole = when if unless is None else And((when, Not(unless)))
        leaves = tuple(dict.fromkeys(_leaves(whole)))
        if not 0 < len(leaves) <= LEAVES_AT_MOST:
            return None
        rows = _rows(whole, leaves, ())
        if len(rows) > ROWS_AT_MOST:
            return None
        return TruthTable(
            tuple((ascii_uppercase[n], self.branch(leaf)) for n, leaf in enumerate(leaves)),
            tuple((tuple(map(_cell, cells)), _WORDS[truth]) for cells, truth in rows),
        )


@once
def reader(program: Program) -> Reader:
    """The reader of a program, made once."""
    return Reader(program)


_Cell = tuple[Truth, ...]
_Row = tuple[tuple[_Cell, ...], Truth]


def _rows(whole: Expr, leaves: Sequence[Expr], taken: tuple[Truth, ...]) -> tuple[_Row, ...]:
    """The rows for the leaves that are not taken yet: values after which all is alike stand in one cell."""
    if len(taken) == len(leaves):
        return (((), _truth(whole, dict(zip(leaves, taken, strict=True)))),)
    alike: dict[tuple[_Row, ...], list[Truth]] = {}
    for value in _values(leaves[len(taken)]):
        alike.setdefault(_rows(whole, leaves, (*taken, value)), []).append(value)
    if len(alike) == 1:
        ((below, _),) = alike.items()
        return tuple((((), *cells), truth) for cells, truth in below)
    return tuple(((tuple(values), *cells), truth) for below, values in alike.items() for cells, truth in below)


def _values(leaf: Expr) -> tuple[Truth, ...]:
    """What a leaf can be: the state of a fact is always known."""
    return (True, False) if isinstance(leaf, StateIs) else _ALL


def _cell(values: _Cell) -> str:
    return " or ".join(_WORDS[value] for value in values)


def _leaves(node: Expr) -> Iterator[Expr]:
    match node:
        case Not(part):
            yield from _leaves(part)
        case And(parts) | Or(parts) | AtLeast(_, parts):
            for part in parts:
                yield from _leaves(part)
        case Constant():
            return
        case _:
            yield node


def _truth(node: Expr, world: dict[Expr, Truth]) -> Truth:
    match node:
        case Not(part):
            return negate(_truth(part, world))
        case And(parts):
            return conjunction(_truth(part, world) for part in parts)
        case Or(parts):
            return disjunction(_truth(part, world) for part in parts)
        case AtLeast(n, parts):
            return at_least(n, (_truth(part, world) for part in parts))
        case Constant(value):
            return value if isinstance(value, bool) else None
        case _:
            return world[node]


def _constants(node: Expr) -> Iterator[Constant]:
    return (part for part in walk(node) if isinstance(part, Constant))
