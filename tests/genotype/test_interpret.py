"""The answer for a whole list: the most resistant stands, coverage, minorities, what is said beside it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.genotype.support import known, read, verdict, whole

from cmvigil.genotype import interpret, parse_coverage, parse_list
from cmvigil.genotype.coverage import required_codons
from cmvigil.genotype.interpret import UNSTATED

GCV, FOS, CDV, MBV, LMV = "ganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir"
DRUGS = (GCV, FOS, CDV, MBV, LMV)


def test_no_change_and_everything_read_is_sensitive() -> None:
    found = read()
    assert [each.drug for each in found.drugs] == list(DRUGS)
    assert {each.verdict for each in found.drugs} == {"susceptible"}
    assert all(each.grade == "" and not each.drivers and not each.conflict for each in found.drugs)
    assert found.variants == found.cross == ()


def test_valganciclovir_has_the_verdict_of_ganciclovir() -> None:
    found = read("UL97:A594V")
    assert found.verdict("valganciclovir") is found.verdict(GCV)
    assert found.verdict(GCV).drugs == (GCV, "valganciclovir")
    with pytest.raises(KeyError):
        found.verdict("aciclovir")


def test_without_coverage_no_drug_is_called_sensitive() -> None:
    found = read("UL97:A594V", everything=False)
    assert found.verdict(GCV).verdict == "resistant"
    for drug in (FOS, CDV, LMV):
        assert found.verdict(drug).verdict == "not_determined"
        assert found.verdict(drug).reasons[-1] == UNSTATED
    assert found.verdict(GCV).reasons[-1] == UNSTATED


def test_what_was_not_read_is_named() -> None:
    coverage = parse_coverage(["UL97:440-645,UL54:393-1000"], known())
    found = read(coverage=coverage)
    assert found.verdict(GCV).verdict == "not_determined"
    assert "UL54 codons not read: 301, 303" in found.verdict(GCV).reasons
    assert any(r.startswith("UL97 codons not read: 342-343, 355-356") for r in found.verdict(GCV).reasons)
    assert "UL97 codons not read: 335-439" in found.verdict(MBV).reasons
    assert "UL56 not read" in found.verdict(LMV).reasons
    enough = read(coverage=parse_coverage(["UL97:457-630,UL54:255-1028"], known()))
    assert [enough.verdict(drug).verdict for drug in DRUGS] == [
        "susceptible",
        "susceptible",
        "susceptible",
        "not_determined",
        "not_determined",
    ]


@pytest.mark.parametrize(("first", "last", "word"), [(335, 617, "susceptible"), (336, 617, "not_determined")])
def test_maribavir_needs_every_codon_from_335_to_617(first: int, last: int, word: str) -> None:
    found = read(coverage={"UL97": ((first, last),)})
    assert found.verdict(MBV).verdict == word


def test_required_codons() -> None:
    needed = {name: required_codons(drug, known()) for name, drug in known().drugs.items()}
    assert needed[MBV] == {"UL97": tuple(range(335, 618))}
    assert needed[LMV]["UL56"] == (25, 229, *range(231, 370))
    assert needed[LMV]["UL51"] == (91, 95)
    assert {460, 520, 592, 594, 595, 603, 607} <= set(needed[GCV]["UL97"])
    assert all(457 <= codon <= 630 for codon in needed[GCV]["UL97"])
    assert {301, 408, 522, 834, 928, 981, 982, 987} <= set(needed[GCV]["UL54"])
    assert {495, 700, 715, 802, 928} <= set(needed[FOS]["UL54"])
    assert 543 in needed[CDV]["UL54"]


def test_a_finding_stands_whatever_was_read() -> None:
    found = read("UL97:F342Y", coverage={"UL97": ((440, 645),)})
    assert found.verdict(MBV).verdict == "resistant"
    assert "UL97 F342Y lies outside the stated coverage" in found.notes


def test_unknown_significance_keeps_a_drug_from_being_sensitive() -> None:
    found = verdict(FOS, "UL54:T552S", "UL97:A594V")
    assert (found.verdict, found.grade, found.drivers) == ("possible", "E", ("UL54 T552S",))
    region = verdict(CDV, "UL54:T552S")
    assert (region.verdict, region.grade, region.drivers, region.fold_median) == (
        "not_determined",
        "E",
        ("UL54 T552S",),
        None,
    )


def test_sensitive_by_measurement_shows_it() -> None:
    found = verdict(GCV, "UL97:K599E")
    assert (found.verdict, found.fold_median, found.drivers, found.grade, found.conflict) == (
        "susceptible",
        Decimal("1.2"),
        (),
        "B",
        True,
    )
    assert any("no ganciclovir resistance when rebuilt" in reason for reason in found.reasons)


def test_the_level_of_a_change_without_a_fold_stands_without_a_fold() -> None:
    found = verdict(FOS, "UL54:A928T", "UL54:E756K")
    assert (found.level, found.fold_median) == ("high", None)
    assert found.drivers == ("UL54 A928T", "UL54 E756K")
    nothing = verdict(GCV, "UL54:L516W")
    assert (nothing.verdict, nothing.level, nothing.fold_median) == ("resistant", "", None)
    both = verdict(CDV, "UL54:L516W", "UL54:P522S")
    assert (both.level, both.fold_median) == ("low", 4)


def test_a_change_without_a_fold_does_not_borrow_that_of_another() -> None:
    found = verdict(GCV, "UL97:del595-599", "UL97:del600")
    assert (found.level, found.fold_median, found.grade) == ("moderate", None, "E")


def test_minorities() -> None:
    only = verdict(GCV, "UL97:A594V@12%")
    assert (only.verdict, only.level, only.minority) == ("resistant", "moderate", True)
    assert not verdict(GCV, "UL97:A594V@20%").minority
    assert not verdict(GCV, "UL97:A594V").minority
    beside = verdict(GCV, "UL97:A594V@12%", "UL97:M460V")
    assert not beside.minority
    assert verdict(GCV, "UL97:A594V@12%", "UL97:K599E").minority
    assert not verdict(FOS, "UL97:A594V@12%").minority


def test_below_the_floor_nothing_decides_and_nothing_is_sensitive() -> None:
    found = read("UL97:A594V@3%")
    gcv = found.verdict(GCV)
    assert (gcv.verdict, gcv.drivers) == ("not_determined", ())
    assert "UL97 A594V at 3% is below 5% and does not decide: repeat in 1 to 2 weeks" in gcv.reasons
    assert found.verdict(FOS).verdict == "susceptible"
    assert found.notes[-1] == "changes from 5% of the population decide"
    assert read("UL97:A594V@0.5%").verdict(GCV).verdict == "susceptible"
    assert read("UL97:K599E@3%").verdict(GCV).verdict == "susceptible"
    with_driver = verdict(GCV, "UL97:A594V@3%", "UL97:C592G")
    assert (with_driver.verdict, with_driver.level) == ("resistant", "low")
    assert found.cross == ()


def test_the_best_grade_is_shown() -> None:
    assert verdict(GCV, "UL97:A594V", "UL97:C480F").grade == "A"
    assert verdict(GCV, "UL97:E596K").grade == "E"
    assert verdict(GCV, "UL54:H600L", "UL54:T700A").grade == "B"


def test_a_change_given_twice_counts_once_in_any_order() -> None:
    twice = parse_list(["UL97:A594V@12%"], known().proteins) + parse_list(["UL97:A594V"], known().proteins)
    one = interpret(twice, whole(), known())
    assert one == interpret(twice[::-1], whole(), known())
    assert len(one.variants) == 1
    assert not one.verdict(GCV).minority


def test_a_site_may_set_other_bands() -> None:
    other = replace(known(), thresholds=replace(known().thresholds, high_from=Decimal(8), report_floor=Decimal("0.2")))
    found = interpret(parse_list(["UL97:A594V"], known().proteins), whole(), other)
    assert found.verdict(GCV).level == "high"
    assert found.notes[0] == "levels: low from 2-fold, moderate from 5, high from 8"
    few = interpret(parse_list(["UL97:A594V@12%"], known().proteins), whole(), other)
    assert few.verdict(GCV).verdict == "not_determined"


def test_what_it_was_made_with() -> None:
    found = read("UL97:A594V")
    assert (found.version, found.hash) == (known().version, known().hash)
    assert "10.1128/jcm.00391-17" in found.verdict(GCV).dois
    assert found.verdict(GCV).sources == ()
    assert found.verdict(MBV).sources == ("CHOUMBV19", "EU-MBV")


@pytest.mark.parametrize(
    ("changes", "drug", "verdict_", "level", "drivers"),
    [
        (["UL97:A594V?"], GCV, "possible", "moderate", ("UL97 A594V",)),
        (["UL97:A594V?@3%"], GCV, "not_determined", "", ()),
        (["UL97:K599E?"], GCV, "susceptible", "", ()),
        (["UL97:Q500*?"], GCV, "not_determined", "", ("UL97 Q500*",)),
        (["UL97:A594V?", "UL54:P522S?"], GCV, "possible", "high", ("UL97 A594V", "UL54 P522S")),
        (["UL97:A594V", "UL97:C592G?"], GCV, "resistant", "moderate", ("UL97 A594V",)),
        (["UL97:C592G", "UL97:A594V?"], GCV, "resistant", "low", ("UL97 C592G",)),
        (["UL97:F342Y", "UL97:H411Y?"], GCV, "resistant", "moderate", ("UL97 F342Y",)),
        (["UL97:H411Y", "UL97:F342Y?"], GCV, "possible", "moderate", ("UL97 F342Y", "UL97 H411Y")),
        (["UL97:A594V?"], FOS, "susceptible", "", ()),
    ],
)
def test_what_is_only_possible_makes_resistance_possible(
    changes: list[str], drug: str, verdict_: str, level: str, drivers: tuple[str, ...]
) -> None:
    found = verdict(drug, *changes)
    assert (found.verdict, found.level, found.drivers) == (verdict_, level, drivers)


def test_what_is_only_possible_is_named_with_what_to_do() -> None:
    alone = verdict(GCV, "UL97:A594V?")
    assert "UL97 A594V: only possible; repeat the sequence, clone it or sequence it deeply" in alone.reasons
    beside = verdict(GCV, "UL97:C592G", "UL97:A594V?", "UL97:K599E?")
    assert beside.reasons[-1] == "Resistant (moderate) with UL97 A594V, which is only possible: repeat the sequence"
    assert read("UL97:F342Y?").cross[0].verdicts == {GCV: "possible", MBV: "possible"}


def test_a_combination_of_two_studies_brings_their_dois() -> None:
    found = verdict(GCV, "UL97:A594V", "UL54:E756K")
    assert {"10.1128/jcm.02205-14", "10.1128/jcm.01275-13"} <= set(found.dois)
