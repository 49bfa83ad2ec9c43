"""``cmvigil interactions``: any name, the worst first, what is not listed, and how far the list goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from tests.cli.run import cmvigil, real

from cmvigil.pharmacology.interactions import Found
from cmvigil.reasoning.loader import load

END = "Pairs not listed were not looked at, not found safe."


def test_a_pair_is_told_with_what_to_do_and_its_sources() -> None:
    shown = cmvigil("interactions", "maribavir", "ganciclovir")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[:6] == [
        "ganciclovir with maribavir: contraindicated",
        "    Maribavir blocks UL97, the kinase that makes ganciclovir active: each undoes",
        "    the other.",
        "    Never together: stop the one before the other starts. EU contraindicated, US",
        "    not recommended; the stricter stands.",
        "    EU-MBV, LAB-MBV (verified)",
    ]
    assert shown.stdout.rstrip().endswith(END)


def test_the_worst_comes_first_and_the_order_of_names_does_not_matter() -> None:
    one = cmvigil("interactions", "letermovir", "simvastatin", "ciclosporin").stdout
    assert one == cmvigil("interactions", "ciclosporin", "letermovir", "simvastatin").stdout
    heads = [line for line in one.splitlines() if line.startswith("letermovir with")]
    assert heads == [
        "letermovir with simvastatin and ciclosporin: contraindicated",
        "letermovir with simvastatin: avoid",
        "letermovir with ciclosporin: caution",
    ]


def test_names_of_any_spelling() -> None:
    shown = cmvigil("interactions", "Prevymis", "neoral", "St John's  Wort", "gentamicin", "letermovir").stdout
    assert shown.startswith(
        "Prevymis: read as letermovir\nneoral: read as ciclosporin\nSt John's  Wort: read as St John's wort\n"
        "gentamicin: read as aminoglycoside\n\n"
    )
    assert "letermovir with St John's wort: contraindicated" in shown
    assert "letermovir with aminoglycoside: not listed" in shown
    assert shown.count("letermovir with ciclosporin: caution") == 1


def test_one_drug_alone_has_everything_known_of_it() -> None:
    rows = [row for row in load().tables["interactions"].rows if row["drug"] == "maribavir"]
    shown = cmvigil("interactions", "maribavir").stdout
    assert sum(line.startswith("maribavir with ") for line in shown.splitlines()) == len(rows)
    assert "not listed\n" not in shown
    other = cmvigil("interactions", "tacrolimus").stdout
    assert "maribavir with tacrolimus: monitor" in other
    assert "cidofovir with tacrolimus: avoid" in other


@pytest.mark.parametrize("drugs", [["prednisone"], ["prednisone", "mesalazine"]])
def test_without_an_antiviral_there_is_nothing_on_the_list(drugs: list[str]) -> None:
    shown = cmvigil("interactions", *drugs).stdout
    assert shown.startswith("Not listed: only what an antiviral against CMV does with other drugs is.\n")
    assert shown.rstrip().endswith(END)


def test_unknown_names_are_refused_all_at_once_with_near_ones() -> None:
    shown = cmvigil("interactions", "maribavir", "tacrolimsu", "qqqq")
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert shown.stderr.splitlines() == [
        "no drug named 'tacrolimsu' in the vocabulary; did you mean tacrolimus?",
        "no drug named 'qqqq' in the vocabulary; its generic name may be known",
    ]
    assert cmvigil("interactions").exit_code == 2


def test_json_is_what_was_found() -> None:
    answer = Found.model_validate_json(cmvigil("interactions", "foscarnet", "ibuprofen", "filgrastim", "--json").stdout)
    assert answer.drugs == ["filgrastim (G-CSF)", "foscarnet", "NSAID"]
    assert [(one.drug, one.other, one.level) for one in answer.interactions] == [("foscarnet", "NSAID", "caution")]
    assert answer.not_listed == [("foscarnet", "filgrastim (G-CSF)")]


def test_plain_and_eighty_wide_when_piped() -> None:
    shown = real("interactions", "letermovir", "cyclosporine", "tacrolimus", PYTHONUTF8="1")
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout
    assert all(line == line.rstrip() for line in shown.stdout.splitlines())


def test_a_site_may_lay_its_own_table_over_ours(tmp_path: Path) -> None:
    table = {
        "is": "our own list",
        "accept_risk": "agreed by our pharmacy",
        "rows": [
            {
                "drug": "maribavir",
                "other": "tacrolimus",
                "level": "caution",
                "effect": "Tacrolimus [rises]",
                "action": "Ask us",
                "verification": "verified",
                "source": "EU-MBV",
            }
        ],
    }
    site = tmp_path / "north"
    (site / "tables").mkdir(parents=True)
    (site / "tables" / "interactions.yaml").write_text(yaml.safe_dump(table), encoding="utf-8")
    (site / "version.yaml").write_text("version: '1'\n", encoding="utf-8")
    shown = cmvigil("interactions", "maribavir", "tacrolimus", "--knowledge", site)
    assert "maribavir with tacrolimus: caution\n    Tacrolimus [rises].\n    Ask us.\n" in shown.stdout
    assert "The list holds 1 pairs of " in shown.stdout
    assert json.loads(cmvigil("interactions", "maribavir", "--json", "--knowledge", site).stdout)["interactions"][0]
