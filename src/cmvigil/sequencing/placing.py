"""Where in the genes a sequence lies: exact words in common, chained into stretches that run the same way.

Words that stand once in all genes serve as anchors. The time grows with the length of the sequence, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from ..genotype import Knowledge
from .reference import reference, reverse_complement

LONGEST_SHIFT = 300
"""Letters that one insertion or deletion may have; a longer one parts a sequence in two (design value)."""
_BASES = 13
"""Length of a word of bases: by chance a whole genome holds some, hardly ever two that fit together."""
_RESIDUES = 5
_LEAST = {1: 13, 3: 40}
"""Equal letters, by unit, from which a stretch is taken for one of the gene (design values)."""
_SHIFT_COST = {1: 6, 3: 16}
"""Equal letters that an insertion or deletion must be worth: more than one word."""
_BEFORE = 20
"""Anchors to look back at for the one that a stretch goes on from."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a sequence may hold: one exon with its flanks, or one protein.

    ``unit``: letters of a codon, 3 in bases and 1 in residues; ``start``: offset of the first codon, which is number
    ``first_codon`` of the gene; ``codons``: how many there are, without the stop. ``last``: the gene ends here.
    """

    gene: str
    letters: str
    unit: int
    start: int
    first_codon: int
    codons: int
    last: bool

    def offset_of(self, codon: int) -> int:
        """Offset of the first letter of a codon of the gene."""
        return self.start + self.unit * (codon - self.first_codon)

    def codon_from(self, offset: int) -> int:
        """The first codon that begins at an offset or behind it."""
        return self.first_codon - (self.start - offset) // self.unit

    def codon_to(self, offset: int) -> int:
        """The codon just behind the last one that ends at an offset or before it."""
        return self.first_codon + (offset - self.start) // self.unit

    @property
    def codon_end(self) -> int:
        """The codon just behind its last one."""
        return self.first_codon + self.codons


class Anchor(NamedTuple):
    """Equal letters: offset in the target, offset in the sequence, how many."""

    target: int
    query: int
    length: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A sequence laid on a target: ``letters`` in the sense of the gene, and anchors that run forward in both."""

    target: Target
    letters: str
    forward: bool
    anchors: tuple[Anchor, ...]

    @property
    def score(self) -> int:
        """Equal letters in its anchors, those that two of them share counted twice."""
        return sum(each.length for each in self.anchors)

    @property
    def ends(self) -> tuple[int, int]:
        """Offsets in the target of its first anchored letter and just behind its last."""
        return self.anchors[0].target, self.anchors[-1].target + self.anchors[-1].length


class Index:
    """Words that stand once in a set of targets."""

    def __init__(self, targets: Sequence[Target], length: int) -> None:
        self.targets = targets
        self.length = length
        words: dict[str, tuple[int, int] | None] = {}
        for number, target in enumerate(targets):
            for at in range(len(target.letters) - length + 1):
                word = target.letters[at : at + length]
                words[word] = None if word in words else (number, at)
        self.words = {word: place for word, place in words.items() if place is not None}

    def place(self, letters: str, forward: bool = True) -> Iterator[Placed]:
        """Every stretch of a sequence, read in one direction, that fits a target."""
        for number, anchors in sorted(self._anchors(letters).items()):
            target = self.targets[number]
            for chain in _chains(anchors, target.unit):
                yield Placed(target, letters, forward, chain)

    def _anchors(self, letters: str) -> dict[int, list[Anchor]]:
        found: dict[int, list[Anchor]] = {}
        place, length, behind = self.words.get, self.length, 0
        for at in range(len(letters) - length + 1):
            hit = place(letters[at : at + length])
            if hit is not None and at >= behind:
                number, start = hit
                reach = _equal(self.targets[number].letters, start, letters, at)
                found.setdefault(number, []).append(Anchor(start, at, reach))
                behind = at + reach
        return found


def place_bases(bases: str) -> tuple[list[Placed], list[Placed]]:
    """The best stretches of a sequence of bases on the exons, either strand; and those that repeat a better one."""
    index = bases_index()
    placed = [*index.place(bases), *index.place(reverse_complement(bases), forward=False)]
    return _apart(placed)


def place_residues(residues: str, knowledge: Knowledge) -> tuple[list[Placed], list[Placed]]:
    """The same for a protein."""
    return _apart([*_residues_index(knowledge).place(residues)])


@cache
def bases_index() -> Index:
    """The words of the exons of Merlin, with flanks."""
    merlin = reference()
    targets = []
    for each in merlin.segments:
        last = each is merlin.of_gene(each.gene)[-1]
        codons = each.codons - 1 if last else each.codons
        targets.append(Target(each.gene, each.bases, 3, each.flank, each.first_codon, codons, last))
    return Index(targets, _BASES)


@lru_cache(maxsize=2)
def _residues_index(knowledge: Knowledge) -> Index:
    targets = [Target(gene, protein, 1, 0, 1, len(protein), False) for gene, protein in knowledge.proteins.items()]
    return Index(targets, _RESIDUES)


def _equal(a: str, i: int, b: str, j: int) -> int:
    """How many letters are equal from two offsets on."""
    start, step = i, 64
    while a[i : i + step] == b[j : j + step] and i + step <= len(a) and j + step <= len(b):
        i, j = i + step, j + step
    while i < len(a) and j < len(b) and a[i] == b[j]:
        i, j = i + 1, j + 1
    return i - start


def _chains(anchors: Sequence[Anchor], unit: int) -> Iterator[tuple[Anchor, ...]]:
    """Anchors of one target that go on from each other, the best chain first; each anchor is used once."""
    scores: list[int] = []
    before: list[int] = []
    for n, each in enumerate(anchors):
        best, back = each.length, -1
        for m in range(n - 1, max(n - 1 - _BEFORE, -1), -1):
            earlier = anchors[m]
            ahead, on = each.target - earlier.target, each.query - earlier.query
            if ahead <= 0 or abs(ahead - on) > LONGEST_SHIFT:
                continue
            gain = min(each.length, each.length + min(ahead, on) - earlier.length)
            if ahead != on:
                gain -= _SHIFT_COST[unit]
            if gain > 0 and scores[m] + gain > best:
                best, back = scores[m] + gain, m
        scores.append(best)
        before.append(back)
    used = [False] * len(anchors)
    for end in sorted(range(len(anchors)), key=lambda n: (-scores[n], n)):
        if scores[end] < _LEAST[unit]:
            return
        chain, at = [], end
        while at >= 0 and not used[at]:
            used[at] = True
            chain.append(anchors[at])
            at = before[at]
        if scores[end] - (scores[at] if at >= 0 else 0) >= _LEAST[unit]:
            yield tuple(reversed(chain))


def _apart(placed: Sequence[Placed]) -> tuple[list[Placed], list[Placed]]:
    """Stretches that share no codon of a gene, the best first; and those that a better one leaves no room for."""
    kept: list[Placed] = []
    again: list[Placed] = []
    for each in sorted(placed, key=lambda each: -each.score):
        first, end = each.ends
        others = [other.ends for other in kept if other.target is each.target]
        # Two parts of one exon, far apart in the sequence, may share the few letters at which it was cut.
        shared = max((min(end, to) - max(first, at) for at, to in others), default=0)
        (again if shared > _BASES else kept).append(each)
    return kept, again
