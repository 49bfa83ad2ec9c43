"""``cmvigil interpret``: the table, the JSON, coverage, and what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.run import cmvigil, real
from tests.support.small_knowledge import write


def answer(*args: object) -> Any:
    """The JSON of an interpretation."""
    shown = cmvigil("interpret", *args, "--json")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_the_table_says_drug_verdict_fold_grade_and_driver() -> None:
    shown = cmvigil("interpret", "UL97:A594V", "UL54:P522S", "--complete")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["drug", "verdict", "fold", "grade", "rests", "on"]
    assert lines[1].split() == ["ganciclovir", "Resistant", "(high)", "22.7", "(8.3-68.1)", "A", "UL97", "A594V"]
    assert lines[2].split() == ["estimated", "UL54", "P522S"]
    assert lines[4].split() == ["valganciclovir", "as", "ganciclovir"]
    assert "foscarnet        Sensitive" in shown.stdout
    for heading in ("Why", "Changes", "Cross-resistance", "Read with"):
        assert heading in lines
    assert "                GCV  FOS  CDV  MBV  LMV" in lines
    assert "  UL97 A594V     R    .    .    P    ." in lines
    assert "  UL54 P522S     R    S    R    .    ." in lines
    assert "  all together   R    S    R    P    S" in lines
    assert "  UL97 A594V reaches ganciclovir, maribavir" in lines
    assert "levels: low from 2-fold, moderate from 5, high from 15" in shown.stdout


def test_what_limits_a_fold_stands_beside_it() -> None:
    shown = cmvigil("interpret", "UL97:A594V@12%", "UL97:C480F", "--complete").stdout
    assert "conflict" in shown
    only = cmvigil("interpret", "UL97:T409M@12%", "--complete").stdout
    assert "minority" in only
    assert "UL97:T409M@12%: phenotype known; minority, below 20%: Sanger" in only
    named = cmvigil("interpret", "UL97:C480F", "--complete").stdout.splitlines()
    (maribavir,) = [line for line in named if line.startswith("maribavir")]
    assert maribavir.split() == ["maribavir", "Resistant", "(high)", "-", "B", "UL97", "C480F"]
    assert "ganciclovir      Resistant (level not " in cmvigil("interpret", "UL54:L516W", "--complete").stdout


def test_piped_it_is_plain_and_80_wide() -> None:
    shown = real("interpret", "UL97:A594V@12%", "UL54:P522S", "UL97:C480F", "UL54:N685S", "UL97:A12*", "--complete")
    assert shown.returncode == 0
    assert shown.stdout.isascii()
    assert "\x1b" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert all(line == line.rstrip() for line in shown.stdout.splitlines())


def test_json() -> None:
    found = answer("UL97:A594V@12%", "UL97:F342Y", "--complete")
    assert set(found) == {"variants", "drugs", "cross_resistance", "notes", "knowledge"}
    assert set(found["knowledge"]) == {
        *("version", "hash", "databases", "overlays", "accepted_risks", "thresholds_set_by_site")
    }
    f342y, a594v = found["variants"]
    assert (f342y["gene"], f342y["change"], f342y["fraction"], f342y["kind"]) == ("UL97", "F342Y", None, "measured")
    assert (a594v["fraction"], a594v["natural"], a594v["used"]) == (0.12, 0.0341, True)
    gcv = next(each for each in a594v["drugs"] if each["drug"] == "ganciclovir")
    assert (gcv["fold_median"], gcv["fold_low"], gcv["fold_high"], gcv["studies"]) == (8.25, 6.4, 10.4, 6)
    assert (gcv["verdict"], gcv["level"], gcv["grade"], gcv["conflict"]) == ("resistant", "moderate", "A", True)
    drugs = {each["drug"]: each for each in found["drugs"]}
    assert drugs["ganciclovir"]["stands_for"] == ["valganciclovir"]
    assert drugs["maribavir"]["drivers"] == ["UL97 F342Y", "UL97 A594V"]
    assert drugs["foscarnet"] | {"reasons": []} == {
        "drug": "foscarnet",
        "stands_for": [],
        "verdict": "susceptible",
        "words": "Sensitive",
        "level": None,
        "fold_low": None,
        "fold_median": None,
        "fold_high": None,
        "grade": None,
        "conflict": False,
        "minority": False,
        "estimated": False,
        "drivers": [],
        "reasons": [],
        "sources": [],
        "dois": [],
    }
    assert {"variant": "UL97 F342Y", "drugs": ["ganciclovir", "maribavir"]}.items() <= found["cross_resistance"][
        0
    ].items()


def test_the_same_list_in_another_order_gives_the_same_bytes() -> None:
    one = cmvigil("interpret", "UL97:A594V", "UL54:P522S", "--complete", "--json").stdout
    assert one == cmvigil("interpret", "UL54:P522S,UL97:A594V", "--complete", "--json").stdout


def test_coverage() -> None:
    words = {each["drug"]: each["words"] for each in answer("UL97:A594V")["drugs"]}
    assert words["foscarnet"] == words["letermovir"] == "Not determined"
    some = {each["drug"]: each["words"] for each in answer("--covered", "UL97:440-645,UL54:255-1028")["drugs"]}
    assert (some["ganciclovir"], some["foscarnet"], some["maribavir"]) == ("Sensitive", "Sensitive", "Not determined")
    nothing = cmvigil("interpret", "--complete")
    assert nothing.exit_code == 0
    assert "Changes" not in nothing.stdout.splitlines()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "nothing to interpret; type changes such as UL97:A594V, or say with --covered what was read"),
        (["UL97:A594V", "--complete", "--covered", "UL97"], "--covered and --complete: say one of them"),
        (["UL97:G594V"], "'UL97:G594V': codon 594 of UL97 is A in Merlin, not G; check gene and codon"),
        (["UL97:G594V"], "1 problem; nothing was interpreted."),
        (["UL97:G594V", "UL1:A1V"], "2 problems; nothing was interpreted."),
        (["UL97:A594V", "--covered", "UL97:900"], "'UL97:900': UL97 has codons 1 to 707"),
    ],
)
def test_what_cannot_be_read_ends_with_its_reason(args: list[str], said: str) -> None:
    shown = cmvigil("interpret", *args)
    assert shown.exit_code == 2
    assert said in shown.stderr
    assert shown.stdout == ""


def test_a_sites_bands_are_used(tmp_path: Path) -> None:
    level = {"value": 8, "is": "high here", "sources": ["DESIGN"], "verification": "recalled"}
    site = write(tmp_path / "site", resistance__thresholds={"high_from": level, "accept_risk": "our own bands"})
    shown = cmvigil("interpret", "UL97:A594V", "--complete", "--knowledge", site)
    assert "Resistant (high)" in shown.stdout
    assert "high from 8" in shown.stdout
    for line in (
        "  overlays of the site: site",
        "  set by the site (shipped -> used): high_from 15 -> 8",
        "  risk accepted by the site: thresholds: our own bands (site)",
    ):
        assert line in shown.stdout.splitlines()
    used = answer("UL97:A594V", "--complete", "--knowledge", site)["knowledge"]
    assert used["overlays"] == ["site"] and used["accepted_risks"] == ["thresholds: our own bands (site)"]
    assert used["thresholds_set_by_site"] == [{"name": "high_from", "shipped": "15", "used": "8"}]


def test_the_help_has_examples_that_work() -> None:
    help_lines = [line.strip() for line in cmvigil("interpret", "--help").stdout.splitlines()]
    examples = [line.split()[2:] for line in help_lines if line.startswith("cmvigil interpret")]
    assert len(examples) == 2 and all(cmvigil("interpret", *args).exit_code == 0 for args in examples)


def test_a_deletion_keeps_the_table_within_80_columns() -> None:
    shown = cmvigil("interpret", "UL97:del595-603", "UL54:del981-982").stdout
    assert "UL97 del595_603" in shown and max(map(len, shown.splitlines())) <= 80
