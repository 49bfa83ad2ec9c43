"""A program cut down to what some patients can have: rows that none of them has decide their part of it beforehand.

Most patients of a hospital have no viral load, no antiviral and no genotype. Of the facts, definitions and rules built
on these the answer is the same for all of them; it is found here once, by folding the expressions over what is certain,
and only the rest is left to an engine. The answers are those of the whole program: a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from ..record.tables import TABLES, columns
from .model import (
    And,
    Arith,
    AtLeast,
    Choose,
    Compare,
    Constant,
    Elsewhere,
    Expr,
    Fact,
    In,
    IsNull,
    Not,
    Or,
    Program,
    Quotient,
    Ref,
    State,
    StateIs,
    Step,
    View,
    Years,
)
from .values import conjunction, negate

Concepts = Collection[str] | None
"""What the column ``concept`` of some rows can hold; None: anything, or there is no such column. Empty: no rows."""

TRUE, FALSE, UNKNOWN = (Constant(value, "bool") for value in (True, False, None))


@dataclass(frozen=True, slots=True)
class Special:
    """What is left of a program, and what is decided: states of facts, values, and truths of rules."""

    program: Program
    states: Mapping[str, Literal["missing", "absent"]]  # of facts
    values: Mapping[str, Any]  # of facts, derived facts and definitions, as rules see them
    truths: Mapping[str, bool | None]  # of rules


def specialise(program: Program, present: Mapping[str, Collection[str]], always: Collection[str] = ()) -> Special:
    """The program for patients whose event tables hold only these concepts.

    ``present`` names, for every event table that has any row, the values of its column ``concept`` (any word at all for
    a table without such a column); a table that is not named is empty. ``always`` are tables of which every snapshot
    sees a row.
    """
    rows = _Rows(program, present, always)
    states = {name: state for name, fact in program.facts.items() if (state := rows.certain(fact)) is not None}
    decided = {name: _nothing(program.facts[name], state) for name, state in states.items()}

    def known(node: Expr) -> Expr:
        if isinstance(node, StateIs) and node.fact in states:
            return Constant(node.state == states[node.fact], "bool")
        return decided.get(node.name, node) if isinstance(node, Ref) else node

    derived, definitions = {}, {}
    for name in program.order:
        if name in program.derived:
            value = fold(program.derived[name].value, known)
            derived[name] = replace(program.derived[name], value=value)
        else:
            value = fold(program.definitions[name].when, known)
            definitions[name] = replace(program.definitions[name], when=value)
        if isinstance(value, Constant):
            decided[name] = value
    truths: dict[str, bool | None] = {}
    rules = {}
    for name, rule in program.rules.items():
        when = fold(rule.when, known)
        unless = FALSE if rule.unless is None else fold(rule.unless, known)
        if when == FALSE or unless == TRUE:
            truths[name] = False
        elif isinstance(when, Constant) and isinstance(unless, Constant):
            truths[name] = conjunction((_bool(when), negate(_bool(unless))))
        else:
            rules[name] = replace(rule, when=when, unless=None if unless == FALSE else unless)
    facts = {name: fact for name, fact in program.facts.items() if name not in states}
    left = replace(
        program,
        views=_needed(program.views, facts.values()),
        facts=facts,
        derived={name: each for name, each in derived.items() if name not in decided},
        definitions={name: each for name, each in definitions.items() if name not in decided},
        rules=rules,
        order=tuple(name for name in program.order if name not in decided),
    )
    return Special(left, states, {name: constant.value for name, constant in decided.items()}, truths)


def _nothing(fact: Fact, state: State) -> Constant:
    """What rules see of a fact without rows: false or nothing where it is absent, unknown where it is missing."""
    if state == "absent" and fact.of == "bool":
        return FALSE
    if state == "absent" and fact.of in ("exact", "measured"):
        return Constant(Decimal(0), "exact")
    return Constant(None, fact.of)


def _bool(constant: Constant) -> bool | None:
    assert constant.value is None or isinstance(constant.value, bool)
    return constant.value


class _Rows:
    """Which rows there can be in event tables and views."""

    def __init__(self, program: Program, present: Mapping[str, Collection[str]], always: Collection[str]) -> None:
        self.always = always
        self.of: dict[str, Concepts] = {}
        for table in TABLES:
            named = "concept" in columns(table)
            self.of[table] = frozenset(present.get(table, ())) if named or table not in present else None
        for view in program.views.values():
            self.of[view.name] = self.view(view)

    def certain(self, fact: Fact) -> Literal["missing", "absent"] | None:
        """The state of a fact that has no rows of its own and nothing that may or may not be said elsewhere."""
        if any(map(self.any_of, (Elsewhere(fact.table, fact.where), *fact.unusable))):
            return None
        if any(place.table in self.always and place.where is None for place in fact.absent):
            return "absent"
        return None if any(map(self.any_of, fact.absent)) else "missing"

    def any_of(self, place: Elsewhere) -> bool:
        """Whether there can be a row of this kind."""
        return self.where(self.of[place.table], place.where) != frozenset()

    def view(self, view: View) -> Concepts:
        """What the rows of a view can hold."""
        found: Concepts = None
        for step in view.steps:
            found = self.after(found, step)
        return found

    def after(self, found: Concepts, step: Step) -> Concepts:
        args: Mapping[str, Any] = step.args
        if step.op == "from":
            return self.of[args["table"]]
        if found == frozenset() or (step.op == "join" and self.of[args["with"]] == frozenset()):
            return frozenset()
        if step.op == "where":
            return self.where(found, args["expr"])
        new = {*args.get("columns", ()), *(args.get("take") or ()), args.get("as")}
        return None if "concept" in new or "concept" not in step.columns else found

    @staticmethod
    def where(found: Concepts, condition: Expr | None) -> Concepts:
        """The concepts for which a condition can be true."""
        if condition is None:
            return found
        if found is None:
            return frozenset() if fold(condition, lambda node: node) in (FALSE, UNKNOWN) else None
        return frozenset(c for c in found if fold(condition, _with_concept(c)) not in (FALSE, UNKNOWN))


def _with_concept(concept: str) -> Callable[[Expr], Expr]:
    constant = Constant(concept, "text")
    return lambda node: constant if isinstance(node, Ref) and node.name == "concept" and not node.side else node


def _needed(views: Mapping[str, View], facts: Collection[Fact]) -> dict[str, View]:
    """The views that facts read, and those that these are made of."""
    places = [(fact.table, *(place.table for place in (*fact.absent, *fact.unusable))) for fact in facts]
    wanted = {table for tables in places for table in tables}
    for name in reversed(list(views)):
        if name in wanted:
            args: list[Mapping[str, Any]] = [step.args for step in views[name].steps]
            wanted |= {each for arg in args for each in (arg.get("table"), arg.get("with")) if isinstance(each, str)}
    return {name: view for name, view in views.items() if name in wanted}


# -- folding ---------------------------------------------------------------------------------------------------------
def fold(node: Expr, known: Callable[[Expr], Expr]) -> Expr:
    """An expression with what is certain worked out; ``known`` gives a constant for a name or state, or the node."""
    match node:
        case Ref() | StateIs():
            return known(node)
        case Not():
            part = fold(node.part, known)
            return Constant(negate(_bool(part)), "bool") if isinstance(part, Constant) else Not(part)
        case And():
            return _junction([fold(part, known) for part in node.parts], FALSE, TRUE, And)
        case Or():
            return _junction([fold(part, known) for part in node.parts], TRUE, FALSE, Or)
        case AtLeast():
            return _at_least(node.n, [fold(part, known) for part in node.parts])
        case Compare():
            return _compare(Compare(node.op, fold(node.left, known), fold(node.right, known)))
        case In():
            return _in(replace(node, part=fold(node.part, known)))
        case IsNull():
            part = fold(node.part, known)
            return Constant(part.value is None, "bool") if isinstance(part, Constant) else IsNull(part)
        case Arith():
            left, right = fold(node.left, known), fold(node.right, known)
            return _lost(node, left, right) or replace(node, left=left, right=right)
        case Quotient():
            over, under = fold(node.over, known), fold(node.under, known)
            return _lost(node, over, under) or Quotient(over, under)
        case Years():
            start, end = fold(node.start, known), fold(node.end, known)
            return _lost(node, start, end) or Years(start, end)
        case Choose():
            parts = tuple(part for part in (fold(each, known) for each in node.parts) if not _unknown(part))
            return parts[0] if len(parts) == 1 else replace(node, parts=parts) if parts else Constant(None, node.kind)
        case _:
            return node


def _unknown(node: Expr) -> bool:
    return isinstance(node, Constant) and node.value is None


def _lost(node: Expr, *parts: Expr) -> Constant | None:
    """Unknown where a part is."""
    return Constant(None, node.kind) if any(map(_unknown, parts)) else None


def _junction(parts: list[Expr], decides: Constant, idle: Constant, made: type[And] | type[Or]) -> Expr:
    if decides in parts:
        return decides
    left = [part for part in dict.fromkeys(parts) if part != idle]  # an unknown part stays: it may be all there is
    return idle if not left else left[0] if len(left) == 1 else made(tuple(left))


def _at_least(n: int, parts: list[Expr]) -> Expr:
    n -= parts.count(TRUE)
    left = [part for part in parts if part not in (TRUE, FALSE)]
    if n <= 0:
        return TRUE
    if len(left) < n:
        return FALSE
    return UNKNOWN if all(map(_unknown, left)) else AtLeast(n, tuple(left))


def _compare(node: Compare) -> Expr:
    a, b = node.left, node.right
    if _unknown(a) or _unknown(b):
        return UNKNOWN
    if isinstance(a, Constant) and isinstance(b, Constant) and node.op in ("=", "<>"):
        return Constant((a.value == b.value) is (node.op == "="), "bool")
    return node


def _in(node: In) -> Expr:
    if not isinstance(node.part, Constant):
        return node
    if node.part.value is None:
        return UNKNOWN
    assert isinstance(node.part.value, (str, Decimal))
    return Constant(node.part.value in node.values, "bool")
