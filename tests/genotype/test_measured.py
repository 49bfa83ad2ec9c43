"""Fold changes of known mutations, worked out by hand from the rows of the table: studies, medians, ranges, conflicts.

Each expected median is written with the values of the studies it comes from (one value for each DOI).
"""

from __future__ import annotations

import csv
import statistics
from collections import defaultdict
from decimal import Decimal

import pytest
from tests.genotype.support import known, reading

from cmvigil.genotype.levels import fold_text, level_of, words
from cmvigil.genotype.measured import fold_of, grade_of, median
from cmvigil.genotype.model import Measurement
from cmvigil.reasoning.loader import BASE

GCV, FOS, CDV, MBV, LMV = "ganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir"

HAND = [
    # change, drug, values of the deciding studies, median, verdict, level, grade, conflict
    ("UL97:A594V", GCV, "6.4 6.5 8.2 8.3 8.6 10.4", "8.25", "resistant", "moderate", "A", True),
    ("UL97:C592G", GCV, "2.55 2.7 3 3 3 3.2 3.2 3.9 4.05", "3", "resistant", "low", "A", False),
    ("UL97:M460V", GCV, "5.9 7 8.2 8.2 8.3 8.3 8.3", "8.2", "resistant", "moderate", "A", True),
    ("UL97:M460V", MBV, "0.3 0.4", "0.35", "susceptible", "", "A", False),
    ("UL97:L595S", GCV, "4.9 8.5 8.6", "8.5", "resistant", "moderate", "B", True),
    ("UL97:C603W", GCV, "7.9 7.9 8.3", "7.9", "resistant", "moderate", "A", True),
    ("UL97:T409M", MBV, "81 83 90", "83", "resistant", "high", "A", False),
    ("UL97:T409M", GCV, "0.9 0.9", "0.9", "susceptible", "", "A", False),
    ("UL97:H411Y", MBV, "12 17 18 20", "17.5", "resistant", "high", "B", True),
    ("UL97:H411Y", GCV, "0.4 0.5", "0.45", "susceptible", "", "A", False),
    ("UL97:F342Y", GCV, "6", "6", "resistant", "moderate", "B", False),
    ("UL97:F342Y", MBV, "4.5", "4.5", "resistant", "low", "B", False),
    ("UL97:C480F", GCV, "17.5", "17.5", "resistant", "high", "B", True),
    ("UL97:K599E", GCV, "1.2", "1.2", "susceptible", "", "B", True),
    ("UL97:T601M", GCV, "1", "1", "susceptible", "", "B", True),
    ("UL97:A442G", GCV, "12", "12", "resistant", "moderate", "B", True),
    ("UL97:A591V", GCV, "1.3 3.8", "2.55", "possible", "low", "B", True),
    ("UL54:A834P", GCV, "5.75", "5.75", "resistant", "moderate", "B", False),
    ("UL54:A834P", FOS, "7.05", "7.05", "resistant", "moderate", "B", False),
    ("UL54:A834P", CDV, "4.5", "4.5", "resistant", "low", "B", False),
    ("UL54:del981-982", GCV, "4.6 7 7 7.3 8.3", "7", "resistant", "moderate", "B", True),
    ("UL54:del981-982", FOS, "2.5 2.7 3.1 3.6 4", "3.1", "resistant", "low", "A", False),
    ("UL54:del981-982", CDV, "2.8 3.2 3.3 3.3 3.8 4", "3.3", "resistant", "low", "A", False),
    ("UL54:A692S", FOS, "3.3", "3.3", "resistant", "low", "B", True),
    ("UL54:L737M", CDV, "2", "2", "resistant", "low", "B", True),
    ("UL54:K805Q", FOS, "0.18 0.19 0.3", "0.19", "susceptible", "", "A", False),
    ("UL56:V236M", LMV, "20 31 32 45 46 49 50.2", "45", "resistant", "high", "A", False),
    ("UL56:C325F", LMV, "3000 4337", "3668.5", "resistant", "high", "A", False),
    ("UL56:S229F", LMV, "1.8", "1.8", "possible", "low", "B", True),
    ("UL56:L328V", LMV, "1.9", "1.9", "possible", "low", "B", True),
]


@pytest.mark.parametrize(
    ("change", "drug", "values", "expected", "verdict", "level", "grade", "conflict"),
    HAND,
    ids=[f"{row[0]}-{row[1]}" for row in HAND],
)
def test_by_hand(
    change: str, drug: str, values: str, expected: str, verdict: str, level: str, grade: str, conflict: bool
) -> None:
    found = reading(drug, change)
    studies = sorted(map(Decimal, values.split()))
    assert found.fold is not None
    assert found.fold.median == Decimal(expected) == statistics.median(studies)
    assert (found.fold.low, found.fold.high, found.fold.studies) == (studies[0], studies[-1], len(studies))
    assert (found.verdict, found.level, found.grade, found.conflict) == (verdict, level, grade, conflict)
    assert len(found.dois) == found.fold.studies


@pytest.mark.parametrize(
    ("change", "drug", "low", "high"),
    [
        ("UL97:M460V", GCV, "1.7", "15.5"),
        ("UL97:A594V", GCV, "1.7", "10.4"),
        ("UL97:C603W", GCV, "1.1", "8.3"),
        ("UL97:L595F", GCV, "1", "11.4"),
        ("UL54:T821I", FOS, "2.9", "23.3"),
        ("UL54:E756K", FOS, "3.5", "31"),
    ],
)
def test_discordance_over_all_methods_is_told(change: str, drug: str, low: str, high: str) -> None:
    found = reading(drug, change)
    assert found.fold is not None
    assert (found.fold.lowest, found.fold.highest) == (Decimal(low), Decimal(high))
    assert any(f"from {low} " in said and f"to {high} " in said for said in found.conflicts)


def test_the_doubtful_row_is_seen_and_never_counts() -> None:
    """C480F: the 10 for maribavir cannot be right; the change is highly resistant by its study, without a number."""
    rows = [row for row in known().singles["UL97", "C480F"] if row.drug == MBV]
    assert [(row.value, row.counts) for row in rows] == [(10, False)]
    found = reading(MBV, "UL97:C480F")
    assert (found.verdict, found.level, found.fold, found.conflict) == ("resistant", "high", None, True)
    assert found.basis == "named"
    misfiled = reading(MBV, "UL27:V353A")
    assert (misfiled.fold, misfiled.verdict, misfiled.basis) == (None, "possible", "codon")


@pytest.mark.parametrize("drug", [GCV, FOS, CDV])
def test_a_rule_fires_without_a_fold(drug: str) -> None:
    found = reading(drug, "UL54:A928T")
    assert (found.verdict, found.level, found.fold, found.basis) == ("resistant", "high", None, "named")
    assert not found.conflict


def test_a543v_is_resistant_to_cidofovir_though_the_table_holds_no_fold() -> None:
    found = reading(CDV, "UL54:A543V")
    assert (found.verdict, found.level, found.fold) == ("resistant", "moderate", None)
    assert reading(GCV, "UL54:A543V").verdict == "possible"


def independent() -> dict[tuple[str, str, str], list[float]]:
    """Study medians by gene, change and drug, worked out apart from the code: rebuilt or transferred, active, alone."""
    bad = ("doubtful", "mechanism", "same_value", "exact_duplicate", "secondary", "not_merlin", "typo")
    studies: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (BASE / "resistance" / "measurements.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            usable = row["fold_low"] and not row["co_variants"] and not any(word in row["qc"] for word in bad)
            if usable and row["status"] == "active" and row["method"] in ("recombinant", "marker_transfer"):
                study = row["doi"] or row["qc"]
                studies[row["gene"], row["change"], row["drug"]][study].append(float(row["fold_low"]))
    return {key: [statistics.median(values) for values in found.values()] for key, found in studies.items()}


def test_every_median_agrees_with_a_second_computation() -> None:
    compared = 0
    for (gene, change, drug), values in independent().items():
        if drug not in known().drugs or gene not in known().drugs[drug].genes:
            continue
        fold = fold_of([row for row in known().singles[gene, change] if row.drug == drug], known().thresholds)
        assert fold is not None
        assert float(fold.median) == pytest.approx(statistics.median(values)), (gene, change, drug)
        assert fold.studies == len(values)
        compared += 1
    assert compared == 606


def row(low: str = "3", **fields: object) -> Measurement:
    """A measurement of one's own."""
    given: dict[str, object] = {"method": "recombinant", "doi": "10.1/a", "status": "active", "remarks": ()} | fields
    return Measurement(
        line=2,
        gene="UL97",
        change="A594V",
        drug=GCV,
        low=Decimal(low),
        high=Decimal(str(given.pop("high", low))),
        qualitative="",
        assay="",
        control_strain="",
        strain="",
        others=(),
        year="",
        counts=bool(given.pop("counts", True)),
        **given,  # type: ignore[arg-type]
    )


def test_a_study_counts_once_by_its_own_median() -> None:
    fold = fold_of([row("2"), row("4"), row("9", doi="10.1/b")], known().thresholds)
    assert fold is not None
    assert (fold.median, fold.studies, fold.measurements) == (6, 2, 3)


def test_a_range_counts_by_its_middle() -> None:
    fold = fold_of([row("2", high="6")], known().thresholds)
    assert fold is not None
    assert (fold.median, fold.lowest, fold.highest) == (4, 2, 6)


def test_without_rebuilt_virus_the_median_is_weighted() -> None:
    t = known().thresholds
    selected, isolate, third = (
        row("4", method="in_vitro_selected"),
        row("10", method="clinical_isolate", doi="10.1/b"),
        row("20", method="", doi="10.1/c"),
    )
    # weights 0.5, 0.25, 0.25: half the weight is reached exactly at 4, so the middle of 4 and 10
    fold = fold_of([selected, isolate, third], t)
    assert fold is not None
    assert (fold.median, fold.basis, grade_of(fold, t)) == (7, "other", "C")
    two = fold_of([selected, isolate], t)
    assert two is not None
    assert two.median == 4
    mixed = fold_of([selected, row("6", method="clinical_isolate")], t)  # one study: its heavier row speaks
    assert mixed is not None
    assert (mixed.median, mixed.studies) == (4, 1)


def test_observations_stand_last_and_are_graded_so() -> None:
    t = known().thresholds
    fold = fold_of([row("4", status="observational")], t)
    assert fold is not None
    assert (fold.basis, grade_of(fold, t)) == ("observational", "D")
    assert fold_of([row("4", counts=False)], t) is None
    assert fold_of([], t) is None


def test_rows_without_a_doi_share_one_study() -> None:
    assert row(doi="").study == "source not stated"
    assert row(doi="", remarks=(("pmid", "15230476"),)).study == "PMID 15230476"


def test_median_of_none_is_refused() -> None:
    with pytest.raises(IndexError):
        median([])


def test_levels_and_words() -> None:
    t = known().thresholds
    assert [level_of(Decimal(x), t) for x in ("1.99", "2", "4.99", "5", "14.9", "15")] == [
        "",
        "low",
        "low",
        "moderate",
        "moderate",
        "high",
    ]
    assert words("resistant", "moderate") == "Resistant (moderate)"
    assert words("resistant") == "Resistant (level not known)"
    assert words("possible", "low") == "Possible resistance (low)"
    assert words("possible") == "Possible resistance"
    assert words("susceptible") == "Sensitive"
    assert words("not_determined") == "Not determined"
    assert [fold_text(Decimal(x)) for x in ("0.185", "8.25", "3", "3668.5", "99.96")] == [
        "0.19",
        "8.3",
        "3",
        "3669",
        "100",
    ]
