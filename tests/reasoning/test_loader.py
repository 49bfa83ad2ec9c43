"""What the loader refuses: every problem of every entry at once, with file, entry and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Constant
from cmvigil.reasoning.source import KnowledgeError, read_yaml

from ..support.small_knowledge import base

SAID = "is: something, verification: recalled"
RULE = f"{SAID[15:]}, headline: H, text: T"


def problems(folder: Path, pathway: str, **tables: str) -> list[str]:
    """What the loader has to say about a pathway file (and knowledge tables) laid into a small whole knowledge."""
    text = read_yaml(folder / "own.yaml", pathway.encode()) or {}
    base(folder, **{name: _plain(section) for name, section in text.items()})
    (folder / "vocabulary" / "sets.yaml").write_text("fevers: [fever]\n", encoding="utf-8")
    for name, table in tables.items():
        (folder / "tables").mkdir(exist_ok=True)
        (folder / "tables" / f"{name}.yaml").write_text(table, encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        load(folder)
    return caught.value.problems


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | bool | None) else int(value) if value == int(value) else float(value)


FACTS = [
    ("{is: x, from: measurements, pick: latest}", "no table or view named 'measurements'; there are person"),
    ("{is: x, from: measurement, pick: newest}", "no pick 'newest'; there are latest, first"),
    ("{is: x, from: measurement, pick: latest, take: worth}", "measurement has no column 'worth'"),
    ("{is: x, from: measurement, pick: highest, by: worth}", "measurement has no column 'worth'"),
    ("{is: x, from: measurement, pick: sum}", "sum takes an exact column"),
    ("{is: x, from: observation, pick: highest, take: text, by: present}", "highest compares numbers, dates or words"),
    ("{is: x, latest: sodium}", "no measurement named 'sodium' in the vocabulary"),
    ("{is: x, condition: set(ibd)}", "no set named 'ibd'"),
    ("{latest: platelets}", "lacks the field 'is'"),
    ("{is: x, from: measurement, pick: latest, freshness: 3}", "no field freshness; there are absent, ask"),
    ("{is: x, latest: platelets, fresh: no_setting}", "lacks the field 'no_setting'"),
    ("{is: x, from: measurement, pick: latest, where: value >}", "something is missing at the end"),
    ("{is: x, from: measurement, pick: latest, where: number}", "expected a bool expression, found exact"),
    ("{is: x, from: observation, pick: any, where: left.text = 'a'}", "named 'left.text'"),
    ("{is: x, from: observation, pick: any, absent: {where: present}}", "lacks the field 'from'"),
]


@pytest.mark.parametrize(("fact", "said"), FACTS)
def test_facts(tmp_path: Path, fact: str, said: str) -> None:
    (problem,) = problems(tmp_path, f"facts: {{wrong: {fact}}}")
    assert problem.startswith("pathway/own.yaml: wrong: ")
    assert said in problem


STEPS = [
    ("[{where: present}]", "step 1: no operator 'where' here; the first is `from`"),
    ("[{from: observation}, {from: observation}]", "step 2: no operator 'from' here"),
    ("[{from: observation}, {sort: day}]", "step 2: no operator 'sort' here"),
    ("[{from: observation}, {where: present, add: {}}]", "step 2: expected one operator, found where, add"),
    ("[{from: observations}]", "no table or view named 'observations'"),
    ("[{from: observation}, {running: {each: {}}}]", "running: lacks take; has no argument each"),
    ("[{from: observation}, {running: {per: [place], take: {}}}]", "no column 'place'; there are patient"),
    ("[{from: observation}, {running: {take: {x: {lowest: day}}}}]", "x: running takes count, sum or highest"),
    ("[{from: observation}, {running: {take: {x: {mean: day}}}}]", "x: no aggregate 'mean'; there are all, any"),
    ("[{from: observation}, {group: {by: [], take: {x: {count: day}}}}]", "x: count takes a condition, found date"),
    ("[{from: observation}, {group: {by: [], take: {x: {highest: present}}}}]", "x: highest takes a value, found bool"),
    ("[{from: observation}, {group: {by: [], take: {x: {sum: day}}}}]", "x: sum of date is not defined"),
    ("[{from: measurement}, {group: {by: [], take: {x: {highest: value}}}}]", "x: highest of measured is not defined"),
    ("[{from: measurement}, {group: {by: [], take: {x: {first: value / lloq}}}}]", "x: first of ratio is not defined"),
    ("[{from: observation}, {split_at_gap: {days: 3, on: text, as: n}}]", "split_at_gap: `on` names a date column"),
    ("[{from: observation}, {split_at_gap: {days: day, on: day, as: n}}]", "expected a exact expression, found date"),
    ("[{from: exposure}, {split_at_gap: {days: dose, on: day, as: n}}]", "expected a number of days or a setting"),
    ("[{from: observation}, {pick_within: {with: exposure, pick: best, take: {}}}]", "no pick 'best'; there are any"),
    ("[{from: observation}, {pick_within: {with: exposure, pick: latest, take: {x: worth}}}]", "no column 'worth'"),
    (
        "[{from: observation}, {pick_within: {with: exposure, pick: highest, by: route, take: {}}}]",
        "`by` names a number or date column of the other table",
    ),
    ("[{from: observation}, {band: {table: grades, keys: {}, take: {}}}]", "no table 'grades'; there are doses"),
    ("[{from: observation}, {band: {table: doses, keys: {}, take: {}}}]", "doses is looked up by drug and a value"),
    (
        "[{from: exposure}, {band: {table: doses, keys: {drug: concept}, value: route, take: {}}}]",
        "band: looks up a number, found text",
    ),
]
DOSES = "{is: doses, keys: [drug], banded: true, columns: {drug: text, dose: exact}, rows: []}"


@pytest.mark.parametrize(("steps", "said"), STEPS)
def test_views(tmp_path: Path, steps: str, said: str) -> None:
    pathway = f"views: {{wrong: {{is: x, because: y, steps: {steps}}}}}"
    (problem,) = problems(tmp_path, pathway, doses=DOSES)
    assert problem.startswith("pathway/own.yaml: wrong: ")
    assert said in problem


TABLES = [
    ("rows: [{drug: a, lower: 0, upper: 2, dose: x}]", "row 1: dose is 'x'; expected exact"),
    ("rows: [{drug: 5, lower: 0, upper: 2, dose: 1}]", "row 1: drug is Decimal('5'); expected text"),
    ("rows: [{lower: 0, upper: 2, dose: 1}]", "row 1: drug is empty; a row is looked up by all its keys"),
    (
        "rows: [{drug: a, lower: 0, upper: 2}, {drug: b, lower: 0, upper: 2}, {drug: a, lower: 1.9, upper: null}]",
        "rows 1 and 3 answer the same look-up",
    ),
    ("rows: [{drug: a, lower: 5, upper: null}, {drug: a, lower: 1, upper: 6}]", "rows 1 and 2 answer the same look-up"),
    ("lines: []", "no field lines; there are banded, columns, is, keys"),
]


@pytest.mark.parametrize(("rows", "said"), TABLES)
def test_tables(tmp_path: Path, rows: str, said: str) -> None:
    table = f"{{is: doses, keys: [drug], banded: true, columns: {{drug: text, dose: exact}}, {rows}}}"
    found = problems(tmp_path, "", doses=table)
    assert any(problem.startswith("tables/doses.yaml: doses: ") and said in problem for problem in found)


def test_an_exact_table_answers_a_look_up_once(tmp_path: Path) -> None:
    table = "{is: t, keys: [drug], columns: {drug: text}, rows: [{drug: a}, {drug: b}, {drug: a}]}"
    assert problems(tmp_path, "", t=table) == ["tables/t.yaml: t: rows 1 and 3 answer the same look-up"]


def test_a_circle_is_named_from_end_to_end(tmp_path: Path) -> None:
    pathway = f"definitions: {{a: {{when: b, {SAID}}}, b: {{when: not c, {SAID}}}, c: {{when: a or fever, {SAID}}}}}"
    assert "a -> b -> c -> a: defined by itself; break the circle" in problems(tmp_path, pathway)


def test_a_view_of_itself_is_a_circle(tmp_path: Path) -> None:
    a = "{is: x, because: y, steps: [{from: b}]}"
    b = "{is: x, because: y, steps: [{from: person}, {join: {with: a, take: {}}}]}"
    found = problems(tmp_path, f"views: {{a: {a}, b: {b}}}")
    assert "a -> b -> a: defined by itself; break the circle" in found


def test_names_are_unique_over_sections_but_rules_stand_apart(tmp_path: Path) -> None:
    pathway = f"derived: {{fever: {{is: x, value: 1 + 1}}}}\nrules: {{hiv: {{kind: advice, when: hiv, {RULE}}}}}"
    assert problems(tmp_path, pathway) == ["pathway/own.yaml: fever: is already a name in facts (pathway/facts.yaml)"]


def test_closed_words_and_sources(tmp_path: Path) -> None:
    fields = "kind: advise, when: hiv, headline: H, text: T, verification: sure, sources: [NOWHERE], severity: grave"
    kind, *others = problems(tmp_path, f"rules: {{wrong: {{{fields}}}}}")
    assert kind.startswith("pathway/own.yaml: wrong: no kind 'advise'; there are finding, cause, advice, task")
    assert others == [
        "pathway/own.yaml: wrong: no source 'NOWHERE' in sources.yaml",
        "pathway/own.yaml: wrong: severity is 'grave'; expected harm, act, note",
        "pathway/own.yaml: wrong: verification is 'sure'; expected verified, secondary, recalled",
    ]


def test_only_tasks_and_alerts_test_states(tmp_path: Path) -> None:
    pathway = f"rules: {{wrong: {{kind: advice, when: hiv is missing, {RULE}}}}}"
    (problem,) = problems(tmp_path, pathway)
    assert "tests of state belong to task and alert rules" in problem


def test_settings_are_constants_of_their_kind(tmp_path: Path) -> None:
    base(
        tmp_path,
        settings={
            "strict": {"is": "x", "value": True, "verification": "recalled"},
            "unit": {"is": "x", "value": "IU/mL", "verification": "recalled"},
            "unset": {"is": "x", "value": None, "type": "exact", "verification": "recalled"},
        },
        definitions={"d": {"is": "x", "when": "strict and unit = 'IU/mL'", "verification": "recalled"}},
    )
    program = load(tmp_path)
    constants = [node.kind for node in program.definitions["d"].when.parts[1:]]  # type: ignore[attr-defined]
    assert constants == ["bool"]
    assert program.definitions["d"].when.parts[0] == Constant(True, "bool", "strict")  # type: ignore[attr-defined]
    assert program.kind_of("weight") == "measured" and program.kind_of("d") == "bool"
    with pytest.raises(KeyError):
        program.kind_of("nothing")
