"""S06: the immunosuppressive options compared, each with what it does to CMV and how sure that is."""

from __future__ import annotations

import pytest
from tests.conformance.support import COLITIS, GANCICLOVIR, KIDNEY, STEROID, Says, changed

ON_CICLOSPORIN = changed(COLITIS, {"drugs": [{"drug": "ciclosporin", "start": "d-8"}]})
ON_USTEKINUMAB = changed(COLITIS, {"drugs": [{"drug": "ustekinumab", "start": "d-80"}]})
ON_UPADACITINIB = changed(COLITIS, {"drugs": [{"drug": "upadacitinib", "start": "d-80"}]})

STATEMENTS = [
    Says(
        "compare_steroid",
        "S06",
        COLITIS,
        {"drugs": [GANCICLOVIR]},
        "systemic_steroid",
        words="raises the risk of reactivation",
    ),
    Says("compare_calcineurin_inhibitor", "S06", ON_CICLOSPORIN, {"drugs": [STEROID]}, "calcineurin_now"),
    Says("compare_anti_tnf", "S06", COLITIS, {"host": {"ibd": None}}, "ibd_recorded", words="How sure: low"),
    Says(
        "compare_interleukin_antibody",
        "S06",
        ON_USTEKINUMAB,
        {"drugs": [STEROID]},
        "interleukin_now",
        words="ustekinumab",
    ),
    Says("compare_jak_inhibitor", "S06", ON_UPADACITINIB, {"drugs": [STEROID]}, "jak_now"),
    Says(
        "compare_transplant_agents", "S06", KIDNEY, {"drugs": [GANCICLOVIR]}, "organ_recorded", words="mTOR inhibitor"
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s06_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s06_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_s06_asks(says: Says) -> None:
    says.asks()
