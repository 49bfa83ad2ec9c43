"""Small wrong versions of an expression: each is one slip that an author of knowledge could make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from cmvigil.reasoning.model import (
    And,
    Arith,
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
    StateIs,
)

STATES = ("missing", "stale")


@dataclass(frozen=True)
class Mutant:
    """A definition or a half of a rule with one slip in it."""

    name: str
    half: str  # when, unless
    slip: str
    expr: Expr | None  # None: the half is gone

    def __str__(self) -> str:
        return f"{self.name}.{self.half}: {self.slip}"


def mutants(program: Program) -> Iterator[Mutant]:
    """Every slip in every definition and rule."""
    for name, half, expr in halves(program):
        if half == "unless":
            yield Mutant(name, half, "dropped", None)
        yield Mutant(name, half, "negated", Not(expr))
        for slip, wrong in slips(expr):
            yield Mutant(name, half, slip, wrong)


def halves(program: Program) -> Iterator[tuple[str, str, Expr]]:
    """The conditions that are put to the test."""
    for name, definition in program.definitions.items():
        yield name, "when", definition.when
    for name, rule in program.rules.items():
        yield name, "when", rule.when
        if rule.unless is not None:
            yield name, "unless", rule.unless


def slips(expr: Expr) -> Iterator[tuple[str, Expr]]:
    """One wrong version after the other, each with a word on what is wrong."""
    yield from _here(expr)
    match expr:
        case And(parts) | Or(parts):
            for i, part in enumerate(parts):
                for slip, wrong in slips(part):
                    yield slip, type(expr)((*parts[:i], wrong, *parts[i + 1 :]))
        case AtLeast(n, parts):
            for i, part in enumerate(parts):
                for slip, wrong in slips(part):
                    yield slip, AtLeast(n, (*parts[:i], wrong, *parts[i + 1 :]))
        case Not(part):
            for slip, wrong in slips(part):
                yield slip, Not(wrong)
        case Compare(op, left, right):
            for slip, wrong in _numbers(left):
                yield slip, Compare(op, wrong, right)
            for slip, wrong in _numbers(right):
                yield slip, Compare(op, left, wrong)


_WRONG_OPERATORS: Mapping[str, tuple[str, ...]] = {
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "=": ("<>",),
    "<>": ("=",),
}


def _here(expr: Expr) -> Iterator[tuple[str, Expr]]:
    match expr:
        case And(parts) | Or(parts):
            other = Or if isinstance(expr, And) else And
            yield f"{type(expr).__name__.lower()} is {other.__name__.lower()}", other(parts)
            for i, part in enumerate(parts):
                rest = (*parts[:i], *parts[i + 1 :])
                yield f"without {spell(part)}", rest[0] if len(rest) == 1 else type(expr)(rest)
        case AtLeast(n, parts):
            yield f"at least {n + 1}", AtLeast(n + 1, parts)
            yield f"at least {n - 1}", AtLeast(n - 1, parts)
            for i, part in enumerate(parts):
                yield f"without {spell(part)}", AtLeast(n, (*parts[:i], *parts[i + 1 :]))
        case Not(part):
            yield f"not lost before {spell(part)}", part
        case Ref(name, "bool"):
            yield f"not {name}", Not(expr)
        case Compare(op, left, right):
            for wrong in _WRONG_OPERATORS[op]:
                yield f"{spell(expr)} with {wrong}", Compare(wrong, left, right)
        case In(part, values, set_name):
            for value in values if len(values) > 1 and not set_name else ():
                yield f"{spell(part)} in ... without {value}", In(part, tuple(v for v in values if v != value))
        case StateIs(fact, state):
            other_state = STATES[1] if state == STATES[0] else STATES[0]
            yield f"{fact} is {other_state}", StateIs(fact, other_state)


def _numbers(expr: Expr) -> Iterator[tuple[str, Expr]]:
    match expr:
        case Constant(Decimal() as value, _, name):
            for wrong in (value + step(value), value - step(value)):
                if wrong >= 0:
                    yield f"{name or value} is {wrong}", replace(expr, value=wrong)
        case Arith(op, left, right, of):
            for slip, wrong_left in _numbers(left):
                yield slip, Arith(op, wrong_left, right, of)
            for slip, wrong_right in _numbers(right):
                yield slip, Arith(op, left, wrong_right, of)
        case Quotient(over, under):
            for slip, wrong_over in _numbers(over):
                yield slip, Quotient(wrong_over, under)
            for slip, wrong_under in _numbers(under):
                yield slip, Quotient(over, wrong_under)


def step(value: Decimal) -> Decimal:
    """One unit in the last place that is written: 14 -> 1, 0.7 -> 0.1, 100000 -> 1."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(min(exponent, 0))


def spell(expr: Expr) -> str:
    """A condition in short, for the name of a mutant."""
    match expr:
        case Ref(name) | Constant(_, _, name) if name:
            return name
        case Constant(value):
            return str(value)
        case Not(part):
            return f"not {spell(part)}"
        case Compare(op, left, right):
            return f"{spell(left)} {op} {spell(right)}"
        case In(part, values, set_name):
            return f"{spell(part)} in {set_name or ', '.join(map(str, values))}"
        case And(parts):
            return "(" + " and ".join(map(spell, parts)) + ")"
        case Or(parts):
            return "(" + " or ".join(map(spell, parts)) + ")"
        case AtLeast(n, parts):
            return f"at_least({n}, {', '.join(map(spell, parts))})"
        case Arith(op, left, right):
            return f"{spell(left)} {op} {spell(right)}"
        case Quotient(over, under):
            return f"{spell(over)} / {spell(under)}"
        case StateIs(fact, state):
            return f"{fact} is {state}"
        case _:
            return type(expr).__name__
