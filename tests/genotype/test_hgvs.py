"""Changes as HGVS writes them: every kind, and the place that HGVS takes where several would do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.genotype.support import known

from cmvigil.genotype import Mutation, parse
from cmvigil.genotype.hgvs import hgvs


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("UL97:A594V", "YP_081544.1:p.(Ala594Val)"),
        ("UL97:A594AV@12%", "YP_081544.1:p.(Ala594Val)"),
        ("UL97:A594*", "YP_081544.1:p.(Ala594Ter)"),
        ("UL97:A594fs", "YP_081544.1:p.(Ala594fs)"),
        ("UL97:del595-603", "YP_081544.1:p.(Leu595_Cys603del)"),
        ("UL97:del600", "YP_081544.1:p.(Leu600del)"),
        ("UL54:ins981K", "YP_081513.1:p.(Asp981_Leu982insLys)"),
        ("UL27:M1V", "YP_081486.1:p.(Met1?)"),
    ],
)
def test_each_kind(typed: str, said: str) -> None:
    (mutation,) = parse(typed, known().proteins)
    assert hgvs(mutation, known()) == said


def test_the_last_of_equal_places_is_taken() -> None:
    """UL54 has ``EESST`` at 881 to 885: losing or doubling either Ser gives the same protein."""
    assert known().proteins["UL54"][880:885] == "EESST"
    for codon in (883, 884):
        lost = Mutation("UL54", "deletion", codon, codon, "S", "")
        doubled = Mutation("UL54", "insertion", codon, codon, "S", "S")
        assert hgvs(lost, known()) == "YP_081513.1:p.(Ser884del)"
        assert hgvs(doubled, known()) == "YP_081513.1:p.(Ser884dup)"


def test_a_repeat_of_several_residues_is_a_duplication() -> None:
    repeat = Mutation("UL54", "insertion", 882, 882, "E", "EE")
    assert hgvs(repeat, known()) == "YP_081513.1:p.(Glu881_Glu882dup)"
    longer = Mutation("UL97", "insertion", 1, 1, "M", "WMM")
    assert hgvs(longer, known()) == "YP_081544.1:p.(Met1_Ser2insTrpMetMet)"


def test_an_inserted_stop_stays_where_it_is() -> None:
    protein = known().proteins["UL97"]
    stop = Mutation("UL97", "insertion", len(protein), len(protein), protein[-1], "*W")
    assert hgvs(stop, known()).endswith("_Ter708insTerTrp)")


def test_what_stands_behind_the_last_residue_is_the_stop() -> None:
    protein = known().proteins["UL97"]
    behind = Mutation("UL97", "insertion", len(protein), len(protein), protein[-1], "W")
    assert hgvs(behind, known()).endswith("_Ter708insTrp)")


@given(st.sampled_from(["UL27", "UL54", "UL97"]), st.data())
@settings(max_examples=50, deadline=None)
def test_equal_deletions_have_one_name(gene: str, data: st.DataObject) -> None:
    """Two deletions that leave the same protein are described alike."""
    protein = known().proteins[gene]
    first = data.draw(st.integers(2, len(protein) - 4))
    last = first + data.draw(st.integers(0, 2))
    left = protein[: first - 1] + protein[last:]
    length = last - first + 1
    names = {
        hgvs(Mutation(gene, "deletion", at, at + length - 1, protein[at - 1], ""), known())
        for at in range(2, len(protein) - length + 1)
        if protein[: at - 1] + protein[at - 1 + length :] == left
    }
    assert len(names) == 1
