"""From a program to statements of SQL, and from their tables back to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from ....record.tables import TABLES, Range, Row
from ...model import Program, names
from ...outcome import FactValue, Outcome, RuleTruth
from ...values import Ratio as RatioValue
from .expressions import Env, Measured, Ratio, Scalar, Value, flat, listed, quoted, stored, truth, value_of
from .facts import FactSql, found
from .load import create_visible, event_shapes, load
from .views import ViewSql, create_band, table_name

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

    ``records`` are (patient, event rows by table); ``hide`` names (patient, fact) whose state is set to missing. Temporary
    tables are made on ``connection`` (a fresh one when None) and dropped again. Events behind an answer are the reference
    engine's business: the outcomes have none.
    """
    plan = compile_program(program)
    on = connection or duckdb.connect()
    try:
        load(on, records, snapshots, plan.tables)
        for statement in plan.statements:
            on.execute(statement)
        for fact, patients in _by_fact(hide).items():
            on.execute(plan.hide(fact), [patients])
        for statement in plan.conclusions:
            on.execute(statement)
        return plan.outcomes(on)
    finally:
        for name in plan.made if connection else ():
            on.execute(f"DROP TABLE IF EXISTS {name}")
        if connection is None:
            on.close()


def _by_fact(hide: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    patients: dict[str, list[str]] = {}
    for patient, fact in hide:
        patients.setdefault(fact, []).append(patient)
    return patients


@dataclass(slots=True)
class Plan:
    """The SQL of a program: ``statements`` up to the table ``facts``, then ``conclusions`` (tables ``states``, ``rules``)."""

    program: Program
    tables: list[str]  # event tables that are needed
    statements: list[str] = field(default_factory=list)
    conclusions: list[str] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)  # shapes of facts, derived facts and definitions
    made: list[str] = field(default_factory=list)

    def hide(self, fact: str) -> str:
        """The statement that takes a fact away from some patients."""
        columns = [f"{quoted(f'{fact}__state')} = 'missing'", f"{quoted(f'{fact}__day')} = NULL"]
        columns += [f"{quoted(column)} = NULL" for column, _ in flat(fact, self.values[fact])]
        return f"UPDATE facts SET {', '.join(columns)} WHERE patient IN (SELECT UNNEST($1::VARCHAR[]))"

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
        case Ratio():
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

    views: list[str] = []
    for view in program.views.values():
        builder = ViewSql(columns_of, program.tables)
        views.append(builder.create(view))
        shapes[view.name] = builder.shapes
    facts = FactSql(columns_of)
    fact_statements = facts.statements(program.facts.values())
    needed = [table for table in TABLES if table in shapes]
    plan = Plan(program, needed, values=dict(facts.values))
    plan.statements += [create_visible(table) for table in needed]
    plan.statements += [create_band(table) for table in program.tables.values()]
    plan.statements += [*views, *fact_statements]
    plan.conclusions = [_states(program, plan.values), _rules(program, plan.values)]
    plan.made = [
        *(quoted(f"band_{name}") for name in program.tables),
        *(quoted(f"event_{name}") for name in needed),
        *(table_name(name) for name in shapes),
        *(found(name) for name in facts.sources),
        *("snapshot", "facts", "states", "rules"),
    ]
    return plan


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
    return f"CREATE TEMP TABLE states AS\nWITH {', '.join(ctes)}\nSELECT * FROM layer{len(layers)}"


def _env(program: Program, values: Mapping[str, Value]) -> Env:
    row = {name: stored(name, shape, "r") for name, shape in values.items()}
    return Env(row, "r.as_of", states={name: f"r.{quoted(f'{name}__state')}" for name in program.facts})


def _rules(program: Program, values: Mapping[str, Value]) -> str:
    env = _env(program, values)
    columns = []
    for name, rule in program.rules.items():
        unless = "FALSE" if rule.unless is None else truth(rule.unless, env)
        columns += [f"{truth(rule.when, env)} AS {quoted(f'{name}__when')}", f"{unless} AS {quoted(f'{name}__unless')}"]
    return "CREATE TEMP TABLE rules AS\nSELECT " + ",\n  ".join(["r.patient, r.as_of", *columns]) + "\nFROM states AS r"
