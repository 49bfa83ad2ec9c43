"""Tables of events that are damaged or oddly written: what is told of which line, what is used, and what ends a run."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest
from tests.cli.run import cmvigil

from cmvigil.cohort import tables_in
from cmvigil.record.errors import IntakeError

from .support import taken

HEADER = "patient,event,day,concept,end\n"
Told = list[tuple[str, str]]


def row(number: int, day: str = "2026-01-02") -> str:
    """A line of the table ``condition``."""
    return f"p{number},e{number},{day},ulcerative_colitis,\n"


def rows(first: int, last: int) -> str:
    """Good lines."""
    return "".join(map(row, range(first, last)))


def read(folder: Path, store: Path) -> tuple[list[str], Told, tuple[int, ...]]:
    """The events that were read of a table, what is told of others (places and faults), and the manifest's counts."""
    with taken(folder, store) as on:
        events = [event for (event,) in on.execute("SELECT event FROM event_condition ORDER BY rowid").fetchall()]
        told = on.execute("SELECT place, found FROM issue WHERE level = 'rejected' ORDER BY rowid").fetchall()
        (counts,) = on.execute("SELECT lines, plain, unmapped, rejected FROM manifest").fetchall()
    return events, told, counts


def written(folder: Path, content: str | bytes, name: str = "condition.csv") -> Path:
    """A folder with a table."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (b"p9,e9\n", "a row of 2 cells"),
        (b"p9,e9,2026-01-02,ulcerative_colitis,,x,y\n", "a row of 7 cells"),
        (b"p9,e\xe9,2026-01-02,ulcerative_colitis,\n", "letters that are not UTF-8"),
        (b'p9,"e"9,2026-01-02,ulcerative_colitis,\n', "a quotation mark within a cell"),
        (b"p9,e9,2026-13-02,ulcerative_colitis,\n", "day '2026-13-02'"),
        (b"   \n", "a row of 1 cells"),
    ],
    ids=["few", "many", "letters", "quote", "cell", "blanks"],
)
@pytest.mark.parametrize("length", [3, 60_000], ids=["short", "long"])
def test_one_bad_row_is_told_by_line_and_the_others_are_used(
    tmp_path: Path, bad: bytes, found: str, length: int
) -> None:
    content = HEADER.encode() + rows(0, length).encode() + bad + rows(length, length + 2).encode()
    events, told, counts = read(written(tmp_path / "in", content), tmp_path / "store")
    assert events == [f"e{number}" for number in range(length + 2)]
    assert told == [(f"condition.csv:{length + 2}", found)]
    assert counts == (length + 3, length + 2, 0, 1)


def test_lines_are_lines_whatever_stands_between(tmp_path: Path) -> None:
    content = (
        f'\n{HEADER}\n{row(1)}"p2","e\n2",2026-01-02,ulcerative_colitis,\n\n\n{row(3, "x")}few,cells\n{row(4)}'
        f'"p\n5",e5,y,ulcerative_colitis,\n{row(6)}p7,e7,2026-01-02,colitis_ulcerosa,\n{row(8, "z")}'
    )
    lines = content.splitlines()
    expected = [
        ("few,cells", "a row of 2 cells"),
        (row(3, "x").strip(), "day 'x'"),
        ('"p', "day 'y'"),
        (row(8, "z").strip(), "day 'z'"),
    ]
    for name, packed in (("condition.csv", False), ("Condition-2.CSV.GZ", True)):
        folder = written(tmp_path / name, gzip.compress(content.encode()) if packed else content, name)
        events, told, counts = read(folder, tmp_path / f"{name}.store")
        assert events == ["e1", "e\n2", "e4", "e6"]
        assert told == [(f"{name}:{lines.index(line) + 1}", said) for line, said in expected]
        assert counts == (9, 4, 1, 4)
        with taken(folder, tmp_path / f"{name}.store") as on:
            assert on.execute("SELECT code, number, first FROM unmapped").fetchall() == [
                ("colitis_ulcerosa", 1, f"{name}:{lines.index('p7,e7,2026-01-02,colitis_ulcerosa,') + 1}")
            ]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_line_ends_and_delimiters_are_read(tmp_path: Path, end: str, delimiter: str) -> None:
    content = f"\ufeff{HEADER}{row(1)}{row(2, 'x')}a,b\n{row(3)}".replace(",", delimiter).replace("\n", end)
    events, told, counts = read(written(tmp_path / "in", content), tmp_path / "store")
    assert (events, counts) == (["e1", "e3"], (4, 2, 0, 2))
    assert told == [("condition.csv:4", "a row of 2 cells"), ("condition.csv:3", "day 'x'")]


def test_a_row_of_parquet_is_called_a_row(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "condition.parquet"
    duckdb.sql(
        "SELECT * FROM (VALUES ('p', 'e', '2026-01-02', 'ulcerative_colitis'), ('p', 'f', '2026-01', 'x'), "
        "('p', 'g', '2026-01-02', 'y')) AS t(patient, event, day, concept)"
    ).write_parquet(str(path))
    events, told, counts = read(tmp_path / "in", tmp_path / "store")
    assert (events, told, counts) == (["e"], [("condition.parquet, row 2", "day '2026-01'")], (3, 1, 1, 1))
    with taken(tmp_path / "in", tmp_path / "store") as on:
        assert on.execute("SELECT first FROM unmapped").fetchall() == [("condition.parquet, row 3",)]


def test_a_line_is_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python finds more rows than DuckDB, or cannot read on, a row is called by its number."""
    folder = written(tmp_path / "in", f"{HEADER}\n{row(1)}{row(2, 'x')}{row(3)}")
    monkeypatch.setattr(tables_in.Starts, "of", lambda _, wanted: ((at, at) for at in wanted))
    assert read(folder, tmp_path / "a")[1] == [("condition.csv, row 2", "day 'x'")]
    monkeypatch.undo()
    long = "x" * 200_000  # more than Python's reader takes in one cell
    folder = written(tmp_path / "long", f"{HEADER}p,{long},2026-01-02,ulcerative_colitis,\n{row(2, 'x')}")
    events, told, _ = read(folder, tmp_path / "b")
    assert (events, told) == ([long], [("condition.csv, row 2", "day 'x'")])


BROKEN: dict[str, tuple[bytes, str]] = {
    "no end of a quotation": (
        f'{HEADER}{row(1)}p2,"e2,2026-01-02,ulcerative_colitis,\n{rows(3, 9)}'.encode(),
        "condition.csv:3: found a quotation mark that is not closed",
    ),
    "a late end of a quotation": (
        f'{HEADER}{row(1)}p2,"e2,2026-01-02,x,\n{rows(3, 9)}p9,"e9,2026-01-02,x,\n{row(10)}'.encode(),
        "condition.csv:3: found a quotation mark that is not closed",
    ),
    "mixed line ends": (
        f"{HEADER}{row(1)}".replace("\n", "\r\n").encode()
        + (row(2).replace(",\n", ",2026-01-03\n") + row(3).replace("\n", "\r\n")).encode(),
        "condition.csv: found a damaged file; expected Parquet, or CSV in UTF-8 with one kind of line ends",
    ),
    "nothing": (b"", "condition.csv: found no readable table; expected Parquet or CSV with a header"),
    "blank lines": (b"\n\n", "condition.csv: found no readable table"),
    "other letters": (f"{HEADER}{row(1)}".encode("utf-16"), "condition.csv: found no readable table"),
    "a column twice": (b"patient,event,day,concept,day\n", "condition.csv: found the column 'day' 2 times"),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_no_table_ends_the_run_with_its_file(tmp_path: Path, content: bytes, said: str) -> None:
    done = cmvigil("cohort", written(tmp_path / "in", content), "--out", tmp_path / "out", "--jobs", 1)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(said) or f"\n{said}" in done.stderr


def test_a_file_of_damaged_rows_is_refused_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_in, "_MANY_REJECTS", 20)
    folder = written(tmp_path / "in", f"{HEADER}{row(1)}" + "a,b,c,d\n" * 30)
    with pytest.raises(IntakeError, match=r"condition.csv: found more than 19 damaged rows; expected rows of 5 cells"):
        taken(folder, tmp_path / "store")


@pytest.mark.parametrize("packed", [False, True], ids=["parquet", "csv.gz"])
def test_a_damaged_file_ends_the_run_with_its_name(tmp_path: Path, packed: bool) -> None:
    (tmp_path / "in").mkdir()
    if packed:
        path = tmp_path / "in" / "condition.csv.gz"
        path.write_bytes(gzip.compress((HEADER + rows(0, 200_000)).encode()))
    else:
        path = tmp_path / "in" / "condition.parquet"
        duckdb.sql(
            "SELECT 'p' || i AS patient, md5(i::VARCHAR) AS event, DATE '2026-01-02' AS day, 'x' AS concept "
            "FROM range(100000) AS r(i)"
        ).write_parquet(str(path), compression="zstd")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    done = cmvigil("cohort", tmp_path / "in", "--out", tmp_path / "out", "--jobs", 1)
    assert done.exit_code == 2, done.output
    assert f"{path.name}: found a damaged file" in done.stderr
    assert "Write it again, or take it out" in done.stderr


@pytest.mark.parametrize(
    ("column", "sql", "kind"),
    [
        ("patient", "['p']", "VARCHAR[]"),
        ("event", "{'a': 'e'}", "STRUCT(a VARCHAR)"),
        ("concept", "'ulcerative_colitis'::BLOB", "BLOB"),
        ("site", "MAP {'a': 'b'}", "MAP(VARCHAR, VARCHAR)"),
    ],
)
def test_a_column_of_no_single_value_is_refused(tmp_path: Path, column: str, sql: str, kind: str) -> None:
    cells = {"patient": "'p'", "event": "'e'", "day": "DATE '2026-01-02'", "concept": "'ulcerative_colitis'"}
    cells[column] = sql
    select = ", ".join(f"{cell} AS {name}" for name, cell in cells.items())
    duckdb.sql(f"SELECT {select}").write_parquet(str(tmp_path / "condition.parquet"))
    with pytest.raises(IntakeError) as refused:
        taken(tmp_path, tmp_path / "store")
    (problem,) = refused.value.problems
    assert str(problem).startswith(f"condition.parquet: found the column '{column}' as {kind}; expected ")


def test_a_column_of_another_type_is_read_as_words(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    duckdb.sql(
        "SELECT 7 AS patient, i AS event, day, 'ulcerative_colitis' AS concept, NULL::INTEGER AS \"end\", 1 AS present "
        "FROM (VALUES (1, TIMESTAMP '2026-01-02 10:00:00'), (2, NULL)) AS t(i, day)"
    ).write_parquet(str(tmp_path / "in" / "condition.parquet"))
    duckdb.sql("SELECT 'p' AS patient, 'e' AS event, 20260102 AS day, 'colectomy' AS concept").write_parquet(
        str(tmp_path / "in" / "procedure.parquet")
    )
    with taken(tmp_path / "in", tmp_path / "store") as on:
        assert on.execute('SELECT patient, event, day::VARCHAR, "end", present FROM event_condition').fetchall() == [
            ("7", "1", "2026-01-02", None, True)
        ]
        assert on.execute("SELECT place, found FROM issue ORDER BY place").fetchall() == [
            ("condition.parquet, row 2", "day missing"),
            ("procedure.parquet, row 1", "day '20260102'"),
        ]


@pytest.mark.parametrize("lacking", ["unit", "value__low", "value__low_open", "value__high", "value__high_open"])
def test_a_value_comes_with_all_of_it(tmp_path: Path, lacking: str) -> None:
    columns = ["value__low", "value__low_open", "value__high", "value__high_open", "unit"]
    columns.remove(lacking)
    written(tmp_path, f"patient,event,day,concept,{','.join(columns)}\n", "measurement.csv")
    with pytest.raises(IntakeError) as refused:
        taken(tmp_path, tmp_path / "store")
    (problem,) = refused.value.problems
    assert str(problem) == f"measurement.csv: found no such column; expected the column '{lacking}'. Add it."
