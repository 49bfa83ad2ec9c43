"""A sequence file beside the case: ``--genotype`` for assess, options, plan, explain and replay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.run import ROOT, cmvigil

from cmvigil.sequencing.reference import reference

CASE = ROOT / "examples" / "under-dosed-refractory" / "case.yaml"
DAY = ("--genotype-day", "2026-03-24")


def gene(name: str, codon: int = 1, bases: str = "ATG") -> str:
    """The coding bases of a gene of one exon, with one codon replaced."""
    (segment,) = reference().of_gene(name)
    at = 3 * (codon - 1)
    return segment.coding[:at] + bases + segment.coding[at + 3 :]


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    """UL97 with A594V."""
    path = tmp_path / "ul97.fasta"
    path.write_text(f">S1\n{gene('UL97', 594, 'GTG')}\n")
    return path


@pytest.fixture
def amplicons(tmp_path: Path) -> Path:
    """UL97 with A594V and UL54 without a change, as two records."""
    path = tmp_path / "both.fasta"
    path.write_text(f">K\n{gene('UL97', 594, 'GTG')}\n>P\n{gene('UL54')}\n")
    return path


def resistance(*args: object) -> str:
    """What the badge says."""
    shown = cmvigil("assess", CASE, *args, "--json")
    assert shown.exit_code == 0, shown.stderr
    return next(badge["answer"] for badge in json.loads(shown.stdout)["status"] if badge["label"] == "Resistance")


def test_a_sequence_makes_the_answer_resistant(fasta: Path) -> None:
    assert "ganciclovir" not in resistance()
    assert resistance("--genotype", fasta, *DAY) == "to ganciclovir, by the genotype as read here"


def test_the_appraisal_avoids_what_the_sequence_says_is_lost(fasta: Path) -> None:
    def verdicts(*args: object) -> dict[str, str]:
        answer = json.loads(cmvigil("options", CASE, *args, "--json").stdout)
        return {option["drug"]: option["verdict"] for option in answer["options"]}

    before, after = verdicts(), verdicts("--genotype", fasta, *DAY)
    assert before["ganciclovir"] != "avoid" and after["ganciclovir"] == after["valganciclovir"] == "avoid"


def test_it_is_traced_to_the_file(fasta: Path) -> None:
    shown = cmvigil("assess", CASE, "--genotype", fasta, *DAY, "--json").stdout
    assert "ul97.fasta, S1, sha256:" in shown
    case, sequence = json.loads(shown)["provenance"]["input_hash"].split()
    assert case.startswith("sha256:") and len(sequence) == len(case)


def test_what_limits_a_sequence_stands_in_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "shifted.fasta"
    bases = gene("UL97", 594, "GTG")
    path.write_text(f">S1\n{bases[:900]}{bases[901:930]}A{bases[930:]}\n")
    shown = json.loads(cmvigil("assess", CASE, "--genotype", path, *DAY, "--json").stdout)
    issue = next(each for each in shown["quality"]["issues"] if "shifted reading frame" in each["found"])
    assert issue["level"] == "unusable" and issue["place"].startswith("shifted.fasta, S1")
    assert issue["remedy"] == "Ask the laboratory to repeat it."


def test_plan_and_explain_take_it_too(fasta: Path) -> None:
    plain = cmvigil("plan", CASE).stdout
    assert cmvigil("plan", CASE, "--genotype", fasta, *DAY).stdout != plain
    shown = cmvigil("explain", CASE, "read_as_resistant", "--genotype", fasta, *DAY)
    assert shown.stdout.splitlines()[1] == "Applies on 2026-03-28."


def test_a_replay_takes_it_from_the_day_of_the_specimen(fasta: Path) -> None:
    shown = cmvigil("replay", CASE, "--news-only", "--genotype", fasta, *DAY, "--json")
    assert shown.exit_code == 0, shown.stderr
    found = json.loads(shown.stdout)
    resistant = [
        day["day"]
        for day in found["days"]
        if "Resistance: to ganciclovir, by the genotype as read here" in day["status"]
    ]
    assert resistant[0] == "2026-03-24" and resistant[-1] == "2026-03-28"
    assert next(each["day"] for each in found["first"] if each["rule"] == "read_as_resistant") == "2026-03-24"
    late = cmvigil("replay", CASE, "--genotype", fasta, "--genotype-day", "2026-04-24")
    assert late.exit_code == 2 and "after the day to assess, 2026-03-28" in late.stderr


def test_one_sample_of_each_of_two_files(amplicons: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.fasta"
    other.write_text(f">K\n{gene('UL97')}\n>P\n{gene('UL54')}\n")
    files = ("--genotype", amplicons, "--genotype", other, *DAY)
    both = ("--genotype-sample", "both.fasta:K", "--genotype-sample", "other.fasta:P")
    assert resistance(*files, *both) == "to ganciclovir, by the genotype as read here"
    asked = cmvigil("assess", CASE, *files, "--genotype-sample", "K")
    assert asked.exit_code == 2
    assert asked.stderr == (
        "--genotype-sample: K fits 2 samples; name one as FILE:SAMPLE: both.fasta:K, other.fasta:K\n"
    )


def test_which_sample_was_taken_stands_in_the_answer(amplicons: Path) -> None:
    shown = json.loads(
        cmvigil("assess", CASE, "--genotype", amplicons, *DAY, "--genotype-sample", "K", "--json").stdout
    )
    found = [issue["found"] for issue in shown["quality"]["issues"]]
    assert "both.fasta holds 2 samples (K, P); taken as the patient's: K" in found


def test_records_of_one_specimen_are_named_or_come_as_files(fasta: Path, amplicons: Path, tmp_path: Path) -> None:
    asked = cmvigil("assess", CASE, "--genotype", amplicons, *DAY)
    assert asked.exit_code == 2
    assert asked.stderr == "both.fasta: holds 2 samples; name the patient's with --genotype-sample: K, P\n"
    resistant = "to ganciclovir, by the genotype as read here"
    named = ("--genotype-sample", "K", "--genotype-sample", "P")
    assert resistance("--genotype", amplicons, *DAY, *named) == resistant
    other = tmp_path / "ul54.fasta"
    other.write_text(f">S1\n{gene('UL54')}\n")
    assert resistance("--genotype", fasta, "--genotype", other, *DAY) == resistant
    assert "ganciclovir, by" not in resistance("--genotype", amplicons, *DAY, "--genotype-sample", "P")


def test_without_a_day_it_is_asked_for(fasta: Path) -> None:
    shown = cmvigil("assess", CASE, "--genotype", fasta)
    assert shown.exit_code == 2
    assert shown.stderr.startswith("--genotype: the day of the specimen is not known; give it with --genotype-day")
    assert shown.stdout == ""


def test_a_genotype_that_was_sent_names_its_day(fasta: Path, tmp_path: Path) -> None:
    case = tmp_path / "case.yaml"
    case.write_text(CASE.read_text() + "\ngenotype_pending: {sent: d20}\n")
    found = json.loads(cmvigil("assess", case, "--genotype", fasta, "--json").stdout)
    assert [badge["answer"] for badge in found["status"] if badge["label"] == "Resistance"] == [
        "to ganciclovir, by the genotype as read here"
    ]
    assert "2026-03-24" in {
        event["day"] for fact in found["facts"].values() for event in fact["events"] if "S1" in event["source"]
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--genotype-day", "2026-04-24"), "after the day to assess, 2026-03-28"),
        (("--genotype-day", "24.3.2026"), "--genotype-day: found '24.3.2026'; expected a date such as 2026-03-28"),
        (("--genotype-day", "0026-03-24"), "--genotype-day: found 0026-03-24; expected a day from 1900 to 2199"),
        ((*DAY, "--as-of", "2026-03-20"), "after the day to assess, 2026-03-20"),
    ],
)
def test_a_day_that_cannot_be_is_refused(fasta: Path, options: tuple[str, ...], said: str) -> None:
    shown = cmvigil("assess", CASE, "--genotype", fasta, *options)
    assert shown.exit_code == 2 and said in shown.stderr


def test_a_file_that_holds_no_gene_of_the_virus_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.fasta"
    other.write_text(">human\n" + "GATTACAGGCATTCA" * 40 + "\n")
    shown = cmvigil("assess", CASE, "--genotype", other, *DAY)
    assert shown.exit_code == 2 and shown.stderr.startswith("other.fasta:1: record human")
    missing = cmvigil("options", CASE, "--genotype", tmp_path / "none.fasta", *DAY)
    assert missing.exit_code == 2 and missing.stderr.startswith("none.fasta: no such file")


@pytest.mark.parametrize("option", [DAY, ("--genotype-sample", "S1")])
def test_what_speaks_of_a_file_needs_one(option: tuple[str, str]) -> None:
    shown = cmvigil("assess", CASE, *option)
    assert shown.exit_code == 2
    assert shown.stderr == "--genotype-day and --genotype-sample speak of a file; give it with --genotype\n"
