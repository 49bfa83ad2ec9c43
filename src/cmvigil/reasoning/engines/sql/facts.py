"""Facts as SQL: two passes over each table find the rows of all its facts at once, then one statement gives their
states.

The first pass finds, for every condition on the table's rows, the place of the row that is wanted (``max`` or
``min`` of the place in the total order), how many rows there are, or their sum. The second takes the columns of
those rows. So a fact costs a few columns, not a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ...model import Elsewhere, Expr, Fact
from .dialect import Dialect
from .expressions import (
    Env,
    Measured,
    Scalar,
    Value,
    each_typed,
    flat,
    known,
    listed,
    only_if,
    quoted,
    stored,
    truth,
    typed,
    zero,
)
from .limits import JOINED_AT_ONCE, TABLE_WIDTH
from .views import Shapes, best_first, columns_in, table_name


@dataclass(slots=True)
class _Source:
    """What facts want of one table: aggregates of the first and of the second pass, by column."""

    name: str
    table: str
    shapes: Shapes
    ranks: list[str] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)  # of rows, for the second pass
    second: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # condition -> column that holds the place of its last row

    @property
    def alias(self) -> str:
        """What the rows of what was found are called where facts are put together."""
        return f"at_{self.name}"

    @property
    def width(self) -> int:
        """Columns so far."""
        return len(self.first) + len(self.second)

    def select(self) -> str:
        """The rows of what was found."""
        rows = table_name(self.table)
        if self.ranks:
            ranks = ",\n  ".join(self.ranks)
            rows = f"(\nSELECT r.*,\n  {ranks}\nFROM {rows} AS r)"
        placed = f"SELECT r.patient, r.as_of,\n  {_columns(self.first)}\nFROM {rows} AS r\nGROUP BY r.patient, r.as_of"
        if not self.second:
            return placed
        marked = (
            f"SELECT r.*,\n  {_columns(self.marks)}\nFROM {table_name(self.table)} AS r\n"
            f"JOIN placed AS p ON {_same('p', 'r')}"
        )
        taken = f"SELECT r.patient, r.as_of,\n  {_columns(self.second)}\nFROM marked AS r\nGROUP BY r.patient, r.as_of"
        sides = (("p", self.first), ("t", self.second))
        both = ",\n  ".join(f"{side}.{quoted(name)}" for side, names in sides for name in names)
        return (
            f"WITH placed AS (\n{placed}),\nmarked AS (\n{marked}),\ntaken AS (\n{taken})\n"
            f"SELECT p.patient, p.as_of,\n  {both}\nFROM placed AS p\nJOIN taken AS t ON {_same('t', 'p')}"
        )


def _same(a: str, b: str) -> str:
    return f"{a}.patient = {b}.patient AND {a}.as_of = {b}.as_of"


_ROOM = 16
"""More columns than one fact ever adds to a source."""


def found(source: str) -> str:
    """The SQL table of what was found for facts in an event table or view."""
    return quoted(f"found_{source}")


def _columns(columns: Mapping[str, str]) -> str:
    return ",\n  ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())


@dataclass(slots=True)
class FactSql:
    """Collects the facts of a program; ``values`` are their shapes."""

    dialect: Dialect
    columns_of: Callable[[str], Shapes]
    sources: dict[str, _Source] = field(default_factory=dict)
    of_table: dict[str, list[_Source]] = field(default_factory=dict)  # of which the last takes more facts
    needs: dict[str, dict[str, None]] = field(default_factory=dict)  # sources whose rows decide a fact
    states: dict[str, str] = field(default_factory=dict)
    days: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def selects(self, facts: Iterable[Fact]) -> dict[str, str]:
        """Collect the facts; gives the tables of what was found for them, by name."""
        for fact in facts:
            self.add(fact)
        return {found(name): source.select() for name, source in self.sources.items()}

    def columns(self, own: Iterable[str]) -> list[str]:
        """The columns of :meth:`stated`."""
        return [
            column
            for name in own
            for column in (f"{name}__state", f"{name}__day", *(c for c, _ in flat(name, self.values[name])))
        ]

    def packed(self) -> list[list[str]]:
        """The facts in groups whose table is not too wide and joins few others; facts of one source stay together."""
        by_source = sorted(self.needs, key=lambda name: list(self.sources).index(next(iter(self.needs[name]))))
        groups: list[list[str]] = []
        width, joined = TABLE_WIDTH, set[str]()
        for name in by_source:
            own = 2 + len(flat(name, self.values[name]))
            if width + own > TABLE_WIDTH or len(joined | self.needs[name].keys()) > JOINED_AT_ONCE:
                groups.append([])
                width, joined = 0, set()
            groups[-1].append(name)
            width += own
            joined |= self.needs[name].keys()
        return groups

    def stated(self, own: Iterable[str]) -> str:
        """State, day and value of some facts, with a row for every snapshot."""
        columns: dict[str, str] = {}
        final: dict[str, Value] = {}
        for name in own:
            columns |= {f"{name}__state": self.states[name], f"{name}__day": self.days[name]}
            columns |= dict(flat(f"{name}__found", self.values[name]))
            final[name] = self.visible(name, stored(f"{name}__found", self.values[name], "f"))
            final[f"{name}__state"] = Scalar(f"f.{quoted(f'{name}__state')}", "text")
            final[f"{name}__day"] = Scalar(f"f.{quoted(f'{name}__day')}", "date")
        needed = {source: self.sources[source].alias for name in own for source in self.needs[name]}
        joins = "".join(f"\nLEFT JOIN {found(name)} AS {at} ON {_same(at, 's')}" for name, at in needed.items())
        stated = f"SELECT s.patient, s.as_of,\n  {_columns(columns)}\nFROM batch AS s{joins}"
        kept = f"SELECT f.patient, f.as_of,\n  {listed(final)}\nFROM found AS f"
        return f"WITH found AS {self.dialect.materialized}(\n{stated})\n{kept}"

    def visible(self, name: str, value: Value) -> Value:
        """What rules see: the value of a known fact, false or zero for an absent one, else unknown."""
        state = f"f.{quoted(f'{name}__state')}"
        if not isinstance(value, Measured) and not (isinstance(value, Scalar) and value.kind in ("bool", "exact")):
            return only_if(f"{state} = 'known'", value)
        nothing = {"bool": "FALSE", "exact": zero(value.scale)}
        return each_typed(
            value, lambda sql, kind: f"CASE {state} WHEN 'known' THEN {sql} WHEN 'absent' THEN {nothing[kind]} END"
        )

    # -- one fact ----------------------------------------------------------------------------------------------------
    def source(self, table: str) -> _Source:
        """The source of a table that takes more columns."""
        own = self.of_table.setdefault(table, [])
        if not own or own[-1].width > TABLE_WIDTH - _ROOM:
            name = f"{table}_{len(own) + 1}" if own else table
            own.append(_Source(name, table, self.columns_of(table)))
            self.sources[name] = own[-1]
        return own[-1]

    def add(self, fact: Fact) -> None:
        """Ask the sources for what the fact needs, and put its state together."""
        source, name = self.source(fact.table), fact.name
        self.needs[name] = {source.name: None}
        row = columns_in(source.shapes, "r")
        at = source.alias
        condition = self.condition(fact.where, row)
        if fact.pick == "any":
            last = self.last(fact, fact.table, fact.where, name)
            self.days[name] = self.day(fact, last.day)
            tests = [f"WHEN {last.place} IS NULL THEN {self.without_rows(fact)}", *self.stale(fact, last.day)]
            self.states[name] = f"CASE {' '.join(tests)} ELSE 'known' END"
            self.values[name] = Scalar("TRUE", "bool")
            return
        if fact.pick in ("count", "sum"):
            self.add_number(fact, source, row, condition)
            return
        place = self.placed(fact, source, row, condition)
        column = row[fact.take]
        self.values[name] = stored(name, column, at)
        here = self.mark(source, f"{name}__here", f"r.__ord = p.{quoted(place)}")
        for part, sql, kind in typed(name, column):
            source.second[part] = f"{self.dialect.largest(kind)}(CASE WHEN {here} THEN {sql} END)"
        source.second[f"{name}__day"] = f"MAX(CASE WHEN {here} THEN r.day END)"
        day = f"{at}.{quoted(f'{name}__day')}"
        tests = [f"WHEN {at}.{quoted(place)} IS NULL THEN {self.without_rows(fact)}"]
        if fact.conflict:
            source.second[f"{name}__conflict"] = self.conflict(fact, source, row, condition)
            tests.append(f"WHEN {at}.{quoted(f'{name}__conflict')} THEN 'conflicting'")
        tests.append(f"WHEN NOT {known(self.values[name])} THEN {self.unusable(fact, source, row, here)}")
        tests += self.stale(fact, day)
        self.states[name] = f"CASE {' '.join(tests)} ELSE 'known' END"
        self.days[name] = self.day(fact, day)

    def last(self, fact: Fact, table: str, where: Expr | None, name: str) -> _Last:
        """Place and day of the last row for which ``where`` is true. Asked for once per condition."""
        condition = self.condition(where, columns_in(self.columns_of(table), "r"))
        asked = [source for source in self.of_table.get(table, ()) if condition in source.places]
        source = asked[0] if asked else self.source(table)
        if not asked:
            source.places[condition] = name
            source.first[name] = f"MAX({_if(condition, 'r.__ord')})"
            source.first[f"{name}__day"] = f"MAX({_if(condition, 'r.day')})"
        self.needs[fact.name][source.name] = None
        column = source.places[condition]
        return _Last(f"{source.alias}.{quoted(column)}", f"{source.alias}.{quoted(f'{column}__day')}")

    def placed(self, fact: Fact, source: _Source, row: Mapping[str, Value], condition: str) -> str:
        """Ask for the place of the picked row (and its moment, to look for conflicts); gives the column's name."""
        name = f"{fact.name}__place"
        wanted = condition
        if fact.pick in ("highest", "lowest"):
            unknown_last = f"CASE WHEN {known(row[fact.by])} THEN 0 ELSE 1 END"
            order = f"{_if(condition, '0', '1')}, {unknown_last}, {best_first(fact.pick, row[fact.by])}, r.__ord DESC"
            source.ranks.append(
                f"ROW_NUMBER() OVER (PARTITION BY r.patient, r.as_of ORDER BY {order}) AS {quoted(name)}"
            )
            wanted = " AND ".join([f"r.{quoted(name)} = 1", *([condition] if condition else [])])
        edge = "MIN" if fact.pick == "first" else "MAX"
        source.first[name] = f"{edge}({_if(wanted, 'r.__ord')})"
        if fact.conflict == "same_time":
            source.first[f"{fact.name}__moment"] = f"{edge}({_if(wanted, 'r.__moment')})"
        return name

    def add_number(self, fact: Fact, source: _Source, row: Mapping[str, Value], condition: str) -> None:
        at, last = source.alias, self.last(fact, fact.table, fact.where, fact.name)
        self.days[fact.name] = self.day(fact, last.day)
        source.first[f"{fact.name}__count"] = f"COUNT({_if(condition, '1')})"
        number = Scalar(f"{at}.{quoted(f'{fact.name}__count')}", "exact")
        unknown = ""
        if fact.pick == "sum":
            part = row[fact.take]
            assert isinstance(part, Scalar)
            source.first[f"{fact.name}__sum"] = f"SUM({_if(condition, part.sql)})"
            source.first[f"{fact.name}__parts"] = f"COUNT({_if(condition, part.sql)})"
            unknown = f"WHEN {at}.{quoted(f'{fact.name}__parts')} < {number.sql} THEN 'missing' "
            number = Scalar(f"{at}.{quoted(f'{fact.name}__sum')}", "exact", part.scale)
        self.values[fact.name] = number
        self.states[fact.name] = (
            f"CASE WHEN {last.place} IS NULL THEN {self.without_rows(fact)} {unknown}ELSE 'known' END"
        )

    @staticmethod
    def mark(source: _Source, name: str, test: str) -> str:
        """Mark the rows for which a test holds; gives the SQL that reads the mark."""
        source.marks[name] = test
        return f"r.{quoted(name)}"

    def conflict(self, fact: Fact, source: _Source, row: Mapping[str, Value], condition: str) -> str:
        """Whether the rows at the picked moment (or all of them) have more than one known value."""
        value = row[fact.take]
        conditions = [known(value), *([condition] if condition else [])]
        if fact.conflict == "same_time":
            conditions.append(f"r.__moment = p.{quoted(f'{fact.name}__moment')}")
        one = self.mark(source, f"{fact.name}__one", " AND ".join(conditions))
        tests = []
        for name, sql, kind in typed("", value):
            column = _if(one, sql)
            tests.append(f"{self.dialect.smallest(kind)}({column}) <> {self.dialect.largest(kind)}({column})")
            if name.endswith("__high"):  # some rows without an upper bound, others with one
                tests.append(f"COUNT({column}) NOT IN (0, COUNT({_if(one, '1')}))")
        return f"COALESCE({' OR '.join(tests)}, FALSE)"

    def unusable(self, fact: Fact, source: _Source, row: Mapping[str, Value], here: str) -> str:
        """State of a fact whose picked row has no value: unusable when the row says why, else missing."""
        if "problem" not in row:
            return "'missing'"
        problem = row["problem"]
        assert isinstance(problem, Scalar)
        said = f"{problem.sql} <> ''"
        if fact.table == "measurement" and fact.take == "number":
            said = f"{said} OR {known(row['value'])}"
        source.second[f"{fact.name}__problem"] = f"MAX(CASE WHEN {here} AND ({said}) THEN 1 END)"
        return f"CASE WHEN {source.alias}.{quoted(f'{fact.name}__problem')} = 1 THEN 'unusable' ELSE 'missing' END"

    def condition(self, where: Expr | None, row: Mapping[str, Value]) -> str:
        return "" if where is None else truth(where, Env(self.dialect, row, "r.as_of"))

    def stale(self, fact: Fact, day: str) -> list[str]:
        if fact.fresh is None:
            return []
        return [f"WHEN {day} <= {self.dialect.add_days('s.as_of', '-', str(fact.fresh))} THEN 'stale'"]

    # -- no row of its own -------------------------------------------------------------------------------------------
    def elsewhere(self, fact: Fact) -> list[tuple[str, _Last]]:
        """State and row for every other place that says something about a fact without rows, in order."""
        places: list[tuple[str, Elsewhere]] = [("unusable", e) for e in fact.unusable] + [
            ("absent", e) for e in fact.absent
        ]
        return [
            (state, self.last(fact, other.table, other.where, f"{fact.name}__{state}_{number}"))
            for number, (state, other) in enumerate(places)
        ]

    def without_rows(self, fact: Fact) -> str:
        tests = " ".join(f"WHEN {row.place} IS NOT NULL THEN '{state}'" for state, row in self.elsewhere(fact))
        return f"CASE {tests} ELSE 'missing' END" if tests else "'missing'"

    def day(self, fact: Fact, own: str) -> str:
        others = [row.day for _, row in self.elsewhere(fact)]
        return f"COALESCE({', '.join([own, *others])})" if others else own


@dataclass(frozen=True, slots=True)
class _Last:
    """SQL for the last row of some condition: its place in the total order (NULL: no such row) and its day."""

    place: str
    day: str


def _if(condition: str, then: str, otherwise: str = "") -> str:
    """``then`` where the condition is true (always, when there is none)."""
    if not condition:
        return then
    return f"CASE WHEN {condition} THEN {then}{f' ELSE {otherwise}' if otherwise else ''} END"
