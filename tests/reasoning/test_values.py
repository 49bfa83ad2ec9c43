"""Small things about values that no table shows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cmvigil.reasoning import values as v
from cmvigil.record.tables import Range


@pytest.mark.parametrize(
    ("over", "under", "shown"),
    [
        (Decimal(3), Decimal(4), Decimal("0.75")),
        (Range.point(Decimal(3)), Decimal(4), Decimal("0.75")),
        (Decimal(3), Decimal(0), None),
        (Decimal(3), Decimal(-4), None),
        (Range(Decimal(0), Decimal(3), high_open=True), Decimal(4), None),
        (Decimal(3), Range(Decimal(4), None), None),
    ],
)
def test_a_quotient_is_divided_only_to_be_shown(over: Decimal, under: Decimal, shown: Decimal | None) -> None:
    assert v.Ratio(over, under).approx() == shown


def test_an_absent_fact_is_worth_nothing() -> None:
    assert v.zero("bool") is False
    assert v.zero("exact") == 0
    assert v.zero("measured") == Range.point(Decimal(0))
    assert v.zero("text") is None and v.zero("date") is None
