"""Rows of the reference engine: mappings in total order, visible at a day, and how they are found and picked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from operator import attrgetter, itemgetter
from typing import Any

from ....record.tables import TABLES, Row, columns
from ... import values as v
from ...evaluate import Env, evaluate, once
from ...model import And, Compare, Constant, Expr, In, Ref, walk
from ...outcome import Trail

RowDict = dict[str, Any]
Sorted = tuple[list[RowDict], list[date]]
"""Rows in total order, and their days."""
TRAIL = "_trail"  # what a row of a view was made from (for the walk-back; not a column of the language)
TRAIL_AT_MOST = 12
ORDER = "_order"  # day, time, event id: the total order in which "latest" is meant
_MIDNIGHT = time.min


class Store:
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
        wanted = concepts_of(where)
        if (table, wanted) not in self.sorted:
            concepts = (
                self.visible[table].keys() if wanted is None else dict.fromkeys(wanted) & self.visible[table].keys()
            )
            rows = sorted((row for concept in concepts for row in self.of_concept(table, concept)), key=in_order)
            self.sorted[table, wanted] = rows, [row["day"] for row in rows]
        return self.sorted[table, wanted]

    def of_concept(self, table: str, concept: str) -> list[RowDict]:
        key = (table, concept)
        if key not in self.made:
            self.made[key] = sorted((self.as_row(table, row) for row in self.visible[table][concept]), key=in_order)
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
        made[ORDER] = order_of(made)
        return made


_READ = {table: (tuple(columns(table)), attrgetter(*columns(table))) for table in TABLES}


@once
def concepts_of(where: Expr | None) -> tuple[str, ...] | None:
    """Concepts that a condition limits its rows to, when it plainly does; None when it does not."""
    for part in where.parts if isinstance(where, And) else (where,):
        match part:
            case Compare("=", Ref("concept", _, ""), Constant(str() as value)):
                return (value,)
            case In(Ref("concept", _, ""), members):
                return tuple(dict.fromkeys(str(m) for m in members))
    return None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a condition plainly says of the other row: equal columns, first and last day; and whether it says more of
    the two rows together."""

    equated: tuple[tuple[str, str], ...]
    bounds: tuple[tuple[str, Expr], ...]
    nothing_else: bool

    def between(self, as_of: date, row: RowDict, days: list[date]) -> tuple[int, int]:
        """The stretch of sorted days that the bounds leave; empty where a bound is unknown."""
        start, stop = 0, len(days)
        if not stop or not self.bounds:
            return start, stop
        env = Env(as_of, {}, row)
        for op, node in self.bounds:
            limit = evaluate(node, env)
            if limit is None:
                return 0, 0
            at = (bisect_left if op in ("<", ">=") else bisect_right)(days, limit)
            start, stop = (start, min(stop, at)) if op in ("<", "<=") else (max(start, at), stop)
        return start, stop


@once
def narrowing_of(where: Expr | None) -> Narrowing:
    """What a condition plainly says of the rows it can be true of; made once an expression."""
    equated, bounds, nothing_else = [], [], True
    for part in where.parts if isinstance(where, And) else (where,):
        match part:
            case Compare("=", Ref(theirs, kind, ""), Ref(ours, _, "left")) if kind not in ("measured", "ratio"):
                equated.append((theirs, ours))
            case Compare(("<" | "<=" | ">" | ">=") as op, Ref("day", "date", ""), limit) if not _reads(limit, ""):
                bounds.append((op, limit))
            case Expr() if _reads(part, "left"):
                nothing_else = False
    return Narrowing(tuple(equated), tuple(bounds), nothing_else)


def _reads(node: Expr, side: str) -> bool:
    """Whether an expression reads a column of one side: '' the other row, 'left' ours."""
    return any(isinstance(item, Ref) and item.side == side for item in walk(node))


def moment_of(row: RowDict) -> tuple[date, Any]:
    """Day and time of day of a row; without a time, the start of the day."""
    moment = row.get("time")
    return row["day"], _MIDNIGHT if moment is None else moment.time()


def order_of(row: RowDict) -> tuple[Any, ...]:
    """A row's place in the total order: day, time, event id."""
    return (*moment_of(row), row["event"])


in_order: Callable[[RowDict], Any] = itemgetter(ORDER)
"""The sort key of a row."""


def pick_row(pick: str, by: str, rows: list[RowDict]) -> RowDict:
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


def trail_of(*rows: RowDict) -> Trail:
    """What a row made of these stands on; of many, the newest (rows come in total order)."""
    return tuple(row[TRAIL] for row in rows[-TRAIL_AT_MOST:])
