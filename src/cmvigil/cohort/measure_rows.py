"""The occasions of measures one by one: the rows of the record behind each, and a table of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from ..reasoning.model import Program
from .measures import DAY_14, DOSE, GENOTYPE, KIDNEY, Occasion, genotypes, treated
from .members import KNOWN, listed
from .results import copied

Sources = Mapping[Occasion, tuple[str, ...]]
"""Where each occasion's rows stand."""

_BASELINE_DAYS = 7
"""A load of so many days before a line of treatment may be the one that the later ones are compared with."""
_OUTCOMES = {True: "met", False: "not met", None: "unknown"}


def sources(on: duckdb.DuckDBPyConnection, program: Program, found: Sequence[Occasion]) -> Sources:
    """Of each occasion: the orders of the treatment, and the results and genotypes that decided.

    - response check: orders of the line, loads of the days on which it counts;
    - genotype: orders of the line, its loads and those of the week before, the genotypes known by the deadline;
    - dose: orders from the day before to the deadline, the kidney results that became known on the day.
    """
    with on.cursor() as own:
        own.execute(
            "CREATE OR REPLACE TEMP TABLE occasion (number INTEGER, measure VARCHAR, patient VARCHAR, day DATE, "
            "deadline DATE, since DATE)"
        )
        columns = ["INTEGER", "VARCHAR", "VARCHAR", "DATE", "DATE", "DATE"]
        made = ", ".join(f"unnest(${at}::{sql}[])" for at, sql in enumerate(columns, 1))
        rows = [(n, e.measure, e.patient, e.day, e.deadline, e.since) for n, e in enumerate(found)]
        own.execute(
            f"INSERT INTO occasion SELECT {made}",
            [list(each) for each in zip(*rows, strict=True)] or [[]] * len(columns),
        )
        named = own.execute(f"""
SELECT number, list(DISTINCT source ORDER BY source) FROM ({" UNION ALL ".join(_parts(program))}) GROUP BY number""")
        by_number = dict(named.fetchall())
    return {each: tuple(by_number.get(number, ())) for number, each in enumerate(found)}


def _parts(program: Program) -> list[str]:
    loads = f"SELECT patient, day, {KNOWN} AS known, source FROM event_measurement WHERE concept = 'cmv_load'"
    kidney = f"SELECT patient, {KNOWN} AS known, source FROM event_measurement WHERE concept IN ({listed(KIDNEY)})"
    joined = "SELECT o.number, e.source FROM occasion AS o JOIN ({}) AS e ON e.patient = o.patient AND {}"
    return [
        joined.format(
            f'SELECT patient, day, "end", {KNOWN} AS known, source FROM ({treated(program)})',
            'e.known <= o.deadline AND e.day <= o.deadline AND (e."end" IS NULL OR e."end" >= o.since)',
        ),
        joined.format(
            loads, f"o.measure = '{DAY_14}' AND e.day BETWEEN o.day AND o.deadline AND e.known <= o.deadline"
        ),
        joined.format(loads, f"o.measure = '{GENOTYPE}' AND e.day >= o.since - {_BASELINE_DAYS} AND e.known <= o.day"),
        joined.format(genotypes(program), f"o.measure = '{GENOTYPE}' AND e.known <= o.deadline"),
        joined.format(kidney, f"o.measure = '{DOSE}' AND e.known = o.day"),
    ]


def write(
    on: duckdb.DuckDBPyConnection, program: Program, found: Sequence[Occasion], rows: Sources, out: Path, *, csv: bool
) -> int:
    """Write the table ``occasions`` into ``out``: a row each. Gives their number."""
    cells = [(e.patient, e.measure, e.day, e.deadline, _OUTCOMES[e.met], list(rows[e])) for e in found]
    columns = {
        "patient": "VARCHAR",
        "measure": "VARCHAR",
        "day": "DATE",
        "deadline": "DATE",
        "outcome": "VARCHAR",
        "sources": "VARCHAR[]",
    }
    listing = ", ".join(f"{name} {sql}" for name, sql in columns.items())
    on.execute(f"CREATE OR REPLACE TEMP TABLE occasion ({listing})")
    made = ", ".join(f"unnest(${at}::{sql}[])" for at, sql in enumerate(columns.values(), 1))
    on.execute(
        f"INSERT INTO occasion SELECT {made}", [list(each) for each in zip(*cells, strict=True)] or [[]] * len(columns)
    )
    select = """
SELECT patient, measure, day, deadline, outcome, /*list*/(sources/*of*/) AS sources
FROM occasion ORDER BY patient, measure, day"""
    return copied(on, program, select, out / "occasions", csv=csv)
