"""Scores against the truth: counted by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmvigil.synth.score import Found, Score, score, share
from cmvigil.synth.truth import DEFINITIONS

DAY = date(2026, 3, 1)
NAME = "recurrent"


def row(patient: str, true: date | None) -> dict[str, object]:
    definitions = dict.fromkeys(DEFINITIONS)
    return {"patient": patient, "definitions": {**definitions, NAME: None if true is None else true.isoformat()}}


def scored(*patients: tuple[date | None, Found | None]) -> Score:
    """The score of one definition: the truth and the finding of each patient."""
    rows = [row(str(n), true) for n, (true, _) in enumerate(patients)]
    found = {(str(n), NAME): each for n, (_, each) in enumerate(patients) if each is not None}
    (made,) = score(rows, found, [NAME])
    return made


def after(days: int) -> Found:
    return Found(DAY + timedelta(days=days), "true")


def test_what_is_true_is_found_or_missed() -> None:
    made = scored((DAY, after(3)), (DAY, Found(None, "false")), (DAY, Found(None, "unknown")), (DAY, after(5)))
    assert made.sensitivity[:3] == (2, 4, 0.5)
    assert made.unknown[:3] == (1, 4, 0.25)
    assert made.specificity[:3] == (0, 0, None)


def test_what_is_not_true_is_a_false_alarm_or_none() -> None:
    made = scored((None, after(3)), (None, Found(None, "false")), (None, Found(None, "unknown")))
    assert made.specificity[:2] == (2, 3)
    assert made.unknown[:2] == (1, 3)
    assert made.delay is None


def test_what_held_once_counts_though_it_no_longer_does() -> None:
    ended = Found(DAY, "unknown")
    assert scored((DAY, ended)).sensitivity.part == 1
    assert scored((DAY, ended)).unknown.part == 0


def test_the_delay_is_from_the_truth_to_the_finding() -> None:
    made = scored(*((DAY, after(days)) for days in (0, 2, 4, 10)), (None, after(99)), (DAY, Found(None, "false")))
    assert made.delay == (3.0, 1.5, 5.5)
    assert made.early == 0


def test_found_before_it_was_true_is_early() -> None:
    made = scored((DAY, after(-4)), (DAY, after(1)), (DAY, after(2)))
    assert (made.early, made.delay) == (1, (1.0, -1.5, 1.5))


def test_who_was_not_assessed_is_left_out() -> None:
    assert scored((DAY, None), (DAY, after(1))).sensitivity[:2] == (1, 1)


def test_all_definitions_are_scored_unless_some_are_named() -> None:
    assert [each.definition for each in score([row("a", None)], {})] == list(DEFINITIONS)


def test_the_interval_is_that_of_wilson() -> None:
    """Newcombe 1998, Stat Med 17:857: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert share(81, 263)[3:] == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert share(0, 20)[3:] == (0.0, pytest.approx(0.1611, abs=5e-5))
    assert share(0, 0) == (0, 0, None, None, None)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["early", "late", "false", "unknown"])), max_size=40))
def test_every_patient_is_counted_once(patients: list[tuple[bool, str]]) -> None:
    findings = {"early": after(-1), "late": after(1), "false": Found(None, "false"), "unknown": Found(None, "unknown")}
    made = scored(*((DAY if true else None, findings[found]) for true, found in patients))
    assert made.sensitivity.of + made.specificity.of == made.unknown.of == len(patients)
    fired = sum(found in ("early", "late") for _, found in patients)
    assert made.sensitivity.part + made.specificity.of - made.specificity.part == fired
    for each in (made.sensitivity, made.specificity, made.unknown):
        if each.value is not None and each.low is not None and each.high is not None:
            assert 0 <= each.low <= each.value + 1e-9
            assert each.value - 1e-9 <= each.high <= 1
