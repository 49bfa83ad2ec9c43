"""Bulk intake: a folder of files becomes event tables of many patients, in two passes and in bounded memory.

First each file through the fast pass (:mod:`typed`), or, where it refuses, through the careful one (:mod:`tolerant`);
then what is not plain, patient by patient (:mod:`rest`). The rows are those that the reader of single records makes:
a test compares the two.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import duckdb
import orjson

from ..reasoning.engines.sql.events import event_types
from ..record.codes import with_site
from . import rest, typed
from .export import READ, Source, sources
from .shapes import Shapes
from .store import EVENTS, begin, done
from .tables_in import read_table
from .tolerant import clean

_ISSUE = ("patient", "level", "place", "found", "expected", "remedy", "known_on")
BUCKET = 5_000
"""Patients of one bucket of the second pass, about."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is (bytes, or patients)."""


def intake(
    on: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    mapping: Path | None = None,
    jobs: int = 1,
    progress: Progress = lambda *_: None,
) -> bool:
    """Read ``folder`` into the store ``on``. Gives True when an earlier intake was gone on with.

    Raises IntakeError for a folder that holds nothing to read, or a mapping that cannot be used.
    """
    files = sources(folder)
    codes = with_site(mapping)
    started = begin(on, files, sha256(mapping.read_bytes()).hexdigest() if mapping else "")
    shapes = Shapes(codes)
    already = done(on)
    read, size = 0, sum(file.size for file in files)
    for file in files:
        progress("files", read, size)
        if file.name not in already:
            with _transaction(on):
                _file(on, file, shapes)
        read += file.size
    progress("files", size, size)
    _second_pass(on, mapping, jobs, progress)
    return started


@contextmanager
def _transaction(on: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of it or nothing of it."""
    on.execute("BEGIN")
    try:
        yield
    except BaseException:
        on.execute("ROLLBACK")
        raise
    on.execute("COMMIT")


def _file(on: duckdb.DuckDBPyConnection, file: Source, shapes: Shapes) -> None:
    count, careful = typed.Count(), False
    if file.events:
        count = read_table(on, file)
    elif file.kind in READ:
        try:
            count = typed.read(on, file, file.path, shapes)
        except duckdb.Error:
            careful = True
    else:
        count.lines = count.aside = _lines(on, file)
        if file.kind == "OperationOutcome":  # what a server did not give is unknown, not absent
            on.execute(
                "INSERT INTO outcome SELECT ? || ':' || row_number() OVER (), json FROM read_ndjson_objects(?)",
                [file.name, str(file.path)],
            )
    if careful:
        on.execute("ROLLBACK; BEGIN")
        count = _carefully(on, file, shapes)
    on.execute(
        "INSERT INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [file.name, file.kind, file.size, file.changed, *astuple(count), careful],
    )


def _carefully(on: duckdb.DuckDBPyConnection, file: Source, shapes: Shapes) -> typed.Count:
    with tempfile.TemporaryDirectory() as folder:
        found = clean(file, Path(folder) / "clean.ndjson")
        count = typed.read(on, file, found.path, shapes)
    count.lines = found.lines
    for bad in found.bad:
        _issue(on, f"{file.name}:{bad.line}", bad.found, bad.expected, bad.remedy)
    count.rejected += len(found.bad)
    for line, resource in found.odd:
        place, patient = f"{file.name}:{line}", _patient_of(resource)
        if patient is None or resource["resourceType"] not in READ:
            _issue(on, place, "a resource that is about no patient", "a subject Patient/id", "Not used.")
            count.rejected += 1
        else:
            row = [patient, resource["resourceType"], place, orjson.dumps(resource).decode()]
            on.execute("INSERT INTO rest VALUES (?, ?, ?, ?)", row)
            count.rest += 1
    return count


def _patient_of(resource: dict[str, object]) -> str | None:
    if resource["resourceType"] == "Patient":
        return str(resource["id"]) if resource.get("id") else None
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    parts = reference.partition("/_history/")[0].split("/") if isinstance(reference, str) else []
    return parts[-1] if len(parts) > 1 and parts[-2] == "Patient" else None


def _issue(on: duckdb.DuckDBPyConnection, place: str, found: str, expected: str, remedy: str) -> None:
    on.execute("INSERT INTO issue VALUES (NULL, 'rejected', ?, ?, ?, ?, NULL)", [place, found, expected, remedy])


def _lines(on: duckdb.DuckDBPyConnection, file: Source) -> int:
    number = 0
    try:
        with gzip.open(file.path) if file.packed else file.path.open("rb") as lines:
            for _ in lines:
                number += 1
    except (OSError, EOFError, zlib.error):
        _issue(on, f"{file.name}:{number + 1}", "a damaged archive from here on", "a whole file", "Fetch it again.")
    return number


# -- the second pass -------------------------------------------------------------------------------------------------
def _second_pass(on: duckdb.DuckDBPyConnection, mapping: Path | None, jobs: int, progress: Progress) -> None:
    row = on.execute("SELECT count(DISTINCT patient) FROM rest").fetchone()
    assert row is not None
    patients, buckets = row[0], max(1, -(-row[0] // BUCKET))
    finished = {number for (number,) in on.execute("SELECT number FROM bucket").fetchall()}
    at = sum(n for (n,) in on.execute("SELECT patients FROM bucket").fetchall())
    with tempfile.TemporaryDirectory(dir=_beside(on)) as name:
        folder = Path(name)
        waiting = [number for number in range(buckets) if number not in finished] if patients else []
        for job, number in _worked(on, waiting, buckets, folder, mapping, jobs):
            with _transaction(on):
                _take(on, job, number)
            shutil.rmtree(job.out)
            at += number
            progress("patients", min(at, patients), patients)
    with _transaction(on):
        _persons(on)


def _beside(on: duckdb.DuckDBPyConnection) -> str | None:
    row = on.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    return str(Path(row[0]).parent) if row and row[0] else None


def _worked(
    on: duckdb.DuckDBPyConnection, numbers: list[int], buckets: int, folder: Path, mapping: Path | None, jobs: int
) -> Iterator[tuple[rest.Job, int]]:
    """Jobs as they are done, with the number of their patients; at most ``jobs`` are written out ahead."""
    if jobs <= 1 or len(numbers) <= 1:
        for number in numbers:
            job = _job(on, number, buckets, folder, mapping)
            yield job, rest.work(job)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = []
        for number in numbers:
            job = _job(on, number, buckets, folder, mapping)
            running.append((job, pool.submit(rest.work, job)))
            if len(running) > jobs:
                first, result = running.pop(0)
                yield first, result.result()
        for job, result in running:
            yield job, result.result()


def _job(on: duckdb.DuckDBPyConnection, number: int, buckets: int, folder: Path, mapping: Path | None) -> rest.Job:
    """Write a bucket's resources out, sorted by patient, each with what it refers to."""
    path = folder / f"{number}.ndjson"
    inside = f"hash(r.patient) % {buckets} = {number}"
    kinds = "(?:Medication|Organization|Specimen)"
    refers = rf"""regexp_extract_all(r.resource, '"reference":\s*"(?:[^"]*/)?({kinds}/[^"/]+)"', 1)"""
    on.execute(f"""
COPY (
  SELECT patient, place, resource FROM (
    SELECT r.patient, r.place, r.resource, r.rowid AS place_in FROM rest AS r WHERE {inside}
    UNION ALL BY NAME
    SELECT DISTINCT n.patient, s.place, s.resource
    FROM (SELECT r.patient, unnest({refers}) AS reference FROM rest AS r WHERE {inside}) AS n
    JOIN shared AS s USING (reference)
    UNION ALL BY NAME
    SELECT r.patient, r.place, r.resource FROM report AS r
    WHERE {inside} AND r.patient IN (SELECT patient FROM rest AS o WHERE o.kind = 'Observation'
      AND NOT contains(o.resource, '"effective'))
    UNION ALL BY NAME
    SELECT r.patient, o.place, o.resource
    FROM (SELECT DISTINCT patient FROM stated) AS r CROSS JOIN outcome AS o WHERE {inside}
  ) ORDER BY patient, place_in NULLS LAST, place
) TO '{typed.escaped(path)}' (FORMAT json)""")
    return rest.Job(number, path, folder / f"made-{number}", mapping)


def _take(on: duckdb.DuckDBPyConnection, job: rest.Job, patients: int) -> None:
    """The rows of a bucket into the store."""
    for table in EVENTS:
        path = job.out / f"{table}.ndjson"
        if path.stat().st_size:
            columns = ", ".join(f"'{name}': '{sql}'" for name, sql in event_types(table).items())
            made = f"read_ndjson('{typed.escaped(path)}', columns = {{{columns}}})"
            on.execute(f"INSERT INTO event_{table} BY NAME SELECT * FROM {made}")
    issues = job.out / "issue.ndjson"
    if issues.stat().st_size:
        columns = ", ".join(f"{name}: '{'DATE' if name == 'known_on' else 'VARCHAR'}'" for name in _ISSUE)
        told = f"read_ndjson('{typed.escaped(issues)}', columns = {{{columns}}})"
        on.execute(f"INSERT INTO issue BY NAME SELECT * FROM {told} WHERE level <> 'unmapped'")
        on.execute(
            "INSERT INTO unmapped SELECT split_part(place, ',', 1), '', '', found, "
            "sum(coalesce(try_cast(regexp_extract(place, ', ([0-9]+) times, first ', 1) AS BIGINT), 1)), min(place) "
            f"FROM {told} WHERE level = 'unmapped' GROUP BY ALL"
        )
    on.execute("INSERT INTO bucket VALUES (?, ?)", [job.number, patients])
    job.resources.unlink()


def _persons(on: duckdb.DuckDBPyConnection) -> None:
    """One row of the person for everybody who has a birth date, a sex or an event, and an end to doubled events."""
    if on.execute("SELECT 1 FROM about WHERE key = 'whole'").fetchone():
        return
    tables = [table for table in EVENTS if table != "person"]
    days = " UNION ALL ".join(f"SELECT patient, day, known_on FROM event_{table}" for table in tables)
    on.execute(f"""
CREATE OR REPLACE TEMP TABLE first_day AS
SELECT patient, min(day) AS day, min(least(day, known_on)) AS either FROM ({days}) GROUP BY patient""")
    birth = r"""CASE WHEN regexp_matches(r.birth, '^\d{4}(-\d\d(-\d\d)?)?$') THEN try_cast(
      CASE length(r.birth) WHEN 4 THEN r.birth || '-01-01' WHEN 7 THEN r.birth || '-01' ELSE r.birth END AS DATE) END"""
    on.execute(f"""
INSERT INTO event_person BY NAME
SELECT patient, event, coalesce(birth_date, day) AS day, coalesce(birth_date, day) AS known_on, event AS source,
  birth_date, sex
FROM (
  SELECT r.patient, 'Patient/' || r.patient AS event, f.day,
    CASE WHEN year({birth}) BETWEEN 1900 AND 2199 THEN {birth} END AS birth_date,
    CASE WHEN r.gender IN ('female', 'male') THEN r.gender END AS sex
  FROM (SELECT DISTINCT ON (patient) * FROM person_raw ORDER BY patient, rowid) AS r
  LEFT JOIN first_day AS f USING (patient)
  WHERE r.patient NOT IN (SELECT patient FROM event_person)
) WHERE birth_date IS NOT NULL OR (sex IS NOT NULL AND day IS NOT NULL)""")
    on.execute("""
INSERT INTO event_person BY NAME
SELECT patient, 'person' AS event, either AS day, either AS known_on, 'the record itself' AS source
FROM first_day WHERE patient NOT IN (SELECT patient FROM event_person)""")
    for table in EVENTS:
        _once(on, table)
    on.execute("INSERT INTO about VALUES ('whole', 'yes')")
    on.execute("DELETE FROM rest; DELETE FROM shared; DELETE FROM report; DROP TABLE first_day")


def _once(on: duckdb.DuckDBPyConnection, table: str) -> None:
    """Of rows with the name of one event only the first stays; one that says something else is told."""
    doubled = on.execute(
        f"SELECT patient, event, count(DISTINCT e) FROM event_{table} AS e "
        "GROUP BY ALL HAVING count(*) > 1 ORDER BY 1, 2"
    ).fetchall()
    if not doubled:
        return
    on.execute(
        f"DELETE FROM event_{table} AS e "
        f"WHERE rowid NOT IN (SELECT min(rowid) FROM event_{table} GROUP BY patient, event)"
    )
    for patient, event, versions in doubled:
        if versions > 1:
            found = f"{versions} versions of this resource"
            on.execute(
                "INSERT INTO issue VALUES (?, 'rejected', ?, ?, 'one', 'The first is used.', NULL)",
                [patient, event, found],
            )
