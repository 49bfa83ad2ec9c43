"""The lines of a VCF: what its header states, and the records that reach into the segments of the genes.

All other records are counted and forgotten, so that a file of any size takes little memory.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from .errors import SequenceError
from .files import Source
from .local import against_all
from .reference import Segment, reference
from .shares import Fields

SAMPLES = 10_000
RECORDS = 2_000_000
CONTIGS = 10_000
ALTS = 10_000
"""What a file and a record may hold; a reference of man with all its patches has 3,400 contigs."""
REFERENCE_ALTS = ("<NON_REF>", "<*>", ".")
"""What stands in ALT of a record that says the sample is like the reference there."""
_COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
_FORMAT = 8
_VERSION = re.compile(r"##fileformat=VCFv4\.[0-5]\s*")
_CONTIG = re.compile(r"##contig=<(?:.*,)?ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=(\d{1,12})[,>]")
_SAMPLE = re.compile(r'##SAMPLE=<ID=([^,>]+),(?:.*,)?Codons="([^"]*)">\s*')
_LEFT_OUT = re.compile(r'##cmvigil_left_out=<ID=([^,>]+),Count=\d+,Changes="((?:[^"\\]|\\.)+)">\s*')
_REF = re.compile(r"[ACGTUNRYSWKMBDHV]+")
_ALT = re.compile(r"[ACGTN]+|\*|\.|<[^>]+>|[ACGTN]*[\[\]][^\[\]]+[\[\]][ACGTN]*|\.[ACGTN]+|[ACGTN]+\.")
_INFO = re.compile(r"(?:^|;)(END|SVLEN|AD|RD|DP|MIN_DP|MinDP|AO|RO|DP4|AF|AN|FREQ|ALT_FREQ|CHANGE)=([^;]*)")
_POSITION_DIGITS = 10


@dataclass
class Header:
    """``samples``: names of the columns of samples; ``lengths``: of contigs, None where not stated.

    ``covered``: statements of which codons were read, with their lines, by the sample they hold for, None for all.
    ``left_out``: changes of a sample that no record says, by its name.
    """

    samples: tuple[str, ...] = ()
    columns: int = 0
    lengths: dict[str, int | None] = field(default_factory=dict)
    covered: dict[str | None, tuple[int, str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """One record. ``position`` to ``last`` are the bases it speaks of; ``filters`` what it did not pass, else empty.

    ``info`` holds the fields of INFO that are used, ``values`` the texts of the samples under the ``keys`` of FORMAT.
    """

    line: int
    contig: str
    position: int
    last: int
    ref: str
    alts: list[str]
    filters: str
    info: dict[str, str]
    keys: list[str]
    values: list[str]
    segments: list[Segment]

    @property
    def is_reference(self) -> bool:
        """Whether it only says that the sample is like the reference."""
        return all(alt in REFERENCE_ALTS for alt in self.alts)

    def samples(self) -> Iterator[tuple[int, Fields]]:
        """What it says of each sample; of a file without columns of samples, what INFO says.

        Raises :class:`FieldError` where local alleles cannot be read.
        """
        if not self.values:
            yield 0, Fields({}, self.info)
        for n, text in enumerate(self.values):
            own, local = against_all(dict(zip(self.keys, text.split(":"), strict=False)), len(self.alts))
            yield n, Fields(own, self.info if len(self.values) == 1 else {}, local)


class Lines:
    """A VCF read line by line: iterate over its records, then look at what it counted.

    Raises :class:`SequenceError` on what cannot be read, with file, line, column and remedy.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.header = Header()
        self.records: Counter[str] = Counter()
        """Records of each contig, those outside of the segments too."""
        self._segments = sorted(reference().segments, key=lambda each: each.genome_first)
        self._ends = [each.genome_last for each in self._segments]

    def __iter__(self) -> Iterator[Record]:
        count = 0
        for number, line in self.source.lines():
            if line.startswith("#"):
                self._header(number, line)
            elif line.strip():
                count += 1
                if count > RECORDS:
                    self.refuse(number, f"more than {RECORDS:,} records; give the records of the six genes alone")
                record = self._record(number, line)
                if record is not None:
                    yield record
        if not self.header.columns:
            raise SequenceError(f"{self.source.name}: has no line of columns (#CHROM POS ID REF ALT); {_WHOLE}")

    def refuse(self, line: int, problem: str) -> NoReturn:
        """Raise :class:`SequenceError` for a line."""
        raise SequenceError(f"{self.source.name}:{line}: {problem}")

    def _header(self, number: int, line: str) -> None:
        header = self.header
        if line.startswith("##fileformat=") and not _VERSION.fullmatch(line):
            self.refuse(number, f"found {line[13:40]!r}; expected VCFv4.0 to VCFv4.5; convert it to one of them")
        elif line.startswith("##contig="):
            name, length = _CONTIG.match(line), _LENGTH.search(line)
            if name is not None:
                header.lengths[name[1]] = int(length[1]) if length else None
                self._few_contigs(number, len(header.lengths))
        elif line.startswith("##cmvigil_covered="):
            self._covered(number, None, line.partition("=")[2])
        elif (of_sample := _SAMPLE.fullmatch(line)) is not None:
            self._covered(number, *of_sample.groups())
        elif line.startswith("##cmvigil_left_out="):
            self._left_out(number, line)
        elif line.startswith("#CHROM"):
            self._columns(number, line)

    def _covered(self, number: int, sample: str | None, codons: str) -> None:
        if sample in self.header.covered or len(self.header.covered) > SAMPLES:
            self.refuse(number, "codons that were read are stated twice, or of too many samples; keep one statement")
        self.header.covered[sample] = number, codons

    def _left_out(self, number: int, line: str) -> None:
        said = _LEFT_OUT.fullmatch(line)
        if said is None or said[1] in self.header.left_out or len(self.header.left_out) >= SAMPLES:
            self.refuse(number, f"changes left out cannot be read, or stand twice; {_WHOLE}")
        self.header.left_out[said[1]] = said[2]

    def _columns(self, number: int, line: str) -> None:
        columns = line.count("\t") + 1
        count = columns - _FORMAT - 1
        if count > SAMPLES:
            self.refuse(number, f"{count:,} samples; up to {SAMPLES:,} are read; part the file by samples")
        names = line.split("\t")
        if names[:_FORMAT] != _COLUMNS or (columns > _FORMAT and names[_FORMAT] != "FORMAT"):
            self.refuse(number, f"found the columns {' '.join(names[:9])[:80]!r}; expected {_EXPECTED}")
        if self.header.columns:
            self.refuse(number, "a second line of columns; give the files that were joined one by one")
        samples = [name.strip() for name in names[_FORMAT + 1 :]]
        twice = [name for name, times in Counter(samples).items() if times > 1 or not name]
        if twice:
            self.refuse(number, f"the sample {twice[0][:60]!r} stands twice or has no name; give each its own name")
        self.header.samples, self.header.columns = tuple(samples), columns

    def _few_contigs(self, number: int, count: int) -> None:
        if count > CONTIGS:
            self.refuse(number, f"more than {CONTIGS:,} contigs; give the records of cytomegalovirus alone")

    def _record(self, number: int, line: str) -> Record | None:
        """A record, or None where it lies outside of the segments; then little of it is looked at."""
        if not self.header.columns:
            self.refuse(number, f"a record before the line of columns (#CHROM POS ID REF ALT); {_WHOLE}")
        parts = line.split("\t", 5)
        if len(parts) < 6:
            self.refuse(number, f"{len(parts)} columns; expected {_EXPECTED}")
        contig, pos, _, ref, alt, rest = parts
        if not (pos.isascii() and pos.isdigit()) or len(pos) > _POSITION_DIGITS or int(pos) < 1:
            self.refuse(number, f"POS: found {pos[:20]!r}; expected a position from 1; correct or remove the record")
        self.records[contig] += 1
        self._few_contigs(number, len(self.records))
        position = int(pos)
        last = position + len(ref) - 1
        symbolic = "<" in alt or alt == "."
        if not symbolic and not self._reached(position, last):
            return None
        columns = rest.split("\t")
        count = len(columns) + 5
        if count != self.header.columns:
            self.refuse(number, f"{count} columns, not {self.header.columns} as in their line; {_WHOLE}")
        _, filters, info, *samples = columns
        fields, keys = dict(_INFO.findall(info)), samples[0].split(":") if samples else []
        if symbolic:
            last = max(last, self._end(number, position, alt, fields, keys, samples[1:]))
        segments = self._reached(position, last)
        if not segments:
            return None
        ref, alts = self._alleles(number, ref.upper(), alt.upper())
        passed = "" if filters in ("PASS", ".") else filters
        return Record(number, contig, position, last, ref, alts, passed, fields, keys, samples[1:], segments)

    def _alleles(self, number: int, ref: str, alt: str) -> tuple[str, list[str]]:
        if not _REF.fullmatch(ref):
            self.refuse(number, f"REF: found {ref[:20]!r}; expected the bases of the reference; {_WHOLE}")
        if alt.count(",") >= ALTS:
            self.refuse(number, f"ALT: more than {ALTS:,} alleles; no place has so many; {_WHOLE}")
        alts = alt.split(",")
        strange = next((each for each in alts if not _ALT.fullmatch(each)), None)
        if strange is not None:
            self.refuse(number, f"ALT: found {strange[:20]!r}; expected A, C, G, T, N, *, . or <NAME>; {_MIXTURE}")
        return ref, alts

    def _reached(self, first: int, last: int) -> list[Segment]:
        """The segments that hold one of the bases."""
        found = []
        for n in range(bisect_left(self._ends, first), len(self._ends)):
            if self._segments[n].genome_first > last:
                break
            found.append(self._segments[n])
        return found

    def _end(
        self, number: int, position: int, alt: str, info: dict[str, str], keys: list[str], samples: list[str]
    ) -> int:
        """The last base of a block or of a symbolic loss: END, SVLEN, or since 4.5 the shortest LEN; 0 where none."""
        if "END" in info:
            return self._number(number, "END", info["END"])
        if "SVLEN" in info and alt.startswith("<DEL"):
            return position + self._number(number, "SVLEN", info["SVLEN"].split(",")[0].lstrip("-"))
        if "LEN" not in keys:
            return 0
        values = [dict(zip(keys, each.split(":"), strict=False)).get("LEN", ".") for each in samples]
        return min((position + self._number(number, "LEN", each) - 1 for each in values if each != "."), default=0)

    def _number(self, number: int, name: str, text: str) -> int:
        if not (text.isascii() and text.isdigit()) or len(text) > _POSITION_DIGITS:
            self.refuse(number, f"{name}: found {text[:20]!r}; expected a number; correct or remove the record")
        return int(text)


_EXPECTED = "#CHROM POS ID REF ALT QUAL FILTER INFO, then FORMAT and samples, parted by tabs"
_WHOLE = "give the file as the caller wrote it"
_MIXTURE = "a mixture stands in the share of its ALT, not in its letter"
