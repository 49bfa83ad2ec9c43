"""Several changes: measured combinations first, estimates by the rule of the drug, and what may never fall."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.genotype.support import known, verdict

from cmvigil.genotype import combine
from cmvigil.genotype.combine import Unit, together
from cmvigil.genotype.model import Key, Measurement
from cmvigil.genotype.result import Fold

GCV, FOS, CDV, MBV, LMV = "ganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir"

HAND = [
    # measured together, both studies: 10.8 and 12.7; the product of the medians would be 59
    ("UL97:A594V UL54:E756K", GCV, "11.75", "moderate", False),
    # measured together; the product would be 45
    ("UL97:A594V UL54:V526L", GCV, "13.2", "moderate", False),
    # not measured together: 8.25 x 2.75
    ("UL97:A594V UL54:P522S", GCV, "22.6875", "high", True),
    # within UL97 the highest: 8.25 and 3
    ("UL97:A594V UL97:C592G", GCV, "8.25", "moderate", True),
    # within UL54 the highest: 4 and 2.5
    ("UL54:P522S UL54:V526L", CDV, "4", "low", True),
    # the highest within each gene, then the product across: 8.25 x 5.5
    ("UL97:A594V UL97:C592G UL54:P522S UL54:L545W", GCV, "40.425", "high", True),
    # measured as three: 3000; the product of the single ones would be 981
    ("UL56:V236M UL56:L257I UL56:M329T", LMV, "3000", "high", False),
    # a measured combination times a further change: 3000 x 1.7
    ("UL56:V236M UL56:L257I UL56:M329T UL89:D344E", LMV, "5100", "high", True),
    # product 45 x 44, not measured together
    ("UL56:V236M UL56:R369G", LMV, "1980", "high", True),
    # capped at what assays can measure
    ("UL56:V236M UL56:C325F", LMV, "9300", "high", True),
    ("UL97:F342Y UL97:H411Y", MBV, "56", "high", False),
    # 4.5 x 17.5 would be 78.75, 81 to 90 x ...: capped at 250
    ("UL97:T409M UL97:F342Y", MBV, "250", "high", True),
    # measured together at 2, the stronger change alone at 3.25
    ("UL27:R233S UL97:L337M", MBV, "7.2", "moderate", False),
]


@pytest.mark.parametrize(("changes", "drug", "fold", "level", "estimated"), HAND, ids=[f"{r[0]}-{r[1]}" for r in HAND])
def test_by_hand(changes: str, drug: str, fold: str, level: str, estimated: bool) -> None:
    if changes == "UL97:A594V UL97:C592G UL54:P522S UL54:L545W":
        fold = str(Decimal("8.25") * Decimal("4.9"))
    found = verdict(drug, *changes.split())
    assert found.fold_median == Decimal(fold)
    assert (found.verdict, found.level, found.estimated) == ("resistant", level, estimated)
    assert any("estimated from" in reason for reason in found.reasons) == estimated


def test_an_estimate_across_genes_may_be_off_three_times() -> None:
    found = verdict(GCV, "UL97:A594V", "UL54:P522S")
    assert (found.fold_low, found.fold_high) == (Decimal("8.25"), Decimal("68.0625"))  # never below the stronger change
    assert any("may be off 3 times either way; as if on one genome" in reason for reason in found.reasons)


def test_within_one_gene_the_product_is_the_upper_bound() -> None:
    found = verdict(CDV, "UL54:P522S", "UL54:V526L")
    assert (found.fold_low, found.fold_median, found.fold_high) == (Decimal("3.6"), 4, Decimal("4.4") * Decimal("2.5"))
    assert any("their product is the upper bound" in reason for reason in found.reasons)


def test_a_combination_below_its_stronger_change_does_not_stand() -> None:
    """H600L with T700A measured 1.4 for ganciclovir, H600L alone 11.1 in another study: the resistant one stands."""
    found = verdict(GCV, "UL54:H600L", "UL54:T700A")
    assert (found.fold_median, found.level, found.conflict) == (Decimal("11.1"), "moderate", True)
    assert any("together measured 1.4, UL54 H600L alone 11.1: the more resistant stands" in r for r in found.reasons)


def test_but_with_a_change_known_to_make_more_susceptible_it_does() -> None:
    """K805Q lowers foscarnet to a fifth; with T821I (21) the pair measured 10.1."""
    alone, pair = verdict(FOS, "UL54:T821I"), verdict(FOS, "UL54:T821I", "UL54:K805Q")
    assert (alone.fold_median, alone.level) == (21, "high")
    assert (pair.fold_median, pair.level, pair.verdict) == (Decimal("10.1"), "moderate", "resistant")


def test_an_unmeasured_pair_does_not_count_on_it() -> None:
    found = verdict(GCV, "UL97:A594V", "UL97:H411Y")
    assert (found.fold_median, found.level) == (Decimal("8.25"), "moderate")
    assert found.fold_low == Decimal("6.4") * Decimal("0.45")
    assert any("UL97 H411Y alone makes the virus more susceptible (0.45-fold)" in reason for reason in found.reasons)


def test_a_measured_pair_of_one_gene_still_multiplies_with_the_other() -> None:
    """F342Y with H411Y stands at 5.9; V787A in UL54 (3.8) multiplies it."""
    found = verdict(GCV, "UL97:F342Y", "UL97:H411Y", "UL54:V787A")
    assert (found.fold_median, found.level) == (Decimal("5.9") * Decimal("3.8"), "high")


def test_two_borderline_changes_make_resistance_possible_no_more() -> None:
    found = verdict(LMV, "UL56:S229F", "UL56:L328V")
    assert (found.fold_median, found.verdict, found.level) == (Decimal("3.42"), "possible", "low")
    assert found.estimated


def test_a_measured_combination_of_borderline_changes_is_resistant() -> None:
    found = verdict(LMV, "UL56:S229F", "UL51:P91S")
    assert (found.fold_median, found.verdict, found.level) == (Decimal("6.3"), "resistant", "moderate")


def test_noise_does_not_multiply() -> None:
    """UL56 R246C (0.8) and E485G (0.9) leave V236M where it is."""
    found = verdict(LMV, "UL56:V236M", "UL56:R246C", "UL56:E485G")
    assert (found.fold_median, found.estimated) == (45, False)


def test_a_row_on_several_changes_speaks_of_none_alone() -> None:
    """S229F with L254F and L257I measured 54; alone it is 1.8."""
    assert verdict(LMV, "UL56:S229F").fold_median == Decimal("1.8")
    assert verdict(LMV, "UL56:S229F", "UL56:L254F", "UL56:L257I").fold_median == 54


def test_a_combination_without_a_fold_gives_none() -> None:
    """A543V with M460I is only called resistant: M460I alone stands for ganciclovir."""
    found = verdict(GCV, "UL54:A543V", "UL97:M460I")
    assert (found.fold_median, found.drivers) == (Decimal("7.8"), ("UL97 M460I", "UL54 A543V"))
    assert verdict(CDV, "UL54:A543V", "UL97:M460I").fold_median is None


def test_a_driver_is_a_change_of_the_drugs_own_gene() -> None:
    found = verdict(FOS, "UL54:E756K", "UL97:A594V")
    assert found.drivers == ("UL54 E756K",)


def test_nothing_measured_gives_nothing() -> None:
    assert together({}, [("UL97", "D700A")], known().drugs[GCV], known()) is None


def unit(*members: str, value: str = "2") -> Unit:
    """A combination of changes named by one letter each."""
    fold = Fold(
        Decimal(value),
        Decimal(value),
        Decimal(value),
        1,
        1,
        "recombinant",
        Decimal(value),
        Decimal(value),
        1,
        ("10.1/a",),
    )
    return Unit(frozenset(("UL56", member) for member in members), Decimal(value), fold)


def packed(*units: Unit) -> set[frozenset[str]]:
    """The ways to take combinations, each as the names it takes."""
    return {frozenset(each.name for each in packing) for packing in combine._packings(list(units))}


def test_combinations_that_share_a_change_are_alternatives() -> None:
    ab, bc, cd, xy = unit("a", "b"), unit("b", "c"), unit("c", "d"), unit("x", "y")
    assert packed() == {frozenset()}
    assert packed(ab, bc) == {frozenset({ab.name}), frozenset({bc.name})}
    assert packed(ab, bc, cd, xy) == {frozenset({ab.name, cd.name, xy.name}), frozenset({bc.name, xy.name})}


def test_very_many_are_taken_largest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combine, "_MANY", 2)
    abc, cd, de = unit("a", "b", "c"), unit("c", "d"), unit("d", "e")
    assert packed(abc, cd, de) == {frozenset({abc.name, de.name})}


def rows(*folds: tuple[tuple[Key, ...], str]) -> tuple[Measurement, ...]:
    """Letermovir measurements of one's own: changes in one virus, and the fold."""
    given = known().singles["UL56", "V236M"][0]
    return tuple(
        replace(
            given, drug=LMV, gene=keys[0][0], change=keys[0][1], others=keys[1:], low=Decimal(fold), high=Decimal(fold)
        )
        for keys, fold in folds
    )


def test_the_way_with_the_highest_fold_is_taken() -> None:
    a, b, c = ("UL56", "V236M"), ("UL56", "L257I"), ("UL56", "M329T")
    own = replace(known(), measurements=rows(((a,), "2"), ((b,), "2"), ((c,), "8"), ((a, b), "30"), ((b, c), "9")))
    single = rows(((a,), "2"), ((b,), "2"), ((c,), "8"))
    folds = {
        row.key: Fold(row.value, row.value, row.value, 1, 1, "recombinant", row.value, row.value, 1, ())
        for row in single
    }
    found = together(folds, [a, b, c], own.drugs[LMV], own)
    assert found is not None
    assert found.median == 240  # (a, b) 30 times c 8, not a 2 times (b, c) 9


def test_two_residues_of_one_codon_are_not_on_one_genome() -> None:
    together = verdict("letermovir", "UL56:E237G@30%", "UL56:E237D@20%")
    alone = [verdict("letermovir", change) for change in ("UL56:E237G", "UL56:E237D")]
    assert together.fold_median == max(each.fold_median or 0 for each in alone)
    assert not together.estimated
