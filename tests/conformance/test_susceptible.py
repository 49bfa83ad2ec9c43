"""What a susceptible genotype is worth: which one speaks, how old it is, what came after it (S10, S15)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.support import Case, Says, answer, changed, items, state
from tests.conformance.test_option_ganciclovir import FAILED_BEFORE, FAILING, FALLEN, UNTREATED

UL97 = {"covered": "335-670", "changes": []}
WHOLE = {"UL97": UL97, "UL54": {"covered": "1-1242", "changes": []}}
PARTS = {"UL97": UL97}


def report(day: str, genes: Case | None = None, **calls: str) -> Case:
    """One genotype."""
    return {"date": day, "genes": genes or {}, "calls": calls}


def with_reports(case: Case, *reports: Case) -> dict[str, Any]:
    return changed(case, {"genotype": list(reports)})


READ = with_reports(UNTREATED, report("d-20", WHOLE))
UNREAD = with_reports(UNTREATED, report("d-20", WHOLE), report("d-3", PARTS))
TOLD = {"genotype": [report("d-20", WHOLE), report("d-3", WHOLE)]}
RULES = [
    Says(
        "ganciclovir_is_read_as_susceptible",
        "S10",
        READ,
        {"genotype": [report("d-95", WHOLE)]},
        "",
        words="Susceptible by the genotype of 10 Mar 2026",
    ),
    Says(
        "foscarnet_is_read_as_susceptible",
        "S10",
        READ,
        {"genotype": [report("d-20", PARTS)]},
        "",
        words="Susceptible by the genotype of 10 Mar 2026",
    ),
    Says(
        "ganciclovir_was_not_read_since",
        "S10",
        UNREAD,
        TOLD,
        "",
        words="The genotype of 27 Mar 2026 did not read all of UL97 and UL54",
    ),
    Says(
        "foscarnet_was_not_read_since",
        "S10",
        UNREAD,
        TOLD,
        "",
        words="The genotype of 27 Mar 2026 did not read all of UL54",
    ),
    Says(
        "cidofovir_was_not_read_since",
        "S15",
        UNREAD,
        {"genotype": [report("d-3", PARTS)]},
        "",
        words="The genotype of 27 Mar 2026 did not read all of UL54",
    ),
]


@pytest.mark.parametrize("says", RULES, ids=lambda says: says.rule)
def test_it_is_said(says: Says) -> None:
    says.hit()


@pytest.mark.parametrize("says", RULES, ids=lambda says: says.rule)
def test_it_is_silent_in_a_near_miss(says: Says) -> None:
    says.near_miss()


def spoken(case: Case, drug: str) -> list[str]:
    """The headlines that call a drug susceptible, and those of what was not read since."""
    said = items(answer(case, appraise=True))
    names = (f"{drug}_is_read_as_susceptible", f"{drug}_is_susceptible", f"{drug}_was_not_read_since")
    return [said[name].headline for name in names if name in said and said[name].state == "applies"]


def test_the_older_report_that_read_the_gene_speaks_and_says_its_day() -> None:
    older = "Susceptible by the genotype of 10 Mar 2026"
    assert spoken(UNREAD, "foscarnet") == [older, "The genotype of 27 Mar 2026 did not read all of UL54"]
    assert spoken(with_reports(UNTREATED, report("d-3", PARTS)), "foscarnet") == []
    assert spoken(changed(UNREAD, TOLD), "foscarnet") == ["Susceptible by the genotype of 27 Mar 2026"]


def test_a_call_speaks_with_the_day_of_its_specimen() -> None:
    called = with_reports(UNTREATED, report("d-20", foscarnet="susceptible"), report("d-3", PARTS))
    assert spoken(called, "foscarnet") == [
        "Reported as susceptible, genotype of 10 Mar 2026",
        "The genotype of 27 Mar 2026 did not read all of UL54",
    ]
    both = with_reports(UNTREATED, report("d-20", foscarnet="susceptible"), report("d-3", WHOLE))
    assert spoken(both, "foscarnet") == ["Susceptible by the genotype of 27 Mar 2026"]


@pytest.mark.parametrize(
    "changes",
    [["D588N"], ["T700A", "X1Q"], [{"change": "D588N", "fraction": 0.03}], ["D588H"]],
    ids=["resistant", "cannot be read", "too small a share", "not measured, at a codon of resistance"],
)
def test_a_newer_report_that_tells_of_the_drug_is_never_passed_over(changes: list[Any]) -> None:
    newer = report("d-3", {"UL54": {"covered": "580-600", "changes": changes}})
    for older in (report("d-20", WHOLE), report("d-20", foscarnet="susceptible")):
        assert spoken(with_reports(UNTREATED, older, newer), "foscarnet") == []


def test_a_newer_call_withdraws_an_older_reading() -> None:
    newer = report("d-3", foscarnet="possible", valganciclovir="possible")
    case = with_reports(UNTREATED, report("d-20", WHOLE), newer)
    assert spoken(case, "foscarnet") == spoken(case, "ganciclovir") == []


@pytest.mark.parametrize(
    "older", [report("d-2", WHOLE), report("d-2", foscarnet="susceptible")], ids=["read", "called"]
)
def test_a_specimen_older_than_the_failing_line_clears_nothing(older: Case) -> None:
    failing = with_reports(FAILING, older)
    assert spoken(failing, "foscarnet") == []
    assert spoken(changed(failing, FALLEN), "foscarnet") != []
    assert spoken(with_reports(FAILING, {**older, "date": "d10"}), "foscarnet") != []


def test_where_failure_cannot_be_told_neither_can_the_older_specimen() -> None:
    failing = with_reports(FAILING, report("d-2", WHOLE))
    hidden = answer(failing, hide=("load_unchanged_or_rising", "load_rose_one_log"), appraise=True)
    assert state(hidden, "foscarnet_is_read_as_susceptible") == "undetermined"


def test_a_specimen_older_than_an_earlier_line_that_failed_clears_nothing() -> None:
    assert spoken(with_reports(FAILED_BEFORE, report("d-2", WHOLE)), "ganciclovir") == []
    assert spoken(with_reports(FAILED_BEFORE, report("d18", WHOLE)), "ganciclovir") != []
