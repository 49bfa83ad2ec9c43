"""A record of a VCF as edits of a segment: one form, in the sense of the gene, for all ways to write a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ..genotype import Mutation
from .naming import Namer
from .reference import CODONS, STOP, Segment, reverse_complement, translate


@dataclass(frozen=True, slots=True)
class Edit:
    """Bases ``start`` to ``end`` (offsets into a segment, the end not included) replaced by ``new``.

    ``reach``: the offsets between which it could stand as well with the same result. ``torn``: it takes an end of the
    exon with it; only its part in the exon is here.
    """

    start: int
    end: int
    new: str
    reach: tuple[int, int]
    torn: bool = False

    @property
    def breaks(self) -> bool:
        """Whether the reading frame is lost behind it."""
        return self.torn or self.shift % 3 != 0

    @property
    def shift(self) -> int:
        """Bases gained; below 0: lost."""
        return len(self.new) - (self.end - self.start)

    def meets(self, other: Edit) -> bool:
        """Whether both change the same base or fill the same gap: then they are of different genomes."""
        same = (self.start, self.end) == (other.start, other.end)
        return same or (self.start < other.end and other.start < self.end)


def edits(segment: Segment, position: int, ref: str, alt: str) -> tuple[Edit, ...]:
    """What replacing ``ref`` by ``alt`` at a genome position edits of the residues of a segment; none outside of them.

    Replaced bases come apart into one edit for each codon. A loss or a gain of bases is one edit; the stop codon is no
    residue.
    """
    start, ref, alt = _in_sense(segment, position, ref, alt)
    low, high = residues(segment)
    if len(ref) != len(alt):
        return _gap(segment, start, start + len(ref), alt)
    first, last = max(low - start, 0), min(high - start, len(ref))
    changed = [n for n in range(first, last) if ref[n] != alt[n]]
    made = []
    for _, group in groupby(changed, key=lambda n: segment.codon_at(start + n)):
        within = list(group)
        ends = start + within[0], start + within[-1] + 1
        made.append(Edit(*ends, alt[within[0] : within[-1] + 1], ends))
    return tuple(made)


def residues(segment: Segment) -> tuple[int, int]:
    """The offsets of the bases that code for residues; the stop codon is left out."""
    end = segment.coding_end
    return segment.flank, end - 3 if CODONS[segment.bases[end - 3 : end]] == STOP else end


def stop_lost(segment: Segment, position: int, ref: str, alt: str) -> bool:
    """Whether replacing ``ref`` by ``alt`` takes the stop codon away and leaves all residues as they are."""
    start, ref, alt = _in_sense(segment, position, ref, alt)
    stop, end = residues(segment)[1], segment.coding_end
    if stop == end or not stop <= start < end:
        return False
    changed = segment.bases[stop:start] + alt + segment.bases[start + len(ref) :]
    return CODONS.get(changed[:3]) != STOP


def changes(segment: Segment, together: Sequence[Edit], namer: Namer) -> tuple[Mutation, ...]:
    """What edits change of the protein that stand on one genome, in codons that touch or in one lost frame."""
    if sum(each.shift for each in together) % 3 or any(each.torn for each in together):
        whole = [each for each in together if not each.breaks]
        shifted = _shifted(segment, [each for each in together if each.breaks], namer)
        return (shifted, *(found for each in whole for found in changes(segment, [each], namer)))
    start, end, new = _leftmost(segment, *_joined(segment.bases, together))
    first = segment.codon_at(start)
    last = max(segment.codon_at(end - 1), first)
    gained = max(len(new) - (end - start), 0)
    before, behind = segment.offset_of(first), min(segment.offset_of(last + 1) + gained, residues(segment)[1])
    changed = translate(segment.bases[before:start] + new + segment.bases[end:behind])
    if STOP in changed and any(each.breaks for each in together):
        # The frame comes back only behind a stop.
        return (_shifted(segment, together, namer),)
    found = namer.changes(first, translate(segment.bases[before:behind]), changed)
    return (namer.frameshift(1),) if any(each.first < 1 for each in found) else found


def _in_sense(segment: Segment, position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """The offset of a replacement, and what is replaced by what, trimmed, in the sense of the gene."""
    position, ref, alt = _trimmed(position, ref, alt)
    if segment.forward:
        return segment.offset_at(position), ref, alt
    return segment.offset_at(position + len(ref) - 1), reverse_complement(ref), reverse_complement(alt)


def _trimmed(position: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Without the bases at either end that stay."""
    shorter = min(len(ref), len(alt))
    behind = next((n for n in range(shorter) if ref[-1 - n] != alt[-1 - n]), shorter)
    ref, alt = ref[: len(ref) - behind], alt[: len(alt) - behind]
    shorter -= behind
    before = next((n for n in range(shorter) if ref[n] != alt[n]), shorter)
    return position + before, ref[before:], alt[before:]


def _gap(segment: Segment, start: int, end: int, new: str) -> tuple[Edit, ...]:
    """A loss or gain of bases, where it can be placed within the exon or outside of it: nothing outside."""
    low, high = residues(segment)
    if end <= low or start >= high:
        return ()
    first, last = _places(segment.bases, start, end, new)
    length = end - start
    if first + length <= low or last >= high:
        return ()
    if start < low <= last:
        start, end = low, low + length
    elif end > high >= first + length:
        start, end = high - length, high
    if start < low or end > high:
        ends = max(start, low), min(end, high)
        return (Edit(*ends, "", ends, torn=True),)
    return (Edit(start, end, new, (max(first, low), min(last + length, high))),)


def _places(bases: str, start: int, end: int, new: str) -> tuple[int, int]:
    """The first and the last start at which a loss or gain alone gives the same bases; of others their own."""
    if (new and start < end) or start < 0 or end > len(bases):
        return start, start
    text, size = (bases[:start] + new + bases[start:], len(new)) if new else (bases, end - start)
    first = last = start
    while first > 0 and text[first - 1] == text[first - 1 + size]:
        first -= 1
    while last + size < len(text) and text[last] == text[last + size]:
        last += 1
    return first, last


def _joined(bases: str, together: Sequence[Edit]) -> tuple[int, int, str]:
    """Several edits as one."""
    ordered = sorted(together, key=lambda each: (each.start, each.end))
    at, new = ordered[0].start, ""
    for each in ordered:
        new += bases[at : each.start] + each.new
        at = each.end
    return ordered[0].start, at, new


def _leftmost(segment: Segment, start: int, end: int, new: str) -> tuple[int, int, str]:
    """The same edit trimmed and as far to the left as it goes within the exon, however it was written."""
    bases, low = segment.bases, residues(segment)[0]
    start, old, new = _trimmed(start, bases[start:end], new)
    end = start + len(old)
    if bool(old) == bool(new):
        return start, end, new
    while start > low and bases[start - 1] == (new or old)[-1]:
        start, end = start - 1, end - 1
        old, new = bases[start:end], new and new[-1] + new[:-1]
    return start, end, new


def _shifted(segment: Segment, together: Sequence[Edit], namer: Namer) -> Mutation:
    """The shift of the frame, named at the first residue that reads otherwise."""
    start, end, new = _joined(segment.bases, together)
    codon = segment.codon_at(start)
    if any(each.torn for each in together):
        return namer.frameshift(codon)
    start, end, new = _leftmost(segment, start, end, new)
    codon = segment.codon_at(start)
    before, behind = segment.offset_of(codon), residues(segment)[1]
    wild = translate(segment.bases[before:behind])
    changed = translate(segment.bases[before:start] + new + segment.bases[end:behind])
    differs = (n for n, (old, other) in enumerate(zip(wild, changed, strict=False)) if old != other)
    return namer.frameshift(codon + next(differs, 0))
