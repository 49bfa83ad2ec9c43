"""From typed expressions to SQL that means the same: SQL's NULL is Kleene's unknown.

A value is one column (text, date, truth, exact number), four (a measured number: its bounds and whether each is
open) or the columns of its two parts (a ratio). A measured number is unknown when its lower bound is NULL, and then
its upper bound is NULL as well; NULL above a known lower bound means that there is no upper limit. The scale of
every exact number is followed from the literals and columns up, and numbers are brought to one scale before they
meet, so nothing is rounded: a product that would not fit 38 digits is an error, never a near miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import overload

from ...model import (
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
from .dialect import TYPES, Dialect

_FLIP = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One SQL value; an exact number has at most ``scale`` decimals, and ``number`` when it is a literal."""

    sql: str
    kind: Kind
    scale: int = 0
    number: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A pair of bounds."""

    low: str
    low_open: str
    high: str
    high_open: str
    scale: int

    @classmethod
    def of(cls, columns: Iterable[str], scale: int) -> Measured:
        """From its four columns, in order."""
        low, low_open, high, high_open = columns
        return cls(low, low_open, high, high_open, scale)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A numerator and a denominator."""

    over: Scalar | Measured
    under: Scalar | Measured


Number = Scalar | Measured
Value = Scalar | Measured | Ratio


@dataclass(frozen=True, slots=True)
class Env:
    """What names mean in SQL, as ``evaluate.Env`` says it in Python."""

    dialect: Dialect
    row: Mapping[str, Value]
    as_of: str
    side: Mapping[str, Value] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)


# -- values and the columns that hold them ---------------------------------------------------------------------------
def quoted(name: str) -> str:
    """A column or table name, safe from reserved words."""
    return f'"{name}"'


def typed(name: str, value: Value) -> list[tuple[str, str, Kind]]:
    """The columns that hold ``value`` under ``name``: column, SQL and kind of each."""
    match value:
        case Scalar():
            return [(name, value.sql, value.kind)]
        case Measured():
            return [
                (f"{name}__low", value.low, "exact"),
                (f"{name}__low_open", value.low_open, "bool"),
                (f"{name}__high", value.high, "exact"),
                (f"{name}__high_open", value.high_open, "bool"),
            ]
        case _:
            return [*typed(f"{name}__over", value.over), *typed(f"{name}__under", value.under)]


def flat(name: str, value: Value) -> list[tuple[str, str]]:
    """The columns that hold ``value`` under ``name``: pairs of column and SQL."""
    return [(column, sql) for column, sql, _ in typed(name, value)]


def stored(name: str, shape: Value, alias: str) -> Value:
    """The value that stands in the columns ``name`` of ``alias``."""
    if isinstance(shape, Ratio):
        return Ratio(_number_in(f"{name}__over", shape.over, alias), _number_in(f"{name}__under", shape.under, alias))
    return _number_in(name, shape, alias)


def _number_in(name: str, shape: Number, alias: str) -> Number:
    columns = [f"{alias}.{quoted(column)}" for column, _ in flat(name, shape)]
    if isinstance(shape, Scalar):
        return Scalar(columns[0], shape.kind, shape.scale)
    return Measured.of(columns, shape.scale)


def listed(values: Mapping[str, Value]) -> str:
    """A select list that makes these values under these names."""
    columns = [pair for name, value in values.items() for pair in flat(name, value)]
    return ",\n  ".join(f"{sql} AS {quoted(column)}" for column, sql in columns)


def known(value: Value) -> str:
    """SQL that is true when the value is known."""
    match value:
        case Scalar():
            return f"{value.sql} IS NOT NULL"
        case Measured():
            return f"{value.low} IS NOT NULL"
        case _:
            return f"({known(value.over)} AND {known(value.under)})"


def only_if(condition: str, value: Value) -> Value:
    """The value where ``condition`` is true, else unknown."""
    return each_column(value, lambda sql: f"CASE WHEN {condition} THEN {sql} END")


def each_column(value: Value, change: Callable[[str], str]) -> Value:
    """The value with the SQL of every column changed."""
    return each_typed(value, lambda sql, _: change(sql))


def each_typed(value: Value, change: Callable[[str, Kind], str]) -> Value:
    """The value with the SQL of every column changed in a way that depends on its kind."""
    if isinstance(value, Ratio):
        return Ratio(_each_number(value.over, change), _each_number(value.under, change))
    return _each_number(value, change)


def _each_number(value: Number, change: Callable[[str, Kind], str]) -> Number:
    if isinstance(value, Scalar):
        return replace(value, sql=change(value.sql, value.kind), number=None)
    return Measured.of((change(sql, kind) for _, sql, kind in typed("", value)), value.scale)


# -- literals and scales ---------------------------------------------------------------------------------------------
def literal(value: Decimal | str | date | bool | None, kind: Kind) -> Scalar:
    """A constant of the language."""
    match value:
        case None:
            return Scalar(f"CAST(NULL AS {TYPES[kind]})", kind)
        case bool():
            return Scalar("TRUE" if value else "FALSE", "bool")
        case Decimal():
            exponent = value.as_tuple().exponent
            scale = max(0, -exponent) if isinstance(exponent, int) else 0
            return Scalar(_digits(value, scale), "exact", scale, value)
        case date():
            return Scalar(f"DATE '{value.isoformat()}'", "date")
        case _:
            return Scalar("'" + value.replace("'", "''") + "'", "text")


def _digits(value: Decimal, scale: int) -> str:
    text = f"{value:.{scale}f}"
    return f"({text})" if value < 0 else text


@overload
def scaled(value: Scalar, scale: int) -> Scalar: ...
@overload
def scaled(value: Measured, scale: int) -> Measured: ...
def scaled(value: Number, scale: int) -> Number:
    """The same number with ``scale`` decimals, so that it can meet others of that scale without rounding.

    ``scale`` is never less than what the number has: nothing is ever cut off. The digits of a literal are written out,
    anything else is cast.
    """
    if value.scale == scale:
        return value
    if isinstance(value, Measured):
        low, high = (f"CAST({sql} AS DECIMAL(38,{scale}))" for sql in (value.low, value.high))
        return Measured(low, value.low_open, high, value.high_open, scale)
    if value.number is not None:
        return replace(value, sql=_digits(value.number, scale), scale=scale)
    return replace(value, sql=f"CAST({value.sql} AS DECIMAL(38,{scale}))", scale=scale)


def zero(scale: int) -> str:
    """Nothing, with as many decimals as what it is compared with: a common type must not cut any off."""
    return _digits(Decimal(0), scale)


def _same_scale(a: Number, b: Number) -> tuple[Number, Number]:
    scale = max(a.scale, b.scale)
    return scaled(a, scale), scaled(b, scale)


def _wide(sql: str, scale: int) -> str:
    """Room for a result: sums and products are made in the widest decimal, which refuses to overflow."""
    return f"CAST({sql} AS DECIMAL(38,{scale}))"


# -- expressions -----------------------------------------------------------------------------------------------------
def value_of(node: Expr, env: Env) -> Value:
    """The SQL of an expression."""
    match node:
        case Constant():
            return literal(node.value, node.of)
        case Ref():
            return (env.side if node.side else env.row)[node.name]
        case AsOf():
            return Scalar(env.as_of, "date")
        case Arith():
            return _arith(node.op, value_of(node.left, env), value_of(node.right, env), env.dialect)
        case Quotient():
            return Ratio(_number(node.over, env), _number(node.under, env))
        case Years():
            return _years(_scalar(node.start, env).sql, _scalar(node.end, env).sql)
        case Choose():
            return _choose(node.how, [value_of(part, env) for part in node.parts], env.dialect)
        case _:
            return Scalar(truth(node, env), "bool")


def truth(node: Expr, env: Env) -> str:
    """The SQL of a condition."""
    match node:
        case Not():
            return f"(NOT {truth(node.part, env)})"
        case And():
            return "(" + " AND ".join(truth(part, env) for part in node.parts) + ")"
        case Or():
            return "(" + " OR ".join(truth(part, env) for part in node.parts) + ")"
        case AtLeast():
            return _at_least(node.n, [truth(part, env) for part in node.parts])
        case Compare():
            return compare(node.op, value_of(node.left, env), value_of(node.right, env))
        case In():
            return _in(node, env)
        case IsNull():
            return f"(NOT {known(value_of(node.part, env))})"
        case StateIs():
            return f"({env.states[node.fact]} = '{node.state}')"
        case _:
            return _scalar(node, env).sql


def _scalar(node: Expr, env: Env) -> Scalar:
    value = value_of(node, env)
    assert isinstance(value, Scalar)
    return value


def _number(node: Expr, env: Env) -> Number:
    value = value_of(node, env)
    assert not isinstance(value, Ratio)
    return value


def _at_least(n: int, parts: list[str]) -> str:
    true = " + ".join(f"CASE WHEN {part} THEN 1 ELSE 0 END" for part in parts)
    possible = " + ".join(f"CASE WHEN {part} THEN 1 WHEN NOT {part} THEN 0 ELSE 1 END" for part in parts)
    return f"(CASE WHEN {true} >= {n} THEN TRUE WHEN {possible} < {n} THEN FALSE END)"


def _in(node: In, env: Env) -> str:
    part = _scalar(node.part, env)
    if not node.values:
        return f"(CASE WHEN {part.sql} IS NOT NULL THEN FALSE END)"
    members = [literal(member, part.kind) for member in node.values]
    scale = max(part.scale, *(m.scale for m in members))
    sqls = [scaled(m, scale) for m in (part, *members)]
    return f"({_sql(sqls[0])} IN ({', '.join(_sql(m) for m in sqls[1:])}))"


def _sql(value: Number) -> str:
    assert isinstance(value, Scalar)
    return value.sql


def _arith(op: str, a: Value, b: Value, dialect: Dialect) -> Value:
    assert not isinstance(a, Ratio) and not isinstance(b, Ratio)
    if isinstance(a, Scalar) and a.kind == "date":
        assert isinstance(b, Scalar)
        if b.kind == "date":
            return Scalar(dialect.days_between(b.sql, a.sql), "exact")
        return Scalar(dialect.add_days(a.sql, op, _whole(b, dialect)), "date")
    if op == "*":
        return _product(a, b)
    a, b = _same_scale(a, b)
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return Scalar(f"({_wide(a.sql, a.scale)} {op} {b.sql})", "exact", a.scale)
    x, y = _bounds(a), _bounds(b)
    low, high = (f"({_wide(p, a.scale)} {op} {q})" for p, q in ((x.low, y.low), (x.high, y.high)))
    return Measured(low, _or(x.low_open, y.low_open), high, _or(x.high_open, y.high_open), a.scale)


def _or(a: str, b: str) -> str:
    return b if a == "FALSE" else a if b == "FALSE" else f"({a} OR {b})"


def _product(a: Number, b: Number) -> Number:
    scale = a.scale + b.scale
    if isinstance(b, Measured):
        a, b = b, a
    assert isinstance(b, Scalar)
    if isinstance(a, Scalar):
        return Scalar(f"({_wide(a.sql, a.scale)} * {b.sql})", "exact", scale)
    low, high = (f"({_wide(sql, a.scale)} * {b.sql})" for sql in (a.low, a.high))
    if b.number is None or b.number < 0:
        low, high = (f"CASE WHEN {b.sql} >= {zero(b.scale)} THEN {sql} END" for sql in (low, high))
    return Measured(low, a.low_open, high, a.high_open, scale)


def _bounds(value: Number) -> Measured:
    if isinstance(value, Measured):
        return value
    return Measured(value.sql, "FALSE", value.sql, "FALSE", value.scale)


def compare(op: str, a: Value, b: Value) -> str:
    """``a op b``: NULL when either side is unknown, or when the bounds leave it open."""
    if isinstance(b, Ratio):
        return compare(_FLIP[op], b, a)
    if isinstance(a, Ratio):
        under = _bounds(a.under)
        positive = f"{under.low} > {zero(under.scale)}"
        if under.low_open != "FALSE":
            positive = f"({positive} OR ({under.low} = {zero(under.scale)} AND {under.low_open}))"
        return f"(CASE WHEN {positive} THEN {compare(op, a.over, _product(a.under, b))} END)"
    a, b = _same_scale(a, b)
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return f"({a.sql} {op} {b.sql})"
    x, y = _bounds(a), _bounds(b)
    match op:
        case "<":
            return _below(x, y)
        case ">":
            return _below(y, x)
        case ">=":
            return f"(NOT {_below(x, y)})"
        case "<=":
            return f"(NOT {_below(y, x)})"
        case "=":
            return _equal(x, y)
        case _:
            return f"(NOT {_equal(x, y)})"


def _ends_before(a: Measured, b: Measured) -> str:
    touching = _or(a.high_open, b.low_open)
    apart = f"{a.high} < {b.low}"
    return apart if touching == "FALSE" else f"{apart} OR ({a.high} = {b.low} AND {touching})"


def _below(a: Measured, b: Measured) -> str:
    return f"(CASE WHEN {_ends_before(a, b)} THEN TRUE WHEN {a.low} >= {b.high} THEN FALSE END)"


def _equal(a: Measured, b: Measured) -> str:
    points = f"{a.low} = {a.high} AND {b.low} = {b.high}"
    return (
        f"(CASE WHEN {points} THEN {a.low} = {b.low} WHEN {_ends_before(a, b)} OR {_ends_before(b, a)} THEN FALSE END)"
    )


def _choose(how: str, parts: list[Value], dialect: Dialect) -> Value:
    if how == "coalesce" and not all(isinstance(part, Scalar) for part in parts):
        return _first_known(parts)
    numbers = [part for part in parts if isinstance(part, Scalar)]
    scale = max(part.scale for part in numbers)
    sqls = [_sql(scaled(part, scale)) if part.kind == "exact" else part.sql for part in numbers]
    chosen = f"COALESCE({', '.join(sqls)})" if how == "coalesce" else dialect.extreme(how.upper(), sqls)
    return Scalar(chosen, numbers[0].kind, scale)


def _first_known(parts: list[Value]) -> Value:
    """``coalesce`` of numbers that stand in several columns: all of them come from the same part."""
    if isinstance(parts[0], Ratio):
        ratios = [part for part in parts if isinstance(part, Ratio)]
        conditions = [known(part) for part in ratios]
        over = _from_first(conditions, [part.over for part in ratios])
        return Ratio(over, _from_first(conditions, [part.under for part in ratios]))
    numbers = [part for part in parts if not isinstance(part, Ratio)]
    return _from_first([known(part) for part in numbers], numbers)


def _from_first(conditions: list[str], parts: list[Number]) -> Number:
    scale = max(part.scale for part in parts)
    if all(isinstance(part, Scalar) for part in parts):
        columns = [[sql for _, sql in flat("", scaled(part, scale))] for part in parts]
        return Scalar(_case(conditions, [c[0] for c in columns]), "exact", scale)
    rows = [[sql for _, sql in flat("", _bounds(scaled(part, scale)))] for part in parts]
    return Measured.of((_case(conditions, list(column)) for column in zip(*rows, strict=True)), scale)


def _case(conditions: list[str], results: list[str]) -> str:
    return "CASE " + " ".join(f"WHEN {c} THEN {r}" for c, r in zip(conditions, results, strict=True)) + " END"


def _whole(number: Scalar, dialect: Dialect) -> str:
    return dialect.whole(number.sql) if number.number is None else str(int(number.number))


def _years(start: str, end: str) -> Scalar:
    def month_and_day(sql: str) -> str:
        return f"(EXTRACT(MONTH FROM {sql}) * 100 + EXTRACT(DAY FROM {sql}))"

    years = f"EXTRACT(YEAR FROM {end}) - EXTRACT(YEAR FROM {start})"
    return Scalar(f"({years} - CASE WHEN {month_and_day(end)} < {month_and_day(start)} THEN 1 ELSE 0 END)", "exact")
