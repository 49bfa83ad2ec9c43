"""From a program to statements of SQL, and from their tables back to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from ....record.tables import TABLES, Range, Row
from ...model import Program, names
from ...outcome import FactValue, Outcome, RuleTruth
from ...values import Ratio as RatioValue
from .expressions import Env, Measured, Scalar, Value, flat, listed, literal, quoted, stored, truth, value_of
from .facts import FactSql
from .load import create_table, event_shapes, load, visible_select
from .views import ViewSql, band_name, band_select, table_name

Records = Iterable[tuple[str, Mapping[str, Iterable[Row]]]]
Key = tuple[str, date]


def run(
    program: Program,
    records: Records,
    snapshots: Iterable[Key],
    hide: Iterable[tuple[str, str]] = (),
    connection: duckdb.DuckDBPyConnection | None = None,
) -> dict[Key, Outcome]:
    """Evaluate every snapshot: facts (state, value, day), derived facts, definitions and both halves of every rule.

    ``records`` are (patient, event rows by table); ``hide`` names (patient, fact) whose state is set to missing.
    Temporary tables are made on ``connection`` (a fresh one when None) and dropped again. Events behind an answer
    are the reference engine's business: the outcomes have none.
    """
    plan = compile_program(program)
    on = connection or duckdb.connect()
    made = ["snapshot", "hidden", *(quoted(f"event_{table}") for table in plan.events), *plan.tables, *plan.conclusions]
    try:
        load(on, records, snapshots, plan.events)
        for name, select in plan.tables.items():
            on.execute(f"CREATE TEMP TABLE {name} AS\n{select}")
        hidden = sorted(set(hide))
        if hidden:
            create_table(on, "hidden", {"patient": "VARCHAR", "fact": "VARCHAR"}, hidden)
            on.execute(plan.hide({fact for _, fact in hidden}))
        for name, select in plan.conclusions.items():
            on.execute(f"CREATE TEMP TABLE {name} AS\n{select}")
        return plan.outcomes(on)
    finally:
        if connection is None:
            on.close()
        else:
            on.execute("".join(f"DROP TABLE IF EXISTS {name};" for name in made))


@dataclass(slots=True)
class Plan:
    """The SQL of a program, table by table: up to ``facts``, then its ``conclusions`` (``states`` and ``rules``)."""

    program: Program
    events: list[str]  # event tables that are needed
    tables: dict[str, str]
    conclusions: dict[str, str]
    values: dict[str, Value]  # shapes of facts, derived facts and definitions

    def hide(self, facts: Iterable[str]) -> str:
        """The statement that takes the facts of the table ``hidden`` away from their patients."""
        whose, changes = [], []
        for fact in sorted(facts):
            flag, state = quoted(f"{fact}__hidden"), f"{fact}__state"
            whose.append(f"BOOL_OR(fact = {literal(fact, 'text').sql}) AS {flag}")
            for column in (f"{fact}__day", *(name for name, _ in flat(fact, self.values[fact]))):
                changes.append(f"{quoted(column)} = CASE WHEN NOT h.{flag} THEN facts.{quoted(column)} END")
            changes.append(f"{quoted(state)} = CASE WHEN h.{flag} THEN 'missing' ELSE facts.{quoted(state)} END")
        found = f"SELECT patient,\n  {', '.join(whose)}\nFROM hidden GROUP BY patient"
        return f"UPDATE facts SET {', '.join(changes)}\nFROM ({found}) AS h WHERE h.patient = facts.patient"

    def outcomes(self, on: duckdb.DuckDBPyConnection) -> dict[Key, Outcome]:
        """Read the tables ``states`` (facts among them) and ``rules``."""
        read = on.execute("SELECT * FROM states")
        place = {description[0]: i for i, description in enumerate(read.description)}
        readers = {name: _reader(name, shape, place) for name, shape in self.values.items()}
        made: dict[Key, Outcome] = {}
        for row in read.fetchall():
            out = made[row[0], row[1]] = Outcome(row[0], row[1])
            out.values = {name: value(row) for name, value in readers.items()}
            for name in self.program.facts:
                out.facts[name] = FactValue(
                    row[place[f"{name}__state"]], out.values[name], day=row[place[f"{name}__day"]]
                )
        for row in on.execute("SELECT * FROM rules").fetchall():
            halves = zip(self.program.rules, row[2::2], row[3::2], strict=True)
            made[row[0], row[1]].rules = {name: RuleTruth(when, unless) for name, when, unless in halves}
        return made


def _reader(name: str, shape: Value, place: Mapping[str, int]) -> Callable[[tuple[Any, ...]], Any]:
    at = [place[column] for column, _ in flat(name, shape)]
    match shape:
        case Scalar(kind="exact"):
            return lambda row: None if row[at[0]] is None else Decimal(row[at[0]])
        case Scalar():
            return lambda row: row[at[0]]
        case Measured():
            low, low_open, high, high_open = at
            return lambda row: None if row[low] is None else Range(row[low], row[high], row[low_open], row[high_open])
        case _:
            over = _reader(f"{name}__over", shape.over, place)
            under = _reader(f"{name}__under", shape.under, place)

            def ratio(row: tuple[Any, ...]) -> RatioValue | None:
                a, b = over(row), under(row)
                return None if a is None or b is None else RatioValue(a, b)

            return ratio


def compile_program(program: Program) -> Plan:
    """Turn a program into SQL. Nothing in it depends on the data."""
    shapes: dict[str, Mapping[str, Value]] = {}

    def columns_of(table: str) -> Mapping[str, Value]:
        return shapes[table] if table in shapes else shapes.setdefault(table, event_shapes(table))

    views: dict[str, str] = {}
    for view in program.views.values():
        builder = ViewSql(columns_of, program.tables)
        views[table_name(view.name)] = builder.select(view)
        shapes[view.name] = builder.shapes
    collected = FactSql(columns_of)
    facts = collected.selects(program.facts.values())
    events = [table for table in TABLES if table in shapes]
    tables = {table_name(table): visible_select(table) for table in events}
    tables |= {band_name(name): band_select(table) for name, table in program.tables.items()}
    values = dict(collected.values)
    conclusions = {"states": _states(program, values), "rules": _rules(program, values)}
    return Plan(program, events, {**tables, **views, **facts}, conclusions, values)


def _states(program: Program, values: dict[str, Value]) -> str:
    """Derived facts and definitions, layer upon layer: each needs only what stands in the layers before it."""
    depth: dict[str, int] = {}
    layers: list[dict[str, Value]] = []
    env = _env(program, values)
    for name in program.order:
        derived = program.derived.get(name)
        node = derived.value if derived else program.definitions[name].when
        depth[name] = max((depth.get(other, 0) for other in names(node)), default=0) + 1
        if depth[name] > len(layers):
            layers.append({})
        layers[depth[name] - 1][name] = value_of(node, env)
        values[name] = layers[depth[name] - 1][name]
        env = _env(program, values)
    ctes = ["layer0 AS (\nSELECT * FROM facts)"]
    for number, layer in enumerate(layers, 1):
        ctes.append(f"layer{number} AS (\nSELECT r.*,\n  {listed(layer)}\nFROM layer{number - 1} AS r)")
    return f"WITH {', '.join(ctes)}\nSELECT * FROM layer{len(layers)}"


def _env(program: Program, values: Mapping[str, Value]) -> Env:
    row = {name: stored(name, shape, "r") for name, shape in values.items()}
    return Env(row, "r.as_of", states={name: f"r.{quoted(f'{name}__state')}" for name in program.facts})


def _rules(program: Program, values: Mapping[str, Value]) -> str:
    env = _env(program, values)
    columns = []
    for name, rule in program.rules.items():
        unless = "FALSE" if rule.unless is None else truth(rule.unless, env)
        columns += [f"{truth(rule.when, env)} AS {quoted(f'{name}__when')}", f"{unless} AS {quoted(f'{name}__unless')}"]
    return "SELECT " + ",\n  ".join(["r.patient, r.as_of", *columns]) + "\nFROM states AS r"
