"""``cmvigil synth`` at the command line."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.cli.run import cmvigil, real

from cmvigil.cli.synth import Who
from cmvigil.synth.hosts import HOSTS, MIX


def test_it_says_what_it_made(tmp_path: Path) -> None:
    out = tmp_path / "ward"
    shown = cmvigil("synth", out, "--patients", 12, "--seed", 5)
    assert shown.exit_code == 0, shown.output
    truth = [orjson.loads(line) for line in (out / "truth.ndjson").read_bytes().splitlines()]
    ill = sum(each["cmv"] for each in truth)
    written = sum(len(path.read_bytes().splitlines()) for path in (out / "fhir").iterdir())
    assert shown.stdout.startswith(f"12 virtual patients, {ill} with CMV; {written} resources. All synthetic.\n")
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "fhir", "synthetic.json", "truth.ndjson"]


def test_options_reach_the_patients(tmp_path: Path) -> None:
    out = tmp_path / "ward"
    options = ["--host", "hiv", "--cmv", "1", "--days", "60", "--until", "2025-03-31", "--first", "7", "--gz"]
    shown = cmvigil("synth", out, "--patients", 3, *options, "--split", 1)
    assert shown.exit_code == 0, shown.output
    truth = [orjson.loads(line) for line in (out / "truth.ndjson").read_bytes().splitlines()]
    assert [each["number"] for each in truth] == [7, 8, 9]
    assert {(each["host"], each["cmv"], each["from"], each["until"]) for each in truth} == {
        ("hiv", True, "2025-01-31", "2025-03-31")
    }
    assert (out / "fhir" / "Patient.001.ndjson.gz").exists()


def test_every_kind_of_patient_can_be_asked_for() -> None:
    assert {each.value for each in Who} == {MIX, *HOSTS}


def test_nothing_is_written_over(tmp_path: Path) -> None:
    shown = cmvigil("synth", tmp_path)
    assert shown.exit_code == 2
    assert "is there already" in shown.output


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shown = cmvigil("synth", tmp_path / "file" / "ward")
    assert shown.exit_code == 2
    assert "cannot be written" in shown.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize("until", ["31.3.2025", "1999-12-31"])
def test_a_day_that_cannot_be_is_said(tmp_path: Path, until: str) -> None:
    shown = cmvigil("synth", tmp_path / "ward", "--until", until)
    assert shown.exit_code == 2
    assert "--until" in shown.output
    assert not (tmp_path / "ward").exists()


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "ward.partial").mkdir()
    shown = cmvigil("synth", tmp_path / "ward")
    assert shown.exit_code == 2
    assert not (tmp_path / "ward").exists()


def test_without_a_terminal_there_is_no_bar(tmp_path: Path) -> None:
    shown = real("synth", tmp_path / "ward", "--patients", "5")
    assert (shown.returncode, shown.stderr) == (0, "")
