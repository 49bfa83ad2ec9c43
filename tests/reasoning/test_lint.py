"""The linter: each kind of fault is found in a snippet that holds only that fault, and sound knowledge has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import small_knowledge as k

from cmvigil.reasoning.lint import Problem, check, recalled, undecided
from cmvigil.reasoning.loader import load

SEVERE = "severity = 'severe'"


def problems(folder: Path, level: str = "error", **sections: object) -> list[str]:
    """What the linter says of one level, each as place: text."""
    return [f"{p.place}: {p.text}" for p in check(k.program(folder, **sections)) if p.level == level]


def rules(**entries: object) -> dict[str, dict[str, object]]:
    """A section of rules."""
    return {"rules": dict(entries)}


def test_sound_knowledge_has_no_error(tmp_path: Path) -> None:
    sections = {
        "facts": {"treated": {"is": "on an antiviral", "drug": "set(antiviral)"}},
        "settings": {"limit": {"is": "limit", "value": 1, "unit": "10*9/L", "verification": "verified"}},
        "derived": {"sum_of_counts": {"is": "sum", "unit": "10*9/L", "value": "neutrophils + platelets"}},
        "definitions": {"low": {"is": "low", "when": "neutrophils < limit", "verification": "secondary"}},
        "rules": {
            "all_well": k.rule("true", kind="summary", slot="a"),
            "act": k.advice(
                "low and not fever or sum_of_counts < 50 and not treated",
                unless="hiv",
                overrides=["wait"],
                headline="Neutrophils {neutrophils} of {neutrophils.day}, limit {limit.value}",
                schedule=[
                    {"what": "count", "why": "{neutrophils}", "anchor": "fever_day", "from": 1, "done": "weight"}
                ],
            ),
            "wait": k.advice("severity in ('mild', 'severe')"),
        },
    }
    program = k.program(tmp_path, **sections)
    assert check(program) == []
    assert recalled(program) == {"recalled": 3, "verified": 1, "secondary": 1}


def test_the_knowledge_that_is_shipped_has_no_error() -> None:
    assert [p for p in check(load()) if p.level == "error"] == []


def test_errors_come_first_and_sorted(tmp_path: Path) -> None:
    found = check(k.program(tmp_path, **rules(b=k.rule("hiv", sources=[]), a=k.rule("hiv", sources=[]))))
    assert [(p.level, p.place.split(": ")[1]) for p in found[:3]] == [
        ("error", "a"),
        ("error", "b"),
        ("warning", "fever"),
    ]
    assert all(isinstance(p, Problem) for p in found)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (k.rule("hiv", sources=[]), "finding without a source; name one of sources.yaml"),
        (k.rule("hiv", kind="advice", certainty="low"), "advice without strength and certainty"),
        (k.rule("hiv", overrides=["nobody"]), "overrides 'nobody', which is no rule"),
        (k.rule("hiv", kind="status"), "a status rule needs a slot"),
        (k.rule("hiv", text="{neutrofils}"), "text names {neutrofils}, which is no fact, derived fact or setting"),
        (k.rule("hiv", because="{fever.date}"), "text names {fever.date}, which is no fact, derived fact or setting"),
        (k.rule("hiv", schedule=[{"what": "{x}"}]), "text names {x}, which is no fact, derived fact or setting"),
        (k.rule("hiv", schedule=[{"why": "x"}]), "schedule entry without what: the thing to do"),
        (k.rule("hiv", schedule=[{"what": "x", "evry": 7}]), "schedule has no 'evry'; there are anchor, done, every,"),
        (
            k.rule("hiv", schedule=[{"what": "x", "anchor": "start"}]),
            "schedule anchor 'start' is no fact, derived fact",
        ),
        (k.rule("hiv", schedule=[{"what": "x", "done": "as_of"}]), "schedule done 'as_of' is no fact"),
        (k.rule("hiv", schedule=[{"what": "x", "every": 0}]), "schedule every is 0; expected whole days"),
        (k.rule("hiv", schedule=[{"what": "x", "from": 1.5}]), "schedule from is 1.5; expected whole days"),
        (k.rule("hiv", schedule=[{"what": "x", "until": "d7"}]), "schedule until is d7; expected whole days"),
    ],
)
def test_a_faulty_rule_is_named(tmp_path: Path, rule: dict[str, object], said: str) -> None:
    (found,) = problems(tmp_path, **rules(own=rule))
    assert found.startswith(f"pathway/own.yaml: own: {said}")


def test_rules_do_not_override_each_other(tmp_path: Path) -> None:
    found = problems(tmp_path, **rules(a=k.rule("hiv", overrides=["b"]), b=k.rule("fever", overrides=["a"])))
    assert found == [
        "pathway/own.yaml: a: and b override each other",
        "pathway/own.yaml: b: and a override each other",
    ]


@pytest.mark.parametrize(
    ("when", "mixed"),
    [
        ("neutrophils < weight", "10*9/L and kg"),
        ("neutrophils < kilos", "10*9/L and kg"),
        ("double_weight > platelets", "kg and 10*9/L"),
        ("weight + platelets > 3", "kg and 10*9/L"),
        ("weight * 2 > 3", ""),
        ("weight > 3", ""),
        ("as_of > fever_day", ""),
    ],
)
def test_units_do_not_mix(tmp_path: Path, when: str, mixed: str) -> None:
    sections = {
        "settings": {"kilos": {"is": "kilos", "value": 3, "unit": "kg", "verification": "recalled"}},
        "derived": {"double_weight": {"is": "double weight", "unit": "kg", "value": "2 * weight"}},
        **rules(own=k.rule(when)),
    }
    if "weight + platelets" in when:
        sections["facts"] = {
            "kilos_now": {"is": "w", "unit": "kg", "from": "measurement", "pick": "latest", "take": "number"},
            "count_now": {"is": "c", "unit": "10*9/L", "from": "measurement", "pick": "latest", "take": "number"},
        }
        sections["rules"] = {"own": k.rule("kilos_now + count_now > 3")}
    assert problems(tmp_path, **sections) == ([f"own: mixes {mixed}"] if mixed else [])


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"facts": {"f": {"is": "f", "from": "exposure", "where": "concept = 'foscarnt'", "pick": "any"}}},
            "pathway/own.yaml: f: 'foscarnt' is no concept of the vocabulary",
        ),
        (
            {
                "facts": {
                    "f": {
                        "is": "f",
                        "finding": "fever",
                        "absent": {"from": "condition", "where": "concept in ('aids')"},
                    }
                }
            },
            "pathway/own.yaml: f: 'aids' is no concept of the vocabulary",
        ),
        (
            {
                "views": {
                    "v": {
                        "is": "v",
                        "because": "test",
                        "steps": [
                            {"from": "exposure"},
                            {"group": {"by": ["concept"], "take": {"n": {"any": "concept = 'gancyclovir'"}}}},
                        ],
                    }
                }
            },
            "pathway/own.yaml: v: 'gancyclovir' is no concept of the vocabulary",
        ),
        (
            {
                "facts": {
                    "f": {
                        "is": "f",
                        "from": "observation",
                        "where": "concept = 'severity' and text in ('sever', 'mild')",
                        "pick": "any",
                    }
                }
            },
            "pathway/own.yaml: f: 'sever' is none of mild, severe",
        ),
        (
            rules(own=k.rule("severity in ('mild', 'sever')")),
            "own: severity is never 'sever'; it is one of mild, severe",
        ),
        (rules(own=k.rule("severity = 'bad'")), "own: severity is never 'bad'; it is one of mild, severe"),
    ],
)
def test_a_word_that_never_matches_is_found(tmp_path: Path, sections: dict[str, object], said: str) -> None:
    assert problems(tmp_path, **sections) == [said]


def test_text_of_a_concept_without_closed_words_is_free(tmp_path: Path) -> None:
    where = "concept = 'fever' and text = 'high' and concept = 'hiv' and text = 'any'"
    fact = {"is": "f", "from": "observation", "where": where, "pick": "latest", "take": "text"}
    assert problems(tmp_path, facts={"f": fact}, **rules(own=k.rule("f = 'whatever'"))) == []


def test_names_that_nothing_uses_are_told(tmp_path: Path) -> None:
    sections = {
        "derived": {"twice": {"is": "twice", "unit": "", "value": "neutrophils + 1"}},
        "definitions": {"ill": {"is": "ill", "when": "fever", "verification": "recalled"}},
        **rules(own=k.rule("hiv", text="{platelets}", schedule=[{"what": "x", "done": "weight"}])),
    }
    found = {p.split(": ")[1] for p in problems(tmp_path, "warning", **sections)}
    assert found == {"severity", "fever_day", "twice", "ill", "antiviral"}


def test_views_tables_and_sources_that_nothing_uses_are_told(tmp_path: Path) -> None:
    table = {"is": "doses", "keys": ["concept"], "columns": {"concept": "text"}, "rows": [{"concept": "fever"}]}
    k.write(tmp_path / "base", tables__idle=table, tables__looked_at=table)
    k.write(tmp_path / "base", pathway__more={"views": VIEWS})
    made = k.program(tmp_path, facts={"f": {"is": "f", "from": "second", "pick": "any"}}, **rules(own=k.rule("f")))
    idle = {p.place: p.text for p in check(made) if p.level == "warning"}
    assert idle["pathway/more.yaml: idle_view"] == "is a view that no fact and no view reads"
    assert idle["tables/idle.yaml: idle"] == "is a table that no view looks anything up in"
    used = {"pathway/more.yaml: first", "pathway/more.yaml: second", "tables/looked_at.yaml: looked_at"}
    assert not used & idle.keys()
    assert "sources.yaml: BOOK" not in idle
    unsourced = check(k.program(tmp_path / "2", **rules(own=k.rule("fever", kind="status", slot="a", sources=[]))))
    assert Problem("warning", "sources.yaml: BOOK", "is a source that nothing names") in unsourced


VIEWS = {
    "first": {"is": "first", "because": "x", "steps": [{"from": "observation"}]},
    "second": {
        "is": "second",
        "because": "x",
        "steps": [
            {"from": "first"},
            {"band": {"table": "looked_at", "keys": {"concept": "concept"}, "take": {"name": "concept"}}},
        ],
    },
    "idle_view": {"is": "idle", "because": "x", "steps": [{"from": "observation"}]},
}


CONTRADICTIONS = [
    "hiv and not hiv",
    "neutrophils < 1 and neutrophils > 2",
    "neutrophils < 1 and neutrophils >= 1",
    "severity = 'mild' and severity = 'severe'",
    "severity = 'mild' and severity <> 'mild'",
    "severity in ('mild') and severity = 'severe'",
    "false",
    "hiv and (fever and not fever)",
    "ill and not fever",
]
TAUTOLOGIES = [
    "hiv or not hiv",
    "neutrophils < 2 or neutrophils > 1",
    "level in (1, 2) or level <> 2",
    "not (fever and not fever)",
]
POSSIBLE = [
    "neutrophils > 1 and neutrophils < 2",
    "neutrophils > 1 and platelets < 1",
    "severity = 'mild' or severity = 'severe'",
    "severity in ('mild', 'severe') and severity <> 'mild'",
    "at_least(2, hiv, fever, ill)",
    "ill or hiv",
    "true",
    "neutrophils < unset",
    "level in (1, 2) and level > 1",
]


@pytest.mark.parametrize("when", CONTRADICTIONS + TAUTOLOGIES + POSSIBLE)
def test_conditions_that_decide_nothing_are_found(tmp_path: Path, when: str) -> None:
    sections = {
        "settings": {"unset": {"is": "limit", "value": None, "unit": "10*9/L", "verification": "recalled"}},
        "definitions": {"ill": {"is": "ill", "when": "fever", "verification": "recalled"}},
        "facts": {"level": {"is": "level", "from": "exposure", "pick": "latest", "take": "dose"}},
        **rules(own=k.rule(when)),
    }
    said = "can never apply: its condition contradicts itself" if when in CONTRADICTIONS else ""
    said = "applies to everyone: its condition cannot be false" if when in TAUTOLOGIES else said
    assert problems(tmp_path, **sections) == ([f"pathway/own.yaml: own: {said}"] if said else [])


def test_what_holds_a_rule_back_counts(tmp_path: Path) -> None:
    found = problems(tmp_path, **rules(own=k.rule("hiv", unless="hiv or fever")))
    assert found == ["pathway/own.yaml: own: can never apply: its condition contradicts itself"]


def test_a_rule_that_is_always_overridden_is_found(tmp_path: Path) -> None:
    over = k.rule("neutrophils < 2", overrides=["narrow", "wide", "never"])
    found = problems(
        tmp_path,
        **rules(
            over=over, narrow=k.rule("neutrophils < 1 and hiv"), wide=k.rule("neutrophils < 3"), never=k.rule("false")
        ),
    )
    assert found == [
        "pathway/own.yaml: narrow: never speaks: over overrides it each time",
        "pathway/own.yaml: never: can never apply: its condition contradicts itself",
    ]


def test_conditions_too_wide_to_try_are_left_alone(tmp_path: Path) -> None:
    facts = {f"f{i}": {"is": f"f{i}", "finding": "fever"} for i in range(13)}
    when = " and ".join(facts) + " and not f0"
    sections = rules(own=k.rule(when), over=k.rule(when, overrides=["own"]), narrow=k.rule("f0"))
    assert problems(tmp_path, facts=facts, **sections) == []
    assert undecided(k.program(tmp_path / "2", facts=facts, **sections)) == 2
