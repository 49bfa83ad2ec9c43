"""The rules over a hospital inside its PostgreSQL: the answers of DuckDB, nothing left behind, every fault by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
from tests.cli.run import cmvigil
from tests.support.postgres import Server

from cmvigil.cohort import hospital, in_postgres
from cmvigil.cohort.drill import record_of
from cmvigil.cohort.groups import last_day_select, later_selects, member_select
from cmvigil.cohort.members import last_day, later, members
from cmvigil.cohort.returned import fresh
from cmvigil.cohort.settled import Settling
from cmvigil.cohort.store import EVENTS, open_store
from cmvigil.cohort.tables_out import write_events
from cmvigil.reasoning.engines import duckdb as on_duckdb
from cmvigil.reasoning.engines.postgres.dialect import POSTGRES
from cmvigil.reasoning.engines.sql.dialect import DUCKDB, Dialect
from cmvigil.reasoning.engines.sql.events import event_types
from cmvigil.reasoning.engines.sql.run import in_batches
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.specialise import specialise
from cmvigil.record.errors import IntakeError
from cmvigil.record.tables import Coverage, Observation, Person, Row, Susceptibility, Variant
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward

from . import small
from .support import export, taken
from .test_events import put

TABLES = ("patients", "advice", "findings", "unknowns")
READER = "?options=-csearch_path%3Dhospital"
PASSWORD = "pa55-w%40rd"
GRANTS = """
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE ROLE {role} LOGIN;
GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {role};
GRANT USAGE ON SCHEMA hospital TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA hospital TO {role}
"""


def genotyped() -> Iterator[tuple[str, Row]]:
    """A patient with two reports of one specimen; one whose age is all that is known; one whom nobody made a person;
    one born on a leap day.
    """
    day = date(2026, 3, 20)
    given = {"patient": "rising", "day": day, "known_on": day, "source": "Observation/genotype"}
    late = {**given, "known_on": date(2026, 4, 2)}
    yield "variant", Variant(event="v1", gene="UL97", change="A594V", fraction=Decimal("0.85"), **given)
    yield "variant", Variant(event="v2", gene="UL54", change="Q578H?", **late)
    yield "coverage", Coverage(event="w1", gene="UL97", first=Decimal(1), last=Decimal(707), **given)
    yield "coverage", Coverage(event="w2", gene="UL54", first=Decimal(300), last=Decimal(1000), **late)
    yield "susceptibility", Susceptibility(event="s", concept="foscarnet", call="susceptible", **given)
    old = {"patient": "old, 'quoted'", "day": day, "known_on": day, "source": "x"}
    yield "person", Person(event="b", age=Decimal("67"), **old)
    yield "person", Person(event="B", age=Decimal("66"), sex="male", **old)  # the first row speaks
    yield "observation", Observation(event="f", concept="fever", present=True, **old)
    for event, known_on in (("f", date(2026, 3, 21)), ("g", date(2026, 3, 19))):
        unnamed = {"patient": "unnamed", "day": day, "known_on": known_on, "source": "x"}
        yield "observation", Observation(event=event, concept="fever", present=True, **unnamed)
    leap = {"patient": "leap", "day": date(2008, 2, 29), "known_on": date(2008, 2, 29), "source": "x"}
    yield "person", Person(event="b", birth_date=date(2008, 2, 29), sex="female", **leap)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event tables of a small hospital as CSV, as ``cmvigil events`` writes them."""
    folder = tmp_path_factory.mktemp("hospital")
    synthesise(folder, Ward(3, 0.5, 180, date(2026, 6, 30), "mix"), load(), 30)
    (folder / "cases").mkdir()
    export(folder / "fhir" / "small", small.resources(folder / "cases"))
    (folder / "tables").mkdir()
    with taken(folder / "fhir", folder / "store") as on:
        put(on, list(genotyped()))
        write_events(on, folder / "tables", csv=True)
    return folder / "tables"


def filled(server: Server, tables: Path) -> str:
    """The address of a database whose schema ``hospital`` holds the tables, loaded as the guide says."""
    address = server.database()
    with psycopg.connect(address, autocommit=True) as made:
        made.execute("CREATE SCHEMA hospital")
        for table in EVENTS:
            columns = ", ".join(f'"{name}" {sql}' for name, sql in event_types(table).items())
            made.execute(POSTGRES.written(f"CREATE TABLE hospital.event_{table} ({columns})"))
            with (
                made.cursor() as cursor,
                cursor.copy(f"COPY hospital.event_{table} FROM STDIN (FORMAT csv, HEADER)") as copy,
            ):
                copy.write((tables / f"{table}.csv").read_bytes())
    return address


@pytest.fixture(scope="module")
def address(postgres: Server, tables: Path) -> str:
    """The hospital's database, as a role sees it that may read and make temporary tables."""
    owner = filled(postgres, tables)
    name = owner.rpartition("/")[2]
    with psycopg.connect(owner, autocommit=True) as made:
        made.execute(GRANTS.format(name=name, role=f"reader_of_{name}"))
    return f"{owner.replace('cmvigil@', f'reader_of_{name}@')}{READER}"


@pytest.fixture
def own(postgres: Server, tables: Path) -> str:
    """A hospital's database to change, as its owner sees it."""
    return filled(postgres, tables) + READER


def answered(out: Path, *words: object) -> tuple[str, dict[str, bytes]]:
    """What a run says of the patients, and what is in its files."""
    done = cmvigil("cohort", *words, "--out", out, "--jobs", 1, "--csv")
    assert done.exit_code == 0, (done.output, done.exception)
    shown = "\n".join(line for line in done.stdout.splitlines() if not line.startswith(str(out)))
    files = [*(f"{name}.csv" for name in TABLES), "summary.html"]
    return shown, {name: (out / name).read_bytes() for name in files}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--where", "age >= 18 and sex = 'female'", "--as-of", "2026-04-02"),
        ("--rules", "send_genotype,read_as_resistant"),
        ("--as-of", "2026-02-28"),
    ],
    ids=["all", "where", "rules", "as-of"],
)
def test_the_answers_are_those_of_duckdb(address: str, tables: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    here = answered(tmp_path / "here", tables, *options)
    inside = answered(tmp_path / "inside", address, "--engine", "postgres", *options)
    assert here == inside
    assert here[1]["patients.csv"].count(b"\n") > 5


def test_a_genotype_is_read_by_the_knowledge(address: str, tmp_path: Path) -> None:
    said = answered(tmp_path, address, "--engine", "postgres", "--as-of", "2026-04-02", "--where", "patient = 'rising'")
    assert b"\nrising,2026-04-02,advice," in said[1]["advice.csv"]
    assert b";ganciclovir_resistant;" in said[1]["patients.csv"]  # no laboratory said so of ganciclovir


CATALOG = """
SELECT relname, relkind, relfilenode, relnatts, relacl::TEXT FROM pg_class
WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%%temp\\_%%' OR nspname = 'pg_toast')
UNION ALL SELECT proname, 'f', oid, 0, proacl::TEXT FROM pg_proc
UNION ALL SELECT rolname, 'r', oid, 0, rolconfig::TEXT FROM pg_roles
UNION ALL SELECT nspname, 'n', oid, 0, nspacl::TEXT FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%%temp\\_%%'
UNION ALL SELECT 'settings', 's', setdatabase, setrole::INTEGER, setconfig::TEXT FROM pg_db_role_setting
ORDER BY 1, 2, 3"""


def everything(address: str) -> tuple[object, ...]:
    """The catalog of a database and all rows of the hospital's tables, as its owner sees them."""
    owner = f"postgresql://cmvigil@{address.rpartition('@')[2].partition('?')[0]}"
    with psycopg.connect(owner) as session:
        rows = {
            table: session.execute(f"SELECT * FROM hospital.event_{table} ORDER BY 1, 2").fetchall() for table in EVENTS
        }
        left = session.execute("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'").fetchall()
        return session.execute(CATALOG).fetchall(), rows, left


def test_a_role_that_may_only_read_suffices_and_nothing_is_left(address: str, tmp_path: Path) -> None:
    with psycopg.connect(address, autocommit=True) as reader:
        for forbidden in (
            "CREATE TABLE hospital.x (a int)",
            "DELETE FROM event_person",
            "CREATE TABLE public.x (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden)
    before = everything(address)
    answered(tmp_path / "out", address, "--engine", "postgres")
    assert everything(address) == before
    assert before[-1] == []
    with hospital.session(address) as inside:
        hospital.checked(inside, "x", [])
        settings = "SELECT name, setting FROM pg_settings WHERE name <> 'search_path' ORDER BY 1"
        given = inside.execute(settings).fetchall()
        ((path,),) = inside.execute("SHOW search_path").fetchall()
        with store(tmp_path / "store") as on:
            in_postgres.answer(inside, on, load(), date(2026, 4, 2), rules=["send_genotype"])
        assert inside.execute(settings).fetchall() == given
        assert inside.execute("SHOW search_path").fetchall() == [(path,)]
        assert path == "pg_temp, hospital"


def store(path: Path) -> duckdb.DuckDBPyConnection:
    """A store for answers that come back."""
    on = open_store(path)
    fresh(on, "somewhere")
    return on


def test_batches_of_any_size_give_the_same(address: str, tmp_path: Path) -> None:
    program, found = load(), []
    for size in (5, 1000):
        told: list[tuple[str, int, int]] = []
        with hospital.session(address) as inside, store(tmp_path / str(size)) as on:
            done = in_postgres.answer(
                inside,
                on,
                program,
                date(2026, 4, 2),
                rules=["send_genotype", "read_as_resistant"],
                batch=size,
                progress=lambda *stage, told=told: told.append(stage),
            )
            found.append([done, *(on.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in ("answer", "always"))])
        assert told[-1] == ("rules", done.patients, done.patients)
        assert len(told) - 1 == sum(-(-group // size) for group in done.groups)
    assert found[0] == found[1]
    assert min(found[0][0].groups) > 0
    assert max(found[0][0].groups) > 5


def test_views_of_other_tables_suffice(own: str, address: str, tmp_path: Path) -> None:
    with psycopg.connect(own, autocommit=True) as session:
        session.execute("CREATE SCHEMA warehouse")
        session.execute("ALTER TABLE hospital.event_exposure ALTER concept TYPE VARCHAR(40)")
        for table in EVENTS:
            session.execute(f"ALTER TABLE hospital.event_{table} SET SCHEMA warehouse")
            session.execute(f"ALTER TABLE warehouse.event_{table} RENAME TO {table}_facts")
            columns = ", ".join(f'"{name}"' for name in event_types(table))
            session.execute(
                f"CREATE VIEW hospital.event_{table} AS SELECT {columns}, 1 AS more FROM warehouse.{table}_facts"
            )
    options = ("--engine", "postgres", "--rules", "send_genotype")
    assert answered(tmp_path / "views", own, *options) == answered(tmp_path / "tables", address, *options)


def test_tables_of_the_hospital_that_have_our_names_are_neither_read_nor_dropped(
    own: str, address: str, tmp_path: Path
) -> None:
    names = ("member", "snapshot", "batch", "batches", "facts_1", "rules_1", "event_interpretation")
    with psycopg.connect(own, autocommit=True) as session:
        for name in names:
            session.execute(f"CREATE TABLE hospital.{name} AS SELECT 'theirs' AS patient")
    hostile = f"{own}%2Cpg_temp"
    options = ("--engine", "postgres", "--rules", "send_genotype")
    assert answered(tmp_path / "own", hostile, *options) == answered(tmp_path / "plain", address, *options)
    with psycopg.connect(own, autocommit=True) as session:
        for name in names:
            assert session.execute(f"SELECT * FROM hospital.{name}").fetchall() == [("theirs",)]


def test_one_patient_in_full(address: str, tables: Path, tmp_path: Path) -> None:
    asked = ("--patient", "rising", "--as-of", "2026-04-02")
    here = cmvigil("cohort", tables, "--out", tmp_path / "here", "--jobs", 1, *asked)
    inside = cmvigil("cohort", address, "--engine", "postgres", "--out", tmp_path / "inside", *asked)
    assert inside.exit_code == 0, inside.output
    assert inside.stdout == here.stdout.replace("Going on with the files as they were read before.\n", "")
    with taken(tables, tmp_path / "store") as on, hospital.session(address) as session:
        hospital.checked(session, "there")
        people = [name for (name,) in on.execute("SELECT DISTINCT patient FROM event_person ORDER BY 1").fetchall()]
        for record in in_postgres.records_of(session, people):
            assert record.rows == record_of(on, record.patient).rows
    nobody = cmvigil("cohort", address, "--engine", "postgres", "--out", tmp_path / "inside", "--patient", "risign")
    assert nobody.exit_code == 2
    assert "no patient 'risign'" in nobody.stderr
    assert "Check the id." in nobody.stderr


def test_a_record_out_of_the_database_has_every_digit(own: str) -> None:
    dose = "123456789012345.1234567890123456789"
    with psycopg.connect(own, autocommit=True) as session:
        session.execute(f"UPDATE event_exposure SET dose = {dose} WHERE patient = 'none'")
    with hospital.session(own) as inside:
        (record,) = in_postgres.records_of(inside, ["none"])
    assert [str(row.dose) for row in record.rows["exposure"]] == [dose]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "where",
    [
        "agge > 3",
        "1; DROP TABLE member",
        "true), TRUE); CREATE TABLE x AS SELECT 1; DELETE FROM member WHERE ((true",
        "pg_terminate_backend(pg_backend_pid())",
        "patient IN (SELECT patient FROM event_exposure)",
    ],
)
def test_a_condition_reaches_no_further_than_the_patients(address: str, tmp_path: Path, where: str) -> None:
    done = cmvigil("cohort", address, "--engine", "postgres", "--out", tmp_path, "--where", where)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("--where: ")
    assert "expected SQL over patient, age and sex" in done.stderr


# -- faults ----------------------------------------------------------------------------------------------------------
FAULTS: dict[str, tuple[str, str, str]] = {
    "no table": (
        "DROP TABLE event_variant",
        "found no table 'event_variant'; expected a table or view of that name on the search path (hospital)",
        "--without variant",
    ),
    "no persons": ("DROP TABLE event_person", "no table 'event_person'", "?options=-csearch_path%3DSCHEMA)."),
    "no column": (
        "ALTER TABLE event_measurement DROP lloq",
        "no column 'lloq' in 'event_measurement'; expected a column of type numeric",
        'CAST(NULL AS NUMERIC) AS "lloq"',
    ),
    "whole number": (
        "ALTER TABLE event_coverage ALTER first TYPE INTEGER",
        "the column 'first' of 'event_coverage' as int4; expected numeric",
        'CAST("first" AS NUMERIC)',
    ),
    "zone": (
        "ALTER TABLE event_measurement ALTER time TYPE TIMESTAMPTZ",
        "the column 'time' of 'event_measurement' as timestamptz; expected timestamp",
        "view",
    ),
    "domain": (
        "CREATE DOMAIN double AS FLOAT8; ALTER TABLE event_variant ALTER fraction TYPE double",
        "the column 'fraction' of 'event_variant' as float8",
        "view",
    ),
    "collation": (
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
        "ALTER TABLE event_exposure ALTER concept TYPE TEXT COLLATE loose",
        "the column 'concept' of 'event_exposure' in a collation that takes different words for equal",
        'COLLATE "C"',
    ),
    "not known when": (
        "UPDATE event_condition SET known_on = NULL WHERE event = (SELECT min(event) FROM event_condition)",
        "rows without 'known_on'; expected none",
        "Mend them, or leave them out in a view.",
    ),
    "not a number": (
        "UPDATE event_measurement SET value__low = 'NaN' WHERE event = (SELECT min(event) FROM event_measurement)",
        "rows whose 'value__low' is no number below 10^18",
        "view",
    ),
    "half a range": (
        "UPDATE event_measurement SET value__high_open = NULL",
        "rows: no 'value__high_open' beside a bound (of ",
        "view",
    ),
    "no end": (
        "UPDATE event_exposure SET \"end\" = 'infinity' WHERE patient = 'none'",
        "in 'event_exposure' 1 rows: 'end' as a day that cannot be (of 'none' the event '",
        "a day that is not known, where it need not be, is left empty. Or leave such rows out in a view.",
    ),
    "no hour": (
        "UPDATE event_person SET time = '-infinity'",
        "rows: 'time' as a day that cannot be (of ",
        "",
    ),
    "unit": (
        "UPDATE event_measurement SET value__low = 88.5, value__high = 88.5, unit = 'mg/dL' WHERE event = "
        "(SELECT min(event) FROM event_measurement WHERE concept = 'creatinine' AND problem IS NULL)",
        "in 'event_measurement' 1 rows: creatinine in mg/dL (of 'late' the event 'Observation/late-3'",
        "Convert value, lloq and limits to it",
    ),
    "no unit": (
        "UPDATE event_measurement SET unit = NULL WHERE concept = 'creatinine'",
        "rows: creatinine in no unit (of ",
        "expected umol/L",
    ),
    "limits": (
        "UPDATE event_measurement SET value__low = 1, value__high = 2 WHERE concept = 'creatinine' AND problem IS NULL",
        "rows: creatinine outside its limits (of ",
        "expected 10 to 3000 umol/L. Check the number and its unit.",
    ),
    "upside down": (
        "UPDATE event_measurement SET value__low = value__high + 0.5 WHERE concept = 'creatinine' AND problem IS NULL",
        "rows: 'value__low' above 'value__high' (of ",
        "Find out which is right.",
    ),
    "form": ("UPDATE event_measurement SET form = 'exact'", "rows: form exact (of ", "Write one of these."),
    "year 1": (
        "UPDATE event_condition SET known_on = '0001-01-01'",
        "rows: 'known_on' as a day that cannot be (of ",
        "expected a day of the years 1900 to 2199",
    ),
    "twice": (
        "INSERT INTO event_condition SELECT * FROM event_condition",
        "names of events that several rows of a patient have",
        "view",
    ),
}


@pytest.mark.parametrize(("change", "said", "remedy"), FAULTS.values(), ids=list(FAULTS))
def test_what_is_wrong_with_a_table_is_named_with_its_remedy(own: str, change: str, said: str, remedy: str) -> None:
    with psycopg.connect(own, autocommit=True) as session:
        session.execute(change)
    with hospital.session(own) as inside, pytest.raises(IntakeError) as refused:
        hospital.checked(inside, "there")
    assert all(str(problem).startswith("there: ") for problem in refused.value.problems)
    (problem,) = (str(problem) for problem in refused.value.problems if said in str(problem))
    assert remedy in problem


def test_kinds_of_a_fault_without_end_are_told_by_number(own: str) -> None:
    those = "concept = 'creatinine' AND problem IS NULL"
    with psycopg.connect(own, autocommit=True) as session:
        session.execute(f"UPDATE event_measurement SET unit = 'u' || right(event, 2) WHERE {those}")
        counted = session.execute(f"SELECT count(*) FROM event_measurement WHERE {those}").fetchone()
    with hospital.session(own) as inside, pytest.raises(IntakeError) as refused:
        hospital.checked(inside, "there")
    *kinds, rest = [str(problem) for problem in refused.value.problems]
    assert len(kinds) == 12 and all("rows: creatinine in u" in kind for kind in kinds)
    assert counted
    told = [int(kind.split("'event_measurement' ")[1].split()[0]) for kind in (*kinds, rest)]
    assert sum(told) == counted[0] and told[:-1] == sorted(told[:-1], reverse=True)
    assert f"{told[-1]} rows more with such faults" in rest


def test_a_patient_whom_no_table_of_persons_names_is_answered(address: str, tables: Path, tmp_path: Path) -> None:
    few = ("--rules", "send_genotype", "--as-of", "2026-03-20")
    for place, words in (("here", (tables,)), ("inside", (address, "--engine", "postgres"))):
        _, files = answered(tmp_path / place, *words, *few)
        assert b"\nunnamed,2026-03-20,,,1," in files["patients.csv"], place
        _, before = answered(tmp_path / f"{place} before", *words, *few[:-1], "2026-03-18")
        assert b"unnamed" not in before["patients.csv"], place
        assert "36\u00a0patients" in (tmp_path / place / "quality.html").read_text(), place


def test_views_stand_for_persons_of_any_schema_and_are_gone(own: str) -> None:
    with psycopg.connect(own, autocommit=True) as session:
        session.execute('ALTER SCHEMA hospital RENAME TO "Odd ""schema"')
        session.execute('ALTER TABLE "Odd ""schema".event_person ALTER patient TYPE VARCHAR(80)')
    odd = own.replace("search_path%3Dhospital", "search_path%3D%22Odd%5C%20%22%22schema%22")
    with hospital.session(odd) as inside:
        counts = hospital.checked(inside, "there")
        found = inside.execute("SELECT event, day, known_on, source FROM event_person WHERE patient = 'unnamed'")
        assert found.fetchall() == [("person", date(2026, 3, 19), date(2026, 3, 19), "the record itself")]
        assert (
            inside.execute("SELECT count(*), count(DISTINCT patient) FROM event_person").fetchone() == counts["person"]
        )
    with psycopg.connect(odd) as session:
        assert session.execute("SELECT 1 FROM event_person WHERE patient = 'unnamed'").fetchone() is None


def test_all_faults_of_the_tables_are_told_at_once(own: str) -> None:
    with psycopg.connect(own, autocommit=True) as session:
        session.execute("DROP TABLE event_variant; ALTER TABLE event_measurement DROP lloq, DROP unit")
    with hospital.session(own) as inside, pytest.raises(IntakeError) as refused:
        hospital.checked(inside, "there")
    assert len(refused.value.problems) == 3


ROLES: dict[str, tuple[str, str, str]] = {
    "temporary": (
        "REVOKE TEMPORARY ON DATABASE {name} FROM {role}",
        "the role '{role}' without the privilege TEMPORARY",
        'GRANT TEMPORARY ON DATABASE "{name}" TO "{role}".',
    ),
    "read-only": (
        "ALTER ROLE {role} SET default_transaction_read_only = on",
        "the role '{role}' whose transactions only read",
        'ALTER ROLE "{role}" SET default_transaction_read_only = off',
    ),
    "one table": (
        "REVOKE SELECT ON hospital.event_exposure FROM {role}",
        "a role without the right to read 'event_exposure'",
        'GRANT SELECT ON event_exposure TO "{role}".',
    ),
    "one column": (
        "REVOKE SELECT ON hospital.event_coverage FROM {role}; GRANT SELECT (patient, event, day, time, "
        "known_on, source, gene, method) ON hospital.event_coverage TO {role}",
        "a role without the right to read first, last",
        'GRANT SELECT ON event_coverage TO "{role}".',
    ),
    "schema": ("REVOKE USAGE ON SCHEMA hospital FROM {role}", "no table 'event_person'", "search path ()"),
}


@pytest.mark.parametrize(("change", "said", "remedy"), ROLES.values(), ids=list(ROLES))
def test_what_a_role_may_not_is_named_with_its_remedy(own: str, change: str, said: str, remedy: str) -> None:
    name = own.rpartition("/")[2].partition("?")[0]
    role = f"role_of_{name}"
    with psycopg.connect(own, autocommit=True) as session:
        session.execute(GRANTS.format(name=name, role=role))
        session.execute(change.format(name=name, role=role))
    with (
        hospital.session(own.replace("cmvigil@", f"{role}@")) as inside,
        pytest.raises(IntakeError) as refused,
    ):
        hospital.checked(inside, "there")
    problem = str(refused.value.problems[0])
    assert said.format(role=role) in problem
    assert remedy.format(name=name, role=role) in problem


def test_a_standby_and_an_old_server_are_refused() -> None:
    class Old:
        class info:  # noqa: N801
            server_version = 110022

        def execute(self, _: str) -> Old:
            return self

        def fetchone(self) -> tuple[object, ...]:
            return "r", "d", True, "on", True

    with pytest.raises(IntakeError) as refused:
        hospital.checked(Old(), "there")  # type: ignore[arg-type]
    assert [problem.found for problem in refused.value.problems] == ["PostgreSQL 11", "a standby server"]


def test_a_table_that_is_not_there_is_empty_only_when_that_is_said(own: str, tables: Path, tmp_path: Path) -> None:
    with psycopg.connect(own, autocommit=True) as session:
        session.execute("DROP TABLE event_variant, event_susceptibility")
    refused = cmvigil("cohort", own, "--engine", "postgres", "--out", tmp_path / "refused")
    assert refused.exit_code == 2
    assert "no table 'event_variant'" in refused.stderr
    assert "2 problems; nothing was assessed." in refused.stderr
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for table in set(EVENTS) - {"variant", "susceptibility"}:
        (fewer / f"{table}.csv").symlink_to(tables / f"{table}.csv")
    few = ("--rules", "send_genotype,read_as_resistant")
    inside = answered(tmp_path / "a", own, "--engine", "postgres", "--without", "variant, susceptibility", *few)
    assert inside == answered(tmp_path / "b", fewer, *few)


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("exposure", "found --without exposure, and a table 'event_exposure'; expected one of the two."),
        ("variants", "found --without variants; expected event tables: person, measurement"),
        ("person", "--without person; expected a table of the patients"),
    ],
)
def test_a_table_is_not_said_away(address: str, tmp_path: Path, without: str, said: str) -> None:
    done = cmvigil("cohort", address, "--engine", "postgres", "--out", tmp_path, "--without", without)
    assert done.exit_code == 2
    assert said in done.stderr


def elsewhere(address: str, with_: str) -> str:
    """An address with a password, and another host, port or database."""
    user, _, rest = address.removeprefix("postgresql://").partition("@")
    host, _, name = rest.partition("?")[0].partition("/")
    return with_.format(user=user, host=host, name=name, password=PASSWORD)


@pytest.mark.parametrize(
    ("with_", "said"),
    [
        ("postgresql://{user}:{password}@127.0.0.1:1/{name}", "postgresql://127.0.0.1:1/{name}: found no connection"),
        ("postgresql://{user}:{password}@{host}/no_such", "no_such: found no connection"),
        ("postgresql://{user}:pa55-w@rd@{host}/{name}", "one that cannot be read"),
        ("postgresql://{user}:pa55-w/rd@{host}/{name}", "one that cannot be read"),
        ("postgresql://{user}:pa55-w?rd@{host}/no_such", "no_such: found no connection"),
        ("postgresql://pa55:pa55@{host}/{name}", 'role "***" does not exist'),
        ("postgresql://127.0.0.1:pa55-w/{name}", "one that cannot be read"),
        ("postgresql://{user}:pa55-w%rd@{host}/{name}", "one that cannot be read"),
        ("host=127.0.0.1 port=1 dbname=x password=pa55-w@rd", "postgresql://127.0.0.1:1/x: found no connection"),
        ("host=127.0.0.1 port=pa55-w dbname=x", "one that cannot be read"),
    ],
)
def test_no_message_holds_the_password(address: str, tmp_path: Path, with_: str, said: str) -> None:
    done = cmvigil("cohort", elsewhere(address, with_), "--engine", "postgres", "--out", tmp_path)
    assert done.exit_code == 2, done.output
    assert elsewhere(address, said) in done.stderr
    for part in ("pa55", "rd@", "w@rd"):
        assert part not in done.output


def test_nothing_that_is_made_holds_the_password(address: str, tmp_path: Path) -> None:
    with_password = address.replace("@", f":{PASSWORD}@")
    answered(tmp_path, with_password, "--engine", "postgres", "--rules", "send_genotype")
    for path in tmp_path.iterdir():
        assert b"pa55" not in path.read_bytes(), path
    quality = (tmp_path / "quality.html").read_text()
    assert "event_measurement" in quality
    assert "36\u00a0patients" in quality


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("{address}",), "expected a folder. To answer inside it: --engine postgres"),
        (("{tables}", "--without", "variant"), "--without speaks of the tables of a database"),
        (("{address}", "--engine", "postgres", "--mapping", "{tables}/person.csv"), "--mapping speaks of codes"),
    ],
)
def test_what_does_not_go_together_is_said(
    address: str, tables: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    given = [word.format(address=address, tables=tables) for word in words]
    done = cmvigil("cohort", *given, "--out", tmp_path)
    assert done.exit_code == 2
    assert said in done.stderr
    assert address not in done.output


def test_a_database_that_stops_is_told(own: str) -> None:
    with hospital.session(own) as inside, psycopg.connect(own, autocommit=True) as other:
        pid = inside.info.backend_pid
        with pytest.raises(IntakeError, match="the database stopped the run"), hospital.session(own) as ended:
            other.execute("SELECT pg_terminate_backend(%s)", [ended.info.backend_pid])
            for _ in range(50):
                ended.execute("SELECT pg_sleep(0.1)")
        with pytest.raises(IntakeError, match="due to statement timeout"), hospital.session(own) as slow:
            slow.execute("SET statement_timeout = 1")
            slow.execute("SELECT pg_sleep(5)")
        assert inside.execute("SELECT pg_backend_pid()").fetchone() == (pid,)


# -- what both sides share -------------------------------------------------------------------------------------------
def test_lists_in_parts_are_the_lists(tables: Path, tmp_path: Path) -> None:
    program = load()
    with taken(tables, tmp_path / "store") as on:
        special = specialise(program, {table: {"cmv_load", "any"} for table in EVENTS}, ["person"])
        plan, settling = on_duckdb.prepared(special.program), Settling.of(program, special)
        on.execute(
            "CREATE TEMP TABLE snapshot AS SELECT DISTINCT patient, DATE '2026-04-02' AS as_of FROM event_person"
        )
        on.execute(f"CREATE TABLE event_interpretation AS SELECT * FROM ({_nothing('interpretation')})")
        listing = ", ".join(f"list_sort({name})" for name in Settling.LISTS)
        for _ in in_batches(plan, on):
            found = [
                on.execute(
                    f"SELECT patient, as_of, cohort, {listing} FROM ({settling.selected(plan, 2, width)}) ORDER BY 1"
                ).fetchall()
                for width in (None, 60)
            ]
        assert settling.selected(plan, 2, 60).count(" AS (SELECT") > 2
    assert found[0] == found[1]
    assert any(row[3] for row in found[0])


def _nothing(table: str) -> str:
    cells = ", ".join(f'CAST(NULL AS {sql}) AS "{name}"' for name, sql in event_types(table).items())
    return f"SELECT {cells} WHERE FALSE"


def test_words_are_words_whatever_is_in_them(address: str) -> None:
    tests = {"it's": "TRUE", "no": "FALSE", "NULL": "TRUE", "unknown": "NULL IS TRUE", "VARCHAR 1.5": "TRUE"}
    expected = [(["it's", "NULL", "VARCHAR 1.5"], [])]
    statements = {each: each.written(f"SELECT {each.words(tests)}, {each.words({})}") for each in (DUCKDB, POSTGRES)}
    assert duckdb.sql(statements[DUCKDB]).fetchall() == expected
    with psycopg.connect(address) as session:
        assert session.execute(statements[POSTGRES]).fetchall() == expected


def test_groups_are_those_of_the_store(tables: Path, tmp_path: Path) -> None:
    with taken(tables, tmp_path / "store") as on:
        for day in (date(2026, 3, 18), date(2027, 2, 28), date(2027, 3, 1), date(2009, 2, 28)):
            members(on, [day])
            kept = on.execute("SELECT patient, as_of, sex, age, cohort FROM member ORDER BY 1").fetchall()
            assert on.execute(f"{member_select(DUCKDB, day)} ORDER BY 1").fetchall() == kept
        assert {row[-1] for row in kept} <= {0, 1, 2}


SLIPS = {
    "none": "SELECT 1",
    "a slip": "UPDATE event_exposure SET known_on = '2062-05-01' WHERE patient = 'none'",
    "many": "UPDATE event_exposure SET known_on = known_on + 10000 WHERE hash(patient) % 2 = 0",
    "one of two": "; ".join(f"DELETE FROM event_{table} WHERE patient NOT IN ('late', 'none')" for table in EVENTS)
    + "; UPDATE event_exposure SET known_on = '2062-05-01' WHERE patient = 'none'",
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=list(SLIPS))
def test_the_last_day_and_what_comes_later_are_those_of_the_store(tables: Path, tmp_path: Path, slip: str) -> None:
    with taken(tables, tmp_path / "store") as on:
        on.execute(slip)
        for until in (date.max, date(2026, 4, 1), date(1800, 1, 1)):
            found = on.execute(last_day_select(DUCKDB, until)).fetchone()
            assert found is not None
            if found[0] is None:
                with pytest.raises(IntakeError, match="nothing that became known"):
                    last_day(on, until)
            else:
                assert found[0] == last_day(on, until)
        day = last_day(on, date.max)
        assert later_of(on, DUCKDB, day) == [(each.table, each.rows, each.place) for each in later(on, day)]


def later_of(on: duckdb.DuckDBPyConnection, dialect: Dialect, day: date) -> list[tuple[object, ...]]:
    """Table, rows and first source of what becomes known after a day."""
    made = []
    for table, (counts, first) in later_selects(dialect, day).items():
        row, place = on.execute(counts).fetchone(), on.execute(first).fetchone()
        if row and place:
            made.append((table, row[0], place[1]))
    return made


def test_a_slip_does_not_decide_for_everybody_in_a_database(own: str, tmp_path: Path) -> None:
    with psycopg.connect(own, autocommit=True) as session:
        session.execute("UPDATE event_exposure SET known_on = '2062-05-01' WHERE patient = 'none'")
    done = cmvigil("cohort", own, "--engine", "postgres", "--out", tmp_path, "--rules", "send_genotype")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(
        "36 patients as of 2026-06-30\n  1 row is dated later, up to 2062-05-01, and not used\n"
    )
    assert "2062" in (tmp_path / "quality.html").read_text()


def test_a_database_without_a_dated_event_asks_for_the_day(own: str) -> None:
    with hospital.session(own) as inside:
        assert in_postgres.last_day(inside, date(2026, 4, 1)) == date(2026, 4, 1)
        with pytest.raises(IntakeError, match=r"nothing that became known on any day.*Give --as-of DAY"):
            in_postgres.last_day(inside, date(1800, 1, 1))


def test_concepts_that_mean_nothing_are_told(own: str, tmp_path: Path) -> None:
    with hospital.session(own) as inside:
        assert in_postgres.strange(inside) == ()
    with psycopg.connect(own, autocommit=True) as session:
        session.execute("UPDATE event_exposure SET concept = 'mesalasine' WHERE patient = 'none'")
        session.execute("UPDATE event_observation SET concept = 'creatinine' WHERE patient LIKE 'old%'")
    with hospital.session(own) as inside:
        found = [(each.kind, each.code, each.text, each.number) for each in in_postgres.strange(inside)]
    assert found == [
        ("exposure", "mesalasine", "Did you mean 'mesalazine'?", 1),
        ("observation", "creatinine", "belongs into measurement", 1),
    ]
    answered(tmp_path, own, "--engine", "postgres", "--rules", "send_genotype")
    assert "mesalasine" in (tmp_path / "quality.html").read_text()
