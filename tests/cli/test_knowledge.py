"""``cmvigil knowledge``: check, show, search."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.cli.run import cmvigil
from tests.support.small_knowledge import advice, rule, write

from cmvigil.reasoning.lint import recalled, undecided
from cmvigil.reasoning.loader import load


def test_check_counts_what_is_known_and_how_surely() -> None:
    shown = cmvigil("knowledge", "check")
    assert shown.exit_code == 0
    program, counts = load(), recalled(load())
    *_, before, last = shown.stdout.splitlines()
    expected = f"{undecided(program)} of {len(program.rules)} rules have too many conditions to be tried"
    assert before.startswith(expected)
    assert last.startswith(f"{len(program.facts)} facts, {len(program.derived)} derived, ")
    for word in ("verified", "secondary", "recalled"):
        assert f"{counts[word]} {word}" in last


def test_check_finds_the_faults_of_an_overlay(tmp_path: Path) -> None:
    rules = {"one": rule("age > 1 and age < 1"), "two": advice("age > 200") | {"sources": []}}
    site = write(tmp_path / "site", pathway__local={"rules": rules}, sources={"BOOK": {"title": "A book"}})
    shown = cmvigil("knowledge", "check", "--knowledge", site)
    assert shown.exit_code == 1
    assert "error: site: pathway/local.yaml: one: can never apply: its condition contradicts itself" in shown.stdout
    assert "error: site: pathway/local.yaml: two: advice without a source" in shown.stdout
    assert shown.stderr == "2 errors\n"
    broken = cmvigil("knowledge", "check", "--knowledge", write(tmp_path / "site2", pathway__local="rules: ["))
    assert broken.exit_code == 2
    assert "local.yaml" in broken.stderr


def test_strict_counts_warnings(tmp_path: Path) -> None:
    fact = {"is": "a fact that nothing uses", "latest": "platelets"}
    site = write(tmp_path / "site", pathway__local={"facts": {"idle": fact}})
    assert cmvigil("knowledge", "check", "--knowledge", site).exit_code == 0
    strict = cmvigil("knowledge", "check", "--strict", "--knowledge", site)
    assert strict.exit_code == 1
    assert "warning: site: pathway/local.yaml: idle: is not used by any rule" in strict.stdout


@pytest.mark.parametrize(
    ("name", "section"),
    [("refractory", "definitions"), ("judgement_day", "settings"), ("loads", "views"), ("kidney_doses", "tables")],
)
def test_show_gives_an_entry_as_it_is_written(name: str, section: str) -> None:
    shown = cmvigil("knowledge", "show", name)
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"# {section}\n{name}:")
    assert yaml.safe_load(shown.stdout)[name]["is"]


def test_show_knows_sources_facts_and_rules() -> None:
    program = load()
    for section, names in (("sources", program.sources), ("facts", program.facts), ("rules", program.rules)):
        name = next(iter(names))
        assert cmvigil("knowledge", "show", name).stdout.startswith(f"# {section}\n{name}:")


def test_show_keeps_every_digit_of_a_number(tmp_path: Path) -> None:
    text = "settings: {fine: {is: a fine number, value: 0.30000000000000000001, verification: recalled, note: [7]}}"
    shown = cmvigil("knowledge", "show", "fine", "--knowledge", write(tmp_path / "site", pathway__local=text)).stdout
    assert "value: 0.30000000000000000001\n" in shown
    assert "- 7\n" in shown


def test_show_offers_what_is_near() -> None:
    shown = cmvigil("knowledge", "show", "refractry")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("nothing is named 'refractry'; did you mean refractory")
    assert cmvigil("knowledge", "show", "qqqqqqqq").stderr == "nothing is named 'qqqqqqqq'\n"


def test_search_finds_all_words_in_every_section() -> None:
    shown = cmvigil("knowledge", "search", "VEDOLIZUMAB colitis")
    assert cmvigil("knowledge", "search", "VEDOLIZUMAB", "colitis").stdout == shown.stdout
    assert shown.exit_code == 0
    program = load()
    for line in shown.stdout.splitlines():
        section, name = line.split()[:2]
        assert section in ("rule", "definition", "fact", "derived", "setting", "view", "table", "source")
        if section == "rule":
            rule = program.rules[name]
            text = f"{name} {rule.headline} {rule.text} {rule.because}".lower()
            assert "vedolizumab" in text
            assert "colitis" in text
    assert any(line.startswith("rule ") for line in shown.stdout.splitlines())
    sections = {line.split()[0] for line in cmvigil("knowledge", "search", "load").stdout.splitlines()}
    assert {"rule", "definition", "fact", "setting", "view"} <= sections
    by_statement = [line.split()[1] for line in cmvigil("knowledge", "search", "S20").stdout.splitlines()]
    assert set(by_statement) >= {name for name, rule in program.rules.items() if rule.statement == "S20"}


def test_search_that_finds_nothing_says_so() -> None:
    shown = cmvigil("knowledge", "search", "phlogiston")
    assert shown.exit_code == 1
    assert shown.stderr == "nothing holds 'phlogiston'\n"
