"""FASTQ that is damaged, cut, mispaired or hostile is refused with file, record and remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads.fastq import batches

GOOD = b"@a 1:N\nACGTN\n+\nIIII#\n@b\nAC\n+b\nII\n@c\nGGG\n+\n@@@\n"


def read(*paths: Path, limit: int = 2) -> list[tuple[bytes, bytes, bytes]]:
    """Name, bases and qualities of every read."""
    made = []
    for batch in batches([Source(path) for path in paths], limit):
        for reads in (batch.one, *([batch.two] if batch.two else [])):
            data = reads.data.tobytes()
            for n in range(len(reads)):
                size = int(reads.length[n])
                name = data[reads.name[n] :].split(None, 1)[0]
                made.append((name, data[reads.seq[n] :][:size], data[reads.qual[n] :][:size]))
    return made


def written(folder: Path, content: bytes, name: str = "x.fastq") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("content", [GOOD, GOOD.replace(b"\n", b"\r\n"), GOOD.rstrip(), b"\n" + GOOD + b"\n\n"])
@pytest.mark.parametrize("name", ["x.fastq", "x.fastq.gz"])
def test_records_are_read_as_they_are(tmp_path: Path, content: bytes, name: str) -> None:
    wanted = [(b"a", b"ACGTN", b"IIII#"), (b"b", b"AC", b"II"), (b"c", b"GGG", b"@@@")]
    assert read(written(tmp_path, content, name)) == wanted


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (GOOD.replace(b"@b", b"b"), "record 2 does not begin with @"),
        (GOOD.replace(b"+b", b"b+"), "record 2 has no + line"),
        (GOOD.replace(b"@@@\n", b"@@\n"), "record 3 has not as many qualities as bases"),
        (GOOD.replace(b"IIII#", b"III\x07#"), "record 1 has qualities that are no printable signs"),
        (GOOD[:-6], "record 3 is cut off"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(SequenceError, match=r"^x\.fastq: ") as error:
        read(written(tmp_path, content))
    assert problem in str(error.value)


def test_files_that_do_not_pair_are_refused(tmp_path: Path) -> None:
    one, two = (
        written(tmp_path, GOOD, "r_1.fastq"),
        written(tmp_path, GOOD.replace(b"@c\nGGG\n+\n@@@\n", b""), "r_2.fastq"),
    )
    with pytest.raises(SequenceError, match=r"r_2\.fastq ends after 2 reads and the other goes on"):
        read(one, two)
    swapped = written(tmp_path, GOOD.replace(b"@b\n", b"@z\n"), "r_2.fastq")
    with pytest.raises(SequenceError, match="record 2 has different names"):
        read(one, swapped)


def test_names_with_the_number_of_the_mate_pair(tmp_path: Path) -> None:
    one, two = written(tmp_path, b"@a/1\nA\n+\nI\n", "r_1.fastq"), written(tmp_path, b"@a/2\nC\n+\nI\n", "r_2.fastq")
    assert [bases for _, bases, _ in read(one, two)] == [b"A", b"C"]


def test_a_read_without_its_mate_in_a_file_of_pairs_is_refused(tmp_path: Path) -> None:
    pair = b"@a\nA\n+\nI\n@a\nC\n+\nI\n"
    with pytest.raises(SequenceError, match=r"record 3 \(c\) has no mate behind it.*whole pairs"):
        read(written(tmp_path, pair + b"@c\nG\n+\nI\n"), limit=2)


def pairs(*names: str) -> bytes:
    """Both mates of each, one behind the other; a name that begins with an exclamation mark has no mate."""
    mates = [name for each in names for name in ([each[1:]] if each.startswith("!") else [each, each])]
    return b"".join(b"@%s\nAC\n+\nII\n" % name.encode() for name in mates)


def test_a_read_without_its_mate_among_the_first_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match=r"record 5 \(x\) has no mate behind it"):
        read(written(tmp_path, pairs("a", "b", "!x", *"cdefghij")), limit=100)


def test_each_batch_of_an_interleaved_file_is_checked(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match=r"record 7 \(x\) has no mate behind it"):
        read(written(tmp_path, pairs("a", "b", "c", "!x", "!y", "d")), limit=4)


def test_single_reads_are_no_pairs(tmp_path: Path) -> None:
    (batch,) = batches([Source(written(tmp_path, pairs("!a", "!b", "!c", "!d")))])
    assert batch.two is None


@pytest.mark.parametrize("interleaved", [True, False])
def test_a_batch_is_bounded_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interleaved: bool) -> None:
    monkeypatch.setattr("cmvigil.sequencing.reads.fastq.BATCH_BYTES", 1_000)
    monkeypatch.setattr("cmvigil.sequencing.reads.fastq._PIECE", 1_600)
    short, long = ([b"@%d\n%s\n+\n%s\n" % (n, b"A" * size, b"I" * size) for n in range(100)] for size in (20, 101))
    if interleaved:
        paths = [written(tmp_path, b"".join(a + b for a, b in zip(short, long, strict=True)))]
    else:
        paths = [written(tmp_path, b"".join(each), name) for each, name in ((short, "r_1.fastq"), (long, "r_2.fastq"))]
    made = list(batches([Source(path) for path in paths]))
    assert len(made) > 5
    lengths = [(batch.one.length.tolist(), batch.two.length.tolist()) for batch in made if batch.two is not None]
    assert [n for one, _ in lengths for n in one] == [20] * 100
    assert [n for _, two in lengths for n in two] == [101] * 100


@pytest.mark.parametrize("cut", ["r_1.fastq.gz", "r_2.fastq.gz"])
def test_of_two_files_the_truncated_one_is_named(tmp_path: Path, cut: str) -> None:
    paths = [written(tmp_path, GOOD * 2_000, name) for name in ("r_1.fastq.gz", "r_2.fastq.gz")]
    (tmp_path / cut).write_bytes((tmp_path / cut).read_bytes()[:-30])
    with pytest.raises(SequenceError, match=rf"^{cut}: the gzip file is damaged or cut off"):
        read(*paths, limit=100_000)


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD * 2_000, "x.fastq.gz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SequenceError, match="damaged or cut off"):
        read(path, limit=100_000)


def test_a_record_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmvigil.sequencing.reads.fastq._RECORD_LIMIT", 1 << 16)
    monkeypatch.setattr("cmvigil.sequencing.reads.fastq._PIECE", 1 << 14)
    with pytest.raises(SequenceError, match="record 1 has more than"):
        read(written(tmp_path, b"@a\n" + b"A" * (1 << 18)))


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmvigil.sequencing.files.RATIO_FROM", 1 << 20)
    content = b"@a\n" + b"A" * 2_000 + b"\n+\n" + b"I" * 2_000 + b"\n"
    with pytest.raises(SequenceError, match="which no file of reads of this size does"):
        read(written(tmp_path, content * 4_000, "x.fastq.gz"), limit=500)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=4)), max_size=4), st.integers(1, 5))
def test_damage_is_read_or_refused(edits: list[tuple[int, bytes]], limit: int) -> None:
    import tempfile

    content = GOOD
    for at, text in edits:
        content = content[:at] + text + content[at + len(text) :]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), content or b"@")
        try:
            for name, bases, qualities in read(path, limit=limit):
                assert len(bases) == len(qualities) and name is not None
        except SequenceError as error:
            assert error.problems
