"""The fast pass over one NDJSON file: typed columns, and rows made in SQL wherever a resource is plain.

A resource is plain when everything about it is as the shape of its kind expects it. Every other one that means
anything here is put aside for the reader of single records (:mod:`rest`), with its line. So this pass never decides
what is odd; it only recognises what is not. Nothing is dropped without being counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from .export import Source
from .lines import Lines
from .shapes import FACTOR_SCALE, REST, UNMAPPED, Shape, Shapes, first_coding

LONGEST = 32 * 1024 * 1024
"""Bytes of the longest line that is read."""
_SHAPES = 200_000
"""More different shapes than this in one file are no shapes: what is beyond goes to the reader."""
_ASIDE = 50_000
"""Lines whose text is fetched at once."""

_PASSING = ("read_lines", "fate", "shape", "reading", "doubled")
"""Tables that are there while a file is read."""

_OURS = "urn:cmvigil"
TEST = "HTEST"
"""The code of a security label or tag by which FHIR marks test data."""
NO_RESOURCE = "-"
"""The type of a line that stands for one taken out, so that those behind it keep their numbers."""

_COMMON = {"resourceType": "VARCHAR", "id": "VARCHAR", "subject": "STRUCT(reference VARCHAR)", "extension": "JSON"}
_RESULT = {
    "status": "VARCHAR",
    "code": "JSON",
    "valueQuantity": 'STRUCT("value" VARCHAR, comparator VARCHAR, unit VARCHAR, code VARCHAR)',
    "effectiveDateTime": "VARCHAR",
    "issued": "VARCHAR",
    "referenceRange": "JSON",
    "component": "JSON",
    "dataAbsentReason": "JSON",
    "specimen": "JSON",
    "bodySite": "JSON",
    "contained": "JSON",
}
COLUMNS = {
    "Observation": {**_COMMON, **_RESULT},
    "Patient": {
        "resourceType": "VARCHAR",
        "id": "VARCHAR",
        "birthDate": "VARCHAR",
        "gender": "VARCHAR",
        "meta": "JSON",
        "extension": "JSON",
    },
    "Condition": {**_COMMON, "code": "JSON"},
    "Procedure": {**_COMMON, "code": "JSON"},
    "DiagnosticReport": {**_COMMON, "contained": "JSON"},
    **{
        kind: {
            **_COMMON,
            "medicationCodeableConcept": "JSON",
            "medicationReference": "JSON",
            "request": "JSON",
            "basedOn": "JSON",
        }
        for kind in ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
    },
    **{kind: {"resourceType": "VARCHAR", "id": "VARCHAR"} for kind in ("Medication", "Organization", "Specimen")},
}
"""The columns of each resource type that are read, with their SQL types."""


class RefusedError(Exception):
    """A file that this pass cannot read as a whole; the careful one can."""


@dataclass(slots=True)
class Count:
    """What became of the lines of a file."""

    lines: int = 0
    plain: int = 0  # made into rows in SQL
    rest: int = 0  # put aside for the reader
    unmapped: int = 0  # a code that has no meaning here
    rejected: int = 0  # broken, or about no patient
    aside: int = 0  # kept in case another resource refers to it, or of no use here


def scan(path: str, kind: str) -> str:
    """The SQL that reads a file with the columns of its kind."""
    columns = ", ".join(f"'{name}': '{sql}'" for name, sql in COLUMNS[kind].items())
    return f"read_ndjson('{escaped(path)}', columns = {{{columns}}}, maximum_object_size = {LONGEST})"


_ID = "CASE WHEN length(id) BETWEEN 1 AND 64 AND id[1] NOT IN ('{', '[') THEN id END"
_PATIENT = """CASE WHEN starts_with(subject.reference, 'Patient/') AND NOT contains(subject.reference[9:], '/')
    THEN nullif(subject.reference[9:], '')
    ELSE nullif(regexp_extract(subject.reference, '(?:^|/)Patient/([^/]+)(?:/_history/.*)?$', 1), '') END"""


def _day(column: str) -> str:
    """The day of a dateTime as it is written; NULL for a partial or impossible one."""
    day = f"try_cast({column}[:10] AS DATE)"
    return f"CASE WHEN {day}::VARCHAR = {column}[:10] THEN {day} END"


def _time(column: str) -> str:
    """The clock time of a dateTime, without its offset; NULL where there is none or none that exists."""
    time = f"try_cast({column}[:19] AS TIMESTAMP)"
    return f"CASE WHEN length({column}) > 10 AND {time}::VARCHAR = replace({column}[:19], 'T', ' ') THEN {time} END"


def read(on: duckdb.DuckDBPyConnection, source: Source, path: Path, shapes: Shapes, file: str = "") -> Count:
    """Read a file into the store. Raises RefusedError or duckdb.Error where lines are not what their type should be.

    ``file`` is what places are named by; ``path`` is where the text lies (a cleaned copy, perhaps).
    """
    name = file or source.name
    made = ", ".join(f'{sql} AS "{column}"' for column, sql in _RAW[source.kind].items())
    # Rows keep the order of their lines (the store sees to it), so a row's place is its line, and both cores can read.
    on.execute(
        f"CREATE OR REPLACE TEMP TABLE read_lines AS SELECT {made}, resourceType = '{NO_RESOURCE}' AS taken_out, "
        f"resourceType NOT IN ('{source.kind}', '{NO_RESOURCE}') AS strange "
        f"FROM {scan(str(path), source.kind)}"
    )
    if _one(on, "SELECT count(*) FROM read_lines WHERE strange"):
        raise RefusedError("resources of another type")  # the careful pass tells them apart
    first = _one(on, "SELECT coalesce(min(rowid), 0) FROM read_lines")
    on.execute(
        f"CREATE OR REPLACE TEMP VIEW raw AS SELECT rowid - {first} + 1 AS line, * EXCLUDE (taken_out, strange) "
        "FROM read_lines WHERE taken_out IS NOT TRUE"
    )
    count = Count(lines=_one(on, "SELECT count(*) FROM raw"))
    if source.kind == "Patient":
        _patients(on, name, count)
    elif source.kind in ("Medication", "Organization", "Specimen"):
        _fates(on, "'shared'")
    elif source.kind == "DiagnosticReport":
        _fates(on, "CASE WHEN holds THEN 'rest' ELSE 'report' END")
    elif source.kind == "Observation":
        _observations(on, name, shapes, count)
    else:
        _coded(on, name, source.kind, shapes, count)
    _put_aside(on, path, name, source.kind, count)
    on.execute("DROP VIEW raw")
    on.execute("; ".join(f"DROP TABLE IF EXISTS {table}" for table in _PASSING))
    return count


# -- one kind after the other ----------------------------------------------------------------------------------------
_OURS_INSIDE = f"(extension IS NOT NULL AND contains(extension::VARCHAR, '{_OURS}'))"
_CODED = {"patient": _PATIENT, "code": "code::VARCHAR"}
_MEDICATION = {
    "patient": _PATIENT,
    "code": "medicationCodeableConcept::VARCHAR",
    # An administration or a statement may stand for an order, whatever drug its own words name.
    "tied": "medicationReference IS NOT NULL OR request IS NOT NULL OR basedOn IS NOT NULL",
}
_SHARED = {"patient": "NULL::VARCHAR"}
_NUMBER = 'valueQuantity."value"'
_RAW = {
    "Observation": {
        "patient": _PATIENT,
        "event": f"'Observation/' || {_ID}",
        "day": _day("effectiveDateTime"),
        "time": _time("effectiveDateTime"),
        "issued_on": _day("issued"),
        "odd": f"""coalesce(resourceType <> 'Observation', TRUE)
          OR coalesce(status NOT IN ('final', 'amended', 'corrected'), TRUE) OR component IS NOT NULL
          OR dataAbsentReason IS NOT NULL OR specimen IS NOT NULL OR bodySite IS NOT NULL OR contained IS NOT NULL
          OR valueQuantity.comparator IS NOT NULL OR {_OURS_INSIDE}
          OR (issued IS NOT NULL AND coalesce(year(issued_on) NOT BETWEEN 1900 AND 2199, TRUE))
          OR patient IS NULL OR event IS NULL OR ("time" IS NULL AND length(effectiveDateTime) > 10)
          OR coalesce(day NOT BETWEEN DATE '1930-01-01' AND DATE '2199-12-31', TRUE)""",
        "parts": "component IS NOT NULL",
        "number": _NUMBER,
        "code": "code::VARCHAR",
        "unit": "nullif(valueQuantity.unit, '')",
        "unit_code": "nullif(valueQuantity.code, '')",
        "limits": "referenceRange::VARCHAR",
        "shape": "hash(code::VARCHAR, valueQuantity.unit, valueQuantity.code, referenceRange::VARCHAR)",
    },
    "Patient": {
        "patient": _ID,
        "birth": "birthDate",
        "gender": "gender",
        "test": f"coalesce(contains(meta::VARCHAR, '\"{TEST}\"'), FALSE)",
        "odd": f"coalesce(resourceType <> 'Patient', TRUE) OR {_OURS_INSIDE}",
    },
    "Condition": _CODED,
    "Procedure": _CODED,
    "DiagnosticReport": {"patient": _PATIENT, "holds": "contained IS NOT NULL"},
    **dict.fromkeys(("MedicationRequest", "MedicationStatement", "MedicationAdministration"), _MEDICATION),
    **dict.fromkeys(("Medication", "Organization", "Specimen"), _SHARED),
}
"""What is kept of each line while its file is read."""


_AMOUNT = """CASE WHEN number[1] BETWEEN '0' AND '9' AND length(number) < 17
  AND NOT contains(number, 'e') AND NOT contains(number, 'E')
  AND try_cast(number AS DECIMAL(24,12)) = try_cast(number AS DECIMAL(18,6))
  THEN try_cast(number AS DECIMAL(18,6)) END"""
"""A number of a result as SQL; NULL where it is not written plainly, with six decimals at most."""

_JUDGED = "raw AS r LEFT JOIN reading AS d USING (shape, number) LEFT JOIN doubled AS o ON o.event = hash(r.event)"
_PLAIN = "d.value IS NOT NULL AND NOT r.odd AND o.event IS NULL"


def _observations(on: duckdb.DuckDBPyConnection, name: str, shapes: Shapes, count: Count) -> None:
    _learn_shapes(on, name, shapes, count)
    # Of millions of results only some thousands differ in shape and number: exact sums are done for those. The words
    # stand for a result of the reader's: the number times its shape's factor, exact and within the limits.
    on.execute(f"""
CREATE OR REPLACE TEMP TABLE reading AS
SELECT r.shape, r.number, CAST(r.amount * s.factor AS DECIMAL(24,6)) AS value, r.number || ' ' || s.spelled AS reported,
  s.concept, s.result_unit, s.specimen, s.upper_normal, s.lower_normal
FROM (SELECT shape, number, {_AMOUNT} AS amount FROM raw GROUP BY shape, number) AS r JOIN shape AS s USING (shape)
WHERE s.fate = 'plain' AND r.amount * s.factor = CAST(r.amount * s.factor AS DECIMAL(24,6))
  AND r.amount * s.factor BETWEEN s.low AND s.high""")
    # A resource that stands twice is not plain, whatever its other version says: the reader knows which counts.
    on.execute("""
CREATE OR REPLACE TEMP TABLE doubled AS
SELECT hash(event) AS event FROM raw WHERE event IS NOT NULL GROUP BY 1 HAVING count(*) > 1
UNION SELECT hash(event) FROM rest WHERE kind = 'Observation' AND event IS NOT NULL""")
    made = on.execute(f"""
INSERT INTO event_measurement BY NAME
SELECT r.patient, r.event, r.day, r."time", greatest(r.day, r.issued_on) AS known_on, r.event AS source, d.concept,
  d.value AS value__low, FALSE AS value__low_open, d.value AS value__high, FALSE AS value__high_open,
  'quantified' AS form, d.result_unit AS unit, d.reported, d.specimen, d.upper_normal, d.lower_normal,
  d.concept AS stream
FROM {_JUDGED} WHERE {_PLAIN}""").fetchone()
    assert made is not None
    count.plain = int(made[0])
    on.execute(f"""
CREATE OR REPLACE TEMP TABLE fate AS SELECT r.line, r.patient, r.event, 'rest' AS becomes
FROM {_JUDGED} LEFT JOIN shape AS s USING (shape)
WHERE coalesce(s.fate <> 'unmapped', TRUE) AND NOT coalesce({_PLAIN}, FALSE)""")


def _learn_shapes(on: duckdb.DuckDBPyConnection, name: str, shapes: Shapes, count: Count) -> None:
    """Table ``shape``: what becomes of the results of each shape in the file. Those that mean nothing are counted."""
    found = on.execute("""
SELECT shape, code, unit, unit_code, limits, count(*), min(line), bool_or(parts)
FROM raw GROUP BY ALL ORDER BY 7""").fetchall()
    alike = Counter(row[0] for row in found)
    made: dict[int, tuple[str | None, ...]] = {}
    for number, code, unit, unit_code, limits, results, first, parts in found[:_SHAPES]:
        shape = shapes.result(code, unit, unit_code, limits)
        if (shape is UNMAPPED and parts) or alike[number] > 1:
            shape = REST  # components may mean something; one hash of two shapes means nothing
        if shape.fate == "unmapped":
            _unmapped(on, "Observation", code, results, f"{name}:{first}")
            count.unmapped += results
        made[number] = (str(number), *_cells(shape))
    _shape_table(on, list(made.values()))


def _coded(on: duckdb.DuckDBPyConnection, name: str, kind: str, shapes: Shapes, count: Count) -> None:
    drugs = kind.startswith("Medication")
    found = on.execute("SELECT code, min(line) FROM raw GROUP BY ALL ORDER BY 2").fetchall()
    made = [(code or "", shapes.concept(code, drugs=drugs)) for code, _ in found[:_SHAPES]]
    on.execute(
        "CREATE OR REPLACE TEMP TABLE shape AS SELECT unnest($1::VARCHAR[]) AS code, unnest($2::VARCHAR[]) AS fate",
        [[code for code, _ in made], [fate for _, fate in made]],
    )
    on.execute(f"""
CREATE OR REPLACE TEMP TABLE fate AS
SELECT r.line, r.patient, NULL::VARCHAR AS event,
  CASE WHEN s.fate = 'unmapped' AND p.patient IS NULL {"AND NOT tied" if drugs else ""}
  THEN 'unmapped' ELSE 'rest' END AS becomes
FROM raw AS r LEFT JOIN shape AS s ON coalesce(r.code, '') = s.code
LEFT JOIN (SELECT DISTINCT patient FROM stated) AS p ON p.patient = r.patient""")
    dropped = on.execute(
        "SELECT r.code, count(*), min(r.line) FROM raw AS r JOIN fate AS f USING (line) "
        "WHERE f.becomes = 'unmapped' GROUP BY ALL ORDER BY 3"
    ).fetchall()
    for code, number, first in dropped:
        _unmapped(on, kind, code, number, f"{name}:{first}")
        count.unmapped += number
    on.execute("DELETE FROM fate WHERE becomes = 'unmapped'")


def _patients(on: duckdb.DuckDBPyConnection, name: str, count: Count) -> None:
    on.execute(
        f"INSERT INTO person_raw SELECT patient, birth, gender, test, '{escaped(name)}:' || line FROM raw "
        "WHERE patient IS NOT NULL"
    )
    on.execute(
        "CREATE OR REPLACE TEMP TABLE fate AS SELECT line, patient, NULL::VARCHAR AS event, 'rest' AS becomes FROM raw "
        "WHERE patient IS NULL OR odd"
    )
    count.plain = count.lines - _one(on, "SELECT count(*) FROM fate")


def _fates(on: duckdb.DuckDBPyConnection, becomes: str) -> None:
    on.execute(
        "CREATE OR REPLACE TEMP TABLE fate AS "
        f"SELECT line, patient, NULL::VARCHAR AS event, {becomes} AS becomes FROM raw"
    )


# -- what they share -------------------------------------------------------------------------------------------------
def _put_aside(on: duckdb.DuckDBPyConnection, path: Path, name: str, kind: str, count: Count) -> None:
    """Fetch the text of the lines that are not done with, and put each where its fate says."""
    on.execute("CREATE OR REPLACE TEMP TABLE lines AS SELECT *, NULL::VARCHAR AS json FROM fate LIMIT 0")
    lines = Lines(path)
    try:
        for piece in lines.picked(_numbers(on)):
            on.execute(
                "INSERT INTO lines BY NAME SELECT f.*, t.json FROM fate AS f "
                "JOIN (SELECT unnest($1::BIGINT[]) AS line, unnest($2::VARCHAR[]) AS json) AS t USING (line)",
                [[number for number, _ in piece], [text for _, text in piece]],
            )
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(str(error)) from None
    if lines.total != _one(on, "SELECT count(*) FROM read_lines"):
        raise RefusedError("a line that holds nothing, or more than one resource")
    place = f"'{escaped(name)}:' || line"
    if kind == "Observation":
        on.execute(
            "INSERT INTO stated SELECT DISTINCT patient FROM lines WHERE patient IS NOT NULL AND "
            f"contains(json, '{_OURS}:concept') AND contains(json, '\"complete\"')"
        )
    on.execute(
        f"INSERT INTO rest SELECT patient, '{kind}', event, {place}, json FROM lines "
        "WHERE becomes = 'rest' AND patient IS NOT NULL ORDER BY line"
    )
    if kind == "DiagnosticReport":
        on.execute(
            f"INSERT INTO report SELECT patient, {place}, json FROM lines "
            "WHERE becomes = 'report' AND patient IS NOT NULL"
        )
    if kind in ("Medication", "Organization", "Specimen"):
        on.execute(
            f"INSERT INTO shared SELECT '{kind}/' || (json->>'id'), {place}, json FROM lines WHERE becomes = 'shared'"
        )
    nobody = "becomes <> 'shared' AND patient IS NULL"
    on.execute(
        f"INSERT INTO issue SELECT NULL, 'rejected', {place}, 'no patient', 'a subject Patient/id', "
        f"'Not used; send it with its subject.', NULL FROM lines WHERE {nobody}"
    )
    count.rejected = _one(on, f"SELECT count(*) FROM lines WHERE {nobody}")
    count.rest = _one(on, "SELECT count(*) FROM lines WHERE becomes = 'rest' AND patient IS NOT NULL")
    count.aside = _one(
        on, "SELECT count(*) FROM lines WHERE becomes = 'shared' OR (becomes = 'report' AND patient IS NOT NULL)"
    )
    on.execute("DROP TABLE lines")


def _numbers(on: duckdb.DuckDBPyConnection) -> Iterator[int]:
    """The lines that are not done with, rising; so many at a time are held."""
    last = 0
    while found := on.execute("SELECT line FROM fate WHERE line > ? ORDER BY line LIMIT ?", [last, _ASIDE]).fetchall():
        yield from (line for (line,) in found)
        last = found[-1][0]


def _unmapped(on: duckdb.DuckDBPyConnection, kind: str, code: str | None, number: int, first: str) -> None:
    on.execute("INSERT INTO unmapped VALUES (?, ?, ?, ?, ?, ?)", [kind, *first_coding(code), number, first])


_SHAPE = {
    "shape": "UBIGINT", "fate": "VARCHAR",
    "concept": "VARCHAR", "result_unit": "VARCHAR", "spelled": "VARCHAR", "factor": f"DECIMAL(20,{FACTOR_SCALE})",
    "low": "DECIMAL(24,6)", "high": "DECIMAL(24,6)", "upper_normal": "DECIMAL(24,6)", "lower_normal": "DECIMAL(24,6)",
    "specimen": "VARCHAR",
}  # fmt: skip


def _cells(shape: Shape) -> tuple[str | None, ...]:
    cells = (
        shape.fate, shape.concept, shape.unit, shape.spelled, shape.factor, shape.low, shape.high,
        shape.upper_normal, shape.lower_normal, shape.specimen,
    )  # fmt: skip
    return tuple(None if cell is None else f"{cell}" for cell in cells)


def _shape_table(on: duckdb.DuckDBPyConnection, rows: list[tuple[str | None, ...]]) -> None:
    made = ", ".join(
        f'CAST(unnest(${at}::VARCHAR[]) AS {sql}) AS "{name}"' for at, (name, sql) in enumerate(_SHAPE.items(), 1)
    )
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in _SHAPE]
    on.execute(f"CREATE OR REPLACE TEMP TABLE shape AS SELECT {made}", columns)


def _one(on: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = on.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def escaped(text: object) -> str:
    """A path or word, to stand between quotes in SQL."""
    return str(text).replace("'", "''")
