"""The event tables of a hospital in its own PostgreSQL: a session that only reads, and whether they can be answered.

What is wrong is told before anything is answered, all at once, with a remedy. A table that cannot be used as it is
needs a view; nothing is passed over, because a row that no snapshot sees is a wrong answer that nobody notices.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..reasoning.engines.postgres.dialect import POSTGRES
from ..reasoning.engines.sql.events import event_types
from ..record.errors import IntakeError, Problem, did_you_mean, listed
from .contract import Check, checks, faults_select
from .groups import unnamed_select
from .store import EVENTS

if TYPE_CHECKING:
    import psycopg

    Session = psycopg.Connection[Any]

_OLDEST = 120000
_ADDRESS = "postgresql://USER@HOST:PORT/DATABASE"
_NEEDED = ("patient", "event", "day", "known_on", "source")
_KINDS = 12
"""Kinds of one fault that are told, such as a concept in a unit that is not its own; of others their number."""
_TYPES: Mapping[str, tuple[str, ...]] = {
    "TEXT": ("text", "varchar"),
    "DATE": ("date",),
    "TIMESTAMP": ("timestamp",),
    "BOOLEAN": ("bool",),
    "NUMERIC": ("numeric",),
}
"""Types of columns, and what PostgreSQL's catalog calls those that do. Whole numbers do not: they would be divided as
such. A time with a zone does not: its hour would depend on the session.
"""
_COLUMNS = """
SELECT a.attname, b.typname, coalesce(k.collisdeterministic, TRUE), has_column_privilege(a.attrelid, a.attnum, 'SELECT')
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_collation AS k ON k.oid = a.attcollation
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped"""


def place_of(address: str) -> str:
    """An address as messages call it: without user and password. Raises IntakeError for one that cannot be read."""
    parts = _parts(address)
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"postgresql://{parts.get('host') or ''}{port}/{parts.get('dbname') or ''}"


@contextmanager
def session(address: str) -> Iterator[Session]:
    """A session in the database, in which temporary tables come before all others of their name.

    At its end none of them is left and every setting is as it was. Raises IntakeError, here or for what the caller
    does in it, when the database refuses or stops; no message holds the password.
    """
    import psycopg

    parts, place = _parts(address), place_of(address)
    given = {"connect_timeout": 10, "fallback_application_name": "cmvigil", **parts, "client_encoding": "UTF8"}
    try:
        connection = psycopg.connect(**given, autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        said = _one_line(str(error), parts.get("password"))
        remedy = "Check host, port, name and user; give the password in PGPASSWORD or ~/.pgpass."
        raise _refused(place, f"no connection ({said})", "a PostgreSQL server that lets this user in", remedy) from None
    try:
        with connection:
            path = "'pg_temp, ' || current_setting('search_path')"
            connection.execute(f"SELECT set_config('search_path', {path}, FALSE)")
            yield connection
            connection.execute("DISCARD ALL")
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
        said = _one_line(error.diag.message_primary or str(error), parts.get("password"))
        remedy = "Ask its administrator; nothing is left in it, and the run can be made again."
        raise _refused(place, f"the database stopped the run ({said})", "a run to its end", remedy) from None


def checked(on: Session, place: str, without: Collection[str] = ()) -> dict[str, tuple[int, int]]:
    """Look at every event table, and make an empty temporary one for each that is said not to be there (``without``).

    A temporary view ``event_person`` is made where events are of patients whom the hospital's own does not name. Gives
    the number of rows and patients of each. Raises IntakeError with all that is wrong.
    """
    problems = [*_role(on), *_unknown(without)]
    if not problems:
        oids = {table: _oid(on, table) for table in EVENTS}
        for table, oid in oids.items():
            problems += _structure(on, table, oid, table in without)
    if problems:
        raise IntakeError(Problem(each.found, each.expected, each.remedy, file=place) for each in problems)
    for table in without:
        types = ", ".join(f'"{name}" {sql}' for name, sql in event_types(table).items())
        on.execute(POSTGRES.written(f"{POSTGRES.temporary} event_{table} ({types})"))
    counts, problems = {}, []
    for table in EVENTS:
        counts[table], found = _rows(on, table)
        problems += found
    if problems:
        raise IntakeError(Problem(each.found, each.expected, each.remedy, file=place) for each in problems)
    added, (rows, patients) = _with_everybody(on), counts["person"]
    return {**counts, "person": (rows + added, patients + added)}


def _parts(address: str) -> dict[str, Any]:
    """What an address says. One that was cut in the wrong place is refused: its parts could be the password's."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(address)
    except ProgrammingError:
        parts = {"host": "@"}
    shown = "".join(str(parts.get(name) or "") for name in ("host", "dbname"))
    if "@" in shown or set(str(parts.get("port") or "")) - set("0123456789,"):
        remedy = "Write signs such as @ : / ? % in it as %40 and so on; give the password in PGPASSWORD or ~/.pgpass."
        raise _refused("the address of the database", "one that cannot be read (it is not shown)", _ADDRESS, remedy)
    return parts


def _role(on: Session) -> Iterator[Problem]:
    """What the server and the role do not allow."""
    if on.info.server_version < _OLDEST:
        yield Problem(f"PostgreSQL {on.info.server_version // 10000}", "PostgreSQL 12 or later", "Use a newer server.")
    row = on.execute(
        "SELECT current_user::TEXT, current_database()::TEXT, pg_is_in_recovery(), "
        "current_setting('transaction_read_only'), has_database_privilege(current_database(), 'TEMPORARY')"
    ).fetchone()
    assert row is not None
    role, database, standby, reading, temporary = row
    tables = "temporary tables"
    if standby:
        yield Problem("a standby server", f"one where {tables} can be made", "Use the primary, or a copy that is none.")
    elif reading == "on":
        remedy = f'ALTER ROLE "{role}" SET default_transaction_read_only = off; without other rights it writes nothing.'
        yield Problem(f"the role '{role}' whose transactions only read", f"one that can make {tables}", remedy)
    if not temporary:
        remedy = f'GRANT TEMPORARY ON DATABASE "{database}" TO "{role}".'
        yield Problem(f"the role '{role}' without the privilege TEMPORARY", f"one that can make {tables}", remedy)


def _unknown(without: Collection[str]) -> Iterator[Problem]:
    for table in without:
        if table not in EVENTS:
            remedy = did_you_mean(table, EVENTS, "Leave it out.")
            yield Problem(f"--without {table}", f"event tables: {listed(EVENTS)}", remedy)
        elif table == "person":
            yield Problem("--without person", "a table of the patients", "Without it nobody is known.")


def _oid(on: Session, table: str) -> int | None:
    row = on.execute("SELECT to_regclass(%s)::OID", [f"event_{table}"]).fetchone()
    return row[0] if row else None


def _structure(on: Session, table: str, oid: int | None, without: bool) -> Iterator[Problem]:
    """What is wrong with the columns of a table."""
    name = f"event_{table}"
    if oid is None:
        if not without:
            rows = on.execute("SELECT unnest(current_schemas(FALSE))").fetchall()
            schemas = ", ".join(name for (name,) in rows if not name.startswith("pg_temp_"))
            path = f"a table or view of that name on the search path ({schemas})"
            other = "" if table == "person" else f", or say that nothing of it is recorded: --without {table}"
            remedy = f"Make it, name its schema in the address (?options=-csearch_path%3DSCHEMA){other}."
            yield Problem(f"no table '{name}'", path, remedy)
        return
    if without:
        yield Problem(f"--without {table}, and a table '{name}'", "one of the two", "Take it out of --without.")
        return
    found = {row[0]: row[1:] for row in on.execute(_COLUMNS, [oid]).fetchall()}
    types = {column: POSTGRES.written(sql) for column, sql in event_types(table).items()}
    for column, kind in types.items():
        type_, plain, _ = found.get(column, (None, True, True))
        if type_ is None:
            remedy = f'Add it; in a view, CAST(NULL AS {kind}) AS "{column}" where it is not recorded.'
            yield Problem(f"no column '{column}' in '{name}'", f"a column of type {kind.lower()}", remedy)
        elif type_ not in _TYPES[kind]:
            remedy = f'In a view, CAST("{column}" AS {kind}).'
            yield Problem(f"the column '{column}' of '{name}' as {type_}", kind.lower(), remedy)
        elif not plain:
            remedy = f'In a view, "{column}" COLLATE "C".'
            found_ = f"the column '{column}' of '{name}' in a collation that takes different words for equal"
            yield Problem(found_, "text that is equal when its letters are", remedy)
    unread = [column for column in types if column in found and not found[column][2]]
    if unread:
        row = on.execute("SELECT %s::REGCLASS::TEXT, current_user::TEXT", [oid]).fetchone()
        assert row is not None
        what = f"the right to read '{name}'" if len(unread) == len(types) else f"the right to read {listed(unread)}"
        yield Problem(f"a role without {what}", "SELECT on it", f'GRANT SELECT ON {row[0]} TO "{row[1]}".')


def _rows(on: Session, table: str) -> tuple[tuple[int, int], list[Problem]]:
    """Rows and patients of a table, and what is wrong with rows of it."""
    tests = {f"without '{column}'": f'"{column}" IS NULL' for column in _NEEDED}
    for column, sql in event_types(table).items():
        if sql.startswith("DECIMAL"):
            tests[f"whose '{column}' is no number below 10^18"] = f'NOT (abs("{column}") < 1000000000000000000)'
    contract = checks(table)
    written = [POSTGRES.written(test) for test in (*tests.values(), *(check.test for check in contract))]
    counts = ", ".join(f"count(*) FILTER (WHERE {test})" for test in written)
    row = on.execute(f"SELECT count(*), count(DISTINCT patient), {counts} FROM event_{table}").fetchone()
    doubled = on.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM event_{table} GROUP BY patient, event HAVING count(*) > 1) AS d"
    ).fetchone()
    assert row is not None
    assert doubled is not None
    name, remedy = f"event_{table}", "Mend them, or leave them out in a view."
    problems = [
        Problem(f"in '{name}' {number:,} rows {what}", "none", remedy)
        for what, number in zip(tests, row[2:], strict=False)
        if number
    ]
    for check, number in zip(contract, row[2 + len(tests) :], strict=True):
        if number:
            problems += _kinds(on, table, check, number)
    if doubled[0]:
        found = f"in '{name}' {doubled[0]:,} names of events that several rows of a patient have"
        problems.append(Problem(found, "a name of its own for every row of a patient", remedy))
    return (row[0], row[1]), problems


def _kinds(on: Session, table: str, check: Check, rows: int) -> Iterator[Problem]:
    """What is wrong with the rows of a fault, each kind with an example."""
    remedy = f"{check.remedy} Or leave such rows out in a view."
    for found, expected, number, patient, event in on.execute(faults_select(POSTGRES, table, check, _KINDS)).fetchall():
        rows -= number
        said = f"in 'event_{table}' {number:,} rows: {found} (of {patient!r} the event {event!r})"
        yield Problem(said, expected, remedy)
    if rows:
        yield Problem(f"in 'event_{table}' {rows:,} rows more with such faults", "none", remedy)


def _with_everybody(on: Session) -> int:
    """See to it that ``event_person`` names every patient; gives the number of those whom it did not name."""
    on.execute(f"{POSTGRES.temporary} event_unnamed AS {unnamed_select(POSTGRES)}")
    row = on.execute("SELECT count(*) FROM pg_temp.event_unnamed").fetchone()
    own = on.execute(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n "
        "ON n.oid = c.relnamespace WHERE c.oid = to_regclass('event_person')"
    ).fetchone()
    assert row is not None
    assert own is not None
    if row[0]:
        listing = ", ".join(f'"{name}"' for name in event_types("person"))
        on.execute("ANALYZE pg_temp.event_unnamed")
        on.execute(
            f"CREATE TEMP VIEW event_person AS SELECT {listing} FROM {own[0]} "
            f"UNION ALL SELECT {listing} FROM pg_temp.event_unnamed"
        )
    else:
        on.execute("DROP TABLE pg_temp.event_unnamed")
    return int(row[0])


def _refused(place: str, found: str, expected: str, remedy: str) -> IntakeError:
    return IntakeError([Problem(found, expected, remedy, file=place)])


def _one_line(text: str, password: object) -> str:
    text = " ".join(text.split())
    return text.replace(str(password), "***") if password else text
