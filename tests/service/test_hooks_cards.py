"""What stands on a card: short, whole sentences, nothing that a record could turn into a link or a tag."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.service.hooks_support import EXAMPLES

from cmvigil.assess import assess
from cmvigil.record.read import read_record
from cmvigil.service.desk import Desk
from cmvigil.service.hooks import cards
from cmvigil.service.hooks.orders import Finding


def finding(text: str, level: str = "harm", rule: str = "r", more: str = "") -> Finding:
    return Finding(level, "x", text, rule, more)  # type: ignore[arg-type]


def summary(*texts: str) -> str:
    card = cards.of_orders([finding(text) for text in texts], (), signing=True)
    assert card is not None
    return card.summary


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200), min_size=1, max_size=5))
def test_a_summary_is_never_too_long_nor_broken_over_lines(texts: list[str]) -> None:
    assert len(summary(*texts)) < 140
    assert "\n" not in summary(*texts)


def test_a_summary_takes_whole_sentences_in_order_and_leaves_none_out_between() -> None:
    assert summary("Stop it", "Then take a load") == "Stop it. Then take a load."
    assert summary("Stop it", "x" * 140, "Short") == "Stop it."
    long = "word " * 40
    assert summary(long).endswith("word…")
    assert len(summary(long)) > 130


@pytest.mark.parametrize(
    "text", ["[x](javascript:alert)", "<img src=x onerror=alert(1)>", "a*b_c`d`|e", "![x](y)", "&lt;b"]
)
def test_what_a_record_says_means_only_itself(text: str) -> None:
    card = cards.of_orders([finding(text, more=f"# {text}\n- {text}")], (), signing=True)
    assert card is not None
    assert "\n" not in card.detail
    assert not any(sign in card.detail.replace(f"\\{sign}", "") for sign in "[]<>*`|#!&_")


def test_the_gravest_finding_leads_and_decides() -> None:
    said = [finding("Gravest", "forbidden"), finding("Other", more="never shown"), finding("Least", "note")]
    signed, chosen = (cards.of_orders(said, (), signing=signing) for signing in (True, False))
    assert signed and chosen
    assert (signed.indicator, chosen.indicator) == ("critical", "warning")
    assert signed.detail.splitlines() == ["- Gravest.", "- Other.", "- Least."]
    only = cards.of_orders([finding("Least", "note")], ("conditions",), signing=True)
    assert only
    assert only.indicator == "info"
    assert only.detail.endswith("- Not seen in full: conditions")


def test_silence_where_nothing_was_found_and_all_was_seen() -> None:
    assert cards.of_orders([], (), signing=True) is None
    assert cards.of_orders([], ("conditions",), signing=False) is None


def test_what_was_not_seen_is_said_when_an_order_is_signed() -> None:
    card = cards.of_orders([], ("conditions",), signing=True)
    assert card
    assert (card.indicator, "conditions" in card.detail) == ("info", True)


def test_opening_a_record_says_harm_first_then_the_state_then_what_is_due(desk: Desk) -> None:
    record = read_record(EXAMPLES / "kidney-d-plus-r-minus-refractory" / "bundle.json")
    advice = assess(record, desk.program)
    card = cards.of_patient(advice, ())
    assert card
    assert card.summary == (
        "Start foscarnet now; do not wait for the genotype. "
        "Refractory on day 28 of valganciclovir: 245,000 IU/mL against 21,000 IU/mL on day 7."
    )
    assert card.rule in desk.program.rules
    parts = [line for line in card.detail.splitlines() if line.startswith("**")]
    assert parts == ["**Safety**", "**To do**", "**Dates**"]
    assert len(card.detail) < 2500


def test_an_untreated_infection_of_which_little_is_known_is_not_passed_over(desk: Desk) -> None:
    advice = assess(read_record(EXAMPLES / "sparse-record" / "bundle.json"), desk.program)
    card = cards.of_patient(advice, ())
    assert card
    assert (card.indicator, card.rule) == ("info", "summary")
    assert "age or birth date" in card.detail


def test_each_key_that_may_lack_has_a_name(desk: Desk) -> None:
    from cmvigil.record.codes import with_site
    from cmvigil.service.hooks.services import SERVICES, templates

    needed = frozenset.intersection(*(each.needs for each in SERVICES.values()))
    assert set(templates(with_site(desk.mapping))) - needed == set(cards._NAMES)


def test_what_is_not_covered_makes_no_card_of_its_own(desk: Desk) -> None:
    advice = assess(read_record(EXAMPLES / "pregnant" / "bundle.json"), desk.program)
    card = cards.of_patient(advice, ())
    assert card
    assert "**Not covered**\n\n- Pregnancy: no dose is given here" in card.detail
    assert cards.of_patient(advice.model_copy(update={"advice": [], "options": []}), ()) is None
