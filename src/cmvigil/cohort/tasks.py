"""Dated tasks of many patients: :func:`cmvigil.assess.schedule.tasks_of` as SQL, what is overdue and what is next.

Rules that say something bring a schedule; its days count from facts and are settled by facts, which are found in
batches for the patients of whom such a rule is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import duckdb

from ..reasoning.engines.duckdb import prepared
from ..reasoning.engines.sql import Plan
from ..reasoning.engines.sql.expressions import Scalar
from ..reasoning.engines.sql.run import in_batches
from ..reasoning.model import Program, names

KINDS = ("task", "advice", "alert")
"""Kinds of rules whose schedule is followed."""
_BATCH = 8_000
_TODAY = "as_of"
_COLUMNS = (
    "rule VARCHAR, place INTEGER, what VARCHAR, why VARCHAR, anchor VARCHAR, days INTEGER[], done VARCHAR, "
    "slack INTEGER"
)
Schedule = tuple[str, int, str, str, str, list[int], str, int]
"""A rule, the place of the series in it, what and why, the fact that its days count from, the days, the fact whose day
settles all tasks up to it, and the days by which one may lag behind.
"""


def found(
    on: duckdb.DuckDBPyConnection, program: Program, said: str, words: Callable[[str], str], *, dated: bool = True
) -> str:
    """SQL: of each series the newest task that is overdue and the next. It reads tables that :func:`dropped` drops.

    ``said`` is SQL for the patient, as_of, name and state of rules that are said; ``words`` makes those for many
    patients of a text. ``dated`` needs the events in the store; without, there is a row for each series, and no day.
    """
    rows = list(_schedules(program, words))
    on.execute(f"CREATE OR REPLACE TABLE task_schedule ({_COLUMNS})")
    on.executemany("INSERT INTO task_schedule VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows or [(None,) * 8])
    on.execute(f"CREATE OR REPLACE TABLE task_said AS FROM ({said}) WHERE name IN (SELECT rule FROM task_schedule)")
    on.execute("CREATE OR REPLACE TABLE task_day (patient VARCHAR, name VARCHAR, since DATE, done_on DATE)")
    wanted = {name for row in rows for name in (row[4], row[6]) if name in program.facts or name in program.derived}
    if dated and wanted:
        plan = prepared(_part(program, wanted))
        own = on.cursor()
        own.execute("CREATE OR REPLACE TEMP TABLE snapshot AS SELECT DISTINCT patient, as_of FROM task_said")
        for _ in in_batches(plan, own, _BATCH):
            own.execute(_days(plan, sorted(wanted)))
        own.close()
    day = f"CASE c.anchor WHEN '{_TODAY}' THEN s.as_of ELSE a.since END + unnest(c.days)" if dated else "NULL::DATE"
    return f"""
SELECT patient, as_of, rule, state, what, why, due, due < as_of AS overdue
FROM (
  SELECT s.patient, s.as_of, s.state, c.*, {day} AS due, d.done_on
  FROM task_said AS s JOIN task_schedule AS c ON c.rule = s.name
  LEFT JOIN task_day AS a ON a.patient = s.patient AND a.name = c.anchor
  LEFT JOIN task_day AS d ON d.patient = s.patient AND d.name = c.done
)
WHERE {"due IS NOT NULL AND (done_on IS NULL OR due > done_on + slack)" if dated else "TRUE"}
QUALIFY row_number() OVER (PARTITION BY patient, rule, place, due < as_of ORDER BY abs(due - as_of)) = 1
ORDER BY patient, due, rule, place"""


def dropped(on: duckdb.DuckDBPyConnection) -> None:
    """Drop the tables of :func:`found`."""
    for table in ("task_schedule", "task_said", "task_day"):
        on.execute(f"DROP TABLE IF EXISTS {table}")


def _schedules(program: Program, words: Callable[[str], str]) -> Iterator[Schedule]:
    for rule in program.rules.values():
        if rule.kind not in KINDS:
            continue
        for place, entry in enumerate(rule.schedule):
            first, every = _int(entry, "from", 0), _int(entry, "every", 7)
            days = list(range(first, _int(entry, "until", first) + 1, every))
            what, why = words(str(entry["what"])), words(str(entry.get("why", rule.headline)))
            anchor, done = str(entry.get("anchor", _TODAY)), str(entry.get("done", ""))
            yield rule.name, place, what, why, anchor, days, done, _int(entry, "slack", 1)


def _int(entry: Mapping[str, Any], key: str, default: int) -> int:
    return int(entry.get(key, default))


def _part(program: Program, wanted: set[str]) -> Program:
    """No more of the program than what these facts and derived facts need."""
    kept, left = set[str](), list(wanted)
    while left:
        name = left.pop()
        if name not in kept:
            kept.add(name)
            if name in program.derived:
                left += names(program.derived[name].value)
            elif name in program.definitions:
                left += names(program.definitions[name].when)
    return replace(
        program,
        rules={},
        facts={name: fact for name, fact in program.facts.items() if name in kept},
        derived={name: each for name, each in program.derived.items() if name in kept},
        definitions={name: each for name, each in program.definitions.items() if name in kept},
        order=tuple(name for name in program.order if name in kept),
    )


def _days(plan: Plan, wanted: list[str]) -> str:
    """The statement that keeps a batch's days: from which a schedule counts, and on which its tasks were done last."""
    reads, since, done = list[str](), list[str](), list[str]()
    for name in wanted:
        shape = plan.values[name]
        dated = isinstance(shape, Scalar) and shape.kind == "date"
        own, day = f'"{name}"' if dated else "NULL", "NULL"
        if name in plan.program.facts:
            state, day = f'"{name}__state"', f'"{name}__day"'
            own = f"coalesce({own}, CASE WHEN {state} = 'known' THEN {day} END)"
            day = f"CASE WHEN {state} <> 'absent' THEN {day} END"
            reads += [f"{name}__state", f"{name}__day"]
        reads += [name] * dated
        since.append(own)
        done.append(day)
    listing = ", ".join(f"'{name}'" for name in wanted)
    return f"""INSERT INTO task_day
SELECT patient, unnest([{listing}]), unnest([{", ".join(since)}]::DATE[]), unnest([{", ".join(done)}]::DATE[])
FROM ({plan.selected(reads)})"""
