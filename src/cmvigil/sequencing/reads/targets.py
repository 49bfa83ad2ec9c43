"""What reads are compared with: all segments one behind the other, their codons, and the indels to reckon with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...genotype.mutation import codons_named
from ..naming import Key
from ..reference import Reference
from .kernels import index_kmers

Codes = NDArray[np.uint8]
Ints = NDArray[np.int64]
GAP = 32
"""Bases of nothing between two segments, so that no read fits across."""
_INDEX_BITS = 16


def _code_of() -> Codes:
    table = np.full(256, 4, np.uint8)
    for code, letters in enumerate((b"Aa", b"Cc", b"Gg", b"TtUu")):
        table[list(letters)] = code
    return table


CODE_OF = _code_of()
"""Code of each letter's byte: A, C, G, T are 0 to 3, all else 4."""


def encode(bases: str) -> Codes:
    """Bases as codes."""
    return CODE_OF[np.frombuffer(bases.encode("ascii"), np.uint8)]


@dataclass(frozen=True)
class Event:
    """An indel against the target: ``lost`` bases from offset ``site`` on, ``gained`` letters in their place."""

    site: int
    lost: int
    gained: str


def gained_code(letters: str) -> int:
    """The bases of an insertion as one number, two bits for each."""
    code = 0
    for base in encode(letters) if letters else ():
        code = (code << 2) | int(base)
    return code


def gained_letters(code: int, length: int) -> str:
    """The bases that :func:`gained_code` put into a number."""
    return "".join("ACGT"[(code >> 2 * (length - 1 - n)) & 3] for n in range(length))


@dataclass(frozen=True, eq=False)
class Targets:
    """The target of one sample. ``codes``: its bases; ``events``: indels that reads may carry, sorted by site."""

    reference: Reference
    codes: Codes
    events: tuple[Event, ...] = ()

    @classmethod
    def of(cls, reference: Reference) -> Targets:
        """The reference itself."""
        parts = [np.concatenate([encode(each.bases), np.full(GAP, 4, np.uint8)]) for each in reference.segments]
        return cls(reference, np.concatenate(parts))

    @cached_property
    def begins(self) -> tuple[int, ...]:
        """Where each segment begins."""
        lengths = [len(each.bases) + GAP for each in self.reference.segments]
        return tuple(int(at) for at in np.cumsum([0, *lengths[:-1]]))

    @cached_property
    def codons(self) -> tuple[tuple[str, int], ...]:
        """Gene and codon by number; the stops at the ends of genes are left out."""
        made = []
        for segment in self.reference.segments:
            last = segment is self.reference.of_gene(segment.gene)[-1]
            made += [(segment.gene, segment.first_codon + n) for n in range(segment.codons - last)]
        return tuple(made)

    @cached_property
    def number_of(self) -> dict[tuple[str, int], int]:
        """Number by gene and codon."""
        return {key: number for number, key in enumerate(self.codons)}

    @cached_property
    def codon_at(self) -> Ints:
        """For each offset the number of the codon that begins there, -1 where none does."""
        made = np.full(self.codes.size, -1, np.int64)
        for number, at in enumerate(self.first_base):
            made[at] = number
        return made

    @cached_property
    def first_base(self) -> Ints:
        """For each codon by number the offset of its first base."""
        made = []
        for segment, begin in zip(self.reference.segments, self.begins, strict=True):
            last = segment is self.reference.of_gene(segment.gene)[-1]
            made += [begin + segment.flank + 3 * n for n in range(segment.codons - last)]
        return np.array(made, np.int64)

    @cached_property
    def index(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Hash table of the 15-mers: keys and places."""
        keys, places = np.full(1 << _INDEX_BITS, -1, np.int32), np.full(1 << _INDEX_BITS, -1, np.int32)
        index_kmers(self.codes, keys, places)
        return keys, places

    def segment_at(self, offset: int) -> tuple[int, int]:
        """The segment (its number) that holds an offset, and the offset within it."""
        number = int(np.searchsorted(self.begins, offset, side="right")) - 1
        return number, offset - self.begins[number]

    def shared(self, event: Event) -> int:
        """Bases behind the breakpoint that read the same with and without the event."""
        size = self.codes.size
        for n in range(size - event.site - event.lost):
            with_it = encode(event.gained[n])[0] if n < len(event.gained) else self.codes[
                event.site + event.lost - len(event.gained) + n
            ]  # fmt: skip
            if with_it != self.codes[event.site + n]:
                return n
        return 0

    def deletions(self, known: Iterable[Key]) -> list[Event]:
        """The deletions among (gene, change) pairs, each at the leftmost of its places."""
        made = set()
        for gene, change in known:
            if change.startswith("del") and (gene, codons_named(change)[1]) in self.number_of:
                first, last = codons_named(change)
                site = int(self.first_base[self.number_of[gene, first]])
                lost = 3 * (last - first + 1)
                while self.codes[site - 1] == self.codes[site + lost - 1]:
                    site -= 1
                made.add(Event(site, lost, ""))
        return sorted(made, key=lambda each: (each.site, each.lost))

    def with_events(self, codes: Codes, events: Iterable[Event]) -> Targets:
        """The same segments with other bases and events."""
        return Targets(
            self.reference, codes, tuple(sorted(events, key=lambda each: (each.site, each.lost, each.gained)))
        )
