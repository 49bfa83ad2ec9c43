"""Tables of events as Parquet or CSV: the columns of :mod:`cmvigil.record.tables`, one file per table or several.

A row that cannot be used is told with its place, counted, and left out; the others are used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import duckdb

from ..reasoning.engines.sql.events import event_types
from ..record.errors import IntakeError, Problem, did_you_mean, listed
from ..record.vocabulary import vocabulary
from .contract import checks
from .csv_form import Form, NotReadableError, Starts, form_of, unpacks
from .export import Source
from .groups import concepts
from .typed import Count

_NEEDED = ("patient", "event", "day", "concept")
"""Columns that a table must have, where it has them at all."""
_REJECTS = "rejected_rows"
_MANY_REJECTS = 500_000
"""What is told of damaged rows, some lines for each; beyond it the file as a whole is not what it should be."""
_AT_ONCE = 50_000
_NESTED = re.compile(r".*\]|(?:STRUCT|MAP|UNION|VARIANT|BLOB|BIT|GEOMETRY)\b.*", re.DOTALL)
"""SQL types of columns that hold no single value, or none that can be read."""
_FAMILIES = tuple(
    re.compile(types)
    for types in (
        "DECIMAL.*|DOUBLE|FLOAT|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER",
        "DATE|TIMESTAMP.*",
        "BOOLEAN",
    )
)
"""Types that are read into each other; all others are read as the words they are written in."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A file as SQL: what stands behind ``FROM``, its columns with their types, and how it is written if as CSV."""

    scan: str
    found: Mapping[str, str]
    form: Form | None


def read_table(on: duckdb.DuckDBPyConnection, source: Source) -> Count:
    """Read one table. Rows that cannot be used are told by line, rows of an unknown concept counted by concept.

    Raises IntakeError for columns that are not those of the table, and for a file that cannot be read.
    """
    types = event_types(source.kind)
    table = _opened(on, source, types)
    cells = {name: _cell(name, types[name], table.found[name]) for name in table.found}
    known = concepts(source.kind)
    _load(on, source, table, types, cells, known)
    rejected = _rejected(on, source, table.form) if table.form else []
    _place(on, source, table.form, rejected, strange=bool(known))
    defaults = {"known_on": "day", "source": "event"}
    listing = ", ".join(
        f'coalesce("{name}", "{defaults[name]}") AS "{name}"' if name in defaults else f'"{name}"' for name in types
    )
    on.execute(f"INSERT INTO event_{source.kind} BY NAME SELECT {listing} FROM raw WHERE good AND means")
    for name, bad in cells.items():
        said = f"""'{name}' || coalesce(' ''' || "was_{name}"::VARCHAR || '''', ' missing')"""
        _tell(on, f"NOT typed AND {bad.test}", said, "?", "Not used; write it again.", [types[name].lower()])
    for check in checks(source.kind):
        said = f"({check.found}) || coalesce(': ' || {check.cell}, '')"
        _tell(on, f"typed AND NOT good AND {check.test}", said, check.expected, f"Not used. {check.remedy}", [])
    if known:
        _count_strange(on, source, known)
    row = on.execute("SELECT count(*), count(*) FILTER (good AND means), count(*) FILTER (good) FROM raw").fetchone()
    assert row is not None
    lines, plain, good = row
    on.execute("DROP TABLE raw; DROP TABLE place")
    return Count(lines=lines + len(rejected), plain=plain, unmapped=good - plain, rejected=lines - good + len(rejected))


# -- the file --------------------------------------------------------------------------------------------------------
def _opened(on: duckdb.DuckDBPyConnection, source: Source, types: Mapping[str, str]) -> _Table:
    """Look at a file's columns, all of which must be the table's. Raises IntakeError."""
    form = None
    try:
        if source.path.suffix.lower() == ".parquet":
            path = str(source.path).replace("'", "''")
            scan = f"read_parquet('{path}')"
            found = {row[0]: row[1] for row in on.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
            names = list(found)
        else:
            form = form_of(source.path, types)
            if source.packed and not unpacks(source.path):
                raise _damaged(source)
            scan, names = form.scan(_REJECTS, _MANY_REJECTS), list(form.names)
            found = dict.fromkeys(names, "VARCHAR")
    except (duckdb.Error, NotReadableError):
        expected = "Parquet or CSV with a header"
        raise IntakeError([Problem("no readable table", expected, "Write it again.", file=source.name)]) from None
    problems = [Problem(*words, file=source.name) for words in _wrong_columns(names, found, types)]
    if problems:
        raise IntakeError(problems)
    return _Table(scan, found, form)


def _wrong_columns(
    names: list[str], found: Mapping[str, str], types: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the columns of a file: found, expected, remedy."""
    expected = f"columns {listed(types, 40)}"
    for name in found:
        if name not in types:
            yield f"the column '{name}'", expected, did_you_mean(name, types, "Take it out.")
        elif _NESTED.fullmatch(found[name]):
            remedy = "Write one value in each row."
            yield f"the column '{name}' as {found[name]}", types[name].lower(), remedy
        if names.count(name) > 1:
            yield f"the column '{name}' {names.count(name)} times", "it once", "Take the others out."
    needed = [name for name in _NEEDED if name in types]
    if any("__" in name for name in found):  # a value without its bounds or its unit means something else
        needed += [name for name in types if "__" in name or name == "unit"]
    for name in needed:
        if name not in found:
            yield "no such column", f"the column '{name}'", "Add it."


@dataclass(frozen=True, slots=True)
class _Cell:
    """A column as it is read: SQL that gives its cells in the table's type, and whether one of them cannot be used.

    ``made`` stands over the file; ``test`` over the cell as it was (``was_...``) and as it was made.
    """

    made: str
    test: str


def _cell(name: str, sql: str, found: str) -> _Cell:
    """How a column is read. A number that six places cannot hold is not rounded: its row is told."""
    alike = any(family.fullmatch(sql) and family.fullmatch(found) for family in _FAMILIES)
    as_it_is = '"{}"' if alike or found == "VARCHAR" else 'CAST("{}" AS VARCHAR)'
    test = f'"was_{name}" IS NOT NULL AND "{name}" IS NULL'
    if sql.startswith("DECIMAL"):
        wide = f"try_cast({as_it_is.format(f'was_{name}')} AS DECIMAL(38,12))"
        test = f'"was_{name}" IS NOT NULL AND coalesce({wide} <> "{name}", TRUE)'
    return _Cell(
        f"try_cast({as_it_is.format(name)} AS {sql})", f'("{name}" IS NULL)' if name in _NEEDED else f"({test})"
    )


def _load(
    on: duckdb.DuckDBPyConnection,
    source: Source,
    table: _Table,
    types: Mapping[str, str],
    cells: Mapping[str, _Cell],
    known: Collection[str],
) -> None:
    """Table ``raw``: the rows as they are typed; of those that are not ``good`` also what stood in the file.

    ``typed``: every cell could be read. ``means``: the concept is one of the table.
    """
    made = ", ".join(
        f'{cells[name].made if name in cells else f"CAST(NULL AS {sql})"} AS "{name}"' for name, sql in types.items()
    )
    was = ", ".join(f'"{name}" AS "was_{name}"' for name in cells)
    kept = ", ".join(f'CASE WHEN NOT good THEN "was_{name}" END AS "was_{name}"' for name in cells)
    faults = " OR ".join(check.test for check in checks(source.kind))
    for name in (_REJECTS, f"{_REJECTS}_scan"):
        on.execute(f"DROP TABLE IF EXISTS temp.{name}")
    try:
        on.execute(
            f"""
CREATE OR REPLACE TEMP TABLE raw AS
SELECT row_at, {", ".join(f'"{name}"' for name in types)}, {kept}, typed, good,
  {"coalesce(list_contains($1::VARCHAR[], concept), FALSE)" if known else "TRUE"} AS means
FROM (SELECT *, typed AND NOT ({faults}) AS good
  FROM (SELECT *, NOT ({" OR ".join(cell.test for cell in cells.values())}) AS typed
    FROM (SELECT row_number() OVER () AS row_at, {made}, {was} FROM {table.scan})))""",
            [sorted(known)] if known else [],
        )
    except duckdb.Error:
        if _breaks_off(table.scan):
            raise _damaged(source) from None
        raise


def _damaged(source: Source) -> IntakeError:
    found, expected = "a damaged file", "Parquet, or CSV in UTF-8 with one kind of line ends"
    remedy = "Write it again, or take it out; nothing of it was used."
    return IntakeError([Problem(found, expected, remedy, file=source.name)])


def _breaks_off(scan: str) -> bool:
    """Whether a file cannot be read to its end, whatever is done with its rows."""
    with duckdb.connect() as alone:
        try:
            alone.execute(f"SELECT sum(hash(COLUMNS(*)) % 2) FROM {scan}").fetchall()
        except duckdb.Error:
            return True
    return False


# -- what is told ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Rejected:
    """A row that is none: the byte at which it begins, and what is said of it."""

    at: int
    found: str
    expected: str


def _rejected(on: duckdb.DuckDBPyConnection, source: Source, form: Form) -> list[_Rejected]:
    """What DuckDB could not take for rows of the header's columns.

    Raises IntakeError where one of them may have swallowed others, and where there are very many.
    """
    # DuckDB counts a line too few for every break within quotation marks; its bytes are right. Blank lines before a row
    # are part of it.
    rows = on.execute(rf"""
SELECT line_byte_position - 1 + length(any_value(csv_line)) - length(ltrim(any_value(csv_line), e'\r\n')) AS place,
  any_value(error_type), min(column_idx), max(column_idx),
  bool_or(regexp_matches(trim(csv_line, e'\r\n'), '[\r\n]'))
FROM temp.{_REJECTS} GROUP BY line_byte_position ORDER BY place""").fetchall()
    counted = on.execute(f"SELECT count(*) FROM temp.{_REJECTS}").fetchone()
    for name in (_REJECTS, f"{_REJECTS}_scan"):
        on.execute(f"DROP TABLE temp.{name}")
    assert counted is not None
    cells = f"{len(form.names)} cells, as in the header"
    if counted[0] >= _MANY_REJECTS:
        found = f"more than {len(rows) - 1:,} damaged rows"
        raise IntakeError([Problem(found, f"rows of {cells}", "Write the file again.", file=source.name)])
    made = []
    for at, error, first, last, long in rows:
        if error == "MISSING COLUMNS":
            made.append(_Rejected(at, f"a row of {first} cells", cells))
        elif error == "TOO MANY COLUMNS":
            made.append(_Rejected(at, f"a row of {last} cells", cells))
        elif error == "INVALID ENCODING":
            made.append(_Rejected(at, "letters that are not UTF-8", "UTF-8"))
        elif error == "UNQUOTED VALUE" and not long:
            expected = "a cell in quotation marks, and those in it twice"
            made.append(_Rejected(at, "a quotation mark within a cell", expected))
        else:  # rows behind it may be part of it: they must not go unseen
            found, expected = "a quotation mark that is not closed", "each of them closed in its cell"
            remedy = "Close it; where it stands for itself, write it twice in a cell in quotation marks."
            starts = Starts(form, [at])
            with suppress(NotReadableError):
                list(starts.of(()))
            raise IntakeError([Problem(found, expected, remedy, line=starts.lines.get(at), file=source.name)])
    return made


def _place(
    on: duckdb.DuckDBPyConnection, source: Source, form: Form | None, rejected: Sequence[_Rejected], *, strange: bool
) -> None:
    """Tell the rejected rows, and make the table ``place``: how messages call the rows of ``raw`` that they speak of.

    That is by line in a CSV, and by number as a row elsewhere.
    """
    spoken = "SELECT row_at FROM raw WHERE NOT good"
    if strange:
        spoken += " UNION ALL SELECT min(row_at) FROM raw WHERE good AND NOT means GROUP BY concept"
    on.execute(
        "CREATE OR REPLACE TEMP TABLE place AS "
        f"SELECT row_at, NULL::BIGINT AS line, NULL::VARCHAR AS name FROM ({spoken})"
    )
    if form is not None and (rejected or on.execute("SELECT 1 FROM place LIMIT 1").fetchone()):
        starts = Starts(form, [each.at for each in rejected])
        found = starts.of(_numbers(on))
        whole = on.execute("SELECT count(*) FROM raw").fetchone()
        try:
            while some := list(islice(found, _AT_ONCE)):
                on.execute(
                    "UPDATE place SET line = f.line FROM "
                    "(SELECT unnest($1::BIGINT[]) AS row_at, unnest($2::BIGINT[]) AS line) AS f "
                    "WHERE f.row_at = place.row_at",
                    [list(column) for column in zip(*some, strict=True)],
                )
            sure = whole == (starts.rows,)
        except NotReadableError:
            sure = False
        if not sure:  # the two readers part rows differently, so a line would be a guess
            on.execute("UPDATE place SET line = NULL")
        lines = [starts.lines.get(each.at) for each in rejected]
        places = [
            f"{source.name}:{line}" if line else f"{source.name}, byte {each.at}"
            for each, line in zip(rejected, lines, strict=True)
        ]
        for at in range(0, len(rejected), _AT_ONCE):
            part = slice(at, at + _AT_ONCE)
            words = ", ".join(f"unnest(${number}::VARCHAR[])" for number in (1, 2, 3))
            on.execute(
                f"INSERT INTO issue SELECT NULL, 'rejected', {words}, 'Not used; write it again.', NULL",
                [places[part], [each.found for each in rejected[part]], [each.expected for each in rejected[part]]],
            )
    on.execute("UPDATE place SET name = coalesce($1 || ':' || line, $1 || ', row ' || row_at)", [source.name])


def _numbers(on: duckdb.DuckDBPyConnection) -> Iterator[int]:
    """The rows that are told, rising."""
    last = 0
    while found := on.execute(
        "SELECT row_at FROM place WHERE row_at > ? ORDER BY row_at LIMIT ?", [last, _AT_ONCE]
    ).fetchall():
        yield from (row_at for (row_at,) in found)
        last = found[-1][0]


def _tell(on: duckdb.DuckDBPyConnection, test: str, found: str, expected: str, remedy: str, values: list[str]) -> None:
    on.execute(
        f"INSERT INTO issue SELECT patient, 'rejected', place.name, {found}, {expected}, ?, NULL "
        f"FROM raw JOIN place USING (row_at) WHERE {test}",
        [*values, remedy],
    )


def _count_strange(on: duckdb.DuckDBPyConnection, source: Source, known: Collection[str]) -> None:
    """Rows whose concept is none of the table, by concept, with the first row and what may be meant."""
    strange = on.execute(
        "SELECT concept, number, place.name FROM (SELECT concept, count(*) AS number, min(row_at) AS row_at FROM raw "
        "WHERE good AND NOT means GROUP BY concept) JOIN place USING (row_at) ORDER BY row_at"
    ).fetchall()
    for concept, number, first in strange:
        other = vocabulary().kind(concept)
        said = f"belongs into {other}" if other else did_you_mean(concept, known)
        on.execute(
            "INSERT INTO unmapped VALUES (?, '', ?, ?, ?, ?)",
            [source.kind, concept, said, number, first],
        )
