"""``cmvigil replay``: what would have been said on each day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.run import CASE, cmvigil

from cmvigil.cli import replay as command


def test_badges_change_and_each_finding_has_its_first_day() -> None:
    shown = cmvigil("replay", CASE)
    assert shown.exit_code == 0
    assert shown.stderr == ""
    badges, first = shown.stdout.split("\nFirst said ")
    days = [line[:10] for line in badges.splitlines()]
    assert days == sorted(set(days))
    said = dict(zip(days, badges.splitlines(), strict=True))
    assert "Recurrent: no, first episode" in said["2025-12-02"]
    assert "Recurrent: yes, episode 2" in said["2026-03-13"]
    assert "(cause_thiopurine)" in first


def test_json_holds_days_and_first_days() -> None:
    found = json.loads(cmvigil("replay", CASE, "--json").stdout)
    days = [day["day"] for day in found["days"]]
    assert days == sorted(set(days))
    assert days[-1] == "2026-03-28"
    by_day = {day["day"]: day["applies"] for day in found["days"]}
    for first in found["first"]:
        assert first["rule"] in by_day[first["day"]]
        assert all(first["rule"] not in applies for day, applies in by_day.items() if day < first["day"])


def test_every_looks_between(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(
        "cmvigil: 1\nas_of: 2026-03-10\nviral_loads:\n"
        "  - {date: 2026-03-01, value: 900, unit: IU/mL, specimen: plasma, lloq: 50}\n"
    )

    def days(*args: str) -> list[str]:
        return [day["day"][-2:] for day in json.loads(cmvigil("replay", file, "--json", *args).stdout)["days"]]

    assert days() == ["01", "10"]
    assert days("--every", "4") == ["01", "05", "09", "10"]
    assert len(days("--every", "1")) == 10
    assert "looked on 2 days" in cmvigil("replay", file).stdout
    assert cmvigil("replay", file, "--every", "-1").exit_code == 2


def test_nothing_dated_is_nothing_to_replay(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text("cmvigil: 1\n")
    shown = cmvigil("replay", file)
    assert shown.exit_code == 2
    assert shown.stderr == f"{file}: no dated entry, nothing to replay\n"


@pytest.mark.parametrize(
    ("json", "days", "terminal", "shown"),
    [(False, 51, True, True), (True, 51, True, False), (False, 50, True, False), (False, 51, False, False)],
)
def test_progress_is_for_long_work_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, json: bool, days: int, terminal: bool, shown: bool
) -> None:
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert (command._quiet(json, days) is sys.stderr) == shown
