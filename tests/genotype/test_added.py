"""Measurements that a site adds: they count, none of ours counts twice, and every answer names their database."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml
from tests.genotype.support import known

from cmvigil.genotype import Knowledge, check, complete, interpret, parse, read_knowledge
from cmvigil.genotype.lint import cited
from cmvigil.genotype.model import Database
from cmvigil.reasoning.lint import recalled
from cmvigil.reasoning.loader import BASE, load
from cmvigil.reasoning.source import KnowledgeError, read_folders

ABOUT = {
    "name": "Our phenotypes",
    "version": "2026-03",
    "licence": "CC BY 4.0",
    "sources": ["HDB"],
    "verification": "secondary",
    "accept_risk": "agreed by our virologists",
}
OURS = (BASE / "resistance" / "measurements.csv").read_text(encoding="utf-8").splitlines()


def row(**fields: str) -> dict[str, str]:
    """A measurement of a change that ours has not."""
    given = {"gene": "UL97", "change": "A442T", "drug": "ganciclovir", "fold_low": "30", "fold_high": "30"}
    of_virus = {"method": "recombinant", "assay": "SEAP", "doi": "10.9999/site.1", "year": "2026", "status": "active"}
    return {**given, **of_virus, **fields}


def site(folder: Path, *rows: dict[str, str], about: dict[str, object] | None = None, text: str = "") -> Path:
    """An overlay with these rows, or with this text as its table."""
    (folder / "resistance").mkdir(parents=True)
    with (folder / "resistance" / "measurements.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, OURS[0].split(","), restval="")
        writer.writeheader()
        writer.writerows(rows)
        file.write(text)
    said = yaml.safe_dump(ABOUT if about is None else about)
    (folder / "resistance" / "measurements.yaml").write_text(said, encoding="utf-8")
    return folder


def added(folder: Path, *rows: dict[str, str], text: str = "") -> Knowledge:
    """The shipped knowledge with these rows added."""
    return read_knowledge(read_folders(BASE, [site(folder / "north", *rows, text=text)]))


def problems(folder: Path, *rows: dict[str, str], text: str = "") -> list[str]:
    with pytest.raises(KnowledgeError) as raised:
        added(folder, *rows, text=text)
    return raised.value.problems


def test_a_new_measurement_decides_and_the_answer_names_its_database(tmp_path: Path) -> None:
    own = added(tmp_path, row())
    change = parse("UL97:A442T", own.proteins)
    before = interpret(change, complete(known()), known()).verdict("ganciclovir")
    found = interpret(change, complete(own), own)
    assert before.verdict == "possible" and before.fold_median is None
    assert (found.verdict("ganciclovir").verdict, found.verdict("ganciclovir").level) == ("resistant", "high")
    assert found.databases == (Database("Our phenotypes", "2026-03", "CC BY 4.0", "north", rows=1, added=1),)
    assert "with measurements of Our phenotypes 2026-03 (CC BY 4.0): 1 of 1 rows added to ours" in found.notes
    assert interpret(change, None, known()).databases == ()
    assert check(own) == [] and "HDB" in cited(own)


@pytest.mark.parametrize("sources", [5, "HDB", None])
def test_sources_that_are_no_list_are_named(tmp_path: Path, sources: object) -> None:
    folders = [site(tmp_path / "north", row(), about={**ABOUT, "sources": sources})]
    with pytest.raises(KnowledgeError) as raised:
        read_knowledge(read_folders(BASE, folders))
    expected = f"north: resistance/measurements.yaml: sources: found {sources}; expected a list of names of sources"
    assert raised.value.problems == [expected]


def test_a_new_study_moves_the_median_and_may_lower_it(tmp_path: Path) -> None:
    own = added(tmp_path, *(row(change="A594V", fold_low="1", fold_high="1", doi=f"10.9999/{n}") for n in range(20)))
    (change,) = parse("UL97:A594V", own.proteins)
    assert interpret([change], complete(known()), known()).verdict("ganciclovir").verdict == "resistant"
    assert interpret([change], complete(own), own).verdict("ganciclovir").verdict == "possible"


def test_none_of_our_rows_counts_twice(tmp_path: Path) -> None:
    """Ours as they stand, those that are not Merlin's too; and one whose number and method are written otherwise."""
    ours = next(each for each in known().singles["UL97", "A594V"] if each.doi and each.low == each.high)
    value = {"fold_low": f"{ours.low:.3f}", "fold_high": f"{ours.low:.3f}"}
    own = added(
        tmp_path, row(change="A594V", drug=ours.drug, doi=ours.doi, method="", **value), text="\n".join(OURS[1:])
    )
    assert own.measurements == known().measurements
    (database,) = own.databases
    assert (database.rows, database.added) == (1497, 0)


def test_a_row_of_two_overlays_counts_once(tmp_path: Path) -> None:
    one, two = site(tmp_path / "one", row()), site(tmp_path / "two", row(), row(fold_low="2", fold_high="2"))
    own = read_knowledge(read_folders(BASE, [one, two]))
    assert [each.added for each in own.databases] == [1, 1]
    assert [each.file for each in own.singles["UL97", "A442T"]] == [
        "one: resistance/measurements.csv",
        "two: resistance/measurements.csv",
    ]


def test_the_rows_of_a_site_are_checked_like_ours(tmp_path: Path) -> None:
    said = problems(
        tmp_path,
        row(change="G442T"),
        row(co_variants="UL54:A10000V"),
        row(gene="UL23", drug="aciclovir"),
        row(drug="gancyclovir"),
        row(method="guessed"),
        row(status="sure"),
        row(doi=""),
        row(drug="foscarnet"),
        row(change="UL97 A442T"),
    )
    expected = [
        "codon 442 of UL97 is A in Merlin, not G",
        "UL54 has codons 1 to 1242",
        "UL23 is no gene of resistance",
        "no drug 'gancyclovir'; there are aciclovir, brincidofovir, cidofovir",
        "method 'guessed' has no weight",
        "status 'sure' or word '' is not known",
        "names no publication and does not say so",
        "UL97 is no target of foscarnet; remark mechanism_implausible",
        "not readable",
    ]
    assert len(said) == len(expected)
    for line, (problem, text) in enumerate(zip(said, expected, strict=True), 2):
        assert problem.startswith(f"north: resistance/measurements.csv:{line}: ") and text in problem


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"fold_low": "NaN", "fold_high": "NaN"}, "cannot be read; check its fields"),
        ({"fold_low": "Infinity", "fold_high": "Infinity"}, "expected a fold above 0"),
        ({"fold_low": "-1"}, "found -1 to 30; expected a fold above 0, and fold_low not above fold_high"),
        ({"fold_low": "31"}, "found 31 to 30"),
        ({"change": "none"}, "found 'none'; expected a change such as A594V"),
        ({"qc": "mine"}, "no remark 'mine' in remarks.yaml"),
    ],
)
def test_a_value_that_is_none_is_refused(tmp_path: Path, fields: dict[str, str], said: str) -> None:
    (problem,) = problems(tmp_path, row(), row(**fields))
    assert problem.startswith("north: resistance/measurements.csv:3: ") and said in problem


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "cannot be read; check its fields" in problems(tmp_path / "short", text="UL97,A442T\n")[0]
    assert "cannot be read; check its fields" in problems(tmp_path / "long", text='"' + "x" * 200_000)[0]
    folder = site(tmp_path / "bytes", row())
    (folder / "resistance" / "measurements.csv").write_bytes(b"gene\n\xff\xfe\n")
    with pytest.raises(KnowledgeError, match=r"measurements\.csv:\d+: cannot be read"):
        read_knowledge(read_folders(BASE, [folder]))


def test_without_sources_the_check_says_so(tmp_path: Path) -> None:
    about = {key: value for key, value in ABOUT.items() if key not in ("sources", "verification")}
    own = read_knowledge(read_folders(BASE, [site(tmp_path / "north", row(), about=about)]))
    assert [str(fault) for fault in check(own)] == [
        "error: resistance/measurements.yaml of north: names no source",
        "error: resistance/measurements.yaml of north: verification ''; expected verified, secondary, recalled",
    ]


def test_an_overlay_counts_among_what_is_secondary(tmp_path: Path) -> None:
    folder = site(tmp_path / "north", row())
    assert recalled(load(BASE, [folder]))["secondary"] == recalled(load())["secondary"] + 1


def test_a_table_of_ours_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"resistance/measurements\.csv: is missing"):
        read_knowledge(load(), tmp_path)
