"""From the alleles of a sample to calls: what those change of the protein that stand on the same genomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import combinations

from ..genotype import Mutation
from ..genotype.model import Thresholds
from .columns import NOT_IN_GENOTYPE, passes
from .consensus import PHASE_UNKNOWN, POSSIBLE
from .naming import Namer
from .phasing import Allele, Genomes, contradict, genomes, joined, possible, relation
from .records import changes
from .reference import Segment
from .sample import Call
from .shares import interval, rounded

BY_SHARE, TORN = "joined by share", "reaches over the end of its exon"
CONTRADICTED = "contradicted by another record"
"""Flags of calls; ``filtered: NAME`` is another, and ``not in the genotype``."""
_CROWD = 12
"""Alleles of touching codons up to which they are looked at together; nine single bases can change in a codon."""


def calls(
    alleles: Iterable[Allele], segment: Segment, namer: Namer, t: Thresholds, filtered: bool = False
) -> Iterator[Call]:
    """The changes of one exon. ``filtered``: alleles that did not pass are interpreted, too.

    Else they are left out first; what they change is then given besides, not interpreted.
    """
    for cluster in _clusters(alleles, segment, namer):
        passed = [each for each in cluster if filtered or passes(each.filters, each.share, t)]
        found = _called(passed, segment, namer, t)
        if len(passed) == len(cluster):
            yield from found
            continue
        every = _called(cluster, segment, namer, t)
        for call in found:
            stays = any(call.mutation.key == other.mutation.key for other in every)
            yield call if stays or PHASE_UNKNOWN in call.flags else replace(call, flags=(*call.flags, PHASE_UNKNOWN))
        keys = {call.mutation.key for call in found}
        yield from (replace(call, interpreted=False) for call in every if call.mutation.key not in keys)


def _clusters(alleles: Iterable[Allele], segment: Segment, namer: Namer) -> Iterator[list[Allele]]:
    """Alleles whose codons touch, or one of which brings back the reading frame that another loses."""
    ordered = sorted(alleles, key=lambda each: (each.edit.reach, each.edit.start, each.edit.new, each.record))
    ends = _restored(ordered)
    spans = [(_codons(each, ends, segment, namer), each) for each in ordered]
    held: list[Allele] = []
    last = 0
    for (first, behind), each in sorted(spans, key=lambda pair: pair[0][0]):
        if held and first > last:
            yield held
            held = []
        held.append(each)
        last = max(last, behind)
    if held:
        yield held


def _codons(allele: Allele, ends: Mapping[Allele, int], segment: Segment, namer: Namer) -> tuple[int, int]:
    """The first and last codon between which an allele could stand, that at which it would be named included."""
    low, high = allele.edit.reach
    codons = [segment.codon_at(low), segment.codon_at(max(low, ends.get(allele, high) - 1))]
    if allele.edit.shift and not allele.edit.breaks:
        named = changes(segment, [allele.edit], namer)
        codons += [codon for mutation in named for codon in (mutation.first, mutation.last)]
    return min(codons), max(codons)


def _restored(ordered: Sequence[Allele]) -> dict[Allele, int]:
    """For alleles that lose the frame: where the next one on their genomes that brings it back ends."""
    shifting = [each for each in ordered if each.edit.breaks and not each.edit.torn]
    ends: dict[Allele, int] = {}
    for n, each in enumerate(shifting):
        for other in shifting[n + 1 : n + 1 + _CROWD]:
            if (each.edit.shift + other.edit.shift) % 3 == 0 and joined(each, other):
                ends[each] = other.edit.reach[1]
                break
    return ends


def _called(alleles: Sequence[Allele], segment: Segment, namer: Namer, t: Thresholds) -> list[Call]:
    """The calls of alleles that may concern each other."""
    crowd = len(alleles) > _CROWD
    standing = [Genomes((each,), each.share.fraction) for each in alleles] if crowd else list(genomes(alleles, t))
    found = _named(standing, segment, namer)
    joint = [] if crowd else list(possible(standing))
    maybe = {each: parts for each, parts in _named(joint, segment, namer).items() if each not in found}
    unsettled = {allele for parts in maybe.values() for part in parts for allele in part.alleles}
    others = {whole: changes(segment, whole.edits, namer) for whole in joint}
    rivals = _rivals(alleles)
    made = []
    for mutation, parts in found.items():
        shown = {allele for part in parts for allele in part.alleles}
        flags = [PHASE_UNKNOWN] if crowd or unsettled & shown else []
        if any(_by_share(mutation, part, segment, namer) for part in parts):
            flags.append(BY_SHARE)
        contradicted = any(rivals.get(allele, set()) - shown for allele in shown)
        flags += [CONTRADICTED] * contradicted
        unproven = all(allele.unproven for allele in shown)
        if contradicted or unproven or all(_may_vanish(mutation, part, others) for part in parts):
            flags.append(POSSIBLE)
        made.append(_call(mutation, parts, flags))
    for mutation, parts in maybe.items():
        most = max(parts, key=lambda part: 1 if part.fraction is None else part.fraction)
        call = _call(mutation, [most], [PHASE_UNKNOWN, POSSIBLE])
        made.append(call if call.low is None else replace(call, low=Decimal(0)))
    return made


def _may_vanish(mutation: Mutation, part: Genomes, others: Mapping[Genomes, Sequence[Mutation]]) -> bool:
    """Whether all genomes that show a change may hold a further allele, with which it is another one."""
    return any(
        mutation not in changed
        and set(part.alleles) < set(whole.alleles)
        and (part.fraction is None or whole.fraction is None or part.fraction <= whole.fraction)
        for whole, changed in others.items()
    )


def _rivals(alleles: Sequence[Allele]) -> dict[Allele, set[Allele]]:
    """For alleles that others contradict: these others."""
    made: dict[Allele, set[Allele]] = {}
    for n, one in enumerate(alleles):
        for other in alleles[n + 1 : n + 1 + _CROWD]:
            if contradict(one, other):
                made.setdefault(one, set()).add(other)
                made.setdefault(other, set()).add(one)
    return made


def _named(parts: Iterable[Genomes], segment: Segment, namer: Namer) -> dict[Mutation, list[Genomes]]:
    """Each change, with the genomes that show it."""
    made: dict[Mutation, list[Genomes]] = {}
    for part in parts:
        for mutation in changes(segment, part.edits, namer):
            made.setdefault(mutation, []).append(part)
    return made


def _by_share(mutation: Mutation, part: Genomes, segment: Segment, namer: Namer) -> bool:
    """Whether a change is there only because alleles are joined that no phase joins."""
    if all(relation(*pair) != "by share" for pair in combinations(part.alleles, 2)):
        return False
    return all(mutation not in changes(segment, [edit], namer) for edit in part.edits)


def _call(mutation: Mutation, parts: Sequence[Genomes], flags: Sequence[str]) -> Call:
    alleles = {allele for part in parts for allele in part.alleles}
    fractions = [part.fraction for part in parts if part.fraction is not None]
    fraction = min(sum(fractions, Decimal(0)), Decimal(1)) if len(fractions) == len(parts) else None
    totals = [allele.share.total for allele in alleles if allele.share.total is not None]
    low, high = interval(fraction, min(totals) if len(totals) == len(alleles) else None) or (None, None)
    torn = [TORN] if any(allele.edit.torn for allele in alleles) else []
    filters = sorted({allele.filters for allele in alleles} - {""})
    missed = [name if name == NOT_IN_GENOTYPE else f"filtered: {name}" for name in filters]
    share = None if fraction is None else rounded(fraction)
    return Call(
        mutation=replace(mutation, fraction=share, possible=POSSIBLE in flags),
        low=low,
        high=high,
        depth=min((allele.share.depth for allele in alleles if allele.share.depth is not None), default=None),
        flags=(*flags, *torn, *missed),
    )
