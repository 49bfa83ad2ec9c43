"""From outcome to answer: order, questions, badges, provenance; hiding a fact never turns an answer round."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import small_knowledge as k

from cmvigil.advice import Advice, Item, schema
from cmvigil.assess import assess
from cmvigil.assess.compose import NothingToAssessError, day_of
from cmvigil.assess.precedence import settle
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import STATE_TESTS_ALLOWED
from cmvigil.record.read import read_record
from cmvigil.record.tables import Issue, Record, Row

ROOT = Path(__file__).parents[2]


def small(folder: Path, *rows: Row, **sections: object) -> Advice:
    """The answer of a small knowledge for a record of these rows."""
    return assess(k.record(*rows), k.program(folder, **sections), k.AS_OF)


def test_the_published_schema_is_the_model_s() -> None:
    published = json.loads((ROOT / "docs" / "schemas" / "advice.schema.json").read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(schema())), "write it anew: python -m tests.assess.publish"


def test_advice_is_ordered_by_topic_state_severity_and_strength(tmp_path: Path) -> None:
    rules = {
        "f_unknown": k.advice("weight > 3", severity="harm"),
        "e_supportive": k.advice("fever") | {"topic": "supportive"},
        "d_note": k.advice("fever", severity="note"),
        "c_weak": k.advice("fever") | {"strength": "good-practice"},
        "b_act": k.advice("fever"),
        "a_harm": k.advice("fever", severity="harm"),
        "alert": k.rule("neutrophils is missing", kind="alert", topic="antiviral"),
        "gone": k.advice("not fever"),
    }
    said = [item.rule for item in small(tmp_path, k.seen("fever", True), rules=rules).advice]
    assert said == ["alert", "a_harm", "b_act", "c_weak", "d_note", "f_unknown", "e_supportive"]


def test_causes_put_consistent_evidence_first(tmp_path: Path) -> None:
    rules = {
        "a_plain": k.rule("fever", kind="cause"),
        "b_conflicting": k.rule("fever", kind="cause", evidence="conflicting"),
        "c_consistent": k.rule("fever", kind="cause", evidence="consistent"),
    }
    causes = small(tmp_path, k.seen("fever", True), rules=rules).causes
    assert [item.rule for item in causes] == ["c_consistent", "b_conflicting", "a_plain"]


def test_questions_are_ranked_by_what_they_decide(tmp_path: Path) -> None:
    facts = {"hot": {"is": "hot", "finding": "fever", "ask": "temperature today"}}
    rules = {
        "heavy": k.advice("neutrophils < 1", severity="harm"),
        "shared": k.advice("neutrophils < 1 and hot"),
        "light": k.advice("hot", severity="note"),
        "unset": k.advice("weight < heavy_weight", severity="note"),
        "held": k.advice("hiv"),
        "holds": k.advice("severity = 'severe'", overrides=["held"]),
    }
    settings = {"heavy_weight": {"is": "a heavy weight", "value": None, "unit": "kg", "verification": "recalled"}}
    asked = small(
        tmp_path, k.has("hiv"), k.measured("weight", "60"), rules=rules, facts=facts, settings=settings
    ).changes
    assert [(q.fact, q.weight) for q in asked] == [
        ("neutrophils", 60 * 12 + 60 * 6 // 2),
        ("severity", 60 * 6 + 60 * 6),
        ("hot", 60 * 6 // 2 + 60 * 2),
        ("heavy_weight", 60 * 2),
    ]
    assert [q.ask for q in asked] == [
        "neutrophil count, not older than 14 days",
        "severity",
        "temperature today",
        "a heavy weight (a value the site sets)",
    ]
    assert asked[1].rules == ["held", "holds"]
    assert asked[0].state == "missing"


def test_an_unknown_override_is_a_proviso_with_its_needs(tmp_path: Path) -> None:
    rules = {"go": k.advice("hiv"), "stop": k.advice("fever", overrides=["go"], headline="Stop")}
    items = {i.rule: i for i in small(tmp_path / "1", k.has("hiv"), rules=rules).advice}
    assert (items["go"].state, items["go"].needs, items["go"].overridden_by) == ("provided", ["fever"], "")
    items = {i.rule: i for i in small(tmp_path / "2", k.has("hiv"), k.seen("fever", True), rules=rules).advice}
    assert (items["go"].state, items["go"].needs, items["go"].overridden_by) == ("overridden", [], "Stop")


STATUS = {
    "yes": k.rule(
        "fever and hiv", kind="status", slot="1-ill", order=1, headline="Ill: yes", if_unknown="Ill: unclear"
    ),
    "no": k.rule("true", kind="status", slot="1-ill", order=2, headline="Ill: no", tone="calm"),
    "said": k.rule("fever", kind="summary", slot="1", text="Fever on {fever.day}.", if_unknown="Take the temperature."),
    "man": k.rule("fever", kind="subject", slot="1", text="Feverish"),
    "host": k.rule("hiv", kind="subject", slot="2", text="HIV"),
}


@pytest.mark.parametrize(
    ("rows", "badge", "summary", "subject"),
    [
        ([k.seen("fever", True), k.has("hiv")], ("yes", "true", "calm"), "Fever on 1 Mar 2026.", "Feverish, HIV"),
        ([k.seen("fever", True)], ("unclear", "unknown", "unknown"), "Fever on 1 Mar 2026.", "Feverish"),
        ([], ("unclear", "unknown", "unknown"), "Take the temperature.", "Patient"),
        ([k.seen("fever", False)], ("no", "true", "calm"), "", "Patient"),
    ],
)
def test_a_slot_says_one_thing_and_unknown_never_reads_as_no(
    tmp_path: Path, rows: list[Row], badge: tuple[str, str, str], summary: str, subject: str
) -> None:
    advice = small(tmp_path, *rows, rules=STATUS)
    (status,) = advice.status
    assert (status.name, status.label) == ("ill", "Ill")
    assert (status.answer, status.truth, status.tone) == badge
    assert advice.summary == ([summary] if summary else [])
    assert advice.subject == subject


def test_a_badge_that_cannot_be_told_does_not_vanish(tmp_path: Path) -> None:
    rules = {"yes": {**STATUS["yes"], "if_unknown": ""}, "no": {**STATUS["no"], "when": "not fever"}}
    (status,) = small(tmp_path, rules=rules).status
    assert (status.label, status.answer, status.truth, status.tone) == ("Ill", "not determined", "unknown", "unknown")
    assert small(tmp_path / "2", k.seen("fever", True), k.has("hiv", present=False), rules=rules).status == []


def test_an_open_badge_is_asked_for(tmp_path: Path) -> None:
    asked = small(tmp_path, k.seen("fever", True), rules=STATUS).changes
    assert [(q.fact, q.decides) for q in asked] == [("hiv", ["the badge “Ill”"])]


def test_tasks_come_from_rules_that_speak_each_once(tmp_path: Path) -> None:
    entry = [{"what": "count", "from": 1}]
    rules = {
        "a": k.advice("fever", schedule=entry),
        "b": k.rule("fever", kind="task", schedule=entry),
        "silent": k.rule("not fever", kind="task", schedule=[{"what": "nothing", "from": 1}]),
    }
    (task,) = small(tmp_path, k.seen("fever", True), rules=rules).tasks
    assert (task.day, task.what) == ("2026-03-02", "count")


def test_quality_counts_and_sorts_what_intake_said(tmp_path: Path) -> None:
    record = k.record(k.seen("fever", True))
    record.counts = {"read.symptoms": 1, "rows.observation": 1}
    levels = ("unusable", "rejected", "note", "unmapped", "rejected")
    record.issues = [Issue(level, f"place {n}", "x", "y", "z") for n, level in enumerate(levels)]  # type: ignore[arg-type]
    quality = assess(record, k.program(tmp_path, rules={}), k.AS_OF).quality
    assert (quality.rejected, quality.unmapped, quality.unusable) == (2, 1, 1)
    assert [i.place for i in quality.issues] == ["place 2", "place 1", "place 4", "place 3", "place 0"]
    assert quality.read == {"symptoms": 1}


def test_a_remark_stands_from_the_day_it_could_be_made(tmp_path: Path) -> None:
    """A day sees no fault of a result that came later; what has no date is of the whole file."""
    record = k.record(k.seen("fever", True, day=-9))
    dated = [Issue("unusable", f"place {n}", "x", "y", "z", k.AS_OF + timedelta(days=n)) for n in (-1, 0, 1)]
    record.issues = [*dated, Issue("note", "file", "x", "y", "z")]
    quality = assess(record, k.program(tmp_path, rules={}), k.AS_OF).quality
    assert [i.place for i in quality.issues] == ["file", "place -1", "place 0"]
    assert quality.unusable == 2


def test_provenance_names_every_overlay_and_every_accepted_risk(tmp_path: Path) -> None:
    base = k.base(tmp_path / "base", rules={"stop": k.advice("fever", severity="harm")})
    quiet = {"rules": {"stop": {"unless": "hiv", "accept_risk": "trial"}}}
    sites = [
        k.write(tmp_path / "north", pathway__local=quiet),
        k.write(tmp_path / "ward", version={"version": "2"}, sources={"OWN": {"title": "Own"}}),
    ]
    found = assess(k.record(k.seen("fever", True)), load(base, sites), k.AS_OF).provenance
    assert found.overlays == ["north", "ward 2"]
    assert found.accepted_risks == ["stop: trial (north)"]
    assert found.knowledge_version == "1"
    assert found.recalled_rules == 1
    assert found.knowledge_hash != assess(k.record(), load(base), k.AS_OF).provenance.knowledge_hash


def test_the_day_is_the_one_given_else_the_record_s_else_the_last() -> None:
    record = k.record(k.seen("fever", True, day=-3))
    assert day_of(record).isoformat() == "2026-02-26"
    record.as_of = k.AS_OF
    assert day_of(record) == k.AS_OF
    assert day_of(record, record.rows["observation"][0].day).isoformat() == "2026-02-26"
    empty = Record("p", issues=[Issue("rejected", "entry[0]", "7", "a resource", "Mend it.")])
    with pytest.raises(NothingToAssessError) as raised:
        day_of(empty)
    first, last = str(raised.value).splitlines()
    assert first == "rejected: entry[0]: found 7; expected a resource. Mend it."
    assert last.startswith("the record holds no dated entry")


# -- the whole knowledge -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["relapse-on-azathioprine", "disseminated-hlh"])
def test_same_input_same_bytes(name: str) -> None:
    once, again = (assess(read_record(ROOT / "examples" / name / "case.yaml")).model_dump_json() for _ in range(2))
    assert once == again


MAY_BECOME = {
    "applies": {"applies", "provided", "undetermined"},
    "provided": {"provided", "undetermined"},
    "undetermined": {"undetermined"},
    "silent": {"silent", "undetermined"},
    "overridden": {"overridden", "provided", "undetermined"},
}


@pytest.mark.parametrize("name", ["relapse-on-azathioprine", "kidney-d-plus-r-minus-refractory", "disseminated-hlh"])
def test_hiding_a_fact_never_turns_an_answer_round(name: str) -> None:
    """Every fact that stands in the answer is hidden in turn: a clinical rule moves only towards unknown."""
    record, program = read_record(ROOT / "examples" / name / "case.yaml"), load()
    whole = settle(program, python.run(program, record.rows, day_of(record)))
    clinical = [rule.name for rule in program.rules.values() if rule.kind not in STATE_TESTS_ALLOWED]
    for fact in list(assess(record, program).facts)[::4]:
        hidden = settle(program, python.run(program, record.rows, day_of(record), hide=(fact,)))
        for rule in clinical:
            before, after = whole[rule].state, hidden[rule].state
            if before == "silent" and after == "overridden":
                continue  # it could apply now, and what would override it speaks
            assert after in MAY_BECOME[before], f"hiding {fact} turned {rule} from {before} to {after}"


def test_every_item_can_be_walked_back_and_bears_its_source() -> None:
    advice = assess(read_record(ROOT / "examples" / "relapse-on-azathioprine" / "case.yaml"))
    items: list[Item] = [*advice.causes, *advice.findings, *advice.advice, *advice.abstentions]
    assert items
    for item in items:
        assert item.sources, item.rule
        assert {s.verification for s in item.sources} == {item.verification}
        assert item.walkback.when.truth != "false"
        assert set(item.needs) <= advice.facts.keys()
        leaves = [item.walkback.when]
        while leaves:
            leaf = leaves.pop()
            assert set(leaf.facts) <= advice.facts.keys()
            leaves += leaf.below(advice.definitions)


def test_no_name_or_birth_date_stands_in_the_subject() -> None:
    advice = assess(read_record(ROOT / "examples" / "relapse-on-azathioprine" / "case.yaml"))
    assert advice.subject == "Woman, 54, ulcerative colitis"
