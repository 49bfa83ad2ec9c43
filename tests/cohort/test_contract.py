"""What a row of an event table keeps to: the same in a folder, in PostgreSQL and on Spark, and as single records do."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import get_args, get_type_hints

import duckdb
import pytest
from tests.cli.run import cmvigil

from cmvigil.advice import Load
from cmvigil.cohort.contract import FORMS, checks, faults_select
from cmvigil.cohort.store import EVENTS
from cmvigil.reasoning.engines.sql.dialect import DUCKDB
from cmvigil.reasoning.engines.sql.events import event_types
from cmvigil.record import units
from cmvigil.record.vocabulary import vocabulary

from .support import taken

HEADER = (
    "patient,event,day,concept,value__low,value__low_open,value__high,value__high_open,form,unit,upper_normal,problem\n"
)

FAULTS = {
    "unit": (
        "p,e,2026-01-02,creatinine,350,f,350,f,quantified,mg/dL,,",
        "creatinine in mg/dL: 350.000000",
        "umol/L",
        "Not used. Convert value, lloq and limits to it",
    ),
    "another unit of the concept": (
        "p,e,2026-01-02,neutrophils,50,f,50,f,quantified,/uL,,",
        "neutrophils in /uL: 50.000000",
        "10*9/L",
        "event tables hold no other unit",
    ),
    "no unit": (
        "p,e,2026-01-02,creatinine,350,f,350,f,quantified,,,",
        "creatinine in no unit: 350.000000",
        "umol/L",
        "name it where they are in it",
    ),
    "a unit without a value": (
        "p,e,2026-01-02,creatinine,,,,,quantified,mg/dL,1.2,",
        "creatinine in mg/dL: no value",
        "umol/L",
        "Convert",
    ),
    "a value beside a problem": (
        "p,e,2026-01-02,creatinine,350,f,350,f,quantified,mg/dL,,haemolytic",
        "creatinine in mg/dL: 350.000000",
        "umol/L",
        "Convert",
    ),
    "too low": (
        "p,e,2026-01-02,creatinine,3.5,f,3.5,f,quantified,umol/L,,",
        "creatinine outside its limits: 3.500000",
        "10 to 3000 umol/L",
        "Not used. Check the number and its unit.",
    ),
    "too high": (
        "p,e,2026-01-02,neutrophils,500,f,500,f,quantified,10*9/L,,",
        "neutrophils outside its limits: 500.000000",
        "0 to 200 10*9/L",
        "Check",
    ),
    "below nothing": (
        "p,e,2026-01-02,cmv_load,-1,f,50,f,below,copies/mL,,",
        "cmv_load outside its limits: -1.000000",
        "0 to 1000000000000 IU/mL or copies/mL",
        "Check",
    ),
    "upside down": (
        "p,e,2026-01-02,creatinine,100,f,50,f,quantified,umol/L,,",
        "'value__low' above 'value__high': 100.000000 to 50.000000",
        "a range",
        "Find out which is right.",
    ),
    "low open": (
        "p,e,2026-01-02,creatinine,50,,50,f,quantified,umol/L,,",
        "no 'value__low_open' beside a bound: 50.000000",
        "all of a range, or nothing of it",
        "Fill it in",
    ),
    "high open": (
        "p,e,2026-01-02,creatinine,50,f,50,,quantified,umol/L,,",
        "no 'value__high_open' beside a bound: 50.000000",
        "all of a range, or nothing of it",
        "Fill it in",
    ),
    "half a range": (
        "p,e,2026-01-02,creatinine,,f,50,f,below,umol/L,,",
        "no 'value__low' beside a bound: 50.000000",
        "all of a range, or nothing of it",
        "Fill it in",
    ),
    "form": (
        "p,e,2026-01-02,creatinine,50,f,50,f,exact,umol/L,,",
        "form exact: 50.000000",
        "one of quantified, below, above, not_detected, detected_below_lloq",
        "Write one of these.",
    ),
    "long ago": (
        "p,e,0001-01-01,creatinine,50,f,50,f,quantified,umol/L,,",
        "'day' as a day that cannot be: 0001-01-01",
        "a day of the years 1900 to 2199",
        "Mend it",
    ),
    "never": (
        "p,e,infinity,creatinine,50,f,50,f,quantified,umol/L,,",
        "'day' as a day that cannot be: infinity",
        "a day of the years 1900 to 2199",
        "Mend it",
    ),
}
GOOD = """p,g1,2026-01-02,creatinine,10,f,10,f,quantified,umol/L,,
p,g2,2026-01-02,cmv_load,0,f,137,t,below,copies/mL,,
p,g3,2026-01-02,cmv_load,10000,t,,f,above,IU/mL,,
p,g4,2026-01-02,creatinine,,,,,quantified,furlong,,unit 'furlong' is not accepted
p,g5,2199-12-31,creatinine,3000,f,3000,f,quantified,umol/L,,
p,g6,1900-01-01,creatinine,,,,,,,,
"""


@pytest.mark.parametrize(("row", "found", "expected", "remedy"), FAULTS.values(), ids=list(FAULTS))
def test_a_row_that_does_not_keep_to_it_is_not_used_and_told(
    tmp_path: Path, row: str, found: str, expected: str, remedy: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "measurement.csv").write_text(f"{HEADER}{GOOD}{row}\n")
    with taken(folder, tmp_path / "store") as on:
        assert on.execute("SELECT event FROM event_measurement ORDER BY 1").fetchall() == [
            (f"g{number}",) for number in range(1, 7)
        ]
        told = on.execute("SELECT patient, level, place, found, expected, remedy FROM issue").fetchall()
        assert on.execute("SELECT lines, plain, rejected FROM manifest").fetchall() == [(7, 6, 1)]
    assert [cells[:-1] for cells in told] == [("p", "rejected", "measurement.csv:8", found, expected)]
    assert remedy in told[0][-1]


def test_days_of_every_table_can_be(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "exposure.csv").write_text(
        "patient,event,day,concept,end,stated_on,time\n"
        "p,e,2026-01-02,ganciclovir,9999-12-31,,\np,f,2026-01-02,ganciclovir,,1899-12-31,\n"
        "p,g,2026-01-02,ganciclovir,,,2200-01-01 00:00:00\np,h,2026-01-02,ganciclovir,2199-12-31,,2026-01-02 10:00:00\n"
    )
    (folder / "person.csv").write_text("patient,event,day,birth_date\np,p,1990-01-01,1800-01-01\n")
    with taken(folder, tmp_path / "store") as on:
        assert on.execute("SELECT event FROM event_exposure").fetchall() == [("h",)]
        assert on.execute("SELECT found FROM issue ORDER BY place").fetchall() == [
            ("'end' as a day that cannot be: 9999-12-31",),
            ("'stated_on' as a day that cannot be: 1899-12-31",),
            ("'time' as a day that cannot be: 2200-01-01 00:00:00",),
            ("'birth_date' as a day that cannot be: 1800-01-01",),
        ]


def test_the_report_to_the_data_manager_says_it(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    rows = "".join(f"p,e{n},2026-01-02,creatinine,350,f,350,f,quantified,mg/dL,,\n" for n in range(3))
    (folder / "measurement.csv").write_text(f"{HEADER}{GOOD}{rows}")
    done = cmvigil("cohort", folder, "--out", tmp_path / "out", "--jobs", 1, "--rules", "send_genotype")
    assert done.exit_code == 0, done.output
    assert "  3 lines" in done.stdout and "could not be used: see quality.html" in done.stdout
    page = (tmp_path / "out" / "quality.html").read_text()
    for said in ("creatinine in mg/dL", "umol/L", "measurement.csv:8", "event tables hold no other unit"):
        assert said in page


def empty() -> duckdb.DuckDBPyConnection:
    """Event tables without a row."""
    on = duckdb.connect()
    for table in EVENTS:
        columns = ", ".join(f'"{name}" {sql}' for name, sql in event_types(table).items())
        on.execute(f"CREATE TABLE event_{table} ({columns})")
    return on


def test_limits_and_units_are_those_of_the_reader_of_single_records() -> None:
    quantities = vocabulary().quantities
    with empty() as on:
        expected = set()
        for name, quantity in quantities.items():
            kept = sorted({unit.canonical for unit in quantity.accepts.values()})
            edges = {quantity.low, quantity.high, (quantity.low + quantity.high) / 2}
            numbers = {edge + step for edge, step in product(edges, (Decimal("-0.01"), Decimal(0), Decimal("0.01")))}
            for number, form, unit in product(sorted(numbers), ("", "<", ">"), [*kept, "furlong"]):
                word = {"": "quantified", "<": "below", ">": "above"}[form]
                canonical = next(
                    (u for u, how in quantity.accepts.items() if how.canonical == unit and how.factor == 1), unit
                )
                reading = units.measure(quantity, units.Result(word, number, form), canonical)
                low, high = {"": (number, number), "<": (0, number), ">": (number, None)}[form]
                event = f"{name} {form}{number} {unit}"
                on.execute(
                    "INSERT INTO event_measurement BY NAME SELECT 'p' AS patient, ? AS event, ? AS concept, ? AS unit, "
                    "?::DECIMAL(24,6) AS value__low, ?::DECIMAL(24,6) AS value__high, FALSE AS value__low_open, "
                    "FALSE AS value__high_open, ? AS form, DATE '2026-01-01' AS day, DATE '2026-01-01' AS known_on",
                    [event, name, unit, low, high, word],
                )
                # A number below nothing in "<" is upside down here, and outside there: a fault for both.
                if reading.value is None and not (quantity.per_unit and "may mean" in str(reading.problem)):
                    expected.add(event)
        tests = " OR ".join(check.test for check in checks("measurement"))
        found = {event for (event,) in on.execute(f"SELECT event FROM event_measurement WHERE {tests}").fetchall()}
        assert on.execute("SELECT count(*) FROM event_measurement").fetchall()[0][0] > 1000
    assert found == expected


def test_forms_are_those_of_an_answer() -> None:
    assert get_args(get_type_hints(Load)["form"]) == FORMS


def test_rows_that_are_alike_are_told_together_with_an_example() -> None:
    with empty() as on:
        for patient, event, unit in (("b", "2", "mg/dL"), ("a", "3", "mg/dL"), ("a", "1", "mg/dL"), ("c", "4", None)):
            on.execute(
                "INSERT INTO event_measurement BY NAME SELECT ? AS patient, ? AS event, 'creatinine' AS concept, "
                "? AS unit, 100 AS value__low",
                [patient, event, unit],
            )
        (check,) = (each for each in checks("measurement") if "no unit" in each.found)
        select = faults_select(DUCKDB, "measurement", check, 12)
        assert on.execute(select).fetchall() == [
            ("creatinine in mg/dL", "umol/L", 3, "a", "1"),
            ("creatinine in no unit", "umol/L", 1, "c", "4"),
        ]
        assert len(on.execute(faults_select(DUCKDB, "measurement", check, 1)).fetchall()) == 1
