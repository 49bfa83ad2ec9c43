"""Any of a laboratory's files, read by the reader of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..genotype import Knowledge, interpret
from .errors import SequenceError
from .files import Source
from .sample import Options, Sample, Sequenced


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
    sources = [Source(path) for path in paths]
    source, kind = sources[0], sources[0].kind()
    if len(sources) > 1 and {each.kind() for each in sources} != {"fastq"}:
        raise SequenceError(f"{sources[1].name}: only two FASTQ files of read pairs are read together")
    if kind == "fasta":
        from .fasta import read_fasta

        return read_fasta(source, knowledge, options)
    if kind == "vcf":
        from .vcf import read_vcf

        return read_vcf(source, knowledge, options)
    if kind == "codons":
        from .tables import read_codons

        return read_codons(source, knowledge, options)
    if kind == "changes":
        from .tables import read_changes

        return read_changes(source, knowledge, options)
    from .reads import read_reads

    return read_reads(sources, kind, knowledge, options)


def _interpreted(read: Sequenced, knowledge: Knowledge) -> Sample:
    changes = [call.mutation for call in read.calls if call.interpreted]
    return Sample(read, interpret(changes, read.coverage, knowledge))
