"""The typed, frozen model of the pathway language. Engines, linter and explanation read this and nothing else.

A knowledge folder is parsed once (``loader``) into a :class:`Program`: views, facts, derived facts, definitions and
rules
in an order in which each needs only what stands before it. Expressions are trees of the node classes below; each node
knows its ``kind``:

- ``bool``      true, false or unknown
- ``exact``     a Decimal
- ``measured``  a pair of bounds (``record.tables.Range``)
- ``ratio``     a numerator and a denominator, compared by cross-multiplication, never divided
- ``text``, ``date``
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any, Literal

__all__ = [
    "And",
    "Arith",
    "AsOf",
    "AtLeast",
    "BandTable",
    "Choose",
    "Compare",
    "Constant",
    "Definition",
    "Derived",
    "Elsewhere",
    "Expr",
    "Fact",
    "In",
    "IsNull",
    "Kind",
    "Not",
    "Or",
    "Program",
    "Quotient",
    "Ref",
    "Rule",
    "Setting",
    "StateIs",
    "Step",
    "View",
    "Years",
    "names",
    "walk",
]

Kind = Literal["bool", "exact", "measured", "ratio", "text", "date", "time"]
State = Literal["known", "absent", "missing", "stale", "conflicting", "unusable"]
STATES: tuple[State, ...] = ("known", "absent", "missing", "stale", "conflicting", "unusable")


@dataclass(frozen=True, slots=True)
class Expr:
    """A node. Subclasses list their parts as fields; ``kind`` is what it evaluates to."""

    @property
    def kind(self) -> Kind:
        """What the node evaluates to."""
        return "bool"


@dataclass(frozen=True, slots=True)
class Constant(Expr):
    """A constant. ``name`` is set when it came from a setting; ``value`` None is a setting that no one has set."""

    value: Decimal | str | date | bool | None
    of: Kind
    name: str = ""

    @property
    def kind(self) -> Kind:
        return self.of


@dataclass(frozen=True, slots=True)
class Ref(Expr):
    """A named value: a fact, derived fact, definition or column. ``side`` is '', 'prev' or 'left' (row expressions)."""

    name: str
    of: Kind
    side: str = ""

    @property
    def kind(self) -> Kind:
        return self.of


@dataclass(frozen=True, slots=True)
class AsOf(Expr):
    """The day of the snapshot."""

    @property
    def kind(self) -> Kind:
        return "date"


@dataclass(frozen=True, slots=True)
class Not(Expr):
    """Kleene negation."""

    part: Expr


@dataclass(frozen=True, slots=True)
class And(Expr):
    """Kleene conjunction: false as soon as a part is false, else unknown as soon as one is unknown."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or(Expr):
    """Kleene disjunction."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class AtLeast(Expr):
    """True when ``n`` parts are true; false when even the unknown ones could not make ``n``."""

    n: int
    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Compare(Expr):
    """``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=`` between values of comparable kinds."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class In(Expr):
    """Membership in a list of literals."""

    part: Expr
    values: tuple[Decimal | str, ...]
    set_name: str = ""


@dataclass(frozen=True, slots=True)
class IsNull(Expr):
    """Whether a column has no value. Row expressions only: it turns unknown into false or true."""

    part: Expr


@dataclass(frozen=True, slots=True)
class StateIs(Expr):
    """Whether a fact is in a state. Task and alert rules only."""

    fact: str
    state: State


@dataclass(frozen=True, slots=True)
class Arith(Expr):
    """``+``, ``-``, ``*`` on numbers; date + days, date - days (a date); date - date (days)."""

    op: str
    left: Expr
    right: Expr
    of: Kind

    @property
    def kind(self) -> Kind:
        return self.of


@dataclass(frozen=True, slots=True)
class Quotient(Expr):
    """A ratio kept as its two parts; unknown unless the denominator is certainly positive."""

    over: Expr
    under: Expr

    @property
    def kind(self) -> Kind:
        return "ratio"


@dataclass(frozen=True, slots=True)
class Years(Expr):
    """Completed years between two dates."""

    start: Expr
    end: Expr

    @property
    def kind(self) -> Kind:
        return "exact"


@dataclass(frozen=True, slots=True)
class Choose(Expr):
    """``coalesce`` (first known), ``least`` or ``greatest`` of the known parts. Row expressions of views only."""

    how: Literal["coalesce", "least", "greatest"]
    parts: tuple[Expr, ...]

    @property
    def kind(self) -> Kind:
        return self.parts[0].kind


def parts_of(node: Expr) -> Iterator[Expr]:
    """The direct children of a node, in order."""
    for f in fields(node):
        value = getattr(node, f.name)
        if isinstance(value, Expr):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Expr))


def walk(node: Expr) -> Iterator[Expr]:
    """A node and everything below it, depth first."""
    yield node
    for part in parts_of(node):
        yield from walk(part)


def names(node: Expr) -> tuple[str, ...]:
    """Names that an expression reads, each once, in order of first use."""
    found: dict[str, None] = {}
    for item in walk(node):
        if isinstance(item, Ref):
            found[item.name] = None
        elif isinstance(item, StateIs):
            found[item.fact] = None
    return tuple(found)


Pick = Literal["latest", "first", "highest", "lowest", "count", "sum", "any"]
PICKS: tuple[str, ...] = ("latest", "first", "highest", "lowest", "count", "sum", "any")


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a view. ``args`` are parsed: expressions, names, numbers; see ``docs/architecture.md``."""

    op: str
    args: Mapping[str, object]
    columns: Mapping[str, Kind]  # after this step


@dataclass(frozen=True, slots=True)
class View:
    """Rows computed from event tables. ``because`` says why rows may be dropped or unknowns chosen away."""

    name: str
    is_: str
    because: str
    steps: tuple[Step, ...]
    file: str = ""

    @property
    def columns(self) -> Mapping[str, Kind]:
        """Columns after the last step."""
        return self.steps[-1].columns


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Rows of some table that change a fact's state when it has none of its own. ``why`` is shown for *unusable*."""

    table: str
    where: Expr | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One value per snapshot, drawn from the rows of one table."""

    name: str
    is_: str
    ask: str
    unit: str
    of: Kind
    table: str
    where: Expr | None
    pick: Pick
    take: str  # '' for count and any
    by: str  # for highest and lowest
    fresh: int | None = None
    absent: tuple[Elsewhere, ...] = ()
    unusable: tuple[Elsewhere, ...] = ()
    conflict: Literal["", "same_time", "ever"] = ""
    group: str = ""  # the completeness list that covers it
    file: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A named constant a site may change. ``value`` None: not set, so unknown."""

    name: str
    is_: str
    value: Decimal | str | bool | None
    unit: str
    sources: tuple[str, ...]
    verification: str
    note: str = ""
    file: str = ""
    of: Kind = "exact"  # what a value that nobody has set would be


@dataclass(frozen=True, slots=True)
class Derived:
    """A value computed from facts."""

    name: str
    is_: str
    unit: str
    value: Expr
    file: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A named clinical state."""

    name: str
    is_: str
    when: Expr
    sources: tuple[str, ...]
    verification: str
    statement: str = ""
    note: str = ""
    file: str = ""


KINDS_OF_RULE: tuple[str, ...] = (
    "finding",
    "cause",
    "advice",
    "task",
    "alert",
    "abstention",
    "status",
    "subject",
    "summary",
    "reason",
)
EFFECTS: tuple[str, ...] = ("contraindicated", "avoid", "prefer", "for", "against", "caution")
"""What a reason does to the options it speaks of."""
STATE_TESTS_ALLOWED = frozenset({"task", "alert"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Something said to a clinician when it applies. ``schedule`` holds dated tasks; ``slot`` and ``order`` place
    summary and status rules (within a slot the lowest order that applies speaks). A ``reason`` names the ``options``
    (treatments) it speaks of and its ``effect`` on them; the ``order`` of a preference ranks it among others."""

    name: str
    kind: str
    statement: str
    topic: str
    when: Expr
    unless: Expr | None
    headline: str
    text: str
    because: str
    strength: str
    certainty: str
    severity: str
    evidence: str
    sources: tuple[str, ...]
    verification: str
    note: str = ""
    overrides: tuple[str, ...] = ()
    schedule: tuple[Mapping[str, object], ...] = ()
    slot: str = ""
    order: int = 0
    tone: str = ""
    if_unknown: str = ""  # wording (of an item: its headline) while the rule is unknown
    options: tuple[str, ...] = ()
    effect: str = ""
    file: str = ""


EDGES: tuple[tuple[str, str], ...] = (("lower", ">="), ("above", ">"), ("upper", "<"), ("to", "<="))
"""Edges that a band may have, and how a value in the band compares with them."""


@dataclass(frozen=True, slots=True)
class BandTable:
    """A knowledge table: rows looked up by exact keys and, where ``banded``, by the band that holds a value.

    A band has at most one edge below (``lower``, inside, or ``above``, outside) and one on top (``upper``, outside, or
    ``to``, inside). An unknown value lies in no band but one without edges, which holds anything.
    """

    name: str
    is_: str
    keys: tuple[str, ...]
    banded: bool
    columns: Mapping[str, Kind]
    rows: tuple[Mapping[str, Decimal | str | None], ...]
    used_by: str = ""  # what else reads it than the views: the package's name
    sources: tuple[str, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """All knowledge, parsed: the only thing engines need. Mappings are in dependency order."""

    version: str
    hash: str
    settings: Mapping[str, Setting]
    sources: Mapping[str, Mapping[str, str]]
    tables: Mapping[str, BandTable]
    sets: Mapping[str, tuple[str, ...]]
    views: Mapping[str, View]
    facts: Mapping[str, Fact]
    derived: Mapping[str, Derived]
    definitions: Mapping[str, Definition]
    rules: Mapping[str, Rule]
    order: tuple[str, ...]  # derived facts and definitions, each after what it needs
    labels: Mapping[str, str] = field(default_factory=dict)
    drug_groups: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # concept -> the closed words it can take
    antivirals: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # a drug's file, as it is written
    resistance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the same of knowledge/resistance/
    databases: tuple[Mapping[str, Any], ...] = ()  # measurements that overlays add: what they say of them, and where
    overlays: tuple[str, ...] = ()
    accepted_risks: tuple[str, ...] = ()

    def kind_of(self, name: str) -> Kind:
        """The kind of a fact, derived fact or definition. Raises KeyError when there is none of that name."""
        if name in self.facts:
            return self.facts[name].of
        if name in self.derived:
            return self.derived[name].value.kind
        self.definitions[name]
        return "bool"

    def expressions(self) -> Iterator[tuple[str, Expr]]:
        """Every named expression of the clinical layer: derived facts, definitions, rules."""
        for name, derived in self.derived.items():
            yield name, derived.value
        for name, definition in self.definitions.items():
            yield name, definition.when
        for name, rule in self.rules.items():
            yield name, rule.when
            if rule.unless is not None:
                yield name, rule.unless
