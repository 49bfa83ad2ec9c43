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
from .expressions import (
    Env,
    Measured,
    Scalar,
    Value,
    each_column,
    flat,
    known,
    listed,
    only_if,
    quoted,
    stored,
    truth,
    zero,
)
from .views import Shapes, best_first, columns_in, table_name


@dataclass(slots=True)
class _Source:
    """Everything that facts want of one table: aggregates of the first and of the second pass, by column."""

    table: str
    shapes: Shapes
    ranks: list[str] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)
    second: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # condition -> column that holds the place of its last row

    def select(self) -> str:
        """The rows of the table of what was found."""
        rows = table_name(self.table)
        if self.ranks:
            ranks = ",\n  ".join(self.ranks)
            rows = f"(\nSELECT r.*,\n  {ranks}\nFROM {rows} AS r)"
        placed = f"SELECT r.patient, r.as_of,\n  {_columns(self.first)}\nFROM {rows} AS r\nGROUP BY r.patient, r.as_of"
        if not self.second:
            return placed
        taken = (
            f"SELECT r.patient, r.as_of,\n  {_columns(self.second)}\nFROM {table_name(self.table)} AS r\n"
            f"JOIN placed AS p ON {_same('p', 'r')}\nGROUP BY r.patient, r.as_of"
        )
        both = [f"{side}.{quoted(name)}" for side, names in (("p", self.first), ("t", self.second)) for name in names]
        return (
            f"WITH placed AS (\n{placed}),\ntaken AS (\n{taken})\n"
            f"SELECT p.patient, p.as_of, {', '.join(both)}\nFROM placed AS p\nJOIN taken AS t ON {_same('t', 'p')}"
        )


def _same(a: str, b: str) -> str:
    return f"{a}.patient = {b}.patient AND {a}.as_of = {b}.as_of"


_JOINED_AT_ONCE = 8


def found(table: str) -> str:
    """The SQL table of what was found for facts in an event table or view."""
    return quoted(f"found_{table}")


def _columns(columns: Mapping[str, str]) -> str:
    return ",\n  ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())


@dataclass(slots=True)
class FactSql:
    """Collects the facts of a program; ``values`` are their shapes."""

    columns_of: Callable[[str], Shapes]
    sources: dict[str, _Source] = field(default_factory=dict)
    facts_of: dict[str, list[str]] = field(default_factory=dict)
    asks: dict[str, dict[str, None]] = field(default_factory=dict)  # other tables that a table's facts look at
    states: dict[str, str] = field(default_factory=dict)
    days: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def selects(self, facts: Iterable[Fact]) -> dict[str, str]:
        """Tables by name, the last of them ``facts``: value, state and day of each fact. Each needs only those
        before it.
        """
        for fact in facts:
            self.add(fact)
        made = {found(source.table): source.select() for source in self.sources.values()}
        parts = ["snapshot"]
        for table, own in self.facts_of.items():
            parts.append(quoted(f"facts_{table}"))
            made[parts[-1]] = self.stated(table, own)
        # A join carries every column through; joining a few tables at a time keeps that cheap.
        while len(parts) > 1:
            groups = [parts[at : at + _JOINED_AT_ONCE] for at in range(0, len(parts), _JOINED_AT_ONCE)]
            parts = []
            for group in groups:
                parts.append(f"facts_part_{len(made)}")
                made[parts[-1]] = f"SELECT *\nFROM {group[0]}" + "".join(
                    f"\nJOIN {t} USING (patient, as_of)" for t in group[1:]
                )
        made["facts"] = f"SELECT *\nFROM {parts[0]}"
        return made

    def stated(self, table: str, own: list[str]) -> str:
        """The facts of one table, with a row for every snapshot."""
        columns: dict[str, str] = {}
        final: dict[str, Value] = {}
        for name in own:
            columns |= {f"{name}__state": self.states[name], f"{name}__day": self.days[name]}
            columns |= dict(flat(f"{name}__found", self.values[name]))
            final[name] = self.visible(name, stored(f"{name}__found", self.values[name], "f"))
            final[f"{name}__state"] = Scalar(f"f.{quoted(f'{name}__state')}", "text")
            final[f"{name}__day"] = Scalar(f"f.{quoted(f'{name}__day')}", "date")
        needed = {table: None, **self.asks[table]}
        joins = "".join(f"\nLEFT JOIN {found(t)} AS {_alias(t)} ON {_same(_alias(t), 's')}" for t in needed)
        stated = f"SELECT s.patient, s.as_of,\n  {_columns(columns)}\nFROM snapshot AS s{joins}"
        return f"WITH found AS (\n{stated})\nSELECT f.patient, f.as_of,\n  {listed(final)}\nFROM found AS f"

    def visible(self, name: str, value: Value) -> Value:
        """What rules see: the value of a known fact, false or zero for an absent one, else unknown."""
        state = f"f.{quoted(f'{name}__state')}"
        shown = only_if(f"{state} = 'known'", value)
        match shown:
            case Scalar(kind="bool"):
                return Scalar(f"CASE WHEN {state} = 'absent' THEN FALSE ELSE {shown.sql} END", "bool")
            case Scalar(kind="exact"):
                nothing = zero(shown.scale)
                return each_column(shown, lambda sql: f"CASE WHEN {state} = 'absent' THEN {nothing} ELSE {sql} END")
            case Measured():
                nothings = (zero(shown.scale), "FALSE") * 2
                columns = zip(nothings, (sql for _, sql in flat("", shown)), strict=True)
                return Measured.of(
                    (f"CASE WHEN {state} = 'absent' THEN {a} ELSE {b} END" for a, b in columns), shown.scale
                )
            case _:
                return shown

    # -- one fact ----------------------------------------------------------------------------------------------------
    def source(self, table: str) -> _Source:
        if table not in self.sources:
            self.sources[table] = _Source(table, self.columns_of(table))
        return self.sources[table]

    def add(self, fact: Fact) -> None:
        """Ask the sources for what the fact needs, and put its state together."""
        source, name = self.source(fact.table), fact.name
        self.facts_of.setdefault(fact.table, []).append(name)
        self.asks.setdefault(fact.table, {}).update((e.table, None) for e in (*fact.unusable, *fact.absent))
        row = columns_in(source.shapes, "r")
        at = _alias(fact.table)
        condition = _condition(fact.where, row)
        if fact.pick == "any":
            last = self.last(fact.table, fact.where, name)
            self.days[name] = self.day(fact, last.day)
            tests = [f"WHEN {last.place} IS NULL THEN {self.without_rows(fact)}", *_stale(fact, last.day)]
            self.states[name] = f"CASE {' '.join(tests)} ELSE 'known' END"
            self.values[name] = Scalar("TRUE", "bool")
            return
        if fact.pick in ("count", "sum"):
            self.add_number(fact, row, condition)
            return
        place = self.placed(fact, source, row, condition)
        column = row[fact.take]
        self.values[name] = stored(name, column, at)
        here = f"r.__ord = p.{quoted(place)}"
        for part, sql in flat(name, column):
            source.second[part] = f"MAX(CASE WHEN {here} THEN {sql} END)"
        source.second[f"{name}__day"] = f"MAX(CASE WHEN {here} THEN r.day END)"
        day = f"{at}.{quoted(f'{name}__day')}"
        tests = [f"WHEN {at}.{quoted(place)} IS NULL THEN {self.without_rows(fact)}"]
        if fact.conflict:
            source.second[f"{name}__conflict"] = self.conflict(fact, row, condition)
            tests.append(f"WHEN {at}.{quoted(f'{name}__conflict')} THEN 'conflicting'")
        tests.append(f"WHEN NOT {known(self.values[name])} THEN {self.unusable(fact, source, row, here)}")
        tests += _stale(fact, day)
        self.states[name] = f"CASE {' '.join(tests)} ELSE 'known' END"
        self.days[name] = self.day(fact, day)

    def last(self, table: str, where: Expr | None, name: str) -> _Last:
        """Place and day of the last row for which ``where`` is true. Asked for once per condition."""
        source = self.source(table)
        condition = _condition(where, columns_in(source.shapes, "r"))
        if condition not in source.places:
            source.places[condition] = name
            source.first[name] = f"MAX({_if(condition, 'r.__ord')})"
            source.first[f"{name}__day"] = f"MAX({_if(condition, 'r.day')})"
        column = source.places[condition]
        return _Last(f"{_alias(table)}.{quoted(column)}", f"{_alias(table)}.{quoted(f'{column}__day')}")

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

    def add_number(self, fact: Fact, row: Mapping[str, Value], condition: str) -> None:
        source, at = self.source(fact.table), _alias(fact.table)
        last = self.last(fact.table, fact.where, fact.name)
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

    def conflict(self, fact: Fact, row: Mapping[str, Value], condition: str) -> str:
        """Whether the rows at the picked moment (or all of them) have more than one known value."""
        value = row[fact.take]
        conditions = [known(value), *([condition] if condition else [])]
        if fact.conflict == "same_time":
            conditions.append(f"r.__moment = p.{quoted(f'{fact.name}__moment')}")
        one = " AND ".join(conditions)
        tests = []
        for _, sql in flat("", value):
            column = _if(one, sql)
            tests.append(f"MIN({column}) <> MAX({column})")
            if not isinstance(value, Scalar):
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
        return (
            f"CASE WHEN {_alias(fact.table)}.{quoted(f'{fact.name}__problem')} = 1 THEN 'unusable' ELSE 'missing' END"
        )

    # -- no row of its own -------------------------------------------------------------------------------------------
    def elsewhere(self, fact: Fact) -> list[tuple[str, _Last]]:
        """State and row for every other place that says something about a fact without rows, in order."""
        places: list[tuple[str, Elsewhere]] = [("unusable", e) for e in fact.unusable] + [
            ("absent", e) for e in fact.absent
        ]
        return [
            (state, self.last(other.table, other.where, f"{fact.name}__{state}_{number}"))
            for number, (state, other) in enumerate(places)
        ]

    def without_rows(self, fact: Fact) -> str:
        tests = " ".join(f"WHEN {row.place} IS NOT NULL THEN '{state}'" for state, row in self.elsewhere(fact))
        return f"CASE {tests} ELSE 'missing' END" if tests else "'missing'"

    def day(self, fact: Fact, own: str) -> str:
        return f"COALESCE({', '.join([own, *(row.day for _, row in self.elsewhere(fact))])})"


@dataclass(frozen=True, slots=True)
class _Last:
    """SQL for the last row of some condition: its place in the total order (NULL: no such row) and its day."""

    place: str
    day: str


def _stale(fact: Fact, day: str) -> list[str]:
    return [] if fact.fresh is None else [f"WHEN {day} <= s.as_of - {fact.fresh} THEN 'stale'"]


def _condition(where: Expr | None, row: Mapping[str, Value]) -> str:
    return "" if where is None else truth(where, Env(row, "r.as_of"))


def _if(condition: str, then: str, otherwise: str = "") -> str:
    """``then`` where the condition is true (always, when there is none)."""
    if not condition:
        return then
    return f"CASE WHEN {condition} THEN {then}{f' ELSE {otherwise}' if otherwise else ''} END"


def _alias(table: str) -> str:
    return f"at_{table}"
