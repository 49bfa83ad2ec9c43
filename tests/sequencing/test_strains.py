"""Strains of laboratories: told by a contig's name, or by the residues that are found."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.genotype.support import known

from cmvigil.genotype import parse_list
from cmvigil.sequencing.sample import Call
from cmvigil.sequencing.strains import strain_of_changes, strain_of_contig

AD169 = ("UL54:T885A", "UL54:L897S", "UL54:A1108T", "UL54:T1122A", "UL89:A37T", "UL89:E95K")
TOWNE = ("UL54:N685S", "UL54:L897S", "UL54:N898D", "UL54:A1108T", "UL54:A1154P")
WHOLE = {"UL54": ((1, 1242),), "UL89": ((1, 674),)}


@pytest.mark.parametrize(
    ("name", "strain"),
    [
        ("NC_006273.2", "Merlin"),
        ("gi|155573956|ref|NC_006273.2|", "Merlin"),
        ("HCMV_merlin", "Merlin"),
        ("X17403", "AD169"),
        ("X17403.1", "AD169"),
        ("HHV5-AD169", "AD169"),
        ("EF999921.1", "TB40/E"),
        ("TB40/E", "TB40/E"),
        ("tb40e", "TB40/E"),
        ("AY315197", "Towne"),
        ("AC146905.1", "Toledo"),
        ("chr1", ""),
        ("NC_0062731", ""),
        ("Downtowne", ""),
        ("Merlin_against_AD169", ""),
        ("", ""),
    ],
)
def test_a_strain_by_the_name_of_its_contig(name: str, strain: str) -> None:
    assert strain_of_contig(name, known()) == strain


def calls(*changes: str, interpreted: bool = True) -> list[Call]:
    """Calls of typed changes."""
    return [Call(each, interpreted=interpreted) for each in parse_list(changes, known().proteins)]


@pytest.mark.parametrize(("markers", "strain"), [(AD169, "AD169"), (TOWNE, "Towne")])
def test_all_markers_and_nothing_else_is_that_strain(markers: tuple[str, ...], strain: str) -> None:
    assert strain_of_changes(calls(*markers), WHOLE, known()) == strain
    assert strain_of_changes(calls(*markers, "UL97:A594V"), WHOLE, known()) == strain
    assert strain_of_changes(calls(*(f"{each}@97%" for each in markers)), WHOLE, known()) == strain


def test_markers_that_were_not_read_need_not_be_there() -> None:
    fragment = {"UL54": ((800, 1242),)}
    assert strain_of_changes(calls(*AD169[:4]), fragment, known()) == "AD169"
    assert strain_of_changes(calls(*AD169[:4]), WHOLE, known()) == ""


@pytest.mark.parametrize(
    "found",
    [
        AD169[1:],  # one that was read is missing
        (*AD169, "UL54:A987G"),  # something else in the gene
        (*AD169, *TOWNE),
        (),
    ],
)
def test_a_strain_that_differs_is_not_named(found: tuple[str, ...]) -> None:
    assert strain_of_changes(calls(*dict.fromkeys(found)), WHOLE, known()) == ""


def test_two_markers_are_too_few_and_common_ones_do_not_tell() -> None:
    assert strain_of_changes(calls("UL54:T885A", "UL54:L897S"), {}, known()) == ""
    assert strain_of_changes(calls("UL54:L897S", "UL54:A1108T", "UL54:T1122A"), {}, known()) == ""
    assert strain_of_changes(calls("UL54:T885A", "UL54:L897S", "UL54:A1108T"), {}, known()) == "AD169"


def test_only_the_main_virus_counts() -> None:
    minor = calls(*(f"{each}@30%" for each in AD169))
    assert strain_of_changes(minor, WHOLE, known()) == ""
    assert strain_of_changes([*calls(*AD169), *calls("UL54:A987G@10%")], WHOLE, known()) == "AD169"
    assert strain_of_changes(calls(*AD169, interpreted=False), WHOLE, known()) == ""


def test_the_strains_are_sourced_and_their_markers_are_those_of_public_sequences() -> None:
    k = known()
    assert k.strains["Merlin"].bases == 235_646
    for strain in k.strains.values():
        assert strain.contigs
        assert strain.rare <= strain.markers
        for gene, change in strain.rare:
            found = k.polymorphisms.get((gene, change))
            assert found is None or found.fraction < Decimal("0.1")
