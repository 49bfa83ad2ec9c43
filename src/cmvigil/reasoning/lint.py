"""What can be wrong with knowledge that nevertheless parses: `cmvigil knowledge check`.

Parsing already refuses dangling names, mixed kinds and constructs that swallow unknowns. Here: advice without a source,
overrides of rules that are not there, rules that can never speak or always speak, contradictions between a rule and
what
overrides it, comparisons of facts in different units, names nothing uses, templates with unknown names. And a count
of what
still rests on memory (``verification: recalled``).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .model import (
    And,
    Arith,
    Compare,
    Definition,
    Expr,
    Fact,
    In,
    Literal_,
    Not,
    Or,
    Program,
    Ref,
    Rule,
    Setting,
    names,
    walk,
)
from .values import conjunction, disjunction, negate

NEED_SOURCES = frozenset({"advice", "cause", "finding", "alert", "task"})
_ATOMS_AT_MOST = 12


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of the linter: an error stops ``make check``; a warning is shown."""

    level: str  # error | warning
    place: str
    text: str


def check(program: Program) -> list[Problem]:
    """All problems, errors first, sorted by place."""
    found = itertools.chain(_rules(program), _units(program), _unused(program), _templates(program), _logic(program))
    return sorted(found, key=lambda p: (p.level != "error", p.place, p.text))


def recalled(program: Program) -> Counter[str]:
    """How many settings, definitions and rules have which verification."""
    layers: tuple[Mapping[str, Setting | Definition | Rule], ...] = (
        program.settings,
        program.definitions,
        program.rules,
    )
    return Counter(item.verification for layer in layers for item in layer.values())


def _place(item: Rule | Fact) -> str:
    return f"{item.file}: {item.name}"


def _rules(program: Program) -> Iterator[Problem]:
    for rule in program.rules.values():
        place = _place(rule)
        if rule.kind in NEED_SOURCES and not rule.sources:
            yield Problem("error", place, f"{rule.kind} without a source; name one of sources.yaml")
        if rule.kind == "advice" and not (rule.strength and rule.certainty):
            yield Problem("error", place, "advice without strength and certainty")
        for other in rule.overrides:
            if other not in program.rules:
                yield Problem("error", place, f"overrides {other!r}, which is no rule")
            elif rule.name in program.rules[other].overrides:
                yield Problem("error", place, f"and {other} override each other")
        for entry in rule.schedule:
            for key in ("anchor", "done"):
                name = entry.get(key)
                if name is not None and name != "as_of" and name not in program.facts and name not in program.derived:
                    yield Problem("error", place, f"schedule {key} {name!r} is no fact")
        if rule.kind in ("status", "summary") and not rule.slot:
            yield Problem("error", place, f"a {rule.kind} rule needs a slot")


def _units(program: Program) -> Iterator[Problem]:
    """Two facts compared or added must share a unit; a text is compared only with words its fact can take."""
    for name, expr in program.expressions():
        for node in walk(expr):
            if isinstance(node, (Compare, Arith)) and not (isinstance(node, Arith) and node.op == "*"):
                left, right = _unit_of(program, node.left), _unit_of(program, node.right)
                if left and right and left != right:
                    yield Problem("error", name, f"mixes {left} and {right}")


def _unit_of(program: Program, node: Expr) -> str:
    if isinstance(node, Ref):
        item = program.facts.get(node.name) or program.derived.get(node.name)
        return item.unit if item else ""
    if isinstance(node, Literal_) and node.name:
        return program.settings[node.name].unit
    return ""


def _unused(program: Program) -> Iterator[Problem]:
    used: set[str] = set()
    settings: set[str] = set()
    for _, expr in program.expressions():
        used.update(names(expr))
    for text in _texts(program):
        used.update(re.findall(r"\{([a-z_0-9]+)", text))
    for rule in program.rules.values():
        used.update(str(entry[k]) for entry in rule.schedule for k in ("anchor", "done") if k in entry)
    for expr in _all_expressions(program):
        settings.update(n.name for n in walk(expr) if isinstance(n, Literal_) and n.name)
    for layer in (program.facts, program.derived, program.definitions):
        for name, item in layer.items():
            if name not in used:
                yield Problem("warning", f"{item.file}: {name}", "is not used by any rule")


def _all_expressions(program: Program) -> Iterator[Expr]:
    for _, expr in program.expressions():
        yield expr


def _texts(program: Program) -> Iterator[str]:
    for rule in program.rules.values():
        yield from (rule.headline, rule.text, rule.because, rule.if_unknown)


def _templates(program: Program) -> Iterator[Problem]:
    for rule in program.rules.values():
        for text in (rule.headline, rule.text, rule.because, rule.if_unknown):
            for name in re.findall(r"\{([^}]*)\}", text):
                bare, _, part = name.partition(".")
                known = bare in program.facts or bare in program.derived or bare in program.settings
                if not known or part not in ("", "day", "value"):
                    yield Problem(
                        "error",
                        _place(rule),
                        f"text names {{{name}}}, which is no fact, derived fact or setting",
                    )


def _logic(program: Program) -> Iterator[Problem]:
    """Propositional check: can the condition ever be true, can it ever be false, can both it and its overrider speak?

    Comparisons are atoms; interval and word atoms on one fact exclude each other where that is plain. Conditions
    with more
    than a dozen atoms are left to the spec tables.
    """
    for rule in program.rules.values():
        whole = rule.when if rule.unless is None else And((rule.when, Not(rule.unless)))
        opened = _open(program, whole)
        atoms = list(dict.fromkeys(a for a in _atoms(opened)))
        if len(atoms) > _ATOMS_AT_MOST:
            continue
        truths = {_truth(opened, dict(zip(atoms, row, strict=True))) for row in _worlds(atoms)}
        if True not in truths:
            yield Problem("error", _place(rule), "can never apply: its condition contradicts itself")
        elif False not in truths and atoms:
            yield Problem("error", _place(rule), "applies to everyone: its condition cannot be false")


def _open(program: Program, node: Expr) -> Expr:
    match node:
        case Ref(name, "bool") if name in program.definitions:
            return _open(program, program.definitions[name].when)
        case Not(part):
            return Not(_open(program, part))
        case And(parts):
            return And(tuple(_open(program, p) for p in parts))
        case Or(parts):
            return Or(tuple(_open(program, p) for p in parts))
        case _:
            return node


def _atoms(node: Expr) -> Iterator[Expr]:
    match node:
        case Not(part):
            yield from _atoms(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _atoms(part)
        case Literal_():
            return
        case _:
            yield node


def _truth(node: Expr, world: dict[Expr, bool]) -> bool | None:
    match node:
        case Not(part):
            return negate(_truth(part, world))
        case And(parts):
            return conjunction(_truth(p, world) for p in parts)
        case Or(parts):
            return disjunction(_truth(p, world) for p in parts)
        case Literal_(value):
            return value if isinstance(value, bool) else None
        case _:
            return world[node]


def _worlds(atoms: list[Expr]) -> Iterator[tuple[bool, ...]]:
    """Assignments of truth to atoms that are possible together."""
    limits = [_limit(a) for a in atoms]
    for row in itertools.product((True, False), repeat=len(atoms)):
        if _possible(limits, row):
            yield row


def _limit(atom: Expr) -> tuple[str, str, object] | None:
    match atom:
        case Compare(op, Ref(name), Literal_(Decimal() | str() as value)):
            return name, op, value
        case In(Ref(name), values):
            return name, "in", frozenset(values)
        case _:
            return None


def _possible(limits: list[tuple[str, str, object] | None], row: tuple[bool, ...]) -> bool:
    by_name: dict[str, list[tuple[str, object, bool]]] = {}
    for limit, truth in zip(limits, row, strict=True):
        if limit is not None:
            by_name.setdefault(limit[0], []).append((limit[1], limit[2], truth))
    return all(_satisfiable(tests) for tests in by_name.values())


def _satisfiable(tests: list[tuple[str, object, bool]]) -> bool:
    """Whether some value meets all tests: the named values, points between and outside them are tried."""
    numbers = sorted({x for _, x, _ in tests if isinstance(x, Decimal)})
    if numbers:
        between = [(a + b) / 2 for a, b in itertools.pairwise(numbers)]
        candidates: list[object] = [*numbers, *between, numbers[0] - 1, numbers[-1] + 1]
    else:
        words = {w for _, x, _ in tests for w in (x if isinstance(x, frozenset) else {x})}
        candidates = [*words, object()]
    return any(all(_meets(c, op, x) == truth for op, x, truth in tests) for c in candidates)


def _meets(value: object, op: str, limit: object) -> bool:
    if op == "in":
        return isinstance(limit, frozenset) and value in limit
    if op in ("=", "<>"):
        return (value == limit) == (op == "=")
    if not isinstance(value, Decimal) or not isinstance(limit, Decimal):
        return False
    return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[op]
