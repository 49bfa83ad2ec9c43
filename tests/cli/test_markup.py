"""Brackets in a record are shown as they are, never read as markup."""

from __future__ import annotations

import pytest
from tests.cli.run import CASE, cmvigil

from cmvigil.assess import replay, walkback
from cmvigil.assess.replay import Day, Replay


def test_brackets_reach_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    real = walkback.explain

    def bracketed(*args: object) -> object:
        marked = {"headline": "assay [bold] x [/y]", "state": "overridden", "overridden_by": "[red]"}
        return real(*args).model_copy(update=marked)  # type: ignore[arg-type]

    monkeypatch.setattr(walkback, "explain", bracketed)
    shown = cmvigil("explain", CASE, "cause_steroid")
    assert shown.stdout.startswith("assay [bold] x [/y]  (cause_steroid")
    assert "gives way to: [red]." in shown.stdout
    made = Replay(days=[Day(day="2026-03-01", status=["Site: [/gut]"], applies=[])], first=[])
    monkeypatch.setattr(replay, "replay", lambda *_: made)
    assert cmvigil("replay", CASE).stdout.startswith("2026-03-01  Site: [/gut]")
