"""Reads of a virus population with known changes: errors, primers, mixtures, indels, as a sequencer gives them.

The population is the reference strain with changes at stated shares; each fragment draws its changes independently.
Everything follows from the seed.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmvigil.sequencing.reference import CODONS, Reference, Segment, reference

_LETTERS = np.frombuffer(b"ACGT", np.uint8)
_CODE = np.full(256, 0, np.uint8)
_CODE[list(b"ACGT")] = [0, 1, 2, 3]


@dataclass(frozen=True)
class Change:
    """Three bases in place of a codon, in a share of the genomes."""

    gene: str
    codon: int
    bases: str
    share: float

    @property
    def residue(self) -> str:
        return CODONS[self.bases]


@dataclass(frozen=True)
class Indel:
    """``lost`` bases from a segment offset on, ``gained`` in their place, in a share of the genomes.

    Two of them on one fragment are not made: they stand well apart.
    """

    segment: str
    offset: int
    lost: int
    gained: str
    share: float


@dataclass(frozen=True)
class Amplicon:
    """A stretch of a segment that is amplified; its ends are primers."""

    segment: str
    first: int
    last: int


@dataclass(frozen=True)
class Population:
    """What is sequenced."""

    changes: tuple[Change, ...] = ()
    indels: tuple[Indel, ...] = ()
    amplicons: tuple[Amplicon, ...] = ()
    primer: int = 22


@dataclass(frozen=True)
class Errors:
    """Errors of the machine: ``calls``, per base beyond what its quality says; ``pcr``, per base of a fragment;
    ``systematic``: places (of a read's direction) where a share of reads err in the same way."""

    calls: float = 5e-4
    pcr: float = 6e-5
    systematic: int = 12
    systematic_share: tuple[float, float] = (0.004, 0.02)


@dataclass
class Simulated:
    """The bases (codes) and qualities of both mates, one row a fragment; ``length`` bases each."""

    one: NDArray[np.uint8]
    two: NDArray[np.uint8]
    quality_one: NDArray[np.uint8]
    quality_two: NDArray[np.uint8]
    truth: Population
    amplicons: list[Amplicon] = field(default_factory=list)


def six_amplicons(of: Reference | None = None) -> tuple[Amplicon, ...]:
    """Six overlapping amplicons over UL97 and UL54, flanks partly in."""
    of = of or reference()
    made = []
    for gene in ("UL97", "UL54"):
        (segment,) = of.of_gene(gene)
        length = len(segment.bases)
        third = length // 3
        ends = [(60, third + 130), (third - 130, 2 * third + 130), (2 * third - 130, length - 60)]
        made += [Amplicon(segment.name, first, last) for first, last in ends]
    return tuple(made)


def codon_changes(rng: np.random.Generator, genes: Sequence[str], shares: Sequence[float]) -> tuple[Change, ...]:
    """A random changed residue for each share, at codons well apart; a quarter of them differ in two or three bases."""
    of, used, made = reference(), set[tuple[str, int]](), []
    for share in shares:
        while True:
            gene = str(rng.choice(list(genes)))
            segment = of.of_gene(gene)[0]
            codon = int(rng.integers(segment.first_codon + 12, segment.first_codon + segment.codons - 12))
            if all((gene, codon + near) not in used for near in range(-3, 4)):
                break
        used.add((gene, codon))
        wild = of.codon(gene, codon)
        wanted = int(rng.choice([2, 3])) if rng.random() < 0.25 else 1
        options = [
            bases
            for bases in CODONS
            if sum(a != b for a, b in zip(bases, wild, strict=True)) == wanted
            and CODONS[bases] not in (CODONS[wild], "*")
        ]
        made.append(Change(gene, codon, str(rng.choice(options)), share))
    return tuple(made)


def pairs(population: Population, count: int, seed: int, length: int = 150, errors: Errors | None = None) -> Simulated:
    """``count`` read pairs, from amplicons cut at random (tagmented) or, without amplicons, from all segments."""
    errors = errors or Errors()
    rng = np.random.default_rng(seed)
    of = reference()
    amplicons = list(population.amplicons) or [Amplicon(each.name, 0, len(each.bases)) for each in of.segments]
    segments = {each.name: each for each in of.segments}
    spans = np.array([each.last - each.first for each in amplicons], float)
    drawn = rng.choice(len(amplicons), count, p=spans / spans.sum())
    one, two = np.zeros((count, length), np.uint8), np.zeros((count, length), np.uint8)
    flipped = rng.random(count) < 0.5
    for number, amplicon in enumerate(amplicons):
        rows = np.flatnonzero(drawn == number)
        if rows.size:
            left, right = _fragments(rng, segments[amplicon.segment], amplicon, population, rows.size, length, errors)
            turned = flipped[rows]
            one[rows], two[rows] = left, right
            one[rows[turned]], two[rows[turned]] = right[turned], left[turned]
    qualities = [_qualities(rng, one.shape) for _ in range(2)]
    for bases, quality in zip((one, two), qualities, strict=True):
        wrong = rng.random(bases.shape, np.float32) < (10 ** (-quality.astype(np.float32) / 10) * 1.3 + errors.calls)
        bases[wrong] = (bases[wrong] + rng.integers(1, 4, int(wrong.sum()), np.uint8)) & 3
    return Simulated(one, two, *qualities, population, amplicons)


def _fragments(
    rng: np.random.Generator,
    segment: Segment,
    amplicon: Amplicon,
    population: Population,
    count: int,
    length: int,
    errors: Errors,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both ends of fragments of one amplicon, the first in the sense of the gene, the second turned."""
    codes = _CODE[np.frombuffer(segment.bases.encode(), np.uint8)]
    spare = np.concatenate([codes[amplicon.first : amplicon.last], rng.integers(0, 4, 2 * length, np.uint8)])
    span = amplicon.last - amplicon.first
    sizes = np.clip(rng.normal(330, 70, count), 120, min(600, span)).astype(np.int64)
    starts = (rng.random(count) * (span - sizes + 1)).astype(np.int64)
    whole = int(sizes.max())
    ends = starts + sizes
    # Bases of the whole fragment; what lies behind its end is adapter, here random bases.
    bases = spare[np.minimum(starts[:, None] + np.arange(whole), spare.size - 1)]
    carrying = np.full(count, -1)
    for number, indel in enumerate(population.indels):
        at = indel.offset - amplicon.first
        if indel.segment != segment.name or not 0 < at < span - indel.lost:
            continue
        reaching = (starts < at) & (at < ends) & (carrying < 0)
        rows = np.flatnonzero(reaching & (rng.random(count) < indel.share))
        carrying[rows] = number
        gained = _CODE[np.frombuffer(indel.gained.encode(), np.uint8)] if indel.gained else np.empty(0, np.uint8)
        changed = np.concatenate([spare[:at], gained, spare[at + indel.lost :], spare[-indel.lost - 1 :]])
        bases[rows] = changed[np.minimum(starts[rows, None] + np.arange(whole), changed.size - 1)]
    for change in population.changes:
        at = segment.offset_of(change.codon) - amplicon.first
        if change.gene != segment.gene or not population.primer <= at < span - population.primer - 3:
            continue
        places = np.full(count, at)
        for number, indel in enumerate(population.indels):
            if indel.segment == segment.name and indel.offset - amplicon.first < at:
                places[carrying == number] += len(indel.gained) - indel.lost
        drawn = rng.random(count) < change.share
        for n, letter in enumerate(change.bases):
            inside = np.flatnonzero(drawn & (starts <= places + n) & (places + n < ends))
            bases[inside, (places + n - starts)[inside]] = _CODE[ord(letter)]
    wrong = rng.random(bases.shape, np.float32) < errors.pcr
    bases[wrong] = (bases[wrong] + rng.integers(1, 4, int(wrong.sum()), np.uint8)) & 3
    inner = np.arange(length)
    left = bases[:, :length].copy()
    last = (sizes[:, None] - 1 - inner).clip(-1)
    right = 3 - np.take_along_axis(bases, np.maximum(last, 0), 1)
    beyond = last < 0
    right[beyond] = rng.integers(0, 4, int(beyond.sum()), np.uint8)
    beyond = inner[None, :] >= sizes[:, None]
    left[beyond] = rng.integers(0, 4, int(beyond.sum()), np.uint8)
    _systematic(rng, left, starts, amplicon, errors)
    _systematic(rng, right, starts + sizes, amplicon, errors, turned=True)
    return left, right


def _systematic(
    rng: np.random.Generator,
    reads: NDArray[np.uint8],
    edges: NDArray[np.int64],
    amplicon: Amplicon,
    errors: Errors,
    turned: bool = False,
) -> None:
    """Errors of one direction at fixed places of the amplicon."""
    for at in rng.integers(0, amplicon.last - amplicon.first, errors.systematic):
        share = rng.uniform(*errors.systematic_share)
        column = edges - 1 - at if turned else at - edges
        rows = np.flatnonzero((column >= 0) & (column < reads.shape[1]) & (rng.random(reads.shape[0]) < share))
        reads[rows, column[rows]] = (reads[rows, column[rows]] + 1) & 3


def _qualities(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Phred qualities: high, falling towards the end of the read, with low ones strewn in."""
    drop = (np.linspace(0, 5, shape[1]) ** 1.5).astype(np.uint8)
    quality = np.full(shape, 38, np.uint8) - drop - rng.integers(0, 5, shape, np.uint8)
    quality[rng.random(shape, np.float32) < 0.015] = 12
    return quality


def write_pairs(reads: Simulated, one: Path, two: Path) -> None:
    """Two FASTQ files, packed where the name ends in .gz."""
    for path, bases, quality, mate in (
        (one, reads.one, reads.quality_one, b"1"),
        (two, reads.two, reads.quality_two, b"2"),
    ):
        _write(path, bases, quality, mate)


def _write(path: Path, bases: NDArray[np.uint8], quality: NDArray[np.uint8], mate: bytes) -> None:
    packed = path.suffix == ".gz"
    count, length = bases.shape
    name = b"@SIM:1:%09d " + mate + b":N:0\n"
    width = len(name % 0)
    with gzip.open(path, "wb", compresslevel=1) if packed else path.open("wb") as file:
        for start in range(0, count, 50_000):
            rows = slice(start, min(count, start + 50_000))
            many = rows.stop - rows.start
            table = np.empty((many, width + length + 3 + length + 1), np.uint8)
            names = b"".join(name % number for number in range(rows.start, rows.stop))
            table[:, :width] = np.frombuffer(names, np.uint8).reshape(many, width)
            table[:, width : width + length] = _LETTERS[bases[rows]]
            table[:, width + length : width + length + 3] = np.frombuffer(b"\n+\n", np.uint8)
            table[:, width + length + 3 : -1] = quality[rows] + 33
            table[:, -1] = 10
            file.write(table.tobytes())


def long_reads(population: Population, count: int, seed: int, error: float = 0.01) -> list[tuple[str, bytes]]:
    """Bases and qualities of whole amplicons read by a nanopore: substitutions, and gaps that favour runs of a base."""
    rng = np.random.default_rng(seed)
    segments = {each.name: each for each in reference().segments}
    amplicons = population.amplicons
    made = []
    for number in rng.integers(0, len(amplicons), count):
        amplicon = amplicons[number]
        segment = segments[amplicon.segment]
        bases = list(segment.bases)
        for change in population.changes:
            at = segment.offset_of(change.codon)
            inner = amplicon.first + population.primer <= at < amplicon.last - population.primer - 3
            if change.gene == segment.gene and inner and rng.random() < change.share:
                bases[at : at + 3] = change.bases
        for indel in sorted(population.indels, key=lambda each: -each.offset):
            if indel.segment == segment.name and rng.random() < indel.share:
                bases[indel.offset : indel.offset + indel.lost] = [""] * indel.lost
                bases[indel.offset] = indel.gained + bases[indel.offset]
        whole = _CODE[np.frombuffer("".join(bases[amplicon.first : amplicon.last]).encode(), np.uint8)]
        codes = _nanopore(rng, whole, error)
        if rng.random() < 0.5:
            codes = 3 - codes[::-1]
        quality = rng.normal(20, 4, codes.size).clip(3, 40).astype(np.uint8) + 33
        made.append((_LETTERS[codes].tobytes().decode(), quality.tobytes()))
    return made


def _nanopore(rng: np.random.Generator, codes: NDArray[np.uint8], error: float) -> NDArray[np.uint8]:
    codes = codes.copy()
    wrong = rng.random(codes.size) < error / 2
    codes[wrong] = (codes[wrong] + rng.integers(1, 4, int(wrong.sum()), np.uint8)) & 3
    run = np.ones(codes.size, int)
    for at in range(1, codes.size):
        run[at] = run[at - 1] + 1 if codes[at] == codes[at - 1] else 1
    lost = rng.random(codes.size) < error / 3 * np.where(run >= 4, 3, 1)
    gained = rng.random(codes.size) < error / 6
    return np.repeat(codes, np.where(lost, 0, np.where(gained, 2, 1)))


def write_long(reads: Sequence[tuple[str, bytes]], path: Path) -> None:
    """A FASTQ file, packed where the name ends in .gz."""
    text = b"".join(
        b"@read%d\n%s\n+\n%s\n" % (number, bases.encode(), quality) for number, (bases, quality) in enumerate(reads)
    )
    path.write_bytes(gzip.compress(text, 1) if path.suffix == ".gz" else text)
