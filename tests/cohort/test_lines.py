"""Lines are found by their numbers, whatever the pieces that a file is read in."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmvigil.cohort import lines
from cmvigil.cohort.lines import Lines

from .support import taken

TEXT = st.text(st.characters(blacklist_characters="\r\n\ufeff", blacklist_categories=("Cs", "Z", "Cc")), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    held=st.lists(TEXT, min_size=1, max_size=9),
    data=st.data(),
    piece=st.integers(1, 40),
    packed=st.booleans(),
    end=st.sampled_from(["", "\n", "\r\n"]),
)
def test_each_line_that_is_wanted_comes_back(
    tmp_path: Path, held: list[str], data: st.DataObject, piece: int, packed: bool, end: str
) -> None:
    wanted = sorted(data.draw(st.sets(st.integers(1, len(held)))))
    path = tmp_path / ("a.ndjson.gz" if packed else "a.ndjson")
    content = ("\n".join(held) + end).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_PIECE", piece)
        patch.setattr(lines, "_MOST", 3)
        read = Lines(path)
        found = [line for group in read.picked(wanted) for line in group]
    assert found == [(number, held[number - 1]) for number in wanted]
    if piece >= len(end):
        assert read.total == len(held)


@pytest.mark.parametrize(
    ("content", "total"),
    [(b"", 0), (b"\n\n", 0), (b"a", 1), (b"a\n\nb", 3), (b"a\n \n\n", 1), (b"a\r\nb\r\n\r\n", 2), (b"\na\n", 2)],
)
def test_empty_lines_count_but_at_the_end(tmp_path: Path, content: bytes, total: int) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(content)
    read = Lines(path)
    assert list(read.picked([])) == []
    assert read.total == total


def test_an_archive_that_ends_early_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(b"some text\n" * 5000)[:-20])
    with pytest.raises(OSError, match=r"."):
        list(Lines(path).picked([1]))


def _odd(number: int) -> bytes:
    """A result that is nobody's: its line is told."""
    code = {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}
    return orjson.dumps({"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": code})


def test_what_stands_behind_an_empty_line_keeps_the_number_that_an_editor_shows(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "Observation.ndjson").write_bytes(_odd(1) + b"\n\n" + _odd(3) + b"\n")
    on = taken(folder, tmp_path / "store")
    places = on.execute("SELECT place FROM issue WHERE level = 'rejected' ORDER BY place").fetchall()
    assert places == [("Observation.ndjson:1",), ("Observation.ndjson:3",)]
