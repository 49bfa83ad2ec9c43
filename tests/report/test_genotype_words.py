"""Words and numbers that every face of a genotype shares: one rounding, one short form, one way to write codons."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.genotype.support import known
from tests.report.laboratory_samples import call

from cmvigil.report import genotype_words as gw
from cmvigil.report import laboratory_words as lw


@pytest.mark.parametrize(
    ("share", "said"),
    [("0.2075", "20.8"), ("0.2065", "20.7"), ("0.12", "12"), ("1", "100"), ("0.9996", "100"), ("0.0004", "0")],
)
def test_a_share_is_rounded_once_for_every_face(share: str, said: str) -> None:
    assert gw.percent(Decimal(share)) == gw.percent(float(share)) == f"{said}%"
    assert lw.share(Decimal(share)).startswith(said)


def test_an_interval_is_rounded_like_its_share() -> None:
    assert lw.interval(call("UL97:A594V@20.45%")).startswith("19\N{EN DASH}22")


def test_one_codon_is_no_stretch() -> None:
    assert gw.codons([(440, 515), (516, 516)]) == "440-515, 516"


def test_every_drug_has_a_short_form() -> None:
    assert [gw.short(drug) for drug in (*known().drugs, "brincidofovir")] == ["GCV", "FOS", "CDV", "MBV", "LMV", "BRI"]
