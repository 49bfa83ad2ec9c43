"""Values in words: the same everywhere, whatever the locale; nothing unknown reads as a number."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.support import answer, changed, items
from tests.conformance.test_option_ganciclovir import UNTREATED, plain
from tests.support import small_knowledge as k

from cmvigil.assess import wording as w
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.values import Ratio
from cmvigil.record.tables import Range

D = Decimal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (True, "yes"),
        (False, "no"),
        (D("12400"), "12,400"),
        (D("0.50"), "0.5"),
        (D("1E+3"), "1,000"),
        (Range.point(D("34.5")), "34.5"),
        (Range(D(0), D(137), high_open=True), "<137"),
        (Range(D(0), D(137)), "≤137"),
        (Range(D(10000), None, low_open=True), ">10,000"),
        (Range(D(5), None), "≥5"),
        (Range(D(2), D(4)), "2 to 4"),
        (Ratio(D(1), D(3)), "0.3"),
        (Ratio(D(1000), D(3)), "333"),
        (Ratio(D(1), D(0)), "unknown"),
        (Ratio(Range(D(0), D(5)), D(3)), "unknown"),
        (date(2026, 3, 1), "1 Mar 2026"),
        ("acute_severe", "acute severe"),
    ],
)
def test_a_value_in_words(value: Any, text: str) -> None:
    assert w.value(value) == text


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("0.25", "0.2"), ("0.35", "0.4"), ("99.94", "99.9"), ("100.5", "100"), ("101.5", "102"), ("-0.25", "-0.2")],
)
def test_computed_numbers_are_rounded_half_to_even(value: str, rounded: str) -> None:
    assert w.rounded(D(value)) == D(rounded)


def test_templates_take_values_units_and_days(tmp_path: Path) -> None:
    settings = {"limit": {"is": "limit", "value": 14, "unit": "d", "verification": "verified"}}
    derived = {"double": {"is": "double", "unit": "kg", "value": "2 * weight"}}
    program = k.program(tmp_path, settings=settings, derived=derived)
    rows = [k.measured("weight", "61.0", day=-2), k.seen("fever", True), k.measured("platelets", "9", day=0)]
    outcome = python.run(program, k.record(*rows).rows, k.AS_OF)

    def fill(text: str) -> str:
        return w.fill(text, program, outcome)

    assert fill("{weight}, {weight.value}, {weight.day}") == "61 kg, 61, 27 Feb 2026"
    assert fill("within {limit}, {limit.value}") == "within 14 days, 14"
    assert fill("{double}") == "122 kg"
    assert fill("{fever}, {hiv}, {hiv.day}, {neutrophils}") == "yes, unknown, unknown, unknown"
    assert fill("{limit.day} {limit.other}") == "unknown {limit.other}"
    assert fill("{neutrophils.all}") == "unknown"


def test_all_that_a_fact_could_have_picked_is_named() -> None:
    drugs = [*UNTREATED["drugs"], plain("gentamicin", route="iv"), plain("amphotericin_b", route="iv")]
    said = items(answer(changed(UNTREATED, {"drugs": drugs}), appraise=True))["foscarnet_partner_to_change"]
    assert said.headline == "With aminoglycoside and amphotericin B: kidney damage adds up, change that first"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (["A594Q"], "UL97 A594Q"),
        (["A594Q", "L595Q", "A594Q"], "UL97 A594Q and UL97 L595Q"),
        (
            [f"{wild}Q" for wild in ("A594", "L595", "K596", "D605", "R607", "T610")],
            "UL97 A594Q, UL97 L595Q, UL97 K596Q, UL97 D605Q and 2 more",
        ),
    ],
)
def test_the_changes_of_the_newest_genotype_are_named_with_their_gene(changes: list[str], named: str) -> None:
    newest = {"date": "d-3", "genes": {"UL97": {"changes": changes, "covered": "590-615"}}}
    older = {"date": "d-40", "genes": {"UL97": {"changes": ["C603Q"], "covered": "590-615"}}}
    advice = answer(changed(UNTREATED, {"genotype": [older, newest]}))
    (badge,) = [badge.answer for badge in advice.status if badge.label == "Resistance"]
    assert badge.startswith(f"{named} reported")
