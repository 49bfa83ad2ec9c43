"""VCF 4.0 to 4.5, plain, gzip or BGZF, made against Merlin: one sample for each column, one where there is none.

A VCF says nothing of codons without a record. What was read is known only of a file that holds depths of the bases that
are like the reference, in blocks (gVCF) or one by one, or that states it: ``##cmvigil_covered=UL97:440-645``, or of one
sample ``##SAMPLE=<ID=name,Codons="UL97:440-645">``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..genotype import Knowledge, MutationError, parse_coverage
from ..genotype.mutation import percent
from .agreement import Contigs
from .alleles import CONTRADICTED, calls
from .columns import NOT_IN_GENOTYPE, Column, Named
from .files import Source
from .naming import Namer, loses_start, start_lost, stop_lost
from .reference import reference
from .sample import Call, Note, Options, Sequenced, Stretches
from .shares import FieldError
from .stretches import by_gene
from .vcflines import Header, Lines

HELD = 500_000
"""Alleles and runs of positions that are held of all samples together."""
_SHOWN = 300
"""Letters of a list of changes in a note."""
_CHANGE = re.compile(r"(UL\d{1,3}) (?:\D*(\d{1,5}))?")
_Codons = Mapping[str, set[int]]


def read_vcf(source: Source, knowledge: Knowledge, options: Options) -> list[Sequenced]:
    """The samples of a VCF. Raises :class:`SequenceError` where it cannot be read, or was not made against Merlin."""
    lines, contigs = Lines(source), Contigs(source.name, knowledge)
    columns = _columns(lines, contigs, knowledge)
    merlin = contigs.merlin(lines.records, lines.header.lengths)
    common = tuple(contigs.notes(merlin, lines.records))
    digest = source.sha256()
    made = []
    for n, name in enumerate(lines.header.samples or (_stem(source.name),)):
        column = columns[merlin.name, n]
        found = _calls(column, knowledge, options)
        coverage, stated = _coverage(lines, name, column, found, knowledge)
        notes = (*common, *_notes(column, found, _left_out(lines.header, name), stated, knowledge))
        made.append(Sequenced(name, source.name, "VCF", digest, found, coverage, stated, notes))
    return made


def _columns(lines: Lines, contigs: Contigs, knowledge: Knowledge) -> defaultdict[tuple[str, int], Column]:
    """What the records say, by contig and column. Raises :class:`SequenceError`."""
    columns: defaultdict[tuple[str, int], Column] = defaultdict(Column)
    like_reference: set[str] = set()
    held = 0
    for record in lines:
        contig = contigs.of(record.contig)
        if not contig.agrees(record.line, record.position, record.ref):
            continue
        if record.is_reference:
            like_reference.add(contig.name)
        named: dict[int, list[Named]] = {}
        try:
            for n, fields in record.samples():
                column = columns[contig.name, n]
                held -= column.size
                if contig.name in like_reference:
                    column.cover(record, fields, knowledge.thresholds)
                if not record.is_reference:
                    column.show(record, fields, named, knowledge.thresholds)
                held += column.size
        except FieldError as error:
            lines.refuse(record.line, f"{error}; correct or remove the record")
        if held > HELD:
            lines.refuse(record.line, f"more than {HELD:,} changes in the genes; part the file by samples")
    return columns


def _coverage(
    lines: Lines, name: str, column: Column, found: Sequence[Call], knowledge: Knowledge
) -> tuple[dict[str, Stretches], bool]:
    """The codons that were read of a sample, and whether the file tells. Raises :class:`SequenceError`."""
    stated = _stated(lines, name, knowledge)
    read = stated if stated is not None or not column.read else _read(column.read)
    codons = _with_calls(read or {}, found, knowledge)
    unsaid = _unsaid(_left_out(lines.header, name), knowledge)
    for gene, first in (*unsaid, *((gene, 1) for gene in _lost(column, found, knowledge))):
        codons[gene] = {codon for codon in codons.get(gene, ()) if codon < first}
    disputed = [(call.mutation.gene, call.mutation.codons()) for call in found if CONTRADICTED in call.flags]
    for gene, touched in (*_touched(column.unclear), *disputed):
        codons.get(gene, set()).difference_update(touched)
    return by_gene(codons), read is not None


def _stem(name: str) -> str:
    """A file's name without its endings."""
    return re.sub(r"(\.g)?(\.g?vcf)?(\.b?gz)?$", "", name, count=1, flags=re.IGNORECASE) or name


def _stated(lines: Lines, sample: str, knowledge: Knowledge) -> _Codons | None:
    """The codons that the header says were read of a sample; None where it does not. Raises :class:`SequenceError`."""
    covered = lines.header.covered
    if sample not in covered and None not in covered:
        return None
    number, text = covered[sample if sample in covered else None]
    try:
        read = parse_coverage([text], knowledge) if text.strip() else {}
    except MutationError as error:
        lines.refuse(number, f"codons that were read: {error.problems[0]}")
    return {gene: {codon for first, last in runs for codon in range(first, last + 1)} for gene, runs in read.items()}


def _left_out(header: Header, sample: str) -> str:
    """The changes that the header says no record holds; those of a name that is no column may be of any sample."""
    said = header.left_out.items()
    return ", ".join(changes for name, changes in said if name == sample or name not in header.samples)


def _unsaid(left_out: str, knowledge: Knowledge) -> Iterator[tuple[str, int]]:
    """Genes and codons from which on nothing is known; every gene where a change cannot be told."""
    for change in filter(None, left_out.split(", ")):
        told = _CHANGE.match(change)
        if told is None or told[1] not in knowledge.genes:
            yield from ((gene, 1) for gene in knowledge.genes)
        else:
            yield told[1], int(told[2] or 1)


def _lost(column: Column, found: Iterable[Call], knowledge: Knowledge) -> set[str]:
    """Genes of whose protein nothing is known, as its start is lost, or its stop and it is essential."""
    stops = {gene for gene in column.stops if knowledge.genes[gene].essential}
    return stops | {call.mutation.gene for call in found if loses_start(call.mutation) and _decides(call, knowledge)}


def _decides(call: Call, knowledge: Knowledge) -> bool:
    fraction = call.mutation.fraction
    return call.interpreted and (fraction is None or fraction >= knowledge.thresholds.report_floor)


def _read(runs: Iterable[tuple[int, int]]) -> _Codons:
    """The codons whose three bases lie in one run of positions, when touching runs are one."""
    whole: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = whole[-1][0], max(whole[-1][1], last)
        else:
            whole.append((first, last))
    made: dict[str, set[int]] = {}
    for segment in reference().segments:
        for first, last in whole:
            start, end = sorted((segment.offset_at(first), segment.offset_at(last)))
            low = -(-(start - segment.flank) // 3)
            high = (end + 1 - segment.flank) // 3
            codons = range(max(low, 0), min(high, segment.codons))
            made.setdefault(segment.gene, set()).update(segment.first_codon + n for n in codons)
    return made


def _touched(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[str, range]]:
    """The codons that positions touch, by gene."""
    for first, last in runs:
        for segment in reference().segments:
            start, end = sorted((segment.offset_at(first), segment.offset_at(last)))
            if start < segment.coding_end and end >= segment.flank:
                yield segment.gene, range(segment.codon_at(start), segment.codon_at(end) + 1)


def _calls(column: Column, knowledge: Knowledge, options: Options) -> tuple[Call, ...]:
    found: list[Call] = []
    for segment in reference().segments:
        namer = Namer(segment.gene, knowledge.proteins[segment.gene], knowledge.known)
        own = [allele for (place, _), allele in column.alleles.items() if place == segment.name]
        found += calls(own, segment, namer, knowledge.thresholds, options.filtered)
    return tuple(sorted(found, key=lambda call: call.mutation.order))


def _with_calls(read: _Codons, found: Sequence[Call], knowledge: Knowledge) -> dict[str, set[int]]:
    """The codons that were read: those of calls were, not those of changes that are listed alone and would decide."""
    made = {gene: {codon for codon in codons if codon <= knowledge.genes[gene].length} for gene, codons in read.items()}
    for call in found:
        if _decides(replace(call, interpreted=not call.interpreted), knowledge):
            made.get(call.mutation.gene, set()).difference_update(call.mutation.codons())
    for call in found:
        if call.interpreted:
            length = knowledge.genes[call.mutation.gene].length
            made.setdefault(call.mutation.gene, set()).update(c for c in call.mutation.codons() if c <= length)
    return made


def _notes(column: Column, found: Sequence[Call], left_out: str, covered: bool, knowledge: Knowledge) -> Iterator[Note]:
    """Findings on one sample."""
    if not covered:
        yield Note("warning", "coverage", "coverage not stated: codons without a change may not have been read")
    if column.below:
        floor = percent(knowledge.thresholds.call_floor)
        yield Note("note", "below", f"alleles below {floor} of the population, left out: {column.below}")
    missed = sum(not call.interpreted for call in found)
    if missed:
        yield Note("warning", "filtered", f"changes that did not pass a filter, listed and not interpreted: {missed}")
    uncalled = sum(call.interpreted and NOT_IN_GENOTYPE in call.flags for call in found)
    if uncalled:
        yield Note("warning", "genotype", f"changes not in the genotype, interpreted by their share: {uncalled}")
    disputed = ", ".join(call.mutation.name for call in found if CONTRADICTED in call.flags)
    if disputed:
        text = (
            f"records that exclude each other speak of the same genomes: {disputed[:_SHOWN]}; their codons not covered"
        )
        yield Note("warning", "contradicted", text)
    if left_out:
        yield Note("severe", "left out", f"no record says {left_out[:_SHOWN]}; its codons and those behind not covered")
    if column.unnamed:
        yield Note("warning", "unnamed", f"large or symbolic alleles in the genes, left out: {column.unnamed}")
    lost = _lost(column, found, knowledge)
    for gene in sorted(column.stops):
        yield stop_lost(gene, knowledge)
    for gene in sorted({call.mutation.gene for call in found if loses_start(call.mutation)} & lost):
        yield start_lost(gene)
