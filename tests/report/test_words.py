"""Dates, numbers, units and addresses as every face writes them."""

from __future__ import annotations

import pytest

from cmvigil.advice import Fact, Source
from cmvigil.report import words


def spaced(text: str) -> str:
    return text.replace(words.NBSP, " ").replace(words.THIN, " ")


@pytest.mark.parametrize(
    ("iso", "therapy_day", "said"),
    [
        ("2026-03-28", None, "28 Mar 2026"),
        ("2026-03-28", 14, "28 Mar 2026 (day 14)"),
        ("2026-03-28T06:10:00", 0, "28 Mar 2026 (day 0)"),
        ("not a date", None, "not a date"),
        (None, None, ""),
    ],
)
def test_day(iso: str | None, therapy_day: int | None, said: str) -> None:
    assert spaced(words.day(iso, therapy_day)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.85, "0.85"),
        (3.1, "3.1"),
        (62, "62"),
        (137, "137"),
        (12400, "12,400"),
        (1e7, "10,000,000"),
    ],
)
def test_number(value: float, said: str) -> None:
    assert spaced(words.number(value)) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.8, 0.8, "0.8"), (0, 137, "<137"), (10000, None, ">10,000"), (0.5, 1, "0.5 to 1")],
)
def test_bounds(low: float, high: float | None, said: str) -> None:
    assert spaced(words.bounds(low, high)) == said


@pytest.mark.parametrize(
    ("code", "said"),
    [("10*9/L", "×10⁹/L"), ("umol/L", "µmol/L"), ("U/L", "U/L"), ("unit", "unit"), ("1", "")],
)
def test_unit(code: str, said: str) -> None:
    assert words.unit(code) == said


@pytest.mark.parametrize(
    ("locator", "link"),
    [
        ("doi:10.1093/cid/ciy696", "https://doi.org/10.1093/cid/ciy696"),
        ("10.1002/(SICI)1<2", "https://doi.org/10.1002/(SICI)1%3C2"),
        ("PMID 30137245", "https://pubmed.ncbi.nlm.nih.gov/30137245/"),
        ("javascript:alert(1)", None),
        ("set id 1234", None),
        ("", None),
    ],
)
def test_only_dois_and_pmids_become_links(locator: str, link: str | None) -> None:
    source = Source(key="K", title="T", locator=locator, verification="verified")
    assert words.source_link(source) == link


def test_a_fact_says_its_state() -> None:
    known = Fact(name="n", label="neutrophils", value="0.9", unit="10*9/L", day="2026-03-27", state="known")
    stale = known.model_copy(update={"state": "stale", "why": "older than 14 days"})
    missing = Fact(name="g", label="genotype", state="missing")
    assert spaced(words.fact_line(known)) == "neutrophils: 0.9 ×10⁹/L, 27 Mar 2026"
    assert spaced(words.fact_line(stale)) == "neutrophils: 0.9 ×10⁹/L, 27 Mar 2026, too old (older than 14 days)"
    assert spaced(words.fact_line(missing)) == "genotype: missing"


def test_clean_takes_what_cannot_be_seen() -> None:
    assert words.clean("a\x1b[31mb\u202ec\x00\td") == "a[31mbc\td"
