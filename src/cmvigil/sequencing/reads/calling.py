"""From the table of codons to changes: residues at each codon, indels as one event each, and what was read at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil

import numpy as np

from ...genotype import Knowledge, Mutation
from ..intervals import jeffreys
from ..naming import Namer
from ..power import HITS, TEMPLATES, detectable, templates
from ..reference import CODONS, translate
from ..sample import Call, Stretches
from ..stretches import by_gene
from .counting import Table
from .kernels import DELETED, OTHER
from .noise import CODON_NAMES, CONFIRMING, ONE_STRAND_SHARE, error_rates, expected_errors, is_one_strand, seen_codons
from .targets import Event, Targets

ONE_STRAND = "seen in one direction of reading only"
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Called:
    """What a table of codons says. ``unconfirmed``: changes of one direction only, too rare to be called on it."""

    calls: tuple[Call, ...]
    coverage: Mapping[str, Stretches]
    depths: Mapping[str, tuple[int, ...]]
    detectable: Mapping[str, tuple[float, ...]]
    counts: Mapping[tuple[str, int], Mapping[str, int]]
    unconfirmed: int


def call(table: Table, knowledge: Knowledge, copies: int | None, floor: float, frameshift_floor: float) -> Called:
    """The changes in a table. ``copies``: genomes that went into the test, which limits what can be seen.

    ``floor``: share from which a change is called; ``frameshift_floor``: from which a shift of the frame is.
    """
    namers = {gene: Namer(gene, knowledge.proteins[gene], knowledge.known) for gene in knowledge.proteins}
    found = [*_residues(table, namers, floor), *_indels(table, namers, floor, frameshift_floor)]
    calls = [
        each for each in found if ONE_STRAND not in each.flags or (each.mutation.fraction or 1) >= ONE_STRAND_SHARE
    ]
    depths, smallest = _depths(table), _smallest(table, copies, floor)
    limit = float(knowledge.thresholds.sanger_floor)
    return Called(
        calls=tuple(sorted(calls, key=lambda each: each.mutation.order)),
        coverage=by_gene(
            {
                gene: [codon for codon, share in enumerate(shares, 1) if share <= limit]
                for gene, shares in smallest.items()
            }
        ),
        depths=depths,
        detectable=smallest,
        counts=_counts(table),
        unconfirmed=len(found) - len(calls),
    )


def _depths(table: Table) -> dict[str, tuple[int, ...]]:
    """Fragments that show each codon of each gene, readable or deleted."""
    made: dict[str, list[int]] = {}
    readable = table.depth - table.counts[:, :, OTHER].sum(axis=1)
    for (gene, _), fragments in zip(table.targets.codons, readable.tolist(), strict=True):
        made.setdefault(gene, []).append(fragments)
    return {gene: tuple(each) for gene, each in sorted(made.items())}


def _smallest(table: Table, copies: int | None, floor: float) -> dict[str, tuple[float, ...]]:
    """The smallest share that would have been called at each codon: by depth, by genomes, by direction."""
    made: dict[str, list[float]] = {}
    least = templates(copies, TEMPLATES) if copies is not None else 0.0
    readable = table.counts.sum(axis=2) - table.counts[:, :, OTHER]
    for (gene, _), (ahead, back, both) in zip(table.targets.codons, readable.tolist(), strict=True):
        depth = _rounded(ahead + back + both)
        whole = detectable(depth, max(HITS, ceil(floor * depth)))
        kept, confirmed = (ceil(ONE_STRAND_SHARE * depth), depth), (CONFIRMING, _rounded(min(ahead, back) + both))
        by_direction = min(detectable(of, max(1, hits)) for hits, of in (kept, confirmed))
        made.setdefault(gene, []).append(round(max(least, whole, by_direction), 4))
    return {gene: tuple(each) for gene, each in sorted(made.items())}


def _rounded(depth: int) -> int:
    """Down to three figures: what can be seen hardly differs, and is worked out once for many codons."""
    step: int = 10 ** max(0, len(str(depth)) - 3)
    return depth // step * step


def _residues(table: Table, namers: Mapping[str, Namer], floor: float) -> Iterator[Call]:
    """Other residues than Merlin's; a residue's share is that of all its codons that are no errors."""
    expected = expected_errors(table.counts, error_rates(table.counts))
    for number, (gene, codon) in enumerate(table.targets.codons):
        counts = table.counts[number]
        depth = int(counts[:, :64].sum() + counts[:, DELETED].sum())
        if depth < HITS:
            continue
        wild = namers[gene].protein[codon - 1]
        by_residue: dict[str, list[tuple[int, bool]]] = {}
        for seen in seen_codons(counts, expected[number], floor):
            residue = CODONS[CODON_NAMES[seen.column]]
            if residue != wild:
                by_residue.setdefault(residue, []).append((seen.count, seen.one_strand))
        for residue, found in sorted(by_residue.items()):
            count = sum(times for times, _ in found)
            flags = (ONE_STRAND,) if all(lopsided for _, lopsided in found) else ()
            yield counted(namers[gene].substitution(codon, residue), count, depth, flags)


def counted(mutation: Mutation, count: int, depth: int, flags: tuple[str, ...] = ()) -> Call:
    """A change that ``count`` of ``depth`` fragments show."""
    share = max(_PLACES, (Decimal(count) / depth).quantize(_PLACES))
    low, high = jeffreys(count, depth)
    return Call(replace(mutation, fraction=share), low, high, depth, flags)


def _indels(table: Table, namers: Mapping[str, Namer], floor: float, frameshift_floor: float) -> Iterator[Call]:
    """Each indel that reads carry, as the changes of residues that it makes; two that make the same are added up."""
    found: dict[Mutation, tuple[int, int, bool]] = {}
    for event, support in zip(table.targets.events, table.support, strict=True):
        carried, depth = int(support[:, 0].sum()), int(support.sum())
        lopsided = is_one_strand(support[:, 0].astype(np.int32), support.sum(axis=1).astype(np.int32))
        if carried < HITS or carried < floor * depth:
            continue
        for mutation in changes_of(event, table.targets, namers):
            before = found.get(mutation, (0, 0, True))
            found[mutation] = (before[0] + carried, max(before[1], depth), before[2] and lopsided)
    for mutation, (carried, depth, lopsided) in found.items():
        if mutation.kind == "frameshift" and carried < frameshift_floor * depth:
            continue
        yield counted(mutation, min(carried, depth), depth, (ONE_STRAND,) if lopsided else ())


def changes_of(event: Event, targets: Targets, namers: Mapping[str, Namer]) -> tuple[Mutation, ...]:
    """What an indel does to the protein; nothing where it lies outside the codons of a gene."""
    number, offset = targets.segment_at(event.site)
    segment = targets.reference.segments[number]
    end = offset + event.lost
    last_coding = segment.offset_of(len(namers[segment.gene].protein) + 1)
    if offset < segment.flank or max(end, offset + 1) > min(segment.coding_end, last_coding):
        return ()
    namer = namers[segment.gene]
    first = segment.codon_at(offset)
    if (event.lost - len(event.gained)) % 3:
        return (namer.frameshift(first),)
    start = segment.offset_of(first)
    stop = segment.offset_of(segment.codon_at(max(end - 1, offset)) + 1)
    begin = targets.begins[number]
    own = "".join("ACGTN"[code] for code in targets.codes[begin + start : begin + stop])
    new = own[: offset - start] + event.gained + own[end - start :]
    return namer.changes(first, translate(own), translate(new))


def _counts(table: Table) -> dict[tuple[str, int], dict[str, int]]:
    """Fragments by what they show, for codons that were read."""
    whole = table.counts.sum(axis=1)
    names = {**dict(enumerate(CODON_NAMES)), DELETED: "del"}
    made = {}
    for number in np.flatnonzero(whole.sum(axis=1)).tolist():
        row = whole[number].tolist()
        made[table.targets.codons[number]] = {name: row[column] for column, name in names.items() if row[column]}
    return dict(sorted(made.items()))
