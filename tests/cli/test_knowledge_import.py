"""``cmvigil knowledge import``: a download becomes an overlay, whole or not at all; it waits for its risk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.cli.run import cmvigil
from tests.genotype.test_herpesdrg import line, table

ROWS = (
    line(Ganciclovir="30"),
    line(gene="UL97", aa_change="A594G", Ganciclovir=">10", Foscarnet="1"),
    line(
        gene="UL54",
        aa_change="N495K",
        Foscarnet="3.5",
        co_gene="UL54",
        co_aa="Q738R",
        ref_doi="10.1016/j.antiviral.2016.12.003",
    ),
    line(virus="HSV1"),
)
FILES = ("resistance/measurements.csv", "resistance/measurements.yaml", "version.yaml")


@pytest.fixture
def download(tmp_path: Path) -> Path:
    path = tmp_path / "herpesdrg-db.tsv"
    path.write_bytes(table(*ROWS))
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_download_becomes_an_overlay(download: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drg"
    shown = cmvigil("knowledge", "import", "herpesdrg", download, "--into", folder)
    assert shown.exit_code == 0, shown.stderr
    about = folder / "resistance" / "measurements.yaml"
    assert shown.stdout.splitlines() == [
        "HerpesDRG-DB to 2024-10-31: 4 rows, of other viruses and left out: 1 HSV1",
        "values taken: 3, ours already: 1",
        f"rows read as we corrected them: 1, see {about}",
        "left out: line 3, Ganciclovir: found '>10'; expected a fold, a range (2-4), Resistant or Polymorphism",
        f"Written: {folder}",
        f"Before it can be used, say why in {about}: accept_risk: <why>",
        f"What it changes: cmvigil knowledge diff shipped {folder}",
    ]
    assert files(folder) == sorted(FILES)
    said = yaml.safe_load(about.read_text())
    assert said["file"] == "herpesdrg-db.tsv" and len(said["sha256"]) == 64


def test_it_is_looked_at_first_and_then_used(download: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drg"
    cmvigil("knowledge", "import", "herpesdrg", download, "--into", folder, "--version", "fee40ad")
    seen = cmvigil("knowledge", "diff", "shipped", folder)
    assert seen.exit_code == 1 and "- row new: UL97 A442T, 30-fold, recombinant, 10.9999/new.1" in seen.stdout
    refused = cmvigil("interpret", "UL97:A442T", "--knowledge", folder)
    assert refused.exit_code == 2 and "accept_risk" in refused.stderr
    about = folder / "resistance" / "measurements.yaml"
    about.write_text(about.read_text() + "accept_risk: looked at on 3 May\n")
    shown = cmvigil("interpret", "UL97:A442T", "--complete", "--knowledge", folder, "--json")
    assert shown.exit_code == 0, shown.stderr
    (database,) = json.loads(shown.stdout)["knowledge"]["databases"]
    assert database == {
        "name": "HerpesDRG-DB",
        "version": "fee40ad",
        "licence": "MIT",
        "overlay": "drg",
        "rows": 3,
        "added": 2,
    }
    said = cmvigil("interpret", "UL97:A442T", "--complete", "--knowledge", folder).stdout
    assert "with measurements of HerpesDRG-DB fee40ad (MIT): 2 of 3 rows added to ours" in " ".join(said.split())


def test_with_its_risk_accepted_an_answer_on_a_patient_names_it(download: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drg"
    shown = cmvigil("knowledge", "import", "herpesdrg", download, "--into", folder, "--accept-risk", "looked at")
    assert "Before it can be used" not in shown.stdout
    case = tmp_path / "case.yaml"
    case.write_text("{cmvigil: 1, as_of: 2026-03-01, genotype: {date: 2026-03-01, genes: {UL97: {changes: [A442T]}}}}")
    answer = json.loads(cmvigil("assess", case, "--knowledge", folder, "--json").stdout)["provenance"]
    assert answer["overlays"] == ["drg HerpesDRG-DB to 2024-10-31 (MIT)"]
    assert answer["accepted_risks"] == ["measurements of HerpesDRG-DB to 2024-10-31, licence MIT: looked at (drg)"]
    assert cmvigil("knowledge", "check", "--knowledge", folder).exit_code == 0


def test_files_that_are_there_stay_unless_forced(download: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drg"
    folder.mkdir()
    (folder / "version.yaml").write_text("version: mine\n")
    shown = cmvigil("knowledge", "import", "herpesdrg", download, "--into", folder)
    assert shown.exit_code == 2
    assert shown.stderr == f"{folder / 'version.yaml'}: there already; say --force to overwrite, or another --into\n"
    assert files(folder) == ["version.yaml"]
    (folder / "sources.yaml").write_text("{}\n")
    assert cmvigil("knowledge", "import", "herpesdrg", download, "--into", folder, "--force").exit_code == 0
    assert files(folder) == sorted((*FILES, "sources.yaml"))
    assert "mine" not in (folder / "version.yaml").read_text()


def test_it_is_written_whole_or_not_at_all(download: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drg"
    (folder / "resistance" / "measurements.yaml.partial").mkdir(parents=True)
    shown = cmvigil("knowledge", "import", "herpesdrg", download, "--into", folder)
    assert shown.exit_code == 2 and "measurements.yaml: cannot be written" in shown.stderr
    assert files(folder) == []


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("gene,change\nUL97,A594V\n")
    shown = cmvigil("knowledge", "import", "herpesdrg", other, "--into", tmp_path / "drg")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("other.csv: has no column virus, genotype, aa_change")
    assert not (tmp_path / "drg").exists()


def test_a_table_without_days_is_of_unknown_date(tmp_path: Path) -> None:
    download = tmp_path / "drg.tsv"
    download.write_bytes(table(line(Ganciclovir="30", created_date="")))
    shown = cmvigil("knowledge", "import", "herpesdrg", download, "--into", tmp_path / "drg")
    assert shown.stdout.startswith("HerpesDRG-DB of unknown date: 1 rows, of other viruses and left out: none\n")
