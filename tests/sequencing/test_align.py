"""Alignments that keep to codons: gaps, tails, unreadable stretches, and what is left out."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sequencing.isolates import TAILS, coding, segment

from cmvigil.sequencing.align import Block, Stretch, align
from cmvigil.sequencing.placing import place_bases

UL97 = segment("UL97")


def aligned(bases: str) -> tuple[Stretch, ...]:
    (placed,), _ = place_bases(bases)
    return align(placed)


def at(codon: int) -> int:
    return UL97.offset_of(codon)


def test_an_equal_sequence_is_one_block() -> None:
    assert aligned(coding("UL97")) == ((Block(at(1), 0, 707 * 3),),)


def test_single_bases_that_differ_open_no_gap() -> None:
    bases = list(coding("UL97"))
    for place in (300, 301, 302, 900, 905, 1500):
        bases[place] = {"A": "C", "C": "G", "G": "T", "T": "A"}[bases[place]]
    assert aligned("".join(bases)) == ((Block(at(1), 0, 707 * 3),),)


def test_lost_codons_are_one_gap() -> None:
    ((before, after),) = aligned(coding("UL97", 400, 594) + coding("UL97", 604, 700))
    assert before.query_end == after.query
    assert after.target - before.target_end == 9 * 3


def test_gained_codons_are_one_gap() -> None:
    ((before, after),) = aligned(coding("UL97", 400, 500) + "TGGATGTGG" + coding("UL97", 501, 600))
    assert before.target_end == after.target == at(501)
    assert after.query - before.query_end == 9


def test_a_gap_stands_as_late_as_it_can() -> None:
    run = next(n for n in range(450, 1800) if coding("UL97")[n : n + 4] in ("AAAA", "CCCC", "GGGG", "TTTT"))
    ((before, after),) = aligned(coding("UL97")[:run] + coding("UL97")[run + 1 :])
    assert after.target - before.target_end == 1
    assert coding("UL97")[before.target_end - 150] != coding("UL97")[after.target - 150]


@pytest.mark.parametrize("apart", [5, 8, 11, 20])
def test_a_base_lost_and_one_gained_close_by_are_two_gaps(apart: int) -> None:
    bases = coding("UL97", 400, 600)
    cut = 301
    gained = {"A": "C", "C": "G", "G": "T", "T": "A"}[bases[cut + apart]]
    (stretch,) = aligned(bases[:cut] + bases[cut + 1 : cut + apart] + gained + bases[cut + apart :])
    assert len(stretch) == 3
    assert stretch[0].query_end == stretch[1].query
    assert stretch[1].target_end == stretch[2].target
    assert stretch[2].target - stretch[2].query == stretch[0].target - stretch[0].query


def test_unreadable_letters_align_with_anything() -> None:
    assert aligned(coding("UL97", 400, 500) + "N" * 90 + coding("UL97", 531, 600)) == ((Block(at(400), 0, 201 * 3),),)


def test_a_gap_beside_unreadable_letters_touches_them() -> None:
    ((before, after),) = aligned(coding("UL97", 400, 500) + "N" * 60 + coding("UL97", 531, 600))
    letters = coding("UL97", 400, 500) + "N" * 60
    assert after.target - before.target_end == 30
    assert "N" in letters[before.query_end - 1 : before.query_end + 1]


def test_the_tails_of_primers_are_left_out() -> None:
    fragment = coding("UL97", 400, 600)
    ((block,),) = aligned(TAILS[0] + fragment + TAILS[1])
    assert abs(block.query - len(TAILS[0])) <= 2
    assert abs(block.length - len(fragment)) <= 4


def test_a_change_near_the_end_is_reached_where_three_codons_follow() -> None:
    fragment = coding("UL97", 400, 596) + "TGG" + coding("UL97", 598, 600)
    assert aligned(fragment) == ((Block(at(400), 0, len(fragment)),),)
    shorter = coding("UL97", 400, 597) + "TGG" + coding("UL97", 599, 600)
    ((block,),) = aligned(shorter)
    assert block.length < len(shorter) - 6


def test_a_long_piece_that_fits_nowhere_parts_the_sequence() -> None:
    random = Random(3)
    other = "".join(random.choice("ACGT") for _ in range(90))
    before, after = aligned(coding("UL97", 400, 500) + other + coding("UL97", 531, 600))
    assert before[-1].target_end <= at(501) + 6
    assert after[0].target >= at(531) - 6


def test_a_piece_too_large_for_the_table_is_left_out() -> None:
    random = Random(4)
    other = "".join(random.choice("ACGT") for _ in range(320))
    assert len(aligned(coding("UL97", 200, 300) + other + coding("UL97", 401, 600))) == 2


@given(st.lists(st.sampled_from("ACGTN"), max_size=40).map("".join), st.integers(0, 40))
def test_blocks_run_forward_and_never_overlap(other: str, lost: int) -> None:
    bases = coding("UL97", 400, 500) + other + coding("UL97", 501 + lost, 600)
    (placed,), _ = place_bases(bases)
    blocks = [block for stretch in align(placed) for block in stretch]
    target = query = 0
    for block in blocks:
        assert block.length > 0
        assert block.target >= target
        assert block.query >= query
        target, query = block.target_end, block.query_end
    assert target <= len(placed.target.letters)
    assert query <= len(bases)
