"""``cmvigil options``: the appraisal of one patient."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.cli.run import CASE, ROOT, cmvigil, real

from cmvigil.report import words

EXAMPLES = sorted((ROOT / "examples").glob("*/case.yaml"))


def test_kidney_then_the_table_then_the_reasons() -> None:
    shown = cmvigil("options", CASE)
    assert shown.exit_code == 0
    assert shown.stderr == ""
    places = [shown.stdout.index(text) for text in ("Creatinine clearance", "not a score", "Sources")]
    assert places == sorted(places)
    table = shown.stdout[places[0] : places[1]].splitlines()
    rows = [line for line in table if line.startswith(tuple(words.VERDICT_SIGN.values()))]
    assert {"Ganciclovir", "Foscarnet", "Maribavir"} <= {row.split()[2].rstrip(",") for row in rows}


def test_json_is_day_kidney_and_options_as_the_schema_has_them() -> None:
    answer = json.loads(cmvigil("options", CASE, "--json").stdout)
    assert set(answer) == {"as_of", "kidney", "options"}
    assert answer["as_of"] == "2026-03-28"
    assert [option["rank"] for option in answer["options"]] == list(range(1, len(answer["options"]) + 1))
    schema = json.loads((ROOT / "docs" / "schemas" / "advice.schema.json").read_text())
    for name, node in (("Kidney", answer["kidney"]), *(("Option", option) for option in answer["options"])):
        jsonschema.Draft202012Validator({**schema["$defs"][name], "$defs": schema["$defs"]}).validate(node)


def test_the_appraisal_is_that_of_assess() -> None:
    alone = json.loads(cmvigil("options", CASE, "--json").stdout)
    whole = json.loads(cmvigil("assess", CASE, "--json").stdout)
    assert (alone["options"], alone["kidney"]) == (whole["options"], whole["kidney"])


def test_without_current_cmv_it_appraises_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(
        "cmvigil: 1\nas_of: 2026-03-28\nperson: {age: 60, sex: male}\n"
        "labs: {creatinine: {date: 2026-03-27, value: 106 umol/L}}\n"
    )
    assert json.loads(cmvigil("assess", file, "--json").stdout)["options"] == []
    shown = cmvigil("options", file)
    assert shown.exit_code == 0
    assert "Creatinine clearance not known: weight" in shown.stdout
    assert len(json.loads(cmvigil("options", file, "--json").stdout)["options"]) >= 6


def test_another_day_is_another_appraisal() -> None:
    early = json.loads(cmvigil("options", CASE, "--as-of", "2025-12-10", "--json").stdout)
    assert early["as_of"] == "2025-12-10"
    assert cmvigil("options", CASE, "--as-of", "soon").exit_code == 2


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_is_appraised_within_eighty_columns(file: Path) -> None:
    shown = real("options", file)
    assert shown.returncode == 0, shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout


def test_assess_shows_the_table_in_its_place() -> None:
    shown = cmvigil("assess", CASE).stdout
    assert shown.index("What to do now") < shown.index(words.OPTIONS) < shown.index("not a score")


def test_what_cannot_be_read_ends_in_one_message(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text("cmvigil: 1\nagee: 3\n")
    shown = cmvigil("options", file)
    assert shown.exit_code == 2
    assert "agee" in shown.stderr
    assert shown.stdout == ""
