"""``cmvigil test``: a site's cases with the answers it expects."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from tests.cli.run import CASE, cmvigil


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Two cases, one of them deeper, each with the answer it gets."""
    for place in ("a", "b/c"):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(CASE, tmp_path / place / "case.yaml")
    shutil.copy(CASE.parent / "bundle.json", tmp_path / "a" / "bundle.json")
    expect(tmp_path / "a", definitions={"recurrent": True, "refractory": "false"}, status={"recurrent": "yes"})
    expect(tmp_path / "b/c", rules={"cause_thiopurine": "applies"}, says="recurrent", not_says=["resistance is proven"])
    return tmp_path


def expect(folder: Path, **answers: object) -> None:
    """Write an expected answer."""
    (folder / "expected.yaml").write_text(yaml.safe_dump(answers))


def test_cases_that_get_their_answer_pass(cases: Path) -> None:
    shown = cmvigil("test", cases)
    assert shown.exit_code == 0
    assert shown.stdout == "ok      a\nok      b/c\n2 passed, 0 failed\n"


def test_a_different_answer_fails_and_is_named(cases: Path) -> None:
    expect(
        cases / "b/c",
        definitions={"recurrent": False, "recurent": True},
        rules={"cause_thiopurine": "silent", "no_such": "applies"},
        status={"recurrent": "never", "mood": "good"},
        needs=["bilirubin_of_the_moon"],
        says=["hurrah"],
        not_says=["recurrent"],
    )
    shown = cmvigil("test", cases)
    assert shown.exit_code == 1
    first, second, *problems, last = shown.stdout.splitlines()
    assert (first, second, last) == ("ok      a", "FAILED  b/c", "1 passed, 1 failed")
    assert [p.strip() for p in problems] == [
        "case.yaml: status mood: expected 'good', found 'no such badge'",
        "case.yaml: status recurrent: expected 'never', found 'yes, episode 2 since 13 Mar 2026'",
        "case.yaml: rule cause_thiopurine: expected silent, found applies",
        "case.yaml: rule no_such: expected applies, found no such rule",
        "case.yaml: definition recurent: expected true, found no such definition",
        "case.yaml: definition recurrent: expected false, found true",
        "case.yaml: needs: bilirubin_of_the_moon is not asked for",
        "case.yaml: says: the summary lacks 'hurrah'",
        "case.yaml: not_says: the summary holds 'recurrent'",
    ]


@pytest.mark.parametrize(
    ("words", "differs"),
    [
        ("not determined", False),
        ("not determined, earlier episodes not known", False),
        ({"has": "earlier episodes"}, False),
        ("no", True),
        ("not", True),
        ("determined", True),
        ({"has": "yes"}, True),
    ],
)
def test_a_badge_nobody_can_tell_is_not_a_no(tmp_path: Path, words: object, differs: bool) -> None:
    """The badge is compared as a whole, or up to a comma; only ``has`` looks inside."""
    (tmp_path / "case.yaml").write_text(
        "cmvigil: 1\nas_of: 2026-03-10\nviral_loads:\n"
        "  - {date: 2026-03-01, value: 900, unit: IU/mL, specimen: plasma, lloq: 50}\n"
    )
    expect(tmp_path, status={"recurrent": words})
    shown = cmvigil("test", tmp_path)
    assert ("status recurrent: expected" in shown.stdout) == differs
    assert shown.exit_code == int(differs)


def test_as_of_moves_the_day(cases: Path) -> None:
    expect(cases / "a", as_of="2025-12-10", definitions={"recurrent": "false"})
    assert cmvigil("test", cases / "a").exit_code == 0


def test_a_case_that_cannot_be_read_fails_and_the_others_go_on(cases: Path) -> None:
    (cases / "a" / "case.yaml").write_text("cmvigil: 1\nagee: 3\n")
    (cases / "a" / "bundle.json").write_text('{"resourceType": "Bundle"}')
    (cases / "d").mkdir()
    expect(cases / "d")
    shown = cmvigil("test", cases)
    assert shown.exit_code == 1
    assert "agee" in shown.stdout
    assert "bundle.json: the record holds no dated entry" in shown.stdout
    assert "no case.yaml or case.json or bundle.json beside expected.yaml" in shown.stdout
    assert shown.stdout.endswith("1 passed, 2 failed\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("definitionz: {}", "no key definitionz; there are as_of, definitions, needs,"),
        ("as_of: someday", "as_of is 'someday'; expected a date such as 2026-03-28"),
        ("status: {recurrent: true}", "status recurrent: expected the answer, or has: with words in it"),
        ("status: {recurrent: {hat: 'no'}}", "status recurrent: expected the answer, or has:"),
        ("status: [a]", "status: expected names, each with its answer"),
        ("rules: [a]", "rules: expected names, each with its answer"),
        ("- a", "expected a mapping of as_of, definitions,"),
        ("", "expected a mapping of as_of, definitions,"),
        ("a: [", "not readable YAML"),
    ],
)
def test_a_faulty_expectation_is_refused(cases: Path, text: str, said: str) -> None:
    (cases / "a" / "expected.yaml").write_text(text)
    shown = cmvigil("test", cases)
    assert shown.exit_code == 2
    assert "expected.yaml" in shown.stderr
    assert said in shown.stderr


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    shown = cmvigil("test", tmp_path)
    assert shown.exit_code == 2
    assert "no expected.yaml found; put one beside each case" in shown.stderr
    assert cmvigil("test", tmp_path / "none").exit_code == 2
