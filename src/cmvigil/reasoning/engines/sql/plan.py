"""From a program to the tables that answer it, in order, and from their rows back to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ....record.tables import TABLES, Range
from ...model import Expr, Program, Ref, StateIs, walk
from ...outcome import FactValue, Outcome, RuleTruth
from ...values import Ratio as RatioValue
from .dialect import Dialect
from .events import event_shapes, visible_select
from .expressions import Env, Measured, Scalar, Value, flat, listed, literal, quoted, stored, truth, value_of
from .facts import FactSql
from .limits import NAME_BYTES, STATEMENT_WIDTH, TABLE_WIDTH
from .needed import needed
from .views import ViewSql, band_name, band_select, table_name

Key = tuple[str, date]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The SQL of a program: SELECT statements by the quoted name of the table that each makes, in order.

    They read ``batch`` (the snapshots that are answered at once: the patient's ``name`` in the event tables, ``as_of``,
    and ``patient``, which all tables made here have instead of the name: the name itself, or a number, which joins
    faster), the event tables ``event_<name>`` named in ``events``, and tables made before them. All is in the spelling
    of ``dialect``.
    """

    program: Program
    dialect: Dialect
    events: tuple[str, ...]
    knowledge: Mapping[str, str]  # tables of the knowledge: the same for every batch
    rows: Mapping[str, str]  # what is visible, views, and what was found in them for facts
    facts: Mapping[str, str]  # state, day and value of every fact
    conclusions: Mapping[str, str]  # derived facts and definitions, then both halves of every rule
    values: Mapping[str, Value]  # shapes of facts, derived facts and definitions
    home: Mapping[str, str]  # in which table a column of facts and conclusions stands
    numbered: bool  # a number may stand for the patient's name: nobody reads it

    def tables(self) -> dict[str, str]:
        """Every table, in order."""
        return {**self.knowledge, **self.rows, **self.facts, **self.conclusions}

    def selected(self, columns: Iterable[str]) -> str:
        """A SELECT of these columns of facts and conclusions, behind ``patient`` (the name) and ``as_of``."""
        return self.dialect.written(_gathered({column: self.home[column] for column in columns}, "s.name AS patient"))

    def value_columns(self, name: str) -> list[str]:
        """The columns that hold a fact, derived fact or definition."""
        return [column for column, _ in flat(name, self.values[name])]

    def hidden(self, facts: Iterable[str]) -> dict[str, str]:
        """SELECTs that give tables of facts again, without the facts that the table ``hidden`` (``patient``, ``fact``)
        takes away from their patients.
        """
        wanted = sorted(set(facts))
        return {
            table: self.dialect.written(self._hidden(table, own))
            for table in self.facts
            if (own := [fact for fact in wanted if self.home[f"{fact}__state"] == table])
        }

    def _hidden(self, table: str, facts: list[str]) -> str:
        flags, columns = [], {column: f"f.{quoted(column)}" for column, home in self.home.items() if home == table}
        for fact in facts:
            flag, state = quoted(f"{fact}__hidden"), f"{fact}__state"
            one = f"CASE WHEN h.fact = {literal(fact, 'text').sql} THEN 1 ELSE 0 END"
            flags.append(f"MAX({one}) AS {flag}")
            for column in (f"{fact}__day", *self.value_columns(fact)):
                columns[column] = f"CASE WHEN COALESCE(h.{flag}, 0) = 0 THEN {columns[column]} END"
            columns[state] = f"CASE WHEN h.{flag} = 1 THEN 'missing' ELSE {columns[state]} END"
        whose = (
            f"SELECT b.patient,\n  {', '.join(flags)}\nFROM hidden AS h JOIN batch AS b ON b.name = h.patient\n"
            "GROUP BY b.patient"
        )
        listing = ",\n  ".join(f"{sql} AS {quoted(column)}" for column, sql in columns.items())
        source = f"{table} AS f\nLEFT JOIN ({whose}) AS h ON h.patient = f.patient"
        return f"SELECT f.patient, f.as_of,\n  {listing}\nFROM {source}"

    def outcomes(self, read: Callable[[str], Iterable[Row]]) -> dict[Key, Outcome]:
        """What the tables say; ``read`` gives the rows of a SELECT."""
        made: dict[Key, Outcome] = {}
        cells: dict[Key, dict[str, Any]] = {}
        for table in (*self.facts, *self.conclusions):
            own = [column for column, home in self.home.items() if home == table]
            for row in read(self.selected(own)):
                cells.setdefault((row[0], row[1]), {}).update(zip(own, row[2:], strict=True))
        for key, of in cells.items():
            out = made[key] = Outcome(*key)
            out.values = {name: _read(name, shape, of) for name, shape in self.values.items()}
            for name in self.program.facts:
                out.facts[name] = FactValue(of[f"{name}__state"], out.values[name], day=of[f"{name}__day"])
            out.rules = {name: RuleTruth(of[f"{name}__when"], of[f"{name}__unless"]) for name in self.program.rules}
        return made


def _read(name: str, shape: Value, of: Mapping[str, Any]) -> Any:
    """The value that the columns ``name`` of a row hold."""
    match shape:
        case Scalar():
            found = of[name]
            return Decimal(found) if shape.kind == "exact" and found is not None else found
        case Measured():
            low, low_open, high, high_open = (of[column] for column, _ in flat(name, shape))
            return None if low is None else Range(low, high, low_open, high_open)
        case _:
            over, under = _read(f"{name}__over", shape.over, of), _read(f"{name}__under", shape.under, of)
            return None if over is None or under is None else RatioValue(over, under)


def compile_program(program: Program, dialect: Dialect) -> Plan:
    """Turn a program into SQL. Nothing in it depends on the data.

    Raises ValueError when a name is longer than databases allow.
    """
    read = needed(program)
    events = tuple(table for table in TABLES if table in read.of)
    shapes: dict[str, Mapping[str, Value]] = {table: event_shapes(table, read.of[table]) for table in events}
    columns_of = shapes.__getitem__
    views: dict[str, str] = {}
    for view in program.views.values():
        if view.name not in read.of:
            continue
        builder = ViewSql(dialect, columns_of, program.tables, read)
        views[table_name(view.name)] = builder.select(view)
        shapes[view.name] = builder.shapes
    collected = FactSql(dialect, columns_of)
    found = collected.selects(program.facts.values())
    facts: dict[str, str] = {}
    home: dict[str, str] = {}
    for number, own in enumerate(collected.packed(), 1):
        table = quoted(f"facts_{number}")
        facts[table] = collected.stated(own)
        home |= dict.fromkeys(collected.columns(own), table)
    concluded = _Conclusions(program, dialect, dict(collected.values), home)
    conclusions = {**concluded.states(), **concluded.rules()}
    visible = {
        table_name(table): visible_select(table, dialect, read.of[table], moments=table in read.moments)
        for table in events
    }
    knowledge = {band_name(name): band_select(table, dialect) for name, table in program.tables.items()}
    _refuse_long_names(home)

    def spelled(selects: Mapping[str, str]) -> dict[str, str]:
        return {dialect.written(name): dialect.written(select) for name, select in selects.items()}

    return Plan(
        program,
        dialect,
        events,
        spelled(knowledge),
        spelled({**visible, **views, **found}),
        spelled(facts),
        spelled(conclusions),
        concluded.values,
        {column: dialect.written(table) for column, table in home.items()},
        numbered=not read.patient,
    )


def _refuse_long_names(columns: Iterable[str]) -> None:
    long = [column for column in columns if len(column.encode()) > NAME_BYTES]
    if long:
        raise ValueError(f"names that are too long for a database ({NAME_BYTES} bytes at most): {', '.join(long)}")


@dataclass(slots=True)
class _Conclusions:
    """Packs derived facts, definitions and rules into tables within the limits of width.

    A statement gathers the columns that its conclusions read, concludes layer upon layer (each needs only what stands
    before it) and keeps what it concluded. ``values`` and ``home`` grow on the way.
    """

    program: Program
    dialect: Dialect
    values: dict[str, Value]
    home: dict[str, str]
    row: dict[str, Value] = field(default_factory=dict)  # each value, as the columns of the row at hand
    env: Env = field(init=False)
    layers: list[dict[str, Value]] = field(default_factory=list)  # of the table that is being filled
    reads: dict[str, str] = field(default_factory=dict)  # its columns that stand in earlier tables, and where

    def __post_init__(self) -> None:
        states = {name: f"r.{quoted(f'{name}__state')}" for name in self.program.facts}
        self.env = Env(self.dialect, self.row, "r.as_of", states=states)
        for name, shape in self.values.items():
            self.know(name, shape)

    def know(self, name: str, value: Value) -> None:
        """Later conclusions may read this value."""
        self.values[name] = value
        self.row[name] = stored(name, value, "r")

    def states(self) -> dict[str, str]:
        """Tables of derived facts and definitions."""
        made: dict[str, str] = {}
        for name in self.program.order:
            derived = self.program.derived.get(name)
            node = derived.value if derived else self.program.definitions[name].when
            value = value_of(node, self.env)
            self.add({name: value}, [node], "states", made)
            self.know(name, value)
        self.close("states", made)
        return made

    def rules(self) -> dict[str, str]:
        """Tables of both halves of every rule."""
        made: dict[str, str] = {}
        for name, rule in self.program.rules.items():
            halves = [rule.when] if rule.unless is None else [rule.when, rule.unless]
            unless = "FALSE" if rule.unless is None else truth(rule.unless, self.env)
            own = {f"{name}__when": truth(rule.when, self.env), f"{name}__unless": unless}
            self.add({column: Scalar(sql, "bool") for column, sql in own.items()}, halves, "rules", made)
        self.close("rules", made)
        return made

    def add(self, own: Mapping[str, Value], nodes: Iterable[Expr], kind: str, made: dict[str, str]) -> None:
        """Put conclusions into the table that is being filled, or into the next when it has no room for them."""
        wanted = list(dict.fromkeys(column for node in nodes for column in self.columns_read(node)))
        width = len(self.columns_made()) + sum(len(flat(name, value)) for name, value in own.items())
        reads = self.reads | {column: self.home[column] for column in wanted if column in self.home}
        if width > TABLE_WIDTH or width + len(reads) > STATEMENT_WIDTH:
            self.close(kind, made)
            reads = {column: self.home[column] for column in wanted}
        self.reads = reads
        depth = max(
            (at for at, layer in enumerate(self.layers, 1) if not set(wanted).isdisjoint(_columns(layer))), default=0
        )
        if depth == len(self.layers):
            self.layers.append({})
        self.layers[depth] |= own

    def columns_read(self, node: Expr) -> Iterable[str]:
        for part in walk(node):
            if isinstance(part, Ref):
                yield from (column for column, _ in flat(part.name, self.values[part.name]))
            elif isinstance(part, StateIs):
                yield f"{part.fact}__state"

    def columns_made(self) -> list[str]:
        return [column for layer in self.layers for column in _columns(layer)]

    def close(self, kind: str, made: dict[str, str]) -> None:
        """Write the table that was filled and begin another."""
        if not self.layers:
            return
        parts = [f"layer0 AS {self.dialect.materialized}(\n{_gathered(self.reads)})"]
        for number, layer in enumerate(self.layers[:-1], 1):
            select = f"SELECT r.*,\n  {listed(layer)}\nFROM layer{number - 1} AS r"
            parts.append(f"layer{number} AS {self.dialect.materialized}(\n{select})")
        earlier = [f"r.{quoted(column)}" for layer in self.layers[:-1] for column in _columns(layer)]
        columns = ",\n  ".join(["r.patient, r.as_of", *earlier, listed(self.layers[-1])])
        table = quoted(f"{kind}_{len(made) + 1}")
        made[table] = f"WITH {', '.join(parts)}\nSELECT {columns}\nFROM layer{len(self.layers) - 1} AS r"
        self.home |= dict.fromkeys(self.columns_made(), table)
        self.layers, self.reads = [], {}


def _columns(values: Mapping[str, Value]) -> list[str]:
    return [column for name, value in values.items() for column, _ in flat(name, value)]


def _gathered(columns: Mapping[str, str], patient: str = "s.patient") -> str:
    """A SELECT of columns that stand in several tables, each of which has one row for every snapshot."""
    listing = ",\n  ".join([f"{patient}, s.as_of", *(f"{table}.{quoted(c)}" for c, table in columns.items())])
    joins = "".join(
        f"\nJOIN {table} ON {table}.patient = s.patient AND {table}.as_of = s.as_of"
        for table in dict.fromkeys(columns.values())
    )
    return f"SELECT {listing}\nFROM batch AS s{joins}"
