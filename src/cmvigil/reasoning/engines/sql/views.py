"""Views as SQL: one common table expression per step, every snapshot at once.

Every set of rows carries ``patient``, ``as_of`` and ``__seq``: the place of a row in the order in which the
reference engine holds it, unique within a snapshot. The finished table has ``__ord`` instead (its place in the
total order: day, time, event) and, where a fact compares rows of one day and time, ``__moment`` (equal for those).
So "latest" never meets a tie, here or anywhere else. Windows over rows are what costs: a step that leaves the rows in
their total order needs none to place them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from ....record.tables import TABLES
from ...model import EDGES, BandTable, Expr, Kind, View, names, walk
from ...model import Ref as Name
from ...steps import Aggregate
from .dialect import TYPES, Dialect
from .expressions import (
    Env,
    Measured,
    Scalar,
    Value,
    compare,
    each_column,
    each_typed,
    flat,
    known,
    listed,
    literal,
    quoted,
    scaled,
    stored,
    truth,
    value_of,
)
from .needed import KEYS, Needed

T = TypeVar("T")
Shapes = Mapping[str, Value]
SNAPSHOT = "PARTITION BY r.patient, r.as_of"
MEASURED_SCALE = 6
_KEEPING_ORDER = frozenset({"where", "add", "pick_within", "band"})
"""Steps after which rows stand as before, unless day, time or event are made anew."""


def table_name(name: str) -> str:
    """The SQL table that holds the visible rows of an event table, or the rows of a view."""
    return quoted(f"visible_{name}" if name in TABLES else f"view_{name}")


def band_name(name: str) -> str:
    """The SQL table that holds a knowledge table."""
    return quoted(f"band_{name}")


def columns_in(shapes: Shapes, alias: str) -> dict[str, Value]:
    """Every column of a table, as it stands under ``alias``."""
    return {name: stored(name, shape, alias) for name, shape in shapes.items()}


def apart_from_key(shapes: Shapes) -> dict[str, Value]:
    """The columns but ``patient``, which every set of rows has as its key."""
    return {name: value for name, value in shapes.items() if name != "patient"}


def moment_of(shapes: Shapes) -> str:
    """When a row was true: day and time, midnight where no time is known."""
    midnight = "CAST(r.day AS TIMESTAMP)"
    return f"r.day, COALESCE(r.time, {midnight})" if "time" in shapes else f"r.day, {midnight}"


def order_of(shapes: Shapes) -> str:
    """The total order of rows before ``__seq``: day, time, event."""
    return f"{moment_of(shapes)}, r.event"


def places(shapes: Shapes, place: str, *, moments: bool) -> str:
    """The columns that place a row in a finished table: ``place`` (SQL) in the total order, and the moment."""
    moment = f",\n  DENSE_RANK() OVER ({SNAPSHOT} ORDER BY {moment_of(shapes)}) AS __moment" if moments else ""
    return f"{place} AS __ord{moment}"


def in_total_order(shapes: Shapes, ties: str = "") -> str:
    """The place of a row in the total order, counted."""
    return f"ROW_NUMBER() OVER ({SNAPSHOT} ORDER BY {order_of(shapes)}{ties})"


def shape_of_kind(kind: Kind) -> Value:
    """The shape of an event column: exact and measured numbers have six decimals."""
    if kind == "measured":
        return Measured("", "", "", "", MEASURED_SCALE)
    return Scalar("", kind, MEASURED_SCALE if kind == "exact" else 0)


@dataclass(slots=True)
class ViewSql:
    """Builds one view: ``shapes`` are the columns after the steps so far, ``ctes`` their SQL. Columns that nobody reads
    (``needed``) are left out.
    """

    dialect: Dialect
    columns_of: Callable[[str], Shapes]
    tables: Mapping[str, BandTable]
    needed: Needed
    wanted: set[str] = field(default_factory=set)  # what the step at hand or a later one reads
    in_order: bool = False  # ``__seq`` follows the total order
    shapes: dict[str, Value] = field(default_factory=dict)
    ctes: list[str] = field(default_factory=list)

    def select(self, view: View) -> str:
        """The rows of the view."""
        for step, wanted in zip(view.steps, self.needed.during[view.name], strict=True):
            self.wanted = wanted
            args: Mapping[str, Any] = step.args
            getattr(self, f"_{step.op}")(args)
            stays = step.op in _KEEPING_ORDER and KEYS.isdisjoint(args.get("columns") or args.get("take") or ())
            self.in_order = step.op == "from" or (self.in_order and stays)
        self.wanted = self.needed.of[view.name]
        self.shapes = self.read(self.shapes)
        place = "r.__seq" if self.in_order else in_total_order(self.shapes, ", r.__seq")
        placed = places(self.shapes, place, moments=view.name in self.needed.moments)
        columns = f"{listed(apart_from_key(self.keep()))},\n  {placed}"
        select = f"SELECT r.patient, r.as_of,\n  {columns}\nFROM {self.last} AS r"
        return f"WITH {', '.join(self.ctes)}\n{select}"

    @property
    def last(self) -> str:
        return f"step{len(self.ctes)}"

    @property
    def env(self) -> Env:
        return Env(self.dialect, columns_in(self.shapes, "r"), "r.as_of")

    def step(
        self,
        columns: Shapes,
        *,
        seq: str = "r.__seq",
        source: str | None = None,
        extra: Iterable[str] = (),
        tail: str = "",
    ) -> None:
        """Add a step that gives ``columns``; ``extra`` are helper columns that only the next step may use."""
        source = source or f"{self.last} AS r"
        columns = self.read(columns)
        more = "".join(f",\n  {column}" for column in extra)
        own = listed(apart_from_key(columns))
        select = f"SELECT r.patient, r.as_of, {seq} AS __seq,\n  {own}{more}\nFROM {source}{tail}"
        self.ctes.append(f"step{len(self.ctes) + 1} AS {self.dialect.materialized}(\n{select})")
        self.shapes = dict(columns)

    def read(self, columns: Mapping[str, T]) -> dict[str, T]:
        """Those of the columns that somebody reads; helper columns are read by the step that makes them."""
        return {name: column for name, column in columns.items() if name in self.wanted or name.startswith("__")}

    def keep(self) -> dict[str, Value]:
        """The columns as they are."""
        return columns_in(self.shapes, "r")

    # -- operators ---------------------------------------------------------------------------------------------------
    def _from(self, args: Mapping[str, Any]) -> None:
        self.shapes = dict(self.columns_of(args["table"]))
        self.step(self.keep(), seq="r.__ord", source=f"{table_name(args['table'])} AS r")

    def _where(self, args: Mapping[str, Any]) -> None:
        self.step(self.keep(), tail=f"\nWHERE {truth(args['expr'], self.env)}")

    def _add(self, args: Mapping[str, Any]) -> None:
        """Columns may build on columns before them: these start another step."""
        new: dict[str, Value] = {}
        for name, node in self.read(args["columns"]).items():
            if set(names(node)) & new.keys():
                self.step({**self.keep(), **new})
                new = {}
            new[name] = value_of(node, self.env)
        self.step({**self.keep(), **new})

    def _per(self, columns: Iterable[str]) -> str:
        """A partition by snapshot and these columns (unknown is a value of its own)."""
        parts = [sql for name in columns for _, sql in flat(name, stored(name, self.shapes[name], "r"))]
        return ", ".join([SNAPSHOT, *parts])

    def _in_streams(self, per: Iterable[str], order: str) -> None:
        """Number the rows of each stream (``__n``) and remember where its first one stood (``__first``)."""
        partition = self._per(per)
        if not self.in_order or order != order_of(self.shapes):
            self.step(self.keep(), seq=f"ROW_NUMBER() OVER ({SNAPSHOT} ORDER BY {order}, r.__seq)")
        ranks = (
            f"ROW_NUMBER() OVER ({partition} ORDER BY r.__seq) AS __n",
            f"MIN(r.__seq) OVER ({partition}) AS __first",
        )
        self.step(self.keep(), extra=ranks)

    _STREAM_AFTER_STREAM = f"ROW_NUMBER() OVER ({SNAPSHOT} ORDER BY r.__first, r.__n)"

    def _running(self, args: Mapping[str, Any]) -> None:
        self._in_streams(args["per"], order_of(self.shapes))
        window = f"OVER ({self._per(args['per'])} ORDER BY r.__n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        new = {name: self._so_far(aggregate, window) for name, aggregate in self.read(args["take"]).items()}
        self.step({**self.keep(), **new}, seq=self._STREAM_AFTER_STREAM)

    def _so_far(self, aggregate: Aggregate, window: str) -> Value:
        if aggregate.expr is None:
            return Scalar("r.__n", "exact")
        if aggregate.how == "count":
            return Scalar(f"COUNT(CASE WHEN {truth(aggregate.expr, self.env)} THEN 1 END) {window}", "exact")
        value = value_of(aggregate.expr, self.env)
        if aggregate.how == "highest":
            return each_column(value, lambda sql: f"MAX({sql}) {window}")
        return each_column(value, lambda sql: f"CASE WHEN COUNT({sql}) {window} = r.__n THEN SUM({sql}) {window} END")

    def _merge_within(self, args: Mapping[str, Any]) -> None:
        start, end = (value_of(args[key], self.env) for key in ("start", "end"))
        assert isinstance(start, Scalar) and isinstance(end, Scalar)
        begins, ends = "__start", "__end"
        reach = f"GREATEST({start.sql}, COALESCE({end.sql}, {start.sql}))"
        self.step({**self.keep(), begins: start, ends: Scalar(reach, "date")}, tail=f"\nWHERE {start.sql} IS NOT NULL")
        self._in_streams(args["per"], f"r.{quoted(begins)}, {order_of(self.shapes)}")
        before = f"OVER ({self._per(args['per'])} ORDER BY r.__n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        reached = f"MAX(r.{quoted(ends)}) {before}"
        near = f"r.{quoted(begins)} <= {self.dialect.add_days(reached, '+', str(args['days']))}"
        apart = f"CASE WHEN {near} THEN 0 ELSE 1 END AS __apart"
        columns = {name: value for name, value in self.keep().items() if name not in (begins, ends)}
        self.step(columns, extra=(apart, "r.__n", "r.__first"))
        self._numbered(args, "0")

    def _numbered(self, args: Mapping[str, Any], first: str) -> None:
        """A running number: one more at every row that stands ``apart`` from those before it."""
        window = f"OVER ({self._per(args['per'])} ORDER BY r.__n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        number = Scalar(f"CAST({first} + SUM(r.__apart) {window} AS DECIMAL(38,0))", "exact")
        self.step({**self.keep(), args["as"]: number}, seq=self._STREAM_AFTER_STREAM)

    def _split_at_gap(self, args: Mapping[str, Any]) -> None:
        on = f"r.{quoted(args['on'])}"
        self.step(self.keep(), tail=f"\nWHERE {on} IS NOT NULL")
        self._in_streams(args["per"], f"{on}, {order_of(self.shapes)}")
        window = f"OVER ({self._per(args['per'])} ORDER BY r.__n)"

        def previous(name: str) -> Value:
            return each_column(stored(name, self.shapes[name], "r"), lambda sql: f"LAG({sql}) {window}")

        also: Expr | None = args["and"]
        earlier = (
            {node.name for node in walk(also) if isinstance(node, Name) and node.side == "prev"} if also else set()
        )
        before = {f"__prev_{name}": previous(name) for name in sorted({args["on"], *earlier})}
        plain = self.shapes
        self.step({**self.keep(), **before}, extra=("r.__n", "r.__first"))
        earlier_day = f"r.{quoted('__prev_' + args['on'])}"
        condition = f"{self.dialect.days_between(earlier_day, on)} >= {args['days']}"
        if also is not None:
            side = {name: stored(f"__prev_{name}", self.shapes[f"__prev_{name}"], "r") for name in earlier}
            condition += f" AND {truth(also, Env(self.dialect, self.keep(), 'r.as_of', side))}"
        columns = {name: value for name, value in self.keep().items() if name in plain}
        self.step(columns, extra=(f"CASE WHEN {condition} THEN 1 ELSE 0 END AS __apart", "r.__n", "r.__first"))
        self._numbered(args, "1")

    def _each_day(self, args: Mapping[str, Any]) -> None:
        start, end = (value_of(args[key], self.env) for key in ("start", "end"))
        assert isinstance(start, Scalar) and isinstance(end, Scalar)
        tail, day = self.dialect.each_day(start.sql, end.sql)
        self.step({**self.keep(), args["as"]: Scalar(day, "date")}, tail=tail)
        self.step(self.keep(), seq=f"ROW_NUMBER() OVER ({SNAPSHOT} ORDER BY r.__seq, r.{quoted(args['as'])})")

    def _pick_within(self, args: Mapping[str, Any]) -> None:
        """At most one row of the other table joins each of ours: when nobody reads what it gives, nothing is joined."""
        take = self.read(args["take"])
        if not take:
            return
        others = self.columns_of(args["with"])
        other = columns_in(others, "o")
        pick, by = args["pick"], args["by"]
        conditions = (
            [] if args["where"] is None else [truth(args["where"], Env(self.dialect, other, "o.as_of", self.keep()))]
        )
        if pick in ("highest", "lowest"):
            conditions.append(known(other[by]))
        if args["where"] is not None and any(isinstance(p, Name) and p.side == "left" for p in walk(args["where"])):
            keys = ["r.patient", "r.as_of", "r.__seq"]
            on = " AND ".join([SAME_SNAPSHOT, *conditions])
            pairs = f"{self.last} AS r\nJOIN {table_name(args['with'])} AS o ON {on}"
        else:  # the same for every row of a snapshot
            keys = ["o.patient", "o.as_of"]
            pairs = f"{table_name(args['with'])} AS o" + (f"\nWHERE {' AND '.join(conditions)}" if conditions else "")
        row = ", ".join(keys)
        if pick in ("count", "any"):
            matching = f"SELECT {row}, COUNT(*) AS matches\nFROM {pairs}\nGROUP BY {row}"
            found = "COALESCE(m.matches, 0)" if pick == "count" else "m.matches IS NOT NULL"
            new: dict[str, Value] = {name: Scalar(found, "exact" if pick == "count" else "bool") for name in take}
            tail = ""
        else:
            order = f"o.__ord{'' if pick == 'first' else ' DESC'}"
            if by and pick in ("highest", "lowest"):
                order = f"{best_first(pick, other[by])}, {order}"
            taken = {f"__take_{name}": other[column] for name, column in take.items()}
            rank = f"ROW_NUMBER() OVER (PARTITION BY {row} ORDER BY {order})"
            matching = f"SELECT {row},\n  {rank} AS __rank,\n  {listed(taken)}\nFROM {pairs}"
            new = {name: stored(f"__take_{name}", others[column], "m") for name, column in take.items()}
            tail = " AND m.__rank = 1"
        same_row = " AND ".join(f"m.{key} = r.{key}" for key in (key[2:] for key in keys))
        source = f"{self.last} AS r\nLEFT JOIN (\n{matching}) AS m ON {same_row}{tail}"
        self.step({**self.keep(), **new}, source=source)

    def _join(self, args: Mapping[str, Any]) -> None:
        others = columns_in(self.columns_of(args["with"]), "o")
        new = {name: others[column] for name, column in self.read(args["take"]).items()}
        seq = f"ROW_NUMBER() OVER ({SNAPSHOT} ORDER BY r.__seq, o.__ord)"
        source = f"{self.last} AS r\nJOIN {table_name(args['with'])} AS o ON {SAME_SNAPSHOT}"
        self.step({**self.keep(), **new}, seq=seq, source=source)

    def _band(self, args: Mapping[str, Any]) -> None:
        table = self.tables[args["table"]]
        shapes = band_shapes(table)
        band = columns_in(shapes, "b")
        conditions = [compare("=", band[key], value_of(node, self.env)) for key, node in args["keys"].items()]
        if args["value"] is not None:
            value = value_of(args["value"], self.env)
            conditions += [
                f"({sql} IS NULL OR {compare(op, value, band[edge])})"
                for edge, op in EDGES
                for _, sql in flat(edge, band[edge])
            ]
        new = {name: band[column] for name, column in args["take"].items()}
        source = f"{self.last} AS r\nLEFT JOIN {band_name(table.name)} AS b ON {' AND '.join(conditions)}"
        self.step({**self.keep(), **new}, source=source)

    def _group(self, args: Mapping[str, Any]) -> None:
        if not self.in_order:
            self.step(self.keep(), seq=in_total_order(self.shapes, ", r.__seq"))
        hows = {aggregate.how for aggregate in self.read(args["take"]).values() if aggregate.expr is not None}
        partition = self._per(args["by"])
        ends = (("first", "ASC", "__n"), ("latest", "DESC", "__back"))
        extra = [
            f"ROW_NUMBER() OVER ({partition} ORDER BY r.__seq {way}) AS {name}"
            for how, way, name in ends
            if how in hows
        ]
        if extra:
            self.step(self.keep(), extra=extra)
        own = self.keep()
        by = {name: own[name] for name in args["by"]}
        columns: dict[str, Value] = {"day": Scalar("MIN(r.day)", "date"), "event": Scalar("MIN(r.event)", "text"), **by}
        columns |= {name: self._of_group(aggregate) for name, aggregate in self.read(args["take"]).items()}
        keys = [sql for name in by for _, sql in flat(name, own[name])]
        self.step(columns, seq="MIN(r.__seq)", tail=f"\nGROUP BY {', '.join(['r.patient', 'r.as_of', *keys])}")

    def _of_group(self, aggregate: Aggregate) -> Value:
        if aggregate.expr is None:
            return Scalar("COUNT(*)", "exact")
        value = value_of(aggregate.expr, self.env)
        match aggregate.how:
            case "count":
                return each_column(_exact(value), lambda sql: f"COUNT(CASE WHEN {sql} THEN 1 END)")
            case "any":
                return each_column(value, lambda sql: _kleene(self.dialect.any_true, sql, "FALSE"))
            case "all":
                return each_column(value, lambda sql: _kleene(self.dialect.all_true, sql, "TRUE"))
            case "sum":
                return each_column(value, lambda sql: f"CASE WHEN COUNT({sql}) = COUNT(*) THEN SUM({sql}) END")
            case "first" | "latest":
                place = "r.__n" if aggregate.how == "first" else "r.__back"
                largest = self.dialect.largest
                return each_typed(value, lambda sql, kind: f"{largest(kind)}(CASE WHEN {place} = 1 THEN {sql} END)")
            case how:
                return each_column(value, lambda sql: f"{'MAX' if how == 'highest' else 'MIN'}({sql})")


SAME_SNAPSHOT = "o.patient = r.patient AND o.as_of = r.as_of"


def _exact(value: Value) -> Value:
    assert isinstance(value, Scalar)
    return Scalar(value.sql, "exact")


def _kleene(aggregate: str, sql: str, otherwise: str) -> str:
    """Or (and) over a group: decided by one true (false) row, else unknown as soon as one row is."""
    decided = "TRUE" if otherwise == "FALSE" else "FALSE"
    return f"CASE WHEN {aggregate}({sql}) = {decided} THEN {decided} WHEN COUNT({sql}) = COUNT(*) THEN {otherwise} END"


def best_first(pick: str, value: Value) -> str:
    """An order that puts the highest (lowest) first: measured numbers by lower, then upper bound."""
    way = "DESC" if pick == "highest" else "ASC"
    if isinstance(value, Measured):
        unbounded = f"CASE WHEN {value.high} IS NULL THEN 1 ELSE 0 END {way}"
        return f"{value.low} {way}, {unbounded}, {value.high} {way}"
    assert isinstance(value, Scalar)
    return f"{value.sql} {way}"


def band_shapes(table: BandTable) -> dict[str, Value]:
    """Columns of a knowledge table: numbers with as many decimals as its rows really have."""
    kinds: dict[str, Kind] = {**table.columns}
    if table.banded:
        kinds |= {edge: "exact" for edge, _ in EDGES}
    shapes: dict[str, Value] = {}
    for name, kind in kinds.items():
        scales = [literal(row[name], kind).scale for row in table.rows if row[name] is not None]
        shapes[name] = Scalar("", kind, max(scales, default=0))
    return shapes


def band_select(table: BandTable, dialect: Dialect) -> str:
    """The rows of a knowledge table."""
    shapes = band_shapes(table)
    rows = [[_cell(row[name], shape) for name, shape in _scalars(shapes)] for row in table.rows]
    columns = ", ".join(f"CAST({quoted(name)} AS {_type(shape)}) AS {quoted(name)}" for name, shape in _scalars(shapes))
    return f"SELECT {columns}\nFROM {dialect.rows([quoted(name) for name in shapes], rows)}"


def _cell(value: Decimal | str | None, shape: Scalar) -> str:
    """A cell as SQL: every number with the decimals of its column, lest a common type cut some off."""
    if value is None:
        return "NULL"
    return scaled(literal(value, shape.kind), shape.scale).sql


def _type(shape: Scalar) -> str:
    return f"DECIMAL(38,{shape.scale})" if shape.kind == "exact" else TYPES[shape.kind]


def _scalars(shapes: Shapes) -> list[tuple[str, Scalar]]:
    return [(name, shape) for name, shape in shapes.items() if isinstance(shape, Scalar)]
