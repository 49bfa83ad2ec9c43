"""Insertions, deletions and rearrangements too large to call: named and left unread; adapters and tags are none."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.genotype.support import known
from tests.sequencing.populations import found, plain
from tests.support.simulator import (
    Amplicon,
    Indel,
    Population,
    long_reads,
    pairs,
    six_amplicons,
    write_long,
    write_pairs,
)

from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads import read_reads
from cmvigil.sequencing.reads.breaks import SHARE
from cmvigil.sequencing.reference import reference, reverse_complement
from cmvigil.sequencing.sample import Note, Options, Sequenced

UL97 = reference().of_gene("UL97")[0]
ADAPTER = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCACATCACGATCTCGTATGCCGTCTTCTGC"
PLACE = UL97.offset_of(500)


def foreign(length: int, seed: int = 1) -> str:
    """Bases of another origin."""
    return "".join(random.Random(seed).choices("ACGT", k=length))


def of_pairs(folder: Path, population: Population, count: int = 8_000) -> Sequenced:
    files = folder / "s_R1.fastq", folder / "s_R2.fastq"
    write_pairs(pairs(population, count, 1), *files)
    (read,) = read_reads([Source(each) for each in files], "fastq", known(), Options())
    return read


def of_reads(folder: Path, reads: Iterable[str]) -> Sequenced:
    """Single reads, each in both directions."""
    both = [turned for each in reads for turned in (each, reverse_complement(each))]
    text = "".join(f"@r{number}\n{bases}\n+\n{'I' * len(bases)}\n" for number, bases in enumerate(both))
    (folder / "s.fastq").write_text(text)
    (read,) = read_reads([Source(folder / "s.fastq")], "fastq", known(), Options())
    return read


def of_nanopore(folder: Path, *indels: Indel) -> Sequenced:
    whole = (Amplicon(UL97.name, 60, len(UL97.bases) - 60),)
    write_long(long_reads(Population((), indels, whole), 300, 4, error=0.02), folder / "s.fastq")
    (read,) = read_reads([Source(folder / "s.fastq")], "fastq", known(), Options())
    return read


def breaks(read: Sequenced) -> list[Note]:
    return [note for note in read.notes if note.code == "break"]


def unread(read: Sequenced, codon: int) -> bool:
    return all(not first <= codon <= last for first, last in read.coverage["UL97"])


@pytest.mark.parametrize(
    ("indel", "places"),
    [
        (Indel(UL97.name, PLACE, 0, foreign(60), 0.3), [500]),
        (Indel(UL97.name, PLACE, 0, foreign(200), 1.0), [500]),
        (Indel(UL97.name, PLACE, 450, "", 1.0), [500, 650]),
    ],
    ids=["insertion", "all genomes", "deletion"],
)
def test_what_is_too_large_is_named_and_left_unread(tmp_path: Path, indel: Indel, places: list[int]) -> None:
    read = of_pairs(tmp_path, Population((), (indel,), six_amplicons()))
    assert {note.level for note in breaks(read)} == {"severe"}
    assert len(breaks(read)) == len(places)
    assert breaks(read)[0].text.startswith("UL97 codons 490 to 510: ")
    assert all(unread(read, codon) for codon in places)
    assert not unread(read, 400)


def test_the_share_of_the_reads_is_told(tmp_path: Path) -> None:
    (note,) = breaks(
        of_pairs(tmp_path, Population((), (Indel(UL97.name, PLACE, 0, foreign(60), 0.3),), six_amplicons()))
    )
    share = int(note.text.partition("%")[0].split()[-1])
    assert 25 <= share <= 36


def test_what_few_reads_show_is_none(tmp_path: Path) -> None:
    indel = Indel(UL97.name, PLACE, 0, foreign(60), SHARE / 3)
    assert breaks(of_pairs(tmp_path, Population((), (indel,), six_amplicons()))) == []


def test_merlin_in_amplicons_has_none(tmp_path: Path) -> None:
    assert breaks(of_pairs(tmp_path, plain(), 15_000)) == []


def tiles(length: int, left: str = "", right: str = "", most: int = 150) -> list[str]:
    """Amplicons that overlap, with what stands before and behind each."""
    made = []
    for at in range(150, 2_000, length // 2):
        whole = left + UL97.bases[at : at + length] + right
        made += [whole[:most]] * 40
    return made


@pytest.mark.parametrize(
    "reads",
    [
        tiles(130, "", ADAPTER),
        tiles(160, foreign(30, 7), foreign(24, 8), 250),
        tiles(120, "", "G" * 40),
    ],
    ids=["adapters", "tags", "nothing left to read"],
)
def test_what_stands_at_the_ends_of_amplicons_is_none(tmp_path: Path, reads: list[str]) -> None:
    assert breaks(of_reads(tmp_path, reads)) == []


def test_the_end_of_the_only_amplicon_is_none(tmp_path: Path) -> None:
    whole = foreign(40, 3) + UL97.bases[600:700] + foreign(40, 4)
    assert breaks(of_reads(tmp_path, [whole] * 60)) == []


def test_of_two_indels_in_one_read_none_is_too_large(tmp_path: Path) -> None:
    first, second = PLACE, UL97.offset_of(515)
    bases = UL97.bases[:first] + UL97.bases[first + 9 : second] + foreign(12) + UL97.bases[second:]
    draw = random.Random(3)
    starts = [draw.randrange(60, len(bases) - 210) for _ in range(3_000)]
    read = of_reads(tmp_path, [bases[at : at + 150] for at in starts])
    assert len(found(read)) == 2
    assert breaks(read) == []


@pytest.mark.parametrize(
    ("indel", "places"),
    [
        (Indel(UL97.name, PLACE, 0, foreign(60), 0.5), [500]),
        (Indel(UL97.name, PLACE, 0, foreign(600), 1.0), [500]),
        (Indel(UL97.name, PLACE, 570, "", 0.4), [500, 690]),
    ],
    ids=["insertion", "all genomes", "deletion"],
)
def test_long_reads_jump_over_what_is_too_large(tmp_path: Path, indel: Indel, places: list[int]) -> None:
    read = of_nanopore(tmp_path, indel)
    assert len(breaks(read)) == len(places)
    assert all(unread(read, codon) for codon in places)
    assert not unread(read, 400)


def test_long_reads_of_merlin_jump_nowhere(tmp_path: Path) -> None:
    read = of_nanopore(tmp_path)
    assert breaks(read) == []
    assert read.coverage["UL97"] == ((1, 707),)
