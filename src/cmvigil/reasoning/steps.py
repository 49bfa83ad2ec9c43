"""The operators of views: what each needs, which columns it makes. Engines implement them; this module only checks.

Every step takes rows of one patient at one snapshot and gives rows. ``KEYS`` columns (``day``, ``time``, ``event``)
carry the
total order in which "latest" is meant; ``group`` makes ``day`` and ``event`` itself unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from .grammar import Scope, parse
from .model import BandTable, Expr, Kind, Pick, Step

AGGREGATES = frozenset({"count", "sum", "highest", "lowest", "first", "latest", "any", "all"})
_ORDERED = ("exact", "date", "text")
_AGGREGATED = {"sum": ("exact",), "highest": _ORDERED, "lowest": _ORDERED}
PAIR_PICKS = frozenset({"latest", "first", "highest", "lowest", "count", "any"})


@dataclass(frozen=True, slots=True)
class Context:
    """What a view may refer to: columns of tables and earlier views, scopes for row expressions, knowledge tables."""

    columns_of: Callable[[str], Mapping[str, Kind]]
    scope: Callable[..., Scope]
    tables: Mapping[str, BandTable]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One column of ``running`` or ``group``: ``how`` names what is made of ``expr``, which is None to count rows."""

    how: str
    expr: Expr | None


def build(raw_steps: list[Mapping[str, Any]], context: Context) -> tuple[Step, ...]:
    """Parse the steps of one view. Raises ValueError (GrammarError among them) at the first step that is wrong."""
    made: list[Step] = []
    cols: Mapping[str, Kind] = {}
    for number, raw in enumerate(raw_steps):
        if len(raw) != 1:
            raise ValueError(f"step {number + 1}: expected one operator, found {', '.join(raw)}")
        ((op, args),) = raw.items()
        if op not in _BUILD or (op == "from") != (number == 0):
            raise ValueError(
                f"step {number + 1}: no operator {op!r} here; the first is `from`, then any of {', '.join(_BUILD)}"
            )
        step = _BUILD[op](args, dict(cols), context)
        made.append(step)
        cols = step.columns
    return tuple(made)


def _check(args: Mapping[str, Any], op: str, needed: set[str], may: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    wrong = args.keys() - needed - may
    lacking = needed - args.keys()
    if wrong or lacking:
        raise ValueError(
            f"{op}: "
            + "; ".join([f"lacks {k}" for k in sorted(lacking)] + [f"has no argument {k}" for k in sorted(wrong)])
        )


def _per(args: Mapping[str, Any], cols: Mapping[str, Kind]) -> tuple[str, ...]:
    per = tuple(args.get("per", ()))
    for column in per:
        _column(column, cols)
    return per


def _column(name: str, cols: Mapping[str, Kind]) -> Kind:
    if name not in cols:
        raise ValueError(f"no column {name!r}; there are {', '.join(cols)}")
    return cols[name]


def _from(args: Any, _: dict[str, Kind], context: Context) -> Step:
    return Step("from", {"table": str(args)}, dict(context.columns_of(str(args))))


def _where(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    return Step("where", {"expr": parse(str(args), context.scope(cols), "bool")}, cols)


def _add(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    made: dict[str, Expr] = {}
    for name, text in args.items():
        made[name] = parse(str(text), context.scope(cols))
        cols[name] = made[name].kind
    return Step("add", {"columns": made}, cols)


def _aggregates(
    take: Mapping[str, Any], cols: Mapping[str, Kind], context: Context
) -> tuple[dict[str, Aggregate], dict[str, Kind]]:
    made: dict[str, Aggregate] = {}
    kinds: dict[str, Kind] = {}
    for name, spec in take.items():
        ((how, text),) = spec.items()
        if how not in AGGREGATES:
            raise ValueError(f"{name}: no aggregate {how!r}; there are {', '.join(sorted(AGGREGATES))}")
        expr = None if how == "count" and text == "*" else parse(str(text), context.scope(cols))
        if expr is not None:
            boolean = how in ("count", "any", "all")
            if boolean != (expr.kind == "bool") and not (how in ("first", "latest") and expr.kind == "bool"):
                raise ValueError(f"{name}: {how} takes {'a condition' if boolean else 'a value'}, found {expr.kind}")
            if expr.kind == "ratio" or expr.kind not in _AGGREGATED.get(how, (expr.kind,)):
                raise ValueError(f"{name}: {how} of {expr.kind} is not defined; take exact numbers, dates or words")
        made[name] = Aggregate(how, expr)
        kinds[name] = "exact" if how in ("count", "sum") else "bool" if how in ("any", "all") else cast(Expr, expr).kind
    return made, kinds


def _running(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "running", {"take"}, {"per"})
    made, kinds = _aggregates(args["take"], cols, context)
    for name, aggregate in made.items():
        if aggregate.how not in ("count", "sum", "highest"):
            raise ValueError(f"{name}: running takes count, sum or highest")
    return Step("running", {"take": made, "per": _per(args, cols)}, {**cols, **kinds})


def _merge_within(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "merge_within", {"days", "start", "end", "as"}, {"per"})
    scope = context.scope(cols)
    start, end = parse(str(args["start"]), scope, "date"), parse(str(args["end"]), scope, "date")
    given = {
        "days": _days(args["days"], context, cols),
        "start": start,
        "end": end,
        "per": _per(args, cols),
        "as": args["as"],
    }
    return Step("merge_within", given, {**cols, args["as"]: "exact"})


def _days(value: Any, context: Context, cols: Mapping[str, Kind]) -> int:
    if isinstance(value, Decimal):
        return int(value)
    node = parse(str(value), context.scope(cols), "exact")
    number = getattr(node, "value", None)
    if not isinstance(number, Decimal):
        raise ValueError(f"expected a number of days or a setting, found {value!r}")
    return int(number)


def _split_at_gap(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "split_at_gap", {"days", "on", "as"}, {"per", "and"})
    if _column(args["on"], cols) != "date":
        raise ValueError("split_at_gap: `on` names a date column")
    also = parse(str(args["and"]), context.scope(cols, cols, "prev"), "bool") if "and" in args else None
    given = {
        "days": _days(args["days"], context, cols),
        "on": args["on"],
        "and": also,
        "per": _per(args, cols),
        "as": args["as"],
    }
    return Step("split_at_gap", given, {**cols, args["as"]: "exact"})


def _each_day(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "each_day", {"start", "end", "as"})
    scope = context.scope(cols)
    start, end = parse(str(args["start"]), scope, "date"), parse(str(args["end"]), scope, "date")
    return Step("each_day", {"start": start, "end": end, "as": args["as"]}, {**cols, args["as"]: "date"})


def _pair_asof(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    """Sugar: the latest row of another table whose ``at`` day is at most ``on`` and within so many days before."""
    _check(args, "pair_asof", {"with", "on", "take"}, {"at", "within", "per", "where"})
    at = args.get("at", "day")
    where = f"{at} <= left.{args['on']}"
    if "within" in args:
        where += f" and {at} > left.{args['on']} - {args['within']}"
    for column in args.get("per", ()):
        where += f" and {column} = left.{column}"
    if "where" in args:
        where += f" and ({args['where']})"
    return _pick_within({"with": args["with"], "where": where, "pick": "latest", "take": args["take"]}, cols, context)


def _pick_within(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "pick_within", {"with", "pick", "take"}, {"where", "by"})
    other = context.columns_of(args["with"])
    where = parse(str(args["where"]), context.scope(other, cols, "left"), "bool") if "where" in args else None
    pick = cast(Pick, args["pick"])
    if pick not in PAIR_PICKS:
        raise ValueError(f"pick_within: no pick {pick!r}; there are {', '.join(sorted(PAIR_PICKS))}")
    take: dict[str, str] = {}
    kinds: dict[str, Kind] = {}
    for new, column in args["take"].items():
        if pick in ("count", "any"):
            kinds[new] = "exact" if pick == "count" else "bool"
        else:
            kinds[new] = _column(column, other)
        take[new] = str(column)
    by = args.get("by", "")
    if pick in ("highest", "lowest") and _column(by, other) not in ("exact", "date", "measured"):
        raise ValueError("pick_within: `by` names a number or date column of the other table")
    return Step(
        "pick_within",
        {"with": args["with"], "where": where, "pick": pick, "by": by, "take": take},
        {**cols, **kinds},
    )


def _join(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "join", {"with", "take"})
    other = context.columns_of(args["with"])
    kinds = {new: _column(column, other) for new, column in args["take"].items()}
    return Step("join", {"with": args["with"], "take": dict(args["take"])}, {**cols, **kinds})


def _band(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "band", {"table", "keys", "take"}, {"value"})
    table = context.tables.get(args["table"])
    if table is None:
        raise ValueError(f"band: no table {args['table']!r}; there are {', '.join(context.tables)}")
    if table.banded != ("value" in args) or set(args["keys"]) != set(table.keys):
        raise ValueError(
            f"band: {table.name} is looked up by {', '.join(table.keys)}{' and a value' if table.banded else ''}"
        )
    scope = context.scope(cols)
    keys = {k: parse(str(text), scope) for k, text in args["keys"].items()}
    value = parse(str(args["value"]), scope) if table.banded else None
    if value is not None and value.kind not in ("exact", "measured", "ratio"):
        raise ValueError(f"band: looks up a number, found {value.kind}")
    kinds = {new: _column(column, table.columns) for new, column in args["take"].items()}
    given = {"table": table.name, "keys": keys, "value": value, "take": dict(args["take"])}
    return Step("band", given, {**cols, **kinds})


def _group(args: Any, cols: dict[str, Kind], context: Context) -> Step:
    _check(args, "group", {"by", "take"})
    by = {name: _column(name, cols) for name in args["by"]}
    made, kinds = _aggregates(args["take"], cols, context)
    return Step("group", {"by": tuple(by), "take": made}, {"day": "date", "event": "text", **by, **kinds})


_BUILD: dict[str, Callable[[Any, dict[str, Kind], Context], Step]] = {
    "from": _from,
    "where": _where,
    "add": _add,
    "running": _running,
    "merge_within": _merge_within,
    "split_at_gap": _split_at_gap,
    "each_day": _each_day,
    "pair_asof": _pair_asof,
    "pick_within": _pick_within,
    "join": _join,
    "band": _band,
    "group": _group,
}
