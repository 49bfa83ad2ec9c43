"""FASTA: consensus sequences of fragments, amplicons, genomes or proteins, one sample for each record.

Records are read one after the other, so that a file of many takes the memory of one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_lowercase, ascii_uppercase

from ..genotype import Knowledge
from .consensus import MIXED, Reading, read_placed
from .errors import SequenceError
from .files import Source, shown
from .naming import Key
from .placing import Placed, place_bases, place_residues
from .reference import BASES_OF
from .sample import Call, Note, Options, Sequenced

LONGEST = 1_000_000
"""Letters of one record: four genomes of the virus."""
MOST = 20_000
"""Records of one file; more are single reads, which belong in FASTQ or BAM."""
DISAGREEING = "records disagree"
"""Flag of a change that one record of a sample holds and another, which covers its place, does not."""
AMPLICONS = 500
"""Records that may be merged into one sample."""
_SHOWN = 5
"""Records that are named in one message; the others are counted."""
_PLAIN = str.maketrans(ascii_lowercase, ascii_uppercase, "0123456789 \t\v\f")
_GAPS = "-.~"
_NO_GAPS = str.maketrans("", "", _GAPS)
_NOT_SEQUENCED = {"N": re.compile(r"[-.~]{30,}"), "X": re.compile(r"[-.~]{10,}")}
"""Gap signs that stand for what was not sequenced (design value, 10 codons), by the letter that says so."""
_BASES = frozenset(BASES_OF) - {"U"}
_RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWYX*")
_AS_BASES = str.maketrans("UXI?", "TNNN")
_AS_RESIDUES = str.maketrans("BZJUO?", "XXXXXX")
_MOSTLY_BASES = 0.9
"""Share of A, C, G, T and N from which another letter is a slip in a sequence of bases, not a sign of a protein."""
_EXPECTED = "expected bases or residues of UL27, UL51, UL54, UL56, UL89 or UL97, 30 codons or more"


@dataclass
class _Record:
    """One record as it stands in the file: first word of its header, its line, its lines of letters."""

    name: str
    line: int
    lines: list[tuple[int, str]] = field(default_factory=list)
    size: int = 0

    def add(self, number: int, text: str) -> None:
        """Take a line; beyond the longest record only its length counts."""
        self.size += len(text)
        if self.size <= LONGEST:
            self.lines.append((number, text))


def read_fasta(source: Source, knowledge: Knowledge, options: Options) -> list[Sequenced]:
    """The samples of a FASTA file: one for each record, or with ``options.merge`` one for all.

    Records that hold none of the genes are left out, with a note on the samples that are given. Raises
    :class:`SequenceError` where no record can be used.
    """
    used, unused = _readings(source, knowledge)
    if not used:
        raise SequenceError(_first_of(unused) or f"{source.name}: holds no sequence; {_EXPECTED}")
    if options.merge and len(used) > AMPLICONS:
        raise SequenceError(f"{source.name}: {len(used)} records; at most {AMPLICONS} amplicons make one sample")
    if options.merge:
        used = {source.stem: _merged(used)}
    skipped = [Note("warning", "skipped", f"not used: {problem}") for problem in _first_of(unused)]
    digest = source.sha256()
    return [
        Sequenced(
            name=name,
            file=source.name,
            format="FASTA",
            input_sha256=digest,
            calls=tuple(sorted(reading.calls.values(), key=lambda call: call.mutation.order)),
            coverage=reading.coverage(),
            notes=(*reading.notes, *skipped),
        )
        for name, reading in used.items()
    ]


def _readings(source: Source, knowledge: Knowledge) -> tuple[dict[str, Reading], list[str]]:
    """What the records say, by a name that no other has, and the problems of those that cannot be used."""
    used: dict[str, Reading] = {}
    unused: list[str] = []
    again: Counter[str] = Counter()
    for count, record in enumerate(_records(source), 1):
        if count > MOST:
            raise SequenceError(
                f"{source.name}:{record.line}: more than {MOST} records; give reads as FASTQ or BAM, or part the file"
            )
        try:
            reading = _read(record, source, knowledge)
        except SequenceError as error:
            unused += error.problems
            continue
        name = record.name
        while name in used:
            again[record.name] += 1
            name = f"{record.name} ({again[record.name] + 1})"
        used[name] = reading
    return used, unused


def _records(source: Source) -> Iterator[_Record]:
    """The records of a file; one without a header, or without a name in it, is named by the file."""
    record = None
    for number, line in source.lines():
        if line.startswith(">"):
            if record is not None:
                yield record
            words = line[1:].split(maxsplit=1)
            record = _Record(shown(words[0]) if words else source.stem, number)
        elif line.strip() and not line.startswith(";"):
            if record is None:
                record = _Record(source.stem, number)
            record.add(number, line)
    if record is not None:
        yield record


def _first_of(things: Sequence[str]) -> list[str]:
    """Problems or names of records; beyond the first few they are counted."""
    more = len(things) - _SHOWN
    return [*things[:_SHOWN], *([f"and {more} more record{'s' if more > 1 else ''}"] if more > 0 else [])]


def _read(record: _Record, source: Source, knowledge: Knowledge) -> Reading:
    """What one record says. Raises :class:`SequenceError` where it holds none of the genes."""
    place = f"{source.name}:{record.line}: record {record.name}"
    if record.size > LONGEST:
        raise SequenceError(f"{place}: {record.size} letters, more than four genomes; {_EXPECTED}")
    written = "".join(line for _, line in record.lines).translate(_PLAIN)
    bare = written.translate(_NO_GAPS)
    if not bare:
        raise SequenceError(f"{place}: holds no sequence; {_EXPECTED}")
    protein = not _are_bases(bare.translate(_AS_BASES))
    unknown = "X" if protein else "N"
    filled = _NOT_SEQUENCED[unknown].sub(lambda run: unknown * len(run[0]), written.strip(_GAPS))
    letters = filled.translate(_NO_GAPS)
    gaps = len(filled) - len(letters)
    if protein:
        residues = letters.translate(_AS_RESIDUES).rstrip("*")
        _check(residues, _RESIDUES, "residue", record, source)
        placed, again = place_residues(residues, knowledge)
    else:
        bases = letters.translate(_AS_BASES)
        _check(bases, _BASES, "base", record, source)
        placed, again = place_bases(bases)
    reading = read_placed(placed, knowledge)
    if not any(reading.covered.values()):
        raise SequenceError(f"{place}: {len(bare)} letters, none of which fit a gene; {_EXPECTED}")
    reading.notes += _notes(placed, again, protein, gaps, len(written) - len(bare) - gaps)
    return reading


def _are_bases(letters: str) -> bool:
    return set(letters) <= _BASES or sum(map(letters.count, "ACGTN")) >= _MOSTLY_BASES * len(letters)


def _check(letters: str, allowed: frozenset[str], what: str, record: _Record, source: Source) -> None:
    """Raise :class:`SequenceError` on a letter that is none, with its line."""
    strange = sorted(set(letters) - allowed)
    if strange:
        line = next(number for number, text in record.lines if strange[0] in text.translate(_PLAIN))
        raise SequenceError(
            f"{source.name}:{line}: record {record.name}: {strange[0]!r} is no {what}; take it out, or type N or X for "
            "what is not known"
        )


def _notes(placed: Sequence[Placed], again: Sequence[Placed], protein: bool, gaps: int, unread: int) -> Iterator[Note]:
    if protein:
        yield Note("note", "protein", "a protein was given: no bases stand behind its changes")
    if gaps:
        yield Note(
            "note", "gaps", f"{gaps} gap signs were taken out; what was lost or gained follows from the alignment"
        )
    if unread:
        text = f"{unread} gap signs at the ends or in long runs were taken for not sequenced, not for a loss"
        yield Note("note", "not sequenced", text)
    other = sorted({each.target.gene for each in placed if not each.forward})
    if other:
        yield Note("note", "strand", f"read on the other strand: {', '.join(other)}")
    for gene in sorted({each.target.gene for each in again}):
        yield Note("warning", "repeated", f"{gene}: parts of it stand more than once; the longest of them is read")


def _merged(readings: Mapping[str, Reading]) -> Reading:
    """Amplicons of one sample as one: a codon is covered where one covers it, and what differs is a mixture."""
    whole = Reading()
    for name, reading in readings.items():
        for gene, codons in reading.covered.items():
            whole.covered.setdefault(gene, set()).update(codons)
        whole.lost |= reading.lost
        for note in reading.notes:
            whole.note(note.level, note.code, f"{name}: {note.text}")
    for key in sorted({key for reading in readings.values() for key in reading.calls}):
        whole.calls[key] = _agreed(key, readings, whole)
    return whole


def _agreed(key: Key, readings: Mapping[str, Reading], whole: Reading) -> Call:
    """One change as all records show it."""
    calls = {name: reading.calls[key] for name, reading in readings.items() if key in reading.calls}
    call = min(calls.values(), key=lambda each: len(each.flags))
    codons, gene = set(call.mutation.codons()), call.mutation.gene
    without = [name for name, each in readings.items() if name not in calls and codons <= each.covered.get(gene, set())]
    if without:
        names = ", ".join(_first_of([*calls])), ", ".join(_first_of(without))
        text = f"{call.mutation.name} is in {names[0]} and not in {names[1]}; taken for a mixture"
        whole.note("warning", "disagreement", text)
    if not without and not any(each.mutation.mixed for each in calls.values()):
        return call
    flags = dict.fromkeys((MIXED, *call.flags, *([DISAGREEING] if without else [])))
    return replace(call, mutation=replace(call.mutation, mixed=True), flags=tuple(flags))
