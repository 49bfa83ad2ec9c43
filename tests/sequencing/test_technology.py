"""Which machine wrote the reads: by their names, else by lengths and qualities, else by what is safer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.genotype.support import known

from cmvigil.sequencing.files import Source
from cmvigil.sequencing.reads import read_reads
from cmvigil.sequencing.reads.fastq import Batch, batches
from cmvigil.sequencing.reads.technology import Assumed, technology_of
from cmvigil.sequencing.reference import reference
from cmvigil.sequencing.sample import Options

ILLUMINA = "M00123:45:000000000-ABCDE:1:1101:15589:{}"
NANOPORE = "{:08x}-11aa-42bb-8cc8-0123456789ab runid=0123abcd ch=5"
UNKNOWN = "read{}"
BINNED, UNIFORM = (2, 12, 23, 37), (30,)
OLD, OLD_POOR = tuple(range(28, 41)), tuple(range(20, 38))
PORE = tuple(range(3, 38))


def batch(folder: Path, names: str, length: int, qualities: tuple[int, ...]) -> Batch:
    draw = np.random.default_rng(1)
    bases = reference().of_gene("UL97")[0].bases
    records = []
    for number in range(60):
        signs = "".join(chr(33 + each) for each in draw.choice(qualities, length))
        start = int(draw.integers(0, 400))
        records.append(f"@{names.format(number)}\n{bases[start : start + length]}\n+\n{signs}\n")
    (folder / "s.fastq").write_text("".join(records))
    return next(batches([Source(folder / "s.fastq")]))


@pytest.mark.parametrize(
    ("names", "length", "qualities", "technology"),
    [
        (ILLUMINA, 150, PORE, "illumina"),
        (ILLUMINA, 450, PORE, "illumina"),
        ("SRR1.1 " + ILLUMINA, 450, UNIFORM, "illumina"),
        (NANOPORE, 200, BINNED, "nanopore"),
        (NANOPORE, 2_000, PORE, "nanopore"),
        (UNKNOWN, 150, BINNED, "illumina"),
        (UNKNOWN, 150, OLD, "illumina"),
        (UNKNOWN, 2_000, PORE, "nanopore"),
    ],
)
def test_what_is_clear_has_no_reason(
    tmp_path: Path, names: str, length: int, qualities: tuple[int, ...], technology: str
) -> None:
    assert technology_of(batch(tmp_path, names, length, qualities)) == Assumed(technology)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "length", "qualities", "technology", "reason"),
    [
        (UNKNOWN, 200, PORE, "nanopore", "their qualities are those of nanopore reads"),
        (UNKNOWN, 200, UNIFORM, "illumina", "names and qualities do not tell"),
        (UNKNOWN, 200, OLD_POOR, "illumina", "names and qualities do not tell"),
        (UNKNOWN, 450, BINNED, "nanopore", "longer than 310 bases, as nanopore reads or merged pairs are"),
        (ILLUMINA, 900, BINNED, "nanopore", "more than one of Illumina or a merged pair"),
    ],
)
def test_what_is_not_clear_is_told_with_its_reason(
    tmp_path: Path, names: str, length: int, qualities: tuple[int, ...], technology: str, reason: str
) -> None:
    assumed = technology_of(batch(tmp_path, names, length, qualities))
    assert assumed.technology == technology
    assert reason in assumed.reason


def test_pairs_are_of_illumina(tmp_path: Path) -> None:
    single = batch(tmp_path, UNKNOWN, 250, PORE)
    assert technology_of(Batch(single.one, single.one)) == Assumed("illumina")


def test_what_is_stated_holds_unless_a_read_is_too_long_for_it(tmp_path: Path) -> None:
    merged = batch(tmp_path, UNKNOWN, 450, PORE)
    assert technology_of(merged, "illumina") == Assumed("illumina")
    assert technology_of(Batch(merged.one, merged.one), "nanopore") == Assumed("nanopore")
    assert technology_of(batch(tmp_path, UNKNOWN, 900, PORE), "illumina").technology == "nanopore"


def test_a_note_says_what_was_assumed(tmp_path: Path) -> None:
    batch(tmp_path, UNKNOWN, 450, BINNED)
    (read,) = read_reads([Source(tmp_path / "s.fastq")], "fastq", known(), Options())
    (note,) = [each for each in read.notes if each.code == "technology"]
    assert note.text.startswith("read as nanopore reads: ")
    assert "--technology" in note.text
