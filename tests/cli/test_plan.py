"""``cmvigil plan``: dates, safety, dosing cards, and their exports."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tests.cli.run import CASE, ROOT, cmvigil, real
from tests.report.test_ics import events

EXAMPLES = sorted((ROOT / "examples").glob("*/case.yaml"))
FOSCARNET = ROOT / "examples" / "resistant-on-foscarnet" / "case.yaml"


def test_dates_and_the_card_of_what_runs() -> None:
    shown = cmvigil("plan", CASE)
    assert shown.exit_code == 0
    assert shown.stderr == ""
    assert shown.stdout.index("What to watch") < shown.stdout.index("Dosing card: ganciclovir")
    assert "it never orders" in shown.stdout


def test_safety_comes_first() -> None:
    shown = cmvigil("plan", FOSCARNET).stdout
    places = [shown.index(text) for text in ("Safety first", "What to watch", "Dosing card: foscarnet")]
    assert places == sorted(places)


def test_files_are_written_beside_the_terminal_or_json(tmp_path: Path) -> None:
    ics, table, card = tmp_path / "new" / "plan.ics", tmp_path / "plan.csv", tmp_path / "card.html"
    shown = cmvigil("plan", CASE, "--ics", ics, "--csv", table, "--card", card)
    assert shown.exit_code == 0
    assert f"Written: {ics}\nWritten: {table}\nWritten: {card}\n" in shown.stdout
    once = [path.read_bytes() for path in (ics, table, card)]
    silent = cmvigil("plan", CASE, "--ics", ics, "--csv", table, "--card", card, "--json")
    tasks = json.loads(silent.stdout)["tasks"]
    assert [path.read_bytes() for path in (ics, table, card)] == once
    found = events(once[0].decode())
    _, *rows = csv.reader(once[1].decode().splitlines())
    assert len(found) == len(rows) == len(tasks) > 0
    assert once[2].startswith(b"<!doctype html>")
    assert b"Dosing card: ganciclovir" in once[2]


def test_json_is_alerts_dates_kidney_and_the_chosen() -> None:
    answer = json.loads(cmvigil("plan", FOSCARNET, "--json").stdout)
    assert set(answer) == {"alerts", "as_of", "chosen", "kidney", "tasks"}
    assert answer["chosen"][0]["drug"] == "foscarnet"
    assert {alert["severity"] for alert in answer["alerts"]} == {"harm"}


def test_another_day_is_another_plan() -> None:
    assert json.loads(cmvigil("plan", CASE, "--as-of", "2025-12-10", "--json").stdout)["as_of"] == "2025-12-10"
    assert cmvigil("plan", CASE, "--as-of", "soon").exit_code == 2


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_has_a_plan_within_eighty_columns_and_a_calendar(file: Path, tmp_path: Path) -> None:
    shown = real("plan", file, "--ics", tmp_path / "plan.ics", "--card", tmp_path / "card.html")
    assert shown.returncode == 0, shown.stderr
    lines = [line for line in shown.stdout.splitlines() if not line.startswith("Written: ")]
    assert max(map(len, lines)) <= 80
    events((tmp_path / "plan.ics").read_bytes().decode())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shown = cmvigil("plan", CASE, "--ics", tmp_path / "file" / "plan.ics")
    assert shown.exit_code == 2
    assert "cannot be written" in shown.stderr
