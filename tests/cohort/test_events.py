"""``cmvigil events``: the tables that are written are those that are read again, cell for cell."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.cli.run import cmvigil

from cmvigil.cohort.rest import flat
from cmvigil.cohort.store import EVENTS
from cmvigil.cohort.tables_out import write_events
from cmvigil.reasoning.engines.sql.events import event_types
from cmvigil.reasoning.loader import load
from cmvigil.record.tables import (
    Condition,
    Coverage,
    Exposure,
    Measurement,
    Observation,
    Person,
    Procedure,
    Range,
    Row,
    Susceptibility,
    Variant,
)
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward

from .support import export, taken

DAY = date(2026, 3, 1)
ODD = "a;b\t'c' \"d\", é\\N\n| e"
Cells = list[tuple[object, ...]]


def odd() -> list[tuple[str, Row]]:
    """A row of every table, whose words and numbers a careless file would lose."""
    given = {"patient": ODD, "day": DAY, "known_on": date(2026, 3, 2), "source": ODD}
    exact, hour = Decimal("123456789012345678.123456"), datetime.fromisoformat("2026-03-01T23:59:59.123456")
    value = Range(Decimal("0.000001"), None, True, False)
    rows: dict[str, Row] = {
        "person": Person(event="p", birth_date=date(1900, 2, 28), sex="female", **given),
        "measurement": Measurement(
            event="m", concept="cmv_load", value=value, form="above", unit="IU/mL", reported=" >1 ", time=hour, **given
        ),
        "observation": Observation(event="o", concept="fever", present=None, text="NULL", **given),
        "exposure": Exposure(event="e", concept="ganciclovir", dose=exact, adequate=False, end=DAY, **given),
        "condition": Condition(event="c", concept="ulcerative_colitis", present=False, site=",", **given),
        "procedure": Procedure(event="r", concept="colectomy", text="''", **given),
        "variant": Variant(event="v", gene="UL97", change="A594V", fraction=Decimal("0.050000"), **given),
        "coverage": Coverage(event="w", gene="UL97", first=Decimal(1), last=Decimal(707), **given),
        "susceptibility": Susceptibility(event="s", concept="foscarnet", call="possible", **given),
    }
    assert rows.keys() == set(EVENTS)
    nothing = Measurement(
        event="n", concept="creatinine", value=None, unit="furlong", problem="unit 'furlong'", **given
    )
    return [*rows.items(), ("measurement", nothing)]


def cells(on: duckdb.DuckDBPyConnection) -> dict[str, Cells]:
    """All rows of all event tables in a store."""
    made = {}
    for table in EVENTS:
        listing = ", ".join(f'"{name}"' for name in event_types(table))
        made[table] = on.execute(f"SELECT {listing} FROM event_{table} ORDER BY ALL").fetchall()
    return made


def put(on: duckdb.DuckDBPyConnection, rows: list[tuple[str, Row]]) -> None:
    """Rows into the event tables of a store."""
    for table, row in rows:
        made = flat(table, row.patient, row)
        listing = ", ".join(f'"{name}"' for name in made)
        on.execute(
            f"INSERT INTO event_{table} ({listing}) VALUES ({', '.join('?' for _ in made)})", list(made.values())
        )


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Virtual patients, and a line that is none."""
    folder = tmp_path_factory.mktemp("ward")
    synthesise(folder, Ward(4, 0.7, 180, date(2026, 6, 30), "mix"), load(), 25)
    with (folder / "fhir" / "Observation.ndjson").open("a") as lines:
        lines.write('{"resourceType": "Observation", \n')
    return folder / "fhir"


@pytest.mark.parametrize("csv", [False, True], ids=["parquet", "csv"])
def test_what_is_written_is_read_again(ward: Path, tmp_path: Path, csv: bool) -> None:
    with taken(ward, tmp_path / "first") as on:
        put(on, odd())
        before = cells(on)
        on.execute("UPDATE event_measurement SET stream = '' WHERE patient = ?", [ODD])  # no word, as NULL is none
        (tmp_path / "tables").mkdir()
        counts = write_events(on, tmp_path / "tables", csv=csv)
    assert counts == {table: len(rows) for table, rows in before.items()}
    assert all(before.values())
    with taken(tmp_path / "tables", tmp_path / "second") as on:
        assert cells(on) == before
        assert on.execute("SELECT * FROM issue").fetchall() == []
        assert dict(on.execute("SELECT kind, plain FROM manifest").fetchall()) == counts


@pytest.mark.parametrize("csv", [False, True], ids=["parquet", "csv"])
def test_tables_without_a_row_are_tables(tmp_path: Path, csv: bool) -> None:
    source = export(tmp_path / "one", [{"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01"}])
    done = cmvigil("events", source, "--out", tmp_path / "tables", "--jobs", 1, *(["--csv"] if csv else []))
    assert done.exit_code == 0, done.output
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == {*EVENTS, "quality"}
    with taken(tmp_path / "tables", tmp_path / "store") as on:
        assert {table: len(rows) for table, rows in cells(on).items()} == {
            table: int(table == "person") for table in EVENTS
        }


def test_the_same_answers_come_of_the_tables_as_of_the_export(ward: Path, tmp_path: Path) -> None:
    done = cmvigil("events", ward, "--out", tmp_path / "tables", "--jobs", 1)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("25 patients\n")
    with taken(ward, tmp_path / "store") as on:
        (told,) = on.execute("SELECT count(*) FROM issue WHERE level = 'rejected'").fetchall()
    assert told[0] and f"{told[0]} of " in done.stderr
    assert "lines could not be used" in done.stderr
    assert "Observation.ndjson:" in (tmp_path / "tables" / "quality.html").read_text()
    for source, out in ((ward, "a"), (tmp_path / "tables", "b")):
        answered = cmvigil("cohort", source, "--out", tmp_path / out, "--jobs", 1, "--csv")
        assert answered.exit_code == 0, answered.output
    for name in ("patients", "advice", "findings", "unknowns"):
        assert (tmp_path / "a" / f"{name}.csv").read_bytes() == (tmp_path / "b" / f"{name}.csv").read_bytes()


def test_nothing_is_written_where_it_would_be_read_twice(ward: Path, tmp_path: Path) -> None:
    inside = cmvigil("events", ward, "--out", ward / "tables")
    assert inside.exit_code == 2
    assert "lies in the folder that is read" in inside.stderr
    assert not (ward / "tables").exists()
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "person-2024.csv").write_text("patient,event,day\n")
    beside = cmvigil("events", ward, "--out", tmp_path / "tables")
    assert beside.exit_code == 2
    assert "other tables or exports: person-2024.csv" in beside.stderr


def test_again_it_writes_over_its_own(ward: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = cmvigil("events", ward, "--out", tmp_path / "tables", "--jobs", 1)
        assert done.exit_code == 0, done.output
    other = cmvigil("events", ward, "--out", tmp_path / "tables", "--csv")
    assert other.exit_code == 2
    assert "person.parquet" in other.stderr
