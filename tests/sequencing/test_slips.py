"""How often a nanopore misreads the length of a run: learned from the other runs of the sample."""

from __future__ import annotations

import numpy as np
import pytest

from cmvigil.sequencing.reads.slips import FRAMESHIFT_FLOOR, Slips
from cmvigil.sequencing.reads.targets import Event, encode

RUNS = "ACGT" + "".join("T" * length + "ACG" for length in (6, 6, 6, 6, 7))
SITES = [at for at in range(1, len(RUNS)) if RUNS[at : at + 6] == "T" * 6 and RUNS[at - 1] != "T"]
COVER = np.full(len(RUNS), 100, np.int64)


def slips(*shares: int) -> Slips:
    """Of 100 reads so many lose a base in each run."""
    carried = {Event(site, 1, ""): share for site, share in zip(SITES, shares, strict=True)}
    return Slips(encode(RUNS), carried, COVER)


def test_a_sample_that_errs_little_has_the_lowest_floor() -> None:
    assert slips(2, 3, 2, 3, 50).floor(Event(SITES[4], 1, "")) == FRAMESHIFT_FLOOR


def test_the_floor_is_three_times_what_runs_as_long_show() -> None:
    assert slips(20, 22, 20, 24, 50).floor(Event(SITES[4], 1, "")) == pytest.approx(0.63)


def test_one_true_shift_does_not_raise_the_floor_of_the_others() -> None:
    assert slips(100, 2, 3, 2, 25).floor(Event(SITES[4], 1, "")) == FRAMESHIFT_FLOOR


def test_losses_do_not_raise_the_floor_of_gains_nor_of_other_places() -> None:
    made = slips(30, 30, 30, 30, 30)
    assert made.floor(Event(SITES[4], 0, "T")) == FRAMESHIFT_FLOOR
    assert made.floor(Event(1, 1, "")) == FRAMESHIFT_FLOOR


def test_where_too_few_runs_were_read_errors_are_taken_to_double() -> None:
    cover = COVER.copy()
    cover[SITES[2] :] = 0
    cover[SITES[4]] = 100
    carried = {Event(at, 1, ""): 4 for at in range(len(RUNS))}
    made = Slips(encode(RUNS), carried, cover)
    assert made.floor(Event(SITES[4], 1, "")) == pytest.approx(3 * 0.04 * 2**5)


def test_a_sample_that_covers_nothing_else_has_the_lowest_floor() -> None:
    made = Slips(encode(RUNS), {Event(SITES[0], 1, ""): 30}, np.zeros(len(RUNS), np.int64))
    assert made.floor(Event(SITES[0], 1, "")) == FRAMESHIFT_FLOOR
