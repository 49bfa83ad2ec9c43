"""S17: taper steroids in recurrence, with the cautions: adrenals, rescue, the transplant exception."""

from __future__ import annotations

import pytest
from tests.conformance.support import (
    COLITIS,
    GANCICLOVIR,
    KIDNEY,
    STEROID,
    TACROLIMUS,
    Says,
    answer,
    changed,
    items,
    state,
)

AGAIN = changed(
    COLITIS,
    {
        "viral_loads": None,
        "cmv": {
            "episodes": [
                {"start": "2025-06-01", "end": "2025-06-30", "site": "colon"},
                {"start": "d-10", "site": "colon"},
            ]
        },
    },
)
ONCE = {"cmv": {"episodes": [{"start": "d-10", "site": "colon"}]}}
RESCUE = {"findings": {"rescue_option": {"present": "yes", "date": "d-1"}}}
GRAFT_ON_STEROID = changed(
    KIDNEY, {"drugs": [{"drug": "prednisolone", "dose": "5 mg", "every": "daily", "start": "2025-11-01"}]}
)

STATEMENTS = [
    Says("taper_steroids", "S17", AGAIN, ONCE, "disease_recurred", words="40 mg/d prednisone equivalent for 30 days"),
    Says(
        "cover_adrenals", "S17", AGAIN, {"drugs": [{**STEROID, "start": "d-10"}]}, "steroid_days", words="for 30 days"
    ),
    Says("name_rescue_first", "S17", AGAIN, RESCUE, "systemic_steroid"),
    Says(
        "keep_maintenance_steroid", "S17", GRAFT_ON_STEROID, {"drugs": [TACROLIMUS]}, "systemic_steroid", words="5 mg/d"
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s17_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s17_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s17_asks(says: Says) -> None:
    says.asks()


def test_s17_needs_a_steroid() -> None:
    assert state(answer(changed(AGAIN, {"drugs": [GANCICLOVIR]})), "taper_steroids") == "silent"


def test_s17_asks_for_the_steroid_where_medication_is_not_complete() -> None:
    item = items(answer(changed(AGAIN, {"drugs": [GANCICLOVIR], "complete": ["symptoms", "conditions"]})))[
        "taper_steroids"
    ]
    assert item.state == "undetermined"
    assert item.needs == ["systemic_steroid"]


def test_s17_transplant_exception() -> None:
    graft = changed(AGAIN, {"host": {"transplants": [{"organ": "liver", "date": "2024-01-01"}]}})
    said = answer(graft)
    assert state(said, "taper_steroids") == "silent"
    assert state(said, "keep_maintenance_steroid") == "applies"


def test_s17_first_episode_gets_the_rule_for_colitis() -> None:
    assert state(answer(COLITIS), "taper_steroids_in_colitis") == "applies"
    assert state(answer(AGAIN), "taper_steroids_in_colitis") == "overridden"


def test_s17_adrenal_suppression_stated_counts_at_once() -> None:
    stated = changed(
        COLITIS,
        {
            "drugs": [{**STEROID, "start": "d-3"}],
            "findings": {"steroid_dependent_adrenal": {"present": "yes", "date": "d-3"}},
        },
    )
    item = items(answer(stated))["cover_adrenals"]
    assert item.state == "applies"
    assert item.headline.startswith("If the steroid comes down")


@pytest.mark.parametrize(("dose", "said"), [("5 mg", "silent"), ("10 mg", "applies")])
def test_s17_a_graft_on_maintenance_steroid_is_not_told_to_step_down(dose: str, said: str) -> None:
    graft = changed(
        KIDNEY, {"drugs": [{"drug": "prednisolone", "dose": dose, "every": "daily", "start": "2025-11-01"}]}
    )
    assert state(answer(graft), "cover_adrenals") == said
