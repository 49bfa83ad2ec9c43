"""Names of changes: what turns residues of Merlin into those of a sample.

One event has one name. Where a deletion or insertion could be placed at several codons with the same result, the place
at which it was measured is taken, else the last (as HGVS does).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..genotype import Knowledge, Mutation
from .reference import STOP
from .sample import Note

Key = tuple[str, str]


def loses_start(mutation: Mutation) -> bool:
    """Whether a change takes the start codon away: of the whole protein nothing is then known."""
    return mutation.kind != "insertion" and mutation.first == 1


def start_lost(gene: str) -> Note:
    """What to say of a gene whose start codon is lost."""
    return Note("severe", "start lost", f"{gene}: the start codon is lost, so none of its codons is covered")


def stop_lost(gene: str, knowledge: Knowledge) -> Note:
    """What to say of a gene whose stop codon is lost."""
    lost = f"{gene}: the stop behind codon {knowledge.genes[gene].length} is lost"
    if knowledge.genes[gene].essential:
        return Note("severe", "stop lost", f"{lost}, so none of its codons is covered")
    return Note("warning", "stop lost", lost)


@dataclass(frozen=True, slots=True)
class Namer:
    """Names changes of one gene. ``protein`` is Merlin's; ``known`` (gene, change) pairs are names in use."""

    gene: str
    protein: str
    known: Collection[Key]

    def changes(self, first: int, wild: str, new: str, room: tuple[int, int] | None = None) -> tuple[Mutation, ...]:
        """The changes that turn ``wild``, Merlin's residues from codon ``first`` on, into ``new``, reading frame kept.

        A loss that takes part of two codons is a deletion and a substitution. What follows a stop is not named; a stop
        among residues gained stands for the next residue of Merlin. An ``X`` (unreadable) is no change. ``room``: as of
        :meth:`deletion`, around all of them.
        """
        cut = new.find(STOP)
        if cut >= 0 and cut >= len(wild):
            stops = first + len(wild)
            ends = (self.substitution(stops, STOP),) if stops <= len(self.protein) else ()
            return (*self.changes(first, wild, new[:cut], room), *ends)
        if cut >= 0:
            wild, new = wild[: cut + 1], new[: cut + 1]
        while wild and new and wild[-1] == new[-1]:
            wild, new = wild[:-1], new[:-1]
        while wild and new and wild[0] == new[0]:
            first, wild, new = first + 1, wild[1:], new[1:]
        return tuple(self._split(first, wild, new, room or (1, len(self.protein))))

    def frameshift(self, codon: int) -> Mutation:
        """A shift of the reading frame that begins in a codon."""
        return Mutation(self.gene, "frameshift", codon, codon, self.protein[codon - 1], "fs")

    def substitution(self, codon: int, residue: str) -> Mutation:
        """Another residue, or a stop, at a codon."""
        wild = self.protein[codon - 1]
        return Mutation(self.gene, "stop" if residue == STOP else "substitution", codon, codon, wild, residue)

    def deletion(self, first: int, last: int, room: tuple[int, int] | None = None) -> Mutation:
        """Codons ``first`` to ``last`` lost, named where it was measured, else at the last of equal places.

        ``room``: first and last codon between which the other residues are Merlin's; without it all are.
        """
        start, end = room or (1, len(self.protein))
        length = last - first + 1
        low = high = first
        while low > start and self.protein[low - 2] == self.protein[low + length - 2]:
            low -= 1
        while high + length <= end and self.protein[high - 1] == self.protein[high + length - 1]:
            high += 1
        places = range(low, high + 1)
        made = [Mutation(self.gene, "deletion", at, at + length - 1, self.protein[at - 1], "") for at in places]
        return self._chosen(made)

    def insertion(self, after: int, residues: str, room: tuple[int, int] | None = None) -> Mutation:
        """Residues inserted behind codon ``after``, named like a deletion."""
        start, end = room or (1, len(self.protein))
        made = [(after, residues)]
        at, held = after, residues
        while at > max(start - 1, 1) and self.protein[at - 1] == held[-1]:
            at, held = at - 1, held[-1] + held[:-1]
            made.insert(0, (at, held))
        at, held = after, residues
        while at < end and self.protein[at] == held[0]:
            at, held = at + 1, held[1:] + held[0]
            made.append((at, held))
        return self._chosen([Mutation(self.gene, "insertion", at, at, self.protein[at - 1], held) for at, held in made])

    def _chosen(self, equal: list[Mutation]) -> Mutation:
        return next((each for each in equal if each.key in self.known), equal[-1])

    def _split(self, first: int, wild: str, new: str, around: tuple[int, int]) -> Iterator[Mutation]:
        """Residues that differ at both ends: substitutions, around one loss or gain placed where most others agree."""
        shorter = min(len(wild), len(new))
        gap = len(wild) - len(new)
        best, at = -1, 0
        for split in range(shorter + 1):
            agreeing = _agreeing(wild[:split], new[:split])
            agreeing += _agreeing(wild[len(wild) - shorter + split :], new[len(new) - shorter + split :])
            if agreeing > best:
                best, at = agreeing, split
        lost, gained = max(gap, 0), max(-gap, 0)
        left = [first + n for n in range(at) if wild[n] != new[n]]
        right = [first + n + lost for n in range(at, shorter) if wild[n + lost] != new[n + gained]]
        room = max([around[0] - 1, *left]) + 1, min([around[1] + 1, *right]) - 1
        for codon in left:
            yield from self._replaced(codon, new[codon - first])
        if lost:
            yield self.deletion(first + at, first + at + lost - 1, room)
        elif gained:
            yield self.insertion(first + at - 1, new[at : at + gained], room)
        for codon in right:
            yield from self._replaced(codon, new[codon - first - lost + gained])

    def _replaced(self, codon: int, residue: str) -> Iterator[Mutation]:
        if residue != "X":
            yield self.substitution(codon, residue)


def _agreeing(wild: str, new: str) -> int:
    return sum(a == b for a, b in zip(wild, new, strict=True))
