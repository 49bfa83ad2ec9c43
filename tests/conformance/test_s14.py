"""S14: foscarnet in urine ulcerates genital skin: told at the start, asked for weekly, the drug thought of first."""

from __future__ import annotations

import pytest
from tests.conformance.monitored import FOSCARNET, ON_FOSCARNET, dates
from tests.conformance.support import EVERYTHING, GANCICLOVIR, TACROLIMUS, Says, answer, changed, items, state

OFF = {"drugs": [TACROLIMUS, GANCICLOVIR]}
ULCERS = {"symptoms": {"genital_ulcers": {"present": "yes", "date": "d-1"}}}

STATEMENTS = [
    Says("foscarnet_counselling", "S14", ON_FOSCARNET, OFF, "foscarnet_by_vein_now", words="wash and dry the genitals"),
    Says(
        "genital_ulcers_on_foscarnet",
        "G12",
        changed(ON_FOSCARNET, ULCERS),
        OFF,
        "genital_ulcers_recorded",
        words="the drug first, then CMV itself",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s14_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s14_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s14_asks(says: Says) -> None:
    says.asks()


@pytest.mark.parametrize(("start", "told"), [("d0", True), ("d-14", True), ("d-15", False)])
def test_s14_counselling_in_the_first_two_weeks(start: str, told: bool) -> None:
    case = changed(ON_FOSCARNET, {"drugs": [TACROLIMUS, {**FOSCARNET, "start": start}]})
    assert (state(answer(case), "foscarnet_counselling") == "applies") is told


def test_s14_the_question_is_dated_and_settled_by_an_answer() -> None:
    """Day 0, 7 and 14 of foscarnet (20 March): asked on no day it is overdue; "no ulcers" of yesterday settles it."""
    silent = changed(ON_FOSCARNET, {"complete": [name for name in EVERYTHING if name != "symptoms"]})
    assert dates(silent, "foscarnet_counselling", "Genital hygiene")[:2] == [
        ("2026-03-27", True),
        ("2026-04-03", False),
    ]
    asked = changed(silent, {"symptoms": {"genital_ulcers": {"present": "no", "date": "d-1"}}})
    assert dates(asked, "foscarnet_counselling", "Genital hygiene") == [("2026-04-03", False), ("2026-04-10", False)]


def test_s14_ulcers_name_the_alternative() -> None:
    text = items(answer(changed(ON_FOSCARNET, ULCERS)))["genital_ulcers_on_foscarnet"].text
    assert "biopsy" in text and "CMV" in text and "wash and dry" in text
