"""S18: which agents go on, are held or stopped in CMV limited to the colon."""

from __future__ import annotations

import pytest
from tests.conformance.support import COLITIS, GANCICLOVIR, Says, answer, changed, items, state


def on(*drugs: str) -> dict[str, object]:
    """Colonic CMV on these drugs since two months, with an antiviral."""
    return changed(COLITIS, {"drugs": [GANCICLOVIR, *({"drug": d, "start": "d-60"} for d in drugs)]})


LOW_WHITE_CELLS = {"labs": {"leukocytes": {"date": "d-1", "value": "2.9 10*9/L"}}}
OTHER_DRUG = {"drugs": [GANCICLOVIR]}
SPREAD = {"cmv": {"episodes": [{"start": "d-10", "site": ["colon", "liver"]}]}}

STATEMENTS = [
    Says("keep_anti_tnf", "S18", on("infliximab"), SPREAD, "anti_tnf_now", words="infliximab"),
    Says("keep_interleukin_antibody", "S18", on("risankizumab"), SPREAD, "interleukin_now"),
    Says("keep_thiopurine", "S18", on("azathioprine"), SPREAD, "thiopurine_now"),
    Says(
        "hold_thiopurine",
        "S18",
        changed(on("azathioprine"), LOW_WHITE_CELLS),
        {"labs": {"leukocytes": {"date": "d-1", "value": "4.5 10*9/L"}}},
        "leukocytes",
        words="White cells 2.9",
    ),
    Says("hold_jak_inhibitor", "S18", on("tofacitinib"), OTHER_DRUG, "jak_now"),
    Says(
        "stop_calcineurin_inhibitor_in_colitis",
        "S18",
        on("ciclosporin"),
        OTHER_DRUG,
        "calcineurin_now",
        words="15 of 18",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s18_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s18_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s18_asks(says: Says) -> None:
    says.asks()


def test_s18_low_counts_override_going_on_with_a_thiopurine() -> None:
    assert state(answer(changed(on("azathioprine"), LOW_WHITE_CELLS)), "keep_thiopurine") == "overridden"


def test_s18_recurrence_holds_a_thiopurine() -> None:
    again = {
        "cmv": {
            "episodes": [
                {"start": "2025-06-01", "end": "2025-06-30", "site": "colon"},
                {"start": "d-10", "site": "colon"},
            ]
        }
    }
    assert state(answer(changed(on("azathioprine"), again)), "hold_thiopurine") == "applies"


def test_s18_unknown_counts_leave_a_thiopurine_provided() -> None:
    item = items(answer(on("azathioprine"), hide=("leukocytes",)))["keep_thiopurine"]
    assert item.state == "provided"
    assert "leukocytes" in item.needs


def test_s18_unknown_dissemination_does_not_silence_it() -> None:
    item = items(answer(on("infliximab"), hide=("organ_failure",)))["keep_anti_tnf"]
    assert (item.state, item.needs) == ("provided", ["organ_failure"])
