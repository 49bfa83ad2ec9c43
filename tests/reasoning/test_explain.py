"""The walk-back: every node of the language in words, the truth of each part, and what an open answer still needs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.support import small_knowledge as k

from cmvigil.reasoning.engines import python
from cmvigil.reasoning.explain import Explainer, Reason, plain
from cmvigil.reasoning.model import Program
from cmvigil.record.tables import Row

SECTIONS = {
    "settings": {
        "limit": {"is": "limit", "value": 1, "unit": "10*9/L", "verification": "verified"},
        "unset": {"is": "cut-off of the site", "value": None, "unit": "10*9/L", "verification": "recalled"},
    },
    "derived": {
        "fall": {"is": "fall of the platelets", "unit": "ratio", "value": "platelets / neutrophils"},
        "febrile": {"is": "febrile and ill", "unit": "", "value": "fever and hiv"},
        "above": {"is": "counts above the cut-off", "unit": "10*9/L", "value": "neutrophils + unset"},
    },
    "definitions": {
        "low": {"is": "low count", "when": "neutrophils < limit", "verification": "recalled"},
        "grave": {"is": "grave illness", "when": "low and fever", "verification": "recalled"},
    },
}


def explainer(folder: Path, rows: Iterable[Row], when: str, **fields: object) -> tuple[Explainer, Program]:
    """An explainer of one rule (an alert, so that it may test states) for a record of these rows."""
    program = k.program(folder, **SECTIONS, rules={"own": k.rule(when, kind="alert", **fields)})
    return Explainer(program, python.run(program, k.record(*rows).rows, k.AS_OF)), program


def why(folder: Path, rows: Iterable[Row], when: str) -> Reason:
    """The reason of a rule's condition."""
    made, program = explainer(folder, rows, when)
    return made.why(program.rules["own"])[0]


def needs(folder: Path, rows: Iterable[Row], when: str, **fields: object) -> tuple[str, ...]:
    """What a rule still needs."""
    made, program = explainer(folder, rows, when, **fields)
    return made.needs(program.rules["own"])


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ("fever", "fever"),
        ("not fever", "not: fever"),
        ("fever = true", "fever"),
        ("fever = false", "not: fever"),
        ("neutrophils < 1.50", "neutrophil count < 1.5 10*9/L"),
        ("neutrophils >= limit", "neutrophil count ≥ 1 10*9/L"),
        ("neutrophils <= unset", "neutrophil count ≤ unset (not set) 10*9/L"),
        ("neutrophils > platelets", "neutrophil count > platelet count"),
        ("weight <> 60", "body weight is not 60 kg"),
        ("1 < neutrophils", "1 < neutrophil count"),
        ("severity in ('very_severe', 'mild')", "severity is one of very severe, mild"),
        ("severity in set(antiviral)", "severity is one of antiviral"),
        ("severity = 'mild'", "severity is mild"),
        ("fall < 0.5", "fall of the platelets < 0.5 ratio"),
        ("platelets / neutrophils < 0.5", "(platelet count) / (neutrophil count) < 0.5"),
        ("2 * weight - 1 > 3", "2 × body weight − 1 > 3"),
        ("fever_day >= as_of - 3", "day of the fever ≥ today − 3"),
        ("fever_day > date '2026-02-01'", "day of the fever > 2026-02-01"),
        ("years(fever_day, as_of) > 1", "years from day of the fever to today > 1"),
        ("neutrophils is stale", "neutrophil count is stale"),
        ("low = fever", "low count is fever"),
        ("(fever and hiv) = low", "all of: fever; HIV infection is low count"),
    ],
)
def test_conditions_read_as_people_say_them(tmp_path: Path, when: str, text: str) -> None:
    assert why(tmp_path, [], when).text == text


def test_definitions_and_derived_facts_open_down_to_the_facts(tmp_path: Path) -> None:
    rows = [k.measured("neutrophils", "0.8"), k.seen("fever", False)]
    found = why(tmp_path, rows, "grave or febrile or not (fever or hiv) or at_least(2, low, fever, hiv)")
    assert (found.text, found.truth) == ("any of", None)
    grave, febrile, neither, counted = found.parts
    assert (grave.text, grave.truth) == ("grave illness", False)
    (both,) = grave.parts
    assert (both.text, both.truth) == ("all of", False)
    low, fever = both.parts
    assert (low.text, low.truth, low.facts) == ("low count", True, ())
    assert low.parts == (Reason("neutrophil count < 1 10*9/L", True, ("neutrophils",)),)
    assert fever == Reason("fever", False, ("fever",))
    assert (febrile.text, febrile.truth) == ("febrile and ill", False)
    assert febrile.parts[0].text == "all of"
    assert (neither.text, neither.truth) == ("not", None)
    assert (neither.parts[0].text, neither.parts[0].truth) == ("any of", None)
    assert (counted.text, counted.truth) == ("at least 2 of", None)
    assert [leaf.text for leaf in counted.leaves()] == ["neutrophil count < 1 10*9/L", "fever", "HIV infection"]


def test_both_halves_of_a_rule_are_explained(tmp_path: Path) -> None:
    made, program = explainer(tmp_path, [k.seen("fever", True)], "fever", unless="hiv")
    assert made.why(program.rules["own"]) == (
        Reason("fever", True, ("fever",)),
        Reason("HIV infection", None, ("hiv",)),
    )
    made, program = explainer(tmp_path / "2", [], "fever")
    assert made.why(program.rules["own"])[1] is None


def test_a_leaf_names_the_facts_below_derived_ones(tmp_path: Path) -> None:
    made, program = explainer(tmp_path, [], "fall < 0.5 and (low = fever)")
    first, second = made.why(program.rules["own"])[0].parts
    assert first.facts == ("platelets", "neutrophils")
    assert second.facts == ("neutrophils", "fever")


FEVER, NO_FEVER, LOW = ("fever", True), ("fever", False), ("neutrophils", "0.8")


@pytest.mark.parametrize(
    ("rows", "when", "lacking"),
    [
        ([], "fever", ("fever",)),
        ([k.seen(*FEVER)], "fever", ()),
        ([k.seen(*NO_FEVER)], "fever and hiv", ()),
        ([k.seen(*FEVER)], "fever and hiv and neutrophils < 1", ("hiv", "neutrophils")),
        ([k.seen(*NO_FEVER)], "fever or hiv", ("hiv",)),
        ([k.seen(*FEVER)], "not (fever and hiv)", ("hiv",)),
        ([k.seen(*FEVER)], "at_least(2, fever, hiv, low)", ("hiv", "neutrophils")),
        ([k.seen(*FEVER)], "grave", ("neutrophils",)),
        ([k.seen(*FEVER)], "febrile", ("hiv",)),
        ([k.measured(*LOW)], "fall < 0.5", ("platelets",)),
        ([k.measured("neutrophils", "0.8", day=-20)], "low", ("neutrophils",)),
        ([k.measured(*LOW)], "neutrophils < unset", ("unset",)),
        ([], "neutrophils < unset", ("neutrophils", "unset")),
        ([k.measured(*LOW)], "above > 3", ("unset",)),
        ([k.measured("neutrophils", "<2")], "low", ("neutrophils",)),
        ([k.measured("neutrophils", "<2"), k.measured("platelets", "9")], "neutrophils > platelets and low", ()),
        (
            [k.measured("neutrophils", "<2"), k.measured("platelets", "1")],
            "neutrophils > platelets",
            ("neutrophils", "platelets"),
        ),
    ],
)
def test_needs_are_the_unknown_parts_that_an_open_answer_hangs_on(
    tmp_path: Path, rows: list[Row], when: str, lacking: tuple[str, ...]
) -> None:
    assert needs(tmp_path, rows, when) == lacking


def test_needs_of_a_rule_include_what_would_hold_it_back(tmp_path: Path) -> None:
    assert needs(tmp_path, [k.seen("fever", True)], "fever", unless="hiv") == ("hiv",)
    assert needs(tmp_path / "2", [], "fever", unless="hiv") == ("fever", "hiv")


def test_a_setting_that_stands_alone_is_needed(tmp_path: Path) -> None:
    settings = {"allowed": {"is": "allowed here", "value": None, "verification": "recalled"}}
    program = k.program(tmp_path, settings=settings, rules={"own": k.rule("neutrophils > 3 + allowed")})
    made = Explainer(program, python.run(program, k.record(k.measured(*LOW)).rows, k.AS_OF))
    assert made.needs(program.rules["own"]) == ("allowed",)


def test_literals_for_people() -> None:
    assert [plain(x) for x in (k.AS_OF, "acute_severe", True)] == ["2026-03-01", "acute severe", "True"]
