"""One event has one name, wherever an alignment puts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.genotype.support import known
from tests.sequencing.isolates import namer

from cmvigil.genotype import Mutation, parse
from cmvigil.sequencing.naming import Namer

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def names(gene: str, first: int, wild: str, new: str) -> list[str]:
    return [each.change for each in namer(gene).changes(first, wild, new)]


@pytest.mark.parametrize(
    ("first", "wild", "new", "expected"),
    [
        (594, "A", "V", ["A594V"]),
        (594, "AL", "VS", ["A594V", "L595S"]),
        (593, "AAL", "AAL", []),
        (594, "A", "X", []),
        (594, "ALEN", "A", ["del595_597"]),
        (594, "A", "*", ["A594*"]),
        (594, "ALE", "V*", ["A594V", "L595*"]),
    ],
)
def test_residues_as_changes(first: int, wild: str, new: str, expected: list[str]) -> None:
    assert names("UL97", first, wild, new) == expected


def test_a_loss_is_named_where_it_was_measured_else_last() -> None:
    made = Namer("UL0", "MKSSSP", {("UL0", "del3_4")})
    assert made.deletion(4, 5).change == "del3_4"
    assert Namer("UL0", "MKSSSP", ()).deletion(3, 4).change == "del4_5"


@pytest.mark.parametrize("after", [882, 883, 884])
def test_a_gain_in_a_run_has_one_name(after: int) -> None:
    assert namer("UL54").insertion(after, "S").change == "ins884S"


def test_a_turned_gain_is_the_same_gain() -> None:
    made = Namer("UL0", "MKABP", ())
    assert made.insertion(2, "AB").change == made.insertion(4, "AB").change == "ins4AB"
    assert made.insertion(3, "BA").change == "ins4AB"


@pytest.mark.parametrize(
    ("wild", "new", "expected"),
    [("", "S*", ["ins884S", "T885*"]), ("", "*", ["T885*"]), ("T", "*", ["T885*"]), ("TLP", "A*", ["T885A", "L886*"])],
)
def test_a_stop_ends_what_is_named(wild: str, new: str, expected: list[str]) -> None:
    assert names("UL54", 885, wild, new) == expected


def test_a_gain_before_the_stop_of_the_gene() -> None:
    assert names("UL54", 1243, "", "S*") == ["ins1242S"]


def test_a_loss_with_a_substitution_keeps_most_residues() -> None:
    assert names("UL97", 594, "ALENGK", "VLGK") == ["A594V", "del596_597"]


@given(st.data())
def test_names_put_back_into_merlin_give_the_residues(data: st.DataObject) -> None:
    gene = data.draw(st.sampled_from(sorted(known().proteins)))
    protein = known().proteins[gene]
    first = data.draw(st.integers(2, len(protein) - 12))
    wild = protein[first - 1 : first - 1 + data.draw(st.integers(0, 6))]
    new = data.draw(st.text(RESIDUES, max_size=6))
    found = namer(gene).changes(first, wild, new)
    changed = protein[: first - 1] + new + protein[first - 1 + len(wild) :]
    assert put_in(protein, found) == changed


@given(st.data())
def test_every_name_can_be_typed(data: st.DataObject) -> None:
    gene = data.draw(st.sampled_from(sorted(known().proteins)))
    first = data.draw(st.integers(2, len(known().proteins[gene]) - 12))
    wild = known().proteins[gene][first - 1 : first - 1 + data.draw(st.integers(0, 6))]
    for each in namer(gene).changes(first, wild, data.draw(st.text(RESIDUES + "*", max_size=6))):
        assert parse(str(each), known().proteins) == (each,)


def put_in(protein: str, changes: tuple[Mutation, ...]) -> str:
    """A protein with changes, the last one first so that codons keep their numbers."""
    for each in sorted(changes, key=lambda each: (each.first, each.kind != "insertion"), reverse=True):
        before, after = protein[: each.first - 1], protein[each.last :]
        if each.kind == "insertion":
            before, after = protein[: each.first] + each.residue, protein[each.first :]
        elif each.kind == "substitution":
            before += each.residue
        protein = before + after
    return protein


def test_a_loss_stays_where_the_residues_around_it_are_merlins() -> None:
    own = Namer("UL97", "MAARRRK", ())
    assert [each.change for each in own.changes(4, "R", "")] == ["del6"]
    assert [each.change for each in own.changes(4, "R", "", (1, 5))] == ["del5"]
    assert [each.change for each in own.changes(5, "", "R", (4, 5))] == ["ins5R"]
