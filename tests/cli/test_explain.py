"""``cmvigil explain``: applies, does not, cannot be told, gives way; down to the resource."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.run import CASE, ROOT, cmvigil
from tests.support.small_knowledge import advice, write

from cmvigil.advice import Advice, Explanation, Item
from cmvigil.assess import assess
from cmvigil.assess.compose import day_of
from cmvigil.assess.precedence import settle
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.loader import load
from cmvigil.record.read import read_record

SPARSE = ROOT / "examples" / "sparse-record" / "case.yaml"
OPENINGS: dict[str, str | tuple[str, ...]] = {
    "applies": "Applies on ",
    "silent": "Does not apply on ",
    "undetermined": "Cannot be told on ",
    "overridden": ("Applies on ", "Cannot be told on "),
    "provided": "Applies, provided what is not known is not so, on ",
}


def rules_by_state(file: Path) -> dict[str, str]:
    """One rule for each state that occurs in a record."""
    record = read_record(file)
    outcome = python.run(load(), record.rows, day_of(record), record.patient)
    return {found.state: name for name, found in settle(load(), outcome).items()}


def items(given: Advice) -> dict[str, Item]:
    """What an answer says, by rule."""
    said = [*given.causes, *given.findings, *given.advice, *given.abstentions]
    return {item.rule: item for item in said}


@pytest.mark.parametrize("file", [CASE, SPARSE], ids=["full", "sparse"])
def test_every_state_is_told_in_words(file: Path) -> None:
    found = rules_by_state(file)
    assert {"applies", "silent", "undetermined"} <= found.keys()
    for state, rule in found.items():
        shown = cmvigil("explain", file, rule)
        assert shown.exit_code == 0
        first, second, *rest = shown.stdout.splitlines()
        assert rule in first
        assert second.startswith(OPENINGS[state])
        unknown = state in ("undetermined", "provided") or "would give way" in second
        assert any(line.startswith("Needs: ") for line in rest) == unknown
        assert "It applies when" in rest
        assert "Facts" in rest
        assert "Sources" in rest
        assert ("give way to: " in second or "gives way to: " in second) == (state == "overridden")


@pytest.mark.parametrize(("age", "opening"), [("age: 50", "Applies"), ("sex: female", "Cannot be told")])
def test_what_cannot_be_told_would_give_way(tmp_path: Path, age: str, opening: str) -> None:
    """A rule nobody can tell is not said to apply because another one takes precedence."""
    file = tmp_path / "case.yaml"
    file.write_text(f"cmvigil: 1\nas_of: 2026-03-10\nperson: {{{age}, weight: {{value: 60 kg, date: 2026-03-09}}}}\n")
    rules = {"own": advice("age > 17"), "other": advice("weight > 50", overrides=["own"], headline="Other")}
    site = write(tmp_path / "site", pathway__local={"rules": rules}, sources={"BOOK": {"title": "A book"}})
    second = cmvigil("explain", file, "own", "--knowledge", site).stdout.splitlines()[1]
    way = "but gives way to: Other." if opening == "Applies" else "it would give way to: Other."
    assert second.startswith(opening)
    assert second.endswith(way)
    (item,) = [i for i in assess(read_record(file), load(overlays=[site])).advice if i.rule == "own"]
    assert (item.state, item.text) == ("overridden", "Text." if opening == "Applies" else "")


def test_the_walk_goes_down_to_the_resource() -> None:
    shown = cmvigil("explain", CASE.parent / "bundle.json", "cause_thiopurine").stdout
    assert "azathioprine" in shown
    assert "<- Medication" in shown


def test_json_is_an_explanation_that_agrees_with_the_assessment() -> None:
    given = assess(read_record(CASE))
    for rule, item in list(items(given).items())[:10]:
        found = Explanation.model_validate_json(cmvigil("explain", CASE, rule, "--json").stdout)
        assert (found.rule, found.state, found.headline) == (rule, item.state, item.headline)
        assert found.walkback == item.walkback
        assert found.definitions.items() <= given.definitions.items()
        assert found.as_of == given.as_of


def test_as_of_is_honoured() -> None:
    early = json.loads(cmvigil("explain", CASE, "cause_thiopurine", "--json", "--as-of", "2020-01-01").stdout)
    assert (early["as_of"], early["state"]) == ("2020-01-01", "silent")
    assert cmvigil("explain", CASE, "cause_thiopurine", "--as-of", "soon").exit_code == 2


@pytest.mark.parametrize(
    ("rule", "said"),
    [("cause_thiopurin", "did you mean cause_thiopurine"), ("zzzz", "`cmvigil knowledge search` finds names")],
)
def test_an_unknown_rule_is_refused_with_a_hint(rule: str, said: str) -> None:
    shown = cmvigil("explain", CASE, rule)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert shown.stderr.startswith(f"no rule named {rule!r}; ")
    assert said in shown.stderr


def test_a_record_without_a_day_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text("cmvigil: 1\n")
    shown = cmvigil("explain", file, "cause_thiopurine")
    assert shown.exit_code == 2
    assert "no dated entry" in shown.stderr


def test_what_holds_a_rule_back_is_told(tmp_path: Path) -> None:
    own = advice("age > 17", unless="sex = 'male'", statement="X1")
    site = write(tmp_path / "site", pathway__local={"rules": {"own": own}}, sources={"BOOK": {"title": "A book"}})
    lines = cmvigil("explain", CASE, "own", "--knowledge", site).stdout.splitlines()
    assert lines[0] == "Headline  (own, X1)"
    assert lines[lines.index("unless") + 1].endswith("✗ sex at birth is male")
