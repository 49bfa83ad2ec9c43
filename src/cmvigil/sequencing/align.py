"""A placed sequence aligned with its exon or protein, letter by letter, so that losses and gains keep to codons.

Between anchors, which are equal, a piece is aligned without a gap, else with one, else by dynamic programming with
affine gaps that open more cheaply between codons. What fits nowhere is left out rather than forced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from .placing import Anchor, Placed, Target
from .reference import BASES_OF, STOP

_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY" + STOP
STANDS_FOR: Mapping[int, Mapping[str, str]] = {
    3: BASES_OF,
    1: {**dict(zip(_AMINO_ACIDS, _AMINO_ACIDS, strict=True)), "X": _AMINO_ACIDS},
}
"""By unit of the target (3 bases, 1 residue): letters of a sequence, and the letters of a target they may stand for."""
UNREADABLE = {3: "N", 1: "X"}
"""By unit: the letter that says nothing."""

# Scores of the alignment (design values): a codon with three other bases is cheaper than a loss beside a gain.
_EQUAL, _OTHER = 2, -3
_OPEN, _OPEN_BETWEEN, _LONGER = -8, -6, -1
_FEW = 2
"""Other letters up to which no further gap can be better."""
_CELLS = 10_000
"""Size of the table of dynamic programming: about 100 letters of either."""
_CODON_EQUAL, _CODON_OTHER, _GIVE_UP = 3, -7, -28
"""At the ends: a codon that differs needs three equal ones behind it, which the tail of a primer hardly ever has."""


class Block(NamedTuple):
    """Letters aligned without a gap: offset in the target, offset in the sequence, how many."""

    target: int
    query: int
    length: int

    @property
    def target_end(self) -> int:
        """Offset in the target just behind it."""
        return self.target + self.length

    @property
    def query_end(self) -> int:
        """Offset in the sequence just behind it."""
        return self.query + self.length


Stretch = tuple[Block, ...]
"""Blocks with a loss or gain between each and the next."""


def align(placed: Placed) -> tuple[Stretch, ...]:
    """The stretches of a placed sequence; what lies between two of them fits nowhere and was not aligned."""
    return _Aligner(placed).stretches()


class _Aligner:
    """Aligns one placed sequence; ``ours`` are letters of the target, ``theirs`` those of the sequence."""

    def __init__(self, placed: Placed) -> None:
        self.target: Target = placed.target
        self.theirs = placed.letters
        self.anchors = placed.anchors
        self.unit = placed.target.unit
        self.may_be = STANDS_FOR[self.unit]

    def stretches(self) -> tuple[Stretch, ...]:
        inner = [_joined(blocks) for blocks in self._connected()]
        made: list[Stretch] = []
        for n, blocks in enumerate(inner):
            before = made[-1][-1] if made else Block(0, 0, 0)
            after = inner[n + 1][0] if n + 1 < len(inner) else Block(len(self.target.letters), len(self.theirs), 0)
            blocks[0] = self._earlier(blocks[0], before)
            blocks[-1] = self._later(blocks[-1], after)
            made.append(tuple(blocks))
        return tuple(made)

    def _connected(self) -> Iterator[list[Block]]:
        """Anchors with what lies between them, parted where that fits nowhere."""
        blocks: list[Block] = []
        for each in _cut(self.anchors):
            if blocks:
                last = blocks[-1]
                piece = self._between(last.target_end, each.target, last.query_end, each.query)
                if piece is None:
                    yield blocks
                    blocks = []
                else:
                    blocks += piece
            blocks.append(Block(*each))
        yield blocks

    def _between(self, start: int, end: int, at: int, to: int) -> list[Block] | None:
        """Blocks for two pieces; None where they do not fit."""
        ours, theirs = self.target.letters[start:end], self.theirs[at:to]
        if not ours or not theirs:
            return []
        pairs, differing = self._one_gap(ours, theirs)
        if differing > _FEW and len(ours) * len(theirs) <= _CELLS:
            gap = len(ours) - len(theirs)
            value = (min(len(ours), len(theirs)) - differing) * _EQUAL + differing * _OTHER
            value += _OPEN + _LONGER * abs(gap) if gap else 0
            better, other = self._programmed(ours, theirs, start)
            if better > value:
                pairs = other
        aligned = sum(each.length for each in pairs)
        odd = self.unit * (len(pairs) - 1) + sum(
            self._differ(ours[each.target + n], theirs[each.query + n]) for each in pairs for n in range(each.length)
        )
        # Four codons beside each other may differ in all bases; a long piece of which a third is odd is another thing.
        if odd > 4 * self.unit and 3 * odd > aligned:
            return None
        return [Block(start + each.target, at + each.query, each.length) for each in pairs]

    def _differ(self, ours: str, theirs: str) -> bool:
        return ours not in self.may_be[theirs]

    def _one_gap(self, ours: str, theirs: str) -> tuple[list[Block], int]:
        """The best alignment with one gap (none where the lengths agree), and in how many letters it differs.

        Of equal places the gap takes one beside unreadable letters, for then it says nothing; else the last.
        """
        short = min(len(ours), len(theirs))
        gap, more = len(ours) - short, len(theirs) - short
        ahead = list(accumulate((self._differ(ours[n], theirs[n]) for n in range(short)), initial=0))
        backwards = (self._differ(ours[n + gap], theirs[n + more]) for n in reversed(range(short)))
        behind = list(accumulate(backwards, initial=0))[::-1]
        blank = UNREADABLE[self.unit]

        def rank(split: int) -> tuple[int, bool, int]:
            beside = theirs[max(split - 1, 0) : split + more + 1]
            return ahead[split] + behind[split], blank not in beside, -split

        best = min(range(short + 1), key=rank) if gap or more else short
        blocks = [Block(0, 0, best), Block(best + gap, best + more, short - best)]
        return [each for each in blocks if each.length], ahead[best] + behind[best]

    def _programmed(self, ours: str, theirs: str, start: int) -> tuple[int, list[Block]]:
        """The best alignment with affine gaps (Gotoh) and its score."""
        width = len(theirs) + 1
        never = _OTHER * (len(ours) + width) * 2
        scores = [0, *(_OPEN + _LONGER * n for n in range(1, width))]
        losses = [never] * width
        steps = [bytearray([0]) + bytearray([_GAIN | _GAIN_ON] * (width - 1))]
        for n, letter in enumerate(ours):
            between = (start + n - self.target.start) % self.unit == 0
            open_loss = _OPEN_BETWEEN if between else _OPEN
            open_gain = _OPEN_BETWEEN if (start + n + 1 - self.target.start) % self.unit == 0 else _OPEN
            row = bytearray(width)
            diagonal, scores[0] = scores[0], _OPEN + _LONGER * (n + 1)
            losses[0] = scores[0]
            row[0] = _LOSS | _LOSS_ON
            gain = never
            for m in range(1, width):
                step = 0
                loss = losses[m] + _LONGER
                opened = scores[m] + open_loss + _LONGER
                if loss > opened:
                    step |= _LOSS_ON
                else:
                    loss = opened
                losses[m] = loss
                gain += _LONGER
                opened = scores[m - 1] + open_gain + _LONGER
                if gain > opened:
                    step |= _GAIN_ON
                else:
                    gain = opened
                best = diagonal + (_EQUAL if letter in self.may_be[theirs[m - 1]] else _OTHER)
                if loss > best:
                    best, step = loss, step | _LOSS
                if gain > best:
                    best, step = gain, (step | _GAIN) & ~_LOSS
                diagonal, scores[m] = scores[m], best
                row[m] = step
            steps.append(row)
        return scores[-1], _walked(steps)

    def _later(self, block: Block, limit: Block) -> Block:
        """A block with the codons that follow, as far as they fit."""
        ahead = (block.target_end - self.target.start) % self.unit
        target, query = block.target_end - ahead, block.query_end - ahead
        room = min(limit.target - target, limit.query - query) // self.unit
        more = self._reach(room, ((target + n * self.unit, query + n * self.unit) for n in range(room)))
        return block._replace(length=max(block.length, target + more - block.target))

    def _earlier(self, block: Block, limit: Block) -> Block:
        """A block with the codons that come before, as far as they fit."""
        ahead = (self.target.start - block.target) % self.unit
        target, query = block.target + ahead, block.query + ahead
        room = min(target - limit.target_end, query - limit.query_end) // self.unit
        steps = range(1, room + 1)
        more = self._reach(room, ((target - n * self.unit, query - n * self.unit) for n in steps)) - ahead
        more = max(more, 0)
        return Block(block.target - more, block.query - more, block.length + more)

    def _reach(self, room: int, codons: Iterator[tuple[int, int]]) -> int:
        """How many letters the best-scoring run of codons has."""
        best = score = reach = 0
        for n, (target, query) in zip(range(1, room + 1), codons, strict=True):
            score += self._codon_score(
                self.target.letters[target : target + self.unit], self.theirs[query : query + self.unit]
            )
            if score > best:
                best, reach = score, n
            elif score < best + _GIVE_UP:
                break
        return reach * self.unit

    def _codon_score(self, ours: str, theirs: str) -> int:
        if ours == theirs:
            return _CODON_EQUAL
        if any(map(self._differ, ours, theirs)):
            return _CODON_OTHER
        return 0 if UNREADABLE[self.unit] in theirs else _CODON_EQUAL


_LOSS, _GAIN, _LOSS_ON, _GAIN_ON = 1, 2, 4, 8
"""Steps of the table: the best way ends in a loss or a gain, or that loss or gain goes on from the one before."""


def _walked(steps: Sequence[bytearray]) -> list[Block]:
    """The blocks on the way back through the table."""
    n, m = len(steps) - 1, len(steps[0]) - 1
    blocks: list[Block] = []
    while n or m:
        step = steps[n][m]
        if step & _LOSS:
            while steps[n][m] & _LOSS_ON and n > 1:
                n -= 1
            n -= 1
        elif step & _GAIN:
            while steps[n][m] & _GAIN_ON and m > 1:
                m -= 1
            m -= 1
        else:
            n, m = n - 1, m - 1
            blocks.append(Block(n, m, 1))
    return _joined(blocks[::-1])


def _cut(anchors: Sequence[Anchor]) -> Iterator[Anchor]:
    """Anchors that share no letter with the one before, so that a loss or gain stands as late as it can."""
    target = query = 0
    for each in anchors:
        shared = max(target - each.target, query - each.query, 0)
        cut = Anchor(each.target + shared, each.query + shared, each.length - shared)
        yield cut
        target, query = cut.target + cut.length, cut.query + cut.length


def _joined(blocks: Sequence[Block]) -> list[Block]:
    """Blocks of which none goes on straight from the one before."""
    made: list[Block] = []
    for each in blocks:
        if made and (made[-1].target_end, made[-1].query_end) == (each.target, each.query):
            made[-1] = made[-1]._replace(length=made[-1].length + each.length)
        else:
            made.append(each)
    return made
