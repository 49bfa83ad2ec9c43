"""Letermovir prophylaxis: load rhythm, levels around start and stop, breakthrough, the drip and the kidney."""

from __future__ import annotations

import pytest
from tests.conformance.monitored import LETERMOVIR, ON_LETERMOVIR, dates, lab
from tests.conformance.support import KIDNEY, STEROID, TACROLIMUS, Case, Says, answer, changed, state

OFF = {"drugs": [TACROLIMUS]}
NO_LEVEL: Case = {"labs": {"tacrolimus_level": None}}
DRIP = {"drugs": [TACROLIMUS, {**LETERMOVIR, "route": "iv"}]}
VORICONAZOLE = {"drug": "voriconazole", "dose": "200 mg", "every": "12 h", "route": "oral", "start": "d-30"}
LOW_LOAD = {"viral_loads": [{"date": "d-5", "value": 5000}, {"date": "d-1", "value": 1000}]}


def kidney(value: str) -> Case:
    return {"labs": {"creatinine": [{"date": "d-6", "value": value}, {"date": "d-1", "value": value}]}}


STATEMENTS = [
    Says("letermovir_watch", "E8", ON_LETERMOVIR, OFF, "letermovir_now", words="every 2 weeks to week 24"),
    Says(
        "letermovir_levels",
        "G7",
        ON_LETERMOVIR,
        {"drugs": [STEROID, LETERMOVIR]},
        "letermovir_now",
        words="Voriconazole below it: raise it",
    ),
    Says(
        "letermovir_level_due",
        "G7",
        changed(ON_LETERMOVIR, NO_LEVEL),
        lab("tacrolimus_level", "7 ug/L", "d-9"),
        "letermovir_now",
    ),
    Says(
        "letermovir_load_calls_for_genotype",
        "C2",
        ON_LETERMOVIR,
        LOW_LOAD,
        "load_in_iu",
        words="UL56",
    ),
    Says(
        "letermovir_drip_and_kidney",
        "E8",
        changed(ON_LETERMOVIR, DRIP, kidney("150 umol/L")),
        DRIP | kidney("80 umol/L"),
        "creatinine",
        words="betadex",
    ),
    Says(
        "letermovir_counselling",
        "E8",
        ON_LETERMOVIR,
        {"drugs": [TACROLIMUS, {**LETERMOVIR, "start": "d-15"}]},
        "letermovir_now",
        words="aciclovir goes on",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_letermovir_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_letermovir_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_letermovir_asks(says: Says) -> None:
    says.asks()


def test_letermovir_load_weekly_then_every_two_weeks() -> None:
    """Begun on 20 March: weekly to 26 June, then every 14 days to 4 September."""
    found = dates(ON_LETERMOVIR, "letermovir_watch", "CMV load")
    assert found[0] == ("2026-04-03", False)
    assert found[-3:] == [("2026-08-07", False), ("2026-08-21", False), ("2026-09-04", False)]
    late = changed(ON_LETERMOVIR, {"viral_loads": [{"date": "d-8", "value": 5000}]})
    assert dates(late, "letermovir_watch", "CMV load")[0] == ("2026-03-27", True)


def test_letermovir_no_load_rhythm_in_a_kidney_recipient() -> None:
    """Where prophylaxis is reliable the organ-transplant consensus asks for no routine load."""
    case = changed(KIDNEY, {"drugs": [TACROLIMUS, LETERMOVIR]})
    assert state(answer(case), "letermovir_watch") == "silent"


@pytest.mark.parametrize(("start", "verdict"), [("d-14", "applies"), ("d-15", "silent")])
def test_letermovir_levels_in_the_first_two_weeks(start: str, verdict: str) -> None:
    case = changed(ON_LETERMOVIR, {"drugs": [TACROLIMUS, {**LETERMOVIR, "start": start}]})
    assert state(answer(case), "letermovir_levels") == verdict


@pytest.mark.parametrize(("end", "verdict"), [("d-1", "applies"), ("d-13", "applies"), ("d-14", "silent")])
def test_letermovir_levels_in_the_two_weeks_after_the_stop(end: str, verdict: str) -> None:
    case = changed(ON_LETERMOVIR, {"drugs": [TACROLIMUS, {**LETERMOVIR, "start": "d-100", "end": end}]})
    assert state(answer(case), "letermovir_levels") == verdict


def test_letermovir_levels_are_dated() -> None:
    """20 March, 27 March, 3 April; a level of 28 March settles the first two."""
    assert dates(ON_LETERMOVIR, "letermovir_levels", "Immuno") == [("2026-04-03", False)]
    none = changed(ON_LETERMOVIR, NO_LEVEL)
    assert dates(none, "letermovir_levels", "Immuno") == [("2026-03-27", True), ("2026-04-03", False)]


def test_letermovir_voriconazole_alone_is_a_reason_for_levels() -> None:
    case = changed(ON_LETERMOVIR, {"drugs": [VORICONAZOLE, LETERMOVIR]})
    assert state(answer(case), "letermovir_levels") == "applies"
    assert state(answer(changed(case, NO_LEVEL)), "letermovir_level_due") == "silent"


@pytest.mark.parametrize(
    ("start", "end", "due"),
    [
        ("d-6", None, False),
        ("d-7", None, True),
        ("d-28", None, True),
        ("d-29", None, False),
        ("d-100", "d-6", False),
        ("d-100", "d-7", True),
    ],
)
def test_letermovir_when_a_level_is_overdue(start: str, end: str | None, due: bool) -> None:
    drug = {**LETERMOVIR, "start": start, **({"end": end} if end else {})}
    case = changed(ON_LETERMOVIR, NO_LEVEL, {"drugs": [TACROLIMUS, drug]})
    assert (state(answer(case), "letermovir_level_due") == "applies") is due


@pytest.mark.parametrize(("load", "verdict"), [(1000, "silent"), (1001, "applies")])
def test_letermovir_breakthrough_at_the_edge(load: int, verdict: str) -> None:
    case = changed(ON_LETERMOVIR, {"viral_loads": [{"date": "d-1", "value": load}]})
    assert state(answer(case), "letermovir_load_calls_for_genotype") == verdict


def test_letermovir_drip_clearance_at_the_edge() -> None:
    """A woman of 44 with 60 kg: clearance 50 at 120.224 µmol/L."""
    for value, verdict in (("120.22 umol/L", "silent"), ("120.23 umol/L", "applies")):
        assert state(answer(changed(ON_LETERMOVIR, DRIP, kidney(value))), "letermovir_drip_and_kidney") == verdict
    tablets = changed(ON_LETERMOVIR, kidney("150 umol/L"))
    assert state(answer(tablets), "letermovir_drip_and_kidney") == "silent"
