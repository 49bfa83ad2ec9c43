"""Findings on the quality of a sample: what is broken, unusual, shared with a second strain, or not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from tests.genotype.support import known

from cmvigil.genotype import complete, parse_list
from cmvigil.sequencing.quality import notes
from cmvigil.sequencing.sample import Call, Note, Sequenced, Stretches

Coverage = Mapping[str, Stretches]


def calls(*texts: str, flags: tuple[str, ...] = (), interpreted: bool = True) -> list[Call]:
    return [Call(each, flags=flags, interpreted=interpreted) for each in parse_list(texts, known().proteins)]


def found(made: Iterable[Call], coverage: Coverage | None = None, stated: bool = True) -> tuple[Note, ...]:
    covered = complete(known()) if coverage is None else coverage
    return notes(Sequenced("p1", "p1.fasta", "FASTA", "", tuple(made), covered, stated), known())


def codes(made: Iterable[Call], coverage: Coverage | None = None) -> list[str]:
    return [note.code for note in found(made, coverage)]


def odd(count: int, share: str = "") -> list[Call]:
    """Substitutions that nobody described."""
    protein = known().proteins["UL27"]
    usual = known().known | known().polymorphisms.keys()
    names = [f"{residue}{codon}W" for codon, residue in enumerate(protein, 1)]
    return calls(*[f"UL27:{name}{share}" for name in names if ("UL27", name) not in usual and name[0] != "W"][:count])


def natural() -> list[str]:
    """Substitutions that public sequences show."""
    return [":".join(key) for key in sorted(known().polymorphisms) if not key[1].startswith(("del", "ins"))]


def test_merlin_is_without_findings() -> None:
    assert found([]) == ()
    assert found(calls("UL97:A594V", "UL54:del981-982", "UL97:L595LS")) == ()


@pytest.mark.parametrize("change", ["UL97:A594fs", "UL54:L501*", "UL56:C325*"])
def test_a_broken_gene_that_the_virus_needs_is_severe(change: str) -> None:
    (note,) = found(calls(change))
    assert (note.level, note.code) == ("severe", "broken")
    assert "probably an error of sequencing" in note.text


def test_a_broken_gene_in_few_genomes_or_not_for_certain_is_a_warning() -> None:
    assert [note.level for note in found(calls("UL97:A594fs@2%"))] == ["warning"]
    assert [note.level for note in found(calls("UL97:A594*", flags=("possible",)))] == ["warning"]
    assert [note.level for note in found(calls("UL97:A594*", interpreted=False))] == ["warning"]


def test_a_gene_that_the_virus_can_lose_may_be_broken() -> None:
    assert codes(calls("UL27:R233fs")) == []


def test_many_changes_that_nobody_described() -> None:
    assert codes(odd(8)) == []
    (note,) = found(odd(9))
    assert (note.level, note.code) == ("warning", "unusual")
    assert note.text == "9 substitutions that were never described; check the sequence"
    assert "unusual" not in codes(odd(8), {})


def test_a_few_are_many_in_a_short_fragment() -> None:
    fragment = {"UL27": ((1, 399),)}
    assert codes(odd(4), fragment)[0] == "unusual"
    assert "unusual" not in codes(odd(3), fragment)
    assert "unusual" not in codes(odd(4), {"UL27": ((1, 400),)})


def test_changes_that_do_not_pass_are_not_counted() -> None:
    assert codes(Call(each.mutation, interpreted=False) for each in odd(20, "@10%")) == []


def test_possible_residues_and_polymorphisms_are_not_unusual() -> None:
    assert codes(calls(*natural()[:40])) == []
    assert codes(Call(each.mutation, flags=("possible",)) for each in odd(20)) == []


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (["10%"] * 8, True),
        (["10%"] * 7, False),
        (["10%", "11%", "12%", "13%", "14%", "15%", "10%", "14.9%"], True),
        (["3%", "6%", "9%", "14%", "20%", "27%", "35%", "45%"], False),
        (["1%"] * 8, False),
        (["60%"] * 8, False),
        ([""] * 8, False),
    ],
)
def test_many_changes_at_one_share_come_from_a_second_strain(shares: list[str], expected: bool) -> None:
    made = calls(*(f"{name}@{share}" if share else name for name, share in zip(natural(), shares, strict=False)))
    assert ("several strains" in codes(made)) is expected


def test_the_share_of_a_cluster_is_told() -> None:
    shares = (30, 11, 12, 13, 14, 15, 16, 12, 13)
    (note,) = found(calls(*(f"{name}@{share}%" for name, share in zip(natural(), shares, strict=False))))
    assert note.text == "8 substitutions at 11% to 16% of the population: several strains, or contamination"


def test_a_table_of_errors_is_judged_in_time() -> None:
    mutations = [each.mutation for each in odd(500, "@10%")]
    made = [Call(replace(each, residue=residue)) for each in mutations for residue in "ACDEFGHIKLMNPQRSTVWY" * 4]
    assert codes(made) == ["unusual", "several strains"]


def test_codons_that_a_drug_needs_and_that_were_not_read() -> None:
    made = found([], {"UL54": ((1, 1242),), "UL97": ((440, 645),)})
    assert [note.code for note in made] == ["uncovered"] * 2
    assert [note.text.split(":")[0] for note in made] == ["maribavir", "letermovir"]
    assert "UL97 codons not read: 335-439" in made[0].text


def test_where_nobody_said_what_was_read_nothing_is_called_unread() -> None:
    assert found([], {}, stated=False) == ()


@pytest.mark.parametrize(("share", "said"), [(0.05, False), (0.0501, True), (0.2, True)])
def test_codons_too_shallow_for_a_share_that_decides(share: float, said: bool) -> None:
    detectable = {gene: [0.01] * each.length for gene, each in known().genes.items()}
    detectable["UL56"][324] = share  # codon 325
    read = Sequenced("p1", "p1.bam", "BAM", "", (), complete(known()), detectable=detectable)
    expected = f"letermovir: a share below {6 if share < 0.1 else 20}% may not have been seen at 1 of its codons"
    made = [(note.level, note.code, note.text) for note in notes(read, known())]
    assert made == ([("warning", "depth", expected)] if said else [])
    assert notes(replace(read, stated=False), known()) == ()


def test_codons_that_were_not_read_are_not_called_shallow() -> None:
    detectable = {gene: [1.0] * each.length for gene, each in known().genes.items()}
    read = Sequenced("p1", "p1.bam", "BAM", "", (), {}, detectable=detectable)
    assert {note.code for note in notes(read, known())} == {"uncovered"}


def test_findings_stand_in_fixed_order() -> None:
    made = [*calls("UL97:A594fs"), *odd(9, "@10%")]
    assert codes(made, {}) == codes(list(reversed(made)), {})
    assert list(dict.fromkeys(codes(made, {}))) == ["broken", "unusual", "several strains", "uncovered"]
