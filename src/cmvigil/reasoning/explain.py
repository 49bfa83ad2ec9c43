"""Why a rule said what it said, why it was silent, and what it still needs to know.

A :class:`Reason` is a readable copy of an expression with the truth of every part. Named definitions are opened, so a
reader can walk from the advice down to the facts; ``needs`` collects the unknown facts that an unknown answer hangs on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from .evaluate import Env, evaluate, once
from .model import (
    And,
    Arith,
    AsOf,
    AtLeast,
    Compare,
    Constant,
    Expr,
    In,
    Not,
    Or,
    Program,
    Quotient,
    Ref,
    Rule,
    StateIs,
    Years,
    names,
    walk,
)
from .outcome import Outcome

_OPS = {"=": "is", "<>": "is not", "<": "<", "<=": "≤", ">": ">", ">=": "≥", "+": "+", "-": "−", "*": "×"}


_names = once(names)


@dataclass(frozen=True, slots=True)
class Reason:
    """A condition as people read it, its truth, the facts its leaf looked at, and its parts.

    ``name``: the definition or derived fact that it opens.
    """

    text: str
    truth: bool | None
    facts: tuple[str, ...] = ()
    parts: tuple[Reason, ...] = ()
    name: str = ""

    def leaves(self) -> Iterator[Reason]:
        """The conditions at the bottom."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


class Explainer:
    """Explains one outcome of the reference engine."""

    def __init__(self, program: Program, outcome: Outcome) -> None:
        self.program, self.outcome = program, outcome
        states = {name: fact.state for name, fact in outcome.facts.items()}
        self.env = Env(outcome.as_of, outcome.values, states=states)
        self.opened: dict[str, Reason] = {}  # definitions stand in many rules: opened once

    def why(self, rule: Rule) -> tuple[Reason, Reason | None]:
        """The two halves of a rule: what makes it apply, and what would hold it back."""
        return self.reason(rule.when), None if rule.unless is None else self.reason(rule.unless)

    def needs(self, rule: Rule) -> tuple[str, ...]:
        """Unknown facts and unset settings that keep a rule undetermined, in order of reading.

        () when it is decided.
        """
        found: dict[str, None] = {}
        for half in (rule.when, rule.unless):
            if half is not None and evaluate(half, self.env) is None:
                self._needs(half, found)
        return tuple(found)

    def reason(self, node: Expr) -> Reason:
        """The readable tree of an expression."""
        truth = evaluate(node, self.env)
        match node:
            case Ref(name, "bool") if name in self.program.definitions:
                if name not in self.opened:
                    definition = self.program.definitions[name]
                    self.opened[name] = Reason(definition.is_, truth, (), (self.reason(definition.when),), name)
                return self.opened[name]
            case Ref(name, "bool") if name in self.program.derived:
                derived = self.program.derived[name]
                return Reason(derived.is_, truth, (), (self.reason(derived.value),), name)
            case And(parts) | Or(parts):
                word = "all of" if isinstance(node, And) else "any of"
                return Reason(word, truth, (), tuple(self.reason(p) for p in parts))
            case AtLeast(n, parts):
                return Reason(f"at least {n} of", truth, (), tuple(self.reason(p) for p in parts))
            case Not(part):
                inner = self.reason(part)
                if inner.parts:
                    return Reason("not", truth, (), (inner,))
                return Reason(f"not: {inner.text}", truth, inner.facts)
            case _:
                return Reason(self.text(node), truth, self.facts(node))

    def facts(self, node: Expr) -> tuple[str, ...]:
        """Facts an expression rests on, derived facts and definitions opened."""
        found: dict[str, None] = {}
        for name in _names(node):
            if name in self.program.facts:
                found[name] = None
            else:
                inner = self.program.derived.get(name)
                below = inner.value if inner else self.program.definitions[name].when
                found.update(dict.fromkeys(self.facts(below)))
        return tuple(found)

    def text(self, node: Expr) -> str:
        """An expression in words."""
        match node:
            case Constant(value, _, name):
                return f"{plain(value)}" if value is not None else f"{name.replace('_', ' ')} (not set)"
            case Ref(name):
                return self.label(name)
            case AsOf():
                return "today"
            case Compare("=", left, Constant(bool() as value)):
                return self.text(left) if value else f"not: {self.text(left)}"
            case Compare(op, left, right):
                unit = self.unit(left)
                shown = f"{self.text(left)} {_OPS[op]} {self.text(right)}"
                return f"{shown} {unit}" if unit and isinstance(right, Constant) else shown
            case In(part, values, set_name):
                listed = set_name.replace("_", " ") or ", ".join(str(x).replace("_", " ") for x in values)
                return f"{self.text(part)} is one of {listed}"
            case Arith(op, left, right):
                return f"{self.text(left)} {_OPS[op]} {self.text(right)}"
            case Quotient(over, under):
                return f"({self.text(over)}) / ({self.text(under)})"
            case Years(start, end):
                return f"years from {self.text(start)} to {self.text(end)}"
            case StateIs(fact, state):
                return f"{self.label(fact)} is {state}"
            case _:
                inner = self.reason(node)
                return f"{inner.text}: " + "; ".join(p.text for p in inner.parts)

    def unset(self, node: Expr) -> list[str]:
        """Settings that an expression rests on and no one has set, derived facts opened."""
        found: list[str] = []
        for item in _parts(node):
            if isinstance(item, Constant):
                found += [item.name] if item.value is None else []
            elif item.name in self.program.derived:
                found += self.unset(self.program.derived[item.name].value)
        return found

    def label(self, name: str) -> str:
        """What a fact, derived fact or definition is, in words."""
        layers = (self.program.facts, self.program.derived, self.program.definitions)
        return next(layer[name].is_ for layer in layers if name in layer)

    def unit(self, node: Expr) -> str:
        if isinstance(node, Ref):
            for layer in (self.program.facts, self.program.derived):
                if node.name in layer:
                    return layer[node.name].unit
        return ""

    def _needs(self, node: Expr, found: dict[str, None]) -> None:
        """Descend into unknown parts only: a part already decided cannot be what is lacking."""
        match node:
            case And(parts) | Or(parts) | AtLeast(_, parts):
                for part in parts:
                    if evaluate(part, self.env) is None:
                        self._needs(part, found)
            case Not(part):
                self._needs(part, found)
            case Ref(name, "bool") if name in self.program.definitions:
                self._needs(self.program.definitions[name].when, found)
            case Ref(name) if name in self.program.derived:
                self._needs(self.program.derived[name].value, found)
            case _:
                self._leaf_needs(node, found)

    def _leaf_needs(self, node: Expr, found: dict[str, None]) -> None:
        """What a comparison lacks. When every value is known the bounds leave it open (``<137`` < 50): name those."""
        unknown = [name for name in self.facts(node) if self.outcome.values[name] is None]
        settings = self.unset(node)
        found.update(dict.fromkeys([*unknown, *settings] or self.facts(node)))


@once
def _parts(node: Expr) -> tuple[Constant | Ref, ...]:
    return tuple(item for item in walk(node) if isinstance(item, (Constant, Ref)))


def plain(value: Any) -> str:
    """A literal for people: numbers without trailing zeros, dates as ISO, words without underscores."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("_", " ")
