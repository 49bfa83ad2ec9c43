"""``cmvigil assess``: every face, every way to go wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from tests.cli.run import CASE, ROOT, cmvigil, real
from tests.support.small_knowledge import write

from cmvigil.advice import TOPICS

SECRET = "Ermintrude Quux"
"""A name that stands in every broken record here and may stand in no message."""


def test_the_terminal_says_it_in_the_order_of_the_page() -> None:
    shown = cmvigil("assess", CASE)
    assert shown.exit_code == 0
    assert shown.stderr == ""
    words = ["Recurrent", "Why it came back", TOPICS["immunosuppression"], "How we know"]
    places = [shown.stdout.lower().index(word.lower()) for word in words]
    assert places == sorted(places)


def test_json_follows_the_published_schema() -> None:
    shown = cmvigil("assess", CASE, "--json")
    schema = json.loads((ROOT / "docs" / "schemas" / "advice.schema.json").read_text())
    answer = json.loads(shown.stdout)
    jsonschema.Draft202012Validator(schema).validate(answer)
    assert answer["as_of"] == "2026-03-28"
    assert shown.stdout_bytes.endswith(b"}\n")


def test_files_are_written_beside_the_terminal_or_json(tmp_path: Path) -> None:
    html, md = tmp_path / "new" / "report.html", tmp_path / "report.md"
    shown = cmvigil("assess", CASE, "--html", html, "--md", md)
    assert shown.exit_code == 0
    assert f"Written: {html}\nWritten: {md}\n" in shown.stdout
    assert html.read_text().startswith("<!doctype html>")
    assert md.read_text().startswith("# ")
    once = html.read_bytes(), md.read_bytes()
    silent = cmvigil("assess", CASE, "--html", html, "--md", md, "--json")
    json.loads(silent.stdout)
    assert (html.read_bytes(), md.read_bytes()) == once
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == ["report.html", "report.md"]


def test_as_of_is_the_day_that_is_assessed() -> None:
    answer = json.loads(cmvigil("assess", CASE, "--json", "--as-of", "2025-12-10").stdout)
    assert answer["as_of"] == "2025-12-10"
    assert "2026" not in json.dumps(answer["facts"])


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "28.3.2026", ""])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    shown = cmvigil("assess", CASE, "--as-of", day)
    assert shown.exit_code == 2
    assert shown.stderr == f"--as-of: found {day!r}; expected a date such as 2026-03-28\n"


def test_a_bundle_is_read_with_mapping_and_patient(tmp_path: Path) -> None:
    bundle = json.loads((CASE.parent / "bundle.json").read_text())
    bundle["entry"].append({"resource": {"resourceType": "Patient", "id": "other", "birthDate": "1990-01-01"}})
    both = tmp_path / "both.json"
    both.write_text(json.dumps(bundle))
    unsure = cmvigil("assess", both)
    assert unsure.exit_code == 2
    assert "other" in unsure.stderr
    chosen = cmvigil("assess", both, "--patient", "other", "--as-of", "2026-03-01", "--json")
    assert json.loads(chosen.stdout)["patient"] == "other"
    mapping = cmvigil("assess", both, "--mapping", tmp_path / "none.csv")
    assert mapping.exit_code == 2
    assert "none.csv" in mapping.stderr


BROKEN = f"""cmvigil: 1
patient: {SECRET}
as_of: 2026-13-01
person: {{sex: w, weight: 61 kg}}
viral_loads:
  - {{date: 2026-03-01, value: many}}
drugs:
  - {{drug: gancyclovirr, dose: 5}}
"""


def test_all_that_is_wrong_with_a_case_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(BROKEN)
    shown = cmvigil("assess", file)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    *problems, last = shown.stderr.splitlines()
    assert last == f"{len(problems)} problems; nothing was assessed."
    for line, place in ((3, "as_of"), (4, "person.sex"), (8, "drugs[0]"), (8, "drugs[0].dose"), (8, "drugs[0].drug")):
        (said,) = [problem for problem in problems if problem.startswith(f"{file}:{line}, {place}: found ")]
        assert "; expected " in said
    assert problems[-1].endswith("Did you mean 'ganciclovir'?")
    assert SECRET not in shown.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"patient: {SECRET}\n  drugs: [", "case.yaml:2: found text that is not YAML"),
        (f"patient: {SECRET}\npatient: {SECRET}", "each key once"),
        (f'{{"resourceType": "Bundle", "id": "{SECRET}",', "FHIR resource as JSON"),
        (f'{{"resourceType": "Bundle", "type": "collection", "entry": "{SECRET}"}}', "no dated entry"),
        ("", "nothing was assessed"),
        ("[]", "nothing was assessed"),
        (f"cmvigil: 1\npatient: {SECRET}\n", "no dated entry"),
    ],
)
def test_a_file_that_is_no_record_ends_in_one_message_without_patient_data(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(content)
    shown = real("assess", file)
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert said in shown.stderr
    assert SECRET not in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_missing_file_is_named() -> None:
    shown = real("assess", "nowhere.yaml")
    assert shown.returncode == 2
    assert shown.stderr.startswith("nowhere.yaml: found no readable file")


def test_a_defect_of_ours_is_told_without_traceback_or_patient_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr("cmvigil.assess.assess", fail)
    shown = cmvigil("assess", CASE)
    assert shown.exit_code == 3
    assert shown.stderr.startswith("cmvigil itself failed (KeyError in test_assess.py, line ")
    assert SECRET not in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_face_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is written under another name and renamed: nobody ever reads half of one."""
    html = tmp_path / "report.html"
    html.write_text("the old report")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    shown = cmvigil("assess", CASE, "--html", html)
    assert shown.exit_code == 2
    assert shown.stderr == f"{html}: cannot be written (No space left on device); give a place that can be\n"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert html.read_text() == "the old report"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shown = cmvigil("assess", CASE, "--md", tmp_path / "file" / "out.md")
    assert shown.exit_code == 2
    assert "cannot be written" in shown.stderr
    assert cmvigil("assess", CASE, "--md", tmp_path).exit_code == 2


def test_an_overlay_is_named_with_what_it_risks(tmp_path: Path) -> None:
    site = write(
        tmp_path / "north-hospital",
        version={"version": "3"},
        pathway__local={"definitions": {"refractory": {"when": "false", "accept_risk": "trial protocol"}}},
    )
    answer = json.loads(cmvigil("assess", CASE, "--json", "--knowledge", site).stdout)
    assert answer["provenance"]["overlays"] == ["north-hospital 3"]
    assert answer["provenance"]["accepted_risks"] == ["refractory: trial protocol (north-hospital)"]
    shown = cmvigil("assess", CASE, "--knowledge", site).stdout
    assert "north-hospital" in shown
    assert "trial protocol" in shown


def test_a_faulty_overlay_stops_the_assessment(tmp_path: Path) -> None:
    site = write(tmp_path / "site", pathway__local={"rules": {"x": {"kind": "advise"}}, "odd": {}})
    shown = cmvigil("assess", CASE, "--knowledge", site)
    assert shown.exit_code == 2
    assert "no section 'odd'" in shown.stderr
    assert cmvigil("assess", CASE, "--knowledge", tmp_path / "none").exit_code == 2


def test_piped_output_is_plain_and_narrow() -> None:
    shown = real("assess", CASE)
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize("face", ["--json", ""])
def test_the_same_bytes_whatever_surrounds_the_process(face: str, tmp_path: Path) -> None:
    """No clock, no locale, no hash seed, no time zone, no place on disk."""
    moved = tmp_path / "case.yaml"
    moved.write_bytes(CASE.read_bytes())
    args = ["assess", *filter(None, [face])]
    first = real(*args, CASE, PYTHONHASHSEED="1", LANG="C.UTF-8", TZ="UTC")
    second = real(
        *args, moved, cwd=tmp_path, PYTHONHASHSEED="2", LANG="tr_TR.UTF-8", LC_ALL="de_DE.UTF-8", TZ="Asia/Tokyo"
    )
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout


def test_a_reader_that_stops_early_is_no_error() -> None:
    import subprocess
    import sys

    command = [str(Path(sys.executable).parent / "cmvigil"), "assess", str(CASE), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
