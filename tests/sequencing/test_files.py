"""Opening a file: its kind by its content, its lines however they end, and where it must be refused."""

from __future__ import annotations

import gzip
import hashlib
import sys
from pathlib import Path
from random import Random

import pytest

from cmvigil.sequencing import files
from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source

BASES = b"ACGTTGCA" * 10


def source(folder: Path, content: bytes, name: str = "file.txt") -> Source:
    path = folder / name
    path.write_bytes(content)
    return Source(path)


def refused(folder: Path, content: bytes) -> str:
    with pytest.raises(SequenceError) as caught:
        list(source(folder, content).lines())
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b">a\nACGT\n", "fasta"),
        (b"\xef\xbb\xbf>a\nACGT\n", "fasta"),
        (b"\n\n>a\nACGT\n", "fasta"),
        (b"; remark\n" + BASES, "fasta"),
        (BASES, "fasta"),
        (BASES.lower().replace(b"t", b"u"), "fasta"),
        (b"@r1\nACGT\n+\nIIII\n", "fastq"),
        (b"@HD\tVN:1.6\n", "bam"),
        (b"BAM\x01\0\0", "bam"),
        (b"CRAM\x03\0", "cram"),
        (b"##fileformat=VCFv4.2\n", "vcf"),
        (b"#CHROM\tPOS\tID\n", "vcf"),
        (b"gene\tcodon\tbases\tcount\n", "codons"),
        (b'"Sample","Gene","Codon","AAA"\n', "codons"),
        (b"# made for a test\ngene;codon;bases;count\n", "codons"),
        (b"#gene\tcodon\tbases\tcount\n", "codons"),
        (b"UL97:A594V\n", "changes"),
        (b"# typed by hand, the second time\n# again\n\nUL97:A594V\n", "changes"),
        (b"covered: UL97:440-645\n", "changes"),
    ],
)
def test_the_kind_is_told_by_the_content(tmp_path: Path, content: bytes, kind: str) -> None:
    assert source(tmp_path, content).kind() == kind
    if kind != "cram":
        assert source(tmp_path, gzip.compress(content)).kind() == kind


@pytest.mark.parametrize("content", [b"hello there", b"\0\1\2", b"  \n \n", b"# only a remark\n", b"A594V\n"])
def test_what_is_none_of_them_is_refused_with_what_was_expected(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SequenceError, match=r"file\.txt: .*expected FASTA"):
        source(tmp_path, content).kind()


def test_a_missing_file_a_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "no.fasta", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(SequenceError, match=what):
            Source(path)
    with pytest.raises(SequenceError, match="is empty"):
        source(tmp_path, b"")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_in_any_way(tmp_path: Path, end: bytes, last: bool) -> None:
    content = b"\xef\xbb\xbf" + end.join([b"one", b"", b"two"]) + end * last
    assert list(source(tmp_path, content).lines()) == [(1, "one"), (2, ""), (3, "two")]


def test_a_line_end_may_fall_between_two_pieces_that_are_read(tmp_path: Path) -> None:
    content = b"a" * ((1 << 18) - 1) + b"\r\n" + b"b" * 10
    assert [(number, len(text)) for number, text in source(tmp_path, content).lines()] == [(1, (1 << 18) - 1), (2, 10)]


def test_text_that_is_not_utf_8_is_read_as_latin_1(tmp_path: Path) -> None:
    assert list(source(tmp_path, b">M\xfcller\n").lines()) == [(1, ">M\xfcller")]


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    assert refused(tmp_path, b">a\nAC\0GT\n").startswith("file.txt:2: holds bytes that are no text")


def test_a_line_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match=r"file\.txt:2: a line of more than 1 MB"):
        list(source(tmp_path, b"a\n" + b"A" * (3 << 20)).lines(limit=1 << 20))
    with pytest.raises(SequenceError, match=r"file\.txt:2: a line of more than 0 MB"):
        list(source(tmp_path, b"a\n" + b"A" * 2000 + b"\n").lines(limit=1000))


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="unpacks to more than"):
        list(source(tmp_path, b"A\n" * (1 << 20)).lines(total=1 << 20))


def test_a_file_that_unpacks_like_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RATIO_FROM", 1 << 20)
    content = gzip.compress((b"\n" * 1000) * 4000)
    with pytest.raises(SequenceError, match="unpacks to more than"):
        list(source(tmp_path, content).lines())


def test_a_damaged_gzip_file_is_refused_and_nothing_else_is_raised(tmp_path: Path) -> None:
    random = Random(7)
    whole = gzip.compress(bytes(random.choice(b"ACGT") for _ in range(20_000)))
    for _ in range(150):
        damaged = bytearray(whole[: random.randint(12, len(whole) - 1)] if random.random() < 0.5 else whole)
        damaged[random.randrange(2, len(damaged))] ^= 1 << random.randrange(8)
        try:
            list(source(tmp_path, bytes(damaged)).lines())
        except SequenceError as error:
            assert "damaged or cut off" in str(error) or "no text" in str(error)


@pytest.mark.parametrize("content", [b">a\nACGT\n", gzip.compress(b">a\nACGT\n", mtime=0)])
def test_the_hash_is_that_of_the_file_as_it_lies_there(tmp_path: Path, content: bytes) -> None:
    assert source(tmp_path, content).sha256() == hashlib.sha256(content).hexdigest()


def test_gzip_is_read_without_the_faster_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    whole = gzip.compress(b">a\nACGT\n")
    assert list(source(tmp_path, whole).lines()) == [(1, ">a"), (2, "ACGT")]
    assert "damaged or cut off" in refused(tmp_path, whole[:-9])


def test_several_gzip_members_are_one_text(tmp_path: Path) -> None:
    content = gzip.compress(b">a\nAC") + gzip.compress(b"GT\n")
    assert list(source(tmp_path, content).lines()) == [(1, ">a"), (2, "ACGT")]


@pytest.mark.parametrize(
    ("name", "stem"),
    [("p1.fasta", "p1"), ("p1.fasta.gz", "p1"), ("p1.v2.fa.GZ", "p1.v2"), ("p1", "p1"), (".gz", ".gz")],
)
def test_a_name_without_its_endings(tmp_path: Path, name: str, stem: str) -> None:
    assert source(tmp_path, b"x", name).stem == stem
