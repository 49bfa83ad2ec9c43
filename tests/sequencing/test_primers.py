"""Primers: BED on the genome's plus strand becomes offsets in the sense of the gene."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.reads.primers import read_primers
from cmvigil.sequencing.reads.targets import Targets
from cmvigil.sequencing.reference import reference

TARGETS = Targets.of(reference())


def bed(folder: Path, *lines: str) -> str:
    path = folder / "primers.bed"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_a_primer_of_the_minus_strand_is_a_left_one_in_a_minus_gene(tmp_path: Path) -> None:
    segment = reference().of_gene("UL54")[0]
    first, last = segment.genome_at(100 + 19), segment.genome_at(100)
    rows, outside = read_primers(bed(tmp_path, f"NC_006273.2\t{first - 1}\t{last}\tp1\t60\t-"), TARGETS)
    begin = TARGETS.begins[reference().segments.index(segment)]
    assert rows.tolist() == [[begin + 100, begin + 120, 1]]
    assert outside == 0


def test_a_name_says_the_direction_where_no_strand_stands(tmp_path: Path) -> None:
    segment = reference().of_gene("UL97")[0]
    start = segment.genome_at(50) - 1
    rows, _ = read_primers(
        bed(tmp_path, f"x\t{start}\t{start + 20}\tUL97_1_LEFT", f"x\t{start + 300}\t{start + 320}\tUL97_1_RIGHT"),
        TARGETS,
    )
    assert rows[:, 2].tolist() == [1, 0]


def test_primers_elsewhere_are_counted(tmp_path: Path) -> None:
    start = reference().of_gene("UL97")[0].genome_at(50) - 1
    _, outside = read_primers(bed(tmp_path, f"x\t{start}\t{start + 20}\ta\t0\t+", "x\t10\t30\tb\t0\t+"), TARGETS)
    assert outside == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("x\tten\t30\tp\t0\t+", "primers.bed:1"),
        ("x\t10", "primers.bed:1"),
        ("x\t141900\t141920\tp", "primers.bed:1"),
        ("x\t10\t30\tp\t0\t+", "holds no primer within the genes"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(SequenceError) as error:
        read_primers(bed(tmp_path, line), TARGETS)
    assert problem in str(error.value)
