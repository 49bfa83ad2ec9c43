"""The meaning of an expression: a short tree walk, the reference that the SQL engines are checked against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from . import values as v
from .model import (
    And,
    Arith,
    AsOf,
    AtLeast,
    Choose,
    Compare,
    Expr,
    In,
    IsNull,
    Literal_,
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


def evaluate(node: Expr, env: Env) -> Any:
    """The value of an expression; None is unknown."""
    return _MEANING[type(node)](node, env)


def _choose(node: Choose, env: Env) -> Any:
    known = [x for x in (evaluate(p, env) for p in node.parts) if x is not None]
    if not known:
        return None
    return known[0] if node.how == "coalesce" else min(known) if node.how == "least" else max(known)


def _in(node: In, env: Env) -> bool | None:
    value = evaluate(node.part, env)
    return None if value is None else value in node.values


def _quotient(node: Quotient, env: Env) -> v.Ratio | None:
    over, under = evaluate(node.over, env), evaluate(node.under, env)
    return None if over is None or under is None else v.Ratio(over, under)


_ARITH = {"+": v.add, "-": v.subtract, "*": v.multiply}

_MEANING: dict[type[Expr], Callable[[Any, Env], Any]] = {
    Literal_: lambda n, _: n.value,
    Ref: lambda n, e: (e.side if n.side else e.row)[n.name],
    AsOf: lambda _, e: e.as_of,
    Not: lambda n, e: v.negate(evaluate(n.part, e)),
    And: lambda n, e: v.conjunction(evaluate(p, e) for p in n.parts),
    Or: lambda n, e: v.disjunction(evaluate(p, e) for p in n.parts),
    AtLeast: lambda n, e: v.at_least(n.n, (evaluate(p, e) for p in n.parts)),
    Compare: lambda n, e: v.compare(n.op, evaluate(n.left, e), evaluate(n.right, e)),
    In: _in,
    IsNull: lambda n, e: evaluate(n.part, e) is None,
    StateIs: lambda n, e: e.states[n.fact] == n.state,
    Arith: lambda n, e: _ARITH[n.op](evaluate(n.left, e), evaluate(n.right, e)),
    Quotient: _quotient,
    Years: lambda n, e: v.years(evaluate(n.start, e), evaluate(n.end, e)),
    Choose: _choose,
}
