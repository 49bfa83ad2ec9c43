"""Typed coverage and what of it is missing."""

from __future__ import annotations

import pytest
from tests.genotype.support import known

from cmvigil.genotype import MutationError, complete, parse_coverage
from cmvigil.genotype.coverage import stretches_text, unread


def test_typed_coverage() -> None:
    assert parse_coverage(["UL97:440-645,UL54:255-1028"], known()) == {"UL54": ((255, 1028),), "UL97": ((440, 645),)}
    assert parse_coverage(["ul97:440_500", " UL97: 520-645 ", "UL56"], known()) == {
        "UL56": ((1, 850),),
        "UL97": ((440, 500), (520, 645)),
    }
    assert parse_coverage(["UL56:25,231-369", ""], known()) == {"UL56": ((25, 25), (231, 369))}
    assert complete(known())["UL97"] == ((1, 707),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("440-645", "'440-645': expected codons of one of UL27, UL51, UL54, UL56, UL89, UL97, such as UL97:440-645"),
        ("UL79:1-5", "did you mean UL97?"),
        (",", "no codons named"),
        ("XYZ:1-5", "expected codons of one of"),
        ("UL97:x-y", "expected codons such as UL97:440-645, or UL97 for all of it"),
        ("UL97:645-440", "UL97 has codons 1 to 707; expected first-last within them"),
        ("UL97:440-900", "UL97 has codons 1 to 707"),
        ("UL97:0-5", "UL97 has codons 1 to 707"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(MutationError, match=r".") as caught:
        parse_coverage([text], known())
    assert said in caught.value.problems[0]


def test_all_at_once() -> None:
    with pytest.raises(MutationError) as caught:
        parse_coverage(["UL97:x,UL79:1"], known())
    assert len(caught.value.problems) == 2


def test_stretches() -> None:
    assert unread((1, 5, 9), ((4, 6),)) == (1, 9)
    assert stretches_text((335, 336, 337, 400)) == "335-337, 400"
    assert stretches_text(()) == ""
