"""From text to typed expression: an allow-list, nothing else parses.

The grammar is small enough to read in one sitting (``docs/architecture.md`` lists it). Two scopes exist: *row*
expressions
(inside views and facts' ``where``) may test for null and choose among values; *clinical* expressions (derived facts,
definitions, rules) may not, because those swallow unknowns. State tests are for task and alert rules alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import cast

from .model import (
    STATES,
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
    Kind,
    Not,
    Or,
    Quotient,
    Ref,
    StateIs,
    Years,
)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)"
    r"|(?P<op><>|<=|>=|[=<>+\-*/(),]))"
)
_WORDS = frozenset(("and", "or", "not", "in", "is", "null", "between", "true", "false", "date", "set", "as_of"))
_FLIP = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
NUMBERS = frozenset({"exact", "measured", "ratio"})


class GrammarError(ValueError):
    """An expression that the language does not allow: ``text``, position ``at`` (0-based) and what was expected."""

    def __init__(self, text: str, at: int, message: str) -> None:
        super().__init__(f"{message} (at character {at + 1} of: {' '.join(text.split())})")
        self.at = at


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may name and do.

    ``lookup(name)`` gives a node for a bare or dotted name, or None; ``row`` allows null tests and choices;
    ``states`` allows state tests on facts; ``sets`` are the named sets.
    """

    lookup: Callable[[str], Expr | None]
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    row: bool = False
    states: bool = False
    known: Callable[[], Iterable[str]] = tuple


def mentioned(text: str) -> set[str]:
    """Names that stand in an expression (for ordering before anything can be parsed).

    Malformed text gives what it has.
    """
    found = set()
    for match in _TOKEN.finditer(re.sub(r"'(?:[^']|'')*'", "''", text)):
        name = match.group("name")
        if name and name.lower() not in _WORDS:
            found.add(name.split(".")[-1] if "." in name else name)
    return found


def parse(text: str, scope: Scope, expect: Kind | None = None) -> Expr:
    """Parse one expression. Raises :class:`GrammarError` with the place and the remedy."""
    node = _Parser(text, scope).whole()
    if expect is not None and node.kind != expect:
        raise GrammarError(text, 0, f"expected a {expect} expression, found {node.kind}")
    return node


class _Parser:
    def __init__(self, text: str, scope: Scope) -> None:
        self.text, self.scope = text, scope
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        end = len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise GrammarError(text, at, f"cannot read {text[at : at + 10].strip()!r}")
            kind = match.lastgroup or ""
            value = match.group(kind)
            if kind == "name" and value.lower() in _WORDS:
                kind, value = "word", value.lower()
            self.tokens.append((kind, value, match.start(match.lastgroup or 0)))
            at = match.end()
        self.tokens.append(("end", "", len(text)))
        self.i = 0

    # -- token helpers -------------------------------------------------------------------------------------------------
    @property
    def at(self) -> int:
        return self.tokens[self.i][2]

    def peek(self, *values: str) -> bool:
        kind, value, _ = self.tokens[self.i]
        return kind in ("op", "word") and value in values

    def take(self, *values: str) -> bool:
        if self.peek(*values):
            self.i += 1
            return True
        return False

    def need(self, value: str) -> None:
        if not self.take(value):
            raise self.error(f"expected {value!r}, found {self.tokens[self.i][1] or 'the end'!r}")

    def error(self, message: str, at: int | None = None) -> GrammarError:
        return GrammarError(self.text, self.at if at is None else at, message)

    # -- grammar -------------------------------------------------------------------------------------------------------
    def whole(self) -> Expr:
        node = self.disjunction()
        if self.tokens[self.i][0] != "end":
            raise self.error(f"did not expect {self.tokens[self.i][1]!r} here")
        return node

    def disjunction(self) -> Expr:
        at = self.at
        parts = [self.conjunction()]
        while self.take("or"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Or(self.truths(parts, at))

    def conjunction(self) -> Expr:
        at = self.at
        parts = [self.negation()]
        while self.take("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else And(self.truths(parts, at))

    def negation(self) -> Expr:
        at = self.at
        if self.take("not"):
            return Not(self.truths([self.negation()], at)[0])
        return self.comparison()

    def truths(self, parts: list[Expr], at: int) -> tuple[Expr, ...]:
        for part in parts:
            if part.kind != "bool":
                raise self.error(f"expected a condition, found a {part.kind} value", at)
        return tuple(parts)

    def comparison(self) -> Expr:
        at = self.at
        start = self.i
        left = self.addition()
        for op in ("<>", "<=", ">=", "=", "<", ">"):
            if self.take(op):
                return self.compare(op, left, self.addition(), at)
        if self.take("between"):
            low = self.addition()
            self.need("and")
            return And((self.compare(">=", left, low, at), self.compare("<=", left, self.addition(), at)))
        negated = self.peek("not") and self.tokens[self.i + 1][1] == "in" and self.take("not")
        if self.take("in"):
            node: Expr = self.membership(left, at)
            return Not(node) if negated else node
        if self.take("is"):
            return self.is_test(left, start, at)
        return left

    def is_test(self, left: Expr, start: int, at: int) -> Expr:
        negated = self.take("not")
        if self.take("null"):
            if not self.scope.row:
                raise self.error("'is null' swallows unknowns: only row expressions may use it", at)
            node: Expr = IsNull(left)
        else:
            kind, state, _ = self.tokens[self.i]
            if kind != "name" or state not in STATES:
                raise self.error(f"expected null or a state ({', '.join(STATES)})")
            if not self.scope.states or self.i - start not in (2, 3) or not isinstance(left, Ref):
                raise self.error("tests of state belong to task and alert rules, on one fact", at)
            self.i += 1
            node = StateIs(left.name, state)
        return Not(node) if negated else node

    def membership(self, left: Expr, at: int) -> In:
        if left.kind not in ("text", "exact"):
            raise self.error(f"'in' compares words or exact numbers, not {left.kind}", at)
        if self.take("set"):
            if left.kind != "text":
                raise self.error(f"a set holds words, not {left.kind} values", at)
            self.need("(")
            kind, name, where = self.tokens[self.i]
            if kind != "name" or name not in self.scope.sets:
                raise self.error(f"no set named {name!r}; there are: {', '.join(sorted(self.scope.sets))}", where)
            self.i += 1
            self.need(")")
            return In(left, tuple(self.scope.sets[name]), name)
        self.need("(")
        values: list[Decimal | str] = []
        while True:
            item = self.addition()
            if not isinstance(item, Constant) or item.kind != left.kind or item.value is None:
                raise self.error(f"'in' takes a list of {left.kind} literals", at)
            values.append(cast("Decimal | str", item.value))
            if not self.take(","):
                break
        self.need(")")
        return In(left, tuple(values))

    def compare(self, op: str, left: Expr, right: Expr, at: int) -> Expr:
        kinds = {left.kind, right.kind}
        if kinds <= NUMBERS:
            return self.cross(op, left, right, at)
        if len(kinds) != 1 or (op not in ("=", "<>") and kinds & {"bool", "text"}):
            raise self.error(f"cannot compare {left.kind} {op} {right.kind}", at)
        return Compare(op, left, right)

    def cross(self, op: str, left: Expr, right: Expr, at: int) -> Expr:
        """Check that cross-multiplying is possible; the tree keeps the ratio so that people can read it."""
        for ratio, other in ((left, right), (right, left)):
            if ratio.kind == "ratio" and other.kind != "exact":
                raise self.error("a quotient is compared with an exact number", at)
        return Compare(op, left, right)

    def addition(self) -> Expr:
        at = self.at
        node = self.multiplication()
        while self.peek("+", "-"):
            op = self.tokens[self.i][1]
            self.i += 1
            node = self.sum(op, node, self.multiplication(), at)
        return node

    def sum(self, op: str, left: Expr, right: Expr, at: int) -> Expr:
        table: dict[tuple[str, str, str], Kind] = {
            ("exact", "+", "exact"): "exact",
            ("exact", "-", "exact"): "exact",
            ("measured", "+", "measured"): "measured",
            ("measured", "+", "exact"): "measured",
            ("exact", "+", "measured"): "measured",
            ("measured", "-", "exact"): "measured",
            ("date", "+", "exact"): "date",
            ("date", "-", "exact"): "date",
            ("date", "-", "date"): "exact",
        }
        kind = table.get((left.kind, op, right.kind))
        if kind is None:
            raise self.error(f"no {left.kind} {op} {right.kind}", at)
        return Arith(op, left, right, kind)

    def multiplication(self) -> Expr:
        at = self.at
        node = self.atom()
        while self.peek("*", "/"):
            op = self.tokens[self.i][1]
            self.i += 1
            right = self.atom()
            node = self.product(node, right, at) if op == "*" else self.quotient(node, right, at)
        return node

    def product(self, left: Expr, right: Expr, at: int) -> Expr:
        if isinstance(left, Quotient):
            return Quotient(self.product(left.over, right, at), left.under)
        if isinstance(right, Quotient):
            return Quotient(self.product(left, right.over, at), right.under)
        kinds = (left.kind, right.kind)
        if kinds == ("exact", "exact"):
            return Arith("*", left, right, "exact")
        if kinds in (("measured", "exact"), ("exact", "measured")):
            return Arith("*", left, right, "measured")
        raise self.error(f"no {left.kind} * {right.kind}", at)

    def quotient(self, left: Expr, right: Expr, at: int) -> Expr:
        if isinstance(left, Quotient):
            return Quotient(left.over, self.product(left.under, right, at))
        if left.kind in ("exact", "measured") and right.kind in ("exact", "measured"):
            return Quotient(left, right)
        raise self.error(f"no {left.kind} / {right.kind}", at)

    def atom(self) -> Expr:
        kind, value, at = self.tokens[self.i]
        if self.take("("):
            node = self.disjunction()
            self.need(")")
            return node
        if self.take("-"):
            item = self.atom()
            if not isinstance(item, Constant) or not isinstance(item.value, Decimal):
                raise self.error("a minus sign stands before a number only", at)
            return Constant(-item.value, "exact")
        if kind == "end":
            raise self.error("something is missing at the end")
        self.i += 1
        if kind == "number":
            return Constant(Decimal(value), "exact")
        if kind == "text":
            return Constant(value[1:-1].replace("''", "'"), "text")
        if kind == "word" and value in ("true", "false"):
            return Constant(value == "true", "bool")
        if kind == "word" and value == "as_of":
            return AsOf()
        if kind == "word" and value == "date":
            return self.date_literal(at)
        if kind == "name":
            return self.call(value, at) if self.peek("(") else self.name(value, at)
        raise self.error(f"did not expect {value!r} here", at)

    def date_literal(self, at: int) -> Expr:
        value = self.tokens[self.i][1]
        self.i += 1
        try:
            return Constant(date.fromisoformat(value.strip("'")), "date")
        except ValueError:
            raise self.error("expected date 'YYYY-MM-DD'", at) from None

    def name(self, name: str, at: int) -> Expr:
        node = self.scope.lookup(name)
        if node is None:
            near = _near(name, self.scope.known())
            raise self.error(
                f"no fact, definition, setting or column named {name!r}"
                + (f"; did you mean {near!r}?" if near else ""),
                at,
            )
        return node

    def call(self, name: str, at: int) -> Expr:
        self.need("(")
        parts = [self.disjunction()]
        while self.take(","):
            parts.append(self.disjunction())
        self.need(")")
        if name == "at_least":
            count = parts[0].value if isinstance(parts[0], Constant) else None
            if not isinstance(count, Decimal) or count % 1 or len(parts) < 2:
                raise self.error("at_least(n, condition, ...) starts with a whole number", at)
            return AtLeast(int(count), self.truths(parts[1:], at))
        if name == "years":
            if len(parts) != 2 or {p.kind for p in parts} != {"date"}:
                raise self.error("years(from, to) takes two dates", at)
            return Years(parts[0], parts[1])
        if name in ("coalesce", "least", "greatest"):
            if not self.scope.row:
                raise self.error(f"{name} swallows unknowns: only row expressions of views may use it", at)
            if len({p.kind for p in parts}) != 1 or (name != "coalesce" and parts[0].kind not in ("exact", "date")):
                raise self.error(f"{name} takes values of one kind (least, greatest: exact numbers or dates)", at)
            return Choose(name, tuple(parts))  # type: ignore[arg-type]
        raise self.error(f"no function named {name!r}; there are at_least, years, coalesce, least, greatest", at)


def _near(name: str, candidates: Iterable[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, list(candidates), n=1)
    return found[0] if found else ""
