"""Changes written as VCF in any legal way come back as the same changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.genotype.support import known
from tests.sequencing.vcf_support import codes, line, read, text

from cmvigil.genotype import Mutation
from cmvigil.sequencing.agreement import genome
from cmvigil.sequencing.naming import Namer
from cmvigil.sequencing.records import residues
from cmvigil.sequencing.reference import CODONS, STOP, Segment, reference, translate

APART = 25
"""Codons between two changes, so that none touches the next however it is placed."""
GENOME = genome()


@dataclass(frozen=True)
class Change:
    """Bases ``start`` to ``end`` of a segment, in the sense of its gene, replaced by ``new``."""

    segment: Segment
    start: int
    end: int
    new: str

    def named(self) -> set[Mutation]:
        """What it changes, by translating the whole exon with it and without."""
        bases, (low, high) = self.segment.bases, residues(self.segment)
        namer = Namer(self.segment.gene, known().proteins[self.segment.gene], known().known)
        wild = translate(bases[low:high])
        new = translate(bases[low : self.start] + self.new + bases[self.end : high])
        if (len(self.new) - (self.end - self.start)) % 3:
            differing = next(n for n, (a, b) in enumerate(zip(wild, new, strict=False)) if a != b)
            return {namer.frameshift(self.segment.first_codon + differing)}
        return set(namer.changes(self.segment.first_codon, wild, new))

    def plus(self) -> tuple[int, str, str]:
        """Position, REF and ALT on the plus strand, without an anchor."""
        old, new = self.segment.bases[self.start : self.end], self.new
        if self.segment.forward:
            return self.segment.genome_at(self.start), old, new
        swap = str.maketrans("ACGT", "TGCA")
        first = (
            self.segment.genome_at(self.end - 1) if self.end > self.start else self.segment.genome_at(self.start) + 1
        )
        return first, old.translate(swap)[::-1], new.translate(swap)[::-1]


def event(segment: Segment, codon: int, random: Random, shifts: bool) -> Change:
    """A random change that begins in a codon."""
    at = segment.offset_of(codon)
    kind = random.choice(["codon", "codon", "codon", "loss", "gain", "shift" if shifts else "loss"])
    if kind == "codon":
        return Change(segment, at, at + 3, random.choice([each for each in CODONS if CODONS[each] != STOP]))
    at += random.randrange(3)
    if kind == "loss":
        return Change(segment, at, at + 3 * random.randint(1, 4), "")
    if kind == "gain":
        copied = random.random() < 0.5
        new = segment.bases[at : at + 3] if copied else "".join(random.choices("ACGT", k=3 * random.randint(1, 2)))
        return Change(segment, at, at, new)
    if random.random() < 0.5:
        return Change(segment, at, at + random.choice([1, 2, 4]), "")
    return Change(segment, at, at, random.choice("ACGT") * random.choice([1, 2]))


def placed(position: int, ref: str, alt: str, random: Random) -> tuple[int, str, str]:
    """The same loss or gain at a random one of the places that give the same sequence, with an anchor."""
    around = range(max(position - 40, 1), position + 40)
    result = GENOME[: position - 1] + alt + GENOME[position - 1 + len(ref) :]
    size = max(len(ref), len(alt))
    equal = []
    for at in around:
        old, new = (GENOME[at - 1 : at - 1 + size], "") if ref else ("", result[at - 1 : at - 1 + size])
        if GENOME[: at - 1] + new + GENOME[at - 1 + len(old) :] == result:
            equal.append((at, old, new))
    at, old, new = random.choice(equal)
    before, behind = random.randint(1, 4), random.randint(0, 3)
    left, right = GENOME[at - 1 - before : at - 1], GENOME[at - 1 + len(old) : at - 1 + len(old) + behind]
    return at - before, left + old + right, left + new + right


def written(change: Change, random: Random, phased: bool) -> list[str]:
    """Records of a change: a loss or gain anywhere it may stand, a codon base by base or as one."""
    position, ref, alt = change.plus()
    if len(ref) != len(alt):
        records = [placed(position, ref, alt, random)]
    elif random.random() < 0.5:
        padded = random.randint(0, 2)
        left = GENOME[position - 1 - padded : position - 1]
        records = [(position - padded, left + ref, left + alt)]
    else:
        records = [(position + n, ref[n], alt[n]) for n in range(len(ref)) if ref[n] != alt[n]]
    sample = f"0|1:50,50:{change.start}" if phased else "1/1:0,90:."
    if random.random() < 0.2:
        records = [(at, old.lower(), new.lower()) for at, old, new in records]
    return [line(*each, ".", sample, form="GT:AD:PS") for each in records if each[1] != each[2]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), phased=st.booleans(), zipped=st.booleans())
def test_changes_come_back(tmp_path: Path, seed: int, phased: bool, zipped: bool) -> None:
    random = Random(seed)
    changes: list[Change] = []
    for segment in reference().segments:
        last = segment.first_codon + (residues(segment)[1] - segment.flank) // 3
        shifts = random.random() < 0.3
        for codon in range(segment.first_codon + 2 + random.randrange(APART), last - APART, APART):
            if random.random() < 0.2:
                made = event(segment, codon, random, shifts)
                shifts &= (len(made.new) - made.end + made.start) % 3 == 0
                changes.append(made)
    lines = [each for change in changes for each in written(change, random, phased)]
    random.shuffle(lines)
    (sample,) = read(tmp_path, text(lines, ["S"]), name="a.vcf.gz" if zipped else "a.vcf")
    expected = {mutation.key for change in changes for mutation in change.named()}
    assert {call.mutation.key for call in sample.calls} == expected
    assert all(call.interpreted for call in sample.calls)
    assert "unnamed" not in codes(sample)
