"""The operators of views on plain rows: each takes a snapshot, its parsed arguments and the rows, and gives rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Protocol

from ... import values as v
from ...evaluate import Env, Meaning, compiled, evaluate, once
from ...model import EDGES, Expr, Program, Step, names
from ...steps import Aggregate
from .rows import TRAIL, RowDict, in_order, narrowing_of, pick_row, trail_of


class Snapshot(Protocol):
    """What an operator may ask of the snapshot it runs in."""

    program: Program
    as_of: date

    def any_table(self, name: str, where: Expr | None = None) -> list[RowDict]:
        """Rows of an event table or a view, in total order."""

    def keep(self, where: Expr, rows: list[RowDict]) -> list[RowDict]:
        """Rows for which a condition is true."""

    def value(self, node: Any, row: RowDict, side: Mapping[str, Any] | None = None) -> Any:
        """What an expression is worth on a row."""


def _where(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    return run.keep(args["expr"], rows)


_names = once(names)


def _add(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    columns: Mapping[str, Expr] = args["columns"]
    meanings = [(name, compiled(node)) for name, node in columns.items()]

    def made(env: Env) -> dict[str, Any]:
        row = dict(env.row)
        env.row = row
        for name, meaning in meanings:
            row[name] = meaning(env)
        return {name: row[name] for name in columns}

    read: set[str] = set()
    for place, node in enumerate(columns.values()):
        read |= set(_names(node)) - set(list(columns)[:place])
    return _once_for_each(run, read, rows, made)


def _once_for_each(
    run: Snapshot, read: Collection[str], rows: list[RowDict], made: Callable[[Env], Mapping[str, Any]]
) -> list[RowDict]:
    """Put into every row what is made of the columns that are read; rows that share those share the answer (the days
    of one regimen do)."""
    known: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    columns = tuple(read)
    for row in rows:
        key = tuple([row[column] for column in columns])
        answer = known.get(key)
        if answer is None:
            answer = known[key] = made(Env(run.as_of, row))
        row.update(answer)
    return rows


def _streams(per: tuple[str, ...], rows: list[RowDict], key: Callable[[RowDict], Any]) -> Iterator[list[RowDict]]:
    """The rows sorted by ``key``, apart for each value of the ``per`` columns (unknown is a value)."""
    apart: dict[tuple[Any, ...], list[RowDict]] = defaultdict(list)
    for row in sorted(rows, key=key):
        apart[tuple([row[c] for c in per])].append(row)
    yield from apart.values()


def _running(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    made = []
    for stream in _streams(args["per"], rows, in_order):
        for name, aggregate in args["take"].items():
            so_far: Any = None if aggregate.how == "highest" else Decimal(0)
            for row in stream:
                value = True if aggregate.expr is None else run.value(aggregate.expr, row)
                if aggregate.how == "count":
                    so_far += value is True
                elif aggregate.how == "sum":
                    so_far = v.add(so_far, value)
                elif value is not None:
                    so_far = value if so_far is None else max(so_far, value)
                row[name] = so_far
        made.extend(stream)
    return made


def _merge_within(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    dated = [row for row in rows if run.value(args["start"], row) is not None]
    made = []
    for stream in _streams(args["per"], dated, lambda r: (run.value(args["start"], r), *in_order(r))):
        number, reach = 0, date.min
        for row in stream:
            start = run.value(args["start"], row)
            if number == 0 or start > reach + timedelta(days=args["days"]):
                number, reach = number + 1, start
            reach = max(reach, start, run.value(args["end"], row) or start)
            row[args["as"]] = Decimal(number)
        made.extend(stream)
    return made


def _split_at_gap(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    dated = [row for row in rows if row[args["on"]] is not None]
    made = []
    for stream in _streams(args["per"], dated, lambda r: (r[args["on"]], *in_order(r))):
        number, previous = 1, stream[0]
        for row in stream:
            far = (row[args["on"]] - previous[args["on"]]).days >= args["days"]
            if row is not previous and far and (args["and"] is None or run.value(args["and"], row, previous) is True):
                number += 1
            row[args["as"]] = Decimal(number)
            previous = row
        made.extend(stream)
    return made


def _each_day(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    made = []
    for row in rows:
        start, end = run.value(args["start"], row), run.value(args["end"], row)
        if start is not None and end is not None:
            for offset in range((end - start).days + 1):
                made.append({**row, args["as"]: start + timedelta(days=offset)})
    return made


def _pick_within(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    """For each row, one row of another table for which the condition is true.

    Only rows that share the columns that the condition equates, and lie between the days it names, are looked at; the
    whole condition is still asked of each. Where nothing else ties the two rows, equal stretches give equal answers.
    """
    where: Expr | None = args["where"]
    narrowing = narrowing_of(where)
    apart: dict[tuple[Any, ...], list[RowDict]] = defaultdict(list)
    for other in run.any_table(args["with"], where):
        apart[tuple([other[theirs] for theirs, _ in narrowing.equated])].append(other)
    if not apart:
        for row in rows:
            _attach(row, args, [])
        return rows
    days = {key: [other["day"] for other in others] for key, others in apart.items()}
    answers: dict[tuple[Any, ...], list[RowDict]] = {}
    for row in rows:
        key = tuple([row[ours] for _, ours in narrowing.equated])
        start, stop = narrowing.between(run.as_of, row, days.get(key, []))
        matching = answers.get((key, start, stop))
        if matching is None:
            matching = _matching(run, args, apart.get(key, [])[start:stop], row)
            if narrowing.nothing_else:
                answers[key, start, stop] = matching
        _attach(row, args, matching)
    return rows


def _matching(run: Snapshot, args: Mapping[str, Any], others: list[RowDict], row: RowDict) -> list[RowDict]:
    """Rows for which the condition is true, in total order; one is enough where only the latest or first counts."""
    if args["where"] is None:
        return others
    true, env = compiled(args["where"]), Env(run.as_of, {}, row)
    found = []
    for other in others if args["pick"] == "first" else others[::-1]:
        env.row = other
        if true(env) is True:
            found.append(other)
            if args["pick"] in ("latest", "first", "any"):
                break
    return found[::-1]


def _attach(row: RowDict, args: Mapping[str, Any], matching: list[RowDict]) -> None:
    """Write what was found into the row; ``matching`` is in total order (for ``first``: the one found)."""
    take: Mapping[str, str] = args["take"]
    if args["pick"] in ("count", "any"):
        found = Decimal(len(matching)) if args["pick"] == "count" else bool(matching)
        row[TRAIL] = (row[TRAIL], trail_of(*matching))
        row.update(dict.fromkeys(take, found))
        return
    if args["pick"] in ("highest", "lowest"):
        matching = [m for m in matching if m[args["by"]] is not None]
    if not matching:
        row.update(dict.fromkeys(take))
        return
    picked = matching[0] if args["pick"] == "first" else pick_row(args["pick"], args["by"], matching)
    row[TRAIL] = trail_of(row, picked)
    for new, column in take.items():
        row[new] = picked[column]


def _join_step(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    others = run.any_table(args["with"])
    return [
        {**row, **{new: other[column] for new, column in args["take"].items()}, TRAIL: trail_of(row, other)}
        for row in rows
        for other in others
    ]


def _band(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    table = run.program.tables[args["table"]]
    keys = [compiled(args["keys"][k]) for k in table.keys]
    apart: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for entry in table.rows:
        apart[tuple([entry[k] for k in table.keys])].append(entry)

    def made(env: Env) -> dict[str, Any]:
        entries = apart.get(tuple([key(env) for key in keys]), [])
        if table.banded:
            value = evaluate(args["value"], env)
            entries = [entry for entry in entries if _within(entry, value)]
        return {new: entries[0][column] if entries else None for new, column in args["take"].items()}

    nodes = [*args["keys"].values(), *([args["value"]] if table.banded else [])]
    return _once_for_each(run, {name for node in nodes for name in names(node)}, rows, made)


def _within(entry: Mapping[str, Any], value: Any) -> bool:
    """Whether a value surely lies in a band: on the right side of each edge. Without edges it holds anything."""
    return all(entry[edge] is None or v.compare(op, value, entry[edge]) is True for edge, op in EDGES)


def _group(run: Snapshot, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    take: Mapping[str, Aggregate] = args["take"]
    columns = [(name, a.how, None if a.expr is None else compiled(a.expr)) for name, a in take.items()]
    env = Env(run.as_of, {})
    made = []
    for group in _streams(args["by"], rows, in_order):
        row: RowDict = {
            "day": min([r["day"] for r in group]),
            "event": min([r["event"] for r in group]),
            TRAIL: trail_of(*group),
        }
        row.update({column: group[0][column] for column in args["by"]})
        for name, how, value in columns:
            row[name] = Decimal(len(group)) if value is None else _aggregate(how, value, env, group)
        made.append(row)
    return made


def _aggregate(how: str, value: Meaning, env: Env, group: list[RowDict]) -> Any:
    """One column of a group, whose rows come in total order."""
    if how in ("first", "latest"):
        env.row = group[0 if how == "first" else -1]
        return value(env)
    found = []
    for row in group:
        env.row = row
        found.append(value(env))
    match how:
        case "count":
            return Decimal(found.count(True))
        case "any":
            return v.disjunction(found)
        case "all":
            return v.conjunction(found)
        case "sum":
            return None if None in found else sum(found, Decimal(0))
        case _:
            known = [x for x in found if x is not None]
            return None if not known else max(known) if how == "highest" else min(known)


STEPS: dict[str, Callable[[Snapshot, Mapping[str, Any], list[RowDict]], list[RowDict]]] = {
    "where": _where,
    "add": _add,
    "running": _running,
    "merge_within": _merge_within,
    "split_at_gap": _split_at_gap,
    "each_day": _each_day,
    "pick_within": _pick_within,
    "join": _join_step,
    "band": _band,
    "group": _group,
}


KEYS = frozenset({"day", "time", "event"})


def made_by(step: Step) -> Iterable[str]:
    """Columns that a step writes."""
    args: Mapping[str, Any] = step.args
    made = args.get("columns") or args.get("take") or (args.get("as", ""),)
    return (*made, "day") if step.op == "group" else made
