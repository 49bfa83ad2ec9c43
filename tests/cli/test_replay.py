"""``cmvigil replay``: what would have been said on each day."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.run import CASE, cmvigil
from typer.testing import Result

from cmvigil.cli import replay as command


@pytest.fixture(scope="module")
def shown() -> Result:
    """The whole replay of the example."""
    return cmvigil("replay", CASE)


def test_badges_change_and_each_finding_has_its_first_day(shown: Result) -> None:
    assert shown.exit_code == 0
    assert shown.stderr == ""
    badges, first = shown.stdout.split("\nFirst said ")
    days = [line[:10] for line in badges.splitlines()]
    assert days == sorted(set(days))
    said = dict(zip(days, badges.splitlines(), strict=True))
    assert "Recurrent: none known before" in said["2025-12-02"]
    assert "Recurrent: yes, episode 2" in said["2026-03-13"]
    assert "(cause_thiopurine)" in first
    assert "2025-12-06  On ganciclovir: a full blood count is due" in first  # by time alone, on a day without news
    assert "2025-12-06" not in badges
    assert "2025-12-16  Early sign of recurrence" in first  # the day after the treatment
    assert "2025-12-24  Overdue: CMV load (same assay and specimen) (early_sign_of_recurrence)" in first


def test_a_course_that_is_a_day_older_is_no_news(shown: Result) -> None:
    badges = shown.stdout.split("\nFirst said ")[0]
    assert "2025-12-03" in badges
    assert "2025-12-04" not in badges


def test_json_holds_days_and_first_days() -> None:
    found = json.loads(cmvigil("replay", CASE, "--json", "--every", "10").stdout)
    days = [day["day"] for day in found["days"]]
    assert days == sorted(set(days))
    assert days[-1] == "2026-03-28"
    applies = {day["day"]: day["applies"] for day in found["days"]}
    overdue = {day["day"]: day["overdue"] for day in found["days"]}
    for first in found["first"]:
        late = first["headline"].startswith("Overdue: ")
        by_day = overdue if late else applies
        assert first["rule"] in by_day[first["day"]]
        assert late or all(first["rule"] not in rules for day, rules in by_day.items() if day < first["day"])
    assert any(first["headline"].startswith("Overdue: ") for first in found["first"])


def test_every_looks_between(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(
        "cmvigil: 1\nas_of: 2026-03-10\nviral_loads:\n"
        "  - {date: 2026-03-01, value: 900, unit: IU/mL, specimen: plasma, lloq: 50}\n"
    )

    def days(*args: str) -> list[str]:
        return [day["day"][-2:] for day in json.loads(cmvigil("replay", file, "--json", *args).stdout)["days"]]

    assert days("--news-only") == ["01", "10"]
    assert days("--every", "4") == ["01", "05", "09", "10"]
    assert len(days()) == len(days("--every", "1")) == 10
    assert "(looked on 10 days, each of them)" in cmvigil("replay", file).stdout
    assert "(looked on 4 days: every 4 days and on news)" in cmvigil("replay", file, "--every", "4").stdout
    shown = cmvigil("replay", file, "--news-only").stdout
    assert "(looked on the 2 days with news; without --news-only on each)" in shown
    assert cmvigil("replay", file, "--every", "-1").exit_code == 2
    both = cmvigil("replay", file, "--every", "2", "--news-only")
    assert (both.exit_code, both.stderr) == (2, "--every and --news-only: give one of the two\n")


def test_a_long_chart_is_looked_at_on_news_at_first_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "EACH_DAY_OF", 5)
    file = tmp_path / "case.yaml"
    file.write_text(
        "cmvigil: 1\nas_of: 2026-03-10\nviral_loads:\n"
        "  - {date: 2025-03-01, value: 900, unit: IU/mL, specimen: plasma, lloq: 50}\n"
    )
    found = json.loads(cmvigil("replay", file, "--json").stdout)
    days = ["2025-03-01", *(f"2026-03-{day:02}" for day in range(5, 11))]
    assert [day["day"] for day in found["days"]] == days
    assert "(looked on each of the last 5 days, before them on days with news; " in cmvigil("replay", file).stdout


def test_a_birth_does_not_start_the_replay(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(
        "cmvigil: 1\nas_of: 2026-03-10\nperson: {birth_date: 2026-01-20}\nviral_loads:\n"
        "  - {date: 2026-03-08, value: 900, unit: IU/mL, specimen: plasma, lloq: 50}\n"
    )
    found = json.loads(cmvigil("replay", file, "--json").stdout)
    assert [day["day"] for day in found["days"]] == ["2026-03-08", "2026-03-09", "2026-03-10"]


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
