"""``cmvigil case``: a doctor answers questions and has a file that reads; check and schema say what a file holds."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.cli.run import CASE, cmvigil

FRAME = ["example", "2026-03-01", "d14"]
PERSON = ["54", "female", "62 kg", "168 cm", "no"]
HOST = ["y", "ulcerative_colitis", "moderate", "dependent", "y", "kidney", "d-300", "positive", "negative", "none", "n"]
HIV = ["y", "40 /uL"]
EPISODES = ["y", "d0", "", "colon", "n"]
LOADS = ["y", "IU/mL", "plasma", "cobas", "34.5", "y", "d0", "12400", "y", "d14", "<34.5", "n"]
LABS = ["88 umol/L", "d13", "1.2 10*9/L", "d13", "", ""]
DRUGS = ["y", "ganciclovir", "5 mg/kg", "12 h", "iv", "d0", "", "none", "n"]
SYMPTOMS = ["no", "", "yes", "", "", "", ""]
COMPLETE = ["y", "", "", "", "y"]
EVERYTHING = [*FRAME, *PERSON, *HOST, *HIV, *EPISODES, *LOADS, *LABS, *DRUGS, *SYMPTOMS, *COMPLETE]


def typed(*answers: str) -> str:
    """Answers as a user types them."""
    return "".join(f"{answer}\n" for answer in answers)


def test_answers_become_a_case_file_that_can_be_assessed(tmp_path: Path) -> None:
    file = tmp_path / "new" / "case.yaml"
    made = cmvigil("case", "new", file, keys=typed(*EVERYTHING))
    assert made.exit_code == 0, made.output
    assert made.stderr == ""
    written = yaml.safe_load(file.read_text())
    assert written["patient"] == "example"
    assert written["host"]["transplants"][0]["donor_igg"] == "positive"
    assert [load["value"] for load in written["viral_loads"]] == ["12400", "<34.5"]
    assert written["complete"] == ["medications", "symptoms"]
    assert "end" not in written["drugs"][0]
    schema = json.loads(cmvigil("case", "schema").stdout)
    jsonschema.Draft202012Validator(schema).validate(written)
    checked = cmvigil("case", "check", file)
    assert checked.exit_code == 0
    assert checked.stdout.startswith(f"{file}: readable. ")
    assert "1 drug regimen" in checked.stdout
    answer = json.loads(cmvigil("assess", file, "--json").stdout)
    assert answer["as_of"] == "2026-03-15"
    assert answer["quality"]["issues"] == []


def test_enter_alone_assumes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    assert cmvigil("case", "new", file, keys="\n" * 60).exit_code == 0
    assert yaml.safe_load(file.read_text()) == {"cmvigil": 1}


def test_a_bad_answer_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    first = ["old", "female", "", "", ""]
    rest = [*HOST, *HIV, *EPISODES, *LOADS, *LABS, *DRUGS, *SYMPTOMS, *COMPLETE]
    made = cmvigil("case", "new", file, keys=typed(*FRAME, *first, *PERSON, *rest))
    assert made.exit_code == 0
    assert "person.age: found 'old'" in made.stderr
    assert "Please answer this part again." in made.stderr
    assert yaml.safe_load(file.read_text())["person"]["age"] == "54"


@pytest.mark.parametrize(("again", "weight"), [(["y", *PERSON], "62 kg"), (["n"], "61 stone")])
def test_an_answer_that_cannot_be_used_is_shown_and_may_be_given_again(
    tmp_path: Path, again: list[str], weight: str
) -> None:
    file = tmp_path / "case.yaml"
    first = ["54", "female", "61 stone", "168 cm", "no"]
    rest = [*HOST, *HIV, *EPISODES, *LOADS, *LABS, *DRUGS, *SYMPTOMS, *COMPLETE]
    made = cmvigil("case", "new", file, keys=typed(*FRAME, *first, *again, *rest))
    assert made.exit_code == 0
    assert made.stderr.count("person.weight: found unit 'stone'") == 1
    assert yaml.safe_load(file.read_text())["person"]["weight"] == weight


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text("mine")
    refused = cmvigil("case", "new", file, keys="\n" * 60)
    assert refused.exit_code == 2
    assert refused.stderr == f"{file}: exists already; choose another name or give --force\n"
    assert file.read_text() == "mine"
    assert cmvigil("case", "new", file, "--force", keys="\n" * 60).exit_code == 0
    assert file.read_text() == "cmvigil: 1\n"


def test_answers_that_end_early_are_kept_beside(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    assert cmvigil("case", "new", file, keys="\n").exit_code == 1
    assert list(tmp_path.iterdir()) == []
    stopped = cmvigil("case", "new", file, keys=typed(*FRAME, *PERSON, "y"))
    assert stopped.exit_code == 1
    (partial,) = tmp_path.iterdir()
    assert partial.name == "case.yaml.partial" and str(partial) in stopped.stderr
    assert yaml.safe_load(partial.read_text())["person"]["age"] == "54"
    assert cmvigil("case", "check", partial).exit_code == 0


def test_only_the_entry_that_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    first = ["y", "azathioprine", "150 mg", "daily", "oral", "2023", "", ""]
    wrong = ["y", "gancyclovr", "305 mg", "12 h", "iv", "d0", "", ""]
    drugs = [*first, *wrong, "ganciclovir", *wrong[2:], "n"]
    rest = [*HOST, *HIV, *EPISODES, *LOADS, *LABS, *drugs, *SYMPTOMS, *COMPLETE]
    made = cmvigil("case", "new", file, keys=typed(*FRAME, *PERSON, *rest))
    assert made.exit_code == 0
    assert made.stderr.count("Did you mean 'ganciclovir'?") == 1
    assert [each["drug"] for each in yaml.safe_load(file.read_text())["drugs"]] == ["azathioprine", "ganciclovir"]


def test_no_is_written_down_and_a_word_that_is_neither_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    made = cmvigil("case", "new", file, keys=typed(*FRAME, *["", ""] * 2, "", "UC", "n", "n", "maybe", "n") + "\n" * 60)
    assert made.exit_code == 0
    assert made.stderr.count("expected y, n or Enter alone") == 2
    assert yaml.safe_load(file.read_text())["host"] == {"hiv": {"present": False}}
    assert "Not asked" in made.stdout and "genotype" in made.stdout


def test_check_tells_what_is_there_and_what_cannot_be_used(tmp_path: Path) -> None:
    assert "drug regimens, " in cmvigil("case", "check", CASE).stdout
    bundle = cmvigil("case", "check", CASE.parent / "bundle.json")
    assert bundle.exit_code == 0
    file = tmp_path / "case.yaml"
    file.write_text("cmvigil: 1\nas_of: 2026-03-01\nviral_loads: [{date: 2026-03-01, value: 100, specimen: plasma}]\n")
    checked = cmvigil("case", "check", file)
    assert checked.exit_code == 1
    assert f"{file}: unusable: line 3: viral_loads[0]: found" in checked.stdout
    assert checked.stdout.startswith(f"{file}: readable. 1 person, 1 result\n")
    assert checked.stderr == f"{file}: 1 entry cannot be used\n"
    for nothing in ("cmvigil: 1\n", '{"resourceType": "Bundle", "entry": []}'):
        file.write_text(nothing)
        empty = cmvigil("case", "check", file)
        assert (empty.exit_code, empty.stderr) == (2, cmvigil("assess", file).stderr)
    file.write_text("cmvigil: 1\nagee: 3\n")
    wrong = cmvigil("case", "check", file)
    assert wrong.exit_code == 2
    assert "agee" in wrong.stderr
