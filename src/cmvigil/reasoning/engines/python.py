"""The reference engine: one patient, one day, plain Python. Kept short and obvious; it is what explains an answer."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Context, Decimal, Inexact, localcontext
from operator import attrgetter, itemgetter
from typing import Any, cast

from ...record.tables import TABLES, Row, columns
from .. import values as v
from ..evaluate import Env, Meaning, compiled, evaluate, once
from ..model import And, Compare, Constant, Expr, Fact, In, Program, Ref, Step, names, walk
from ..outcome import FactValue, Outcome, RuleTruth, Trail, hidden
from ..steps import Aggregate

RowDict = dict[str, Any]
Sorted = tuple[list[RowDict], list[date]]
"""Rows in total order, and their days."""
TRAIL = "_trail"  # what a row of a view was made from (for the walk-back; not a column of the language)
TRAIL_AT_MOST = 12
ORDER = "_order"  # day, time, event id: the total order in which "latest" is meant
_MIDNIGHT = time.min
_EXACT = Context(prec=100, traps=[Inexact])


def run(
    program: Program,
    rows: Mapping[str, Iterable[Row]],
    as_of: date,
    patient: str = "",
    hide: Collection[str] = (),
) -> Outcome:
    """Evaluate everything at ``as_of``. ``hide`` names facts to take away, by their state."""
    with localcontext(_EXACT):
        return _Run(program, rows, as_of, patient).outcome(frozenset(hide))


class _Run:
    def __init__(self, program: Program, rows: Mapping[str, Iterable[Row]], as_of: date, patient: str) -> None:
        self.program, self.as_of, self.patient = program, as_of, patient
        self.store = _Store(rows, as_of)
        self.views: dict[str, list[RowDict]] = {}
        self.days: dict[str, list[date]] = {}

    def outcome(self, hide: frozenset[str]) -> Outcome:
        out = Outcome(self.patient, self.as_of, views=self.views)
        for name, fact in self.program.facts.items():
            out.facts[name] = hidden(fact.of) if name in hide else self.fact(fact)
            out.values[name] = out.facts[name].value
        env = Env(self.as_of, out.values, states={name: f.state for name, f in out.facts.items()})
        for name in self.program.order:
            derived = self.program.derived.get(name)
            node = derived.value if derived else self.program.definitions[name].when
            out.values[name] = evaluate(node, env)
        for name, rule in self.program.rules.items():
            unless = False if rule.unless is None else evaluate(rule.unless, env)
            out.rules[name] = RuleTruth(evaluate(rule.when, env), unless)
        return out

    # -- facts ---------------------------------------------------------------------------------------------------------
    def rows_of(self, table: str, where: Expr | None) -> list[RowDict]:
        """Rows of a table or view for which ``where`` is true, in total order."""
        found, days = self.store.rows(table, where) if table in TABLES else self.view_with_days(table)
        if where is None:
            return found
        start, stop = _narrowing(where).between(self.as_of, {}, days)
        return self.keep(where, found[start:stop])

    def view_with_days(self, name: str) -> Sorted:
        """Rows of a view and their days."""
        rows = self.view(name)
        if name not in self.days:
            self.days[name] = [row["day"] for row in rows]
        return rows, self.days[name]

    def keep(self, where: Expr, rows: list[RowDict]) -> list[RowDict]:
        """Rows for which a condition is true."""
        true, env, kept = compiled(where), Env(self.as_of, {}), []
        for row in rows:
            env.row = row
            if true(env) is True:
                kept.append(row)
        return kept

    def fact(self, fact: Fact) -> FactValue:
        rows = self.rows_of(fact.table, fact.where)
        if not rows:
            return self.without_rows(fact)
        if fact.pick == "count":
            return FactValue("known", Decimal(len(rows)), Decimal(len(rows)), rows[-1]["day"], _trail(*rows))
        if fact.pick == "sum":
            return self.total(fact, rows)
        picked = _pick(fact.pick, fact.by, rows)
        shown = True if fact.pick == "any" else picked[fact.take]
        day, events = picked["day"], picked[TRAIL]
        if self.conflicts(fact, rows, picked):
            return FactValue("conflicting", None, shown, day, _trail(*rows), "results disagree")
        if shown is None:
            problem = picked.get("problem")
            if fact.table == "measurement" and fact.take == "number" and picked["value"] is not None:
                problem = "not one exact number"
            return FactValue("unusable" if problem else "missing", None, None, day, events, problem or "")
        if fact.fresh is not None and day <= self.as_of - timedelta(days=fact.fresh):
            return FactValue("stale", None, shown, day, events, f"older than {fact.fresh} days")
        return FactValue("known", shown, shown, day, events)

    def without_rows(self, fact: Fact) -> FactValue:
        for other in fact.unusable:
            rows = self.rows_of(other.table, other.where)
            if rows:
                return FactValue("unusable", None, None, rows[-1]["day"], _trail(*rows), other.why)
        for other in fact.absent:
            rows = self.rows_of(other.table, other.where)
            if rows:
                return FactValue("absent", v.zero(fact.of), None, rows[-1]["day"], rows[-1][TRAIL])
        return FactValue("missing")

    def total(self, fact: Fact, rows: list[RowDict]) -> FactValue:
        parts = [row[fact.take] for row in rows]
        if None in parts:
            return FactValue("missing", None, None, rows[-1]["day"], _trail(*rows), "a part is not known")
        total = sum(parts, Decimal(0))
        return FactValue("known", total, total, rows[-1]["day"], _trail(*rows))

    def conflicts(self, fact: Fact, rows: list[RowDict], picked: RowDict) -> bool:
        if not fact.conflict or fact.pick == "any":
            return False
        same = rows if fact.conflict == "ever" else [r for r in rows if _when(r) == _when(picked)]
        return len({row[fact.take] for row in same if row[fact.take] is not None}) > 1

    # -- views ---------------------------------------------------------------------------------------------------------
    def view(self, name: str) -> list[RowDict]:
        """Rows of a view, in total order; computed once."""
        if name not in self.views:
            steps = self.program.views[name].steps
            # The first condition narrows what is copied: from then on the rows are the view's own, written in place.
            where = steps[1].args["expr"] if len(steps) > 1 and steps[1].op == "where" else None
            rows = [dict(row) for row in self.rows_of(str(steps[0].args["table"]), cast("Expr | None", where))]
            for step in steps[1 if where is None else 2 :]:
                rows = _STEPS[step.op](self, step.args, rows)
                if not _KEYS.isdisjoint(_made_by(step)):
                    for row in rows:
                        row[ORDER] = _order_of(row)
            self.views[name] = sorted(rows, key=_order)
        return self.views[name]

    def any_table(self, name: str, where: Expr | None = None) -> list[RowDict]:
        return self.store.rows(name, where)[0] if name in TABLES else self.view(name)

    def value(self, node: Any, row: RowDict, side: Mapping[str, Any] | None = None) -> Any:
        return evaluate(node, Env(self.as_of, row, side or {}))


# -- operators of views: (run, parsed arguments, rows) -> rows --------------------
def _where(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    return run.keep(args["expr"], rows)


def _add(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
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
    run: _Run, read: Collection[str], rows: list[RowDict], made: Callable[[Env], Mapping[str, Any]]
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


def _running(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    made = []
    for stream in _streams(args["per"], rows, _order):
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


def _merge_within(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    dated = [row for row in rows if run.value(args["start"], row) is not None]
    made = []
    for stream in _streams(args["per"], dated, lambda r: (run.value(args["start"], r), *_order(r))):
        number, reach = 0, date.min
        for row in stream:
            start = run.value(args["start"], row)
            if number == 0 or start > reach + timedelta(days=args["days"]):
                number, reach = number + 1, start
            reach = max(reach, start, run.value(args["end"], row) or start)
            row[args["as"]] = Decimal(number)
        made.extend(stream)
    return made


def _split_at_gap(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    dated = [row for row in rows if row[args["on"]] is not None]
    made = []
    for stream in _streams(args["per"], dated, lambda r: (r[args["on"]], *_order(r))):
        number, previous = 1, stream[0]
        for row in stream:
            far = (row[args["on"]] - previous[args["on"]]).days >= args["days"]
            if row is not previous and far and (args["and"] is None or run.value(args["and"], row, previous) is True):
                number += 1
            row[args["as"]] = Decimal(number)
            previous = row
        made.extend(stream)
    return made


def _each_day(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    made = []
    for row in rows:
        start, end = run.value(args["start"], row), run.value(args["end"], row)
        if start is not None and end is not None:
            for offset in range((end - start).days + 1):
                made.append({**row, args["as"]: start + timedelta(days=offset)})
    return made


def _pick_within(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    """For each row, one row of another table for which the condition is true.

    Only rows that share the columns that the condition equates, and lie between the days it names, are looked at; the
    whole condition is still asked of each. Where nothing else ties the two rows, equal stretches give equal answers.
    """
    where: Expr | None = args["where"]
    narrowing = _narrowing(where)
    apart: dict[tuple[Any, ...], list[RowDict]] = defaultdict(list)
    for other in run.any_table(args["with"], where):
        apart[tuple([other[theirs] for theirs, _ in narrowing.equated])].append(other)
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


def _matching(run: _Run, args: Mapping[str, Any], others: list[RowDict], row: RowDict) -> list[RowDict]:
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


@dataclass(frozen=True, slots=True)
class _Narrowing:
    """What a condition plainly says of the other row: equal columns, first and last day; and whether it says more of
    the two rows together."""

    equated: tuple[tuple[str, str], ...]
    bounds: tuple[tuple[str, Expr], ...]
    nothing_else: bool

    def between(self, as_of: date, row: RowDict, days: list[date]) -> tuple[int, int]:
        """The stretch of sorted days that the bounds leave; empty where a bound is unknown."""
        start, stop = 0, len(days)
        for op, node in self.bounds:
            limit = evaluate(node, Env(as_of, {}, row))
            if limit is None:
                return 0, 0
            at = (bisect_left if op in ("<", ">=") else bisect_right)(days, limit)
            start, stop = (start, min(stop, at)) if op in ("<", "<=") else (max(start, at), stop)
        return start, stop


@once
def _narrowing(where: Expr | None) -> _Narrowing:
    equated, bounds, nothing_else = [], [], True
    for part in where.parts if isinstance(where, And) else (where,):
        match part:
            case Compare("=", Ref(theirs, kind, ""), Ref(ours, _, "left")) if kind not in ("measured", "ratio"):
                equated.append((theirs, ours))
            case Compare(("<" | "<=" | ">" | ">=") as op, Ref("day", "date", ""), limit) if not _reads(limit, ""):
                bounds.append((op, limit))
            case Expr() if _reads(part, "left"):
                nothing_else = False
    return _Narrowing(tuple(equated), tuple(bounds), nothing_else)


_names = once(names)


def _reads(node: Expr, side: str) -> bool:
    """Whether an expression reads a column of one side: '' the other row, 'left' ours."""
    return any(isinstance(item, Ref) and item.side == side for item in walk(node))


def _attach(row: RowDict, args: Mapping[str, Any], matching: list[RowDict]) -> None:
    """Write what was found into the row; ``matching`` is in total order (for ``first``: the one found)."""
    take: Mapping[str, str] = args["take"]
    if args["pick"] in ("count", "any"):
        found = Decimal(len(matching)) if args["pick"] == "count" else bool(matching)
        row[TRAIL] = (row[TRAIL], _trail(*matching))
        row.update(dict.fromkeys(take, found))
        return
    if args["pick"] in ("highest", "lowest"):
        matching = [m for m in matching if m[args["by"]] is not None]
    if not matching:
        row.update(dict.fromkeys(take))
        return
    picked = matching[0] if args["pick"] == "first" else _pick(args["pick"], args["by"], matching)
    row[TRAIL] = _trail(row, picked)
    for new, column in take.items():
        row[new] = picked[column]


def _join_step(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    others = run.any_table(args["with"])
    return [
        {**row, **{new: other[column] for new, column in args["take"].items()}, TRAIL: _trail(row, other)}
        for row in rows
        for other in others
    ]


def _band(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
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
    """Whether a value surely lies in a band: at or above its lower edge and below its upper."""
    if v.compare(">=", value, entry["lower"]) is not True:
        return False
    return entry["upper"] is None or v.compare("<", value, entry["upper"]) is True


def _group(run: _Run, args: Mapping[str, Any], rows: list[RowDict]) -> list[RowDict]:
    take: Mapping[str, Aggregate] = args["take"]
    columns = [(name, a.how, None if a.expr is None else compiled(a.expr)) for name, a in take.items()]
    env = Env(run.as_of, {})
    made = []
    for group in _streams(args["by"], rows, _order):
        row: RowDict = {
            "day": min([r["day"] for r in group]),
            "event": min([r["event"] for r in group]),
            TRAIL: _trail(*group),
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


_STEPS: dict[str, Callable[[_Run, Mapping[str, Any], list[RowDict]], list[RowDict]]] = {
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


# -- rows --------------------
class _Store:
    """Event rows as mappings, visible at ``as_of``, by table and concept; made only when asked for."""

    def __init__(self, rows: Mapping[str, Iterable[Row]], as_of: date) -> None:
        self.as_of = as_of
        self.visible: dict[str, dict[str, list[Row]]] = {}
        self.made: dict[tuple[str, str], list[RowDict]] = {}
        self.sorted: dict[tuple[str, tuple[str, ...] | None], Sorted] = {}
        for table in TABLES:
            by_concept: dict[str, list[Row]] = defaultdict(list)
            for row in rows.get(table, ()):
                if row.day <= as_of and row.known_on <= as_of:
                    by_concept[getattr(row, "concept", "")].append(row)
            self.visible[table] = by_concept

    def rows(self, table: str, where: Expr | None) -> Sorted:
        """Rows of an event table that ``where`` may accept (narrowed by concept only), in total order; their days."""
        wanted = _concepts(where)
        if (table, wanted) not in self.sorted:
            concepts = (
                self.visible[table].keys() if wanted is None else dict.fromkeys(wanted) & self.visible[table].keys()
            )
            rows = sorted((row for concept in concepts for row in self.of_concept(table, concept)), key=_order)
            self.sorted[table, wanted] = rows, [row["day"] for row in rows]
        return self.sorted[table, wanted]

    def of_concept(self, table: str, concept: str) -> list[RowDict]:
        key = (table, concept)
        if key not in self.made:
            self.made[key] = sorted((self.as_row(table, row) for row in self.visible[table][concept]), key=_order)
        return self.made[key]

    def as_row(self, table: str, row: Row) -> RowDict:
        names, read = _READ[table]
        made: RowDict = dict(zip(names, read(row), strict=True))
        made[TRAIL] = (row.event,)
        if table == "measurement":
            value = made["value"]
            made["number"] = value.low if value is not None and value.is_point else None
        if made.get("end") is not None and made["end"] > self.as_of:
            made["end"] = None
        if table == "exposure" and made["stated_on"] is not None and made["stated_on"] > self.as_of:
            made["taken"] = made["adequate"] = None
        made[ORDER] = _order_of(made)
        return made


_READ = {table: (tuple(columns(table)), attrgetter(*columns(table))) for table in TABLES}


@once
def _concepts(where: Expr | None) -> tuple[str, ...] | None:
    """Concepts that a condition limits its rows to, when it plainly does; None when it does not."""
    for part in where.parts if isinstance(where, And) else (where,):
        match part:
            case Compare("=", Ref("concept", _, ""), Constant(str() as value)):
                return (value,)
            case In(Ref("concept", _, ""), members):
                return tuple(dict.fromkeys(str(m) for m in members))
    return None


def _when(row: RowDict) -> tuple[date, Any]:
    moment = row.get("time")
    return row["day"], _MIDNIGHT if moment is None else moment.time()


def _order_of(row: RowDict) -> tuple[Any, ...]:
    return (*_when(row), row["event"])


_order: Callable[[RowDict], Any] = itemgetter(ORDER)
_KEYS = frozenset({"day", "time", "event"})


def _made_by(step: Step) -> Iterable[str]:
    """Columns that a step writes."""
    args: Mapping[str, Any] = step.args
    made = args.get("columns") or args.get("take") or (args.get("as", ""),)
    return (*made, "day") if step.op == "group" else made


def _pick(pick: str, by: str, rows: list[RowDict]) -> RowDict:
    """One row, rows being in total order; ties of highest and lowest go to the latest."""
    if pick == "first":
        return rows[0]
    if pick in ("latest", "any"):
        return rows[-1]
    known = [row for row in rows if row[by] is not None]
    if not known:
        return rows[-1]
    best = (max if pick == "highest" else min)(v.sort_key(row[by]) for row in known)
    return [row for row in known if v.sort_key(row[by]) == best][-1]


def _trail(*rows: RowDict) -> Trail:
    """What a row made of these stands on; of many, the newest (rows come in total order)."""
    return tuple(row[TRAIL] for row in rows[-TRAIL_AT_MOST:])
