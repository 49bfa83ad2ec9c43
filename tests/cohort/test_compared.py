"""Two versions of the knowledge over the same patients: by rule who gains and who loses it, and why."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import pytest
from tests.cli.run import cmvigil
from tests.support.small_knowledge import write

from cmvigil.cohort.compared import Moved, case_files
from cmvigil.reasoning.loader import BASE

from . import small
from .support import export

RULE = "day_14_check_overdue"
DAY = "2026-03-19"  # "late" is overdue from 18 March, day 16, on


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An overlay that calls a check overdue three days later."""
    later = {"value": 5, "unit": "d", "is": "our patience", "sources": ["DESIGN"], "verification": "recalled"}
    return write(tmp_path / "site", pathway__ours={"settings": {"overdue_days": later}})


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    small.write(folder)
    return folder


@pytest.fixture
def bulk(tmp_path: Path) -> Path:
    return export(tmp_path / "bulk", small.resources(tmp_path))


def _diff(before: object, after: object, folder: Path, *more: object) -> tuple[int, dict[str, Any]]:
    given = ("--cohort", folder, "--as-of", DAY, "--out", folder.parent / "out", "--json", *more)
    shown = cmvigil("knowledge", "diff", before, after, *given)
    return shown.exit_code, json.loads(shown.stdout)


@pytest.mark.parametrize("kind", ["cases", "bulk"])
def test_who_loses_a_rule_and_why(kind: str, site: Path, request: pytest.FixtureRequest) -> None:
    code, found = _diff("shipped", site, request.getfixturevalue(kind))
    assert (code, found["patients"], found["patients_that_differ"]) == (1, 3, 1)
    one, *others = found["rules"]
    assert not others
    assert (one["rule"], one["gained"], one["lost"], one["changed"], one["reworded"]) == (RULE, 0, 1, 0, 0)
    (first,) = one["first"]
    assert (first["patient"], first["before"], first["after"], first["how"]) == ("late", "applies", "silent", "lost")
    assert any("14 + 5" in line or "19" in line or "overdue" in line for line in first["why"]["after"])
    assert first["why"]["before"] != first["why"]["after"]


@pytest.mark.parametrize("kind", ["cases", "bulk"])
def test_the_other_way_round_it_is_gained(kind: str, site: Path, request: pytest.FixtureRequest) -> None:
    code, found = _diff(site, "shipped", request.getfixturevalue(kind), "--patient", "late")
    assert code == 1
    assert [(each["rule"], each["gained"], each["lost"]) for each in found["rules"]] == [(RULE, 1, 0)]


def test_other_words_are_counted_where_they_are_said(cases: Path, tmp_path: Path) -> None:
    headline = {"rules": {RULE: {"headline": "Overdue: no load since day 14"}}}
    code, found = _diff("shipped", write(tmp_path / "words", pathway__ours=headline), cases)
    assert code == 1
    (one,) = found["rules"]
    assert (one["rule"], one["reworded"], one["gained"], one["lost"]) == (RULE, 1, 0, 0)
    assert found["patients_that_differ"] == 0


def test_nothing_differs_from_itself(cases: Path) -> None:
    code, found = _diff("shipped", "shipped", cases)
    assert (code, found["rules"], found["otherwise"]) == (0, [], {})


def test_what_is_shown(site: Path, cases: Path) -> None:
    shown = cmvigil("knowledge", "diff", "shipped", site, "--cohort", cases, "--as-of", DAY)
    assert shown.exit_code == 1
    assert "1 of 3 patients are told otherwise by a rule" in shown.stdout
    assert f"{RULE} (alert, act): no longer 1" in shown.stdout
    assert "late: applies, now silent" in shown.stdout
    assert "before ● day of the latest antiviral treatment (start is day 0) ≥ 14 + 2" in shown.stdout
    assert "now    ○ day of the latest antiviral treatment (start is day 0) ≥ 14 + 5" in shown.stdout
    assert "What else" not in shown.stdout


def test_what_is_no_rule_of_weight_is_shown_for_case_files(cases: Path, tmp_path: Path) -> None:
    badge = {"rules": {"badge_refractory_no_late_load": {"headline": "Refractory: not to be told yet"}}}
    ours = write(tmp_path / "ours", pathway__ours=badge)
    shown = cmvigil("knowledge", "diff", "shipped", ours, "--cohort", cases, "--as-of", DAY)
    assert shown.exit_code == 1
    assert "0 of 3 patients are told otherwise by a rule" in shown.stdout
    _, _, rest = " ".join(shown.stdout.split()).partition("What else is said otherwise, of 1 patient")
    assert "late" in rest and "now not to be told yet" in rest and "rising" not in rest


def test_of_an_export_a_changed_dose_shows_though_no_rule_says_another_thing(bulk: Path, tmp_path: Path) -> None:
    copytree(BASE, tmp_path / "knowledge")
    drug = tmp_path / "knowledge" / "antivirals" / "valganciclovir.yaml"
    drug.write_text(drug.read_text().replace("{lower: 60, dose: 900,", "{lower: 60, dose: 450,", 1))
    code, found = _diff("shipped", tmp_path / "knowledge", bulk)
    assert (code, found["by_rule_only"]) == (1, 1)
    (option,) = (each for each in found["otherwise"]["late"] if each["what"] == "valganciclovir")
    assert "induction 900\xa0mg" in option["before"] and "induction 450\xa0mg" in option["after"]
    with duckdb.connect() as on:
        rows = on.execute(f"FROM '{bulk.parent}/out/difference_otherwise.parquet'").fetchall()
    named = [
        (name, *map(each.get, ("section", "what", "before", "after")))
        for name, all_ in found["otherwise"].items()
        for each in all_
    ]
    assert rows == sorted(named)
    alone = _diff("shipped", tmp_path / "knowledge", bulk, "--patient", "late")[1]
    assert alone["otherwise"] == {"late": found["otherwise"]["late"]}
    given = ("shipped", tmp_path / "knowledge", "--cohort", bulk, "--as-of", DAY, "--out", tmp_path / "out")
    shown = " ".join(cmvigil("knowledge", "diff", *given).stdout.split())
    assert f"What else is said otherwise, of {len(found['otherwise'])} patient" in shown
    assert f"{option['section']}, valganciclovir: " in shown and "induction 450 mg" in shown
    assert "Of 1 patient without a trace of CMV only the rules were compared." in shown


def test_of_patients_without_a_trace_of_cmv_only_the_rules_are_compared(bulk: Path, site: Path) -> None:
    code, found = _diff("shipped", site, bulk)
    assert (code, found["patients"], found["by_rule_only"]) == (1, 3, 1)
    assert _diff("shipped", site, bulk, "--patient", "none")[1]["by_rule_only"] == 0


def test_each_change_names_three_patients_and_counts_the_others(cases: Path, tmp_path: Path) -> None:
    for number in range(4):
        (cases / f"late{number}.yaml").write_bytes((cases / "late.yaml").read_bytes())
    badge = {"rules": {"badge_refractory_no_late_load": {"headline": "Refractory: not to be told yet"}}}
    ours = write(tmp_path / "ours", pathway__ours=badge)
    shown = cmvigil("knowledge", "diff", "shipped", ours, "--cohort", cases, "--as-of", DAY).stdout
    assert "Status, Refractory: 5 patients" in shown
    _, _, rest = shown.partition("Status, Refractory: 5 patients")
    assert "late2" not in rest and "and 2 more" in rest


def test_a_patient_that_is_not_there(cases: Path, bulk: Path, tmp_path: Path) -> None:
    for folder, said in ((cases, "Did you mean 'late'?"), (bulk, "no patient 'lat'")):  # a case is a file's name
        shown = cmvigil(
            "knowledge", "diff", "shipped", "shipped", "--cohort", folder, "--patient", "lat", "--out", tmp_path / "out"
        )
        assert shown.exit_code == 2
        assert said in " ".join(shown.output.split())


def test_a_store_that_is_there_is_left_alone(bulk: Path, tmp_path: Path) -> None:
    """Not read anew, and its answers and tables stay; a temporary one is gone in the end."""
    out = tmp_path / "out"
    export(tmp_path / "other", [each for each in small.resources(tmp_path) if "rising" in str(each)])
    assert cmvigil("cohort", tmp_path / "other", "--out", out, "--jobs", 1).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert cmvigil("knowledge", "diff", "shipped", "shipped", "--cohort", bulk, "--out", out).exit_code == 0
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    assert after.pop("difference.parquet") and after.pop("difference_otherwise.parquet")
    assert after == before


def test_a_sites_own_codes_count(bulk: Path, site: Path, tmp_path: Path) -> None:
    """Loads under a local code: without the mapping nothing is found, with it as much as under their own."""
    path = bulk / "Observation.ndjson"
    path.write_bytes(path.read_bytes().replace(b'"urn:cmvigil:concept","code":"cmv_load"', b'"urn:lab","code":"PCR"'))
    assert b"urn:lab" in path.read_bytes()
    mapping = tmp_path / "mapping.csv"
    mapping.write_text("system,code,concept,specimen,assay\nurn:lab,PCR,cmv_load,plasma,\n")
    assert _diff("shipped", site, bulk)[1]["rules"] == []
    (one,) = _diff("shipped", site, bulk, "--mapping", mapping)[1]["rules"]
    assert (one["rule"], one["lost"]) == (RULE, 1)


def test_options_of_patients_need_a_cohort() -> None:
    for given in (("--patient", "x"), ("--mapping", __file__)):
        shown = cmvigil("knowledge", "diff", "shipped", "shipped", *given)
        assert shown.exit_code == 2
        assert "--cohort" in shown.output


def test_case_files(tmp_path: Path) -> None:
    assert case_files(tmp_path) == {}
    (tmp_path / "one.yaml").touch()
    assert list(case_files(tmp_path)) == ["one"]
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "case.yaml").touch()
    (tmp_path / "two" / "expected.yaml").touch()
    assert list(case_files(tmp_path)) == ["two"]


def test_how_a_state_moved() -> None:
    assert Moved("p", "silent", "provided").how == "gained"
    assert Moved("p", "applies", "overridden").how == "lost"
    assert Moved("p", "applies", "provided").how == "changed"
    assert Moved("p", "silent", "undetermined").how == "changed"
