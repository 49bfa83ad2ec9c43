"""Many files: pairs by their names, the order kept, failures kept to their file, even where a process is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from multiprocessing import active_children
from pathlib import Path

import pytest
from tests.genotype.support import known
from tests.report.sequenced import plain

from cmvigil.sequencing import batch
from cmvigil.sequencing.batch import Failed, Input, Outcome, paired, read_all
from cmvigil.sequencing.reference import reference
from cmvigil.sequencing.sample import Options

READ = "@r\nACGT\n+\nIIII\n"
MATES = "@r/1\nACGT\n+\nIIII\n", "@r/2\nACGT\n+\nIIII\n"


def files(folder: Path, *names: str, content: str = READ) -> list[Path]:
    made = [folder / name for name in names]
    for path in made:
        path.write_text(content)
    return made


def fasta(folder: Path, name: str, codon: str = "GCG") -> Path:
    """UL97 with one codon in place of codon 594."""
    (segment,) = reference().of_gene("UL97")
    bases = segment.coding[: 593 * 3] + codon + segment.coding[594 * 3 :]
    (made,) = files(folder, f"{name}.fasta", content=f">{name}\n{bases}\n")
    return made


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("p_R1.fastq.gz", "p_R2.fastq.gz"),
        ("p_S1_L001_R1_001.fastq", "p_S1_L001_R2_001.fastq"),
        ("p.R1.fq", "p.R2.fq"),
        ("p-R1.fq", "p-R2.fq"),
        ("p_R2_R1.clean.fq", "p_R2_R2.clean.fq"),
    ],
)
def test_read_pairs_are_found_by_their_names(tmp_path: Path, one: str, two: str) -> None:
    a, b, other = files(tmp_path, one, two, "q_R1.fastq")
    assert paired([a, other, b]) == [(a, b), (other,)]
    assert paired([b, a, other]) == [(a, b), (other,)]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("p1.fq", "p2.fq"),
        ("p_R1.fq", "q_R2.fq"),
        ("p_1.fq", "p_3.fq"),
        ("1", "2"),
        ("patient_1_day_0.fq", "patient_2_day_0.fq"),
        ("UL97-1.fq", "UL97-2.fq"),
        ("x_1_R1.fq", "x_2_R1.fq"),
    ],
)
def test_other_names_make_no_pair(tmp_path: Path, one: str, two: str) -> None:
    (a,), (b,) = files(tmp_path, one, content=MATES[0]), files(tmp_path, two, content=MATES[1])
    assert paired([a, b]) == [(a,), (b,)]


def test_patients_that_are_counted_keep_their_own_mates(tmp_path: Path) -> None:
    one, two, three, four = files(tmp_path, "x_1_R1.fq", "x_2_R1.fq", "x_1_R2.fq", "x_2_R2.fq")
    assert paired([one, two, three, four]) == [(one, three), (two, four)]


@pytest.mark.parametrize(
    ("one", "two", "mates"),
    [
        (*MATES, True),
        ("@r 1:N:0:A\nA\n+\nI\n@s 1:N\nA\n+\nI", "@r 2:N:0:A\nA\n+\nI\n@s 2:N\nA\n+\nI", True),
        (READ, READ, False),
        (MATES[0], MATES[0], False),
        (MATES[1], MATES[0], False),
        (MATES[0], MATES[1].replace("@r", "@s"), False),
        (MATES[0] * 2, MATES[1] + MATES[1].replace("@r", "@s"), False),
        ("@r/1\n" + "A" * 70_000, MATES[1], True),
        ("@" + "r" * 70_000, MATES[1], False),
    ],
)
def test_numbers_make_a_pair_where_the_reads_are_mates(tmp_path: Path, one: str, two: str, mates: bool) -> None:
    (a,), (b,) = files(tmp_path, "patient_1.fastq", content=one), files(tmp_path, "patient_2.fastq", content=two)
    assert paired([b, a]) == ([(a, b)] if mates else [(b,), (a,)])


def test_thousands_of_files_are_paired_in_time(tmp_path: Path) -> None:
    """Names are looked up; were each compared with each, this would take minutes."""
    paths = [tmp_path / f"s{number}_R{mate}.fq" for mate in (1, 2) for number in range(10_000)]
    assert len(paired(paths)) == 20_000


def test_only_fastq_files_of_one_folder_make_a_pair(tmp_path: Path) -> None:
    sequences = files(tmp_path, "p_1.fasta", "p_2.fasta", content=">p\nACGT\n")
    (tmp_path / "other").mkdir()
    apart = [*files(tmp_path, "p_R1.fq"), *files(tmp_path / "other", "p_R2.fq")]
    missing = [*files(tmp_path, "m_R1.fq"), tmp_path / "m_R2.fq"]
    for paths in (sequences, apart, missing):
        assert paired(paths) == [(path,) for path in paths]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_order_is_kept_and_a_bad_file_stops_no_other(tmp_path: Path, jobs: int) -> None:
    (bad,) = files(tmp_path, "bad.fasta", content="")
    inputs: list[Input] = [(fasta(tmp_path, "a", "GTG"),), (bad,), (fasta(tmp_path, "b"),), (tmp_path / "no.fasta",)]
    ticks: list[None] = []
    a, nothing, b, missing = read_all(inputs, known(), Options(), jobs, lambda: ticks.append(None))
    assert isinstance(a, list) and isinstance(b, list)
    assert [(each.read.name, [call.mutation.change for call in each.read.calls]) for each in (*a, *b)] == [
        ("a", ["A594V"]),
        ("b", []),
    ]
    assert nothing == Failed("bad.fasta", ("bad.fasta: is empty; give a file with a sequence",))
    assert isinstance(missing, Failed) and "no.fasta: no such file" in missing.problems[0]
    assert len(ticks) == 4


def test_pairs_say_that_they_were_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "read_samples", lambda *_: [plain()])
    (outcome,) = read_all([(Path("p_R1.fq"), Path("p_R2.fq"))], known(), Options())
    assert isinstance(outcome, list)
    assert outcome[0].read.notes[-1].text == "p_R1.fq and p_R2.fq were read together as read pairs"


def test_files_that_may_be_pairs_say_that_they_were_read_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "read_samples", lambda *_: [plain()])
    outcomes = read_all([(Path("p_1.fq"),), (Path("q_1.fq"),), (Path("p_2.fq"),)], known(), Options())
    said = "p_1.fq and p_2.fq were read as two samples; if they are read pairs, name them _R1 and _R2"
    assert [[note.text for note in made[0].read.notes] for made in outcomes if isinstance(made, list)] == [
        [said],
        [],
        [said],
    ]


def test_a_pair_that_cannot_be_read_says_how_to_read_it_apart(tmp_path: Path) -> None:
    (one,), (two,) = files(tmp_path, "p_R1.fq"), files(tmp_path, "p_R2.fq", content=READ * 2)
    (outcome,) = read_all([(one, two)], known(), Options())
    assert isinstance(outcome, Failed)
    assert "do not pair" in outcome.problems[0]
    assert outcome.problems[1].endswith("were read together as read pairs; if they are two samples, give --single")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("patient Smith"), "p.fa: cmvigil itself failed (RuntimeError in test_batch.py, line "),
        (MemoryError(), "p.fa: needs more memory than there is; give it alone, or lower --jobs"),
    ],
)
def test_a_defect_is_named_without_what_the_file_held(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(batch, "read_samples", fail)
    (outcome,) = read_all([(Path("p.fa"),)], known(), Options())
    assert isinstance(outcome, Failed)
    assert outcome.problems[0].startswith(said) and "Smith" not in outcome.problems[0]


class Dying(batch.Reader):
    """Reads, but its process is killed over a file named so."""

    def read(self, paths: Input) -> Outcome:
        if paths[0].stem == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(paths)


def test_a_killed_process_costs_its_own_file_alone(tmp_path: Path) -> None:
    paths: Sequence[Input] = [(fasta(tmp_path, name),) for name in ("a", "deadly", "b", "c")]
    found = dict(batch.shared_out(paths, Dying(known(), Options()), 2))
    assert sorted(found) == [0, 1, 2, 3]
    deadly = found.pop(1)
    assert isinstance(deadly, Failed) and "the process that read it was ended" in deadly.problems[0]
    assert all(isinstance(each, list) for each in found.values())


def test_who_stops_listening_ends_the_processes(tmp_path: Path) -> None:
    paths: Sequence[Input] = [(fasta(tmp_path, name),) for name in ("a", "b", "c", "d")]
    outcomes = batch.shared_out(paths, batch.Reader(known(), Options()), 2)
    next(outcomes)
    assert len(active_children()) == 2
    outcomes.close()  # type: ignore[attr-defined]
    assert active_children() == []
