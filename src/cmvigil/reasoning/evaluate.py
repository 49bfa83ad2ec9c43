"""The meaning of an expression, the reference that the SQL engines are checked against.

Each node is turned once into a small function of its environment (``compiled``), which is the same tree walk, only
without
looking up what each node is every time.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from . import values as v
from .model import (
    And,
    Arith,
    AsOf,
    AtLeast,
    Choose,
    Compare,
    Constant,
    Expr,
    In,
    IsNull,
    Not,
    Or,
    Quotient,
    Ref,
    StateIs,
    Years,
)


@dataclass(slots=True)
class Env:
    """What names mean: bare names in ``row``, ``prev.x`` and ``left.x`` in ``side``, states of facts in ``states``."""

    as_of: date
    row: Mapping[str, Any]
    side: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)


Meaning = Callable[[Env], Any]
Key = TypeVar("Key")
Made = TypeVar("Made")


def once(make: Callable[[Key], Made]) -> Callable[[Key], Made]:
    """Make something of an expression (or a program) once and remember it by identity: a deep tree is dear to hash.

    The node is kept beside what was made of it, so that no other node can take its identity.
    """
    made: dict[int, tuple[Key, Made]] = {}

    def found(node: Key) -> Made:
        known = made.get(id(node))
        if known is None:
            known = made[id(node)] = (node, make(node))
        return known[1]

    return found


def evaluate(node: Expr, env: Env) -> Any:
    """The value of an expression; None is unknown."""
    return compiled(node)(env)


@once
def compiled(node: Expr) -> Meaning:
    """The expression as a function of its environment; made once."""
    return _MEANING[type(node)](node)


def _literal(node: Constant) -> Meaning:
    value = node.value
    return lambda _: value


def _ref(node: Ref) -> Meaning:
    name = node.name
    return (lambda e: e.side[name]) if node.side else (lambda e: e.row[name])


def _not(node: Not) -> Meaning:
    part = compiled(node.part)
    return lambda e: v.negate(part(e))


def _and(node: And) -> Meaning:
    parts = tuple(compiled(p) for p in node.parts)

    def meaning(e: Env) -> bool | None:
        result: bool | None = True
        for part in parts:
            found = part(e)
            if found is False:
                return False
            if found is None:
                result = None
        return result

    return meaning


def _or(node: Or) -> Meaning:
    parts = tuple(compiled(p) for p in node.parts)

    def meaning(e: Env) -> bool | None:
        result: bool | None = False
        for part in parts:
            found = part(e)
            if found is True:
                return True
            if found is None:
                result = None
        return result

    return meaning


def _at_least(node: AtLeast) -> Meaning:
    n, parts = node.n, tuple(compiled(p) for p in node.parts)
    return lambda e: v.at_least(n, (p(e) for p in parts))


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compare(node: Compare) -> Meaning:
    op, left, right = node.op, compiled(node.left), compiled(node.right)
    if {node.left.kind, node.right.kind} & {"measured", "ratio"}:
        return lambda e: v.compare(op, left(e), right(e))
    plain = _OPERATORS[op]

    def meaning(e: Env) -> bool | None:
        a, b = left(e), right(e)
        return None if a is None or b is None else plain(a, b)

    return meaning


def _in(node: In) -> Meaning:
    part, members = compiled(node.part), frozenset(node.values)

    def meaning(e: Env) -> bool | None:
        value = part(e)
        return None if value is None else value in members

    return meaning


def _is_null(node: IsNull) -> Meaning:
    part = compiled(node.part)
    return lambda e: part(e) is None


def _state_is(node: StateIs) -> Meaning:
    fact, state = node.fact, node.state
    return lambda e: e.states[fact] == state


_ARITH: dict[str, Callable[[Any, Any], Any]] = {"+": v.add, "-": v.subtract, "*": v.multiply}


def _arith(node: Arith) -> Meaning:
    how, left, right = _ARITH[node.op], compiled(node.left), compiled(node.right)
    return lambda e: how(left(e), right(e))


def _quotient(node: Quotient) -> Meaning:
    over, under = compiled(node.over), compiled(node.under)

    def meaning(e: Env) -> v.Ratio | None:
        a, b = over(e), under(e)
        return None if a is None or b is None else v.Ratio(a, b)

    return meaning


def _years(node: Years) -> Meaning:
    start, end = compiled(node.start), compiled(node.end)
    return lambda e: v.years(start(e), end(e))


_CHOICES: dict[str, Callable[[list[Any]], Any]] = {"coalesce": operator.itemgetter(0), "least": min, "greatest": max}


def _choose(node: Choose) -> Meaning:
    parts = tuple(compiled(p) for p in node.parts)
    choose = _CHOICES[node.how]

    def meaning(e: Env) -> Any:
        known = [x for x in (p(e) for p in parts) if x is not None]
        return choose(known) if known else None

    return meaning


_MEANING: dict[type[Expr], Callable[[Any], Meaning]] = {
    Constant: _literal,
    Ref: _ref,
    AsOf: lambda _: lambda e: e.as_of,
    Not: _not,
    And: _and,
    Or: _or,
    AtLeast: _at_least,
    Compare: _compare,
    In: _in,
    IsNull: _is_null,
    StateIs: _state_is,
    Arith: _arith,
    Quotient: _quotient,
    Years: _years,
    Choose: _choose,
}
