"""Typed changes: every way to write one, every way to get one wrong, and that nothing else is ever raised."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.genotype.support import known

from cmvigil.genotype import Mutation, MutationError, parse, parse_list
from cmvigil.genotype.mutation import merged

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def one(text: str) -> Mutation:
    """The single change of an entry."""
    (found,) = parse(text, known().proteins, known().known)
    return found


def fault(*texts: str) -> tuple[str, ...]:
    """The problems of a list."""
    with pytest.raises(MutationError) as caught:
        parse_list(texts, known().proteins, known().known)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize(
    "text",
    [
        "UL97:A594V",
        "ul97:a594v",
        "UL97 A594V",
        "UL97A594V",
        "pUL97:A594V",
        "UL 97 : A594V",
        "UL97:p.Ala594Val",
        "UL97 p.(Ala594Val)",
        "ul97:p.ala594val",
        "UL97:A594Val",
        " UL97_A594V ",
    ],
)
def test_a_substitution_in_every_writing(text: str) -> None:
    found = one(text)
    assert (found.gene, found.change, found.kind) == ("UL97", "A594V", "substitution")
    assert (found.name, found.mixed, found.fraction) == ("UL97 A594V", False, None)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("UL97:del595-603", "del595_603"),
        ("UL97:del595_603", "del595_603"),
        ("UL97:595-603del", "del595_603"),
        ("UL97:p.Leu595_Cys603del", "del595_603"),
        ("UL97:L595_C603del", "del595_603"),
        ("UL97:delL595_C603", "del595_603"),
        ("UL97:del600", "del600"),
        ("UL97:A594del", "del594"),
        ("UL54:del981-982", "del981_982"),
        ("UL54:ins884S", "ins884S"),
        ("UL54:884_885insSG", "ins884SG"),
        ("UL54:p.Ser884_Thr885insSerGly", "ins884SG"),
        ("UL54:ser884_thr885insser", "ins884S"),
        ("UL27:E22*", "E22*"),
        ("UL27:E22stop", "E22*"),
        ("UL27:p.Glu22Ter", "E22*"),
        ("UL27:p.glu22ter", "E22*"),
        ("UL97:A594fs", "A594fs"),
        ("UL97:p.Ala594Valfs*12", "A594fs"),
        ("UL97:fs594", "A594fs"),
    ],
)
def test_deletions_insertions_stops_and_frameshifts(text: str, change: str) -> None:
    assert one(text).change == change


@pytest.mark.parametrize(
    ("text", "fraction"),
    [
        ("UL97:A594V@12%", "0.12"),
        ("UL97:A594V=0.12", "0.12"),
        ("UL97:A594V @ 12 %", "0.12"),
        ("UL97:A594V@.5", "0.5"),
        ("UL97:A594V@100%", "1"),
        ("UL97:A594V@1.0", "1"),
        ("UL97:A594V@1%", "0.01"),
    ],
)
def test_fractions(text: str, fraction: str) -> None:
    assert one(text).fraction == Decimal(fraction)


def test_mixtures() -> None:
    assert one("UL97:A594AV") == Mutation("UL97", "substitution", 594, 594, "A", "V", mixed=True)
    assert one("UL97:A594A/V") == one("UL97:594 A/V") == one("UL97:p.Ala594Ala/Val") == one("UL97:A594AV")
    two = parse("UL97:A594TV", known().proteins)
    assert [each.change for each in two] == ["A594T", "A594V"]
    assert all(each.mixed for each in two)
    assert [each.kind for each in parse("UL27:E22EK*", known().proteins)] == ["stop", "substitution"]
    assert str(one("UL97:A594AV@12%")) == "UL97:A594AV@12%"


def test_a_change_that_is_only_possible() -> None:
    found = one("UL97:A594AV?@12%")
    assert (found.change, found.mixed, found.possible, found.fraction) == ("A594V", True, True, Decimal("0.12"))
    assert one("UL97 p.Ala594Val ?").possible
    assert one("UL54:del981-982?") == Mutation("UL54", "deletion", 981, 982, "D", "", possible=True)
    assert not one("UL97:A594V").possible
    with pytest.raises(MutationError):
        parse("UL97:A594V??", known().proteins)


@pytest.mark.parametrize("turn", [1, -1])
def test_of_the_same_change_proven_and_possible_the_proven_stands(turn: int) -> None:
    twice = [one("UL97:A594V@6%"), one("UL97:A594V?@40%")][::turn]
    assert merged(twice) == (one("UL97:A594V@6%"),)


def test_lists_are_parted_joined_sorted_and_merged() -> None:
    found = parse_list(["UL97:M460V, UL97:A594V;UL54:P522S", "UL97", "C592G"], known().proteins)
    assert [each.name for each in found] == ["UL54 P522S", "UL97 M460V", "UL97 C592G", "UL97 A594V"]
    twice = parse_list(["UL97:A594V@5%", "UL97:A594AV@12%"], known().proteins)
    assert [(each.fraction, each.mixed) for each in twice] == [(Decimal("0.12"), False)]
    assert merged([one("UL97:A594V@5%"), one("UL97:A594V")])[0].fraction is None
    assert parse_list([" , "], known().proteins) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no gene; expected a change such as UL97:A594V"),
        ("A594V", "names no gene; expected a change such as UL97:A594V, UL97:p.Ala594Val"),
        ("A594V", "did you mean UL97:A594V?"),
        ("UL79:A594V", "UL79 is no gene of resistance; there are UL27, UL51, UL54, UL56, UL89, UL97; did you mean"),
        ("UL123:A1V", "UL123 is no gene of resistance"),
        ("UL97:", "not readable; expected a change such as"),
        ("UL97:A594", "not readable"),
        ("UL97:A594X", "did you mean UL97:A594"),
        ("UL97:G594V", "codon 594 of UL97 is A in Merlin, not G; check gene and codon; did you mean UL97:A594V?"),
        ("UL97:A549V", "not A; check gene and codon; did you mean UL97:A594V?"),
        ("UL97:A708V", "UL97 has codons 1 to 707; found 708"),
        ("UL97:A0V", "UL97 has codons 1 to 707; found 0"),
        ("UL97:A594A", "A is what Merlin has at codon 594 of UL97: no change"),
        ("UL97:A594=", "the residue stays as it is: no change; leave it out"),
        ("UL54:A885T", "T is what Merlin has at codon 885 of UL54; the change is named against another strain"),
        ("UL97:del603-595", "the deletion ends before it begins; type del595_603"),
        ("UL97:G595_C603del", "codon 595 of UL97 is L in Merlin, not G"),
        ("UL97:L595_G603del", "codon 603 of UL97 is C in Merlin, not G"),
        ("UL54:884_886insS", "an insertion stands between neighbours; expected 884_885ins"),
        ("UL97:L595_C603delinsG", "read as two entries, such as del595_603 and ins594G"),
        ("UL97:A594V@", "after @ expected a fraction of the population such as 12% or 0.12"),
        ("UL97:A594V@12", "a fraction lies above 0 and at most at 1 (100%)"),
        ("UL97:A594V@0%", "a fraction lies above 0"),
        ("UL97:A594V@101%", "a fraction lies above 0"),
        ("UL97:A594V@1", "a fraction of 1 may be 1% or all; write 1% or 100%"),
        ("UL97:" + "A" * 130, "135 characters; expected a change"),
    ],
)
def test_what_is_wrong_is_said_with_the_input(text: str, said: str) -> None:
    with pytest.raises(MutationError) as caught:
        parse(text, known().proteins, known().known)
    (problem,) = caught.value.problems
    assert said in problem
    assert problem.startswith(f"'{text[:20].strip()}")


def test_all_problems_come_at_once_and_once() -> None:
    assert len(fault("UL97:A594V", "UL97:G594V", "A594V", "UL97:G594V")) == 2


def test_no_hint_where_nothing_is_near() -> None:
    with pytest.raises(MutationError, match=r"'Q': names no gene; expected .*@12%$"):
        parse("Q", known().proteins)
    with pytest.raises(MutationError, match=r"not readable; expected .*@12%$"):
        parse("UL97:!!!!", known().proteins)


@st.composite
def mutations(draw: st.DrawFn) -> Mutation:
    """A change that could be typed."""
    proteins = known().proteins
    gene = draw(st.sampled_from(sorted(proteins)))
    first = draw(st.integers(1, len(proteins[gene])))
    wild = proteins[gene][first - 1]
    fraction = draw(st.none() | st.decimals(Decimal("0.0001"), Decimal("0.9999"), places=4))
    possible = draw(st.booleans())
    kind = draw(st.sampled_from(["substitution", "stop", "deletion", "insertion", "frameshift"]))
    if kind == "deletion":
        last = draw(st.integers(first, len(proteins[gene])))
        return Mutation(gene, "deletion", first, last, wild, "", fraction=fraction, possible=possible)
    if kind == "insertion":
        residue = draw(st.text(RESIDUES, min_size=1, max_size=6))
        return Mutation(gene, "insertion", first, first, wild, residue, fraction=fraction, possible=possible)
    if kind == "frameshift":
        return Mutation(gene, "frameshift", first, first, wild, "fs", fraction=fraction, possible=possible)
    residue = "*" if kind == "stop" else draw(st.sampled_from([r for r in RESIDUES if r != wild]))
    mixed = draw(st.booleans())
    kind = "stop" if kind == "stop" else "substitution"
    return Mutation(gene, kind, first, first, wild, residue, mixed, fraction, possible)


@given(mutations())
def test_what_is_written_is_read_again(mutation: Mutation) -> None:
    assert parse(str(mutation), known().proteins) == (mutation,)


@given(st.text(max_size=150))
def test_nothing_but_its_own_error_is_raised(text: str) -> None:
    try:
        parse_list([text], known().proteins, known().known)
    except MutationError as error:
        assert all(problem.isprintable() for problem in error.problems)


@given(st.text("ULul579 :;,.@=%0123456789ACDEFGdelinsfs*/_-pVS()", max_size=40))
def test_nothing_but_its_own_error_is_raised_by_near_misses(text: str) -> None:
    try:
        found = parse_list(["UL97:" + text, text], known().proteins)
    except MutationError:
        return
    for each in found:
        assert parse(str(each), known().proteins) == (each,)
