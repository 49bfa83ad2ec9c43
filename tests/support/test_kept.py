"""What is fetched once is whole or not there; what a tool said is shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from tests.support import npm
from tests.support.kept import CannotMakeError, made_once, run


def test_it_is_made_once_and_found_whole(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("whole")

    for _ in range(2):
        assert made_once(tmp_path / "cache" / "x", make).read_text() == "whole"
    assert len(made) == 1
    assert made[0].parent != tmp_path / "cache"


def test_half_of_it_is_not_kept(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_text("ha")
        raise CannotMakeError("no more")

    with pytest.raises(CannotMakeError):
        made_once(tmp_path / "x", half)
    assert [path.name for path in tmp_path.iterdir()] == ["x.lock"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([sys.executable, "-c", "raise SystemExit('the registry is away')"], "ended with 1: the registry is away"),
        (["/nowhere/tool"], "tool: "),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "timed out"),
    ],
)
def test_a_tool_that_fails_is_heard(command: Sequence[str], said: str) -> None:
    with pytest.raises(CannotMakeError, match=said):
        run(command, timeout=3)


def test_without_a_network_the_test_is_skipped_but_never_in_continuous_integration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(path: Path, *_: str) -> NoReturn:
        raise CannotMakeError(f"no {path.name}")

    monkeypatch.setattr(npm, "CACHE", tmp_path)
    monkeypatch.setattr(npm, "_fetch", away)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(CannotMakeError):
        npm.archive("package", "1.0", "sha512-")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="package cannot be fetched: no"):
        npm.archive("package", "1.0", "sha512-")


def test_another_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm, "CACHE", tmp_path)
    monkeypatch.setattr(npm, "_fetch", lambda path, *_: path.write_bytes(b"other"))
    with pytest.raises(ValueError, match="pinned is sha512-"):
        npm.archive("package", "1.0", "sha512-")
