"""Any of a laboratory's files, read by the reader of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..genotype import Knowledge, interpret
from . import quality
from .errors import SequenceError
from .fasta import read_fasta
from .files import Source
from .sample import Note, Options, Sample, Sequenced
from .strains import strain_of_changes
from .tables import read_changes, read_codons
from .vcf import read_vcf


def read_samples(paths: Sequence[Path], knowledge: Knowledge, options: Options | None = None) -> list[Sample]:
    """The samples of one file (or of the two files of read pairs), interpreted.

    Raises :class:`SequenceError` where the input cannot be used; then no sample of it is given.
    """
    options = options or Options()
    if options.min_fraction is not None:
        floors = replace(knowledge.thresholds, report_floor=options.min_fraction)
        knowledge = replace(knowledge, thresholds=floors)
    return [_interpreted(each, knowledge) for each in sequenced(paths, knowledge, options)]


def sequenced(paths: Sequence[Path], knowledge: Knowledge, options: Options) -> list[Sequenced]:
    """What the files hold, before it is interpreted. Raises :class:`SequenceError`."""
    return [_judged(each, knowledge) for each in _read([Source(path) for path in paths], knowledge, options)]


def _read(sources: list[Source], knowledge: Knowledge, options: Options) -> list[Sequenced]:
    source, kind = sources[0], sources[0].kind()
    if len(sources) > 1 and {each.kind() for each in sources} != {"fastq"}:
        raise SequenceError(f"{sources[1].name}: only two FASTQ files of read pairs are read together")
    if kind == "fasta":
        return read_fasta(source, knowledge, options)
    if kind == "vcf":
        return read_vcf(source, knowledge, options)
    if kind == "codons":
        return read_codons(source, knowledge, options)
    if kind == "changes":
        return read_changes(source, knowledge, options)
    try:
        from .reads import read_reads
    except ImportError as error:
        raise SequenceError(f"{source.name}: to read FASTQ and BAM install cmvigil[reads] ({error})") from None
    return read_reads(sources, kind, knowledge, options)


def _judged(read: Sequenced, knowledge: Knowledge) -> Sequenced:
    """With what holds for every kind of file: the strain it looks like, and how far it can be trusted."""
    strain = strain_of_changes(read.calls, read.coverage, knowledge)
    notes = [*read.notes, *quality.notes(read, knowledge)]
    if strain:
        notes.append(Note("warning", "strain", f"looks like the laboratory strain {strain}: control or contamination?"))
    return replace(read, strain=strain, notes=tuple(notes))


def _interpreted(read: Sequenced, knowledge: Knowledge) -> Sample:
    changes = [call.mutation for call in read.calls if call.interpreted]
    return Sample(read, interpret(changes, read.coverage if read.stated else None, knowledge))
