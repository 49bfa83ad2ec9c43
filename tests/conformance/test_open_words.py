"""What an open rule is called: no words that state an unknown, and none that say nothing."""

from __future__ import annotations

import pytest
from tests.conformance.support import TODAY, answer

from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Rule

RULES = [rule for rule in load().rules.values() if rule.kind not in ("status", "summary", "subject")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_open_rule_has_words_without_values(rule: Rule) -> None:
    words = rule.if_unknown or rule.headline
    assert "{" not in words
    assert len(words) <= 80


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_open_rule_does_not_say_that_something_decides(rule: Rule) -> None:
    """A question is shown with what it decides: "decides: urine protein decides" would say nothing."""
    assert "decide" not in rule.if_unknown


def test_where_nothing_is_known_no_headline_says_unknown() -> None:
    advice = answer({"patient": "nobody", "as_of": TODAY})
    said = [*advice.causes, *advice.advice, *advice.findings, *advice.abstentions]
    assert said and [item.headline for item in said if "unknown" in item.headline] == []
    assert [words for question in advice.changes for words in question.decides if "unknown" in words] == []
