"""The fast pass over one NDJSON file: typed columns, and rows made in SQL wherever a resource is plain.

A resource is plain when everything about it is as the shape of its kind expects it. Every other one that means
anything here is put aside for the reader of single records (:mod:`rest`), with its line. So this pass never decides
what is odd; it only recognises what is not. Nothing is dropped without being counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from .export import Source
from .shapes import FACTOR_SCALE, REST, UNMAPPED, Shape, Shapes, first_coding

_LONGEST = 32 * 1024 * 1024  # bytes of one line
_SHAPES = 200_000
"""More different shapes than this in one file are no shapes: what is beyond goes to the reader."""

_OURS = "urn:cmvigil"
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
    return f"read_ndjson('{escaped(path)}', columns = {{{columns}}}, maximum_object_size = {_LONGEST})"


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
    """Read a file into the store. Raises duckdb.Error where its lines are not what their type should be.

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
        raise duckdb.InvalidInputException("resources of another type")  # the careful pass tells them apart
    first = _one(on, "SELECT coalesce(min(rowid), 0) FROM read_lines")
    on.execute(
        f"CREATE OR REPLACE TEMP VIEW raw AS SELECT rowid - {first} + 1 AS line, * EXCLUDE (taken_out, strange) "
        "FROM read_lines WHERE taken_out IS NOT TRUE"
    )
    count = Count(lines=_one(on, "SELECT count(*) FROM raw"))
    if source.kind == "Patient":
        _patients(on, count)
    elif source.kind in ("Medication", "Organization", "Specimen"):
        _fates(on, "'shared'")
    elif source.kind == "DiagnosticReport":
        _fates(on, "CASE WHEN holds THEN 'rest' ELSE 'report' END")
    elif source.kind == "Observation":
        _observations(on, name, shapes, count)
    else:
        _coded(on, name, source.kind, shapes, count)
    _put_aside(on, path, name, source.kind, count)
    on.execute("DROP VIEW raw; DROP TABLE read_lines; DROP TABLE IF EXISTS fate; DROP TABLE IF EXISTS shape")
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
_RAW = {
    "Observation": {
        "patient": _PATIENT,
        "event": f"'Observation/' || {_ID}",
        "day": _day("effectiveDateTime"),
        "time": _time("effectiveDateTime"),
        "timed": "length(effectiveDateTime) > 10",
        "issued_on": _day("issued"),
        "odd": f"""coalesce(resourceType <> 'Observation', TRUE)
          OR coalesce(status NOT IN ('final', 'amended', 'corrected'), TRUE) OR component IS NOT NULL
          OR dataAbsentReason IS NOT NULL OR specimen IS NOT NULL OR bodySite IS NOT NULL OR contained IS NOT NULL
          OR valueQuantity.comparator IS NOT NULL OR {_OURS_INSIDE}
          OR (issued IS NOT NULL AND coalesce(year({_day("issued")}) NOT BETWEEN 1900 AND 2199, TRUE))""",
        "parts": "component IS NOT NULL",
        "number": 'valueQuantity."value"',
        "code": "code::VARCHAR",
        "unit": "nullif(valueQuantity.unit, '')",
        "unit_code": "nullif(valueQuantity.code, '')",
        "limits": "referenceRange::VARCHAR",
    },
    "Patient": {
        "patient": _ID,
        "birth": "birthDate",
        "gender": "gender",
        "odd": f"coalesce(resourceType <> 'Patient', TRUE) OR {_OURS_INSIDE}",
    },
    "Condition": _CODED,
    "Procedure": _CODED,
    "DiagnosticReport": {"patient": _PATIENT, "holds": "contained IS NOT NULL"},
    **dict.fromkeys(("MedicationRequest", "MedicationStatement", "MedicationAdministration"), _MEDICATION),
    **dict.fromkeys(("Medication", "Organization", "Specimen"), _SHARED),
}
"""What is kept of each line while its file is read."""


def _observations(on: duckdb.DuckDBPyConnection, name: str, shapes: Shapes, count: Count) -> None:
    found = on.execute(
        "SELECT code, unit, unit_code, limits, count(*), min(line), bool_or(parts) FROM raw GROUP BY ALL ORDER BY 6"
    ).fetchall()
    made = []
    for code, unit, unit_code, limits, number, first, parts in found[:_SHAPES]:
        shape = shapes.result(code, unit, unit_code, limits)
        if shape is UNMAPPED and parts:
            shape = REST  # its components may mean something
        if shape.fate == "unmapped":
            _unmapped(on, "Observation", code, number, f"{name}:{first}")
            count.unmapped += number
        made.append((code or "", unit or "", unit_code or "", limits or "", *_cells(shape)))
    _shape_table(on, made)
    shaped = """raw AS r LEFT JOIN shape AS s ON coalesce(r.code, '') = s.code AND coalesce(r.unit, '') = s.unit_text
  AND coalesce(r.unit_code, '') = s.unit_code AND coalesce(r.limits, '') = s.limits"""
    on.execute(f"""
CREATE OR REPLACE TEMP TABLE taken AS
SELECT line, patient, event, day, "time", issued_on, concept, CAST(product AS DECIMAL(24,6)) AS product, result_unit,
  number || ' ' || spelled AS reported, specimen, upper_normal, lower_normal
FROM (
  SELECT r.* EXCLUDE (code, unit, unit_code, limits), s.*,
    CASE WHEN number[1] BETWEEN '0' AND '9' AND length(number) < 17 AND NOT contains(number, 'e')
      AND NOT contains(number, 'E') AND try_cast(number AS DECIMAL(24,12)) = try_cast(number AS DECIMAL(18,6))
      THEN try_cast(number AS DECIMAL(18,6)) * factor END AS product
  FROM {shaped} WHERE s.fate = 'plain' AND NOT r.odd
)
WHERE patient IS NOT NULL AND event IS NOT NULL AND day >= DATE '1930-01-01' AND day < DATE '2200-01-01'
  AND ("time" IS NOT NULL OR NOT timed) AND product = CAST(product AS DECIMAL(24,6))
  AND product BETWEEN low AND high""")
    # A resource that stands twice is not plain, whatever its other version says: the reader knows which counts.
    on.execute("""
DELETE FROM taken WHERE event IN (
  SELECT event FROM raw GROUP BY event HAVING count(*) > 1
  UNION ALL SELECT 'Observation/' || (resource->>'id') FROM rest WHERE kind = 'Observation')""")
    on.execute("""
INSERT INTO event_measurement BY NAME
SELECT patient, event, day, "time", greatest(day, issued_on) AS known_on, event AS source, concept,
  product AS value__low, FALSE AS value__low_open, product AS value__high, FALSE AS value__high_open,
  'quantified' AS form, result_unit AS unit, reported, specimen, upper_normal, lower_normal, concept AS stream
FROM taken""")
    count.plain = _one(on, "SELECT count(*) FROM taken")
    on.execute(f"""
CREATE OR REPLACE TEMP TABLE fate AS SELECT r.line, r.patient, 'rest' AS becomes FROM {shaped}
WHERE coalesce(s.fate <> 'unmapped', TRUE) AND r.line NOT IN (SELECT line FROM taken)""")
    on.execute("DROP TABLE taken")


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
SELECT r.line, r.patient, CASE WHEN s.fate = 'unmapped' AND p.patient IS NULL {"AND NOT tied" if drugs else ""}
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


def _patients(on: duckdb.DuckDBPyConnection, count: Count) -> None:
    on.execute("INSERT INTO person_raw SELECT patient, birth, gender FROM raw WHERE patient IS NOT NULL")
    on.execute(
        "CREATE OR REPLACE TEMP TABLE fate AS SELECT line, patient, 'rest' AS becomes FROM raw "
        "WHERE patient IS NULL OR odd"
    )
    count.plain = count.lines - _one(on, "SELECT count(*) FROM fate")


def _fates(on: duckdb.DuckDBPyConnection, becomes: str) -> None:
    on.execute(f"CREATE OR REPLACE TEMP TABLE fate AS SELECT line, patient, {becomes} AS becomes FROM raw")


# -- what they share -------------------------------------------------------------------------------------------------
def _put_aside(on: duckdb.DuckDBPyConnection, path: Path, name: str, kind: str, count: Count) -> None:
    """Fetch the text of the lines that are not done with, and put each where its fate says."""
    if not _one(on, "SELECT count(*) FROM fate"):
        return
    on.execute(f"""
CREATE OR REPLACE TEMP TABLE lines AS
SELECT f.line, f.patient, f.becomes, t.json FROM fate AS f
JOIN (SELECT row_number() OVER () AS line, json
  FROM read_ndjson_objects('{escaped(path)}', maximum_object_size = {_LONGEST})) AS t USING (line)
ORDER BY line""")
    place = f"'{escaped(name)}:' || line"
    if kind == "Observation":
        on.execute(
            f"INSERT INTO stated SELECT DISTINCT patient FROM lines WHERE patient IS NOT NULL AND "
            f"contains(json, '{_OURS}:concept') AND contains(json, '\"complete\"')"
        )
    on.execute(
        f"INSERT INTO rest SELECT patient, '{kind}', {place}, json FROM lines "
        "WHERE becomes = 'rest' AND patient IS NOT NULL"
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


def _unmapped(on: duckdb.DuckDBPyConnection, kind: str, code: str | None, number: int, first: str) -> None:
    on.execute("INSERT INTO unmapped VALUES (?, ?, ?, ?, ?, ?)", [kind, *first_coding(code), number, first])


_SHAPE = {
    "code": "VARCHAR", "unit_text": "VARCHAR", "unit_code": "VARCHAR", "limits": "VARCHAR", "fate": "VARCHAR",
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
