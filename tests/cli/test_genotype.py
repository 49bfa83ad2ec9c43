"""``cmvigil genotype``: what it prints and writes, bad files among good ones, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import fhirkit
import pysam
import pytest
from tests.cli.run import cmvigil, real
from tests.support import typesetter
from tests.support.small_knowledge import write
from typer import Exit

from cmvigil.cli.common import write_all
from cmvigil.report import laboratory
from cmvigil.sequencing.reference import reference

READ = "@r\nACGT\n+\nIIII\n"


def fasta(path: Path, **codons: str) -> Path:
    """UL97, one record for each name, with three bases in place of codon 594."""
    (segment,) = reference().of_gene("UL97")
    records = [
        f">{name}\n{segment.coding[: 593 * 3]}{bases}{segment.coding[594 * 3 :]}\n" for name, bases in codons.items()
    ]
    path.write_text("".join(records))
    return path


@pytest.fixture
def resistant(tmp_path: Path) -> Path:
    return fasta(tmp_path / "resistant.fasta", p1="GTG")


def answer(*args: object) -> Any:
    shown = cmvigil("genotype", *args, "--json", "-")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_it_prints_verdicts_changes_and_codons(resistant: Path) -> None:
    shown = cmvigil("genotype", resistant)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("p1 (") and lines[0].endswith("resistant.fasta)")
    assert lines[3].split() == ["drug", "verdict", "fold", "grade", "rests", "on"]
    assert lines[4].split()[:4] == ["ganciclovir", "Resistant", "(moderate)", "8.3"]
    assert "    - UL54 not read" in lines
    assert lines[1].endswith(f"SHA-256 {sha256(resistant.read_bytes()).hexdigest()[:12]}...")
    assert "  UL97 A594V: phenotype known; in 3.4% of public sequences" in lines
    assert "  UL97 A594V     R    .    .    P    ." in lines
    assert "  UL97 1-707" in lines


def test_piped_it_is_plain_and_80_wide(resistant: Path, tmp_path: Path) -> None:
    shown = real("genotype", resistant, fasta(tmp_path / "two.fasta", p2="GCG", p3="ACG"), "--jobs", "1")
    assert shown.returncode == 0 and shown.stderr == ""
    assert shown.stdout.isascii() and "\x1b" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert all(line == line.rstrip() for line in shown.stdout.splitlines())
    assert shown.stdout.count("Read with") == 1


def test_every_output_is_written(resistant: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    flags = {name: out / f"x.{name}" for name in ("json", "html", "csv", "vcf", "codons", "fhir")}
    shown = cmvigil("genotype", resistant, *(word for name, path in flags.items() for word in (f"--{name}", path)))
    assert shown.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*(path.name for path in flags.values()), "x.variants.csv"]
    )
    assert all(f"Written: {path}" in shown.stdout for path in flags.values())
    assert json.loads(flags["json"].read_bytes())["samples"][0]["name"] == "p1"
    assert flags["html"].read_text(encoding="utf-8").startswith("<!doctype html>")
    rows = list(csv.DictReader(io.StringIO(flags["csv"].read_text(encoding="utf-8-sig"))))
    assert len(rows) == 5 and rows[0]["verdict"] == "Resistant (moderate)"
    assert [record.info["CHANGE"] for record in pysam.VariantFile(str(flags["vcf"]))] == ["UL97:A594V"]
    assert (
        flags["codons"]
        .read_text()
        .startswith("sample\tgene\tcodon\tbases\tcount\tresidue\tevent_depth\tinput_sha256\n")
    )
    assert fhirkit.validate(flags["fhir"].read_bytes()) == []


def test_a_pdf_is_written(resistant: Path, tmp_path: Path) -> None:
    typesetter.needed()
    assert cmvigil("genotype", resistant, "--pdf", tmp_path / "x.pdf").exit_code == 0
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")


def test_without_a_typesetter_nothing_is_written(
    resistant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: bytes) -> bytes:
        raise laboratory.TypesetterMissingError("no PDF without WeasyPrint; install cmvigil[pdf]")

    monkeypatch.setattr(laboratory, "as_pdf", missing)
    shown = cmvigil("genotype", resistant, "--pdf", tmp_path / "x.pdf", "--json", tmp_path / "x.json")
    assert shown.exit_code == 2 and "--pdf: no PDF without WeasyPrint; install cmvigil[pdf]" in shown.stderr
    assert [path.name for path in tmp_path.iterdir()] == [resistant.name]


def test_a_person_sees_how_far_it_is(resistant: Path, tmp_path: Path) -> None:
    """A bar on the error stream where that is a terminal; the answer stays on the other."""
    person, terminal = pty.openpty()
    program = Path(sys.executable).parent / "cmvigil"
    files = [resistant, fasta(tmp_path / "b.fasta", p2="GCG")]
    command = [program, "genotype", *files, "--json", "-"]
    shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, check=True, timeout=60)
    os.close(terminal)
    assert b"reading" in os.read(person, 1 << 16)
    assert len(json.loads(shown.stdout)["samples"]) == 2


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_bad_file_stops_no_other(resistant: Path, tmp_path: Path, jobs: str) -> None:
    bad = tmp_path / "bad.fasta"
    bad.write_text("")
    later = fasta(tmp_path / "later.fasta", p2="GCG")
    shown = real("genotype", resistant, bad, later, "--json", "-", "--jobs", jobs)
    assert shown.returncode == 1
    found = json.loads(shown.stdout)
    assert [each["name"] for each in found["samples"]] == ["p1", "p2"]
    assert [each["file"] for each in found["failed"]] == ["bad.fasta"]
    assert shown.stderr.splitlines() == [
        "bad.fasta: is empty; give a file with a sequence",
        "1 of 3 inputs could not be used",
    ]


def test_where_none_can_be_used_the_answer_says_so(tmp_path: Path) -> None:
    out, table = tmp_path / "out.json", tmp_path / "out.csv"
    shown = cmvigil("genotype", tmp_path / "no.fasta", "--json", out, "--csv", table, "--html", tmp_path / "out.html")
    assert shown.exit_code == 2
    assert "no.fasta: no such file" in shown.stderr and "the only input could not be used" in shown.stderr
    found = json.loads(out.read_bytes())
    assert found["samples"] == [] and found["failed"][0]["file"] == "no.fasta"
    assert "Could not be used" in table.read_text(encoding="utf-8-sig")
    assert not (tmp_path / "out.html").exists()


def test_a_file_given_twice_is_read_once(resistant: Path) -> None:
    shown = cmvigil("genotype", resistant, resistant.parent / "." / resistant.name, "--json", "-")
    assert shown.exit_code == 0 and "given twice, read once" in shown.stderr
    assert len(json.loads(shown.stdout)["samples"]) == 1


def test_each_sample_stands_for_itself(tmp_path: Path) -> None:
    """A sample without a change after one with many shows none of them."""
    found = answer(fasta(tmp_path / "both.fasta", p1="GTG", p2="GCG"))
    assert [[each["change"] for each in sample["variants"]] for sample in found["samples"]] == [["A594V"], []]


def test_options_reach_the_reading(tmp_path: Path) -> None:
    both = fasta(tmp_path / "both.fasta", p1="GTG", p2="GCG")
    (merged,) = answer(both, "--merge")["samples"]
    assert [each["mixture"] for each in merged["variants"]] == [True]
    assert answer(both, "--min-fraction", "2%")["thresholds"]["report_floor"] == 0.02
    assert answer(both, "--min-fraction", ".1")["thresholds"]["report_floor"] == 0.1


def test_the_share_that_decides_can_be_set(tmp_path: Path) -> None:
    table = tmp_path / "p.tsv"
    table.write_text("gene\tcodon\tbases\tcount\nUL97\t594\tGCG\t850\nUL97\t594\tGTG\t150\n")
    verdicts = {
        share: answer(table, "--min-fraction", share)["samples"][0]["drugs"][0]["verdict"] for share in ("10%", "20%")
    }
    assert verdicts == {"10%": "resistant", "20%": "not_determined"}


def test_read_pairs_are_one_input_unless_told_otherwise(tmp_path: Path) -> None:
    """The reads are too few to say anything: what counts is which files are named together."""
    one, two = tmp_path / "p_R1.fastq", tmp_path / "p_R2.fastq"
    one.write_text(READ + "?")
    two.write_text(READ + "?")
    assert "the only input could not be used" in cmvigil("genotype", one, two).stderr
    assert "2 of 2 inputs could not be used" in cmvigil("genotype", one, two, "--single", "--jobs", "1").stderr


def test_the_patient_and_the_day_go_into_the_bundle(resistant: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    assert (
        cmvigil(
            "genotype", resistant, "--fhir", out, "--patient", "Patient/7", "--specimen-date", "2026-03-28"
        ).exit_code
        == 0
    )
    reports = [entry["resource"] for entry in json.loads(out.read_bytes())["entry"]][1:]
    assert {each["subject"]["reference"] for each in reports} == {"Patient/7"}
    assert {each["effectiveDateTime"] for each in reports} == {"2026-03-28"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--min-fraction", "0.5%"], "--min-fraction: found '0.5%'; expected a share from 1% on, such as 2% or 0.02"),
        (["--min-fraction", "5"], "--min-fraction: found '5'"),
        (["--min-fraction", "nan"], "--min-fraction: found 'nan'"),
        (["--patient", " \t"], "--patient: is blank; give a text, or leave the option out"),
        (["--laboratory", ""], "--laboratory: is blank; give a text, or leave the option out"),
        (["--specimen-date", "28.3.2026"], "--specimen-date: found '28.3.2026'; expected a date"),
        (["--html", "-"], "only --json prints to -"),
        (["--html", "x", "--vcf", "x"], "x: is read or written already; give each output a file of its own"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    resistant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = cmvigil("genotype", resistant, *args)
    assert shown.exit_code == 2
    assert said in shown.stderr and shown.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == [resistant.name]


def test_an_input_is_never_written_over(resistant: Path) -> None:
    before = resistant.read_bytes()
    assert cmvigil("genotype", resistant, "--vcf", resistant).exit_code == 2
    assert resistant.read_bytes() == before


def test_labels_and_options_stand_in_every_report(resistant: Path, tmp_path: Path) -> None:
    primers, page, out = tmp_path / "assay.bed", tmp_path / "x.html", tmp_path / "x.json"
    primers.write_text("NC_006273.2\t142000\t142020\tP1\t0\t+\n")
    labels = ("--patient", "<b>M-0417</b>\n ward 3", "--specimen-date", "2026-03-28", "--laboratory", "Virology, Ulm")
    options = ("--copies", "1200", "--primers", primers, "--min-fraction", "2%")
    shown = cmvigil("genotype", resistant, *labels, *options, "--html", page, "--json", out)
    assert shown.exit_code == 0
    head = "patient: <b>M-0417</b> ward 3; specimen taken: 2026-03-28; laboratory: Virology, Ulm"
    assert " ".join(shown.stdout.split()).startswith(head)
    for line in ("Genomes in the test: 1,200", "Primers: assay.bed: their bases are left out"):
        assert f"  {line}\n" in shown.stdout
    found = json.loads(out.read_bytes())
    assert (found["patient"], found["specimen_date"]) == ("<b>M-0417</b> ward 3", "2026-03-28")
    assert found["laboratory"] == "Virology, Ulm"
    assert found["options"] == {
        "copies": 1200,
        "primers": "assay.bed",
        "min_fraction": 0.02,
        "reference": None,
        "filtered": False,
        "merge": False,
        "technology": None,
    }
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;M-0417&lt;/b&gt; ward 3" in text and "<b>" not in text
    assert "from 2%, set for this run" in text and str(tmp_path) not in text


def test_an_overlay_is_named_in_every_output(resistant: Path, tmp_path: Path) -> None:
    level = {"value": 3, "is": "our band", "sources": ["DESIGN"], "verification": "recalled"}
    site = write(tmp_path / "north", resistance__thresholds={"low_from": level, "accept_risk": "our assay's noise"})
    out = tmp_path / "out"
    flags = [word for name in ("json", "html", "csv", "vcf", "fhir") for word in (f"--{name}", out / name)]
    shown = cmvigil("genotype", resistant, "--knowledge", site, *flags)
    assert shown.exit_code == 0
    texts = [shown.stdout, *(path.read_text(encoding="utf-8") for path in out.iterdir() if path.suffix == "")]
    assert len(texts) == 6
    for text in texts:
        assert "north" in text and "low_from" in text and "our assay&#39;s noise" in text.replace("'", "&#39;")


def test_where_one_output_cannot_be_written_none_is(tmp_path: Path) -> None:
    """The last of them is a folder by the time it is written; the earlier report stays as it was."""
    out = tmp_path / "out"
    (out / "x.vcf" / "full").mkdir(parents=True)
    (out / "x.html").write_text("the report of last week")
    with pytest.raises(Exit):
        write_all({out / "x.html": b"new", out / "x.json": b"new", out / "x.vcf": b"new"})
    assert sorted(path.name for path in out.iterdir()) == ["x.html", "x.vcf"]
    assert (out / "x.html").read_text() == "the report of last week"
    write_all({out / "x.html": b"new", out / "x.json": b"new"})
    assert sorted(path.name for path in out.iterdir()) == ["x.html", "x.json", "x.vcf"]
    assert (out / "x.html").read_bytes() == b"new"


def test_the_help_has_examples_whose_options_there_are() -> None:
    lines = [line.strip() for line in cmvigil("genotype", "--help").stdout.splitlines()]
    examples = [line for line in lines if line.startswith("cmvigil genotype ")]
    named = {word for line in examples for word in line.split() if word.startswith("--")}
    assert len(examples) == 4
    assert named <= {word for line in lines for word in line.split() if line not in examples}


def test_files_that_failed_are_named_in_the_report(resistant: Path, tmp_path: Path) -> None:
    bad, page = tmp_path / "bad.fasta", tmp_path / "x.html"
    bad.write_text("")
    assert cmvigil("genotype", resistant, bad, "--html", page, "--jobs", "1").exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert (
        "1\N{NO-BREAK SPACE}input could not be used" in text
        and "bad.fasta: is empty; give a file with a sequence" in text
    )


def test_a_patient_has_one_sample(tmp_path: Path) -> None:
    both = fasta(tmp_path / "both.fasta", p1="GTG", p2="GCG")
    shown = cmvigil("genotype", both, "--fhir", tmp_path / "x.json", "--patient", "Patient/1")
    assert shown.exit_code == 2 and "2 samples were read; give the file of one" in shown.stderr
    assert not (tmp_path / "x.json").exists()
