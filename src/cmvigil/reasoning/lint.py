"""What can be wrong with knowledge that nevertheless parses: `cmvigil knowledge check`.

Parsing already refuses dangling names, mixed kinds and constructs that swallow unknowns. Here: advice without a source,
overrides and schedules that point nowhere, rules that can never speak or always speak, rules that what overrides them
always silences, mixed units, words that the vocabulary does not have, names nothing uses, templates with unknown names.
And a count of what still rests on memory (``verification: recalled``).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .evaluate import once
from .model import (
    And,
    Arith,
    BandTable,
    Compare,
    Constant,
    Definition,
    Expr,
    Fact,
    In,
    Not,
    Or,
    Program,
    Ref,
    Rule,
    Setting,
    names,
    walk,
)
from .steps import Aggregate
from .values import conjunction, disjunction, negate

NEED_SOURCES = frozenset({"advice", "cause", "finding", "alert", "task"})
_ATOMS_AT_MOST = 12
_DAYS = frozenset({"from", "until", "every", "slack"})
_SCHEDULE = frozenset({"what", "why", "anchor", "done"}) | _DAYS


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of the linter: an error stops ``make check``; a warning is shown."""

    level: str  # error | warning
    place: str
    text: str


def check(program: Program) -> list[Problem]:
    """All problems, errors first, sorted by place."""
    parts = (_rules, _schedules, _units, _words, _unused, _templates, _logic)
    found = itertools.chain.from_iterable(part(program) for part in parts)
    return sorted(found, key=lambda p: (p.level != "error", p.place, p.text))


@once
def recalled(program: Program) -> Counter[str]:
    """How many settings, definitions, rules, table rows and statements of the drugs' files have which verification."""
    layers: tuple[Mapping[str, Setting | Definition | Rule], ...] = (
        program.settings,
        program.definitions,
        program.rules,
    )
    found = Counter(item.verification for layer in layers for item in layer.values())
    rows = (row for table in program.tables.values() for row in table.rows)
    found.update(str(row["verification"]) for row in rows if row.get("verification"))
    found.update(str(part["verification"]) for part in _written(program) if "verification" in part)
    return found


def _written(program: Program) -> Iterator[Mapping[str, object]]:
    """Every mapping, however deep, of the files of drugs and of resistance."""
    todo: list[object] = [*program.antivirals.values(), *program.resistance.values(), *program.databases]
    while todo:
        part = todo.pop()
        if isinstance(part, Mapping):
            yield part
            todo.extend(part.values())
        elif isinstance(part, list):
            todo.extend(part)


def undecided(program: Program) -> int:
    """How many rules have too many conditions for :func:`check` to try all their worlds: they are not checked for
    contradiction, nor for being overridden each time.
    """
    opened = (_open(program, _whole(rule)) for rule in program.rules.values())
    return sum(len(set(_atoms(expr))) > _ATOMS_AT_MOST for expr in opened)


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
        if rule.kind in ("status", "summary") and not rule.slot:
            yield Problem("error", place, f"a {rule.kind} rule needs a slot")


def _schedules(program: Program) -> Iterator[Problem]:
    for rule in program.rules.values():
        for entry in rule.schedule:
            for key in entry.keys() - _SCHEDULE:
                yield Problem(
                    "error", _place(rule), f"schedule has no {key!r}; there are {', '.join(sorted(_SCHEDULE))}"
                )
            if not entry.get("what"):
                yield Problem("error", _place(rule), "schedule entry without what: the thing to do")
            anchor, done = entry.get("anchor", "as_of"), entry.get("done")
            if anchor not in ("as_of", *program.facts, *program.derived):
                yield Problem("error", _place(rule), f"schedule anchor {anchor!r} is no fact, derived fact or as_of")
            if done is not None and done not in program.facts:
                yield Problem("error", _place(rule), f"schedule done {done!r} is no fact")
            for key in _DAYS & entry.keys():
                days = entry[key]
                if not isinstance(days, Decimal) or days % 1 or (key == "every" and days < 1):
                    yield Problem("error", _place(rule), f"schedule {key} is {days}; expected whole days")


def _units(program: Program) -> Iterator[Problem]:
    """Two values compared or added must share a unit."""
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
    if isinstance(node, Constant) and node.name:
        return program.settings[node.name].unit
    return ""


def _words(program: Program) -> Iterator[Problem]:
    """A concept or closed word that the vocabulary lacks never matches anything, without a sound."""
    for place, expr in _row_expressions(program):
        for node in walk(expr):
            for word in _tested(node, "concept"):
                if word not in program.labels:
                    yield Problem("error", place, f"{word!r} is no concept of the vocabulary")
            if isinstance(node, And):
                closed = [
                    program.words[c] for part in node.parts for c in _tested(part, "concept") if c in program.words
                ]
                for word in itertools.chain.from_iterable(_tested(part, "text") for part in node.parts):
                    if closed and not any(word in words for words in closed):
                        yield Problem("error", place, f"{word!r} is none of {', '.join(closed[0])}")
    for place, expr in program.expressions():
        for node in walk(expr):
            for name, words in _closed(program).items():
                for word in _tested(node, name):
                    if word not in words:
                        yield Problem("error", place, f"{name} is never {word!r}; it is one of {', '.join(words)}")


def _closed(program: Program) -> dict[str, tuple[str, ...]]:
    """Facts that take the word of one concept, with the words it can be."""
    return {
        fact.name: program.words[concept]
        for fact in program.facts.values()
        if fact.take == "text" and fact.where is not None
        for concept in _tested(fact.where, "concept")
        if concept in program.words
    }


def _tested(node: Expr, name: str) -> tuple[str, ...]:
    """Words that a comparison holds a name against."""
    match node:
        case Compare(_, Ref(found), Constant(str() as word)) if found == name:
            return (word,)
        case In(Ref(found), values) if found == name:
            return tuple(v for v in values if isinstance(v, str))
        case _:
            return ()


def _row_expressions(program: Program) -> Iterator[tuple[str, Expr]]:
    """Every expression over rows: steps of views, and what facts are drawn from."""
    for view in program.views.values():
        for step in view.steps:
            for expr in _within(step.args):
                yield f"{view.file}: {view.name}", expr
    for fact in program.facts.values():
        for where in (fact.where, *(e.where for e in (*fact.absent, *fact.unusable))):
            if where is not None:
                yield _place(fact), where


def _within(args: object) -> Iterator[Expr]:
    if isinstance(args, Expr):
        yield args
    elif isinstance(args, Aggregate):
        yield from _within(args.expr)
    elif isinstance(args, Mapping):
        for value in args.values():
            yield from _within(value)


def _unused(program: Program) -> Iterator[Problem]:
    used: set[str] = set()
    for _, expr in program.expressions():
        used.update(names(expr))
    for text in itertools.chain.from_iterable(map(_texts, program.rules.values())):
        used.update(re.findall(r"\{([a-z_0-9]+)", text))
    for rule in program.rules.values():
        used.update(str(entry[k]) for entry in rule.schedule for k in ("anchor", "done") if k in entry)
    for layer in (program.facts, program.derived, program.definitions):
        for name, item in layer.items():
            if name not in used:
                yield Problem("warning", f"{item.file}: {name}", "is not used by any rule")
    rows = _tables_read(program)
    for view in program.views.values():
        if view.name not in rows:
            yield Problem("warning", f"{view.file}: {view.name}", "is a view that no fact and no view reads")
    for table in program.tables.values():
        if table.name not in rows and not table.used_by:
            yield Problem("warning", f"{table.file}: {table.name}", "is a table that no view looks anything up in")
    cited = _sources_cited(program)
    for key in sorted(cited - program.sources.keys() - {""}):
        yield Problem("error", f"sources.yaml: {key}", "is named as a source and is none")
    for key in sorted(program.sources.keys() - cited):
        yield Problem("warning", f"sources.yaml: {key}", "is a source that nothing names")
    lists = _lists_tested(program)
    for name, members in sorted(program.sets.items()):
        # a record may name a set of conditions itself
        if lists.isdisjoint((name, members)) and program.drug_groups.keys() >= set(members):
            yield Problem("warning", f"vocabulary/sets.yaml: {name}", "is a set of drugs that nothing tests")


def _tables_read(program: Program) -> set[object]:
    """Names of views and tables that something draws from."""
    read: set[object] = {fact.table for fact in program.facts.values()}
    read.update(e.table for fact in program.facts.values() for e in (*fact.absent, *fact.unusable))
    steps = [step for view in program.views.values() for step in view.steps]
    return read.union(step.args[key] for step in steps for key in ("table", "with") if key in step.args)


def _sources_cited(program: Program) -> set[str]:
    layers: tuple[Mapping[str, Setting | Definition | Rule | BandTable], ...] = (
        program.settings,
        program.definitions,
        program.rules,
        program.tables,
    )
    cited = {key for layer in layers for item in layer.values() for key in item.sources}
    rows = (row for table in program.tables.values() for row in table.rows)
    cited |= {key.strip() for row in rows for key in str(row.get("source") or "").split(",")}
    listed = (part["sources"] for part in _written(program) if isinstance(part.get("sources"), list))
    return cited.union(*(map(str, keys) for keys in listed))  # type: ignore[call-overload]


def _lists_tested(program: Program) -> set[object]:
    """Names of sets that a condition tests, and the lists of words that short forms made of them."""
    everywhere = [expr for _, expr in (*_row_expressions(program), *program.expressions())]
    tests = [node for expr in everywhere for node in walk(expr) if isinstance(node, In)]
    return {test.set_name for test in tests} | {test.values for test in tests}


def _texts(rule: Rule) -> Iterator[str]:
    yield from (rule.headline, rule.text, rule.because, rule.if_unknown)
    for entry in rule.schedule:
        yield from (str(entry.get("what", "")), str(entry.get("why", "")))


def _templates(program: Program) -> Iterator[Problem]:
    for rule in program.rules.values():
        for name in itertools.chain.from_iterable(re.findall(r"\{([^}]*)\}", text) for text in _texts(rule)):
            bare, _, part = name.partition(".")
            known = bare in program.facts or bare in program.derived or bare in program.settings
            listed = bare in program.facts and program.facts[bare].table in program.views
            if not known or part not in ("", "day", "value", *["all"] * listed):
                yield Problem(
                    "error", _place(rule), f"text names {{{name}}}, which is no fact, derived fact or setting"
                )


def _logic(program: Program) -> Iterator[Problem]:
    """Propositional check: can a condition be true, can it be false, and is it ever true when what overrides it is not?

    Comparisons are atoms; interval and word atoms on one fact exclude each other where that is plain. Conditions with
    more than a dozen atoms are left to the spec tables.
    """
    opened = {rule.name: _open(program, _whole(rule)) for rule in program.rules.values()}
    for rule in program.rules.values():
        truths = _truths(opened[rule.name])
        if truths and True not in truths:
            yield Problem("error", _place(rule), "can never apply: its condition contradicts itself")
        elif truths and False not in truths and any(_atoms(opened[rule.name])):
            yield Problem("error", _place(rule), "applies to everyone: its condition cannot be false")
        for other in sorted(set(rule.overrides) & opened.keys()):
            alone = _truths(And((opened[other], Not(opened[rule.name]))))
            if alone and True not in alone and True in _truths(opened[other]):
                yield Problem(
                    "error", _place(program.rules[other]), f"never speaks: {rule.name} overrides it each time"
                )


def _whole(rule: Rule) -> Expr:
    return rule.when if rule.unless is None else And((rule.when, Not(rule.unless)))


def _truths(opened: Expr) -> set[bool | None]:
    """What a condition can be over all worlds; empty when there are too many to try."""
    atoms = list(dict.fromkeys(_atoms(opened)))
    if len(atoms) > _ATOMS_AT_MOST:
        return set()
    return {_truth(opened, dict(zip(atoms, row, strict=True))) for row in _worlds(atoms)}


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
        case Constant():
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
        case Constant(value):
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
        case Compare(op, Ref(name), Constant(Decimal() | str() as value)):
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
    named = {w for _, x, _ in tests for w in (x if isinstance(x, frozenset) else {x})}
    numbers = sorted(x for x in named if isinstance(x, Decimal))
    between = [(a + b) / 2 for a, b in itertools.pairwise(numbers)]
    outside = [numbers[0] - 1, numbers[-1] + 1] if numbers else [object()]
    candidates: list[object] = [*named, *between, *outside]
    return any(all(_meets(c, op, x) == truth for op, x, truth in tests) for c in candidates)


def _meets(value: object, op: str, limit: object) -> bool:
    if op == "in":
        return isinstance(limit, frozenset) and value in limit
    if op in ("=", "<>"):
        return (value == limit) == (op == "=")
    assert isinstance(value, Decimal) and isinstance(limit, Decimal)  # only numbers are ordered
    return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[op]
