"""Long reads: changes from 5 %, deletions in frame, and no shift of the frame made up by the machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.genotype.support import known
from tests.sequencing.populations import deletion, found, mixed, names
from tests.support.simulator import Amplicon, Population, long_reads, write_long

from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads import read_reads
from cmvigil.sequencing.reference import reference
from cmvigil.sequencing.sample import Options, Sequenced


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> tuple[Population, Sequenced]:
    whole = tuple(
        Amplicon(f"{gene}.exon1", 60, len(reference().of_gene(gene)[0].bases) - 60) for gene in ("UL97", "UL54")
    )
    indels = (deletion("UL97", 597, 4, 0.2), deletion("UL54", 981, 2, 0.3))
    population = replace(mixed(11, (0.06, 0.1, 0.2, 0.5, 1.0) * 3, indels), amplicons=whole)
    path: Path = tmp_path_factory.mktemp("long") / "ont.fastq.gz"
    write_long(long_reads(population, 1_500, 2), path)
    (sample,) = read_reads([Source(path)], "fastq", known(), Options())
    return population, sample


def test_changes_and_deletions_are_called_and_nothing_else(read: tuple[Population, Sequenced]) -> None:
    population, sample = read
    wanted = names(population.changes).keys() | {("UL97", "del597_600"), ("UL54", "del981_982")}
    assert found(sample).keys() == wanted


def test_shares_are_right(read: tuple[Population, Sequenced]) -> None:
    population, sample = read
    truth = {**names(population.changes), ("UL97", "del597_600"): 0.2, ("UL54", "del981_982"): 0.3}
    for key, share in found(sample).items():
        assert float(share or 0) == pytest.approx(truth[key], rel=0.3, abs=0.02)


def test_the_limits_of_long_reads_are_said(read: tuple[Population, Sequenced]) -> None:
    _, sample = read
    assert any(each.code == "long-reads" for each in sample.notes)
    assert sample.coverage == {"UL54": ((1, 1242),), "UL97": ((1, 707),)}
