"""``cmvigil knowledge diff``: which verdicts an update changes, with an exit code that a check can use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.run import cmvigil, real
from tests.support.small_knowledge import write

from cmvigil.reasoning.loader import BASE, load

BANDS = {"low_from": {"value": 2.5, "is": "our band", "sources": ["SOT3"], "verification": "recalled"}}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An overlay that moves a band, its risk not accepted yet."""
    return write(tmp_path / "site", resistance__thresholds=BANDS)


def test_nothing_differs_from_itself() -> None:
    shown = cmvigil("knowledge", "diff", "shipped", "shipped")
    assert shown.exit_code == 0
    assert "verdicts that differ: 0, in fold or grade only: 0" in shown.stdout
    assert "Why" not in shown.stdout and "What else" not in shown.stdout
    assert shown.stdout.startswith(f"before: knowledge {load().version} ({load().hash})\n")


def test_what_differs_is_shown_with_its_reason(site: Path) -> None:
    shown = cmvigil("knowledge", "diff", "shipped", site)
    assert shown.exit_code == 1
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert "change drug before after" in lines
    assert "UL27 E22* maribavir Resistant (low) Possible resistance" in lines
    assert lines.index("UL27 E22*, maribavir") + 1 == lines.index("- threshold low_from: 2, now 2.5")
    assert "threshold low_from: 2, now 2.5" in lines
    assert "ganciclovir, codons of UL97 no longer needed: 613" in lines


def test_at_width_80_nothing_is_cut(site: Path) -> None:
    shown = real("knowledge", "diff", "shipped", site, COLUMNS="80")
    assert shown.returncode == 1
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "…" not in shown.stdout


def test_json(site: Path) -> None:
    shown = cmvigil("knowledge", "diff", "shipped", site, "--json")
    assert shown.exit_code == 1
    found = json.loads(shown.stdout)
    assert found["before"] == {"version": load().version, "hash": load().hash, "databases": []}
    assert found["thresholds"] == [{"name": "low_from", "before": "2", "after": "2.5"}]
    assert found["rows"] == {"added": 0, "removed": 0, "changed": 0}
    one = next(each for each in found["changed"] if each["changes"] == ["UL27 E22*"])
    assert one["before"] == {"verdict": "resistant", "level": "low", "fold": 2.0, "grade": "B"}
    assert one["after"]["verdict"] == "possible" and one["verdict_differs"] is True
    assert found["verdicts_differ"] == sum(each["verdict_differs"] for each in found["changed"])


def test_an_older_version_is_compared_even_where_its_pathway_cannot_be_read(tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(BASE, older)
    (older / "resistance" / "strains.yaml").unlink(missing_ok=True)
    (older / "pathway" / "own.yaml").write_text("rules: {old: {when: a grammar of old}}\n")
    (older / "version.yaml").write_text("version: 2020.1.0\n")
    rows = (older / "resistance" / "measurements.csv").read_text().splitlines(keepends=True)
    (older / "resistance" / "measurements.csv").write_text("".join(row for row in rows if ",C592G," not in row))
    shown = cmvigil("knowledge", "diff", older, "shipped")
    assert shown.exit_code == 1, shown.stderr
    assert "before: knowledge 2020.1.0" in shown.stdout
    assert "- row new: UL97 C592G" in shown.stdout
    assert "measurements: " in shown.stdout and " added, 0 removed, 0 changed" in shown.stdout


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_folder_without_knowledge_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    shown = cmvigil("knowledge", "diff", "shipped", tmp_path / place)
    assert shown.exit_code == 2
    assert shown.stderr == f"{tmp_path / place}: no knowledge folder; give one, or `shipped` for what is installed\n"


def test_knowledge_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(BASE, whole)
    (whole / "resistance" / "polymorphisms.csv").unlink()
    shown = cmvigil("knowledge", "diff", whole, "shipped")
    assert (shown.exit_code, shown.stderr) == (2, "resistance/polymorphisms.csv: is missing\n")
    broken = write(tmp_path / "site", resistance__thresholds={"low_from": {"value": "two"}})
    assert cmvigil("knowledge", "diff", "shipped", broken).exit_code == 2
