"""S20 where no dose is given: an abstention silences regimens, never the need to treat today."""

from __future__ import annotations

import pytest
from tests.conformance.support import Says, answer, changed, items, state
from tests.conformance.test_s20 import FEATURES, PLAIN, WELL_ENOUGH

UNTREATED = changed(PLAIN, FEATURES["fever"], FEATURES["leukopenia"], FEATURES["enzymes"], {"drugs": []})
PREGNANT = changed(UNTREATED, {"person": {"pregnant": "yes"}})
STATEMENT = Says("treat_now_dose_elsewhere", "S20", PREGNANT, WELL_ENOUGH, "fever", words="today, by vein")


def test_s20_hit_the_need_stands_where_the_dose_is_withheld() -> None:
    STATEMENT.hit()
    assert state(answer(PREGNANT), "treat_disseminated_now") == "overridden"


def test_s20_near_miss_not_disseminated() -> None:
    STATEMENT.near_miss()


def test_s20_asks_before_it_says_that_life_is_threatened() -> None:
    STATEMENT.asks()


@pytest.mark.parametrize(
    "change",
    [
        {"person": {"age": 16, "pregnant": None}},
        {"procedures": [{"procedure": "continuous_renal_replacement", "start": "d-2"}]},
        {"procedures": [{"procedure": "peritoneal_dialysis", "start": "d-100"}]},
    ],
    ids=["under age", "continuous replacement", "peritoneal dialysis"],
)
def test_s20_every_abstention_from_doses_keeps_it(change: dict[str, object]) -> None:
    advice = answer(changed(UNTREATED, change))
    assert items(advice)["treat_now_dose_elsewhere"].state == "applies"
    assert not any("mg" in item.text for item in advice.advice if item.topic == "antiviral" and item.state == "applies")
