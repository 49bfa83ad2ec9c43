"""From the table of codons to changes: residues at each codon, indels as one event each, and what was read at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ...genotype import Knowledge, Mutation
from ..intervals import jeffreys
from ..naming import Namer
from ..power import HITS, TEMPLATES, detectable_both_ways, templates
from ..reference import CODONS, translate
from ..sample import Call, Stretches
from ..stretches import by_gene
from .breaks import near_breaks
from .counting import Table
from .kernels import DELETED, INTERRUPTED, OTHER, SHIFTED
from .noise import (
    CODON_NAMES,
    CONFIRMING,
    ONE_STRAND_SHARE,
    RARE,
    Direction,
    direction,
    error_rates,
    expected_errors,
    least_seen,
    seen_codons,
)
from .targets import Event, Targets

ONE_STRAND = "seen in one direction of reading only"
CONTRADICTED = "seen in one direction of reading and not in the other: does not decide"
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Called:
    """What a table of codons says. ``unconfirmed``: changes of one direction only, too rare to be called on it;
    ``unclear``: shifts of the frame that may be errors of the machine."""

    calls: tuple[Call, ...]
    coverage: Mapping[str, Stretches]
    depths: Mapping[str, tuple[int, ...]]
    detectable: Mapping[str, tuple[float, ...]]
    counts: Mapping[tuple[str, int], Mapping[str, int]]
    unconfirmed: int
    unclear: tuple[Mutation, ...]


@dataclass
class _Found:
    """A change as it is added up: fragments with it, fragments there, what the directions say."""

    count: int = 0
    depth: int = 0
    directions: set[Direction] = field(default_factory=set)


def call(table: Table, knowledge: Knowledge, copies: int | None, floor: float, rare: float = RARE) -> Called:
    """The changes in a table. ``copies``: genomes that went into the test, which limits what can be seen.

    ``floor``: share from which a change is called; ``rare``: share up to which errors are learned from.
    """
    namers = {gene: Namer(gene, knowledge.proteins[gene], knowledge.known) for gene in knowledge.proteins}
    expected = expected_errors(table.counts, error_rates(table.counts, rare))
    found: defaultdict[Mutation, _Found] = defaultdict(_Found)
    _add_residues(found, table, expected, namers)
    _add_indels(found, table, namers)
    enough = {mutation: each for mutation, each in found.items() if each.count >= each.depth * floor}
    calls = [
        _called(mutation, each)
        for mutation, each in enough.items()
        if "confirmed" in each.directions or each.count >= ONE_STRAND_SHARE * each.depth
    ]
    depths, smallest = _depths(table), _smallest(table, expected, copies, floor)
    limit = float(knowledge.thresholds.sanger_floor)
    # Where one direction shows what the other does not, which of them errs is not known.
    open_ = {(call.mutation.gene, codon) for call in calls if not call.interpreted for codon in call.mutation.codons()}
    unclear = {mutation for event in table.unclear for mutation in changes_of(event, table.targets, namers)}
    open_.update((mutation.gene, codon) for mutation in unclear for codon in mutation.codons())
    # Reads that stop to fit are missing there, and what they hold instead is not known.
    for gene, codons in near_breaks(table.breaks, table.targets).values():
        open_.update((gene, codon) for codon in codons)
    covered = {
        gene: [codon for codon, share in enumerate(shares, 1) if share <= limit and (gene, codon) not in open_]
        for gene, shares in smallest.items()
    }
    return Called(
        calls=tuple(sorted(calls, key=lambda each: each.mutation.order)),
        coverage=by_gene(covered),
        depths=depths,
        detectable=smallest,
        counts=_counts(table),
        unconfirmed=len(enough) - len(calls),
        unclear=tuple(sorted(unclear, key=lambda each: each.order)),
    )


def _called(mutation: Mutation, found: _Found) -> Call:
    """A change; one that the other direction of reading contradicts is listed and does not decide."""
    if "confirmed" in found.directions:
        return counted(mutation, found.count, found.depth)
    if "unconfirmed" in found.directions:
        return counted(mutation, found.count, found.depth, (ONE_STRAND,))
    return replace(counted(mutation, found.count, found.depth, (CONTRADICTED,)), interpreted=False)


def _depths(table: Table) -> dict[str, tuple[int, ...]]:
    """Fragments that show each codon of each gene, whole or not."""
    made: dict[str, list[int]] = {}
    readable = table.depth - table.counts[:, :, OTHER].sum(axis=1)
    for (gene, _), fragments in zip(table.targets.codons, readable.tolist(), strict=True):
        made.setdefault(gene, []).append(fragments)
    return {gene: tuple(each) for gene, each in sorted(made.items())}


def _smallest(
    table: Table, expected: NDArray[np.float64], copies: int | None, floor: float
) -> dict[str, tuple[float, ...]]:
    """The smallest share that would have been called at each codon: by depth, errors, genomes, and direction."""
    made: dict[str, list[float]] = {}
    least = templates(copies, TEMPLATES) if copies is not None else 0.0
    readable = table.counts.sum(axis=2) - table.counts[:, :, OTHER]
    rare = np.where(table.counts[:, :, :64].sum(axis=1) * 5 > readable.sum(axis=1)[:, None], 0.0, expected).max(axis=1)
    for (gene, _), ways, errors in zip(table.targets.codons, readable.tolist(), rare.tolist(), strict=True):
        rounded = tuple(map(_rounded, ways))
        depth = sum(rounded)
        needed = max(_needed(round(errors, 1)), ceil(floor * depth))
        share = detectable_both_ways(rounded, needed, CONFIRMING, ceil(ONE_STRAND_SHARE * depth))
        made.setdefault(gene, []).append(round(max(least, share), 4))
    return {gene: tuple(each) for gene, each in sorted(made.items())}


@lru_cache(maxsize=1 << 12)
def _needed(errors: float) -> int:
    return least_seen(errors)


def _rounded(depth: int) -> int:
    """Down to three figures: what can be seen hardly differs, and is worked out once for many codons."""
    step: int = 10 ** max(0, len(str(depth)) - 3)
    return depth // step * step


def _add_residues(
    found: defaultdict[Mutation, _Found], table: Table, expected: NDArray[np.float64], namers: Mapping[str, Namer]
) -> None:
    """Other residues than Merlin's; a residue's share is that of all its codons that are no errors."""
    for number, (gene, codon) in enumerate(table.targets.codons):
        counts = table.counts[number]
        depth = int(counts.sum() - counts[:, OTHER].sum())
        if depth < HITS:
            continue
        wild = namers[gene].protein[codon - 1]
        for seen in seen_codons(counts, expected[number]):
            residue = CODONS[CODON_NAMES[seen.column]]
            if residue != wild:
                each = found[namers[gene].substitution(codon, residue)]
                each.count, each.depth = each.count + seen.count, depth
                each.directions.add(seen.direction)


def counted(mutation: Mutation, count: int, depth: int, flags: tuple[str, ...] = ()) -> Call:
    """A change that ``count`` of ``depth`` fragments show."""
    share = max(_PLACES, (Decimal(count) / depth).quantize(_PLACES))
    low, high = jeffreys(count, depth)
    return Call(replace(mutation, fraction=share), low, high, depth, flags)


def _add_indels(found: defaultdict[Mutation, _Found], table: Table, namers: Mapping[str, Namer]) -> None:
    """Each indel that reads carry, as the changes of residues that it makes; what makes the same is added up."""
    for event, support in zip(table.targets.events, table.support, strict=True):
        carried, depth = int(support[:, 0].sum()), int(support.sum())
        if carried < HITS:
            continue
        said = direction(support[:, 0].astype(np.int32), support.sum(axis=1).astype(np.int32))
        for mutation in changes_of(event, table.targets, namers):
            each = found[mutation]
            each.depth = max(each.depth, depth)
            each.count = min(each.count + carried, each.depth)
            each.directions.add(said)


def changes_of(event: Event, targets: Targets, namers: Mapping[str, Namer]) -> tuple[Mutation, ...]:
    """What an indel does to the protein; nothing where it lies outside the codons of a gene.

    One that reaches over an end of the codons leaves no frame to read in: a shift at the first residue it touches.
    """
    number, offset = targets.segment_at(event.site)
    segment = targets.reference.segments[number]
    namer = namers[segment.gene]
    end = offset + event.lost
    last = min(segment.coding_end, segment.offset_of(len(namer.protein) + 1))
    inside = offset > segment.flank if not event.lost else end > segment.flank
    if not inside or offset >= last:
        return ()
    first = segment.codon_at(max(offset, segment.flank))
    if offset < segment.flank or end > last or (event.lost - len(event.gained)) % 3:
        return (namer.frameshift(first),)
    start = segment.offset_of(first)
    stop = segment.offset_of(segment.codon_at(max(end - 1, offset)) + 1)
    own = segment.bases[start:stop]  # Merlin's: what else differs there is called for itself
    new = own[: offset - start] + event.gained + own[end - start :]
    return namer.changes(first, translate(own), translate(new))


def _counts(table: Table) -> dict[tuple[str, int], dict[str, int]]:
    """Fragments by what they show, for codons that were read."""
    whole = table.counts.sum(axis=1)
    names = {**dict(enumerate(CODON_NAMES)), DELETED: "del", INTERRUPTED: "ins", SHIFTED: "fs"}
    made = {}
    for number in np.flatnonzero(whole.sum(axis=1)).tolist():
        row = whole[number].tolist()
        made[table.targets.codons[number]] = {name: row[column] for column, name in names.items() if row[column]}
    return dict(sorted(made.items()))
