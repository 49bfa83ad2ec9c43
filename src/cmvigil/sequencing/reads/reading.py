"""One sample's reads, from file to changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from ...genotype import Knowledge
from ..errors import SequenceError
from ..files import Kind, Source
from ..reference import reference
from ..sample import Note, Options, Sequenced
from .breaks import near_breaks
from .calling import Called, call
from .counting import Table, count_reads
from .fastq import Batch, batches
from .long import FLOOR, count_long_reads
from .noise import ONE_STRAND_SHARE
from .primers import read_primers
from .slips import FRAMESHIFT_FLOOR
from .targets import Targets
from .technology import Assumed, technology_of

FEW_PLACED = 0.01
"""Share of reads on the genes below which a sample is doubtful (design value)."""


def read_reads(sources: Sequence[Source], kind: Kind, knowledge: Knowledge, options: Options) -> list[Sequenced]:
    """The sample whose reads a file (or two files of pairs) holds. Raises :class:`SequenceError`."""
    primers, outside = read_primers(options.primers, Targets.of(reference()), knowledge)
    opened = _opened(list(sources), kind, options)
    names = " and ".join(each.name for each in sources)
    first = next(opened(), None)
    if first is None:
        raise SequenceError(f"{names}: holds no reads; give the file as the machine wrote it")
    assumed = technology_of(first, options.technology)
    long = assumed.technology == "nanopore"
    table = (
        count_long_reads(opened(), reference(), primers)
        if long
        else count_reads(opened, reference(), primers, knowledge.known)
    )
    if not table.placed:
        raise SequenceError(
            f"{names}: none of {table.reads:,} reads lies on the genes of resistance; "
            "is it CMV, and were UL97, UL54, UL27, UL51, UL56 or UL89 amplified?"
        )
    floor = float(knowledge.thresholds.call_floor)
    if long:
        called = call(table, knowledge, options.copies, max(floor, FLOOR), FLOOR)
    else:
        called = call(table, knowledge, options.copies, floor)
    return [_sequenced(sources, kind, called, tuple(_notes(table, called, outside, options, assumed)))]


def _opened(sources: list[Source], kind: Kind, options: Options) -> Callable[[], Iterator[Batch]]:
    if kind == "fastq":
        return lambda: batches(sources)
    from .bam import aligned

    return lambda: aligned(sources[0], options.reference)


def _notes(table: Table, called: Called, outside: int, options: Options, assumed: Assumed) -> Iterator[Note]:
    share = table.placed / table.reads
    yield Note(
        "note", "reads", f"{table.placed:,} of {table.reads:,} reads lie on the genes of resistance ({share:.1%})"
    )
    if share < FEW_PLACED:
        yield Note("warning", "few-reads", f"only {share:.2%} of the reads lie on the genes of resistance")
    if assumed.reason:
        what = "nanopore reads" if assumed.technology == "nanopore" else "Illumina reads"
        yield Note("note", "technology", f"read as {what}: {assumed.reason}; if they are not, give --technology")
    if assumed.technology == "nanopore":
        floors = (
            f"changes below {FLOOR:.0%} and shifts of the frame below {FRAMESHIFT_FLOOR:.0%} cannot be told from errors"
        )
        yield Note("note", "long-reads", f"long reads: {floors}")
    if called.unclear:
        names = ", ".join(str(each) for each in called.unclear)
        what = "runs of one base are misread that often in this sample; these codons count as not read"
        yield Note("warning", "unclear-shifts", f"shifts of the frame that cannot be told from errors: {names}; {what}")
    if table.forgotten:
        yield Note("note", "gaps", f"{table.forgotten:,} kinds of rare gaps were left out, as errors are")
    for each, (gene, codons) in near_breaks(table.breaks, table.targets).items():
        yield Note(
            "severe",
            "break",
            f"{gene} codons {codons[0]} to {codons[-1]}: {each.reads / each.depth:.0%} of the reads go on as another "
            "sequence, as at a large insertion, deletion or rearrangement; look at the reads there or repeat the test. "
            "These codons count as not read",
        )
    if table.discordant:
        yield Note("note", "mates", f"{table.discordant:,} codons differ between mates: the clearer read counts")
    if called.unconfirmed:
        what = f"changes seen in one direction of reading only, below {ONE_STRAND_SHARE:.0%}"
        yield Note("note", "one-direction", f"{what}, are taken for errors and not called: {called.unconfirmed}")
    if outside:
        yield Note(
            "note", "primers", f"{outside} primers outside the genes of resistance or on another contig are not used"
        )
    if options.copies is None:
        yield Note(
            "note", "copies", "how many genomes went into the test is not stated: few may limit what can be seen"
        )


def _sequenced(sources: Sequence[Source], kind: Kind, called: Called, notes: tuple[Note, ...]) -> Sequenced:
    names = [each.name for each in sources]
    return Sequenced(
        name=sample_name(names[0], pair=len(names) > 1),
        file=" + ".join(names),
        format=f"{kind.upper()}, {'pairs in two files' if len(names) > 1 else 'one file'}",
        input_sha256=_hash(sources),
        calls=called.calls,
        coverage=called.coverage,
        notes=notes,
        depths=called.depths,
        detectable=called.detectable,
        counts=called.counts,
    )


def _hash(sources: Sequence[Source]) -> str:
    """The file's hash; of two files the hash of their two hashes."""
    hashes = [each.sha256() for each in sources]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def sample_name(file: str, pair: bool) -> str:
    """A sample's name from its file: without endings, of a pair without what tells its mates apart."""
    stem = PurePath(file).name
    for ending in (".gz", ".bgz", ".fastq", ".fq", ".bam", ".cram", ".sam"):
        stem = stem.removesuffix(ending)
    for mate in ("_R1_001", ".R1_001", "-R1_001", "_R1", ".R1", "-R1", "_1") if pair else ():
        if stem.endswith(mate) and stem != mate:
            return stem.removesuffix(mate)
    return stem
