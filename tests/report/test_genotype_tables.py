"""Verdicts and changes for a spreadsheet, codon counts for programs."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from tests.genotype.support import known
from tests.report.laboratory_samples import SHA256, call, hostile, wild_type
from tests.report.sequenced import FAILED, plain, rich

from cmvigil.report.genotype_tables import render_changes, render_codons, render_verdicts
from cmvigil.sequencing.read import read_samples
from cmvigil.sequencing.sample import Sample


def rows(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf") and b"\r\n" in content
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))


def test_each_sample_and_drug_has_a_row() -> None:
    found = rows(render_verdicts([rich(), plain()], [], known()))
    assert len(found) == 10
    gcv = found[0]
    assert (gcv["sample"], gcv["drug"]) == ("'=rich; one", "ganciclovir, valganciclovir")
    assert (gcv["verdict"], gcv["level"], gcv["fold"], gcv["grade"]) == ("Resistant (high)", "high", "25.2", "A")
    assert gcv["rests on"] == "UL97 del595_603; UL97 A594V; UL54 P522A"
    assert (gcv["minority"], gcv["estimated"], gcv["doubtful because"]) == ("no", "yes", "looks like two strains")
    assert found[-1]["verdict"] == "Not determined" and found[-1]["fold"] == ""


def test_a_file_that_could_not_be_used_has_a_row_too() -> None:
    (row,) = rows(render_verdicts([], [FAILED], known()))
    assert (row["file"], row["verdict"], row["reasons"]) == ("bad.fasta", "Could not be used", FAILED.problems[0])


def test_a_sensitive_verdict_says_what_it_may_have_missed() -> None:
    made = wild_type()
    deep = {gene: [0.01] * each.length for gene, each in known().genes.items()}
    thin = replace(made, read=replace(made.read, detectable={**deep, "UL56": [0.07] * known().genes["UL56"].length}))
    *others, letermovir = rows(render_verdicts([thin], [], known()))
    assert "a share below 7% may not have been seen at " in letermovir["reasons"]
    assert not any("may not have been seen" in row["reasons"] for row in others)


def test_each_change_has_a_row_with_its_drugs() -> None:
    found = {row["change"]: row for row in rows(render_changes([rich()], known()))}
    a594v = found["A594V"]
    assert (a594v["share"], a594v["share low"], a594v["share high"], a594v["depth"]) == (
        "0.125",
        "0.110",
        "0.140",
        "800",
    )
    assert (a594v["ganciclovir"], a594v["ganciclovir fold"]) == ("Resistant (moderate)", "8.25")
    assert (a594v["foscarnet"], a594v["decides"]) == ("", "yes")
    assert (a594v["kind"], a594v["input SHA-256"]) == ("phenotype known", SHA256)
    filtered = found["C603W"]
    assert (filtered["kind"], filtered["decides"], filtered["remarks"]) == ("not interpreted", "no", "filtered")
    assert filtered["ganciclovir"] == ""


def test_no_cell_is_run_as_a_formula_or_breaks_the_row() -> None:
    for content in (render_verdicts([rich(), hostile()], [FAILED], known()), render_changes([rich()], known())):
        for row in rows(content):
            assert None not in row and not any(cell[:1] in tuple("=+-@\t") for cell in row.values() if cell)
            assert not any("\u202e" in cell for cell in row.values())


def test_codons_are_counted_as_they_were_read() -> None:
    lines = render_codons([rich(), plain()]).decode().splitlines()
    assert lines[0].split("\t") == [
        "sample",
        "gene",
        "codon",
        "bases",
        "count",
        "residue",
        "event_depth",
        "input_sha256",
    ]
    assert {line.split("\t")[-1] for line in lines[1:]} == {rich().read.input_sha256}
    assert [line.split("\t")[1:-1] for line in lines[1:]] == [
        ["UL97", "594", "GCG", "700", "A", ""],
        ["UL97", "594", "GTC", "40", "V", ""],
        ["UL97", "594", "GTG", "60", "V", ""],
        ["UL97", "595", "TTG", "790", "L", ""],
        ["UL97", "595", "del", "10", "", ""],
    ]


def with_indels() -> Sample:
    """A sample of counted codons with indels of every kind, one of which does not pass."""
    calls = (
        call("UL97:del597-600@12.34%", 5000),
        call("UL97:L595fs@6%", 50_000),
        call("UL54:ins884S@90%", 30),
        call("UL97:del601@3%", 500, interpreted=False),
    )
    made = rich()
    return replace(made, read=replace(made.read, name="deep", calls=calls))


def test_indels_stand_as_events_and_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "codons.tsv"
    path.write_bytes(render_codons([with_indels()]))
    assert f"deep\tUL97\t597\tevent:del597_600\t617\tdel597_600\t5000\t{SHA256}" in path.read_text().splitlines()
    (again,) = read_samples([path], known())
    written = {each.mutation: each.depth for each in with_indels().read.calls if each.interpreted}
    assert {each.mutation: each.depth for each in again.read.calls if each.mutation.first != 594} == written


def test_samples_of_one_name_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "codons.tsv"
    path.write_bytes(render_codons([rich(), with_indels(), with_indels()]))
    assert [each.read.name for each in read_samples([path], known())] == ["=rich; one", "deep", "deep.2"]


def test_counts_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "codons.tsv"
    path.write_bytes(render_codons([rich()]))
    (again,) = read_samples([path], known())
    assert again.read.name == "=rich; one" and again.read.counts == rich().read.counts
