"""Dated tasks: what is due, what was done, what is late."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support import small_knowledge as k

from cmvigil.advice import Task
from cmvigil.assess.schedule import AT_MOST, tasks_of
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.outcome import FactValue, Outcome

DAY = timedelta(days=1)


def tasks(
    folder: Path, entry: dict[str, Any], start: int | None = -10, done: FactValue | None = None, line: bool = False
) -> list[Task]:
    """Tasks of one entry for a treatment that began ``start`` days from AS_OF."""
    program = load(k.base(folder, rules={"own": k.rule("hiv", schedule=[{"what": "count", **entry}])}))
    begun = None if start is None else k.AS_OF + start * DAY
    facts = {"start": FactValue("known", None, None, begun), "done": done or FactValue("missing")}
    values = {"line_start": begun, "line_running": line}
    outcome = Outcome("p", k.AS_OF, facts=facts, values=values)
    return list(tasks_of(program.rules["own"], outcome, str.upper))


def days(found: list[Task]) -> list[int]:
    """Days from AS_OF, overdue ones negative."""
    offsets = [(date.fromisoformat(t.day) - k.AS_OF).days for t in found]
    assert [t.overdue for t in found] == [o < 0 for o in offsets]
    return offsets


def test_one_date_or_a_series(tmp_path: Path) -> None:
    assert days(tasks(tmp_path / "1", {"from": 3})) == [3]
    assert days(tasks(tmp_path / "2", {"from": 7, "until": 21, "anchor": "start"})) == [-3, 4, 11]
    assert days(tasks(tmp_path / "3", {"from": 2, "until": 10, "every": 4, "anchor": "start"})) == [-4, 0]
    assert days(tasks(tmp_path / "4", {"until": 70, "every": 1})) == list(range(AT_MOST))


@pytest.mark.parametrize(
    ("entry", "listed", "repeats"),
    [
        ({"until": 7 * (AT_MOST + 3)}, AT_MOST, "then every 7 days until 14 Jun 2026"),
        ({"until": 20, "every": 1}, AT_MOST, "then every day until 21 Mar 2026"),
        ({"until": 7 * (AT_MOST - 1)}, AT_MOST, ""),
        ({"from": 3}, 1, ""),
    ],
)
def test_a_series_that_goes_on_says_so_with_its_last_date(
    tmp_path: Path, entry: dict[str, Any], listed: int, repeats: str
) -> None:
    found = tasks(tmp_path, entry)
    assert len(found) == listed
    assert [task.repeats for task in found] == [*[""] * (listed - 1), repeats]


def test_only_the_newest_missed_date_is_late(tmp_path: Path) -> None:
    assert days(tasks(tmp_path, {"from": 0, "until": 14, "every": 2, "anchor": "start"})) == [-2, 0, 2, 4]


@pytest.mark.parametrize(
    ("done", "open_days"),
    [
        (FactValue("known", None, None, k.AS_OF - 4 * DAY), [-1, 2, 5]),
        (FactValue("stale", None, None, k.AS_OF - 1 * DAY), [2, 5]),
        (FactValue("unusable", None, None, k.AS_OF), [2, 5]),
        (FactValue("absent", False, None, k.AS_OF), [-1, 2, 5]),
        (FactValue("missing"), [-1, 2, 5]),
    ],
)
def test_what_was_done_settles_all_before_it_and_one_day_after(
    tmp_path: Path, done: FactValue, open_days: list[int]
) -> None:
    entry = {"from": 6, "until": 15, "every": 3, "anchor": "start", "done": "done"}
    assert days(tasks(tmp_path, entry, done=done)) == open_days


def test_slack_says_how_far_before_its_date_a_task_may_be_done(tmp_path: Path) -> None:
    done = FactValue("known", None, None, k.AS_OF - 1 * DAY)
    entry = {"from": 12, "anchor": "start", "done": "done"}
    assert days(tasks(tmp_path / "1", entry, done=done)) == [2]
    assert days(tasks(tmp_path / "2", {**entry, "slack": 3}, done=done)) == []


def test_an_anchor_without_a_date_gives_no_task(tmp_path: Path) -> None:
    assert tasks(tmp_path / "1", {"anchor": "start", "from": 1}, start=None) == []
    assert tasks(tmp_path / "2", {"anchor": "done", "from": 1}) == []
    assert tasks(tmp_path / "3", {"anchor": "nothing", "from": 1}) == []
    stale = FactValue("stale", None, None, k.AS_OF)
    assert tasks(tmp_path / "4", {"anchor": "done", "from": 1}, done=stale) == []
    assert days(tasks(tmp_path / "5", {"anchor": "line_start", "from": 11})) == [1]


def test_a_task_is_worded_and_counts_the_day_of_treatment(tmp_path: Path) -> None:
    (plain,) = tasks(tmp_path / "1", {"from": 4}, line=True)
    expected = Task(day="2026-03-05", therapy_day=14, what="COUNT", why="HEADLINE", rule="own", topic="finding")
    assert plain == expected
    (other,) = tasks(tmp_path / "2", {"from": 4, "why": "because"})
    assert (other.therapy_day, other.why) == (None, "BECAUSE")
