"""What an aligned sequence says: changes, and the codons that were read.

A codon whose residue is not known is not read. Codons behind a shift of the reading frame are read at the places where
they align; between a shift and its end close by nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ..genotype import Knowledge, Mutation
from ..genotype.coverage import stretches_text
from .align import UNREADABLE, Block, Stretch, align
from .naming import Key, Namer, loses_start, start_lost, stop_lost
from .placing import Placed, Target
from .reference import BASES_OF, CODONS, STOP, possible_codons
from .sample import Call, Level, Note, Stretches
from .stretches import by_gene

MIXED = "mixed (Sanger about 20-80 %)"
"""Flag of a residue seen beside another."""
POSSIBLE = "possible"
"""Flag of a residue that an ambiguity code allows and does not prove."""
PHASE_UNKNOWN = "phase unknown"
"""Flag of a residue of which it is not known whether its bases stand on one molecule."""
RESTORED_WITHIN = 30
"""Codons within which a second shift of the frame is taken to undo the first (design value)."""
REPLACED = 2
"""Changes up to which two shifts are no shifts but codons that differ side by side (design value)."""
_START = "M"
_NOT_ALIGNED = "not aligned, so not covered"


@dataclass
class Reading:
    """What sequences of one sample say: changes, codons that were read by gene, findings on the way.

    ``lost``: genes of whose protein nothing is known, as its start is lost, or its stop and it is essential.
    """

    calls: dict[Key, Call] = field(default_factory=dict)
    covered: dict[str, set[int]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    def note(self, level: Level, code: str, text: str) -> None:
        """Add a finding, once."""
        self.add(Note(level, code, text))

    def add(self, note: Note) -> None:
        """Add a finding, once."""
        if note not in self.notes:
            self.notes.append(note)

    def lose_start(self, gene: str) -> None:
        """Note that the start codon of a gene is lost."""
        self.lost.add(gene)
        self.add(start_lost(gene))

    def coverage(self) -> dict[str, Stretches]:
        """The codons that were read, none of a gene that is lost."""
        return by_gene({gene: codons for gene, codons in self.covered.items() if gene not in self.lost})


class Residues(NamedTuple):
    """What a codon may stand for; nothing where a residue was not read.

    ``sure``: those that are there whichever of its bases stand on one molecule; ``ambiguous``: how many of its letters
    stand for several bases; ``vague``: one of them stands for three or four, which need not all be there.
    """

    possible: str
    sure: str
    ambiguous: int
    vague: bool


@lru_cache(maxsize=8192)
def residues(letters: str, unit: int) -> Residues:
    """The residues of one codon in IUPAC letters (``unit`` 3) or of one letter of a protein, where X is any."""
    if unit == 1:
        read = "" if letters == UNREADABLE[1] else letters
        return Residues(read, read, 0, False)
    codons = possible_codons(letters)
    several = [BASES_OF[letter] for letter in letters]
    sure: set[str] = set()
    for n, bases in enumerate(several):
        if len(bases) <= 2:
            with_base = ({CODONS[codon] for codon in codons if codon[n] == base} for base in bases)
            sure = sure.union(*(found for found in with_base if len(found) == 1))
    possible = {CODONS[codon] for codon in codons}
    ambiguous = sum(len(bases) > 1 for bases in several)
    vague = any(len(bases) > 2 for bases in several)
    return Residues("".join(sorted(possible)), "".join(sorted(sure)), ambiguous, vague)


def read_placed(placed: Sequence[Placed], knowledge: Knowledge) -> Reading:
    """Changes and codons of one sequence, from all places where it lies."""
    reading = Reading()
    targets: dict[Target, list[Placed]] = {}
    for each in placed:
        targets.setdefault(each.target, []).append(each)
    for target, parts in targets.items():
        aligned = [(each, align(each)) for each in parts]
        for part, stretches in aligned:
            _Reader(part, knowledge, reading).read(stretches)
        _between(target, [each for _, stretches in aligned for each in stretches], reading)
        if len(parts) == 1:
            _tails(*aligned[0], reading)
    return reading


def _between(target: Target, stretches: Sequence[Stretch], reading: Reading) -> None:
    """Say which codons lie between what was aligned."""
    for before, after in pairwise(sorted(stretches, key=lambda each: each[0].target)):
        first = max(target.codon_to(before[-1].target_end), target.first_codon)
        end = min(target.codon_from(after[0].target), target.codon_end)
        if first < end:
            reading.note("warning", "unaligned", f"{_codons(target.gene, range(first, end))}: {_NOT_ALIGNED}")


def _tails(placed: Placed, stretches: Sequence[Stretch], reading: Reading) -> None:
    """Say how many letters at the ends fit the gene no more, as those of a primer or vector."""
    target, first, last = placed.target, stretches[0][0], stretches[-1][-1]
    behind = len(placed.letters) - last.query_end, len(target.letters) - last.target_end
    begins = residues(placed.letters[: target.unit], target.unit).possible or _START
    if target.first_codon == 1 and 0 < first.query == first.target - target.start and _START not in begins:
        # It begins with the gene, so what does not fit is no primer.
        reading.lose_start(target.gene)
    for letters, missing, place in (
        (first.query, first.target, f"before codon {target.codon_from(first.target)}"),
        (*behind, f"behind codon {target.codon_to(last.target_end) - 1}"),
    ):
        # A genome goes on beyond the flanks and may differ within them; a tail is short, or cuts the gene short.
        if letters and missing and (missing > target.start or letters <= target.start):
            reading.note("note", "tail", f"{target.gene}: {letters} letters {place} do not fit and were left out")


def _codons(gene: str, codons: Collection[int]) -> str:
    return f"{gene} codon{'s' if len(codons) > 1 else ''} {stretches_text(codons)}"


class _Indel(NamedTuple):
    """Letters lost or gained: where in the target and in the sequence, and the codons they touch (ends excluded)."""

    target: int
    target_end: int
    query: int
    query_end: int
    codon: int
    codon_end: int

    @property
    def shift(self) -> int:
        """Letters gained, less those lost."""
        return (self.query_end - self.query) - (self.target_end - self.target)


class _Reader:
    """Reads one placed sequence into a reading."""

    def __init__(self, placed: Placed, knowledge: Knowledge, reading: Reading) -> None:
        self.letters = placed.letters
        self.target: Target = placed.target
        self.unit = self.target.unit
        self.gene = self.target.gene
        self.knowledge = knowledge
        self.namer = Namer(self.gene, knowledge.proteins[self.gene], knowledge.known)
        self.reading = reading
        self.covered = reading.covered.setdefault(self.gene, set())
        self.unreadable: set[int] = set()

    def read(self, stretches: Sequence[Stretch]) -> None:
        """Read what was aligned."""
        for stretch in stretches:
            indels = self._indels(stretch)
            apart = {codon for each in indels for codon in range(each.codon, each.codon_end)}
            apart |= self._name(indels)
            for block in stretch:
                self._block(block, apart)
        if self.unreadable:
            self._note("note", "unreadable", self.unreadable, "not readable, so not covered")

    def _block(self, block: Block, apart: set[int]) -> None:
        target, shift = self.target, block.query - block.target
        first, end = target.codon_from(block.target), target.codon_to(block.target_end)
        for codon in range(max(first, target.first_codon), min(end, target.codon_end)):
            if codon not in apart:
                at = target.offset_of(codon) + shift
                self._codon(codon, self.letters[at : at + self.unit])
        if target.last and first <= target.codon_end < end:
            at = target.offset_of(target.codon_end) + shift
            if STOP not in residues(self.letters[at : at + self.unit], self.unit).possible:
                self._stop_lost()

    def _codon(self, codon: int, letters: str) -> None:
        wild = self.namer.protein[codon - 1]
        possible, sure, ambiguous, vague = residues(letters, self.unit)
        mixed = len(possible) > 1
        if possible and (sure == possible or not vague):
            self.covered.add(codon)
        elif UNREADABLE[self.unit] in letters:
            self.unreadable.add(codon)
            return
        doubt = [PHASE_UNKNOWN, POSSIBLE] if ambiguous > 1 else [POSSIBLE]
        for residue in possible:
            if residue != wild:
                flags = [*[MIXED] * mixed, *(doubt if residue not in sure else ())]
                self._call(self.namer.substitution(codon, residue), mixed, flags)

    def _indels(self, stretch: Stretch) -> list[_Indel]:
        """Losses and gains; those that touch the same codon are one."""
        made: list[_Indel] = []
        for before, after in pairwise(stretch):
            start, end = before.target_end, after.target
            codon = self.target.codon_to(start)
            each = _Indel(start, end, before.query_end, after.query, codon, max(self.target.codon_from(end), codon))
            if made and each.codon < max(made[-1].codon_end, made[-1].codon + 1):
                last = made.pop()
                each = each._replace(target=last.target, query=last.query, codon=last.codon)
            made.append(each)
        return made

    def _name(self, indels: Sequence[_Indel]) -> set[int]:
        """Name losses and gains. Gives the codons between a shift of the frame and its end, which cannot be read."""
        between: set[int] = set()
        waiting = list(indels)
        while waiting:
            each = waiting.pop(0)
            n = self._restored(each, waiting)
            whole = None if n is None else self._unshifted(each, waiting[n])
            if n is not None and (whole or (self._in_gene(waiting[n]) and self._breaks(each))):
                codons = range(each.codon, waiting[n].codon_end)
                del waiting[: n + 1]
                between.update(codons)
                if whole:
                    self._in_frame(whole)
                else:
                    self._call(self.namer.frameshift(each.codon), False)
                    text = "in a shifted reading frame, so not covered; probably errors of sequencing"
                    self._note("severe", "frame", codons, text)
            elif self._breaks(each):
                self._call(self.namer.frameshift(each.codon), False)
            elif self._in_gene(each):
                self._in_frame(each)
        return between

    def _in_gene(self, indel: _Indel) -> bool:
        """Whether it concerns the protein: a gain just before the stop does, one just before the first codon not."""
        return self.target.first_codon < indel.codon_end and indel.codon < self.target.codon_end + self.target.last

    def _breaks(self, indel: _Indel) -> bool:
        """Whether it shifts the frame of codons that follow."""
        if indel.shift % self.unit == 0 or self._torn(indel) or not self._in_gene(indel):
            return False
        return max(indel.codon_end, indel.codon + 1) <= self.target.codon_end

    def _torn(self, indel: _Indel) -> bool:
        """Whether it takes an end of the exon with it, or stands beside letters that say nothing."""
        over = indel.codon < self.target.first_codon or indel.codon_end > self.target.codon_end + self.target.last
        return over or self._beside_unreadable(indel)

    def _restored(self, shifted: _Indel, following: Sequence[_Indel]) -> int | None:
        """Which of the losses and gains that follow closely brings the frame back."""
        shift = shifted.shift
        if shift % self.unit == 0 or self._beside_unreadable(shifted):
            return None
        for n, each in enumerate(following):
            if each.codon - shifted.codon_end > RESTORED_WITHIN:
                return None
            shift += each.shift
            if shift % self.unit == 0:
                return n
        return None

    def _unshifted(self, first: _Indel, last: _Indel) -> _Indel | None:
        """Two shifts that undo each other as one piece; None where, read in frame, it has more changes than a few."""
        both = first._replace(target_end=last.target_end, query_end=last.query_end, codon_end=last.codon_end)
        whole = self._within(both)
        if whole is None or whole.codon >= whole.codon_end:
            return None
        named = self._changes(whole)
        return whole if named is not None and len(named) <= REPLACED else None

    def _within(self, piece: _Indel) -> _Indel | None:
        """The part of a piece in the codons of the exon; None where, without a gap, the rest is not Merlin's."""
        target, letters = self.target, self.letters
        ahead = max(target.offset_of(target.first_codon) - piece.target, 0)
        behind = max(piece.target_end - target.offset_of(target.codon_end), 0)
        outside = (piece.target, piece.query, ahead), (piece.target_end - behind, piece.query_end - behind, behind)
        if any(target.letters[at : at + n] != letters[to : to + n] for at, to, n in outside):
            return None
        return _Indel(
            piece.target + ahead,
            piece.target_end - behind,
            piece.query + ahead,
            piece.query_end - behind,
            max(piece.codon, target.first_codon),
            min(piece.codon_end, target.codon_end),
        )

    def _in_frame(self, indel: _Indel) -> None:
        """Name one that keeps the frame, or say that it cannot be."""
        named = None if indel.shift % self.unit or self._torn(indel) else self._changes(indel)
        if named is None:
            self._not_aligned(indel)
            return
        for mutation in named:
            self._call(mutation, False)
        self.covered.update(range(indel.codon, min(indel.codon_end, self.target.codon_end)))

    def _changes(self, indel: _Indel) -> tuple[Mutation, ...] | None:
        """What a loss or gain that keeps the frame changes; None where its letters leave that open."""
        found = [self._possible(at) for at in range(self._before(indel), self._behind(indel), self.unit)]
        new = "".join(found)
        with_stop = indel.codon_end > self.target.codon_end
        if any(len(each) != 1 for each in found) or (with_stop and not new.endswith(STOP)):
            return None
        wild = self.namer.protein[indel.codon - 1 : indel.codon_end - 1]
        changed = new.removesuffix(STOP) if with_stop else new
        return self.namer.changes(indel.codon, wild, changed, self._room(indel))

    def _room(self, indel: _Indel) -> tuple[int, int]:
        """The first and last codon up to which the residues on either side are Merlin's."""
        first, last = indel.codon, min(indel.codon_end, self.target.codon_end) - 1
        at = self._before(indel) - self.unit
        while first > self.target.first_codon and self._wild(first - 1, at):
            first, at = first - 1, at - self.unit
        at = self._behind(indel)
        while last + 1 < self.target.codon_end and self._wild(last + 1, at):
            last, at = last + 1, at + self.unit
        return first, last

    def _wild(self, codon: int, at: int) -> bool:
        """Whether the letters at an offset say Merlin's residue of a codon."""
        within = 0 <= at <= len(self.letters) - self.unit
        return within and self._possible(at) == self.namer.protein[codon - 1]

    def _possible(self, at: int) -> str:
        """The residues that the letters at an offset may stand for."""
        return residues(self.letters[at : at + self.unit], self.unit).possible

    def _before(self, indel: _Indel) -> int:
        """Where the first codon that it touches begins in the sequence."""
        return indel.query - (indel.target - self.target.offset_of(indel.codon))

    def _behind(self, indel: _Indel) -> int:
        """Where the codon behind it begins in the sequence."""
        return indel.query_end + self.target.offset_of(indel.codon_end) - indel.target_end

    def _beside_unreadable(self, indel: _Indel) -> bool:
        """Whether letters that say nothing stand there: then their number is none of the virus."""
        return UNREADABLE[self.unit] in self.letters[indel.query - 1 : indel.query_end + 1]

    def _call(self, mutation: Mutation, mixed: bool, flags: Sequence[str] = ()) -> None:
        possible = POSSIBLE in flags
        self.reading.calls[mutation.key] = Call(replace(mutation, mixed=mixed, possible=possible), flags=tuple(flags))
        if loses_start(mutation) and not possible:
            self.reading.lose_start(self.gene)

    def _not_aligned(self, indel: _Indel) -> None:
        codons = range(max(indel.codon, self.target.first_codon), min(indel.codon_end, self.target.codon_end))
        if codons:
            self._note("warning", "unaligned", codons, _NOT_ALIGNED)
        if indel.codon < 1 < indel.codon_end and not self._beside_unreadable(indel):
            at = self._behind(indel) - self.unit * (indel.codon_end - 1)
            if not self._wild(1, at):
                self.reading.lose_start(self.gene)
        if self.target.last and max(indel.codon_end, indel.codon + 1) > self.target.codon_end:
            self._stop_lost()

    def _stop_lost(self) -> None:
        self.reading.lost |= {self.gene} if self.knowledge.genes[self.gene].essential else set()
        self.reading.add(stop_lost(self.gene, self.knowledge))

    def _note(self, level: Level, code: str, codons: Collection[int], text: str) -> None:
        self.reading.note(level, code, f"{_codons(self.gene, codons)}: {text}")
