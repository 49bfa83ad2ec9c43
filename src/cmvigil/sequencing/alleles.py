"""From the alleles of a sample to calls: what those change of the protein that stand on the same genomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import combinations

from ..genotype import Mutation
from ..genotype.model import Thresholds
from .columns import NOT_IN_GENOTYPE, passes
from .naming import Namer
from .phasing import Allele, Genomes, genomes, joined, possible, relation
from .records import changes
from .reference import Segment
from .sample import Call
from .shares import interval

BY_SHARE, UNKNOWN, POSSIBLE, TORN = "joined by share", "phase unknown", "possible", "reaches over the end of its exon"
"""Flags of calls; ``filtered: NAME`` is another, and ``not in the genotype``."""
_CROWD = 12
"""Alleles of touching codons up to which they are looked at together; nine single bases can change in a codon."""
_PLACES = Decimal("0.0001")


def calls(
    alleles: Iterable[Allele], segment: Segment, namer: Namer, t: Thresholds, filtered: bool = False
) -> Iterator[Call]:
    """The changes of one exon. ``filtered``: alleles that did not pass are interpreted, too.

    Else they are left out first; what they change is then given besides, not interpreted.
    """
    for cluster in _clusters(alleles, segment):
        passed = [each for each in cluster if filtered or passes(each.filters, each.share, t)]
        found = _called(passed, segment, namer, t)
        if len(passed) == len(cluster):
            yield from found
            continue
        every = _called(cluster, segment, namer, t)
        for call in found:
            stays = any(call.mutation.key == other.mutation.key for other in every)
            yield call if stays or UNKNOWN in call.flags else replace(call, flags=(*call.flags, UNKNOWN))
        keys = {call.mutation.key for call in found}
        yield from (replace(call, interpreted=False) for call in every if call.mutation.key not in keys)


def _clusters(alleles: Iterable[Allele], segment: Segment) -> Iterator[list[Allele]]:
    """Alleles whose codons touch, or one of which brings back the reading frame that another loses."""
    ordered = sorted(alleles, key=lambda each: (each.edit.reach, each.edit.start, each.edit.new, each.record))
    ends = _restored(ordered)
    held: list[Allele] = []
    last = 0
    for each in ordered:
        low, high = each.edit.reach
        if held and segment.codon_at(low) > last:
            yield held
            held = []
        held.append(each)
        last = max(last, segment.codon_at(max(low, ends.get(each, high) - 1)))
    if held:
        yield held


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
    maybe = {} if crowd else _named(possible(standing), segment, namer)
    maybe = {mutation: parts for mutation, parts in maybe.items() if mutation not in found}
    unsettled = {allele for parts in maybe.values() for part in parts for allele in part.alleles}
    made = []
    for mutation, parts in found.items():
        flags = [UNKNOWN] if crowd or any(unsettled.intersection(part.alleles) for part in parts) else []
        if any(_by_share(mutation, part, segment, namer) for part in parts):
            flags.append(BY_SHARE)
        made.append(_call(mutation, parts, flags))
    for mutation, parts in maybe.items():
        most = max(parts, key=lambda part: 1 if part.fraction is None else part.fraction)
        call = _call(mutation, [most], [UNKNOWN, POSSIBLE])
        made.append(call if call.low is None else replace(call, low=Decimal(0)))
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
    return Call(
        mutation=replace(mutation, fraction=None if fraction is None else fraction.quantize(_PLACES)),
        low=low,
        high=high,
        depth=min((allele.share.depth for allele in alleles if allele.share.depth is not None), default=None),
        flags=(*flags, *torn, *missed),
    )
