"""The target of reads: offsets, codons, and indels as changes of residues."""

from __future__ import annotations

import numpy as np
import pytest
from tests.genotype.support import known

from cmvigil.sequencing.naming import Namer
from cmvigil.sequencing.reads.calling import changes_of
from cmvigil.sequencing.reads.targets import Event, Targets, gained_code, gained_letters
from cmvigil.sequencing.reference import reference

TARGETS = Targets.of(reference())
NAMERS = {gene: Namer(gene, protein, known().known) for gene, protein in known().proteins.items()}


def at(gene: str, codon: int, shift: int = 0) -> int:
    return int(TARGETS.first_base[TARGETS.number_of[gene, codon]]) + shift


def test_every_codon_but_the_stops_has_its_offset() -> None:
    assert len(TARGETS.codons) == sum(len(protein) for protein in known().proteins.values())
    for gene, codon in (("UL97", 1), ("UL54", 1242), ("UL89", 296), ("UL89", 297)):
        offset = at(gene, codon)
        bases = "".join("ACGT"[code] for code in TARGETS.codes[offset : offset + 3])
        assert bases == reference().codon(gene, codon)
        assert TARGETS.codon_at[offset] == TARGETS.number_of[gene, codon]


def test_fifteen_bases_are_found_where_they_are() -> None:
    keys, places = TARGETS.index
    assert np.count_nonzero(places >= 0) > 14_000
    assert keys[places >= 0].min() >= 0


@pytest.mark.parametrize("letters", ["", "A", "GCTGCA", "T" * 30])
def test_an_insertion_is_kept_as_a_number(letters: str) -> None:
    assert gained_letters(gained_code(letters), len(letters)) == letters


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        (Event(at("UL97", 595), 27, ""), ["UL97:del595_603"]),
        (Event(at("UL54", 981), 6, ""), ["UL54:del981_982"]),
        (Event(at("UL54", 884), 0, "AGC"), ["UL54:ins884S"]),
        (Event(at("UL97", 597), 1, ""), ["UL97:N597fs"]),
        (Event(at("UL97", 1, -20), 3, ""), []),
        (Event(at("UL97", 707, 4), 3, ""), []),
        (Event(at("UL97", 1), 0, "GCAGCA"), []),
        (Event(at("UL97", 1, -10), 12, ""), ["UL97:M1fs"]),
        (Event(at("UL97", 707, 2), 4, ""), ["UL97:E707fs"]),
    ],
)
def test_an_indel_is_named_by_its_residues(event: Event, changes: list[str]) -> None:
    found = [str(each) for each in changes_of(event, TARGETS, NAMERS)]
    assert len(found) == len(changes)
    assert {each[:8] for each in found} == {each[:8] for each in changes}


def test_equal_places_of_a_deletion_have_one_name() -> None:
    event = Event(at("UL97", 597), 3, "")
    shared = TARGETS.shared(event)
    moved = Event(event.site + shared, 3, "") if shared % 3 == 0 else event
    assert changes_of(event, TARGETS, NAMERS) == changes_of(moved, TARGETS, NAMERS)
