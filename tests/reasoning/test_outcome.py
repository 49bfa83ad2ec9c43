"""A fact can be walked back to the events that carry it."""

from __future__ import annotations

from pathlib import Path

from cmvigil.reasoning.engines import python as reference
from cmvigil.reasoning.outcome import FactValue, RuleTruth, hidden
from cmvigil.record.tables import Range

from ..support.small_knowledge import AS_OF, measured, program, record

VIEWS = {
    "counts": {
        "is": "x",
        "because": "y",
        "steps": [{"from": "measurement"}, {"group": {"by": ["concept"], "take": {"total": {"sum": "number"}}}}],
    },
    "pairs": {
        "is": "x",
        "because": "y",
        "steps": [{"from": "counts"}, {"join": {"with": "counts", "take": {"other": "concept"}}}],
    },
}
FACTS = {
    "total": {"is": "x", "from": "counts", "where": "concept = 'platelets'", "pick": "latest", "take": "total"},
    "pairs": {"is": "x", "from": "pairs", "pick": "count"},
}


def test_each_event_behind_a_fact_is_named_once(tmp_path: Path) -> None:
    facts = {"total": FACTS["total"], "number_of_pairs": FACTS["pairs"]}
    rows = record(measured("platelets", "5", -3), measured("platelets", "7", -2), measured("weight", "70", -1))
    low, high, kilos = (row.event for row in rows.rows["measurement"])
    found = reference.run(program(tmp_path, views=VIEWS, facts=facts), rows.rows, AS_OF).facts
    assert found["platelets"].events == (high,)
    assert set(found["total"].events) == {low, high}
    assert sorted(found["number_of_pairs"].events) == sorted((low, high, kilos))
    assert found["fever"].events == ()


def test_what_two_parts_share_is_walked_once() -> None:
    shared = ("a", "b")
    assert FactValue("known", trail=(shared, ("c", shared), "a")).events == ("a", "b", "c")


def test_hiding_gives_what_the_state_is_worth() -> None:
    assert hidden("bool").value is None
    assert hidden("bool", "absent").value is False
    assert hidden("measured", "absent").value == Range.point(hidden("exact", "absent").value)


def test_a_rule_is_true_where_it_applies() -> None:
    assert RuleTruth(True).truth is True
    assert RuleTruth(True, None).truth is None
    assert RuleTruth(False, None).truth is False
