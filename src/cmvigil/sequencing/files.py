"""Opening a laboratory's file: what kind it is, what it unpacks to, and where it must be refused.

Nothing is written to disk and nothing is kept between files: each has its own reader and its own hash.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, Literal, cast

from .errors import SequenceError

Kind = Literal["fasta", "fastq", "vcf", "bam", "cram", "codons", "changes"]
TEXT_LIMIT = 1 << 30
"""Bytes that a text file may unpack to: 4,000 whole genomes."""
LINE_LIMIT = 16 << 20
"""Bytes of one line: a whole genome has 236 thousand, a VCF of ten thousand samples about a million."""
RATIO_LIMIT = 500
"""Bytes unpacked for each byte read, once more than ``RATIO_FROM`` were: deflate reaches 1,032, a file of reads 10."""
RATIO_FROM = 64 << 20
_HEAD = 1 << 16
_GZIP = b"\x1f\x8b"


def shown(word: str, most: int = 100) -> str:
    """A word of a file, fit to be shown: its first letters, and none that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in word[:most])


class Source:
    """One input file. ``name`` is the file's name without folders, for messages and reports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = shown(path.name, 255)
        try:
            if not path.is_file():
                what = "is a folder" if path.is_dir() else "no such file"
                raise SequenceError(f"{self.name}: {what}; give a FASTA, FASTQ, VCF, BAM or CRAM file or a table")
            with path.open("rb") as file:
                self._start = file.read(1 << 10)
        except OSError as error:
            raise SequenceError(f"{self.name}: cannot be read ({error.strerror}); check its permissions") from None
        if not self._start:
            raise SequenceError(f"{self.name}: is empty; give a file with a sequence")
        self.zipped = self._start.startswith(_GZIP)

    @property
    def stem(self) -> str:
        """The name without its endings: what a sample is called that has no name of its own."""
        return re.sub(r"(\.[^.]{1,8})?(\.b?gz)?$", "", self.name, count=1, flags=re.IGNORECASE) or self.name

    def sha256(self) -> str:
        """The hash of the file as it lies there."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes, unpacked where it is gzip or BGZF. Raises :class:`SequenceError` while reading a damaged one."""
        with self.path.open("rb") as raw:
            if not self.zipped:
                yield raw
                return
            try:
                with _unpacked(raw) as stream:
                    yield stream
            except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
                raise SequenceError(
                    f"{self.name}: the gzip file is damaged or cut off ({error}); copy it again"
                ) from None

    def head(self) -> bytes:
        """Its first bytes, unpacked; a byte-order mark is left out."""
        with self.open() as stream:
            return stream.read(_HEAD).removeprefix(b"\xef\xbb\xbf")

    def lines(self, limit: int = LINE_LIMIT, total: int = TEXT_LIMIT) -> Iterator[tuple[int, str]]:
        """Its lines with their numbers from 1, without line ends, a byte-order mark left out.

        Lines end with LF, CRLF or CR. Raises :class:`SequenceError` on a line of more than ``limit`` bytes, on more
        than ``total`` bytes, on a file that unpacks like a bomb, and on bytes that are no text.
        """
        for number, line in enumerate(self._pieces(limit, total), 1):
            if b"\0" in line:
                raise SequenceError(f"{self.name}:{number}: holds bytes that are no text; give a text file or its .gz")
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                text = line.decode("latin-1")
            yield number, text

    def is_bomb(self, unpacked: int) -> bool:
        """Whether so many bytes are more than a packed file of sequences, as large as this one, unpacks to."""
        return self.zipped and unpacked > RATIO_FROM and unpacked > RATIO_LIMIT * self.path.stat().st_size

    def _pieces(self, limit: int, total: int) -> Iterator[bytes]:
        seen, rest = 0, b""
        number = 0
        first = True
        with self.open() as stream:
            while chunk := stream.read(1 << 18):
                seen += len(chunk)
                if first:
                    chunk, first = chunk.removeprefix(b"\xef\xbb\xbf"), False
                if seen > total or self.is_bomb(seen):
                    raise SequenceError(
                        f"{self.name}: unpacks to more than {seen >> 20} MB, which no such file of one virus does; "
                        "give the part that covers the genes of resistance"
                    )
                if b"\r" in chunk or rest.endswith(b"\r"):
                    held = rest + chunk
                    # A CR at the very end may be the first half of CRLF: it waits for what follows.
                    tail = b"\r" if held.endswith(b"\r") else b""
                    held = held[: len(held) - len(tail)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + tail
                else:
                    held = rest + chunk
                *whole, rest = held.split(b"\n")
                for line in whole:
                    number += 1
                    if len(line) > limit:
                        self._too_long(number, limit)
                    yield line
                if len(rest) > limit:
                    self._too_long(number + 1, limit)
        rest = rest.removesuffix(b"\r")
        if rest:
            yield rest

    def _too_long(self, number: int, limit: int) -> None:
        raise SequenceError(
            f"{self.name}:{number}: a line of more than {limit >> 20} MB; expected lines of one sequence or record"
        )

    def kind(self) -> Kind:
        """What the file is, by its content and not by its name. Raises :class:`SequenceError` where it is none."""
        if self._start.startswith(b"CRAM"):
            return "cram"
        head = self.head()
        if head.startswith(b"BAM\x01"):
            return "bam"
        if b"\0" in head:
            raise SequenceError(f"{self.name}: is no text and no BAM or CRAM; {_EXPECTED}")
        text = head.decode("latin-1").lstrip()
        first = text.splitlines()[0] if text else ""
        if not first:
            raise SequenceError(f"{self.name}: holds nothing but blanks; {_EXPECTED}")
        if first.startswith(("##fileformat=VCF", "#CHROM\tPOS")):
            return "vcf"
        if first.startswith("@"):
            return "bam" if first.startswith(("@HD\t", "@SQ\t", "@RG\t", "@PG\t")) else "fastq"
        if first.startswith((">", ";")):
            return "fasta"
        return _of_text(text, self.name)


_EXPECTED = "expected FASTA, FASTQ, VCF, BAM, CRAM, a table of codon counts or a list of changes such as UL97:A594V"


def _of_text(text: str, name: str) -> Kind:
    """A table, bare letters of a sequence or typed changes; remarks may stand at the top."""
    lines = [line for line in text.splitlines() if line.strip()]
    remarks = list(takewhile(lambda line: line.startswith("#"), lines))
    for line in lines[: len(remarks) + 1]:
        columns = re.split(r"[\t,;]", line.lstrip("#").lower())
        if {"gene", "codon"} <= {word.strip(' "') for word in columns}:
            return "codons"
    body = lines[len(remarks) :]
    letters = "".join("".join(body).split()).upper()
    if len(letters) >= 30 and set(letters) <= set("ACGTUNRYSWKMBDHV-.0123456789"):
        return "fasta"
    words = " ".join(body[:3]).lower().split()[:3]
    if any("ul" in word[:8] for word in words):
        return "changes"
    raise SequenceError(f"{name}: begins with {lines[0][:30]!r}; {_EXPECTED}")


@contextmanager
def _unpacked(raw: BinaryIO) -> Iterator[BinaryIO]:
    """gzip, several members (BGZF) too; with the faster library where it is installed."""
    try:
        from isal import igzip, igzip_lib
    except ImportError:
        with gzip.GzipFile(fileobj=raw, mode="rb") as opened:
            yield cast(BinaryIO, opened)
        return
    try:
        with igzip.IGzipFile(fileobj=raw, mode="rb") as opened:  # type: ignore[no-untyped-call]
            yield cast(BinaryIO, opened)
    except igzip_lib.IsalError as error:  # type: ignore[misc]
        raise zlib.error(str(error)) from None
