"""One change: what stands where statements and measurements differ, and what a place lets one expect."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.genotype.support import known, read, reading

from cmvigil.genotype import VariantReading, interpret, parse, parse_list
from cmvigil.genotype.model import Knowledge, Statement
from cmvigil.genotype.reading import established, read_variant, resistance_codons

GCV, FOS, CDV, MBV, LMV = "ganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir"


def variant(change: str, knowledge: Knowledge | None = None) -> VariantReading:
    """The reading of one change."""
    (mutation,) = parse_list([change], known().proteins)
    return read_variant(mutation, knowledge or known())


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UL97:A594V", "measured"),
        ("UL97:K599E", "measured"),
        ("UL54:L516W", "measured"),
        ("UL54:A928T", "named"),
        ("UL54:A543V", "named"),
        ("UL54:T552S", "predicted"),
        ("UL54:N685S", "polymorphism"),
        ("UL54:G629S", "polymorphism"),
        ("UL54:ins884S", "polymorphism"),
        ("UL56:del446", "polymorphism"),
        ("UL97:D700A", "unknown"),
        ("UL97:A12*", "broken"),
        ("UL56:E141*", "broken"),
        ("UL54:M1fs", "broken"),
        ("UL27:E22*", "measured"),
        ("UL27:M1fs", "predicted"),
    ],
)
def test_kinds(change: str, kind: str) -> None:
    assert variant(change).kind == kind


def test_a_drug_is_read_from_its_own_genes_only() -> None:
    found = variant("UL54:T821I")
    assert [each.drug for each in found.drugs] == [GCV, FOS, CDV]
    assert found.reading(MBV) is None
    assert any("5.5-fold for maribavir (10.3851/imp1565) is not counted" in said for said in found.comments)
    assert not any("not counted" in said for said in variant("UL97:A594V").comments)


@pytest.mark.parametrize(
    ("change", "drug", "verdict", "level", "basis", "grade"),
    [
        ("UL54:L516W", GCV, "resistant", "", "called", "B"),
        ("UL54:V715A", CDV, "susceptible", "", "called", "B"),
        ("UL54:G441S", GCV, "susceptible", "", "called", "C"),
        ("UL54:V321I", GCV, "possible", "", "called", "D"),
        ("UL56:L26P", LMV, "possible", "", "called", "D"),
        ("UL97:L609F", GCV, "possible", "", "called", "D"),
        ("UL54:T552S", FOS, "possible", "", "codon", "E"),
        ("UL54:T552S", CDV, "not_determined", "", "region", "E"),
        ("UL97:H393Y", MBV, "not_determined", "", "region", "E"),
        ("UL97:E596K", GCV, "possible", "", "codon", "E"),
        ("UL97:D700A", GCV, None, "", None, ""),
        ("UL54:N685S", GCV, None, "", None, ""),
        ("UL54:S655A", GCV, None, "", None, ""),
        ("UL97:del595-597", GCV, "resistant", "moderate", "class", "E"),
        ("UL97:del592-593", GCV, "resistant", "moderate", "class", "E"),
        ("UL97:del600", GCV, "resistant", "moderate", "class", "E"),
        ("UL97:del590-593", GCV, "resistant", "moderate", "measured", "C"),
        ("UL97:del588-591", GCV, "not_determined", "", "region", "E"),
        ("UL97:del460", GCV, "possible", "", "codon", "E"),
        ("UL54:del700-702", FOS, "possible", "", "codon", "E"),
        ("UL54:del908", FOS, "not_determined", "", "region", "E"),
        ("UL97:ins594G", GCV, "not_determined", "", "region", "E"),
        ("UL97:ins517G", GCV, "not_determined", "", "region", "E"),
        ("UL97:ins700G", GCV, None, "", None, ""),
        ("UL97:A594fs", GCV, "not_determined", "", "broken", "E"),
        ("UL56:D30*", LMV, "not_determined", "", "broken", "E"),
        ("UL27:M1fs", MBV, "possible", "low", "truncation", "E"),
        ("UL27:del296", MBV, None, "", None, ""),
        ("UL97:M460I", MBV, None, "", None, ""),
        ("UL97:A594V", MBV, "possible", "low", "measured", "B"),
        ("UL97:C603R", GCV, "resistant", "moderate", "measured", "B"),
        ("UL97:del617", MBV, "resistant", "high", "measured", "C"),
    ],
)
def test_readings(change: str, drug: str, verdict: str | None, level: str, basis: str | None, grade: str) -> None:
    found = reading(drug, change)
    assert (found.verdict, found.level, found.basis, found.grade) == (verdict, level, basis, grade)


def test_neighbours_are_named_with_their_folds() -> None:
    (reason,) = reading(FOS, "UL54:T552S").reasons
    assert reason == "not measured; at this codon: T552N 2.6-fold"
    (within,) = reading(FOS, "UL54:del699-700").reasons
    assert within.startswith("not measured; within these codons: T700A 6.7-fold")
    (beside,) = reading(GCV, "UL97:ins517G").reasons
    assert "beside a codon of resistance" in beside


@pytest.mark.parametrize(
    ("change", "drug", "said"),
    [
        ("UL97:A442G", GCV, "polymorphism"),
        ("UL54:A692S", FOS, "polymorphism"),
        ("UL97:M460L", GCV, "polymorphism"),
        ("UL97:V466M", GCV, "suspected"),
        ("UL97:K599E", GCV, "suspected"),
        ("UL56:S229F", LMV, "resistant"),
        ("UL89:D344E", LMV, "resistant"),
        ("UL54:T552S", FOS, "resistant"),
    ],
)
def test_a_list_that_differs_raises_the_flag(change: str, drug: str, said: str) -> None:
    found = reading(drug, change)
    assert any(conflict.endswith(f": {said}") for conflict in found.conflicts)
    assert found.sources


@pytest.mark.parametrize(("change", "drug"), [("UL54:A543V", GCV), ("UL97:A594V", GCV), ("UL54:I726V", FOS)])
def test_a_list_that_agrees_for_some_drug_raises_none(change: str, drug: str) -> None:
    assert not any("class list" in conflict for conflict in reading(drug, change).conflicts)


def test_more_susceptible_is_flagged() -> None:
    assert "more susceptible to ganciclovir than the control" in variant("UL97:H411Y").flags
    assert reading(GCV, "UL97:H411Y").hypersusceptible
    assert not reading(GCV, "UL97:T409M").hypersusceptible


@pytest.mark.parametrize(
    ("change", "used", "flag"),
    [
        ("UL97:A594V@0.5%", False, "below 1%: taken for an artefact"),
        ("UL97:A594V@1%", False, "below 5%: does not decide"),
        ("UL97:A594V@4.9%", False, "below 5%: does not decide"),
        ("UL97:A594V@5%", True, "minority, below 10%: most laboratories do not report it"),
        ("UL97:A594V@10%", True, "minority, below 20%: Sanger sequencing misses it"),
        ("UL97:A594AV", True, "mixture: seen beside other residues, share not known"),
        ("UL97:A594AV@30%", True, "mixture"),
    ],
)
def test_fractions_lie_in_bands(change: str, used: bool, flag: str) -> None:
    found = variant(change)
    assert (found.used, found.flags[0]) == (used, flag)


def test_natural_variation_is_told() -> None:
    common = "most strains have it (61%): Merlin carries the rarer residue"
    assert variant("UL54:N685S").flags == (common, "found in sensitive isolates")
    assert variant("UL54:N685S").natural == Decimal(91) / 149
    assert variant("UL97:A594V@20%").flags == ("in 3.4% of public sequences",)
    once = variant("UL89:N74H")  # one sequence of 38
    assert (once.kind, once.flags) == ("unknown", ())
    assert variant("UL97:D700A").natural is None


def test_what_was_measured_only_in_company_says_so() -> None:
    assert "measured only together with UL97 M460I" in variant("UL54:A543V").comments
    assert "foscarnet does not need UL97" in variant("UL97:F342Y").comments[0]
    assert any(said.startswith("a row on maribavir is not used") for said in variant("UL97:C480F").comments)


def test_observations_alone_make_no_codon_of_resistance() -> None:
    assert 26 not in resistance_codons(known(), LMV, "UL56")
    assert 594 in resistance_codons(known(), GCV, "UL97")
    assert {981, 982} <= set(resistance_codons(known(), FOS, "UL54"))
    assert resistance_codons(known(), FOS, "UL97") == ()


def changed(**fields: object) -> Knowledge:
    """The shipped knowledge with some of it replaced."""
    return replace(known(), **fields)  # type: ignore[arg-type]


def statement(change: str, verdict: str, level: str = "", drug: str = GCV) -> Statement:
    """A rule on a change."""
    return Statement("UL97", change, drug, "said so", ("HDB",), "recalled", verdict, level, "D")


def test_of_a_rule_and_the_measurements_the_more_resistant_stands() -> None:
    more = changed(variants=(statement("K599E", "resistant", "high"),))
    found = established(more, ("UL97", "K599E"), GCV)
    assert found is not None
    assert (found.verdict, found.level, found.basis, found.grade) == ("resistant", "high", "named", "D")
    assert "measured otherwise than said: said so" in found.conflicts
    less = changed(variants=(statement("A594V", "possible", "low"),))
    stays = established(less, ("UL97", "A594V"), GCV)
    assert stays is not None
    assert (stays.verdict, stays.level, stays.basis) == ("resistant", "moderate", "measured")
    assert "measured otherwise than said: said so" in stays.conflicts


def test_a_standing_list_raises_and_another_only_flags() -> None:
    stands = replace(known().lists[0], name="MINE", drugs=(GCV,), says={("UL97", "D700A"): "resistant"})
    found = established(changed(lists=(stands,)), ("UL97", "D700A"), GCV)
    assert found is not None
    assert (found.verdict, found.basis, found.grade) == ("resistant", "list", "D")
    mutation = parse("UL97:D700A", known().proteins)
    assert interpret(mutation, None, changed(lists=(stands,))).variants[0].kind == "named"
    flag = interpret(mutation, None, changed(lists=(replace(stands, stands=False),))).variants[0].reading(GCV)
    assert flag is not None
    assert (flag.verdict, flag.conflict) == (None, True)


def test_a_word_against_a_fold_is_a_conflict() -> None:
    rows = known().singles["UL54", "A834P"]
    word = next(row for row in rows if row.qualitative and row.drug == GCV)
    sensitive = replace(next(row for row in rows if row.low and row.drug == GCV), low=Decimal(1), high=Decimal(1))
    own = replace(known(), measurements=(sensitive, word))
    found = established(own, ("UL54", "A834P"), GCV)
    assert found is not None
    assert (found.verdict, found.conflicts) == ("susceptible", ("a study calls it resistant, without a fold",))


def test_an_observed_fold_is_no_more_than_possible() -> None:
    row = replace(
        known().singles["UL97", "A594V"][0], drug=GCV, low=Decimal(20), high=Decimal(20), status="observational"
    )
    found = established(replace(known(), measurements=(row,)), ("UL97", "A594V"), GCV)
    assert found is not None
    assert (found.verdict, found.level, found.grade) == ("possible", "high", "D")


def test_a_gene_that_is_no_loss_gives_nothing() -> None:
    (loss,) = known().truncations
    own = changed(truncations=(replace(loss, drug=GCV),))
    assert variant("UL27:M1fs", own).reading(MBV).verdict is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "drug", "verdict", "level"),
    [
        ("UL97:A594V?", GCV, "possible", "moderate"),
        ("UL97:E596K?", GCV, "possible", ""),
        ("UL97:Q500*?", GCV, "not_determined", ""),
        ("UL97:K599E?", GCV, "susceptible", ""),
    ],
)
def test_what_may_not_be_there_is_no_more_than_possible(change: str, drug: str, verdict: str, level: str) -> None:
    found = reading(drug, change)
    assert (found.verdict, found.level) == (verdict, level)
    said = "only possible; repeat the sequence, clone it or sequence it deeply"
    assert (said in found.reasons) == (verdict != "susceptible")


def test_the_cross_resistance_of_one_kinase_change() -> None:
    found = read("UL97:F342Y", "UL97:T409M", "UL54:del981-982")
    assert [(each.variant, each.drugs) for each in found.cross] == [
        ("UL54 del981_982", (GCV, FOS, CDV)),
        ("UL97 F342Y", (GCV, MBV)),
    ]
    assert found.cross[1].verdicts == {GCV: "resistant", MBV: "resistant"}
