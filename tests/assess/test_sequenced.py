"""A laboratory's sequences in a record: rows of one specimen, its day, what limits them; the same as typed by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cmvigil.advice import Advice
from cmvigil.assess import assess
from cmvigil.assess.genotypes import with_readings
from cmvigil.assess.sequenced import read_specimen, specimen_day, with_specimen
from cmvigil.genotype import Mutation
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record
from cmvigil.record.tables import Coverage, Interpretation, Record, Variant
from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.reference import reference
from cmvigil.sequencing.sample import Call, Note, Sequenced

DAY = date(2026, 3, 20)
CASE: dict[str, Any] = {
    "cmvigil": 1,
    "patient": "p",
    "as_of": "2026-03-28",
    "person": {"age": 50, "sex": "female", "weight": "70 kg"},
    "host": {
        "transplants": [{"organ": "kidney", "date": "2025-11-01", "donor_igg": "positive", "recipient_igg": "negative"}]
    },
    "viral_loads": [{"date": "2026-03-27", "value": "12000 IU/mL", "specimen": "plasma"}],
    "drugs": [{"drug": "ganciclovir", "dose": "350 mg", "every": "12 h", "route": "iv", "start": "2026-03-01"}],
}
A594V = Mutation("UL97", "substitution", 594, 594, "A", "V")
WHOLE = {"UL97": ((1, 707),), "UL54": ((1, 1242),)}


def case(**sections: Any) -> Record:
    return read_record(json.dumps({**CASE, **sections}))


def sample(*calls: Call, coverage: Any = WHOLE, notes: tuple[Note, ...] = (), name: str = "S1") -> Sequenced:
    return Sequenced(name, "run.fasta", "fasta", "ab" * 32, calls, coverage, notes=notes)


def rows(record: Record) -> tuple[list[Variant], list[Coverage]]:
    variants = [row for row in record.rows["variant"] if isinstance(row, Variant)]
    return variants, [row for row in record.rows["coverage"] if isinstance(row, Coverage)]


def without_names(advice: Advice) -> dict[str, Any]:
    """The answer without ids and hashes: where a row came from, what the input was."""
    plain = json.loads(advice.model_dump_json())
    plain["provenance"].pop("input_hash")

    def scrub(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: scrub(each) for key, each in part.items() if key not in ("source", "event")}
        return [scrub(each) for each in part] if isinstance(part, list) else part

    cleaned: dict[str, Any] = scrub(plain)
    return cleaned


# -- rows --------------------------------------------------------------------------------------------------------------


def test_changes_and_codons_become_rows_known_on_the_specimens_day() -> None:
    before = case()
    record = with_specimen(before, [sample(Call(replace(A594V, fraction=Decimal("0.3"))))], DAY)
    (variant,), coverage = rows(record)
    assert (variant.gene, variant.change, variant.fraction) == ("UL97", "A594V", Decimal("0.3"))
    assert (variant.day, variant.known_on, variant.method) == (DAY, DAY, "fasta")
    assert variant.source == "run.fasta, S1, sha256:abababababab"
    assert [(row.gene, row.first, row.last) for row in coverage] == [("UL54", 1, 1242), ("UL97", 1, 707)]
    assert len({row.event for row in (variant, *coverage)}) == 3
    assert record.input_hash == f"{before.input_hash} sha256:{'ab' * 32}"
    assert record.counts["read.genotype"] == 3 and record.counts["rows.variant"] == 1
    assert rows(before) == ([], []) and "read.genotype" not in before.counts and before.issues == []


def test_a_gene_whose_codons_are_not_stated_is_read_without_them() -> None:
    (variant,), (coverage,) = rows(with_specimen(case(), [sample(Call(A594V), coverage={})], DAY))
    assert (coverage.gene, coverage.first, coverage.last) == ("UL97", None, None)
    assert variant.fraction is None


def test_a_mixture_stays_one() -> None:
    ((variant,), _) = rows(with_specimen(case(), [sample(Call(replace(A594V, mixed=True)))], DAY))
    assert variant.change == "A594AV"


def test_a_change_that_is_only_possible_makes_no_drug_resistant() -> None:
    call = Call(replace(A594V, mixed=True, possible=True), flags=("possible",))
    record = with_specimen(case(), [sample(call)], DAY)
    ((variant,), _) = rows(record)
    assert variant.change == "A594AV?"
    verdicts = {row.concept: row for row in with_readings(record, load()).rows["interpretation"]}
    found = verdicts["ganciclovir"]
    assert isinstance(found, Interpretation)
    assert (found.verdict, found.drivers) == ("possible", "UL97 A594V (only possible)")
    sure = with_specimen(case(), [sample(Call(A594V))], DAY)
    assert assess(record).status != assess(sure).status


def test_several_files_are_one_specimen() -> None:
    ul97 = sample(Call(A594V), coverage={"UL97": ((335, 617),)})
    ul54 = replace(sample(coverage={"UL54": ((1, 1242),)}, name="S2"), input_sha256="cd" * 32)
    record = with_specimen(case(), [ul97, ul54], DAY)
    assert [row.event for row in record.rows["coverage"]] == ["genotype-00001", "genotype-00003"]
    assert record.input_hash.split()[1:] == [f"sha256:{'ab' * 32}", f"sha256:{'cd' * 32}"]
    answer = assess(record)
    assert next(status for status in answer.status if status.label == "Resistance").answer.startswith("to ganciclovir")


# -- the same as typed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "typed"),
    [
        ((Call(A594V),), {"UL97": {"changes": ["A594V"], "covered": "1-707"}, "UL54": {"covered": "1-1242"}}),
        (
            (Call(replace(A594V, fraction=Decimal("0.12"))),),
            {
                "UL97": {"changes": [{"change": "A594V", "fraction": 0.12}], "covered": "1-707"},
                "UL54": {"covered": "1-1242"},
            },
        ),
        ((), {"UL97": {"covered": "1-707"}, "UL54": {"covered": "1-1242"}}),
    ],
)
def test_the_answer_is_that_of_the_same_genotype_typed(calls: tuple[Call, ...], typed: dict[str, Any]) -> None:
    typed_case = case(genotype=[{"date": "2026-03-20", "method": "fasta", "genes": dict(sorted(typed.items()))}])
    sequenced = with_specimen(case(), [sample(*calls)], DAY)
    assert without_names(assess(sequenced, appraise=True)) == without_names(assess(typed_case, appraise=True))


# -- what limits it ----------------------------------------------------------------------------------------------------


def test_severe_remarks_and_warnings_are_shown_with_the_answer() -> None:
    notes = (
        Note("severe", "frame", "UL97 codons 400-420 lie in a shifted reading frame"),
        Note("severe", "frame", "UL54 codons 10-12 lie in a shifted reading frame"),
        Note("warning", "several strains", "9 substitutions at 30% of the population"),
        Note("note", "strand", "read on the other strand: UL97"),
    )
    record = with_specimen(case(), [sample(Call(A594V), notes=notes)], DAY)
    severe, warning = record.issues
    assert (severe.level, severe.known_on) == ("unusable", DAY)
    assert (
        severe.found
        == "UL97 codons 400-420 lie in a shifted reading frame; UL54 codons 10-12 lie in a shifted reading frame"
    )
    assert (warning.level, warning.found) == ("note", "9 substitutions at 30% of the population")
    shown = assess(record).quality
    assert shown.unusable == 1 and {issue.found for issue in shown.issues} >= {severe.found, warning.found}


def test_a_change_that_its_file_does_not_let_pass_is_told_and_not_used() -> None:
    filtered = Call(A594V, flags=("filtered",), interpreted=False)
    other = Call(replace(A594V, first=595, last=595, wild="L", residue="S"), flags=("phase unknown",))
    record = with_specimen(case(), [sample(filtered, other)], DAY)
    ((variant,), _) = rows(record)
    assert variant.change == "L595S"
    (issue,) = record.issues
    assert issue.found == "UL97 A594V: filtered, not used: its file does not let it pass; UL97 L595S: phase unknown"


def test_a_sample_that_says_nothing_is_told() -> None:
    record = with_specimen(case(), [sample(coverage={})], DAY)
    (issue,) = record.issues
    assert (issue.level, issue.found) == ("rejected", "neither a change nor codons that were read")
    assert assess(record).quality.rejected == 1


# -- the day -----------------------------------------------------------------------------------------------------------


def test_the_day_is_the_one_given_else_that_on_which_a_genotype_was_sent() -> None:
    assert specimen_day(case(), DAY) == DAY
    sent = case(genotype_pending={"sent": "2026-03-22"})
    assert specimen_day(sent, None) == date(2026, 3, 22)
    assert specimen_day(sent, DAY) == DAY
    with pytest.raises(SequenceError, match="the day of the specimen is not known; give it with --genotype-day"):
        specimen_day(case(), None)


def test_a_day_that_would_not_be_seen_is_refused() -> None:
    late = date(2026, 3, 29)
    with pytest.raises(SequenceError, match="of 2026-03-29, after the day to assess, 2026-03-28; check the two dates"):
        specimen_day(case(), late)
    assert specimen_day(case(), late, as_of=date(2026, 4, 1)) == late
    with pytest.raises(SequenceError, match="after the day to assess, 2026-03-10"):
        specimen_day(case(), DAY, as_of=date(2026, 3, 10))
    undated = read_record(b"{cmvigil: 1, viral_loads: [{date: 2026-03-27, value: 12000 IU/mL}]}")
    assert specimen_day(undated, late) == late


# -- files -------------------------------------------------------------------------------------------------------------


def counts(path: Path, *samples: str) -> Path:
    """Codon counts of several samples; the first has A594V."""
    lines = [f"{name}\tUL97\t594\t{'GCG' if number else 'GTG'}\t500" for number, name in enumerate(samples)]
    path.write_text("\n".join(["sample\tgene\tcodon\tbases\tcount", *lines]) + "\n")
    return path


def names(samples: Sequence[Sequenced]) -> list[tuple[str, str]]:
    return [(sample.file, sample.name) for sample in samples]


def fastq(path: Path, name: str) -> Path:
    """Reads of a stretch of UL97."""
    (segment,) = reference().of_gene("UL97")
    bases = segment.coding[1500:1650]
    path.write_text("".join(f"@{name}.{number}\n{bases}\n+\n{'I' * len(bases)}\n" for number in range(200)))
    return path


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return counts(tmp_path / "counts.tsv", "S1", "S2", "S3")


def changes(path: Path, *typed: str) -> Path:
    path.write_text("\n".join(typed) + "\n")
    return path


def test_files_are_read_each_by_its_own_reader(tmp_path: Path) -> None:
    one, other = (
        changes(tmp_path / "one.txt", "UL97:A594V"),
        changes(tmp_path / "two.txt", "UL54:P522S", "covered: UL54"),
    )
    found = read_specimen([one, other], (), load())
    assert [(each.name, each.calls[0].mutation.change) for each in found] == [("one", "A594V"), ("two", "P522S")]


def test_of_several_samples_the_patients_are_named(three: Path) -> None:
    with pytest.raises(
        SequenceError, match=r"counts\.tsv: holds 3 samples; name the patient's with --genotype-sample: S1"
    ):
        read_specimen([three], (), load())
    missing = r"--genotype-sample: no file holds a sample S4; there are counts\.tsv:S1, counts\.tsv:S2, counts\.tsv:S3"
    with pytest.raises(SequenceError, match=missing):
        read_specimen([three], ("S1", "S4"), load())
    assert [each.name for each in read_specimen([three], ("S3",), load())] == ["S3"]
    assert [each.name for each in read_specimen([three], ("S2", "S1"), load())] == ["S1", "S2"]


def test_which_sample_of_several_was_taken_is_told(three: Path) -> None:
    found = [issue.found for issue in with_specimen(case(), read_specimen([three], ("S3",), load()), DAY).issues]
    assert "counts.tsv holds 3 samples (S1, S2, S3); taken as the patient's: S3" in found


def test_of_two_files_one_sample_each_is_named(tmp_path: Path) -> None:
    one, other = counts(tmp_path / "one.tsv", "S1", "S2"), counts(tmp_path / "two.tsv", "S2", "S3")
    assert names(read_specimen([one, other], ("S1", "S3"), load())) == [("one.tsv", "S1"), ("two.tsv", "S3")]
    found = read_specimen([one, other], ("one.tsv:S2", "two.tsv:S2"), load())
    assert names(found) == [("one.tsv", "S2"), ("two.tsv", "S2")]
    with pytest.raises(SequenceError, match=r"S2 fits 2 samples; name one as FILE:SAMPLE: one\.tsv:S2, two\.tsv:S2"):
        read_specimen([one, other], ("S2",), load())
    with pytest.raises(SequenceError, match=r"two\.tsv: holds 2 samples; name the patient's .*: S2, S3"):
        read_specimen([one, other], ("S1",), load())


def test_a_file_of_one_sample_needs_no_name(three: Path, tmp_path: Path) -> None:
    alone = changes(tmp_path / "alone.txt", "UL54:P522S")
    assert names(read_specimen([three, alone], ("S3",), load())) == [("counts.tsv", "S3"), ("alone.txt", "alone")]


def test_of_very_many_samples_some_are_listed(tmp_path: Path) -> None:
    many = counts(tmp_path / "many.tsv", *(f"S{number}" for number in range(40)))
    with pytest.raises(SequenceError, match=r"holds 40 samples; .* S11 and 28 more$"):
        read_specimen([many], (), load())


def test_files_that_may_be_pairs_and_were_read_apart_are_told(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    paths = [fastq(tmp_path / f"run_{number}.fastq", f"read{number}") for number in (1, 2)]
    for sample in read_specimen(paths, (), load()):
        found = [issue.found for issue in with_specimen(case(), [sample], DAY).issues]
        assert any("run_1.fastq and run_2.fastq were read as two samples" in text for text in found)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match=r"mine\.txt:1: 'UL97:G594V': codon 594 of UL97 is A in Merlin"):
        read_specimen([changes(tmp_path / "mine.txt", "UL97:G594V")], (), load())
