"""Facts, definitions and rules of one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any, cast

from ....record.tables import TABLES, Row
from ... import values as v
from ...evaluate import Env, compiled, evaluate
from ...model import Expr, Fact, Program
from ...outcome import FactValue, Outcome, RuleTruth, hidden
from .operators import KEYS, STEPS, made_by
from .rows import ORDER, TRAIL, RowDict, Sorted, Store, in_order, moment_of, narrowing_of, order_of, pick_row, trail_of

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
        self.store = Store(rows, as_of)
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
        start, stop = narrowing_of(where).between(self.as_of, {}, days)
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
            return FactValue("known", Decimal(len(rows)), Decimal(len(rows)), rows[-1]["day"], trail_of(*rows))
        if fact.pick == "sum":
            return self.total(fact, rows)
        picked = pick_row(fact.pick, fact.by, rows)
        shown = True if fact.pick == "any" else picked[fact.take]
        day, events = picked["day"], picked[TRAIL]
        if self.conflicts(fact, rows, picked):
            return FactValue("conflicting", None, shown, day, trail_of(*rows), "results disagree")
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
                return FactValue("unusable", None, None, rows[-1]["day"], trail_of(*rows), other.why)
        for other in fact.absent:
            rows = self.rows_of(other.table, other.where)
            if rows:
                return FactValue("absent", v.zero(fact.of), None, rows[-1]["day"], rows[-1][TRAIL])
        return FactValue("missing")

    def total(self, fact: Fact, rows: list[RowDict]) -> FactValue:
        parts = [row[fact.take] for row in rows]
        if None in parts:
            return FactValue("missing", None, None, rows[-1]["day"], trail_of(*rows), "a part is not known")
        total = sum(parts, Decimal(0))
        return FactValue("known", total, total, rows[-1]["day"], trail_of(*rows))

    def conflicts(self, fact: Fact, rows: list[RowDict], picked: RowDict) -> bool:
        if not fact.conflict or fact.pick == "any":
            return False
        same = rows if fact.conflict == "ever" else [r for r in rows if moment_of(r) == moment_of(picked)]
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
                rows = STEPS[step.op](self, step.args, rows)
                if not KEYS.isdisjoint(made_by(step)):
                    for row in rows:
                        row[ORDER] = order_of(row)
            self.views[name] = sorted(rows, key=in_order)
        return self.views[name]

    def any_table(self, name: str, where: Expr | None = None) -> list[RowDict]:
        return self.store.rows(name, where)[0] if name in TABLES else self.view(name)

    def value(self, node: Any, row: RowDict, side: Mapping[str, Any] | None = None) -> Any:
        return evaluate(node, Env(self.as_of, row, side or {}))
