"""Maribavir from its first day: loads by the week, levels after start and stop, too small a fall; its outlook (S25)."""

from __future__ import annotations

import pytest
from tests.conformance.monitored import MARIBAVIR, ON_MARIBAVIR, dates, lab
from tests.conformance.patients import drug, failing, graft, loads, open_without, said, silent
from tests.conformance.support import GANCICLOVIR, TACROLIMUS, Case, Says, answer, changed, items, state

OFF = {"drugs": [TACROLIMUS, GANCICLOVIR]}
NO_LEVEL: Case = {"labs": {"tacrolimus_level": None}}

STATEMENTS = [
    Says("maribavir_watch", "S11", ON_MARIBAVIR, OFF, "maribavir_now", words="day 14"),
    Says(
        "maribavir_level_due",
        "G7",
        changed(ON_MARIBAVIR, NO_LEVEL),
        lab("tacrolimus_level", "7 ug/L", "d-7"),
        "maribavir_now",
        words="not maribavir",
    ),
    Says(
        "maribavir_counselling",
        "S11",
        ON_MARIBAVIR,
        {"drugs": [TACROLIMUS, {**MARIBAVIR, "start": "d-15"}]},
        "maribavir_now",
        words="46 %",
    ),
]


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_maribavir_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_maribavir_near_miss(says: Says) -> None:
    says.near_miss()


@pytest.mark.parametrize("says", STATEMENTS, ids=lambda says: says.rule)
def test_maribavir_asks(says: Says) -> None:
    says.asks()


def test_maribavir_load_counts_and_kidney_by_the_week() -> None:
    """Begun on 22 March; load, counts and creatinine of yesterday: all next on 5 April."""
    for what in ("CMV load", "Full blood count", "Creatinine"):
        assert dates(ON_MARIBAVIR, "maribavir_watch", what)[0] == ("2026-04-05", False), what


def test_maribavir_levels_by_date() -> None:
    """Before it, then weekly: 22 March, 29 March ... A level of 28 March settles the 29th."""
    assert dates(ON_MARIBAVIR, "levels_around_maribavir", "Immuno")[0] == ("2026-04-05", False)
    assert dates(changed(ON_MARIBAVIR, NO_LEVEL), "levels_around_maribavir", "Immuno")[0] == ("2026-03-29", True)


def test_maribavir_levels_after_the_stop() -> None:
    """Ended on 26 March: 29 March, 2 April, 9 April."""
    ended = changed(ON_MARIBAVIR, {"drugs": [TACROLIMUS, {**MARIBAVIR, "start": "d-60", "end": "d-4"}]})
    late = changed(ended, lab("tacrolimus_level", "7 ug/L", "d-10"))
    found = dates(late, "levels_around_maribavir", "Immuno")
    assert found == [("2026-03-29", True), ("2026-04-02", False), ("2026-04-09", False)]
    taken = changed(ended, lab("tacrolimus_level", "7 ug/L", "d-1"))
    assert dates(taken, "levels_around_maribavir", "Immuno") == [("2026-04-02", False), ("2026-04-09", False)]


@pytest.mark.parametrize(("end", "due"), [("d-6", False), ("d-7", True), ("d-13", True), ("d-14", False)])
def test_maribavir_a_level_is_overdue_a_week_after_the_stop(end: str, due: bool) -> None:
    drugs = {"drugs": [TACROLIMUS, {**MARIBAVIR, "start": "d-60", "end": end}]}
    case = changed(ON_MARIBAVIR, drugs, lab("tacrolimus_level", "7 ug/L", "d-20"))
    assert (state(answer(case), "maribavir_level_due") == "applies") is due


def test_maribavir_no_level_is_asked_where_no_such_drug_runs() -> None:
    alone = changed(ON_MARIBAVIR, NO_LEVEL, {"drugs": [MARIBAVIR]})
    assert state(answer(alone), "maribavir_level_due") == "silent"


def on_maribavir(as_of: str = "d16", **series: str) -> dict[str, object]:
    """Maribavir from day 0 after six weeks of ganciclovir, every tablet taken."""
    return graft(
        as_of,
        viral_loads=loads(**(series or {"m1": "20000", "d7": "12000", "d15": "4000"})),
        drugs=[
            drug("ganciclovir", "d-43", "d-1", dose="5 mg/kg", every="12 h", route="iv"),
            drug("maribavir", "d0", dose="400 mg", every="12 h", route="oral", missed_doses="none", intent="treatment"),
        ],
    )


def test_maribavir_too_small_a_fall_at_day_14() -> None:
    item = said(on_maribavir(), "maribavir_small_fall", "MBVRES23")
    assert "from codon 335 to 617" in item.text
    silent(on_maribavir(m1="20000", d7="12000", d15="1900"), "maribavir_small_fall")
    silent(on_maribavir("d12", m1="20000", d7="12000"), "maribavir_small_fall")
    open_without(on_maribavir(), "maribavir_small_fall", "load_fell_one_log_at_most")


def test_maribavir_refractory_at_day_14_calls_for_the_genotype_already() -> None:
    """No second rule: who has had maribavir is sequenced from codon 335 when the load stays up."""
    case = on_maribavir(m1="20000", d7="21000", d15="23000")
    assert state(answer(case), "genes_after_maribavir") == "applies"
    silent(case, "maribavir_small_fall")


# -- S25 -------------------------------------------------------------------------------------------


def test_s25_outlook_on_maribavir_by_graft() -> None:
    item = said(failing(), "outlook_on_maribavir", "SOLSTICE")
    assert "59.5 against 34.4" in item.text and "13.4 against 11.6" in item.text and "28.2 %" in item.text
    silent(failing(viral_loads=loads(m1="12000", d7="3000", d14="300", d28="100", d41="50")), "outlook_on_maribavir")
    open_without(failing(), "outlook_on_maribavir", "load_unchanged_or_rising")


def test_s25_no_such_outlook_for_another_graft() -> None:
    liver = {
        "transplants": [{"organ": "liver", "date": "2025-09-01", "donor_igg": "positive", "recipient_igg": "negative"}]
    }
    silent(failing(host=liver), "outlook_on_maribavir")
    assert items(answer(failing(host=liver)))["outlook_organ_transplant"].state == "applies"
