"""Bulk intake: a folder of files becomes event tables of many patients, in two passes and in bounded memory.

First each file through the fast pass (:mod:`typed`), or, where it refuses, through the careful one (:mod:`tolerant`);
then what is not plain, patient by patient (:mod:`rest`). The rows are those that the reader of single records makes:
a test compares the two.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, replace
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from operator import add
from pathlib import Path

import duckdb
import orjson

from ..reasoning.engines.sql.events import event_types
from ..record.codes import with_site
from . import rest, typed
from .export import READ, SCRATCH, Source, passed_over, sources
from .shapes import Shapes
from .store import EVENTS, begin, done
from .tables_in import read_table
from .tolerant import OUTCOME, Bad, Copies, Odd, clean

_ISSUE = ("patient", "level", "place", "found", "expected", "remedy", "known_on")
BUCKET = 5_000
"""Patients of one bucket of the second pass, about."""
_AT_ONCE = 5_000
"""Odd or bad lines of a careful pass that are held at once."""

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
    _tell_unread(on, folder)
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


def _tell_unread(on: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Name the files of the folder that are not read. What this program itself wrote into it is none of them."""
    own, inside = _beside(on), folder.resolve()
    ours = own.relative_to(inside).as_posix() if own and own != inside and own.is_relative_to(inside) else None
    unread = [name for name in passed_over(folder) if ours is None or not name.startswith(f"{ours}/")]
    with _transaction(on):
        on.execute("DELETE FROM issue WHERE level = 'unread'")
        on.execute(
            "INSERT INTO issue SELECT NULL, 'unread', unnest($1::VARCHAR[]), 'a file that is not read', "
            "'NDJSON, or a table named as an event table', 'If it holds results: export it again in one of these.', "
            "NULL",
            [unread],
        )


def _file(on: duckdb.DuckDBPyConnection, file: Source, shapes: Shapes) -> None:
    """Read a file; the manifest has a line for each type in it."""
    careful = False
    if file.events:
        counts = {file.kind: read_table(on, file)}
    else:
        try:
            counts = {file.kind: typed.read(on, file, file.path, shapes)} if file.kind in READ else {}
        except (duckdb.Error, typed.RefusedError):
            on.execute("ROLLBACK; BEGIN")
            counts, careful = {}, True
        counts = counts or _carefully(on, file, shapes)
    on.executemany(
        "INSERT INTO manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            [file.name, kind, file.size, file.changed, *astuple(count), careful or len(counts) > 1]
            for kind, count in counts.items()
        ],
    )


def _carefully(on: duckdb.DuckDBPyConnection, file: Source, shapes: Shapes) -> dict[str, typed.Count]:
    """Read every line of a file as what it is; gives what became of the lines of each type."""
    counts: defaultdict[str, typed.Count] = defaultdict(typed.Count)
    with _scratch(on) as folder:
        copies = Copies(folder)
        lines = clean(file, copies)
        while some := list(islice(lines, _AT_ONCE)):
            _told(on, file, some, counts)
        made = copies.close()
        for kind in sorted(made, key=lambda kind: kind != "Observation"):  # as whole files are
            read = typed.read(on, replace(file, kind=kind), made[kind], shapes)
            already = counts[kind]
            counts[kind] = typed.Count(*map(add, astuple(read), astuple(already)))
    for kind, number in copies.others.items():
        counts[kind].lines += number
        counts[kind].aside += number
    # A line that is no resource counts under the type that the file began with.
    others = sum(count.lines for kind, count in counts.items() if kind != file.kind)
    counts[file.kind].lines = copies.lines - copies.empty - others
    return counts


def _told(
    on: duckdb.DuckDBPyConnection, file: Source, lines: Iterable[Bad | Odd], counts: defaultdict[str, typed.Count]
) -> None:
    """Put aside what is odd, and tell what is bad."""
    issues: list[tuple[str, ...]] = []
    rest: list[tuple[str, ...]] = []
    outcomes: list[tuple[str, ...]] = []
    for each in lines:
        place = f"{file.name}:{each.line}"
        if isinstance(each, Bad):
            counts[file.kind].rejected += 1
            issues.append((place, each.found, each.expected, each.remedy))
            continue
        count, text = counts[each.kind], orjson.dumps(each.resource).decode()
        count.lines += 1
        if each.kind == OUTCOME:  # what a server did not give is unknown, not absent
            count.aside += 1
            outcomes.append((place, text))
        elif patient := _patient_of(each.resource):
            count.rest += 1
            rest.append((patient, each.kind, f"{each.kind}/{each.resource.get('id')}", place, text))
        else:
            count.rejected += 1
            issues.append((place, "a resource that is about no patient", "a subject Patient/id", "Not used."))
    _put(on, "issue", "NULL, 'rejected', {}, NULL", issues)
    _put(on, "rest", "{}", rest)
    _put(on, "outcome", "{}", outcomes)


def _put(on: duckdb.DuckDBPyConnection, table: str, form: str, rows: list[tuple[str, ...]]) -> None:
    """Insert rows of words; ``form`` is what stands around them."""
    if rows:
        words = ", ".join(f"unnest(${at}::VARCHAR[])" for at in range(1, len(rows[0]) + 1))
        on.execute(
            f"INSERT INTO {table} SELECT {form.format(words)}", [list(column) for column in zip(*rows, strict=True)]
        )


def _patient_of(resource: dict[str, object]) -> str | None:
    if resource["resourceType"] == "Patient":
        return str(resource["id"]) if resource.get("id") else None
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    parts = reference.partition("/_history/")[0].split("/") if isinstance(reference, str) else []
    return parts[-1] if len(parts) > 1 and parts[-2] == "Patient" else None


# -- the second pass -------------------------------------------------------------------------------------------------
def _second_pass(on: duckdb.DuckDBPyConnection, mapping: Path | None, jobs: int, progress: Progress) -> None:
    row = on.execute("SELECT count(DISTINCT patient) FROM rest").fetchone()
    assert row is not None
    patients, buckets = row[0], max(1, -(-row[0] // BUCKET))
    finished = {number for (number,) in on.execute("SELECT number FROM bucket").fetchall()}
    at = sum(n for (n,) in on.execute("SELECT patients FROM bucket").fetchall())
    with _scratch(on) as folder:
        waiting = [number for number in range(buckets) if number not in finished] if patients else []
        for job, number in _worked(on, waiting, buckets, folder, mapping, jobs):
            with _transaction(on):
                _take(on, job, number)
            shutil.rmtree(job.out)
            at += number
            progress("patients", min(at, patients), patients)
    with _transaction(on):
        _persons(on)


def _beside(on: duckdb.DuckDBPyConnection) -> Path | None:
    """The folder of the store; None of one in memory."""
    row = on.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    return Path(row[0]).resolve().parent if row and row[0] else None


@contextmanager
def _scratch(on: duckdb.DuckDBPyConnection) -> Iterator[Path]:
    """A folder beside the store for passing files, which hold patients' data: what a run that was killed left goes."""
    beside = _beside(on)
    for left in beside.glob(f"{SCRATCH}-*") if beside else ():
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=beside, prefix=f"{SCRATCH}-") as name:
        yield Path(name)


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
    on.execute(f"""
UPDATE event_person SET day = f.day, known_on = f.day FROM first_day AS f
WHERE f.patient = event_person.patient AND event_person.day = DATE '{rest.UNDATED}';
DELETE FROM event_person WHERE day = DATE '{rest.UNDATED}'""")
    on.execute("""
INSERT INTO issue
SELECT patient, CASE WHEN versions > 1 THEN 'rejected' ELSE 'note' END, array_to_string(places[:2], ', '),
  len(places) || ' Patients of one id' || CASE WHEN versions > 1 THEN ', which differ' ELSE ', all alike' END, 'one',
  'The first is used.', NULL
FROM (SELECT patient, list(place ORDER BY rowid) AS places, count(DISTINCT (birth, gender)) AS versions
  FROM person_raw GROUP BY patient HAVING count(*) > 1)""")
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
    _tell_people(on, birth)
    on.execute("""
INSERT INTO event_person BY NAME
SELECT patient, 'person' AS event, either AS day, either AS known_on, 'the record itself' AS source
FROM first_day WHERE patient NOT IN (SELECT patient FROM event_person)""")
    for table in EVENTS:
        _once(on, table)
    on.execute("INSERT INTO about VALUES ('whole', 'yes')")
    on.execute("DELETE FROM rest; DELETE FROM shared; DELETE FROM report; DROP TABLE first_day")


def _tell_people(on: duckdb.DuckDBPyConnection, birth: str) -> None:
    """Note birth dates that are not full ones, and people of whom no day is known. ``birth``: SQL, the date."""
    on.execute(f"""
INSERT INTO issue
SELECT patient, 'note', place || ', birthDate', '''' || birth || '''', 'a full date',
  CASE WHEN {birth} IS NULL OR year({birth}) NOT BETWEEN 1900 AND 2199 THEN 'Not used; the age is not known.'
    ELSE 'Taken as its first day.' END, NULL
FROM person_raw AS r
WHERE birth IS NOT NULL AND coalesce(length(birth) <> 10 OR year({birth}) NOT BETWEEN 1900 AND 2199, TRUE)
  AND place NOT IN (SELECT place FROM rest WHERE kind = 'Patient')""")
    on.execute("""
INSERT INTO issue
SELECT patient, 'rejected', place, 'a Patient with neither a birth date that can be used nor anything dated',
  'a birth date, or results', 'Not answered: nobody is known before the first day.', NULL
FROM person_raw WHERE patient NOT IN (SELECT patient FROM event_person)
  AND patient NOT IN (SELECT patient FROM first_day)""")


def _once(on: duckdb.DuckDBPyConnection, table: str) -> None:
    """Of rows with the name of one event only the first stays; one that says something else is told."""
    # Hashes of names are counted first, which costs little and almost always ends it.
    perhaps = f"SELECT hash(patient, event) FROM event_{table} GROUP BY 1 HAVING count(*) > 1"
    doubled = on.execute(
        f"SELECT patient, event, count(DISTINCT e) FROM event_{table} AS e "
        f"WHERE hash(patient, event) IN ({perhaps}) GROUP BY ALL HAVING count(*) > 1 ORDER BY 1, 2"
    ).fetchall()
    if not doubled:
        return
    on.execute(
        f"DELETE FROM event_{table} AS e "
        f"WHERE rowid NOT IN (SELECT min(rowid) FROM event_{table} GROUP BY patient, event)"
    )
    told = "INSERT INTO issue VALUES (?, ?, ?, ?, 'one', 'The first is used.', NULL)"
    for patient, event, versions in doubled:
        if versions > 1:
            on.execute(told, [patient, "rejected", event, f"{versions} versions of this resource"])
    if alike := [(patient, event) for patient, event, versions in doubled if versions == 1]:
        # An export that was taken twice holds everything twice: that is one fault, not millions.
        on.execute(told, [alike[0][0], "note", alike[0][1], f"{len(alike):,} that stand more than once, all alike"])
