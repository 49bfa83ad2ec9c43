"""What the documentation shows, works: every console command runs, every overlay and expectation in it is read.

In a ```console block, a line after ``$`` is a command (run in a folder with the files that the pages speak of) and the
lines below it stand in its output.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from datetime import date
from pathlib import Path

import pytest
from tests.cli.run import CASE, ROOT, cmvigil

from cmvigil.assess import assess
from cmvigil.reasoning.lint import check
from cmvigil.reasoning.loader import BASE, load
from cmvigil.record.read import read_record
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def commands() -> list[tuple[str, str, list[str]]]:
    """Page, command, and lines of its output, for every command in the documentation."""
    made: list[tuple[str, str, list[str]]] = []
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.splitlines():
                if line.startswith("$ "):
                    made.append((page.name, line[2:].split("  #")[0].strip(), []))
                elif line.strip() not in ("", "..."):
                    made[-1][2].append(line.strip())
    return made


def files_of(page: Path, folder: Path) -> None:
    """Write the yaml blocks that name their file in the first line."""
    for block in blocks(page, "yaml"):
        first, _, text = block.partition("\n")
        if re.fullmatch(r"# [\w/-]+\.yaml", first):
            path = folder / first[2:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bulk export of a few virtual patients."""
    folder = tmp_path_factory.mktemp("hospital")
    synthesise(folder, Ward(7, 0.5, 180, date(2026, 6, 30), "mix"), load(), 12)
    return folder / "fhir"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hospital: Path) -> Path:
    """A folder with a case, its Bundle, the examples, an export, and the files of the pages."""
    for page in PAGES:
        files_of(page, tmp_path)
    for place in ("case.yaml", "my-patient.yaml", "my-cases/relapse/case.yaml"):
        shutil.copy(CASE, tmp_path / place)
    shutil.copy(CASE.parent / "bundle.json", tmp_path / "bundle.json")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "export").symlink_to(hospital)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "command", "output"), commands(), ids=lambda x: x if isinstance(x, str) else "")
def test_the_command_works(desk: Path, page: str, command: str, output: list[str]) -> None:
    program, *args = shlex.split(command.removeprefix(".venv/bin/"))
    if program == "make":
        targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in args if "=" not in word} <= set(targets)
        return
    assert program == "cmvigil", f"{page}: {command}"
    args = args[: args.index(">")] if ">" in args else args
    if "ward/fhir" in args:  # what the command before it in the page has made
        (desk / "ward").mkdir()
        (desk / "ward" / "fhir").symlink_to((desk / "export").resolve())
    if args[:2] == ["case", "new"]:
        (desk / args[2]).unlink(missing_ok=True)
    shown = cmvigil(*args, keys="\n" * 60)
    assert shown.exit_code == 0, shown.output
    for line in output:
        assert line in shown.stdout


def test_there_are_commands_to_try() -> None:
    tried = {shlex.split(command)[1] for _, command, _ in commands() if "cmvigil " in command}
    assert {"assess", "explain", "replay", "test", "knowledge"} <= tried


def test_the_overlay_in_the_guide_is_sound_and_speaks(desk: Path) -> None:
    """The hospital of the guide: no fault, no accepted risk, and its rule speaks for a patient on foscarnet."""
    program = load(BASE, [desk / "north"])
    assert [p for p in check(program) if "north" in p.place] == []
    assert program.overlays == ("north 2026-03",)
    assert program.accepted_risks == ()
    assert program.settings["tissue_copies_per_mg_low"].value == 250
    low = {"date": "2026-03-02", "value": "2.8 mmol/L"}
    case = {
        "cmvigil": 1,
        "as_of": "2026-03-03",
        "drugs": [{"drug": "foscarnet", "start": "2026-03-01"}],
        "labs": {"potassium": low},
    }
    advice = assess(read_record(json.dumps(case)), program)
    (item,) = [i for i in advice.advice if i.rule == "north_replace_potassium"]
    assert item.state == "applies"
    assert item.text.startswith("Potassium is 2.8 mmol/L (2 Mar 2026), below 3 mmol/L.")


def test_the_accepted_risk_in_the_guide_is_needed_and_shown(desk: Path) -> None:
    (risk,) = load(BASE, [desk / "trial"]).accepted_risks
    assert risk.startswith("too_early_to_judge: trial X judges on day 7")
    assert risk.endswith("(trial)")
