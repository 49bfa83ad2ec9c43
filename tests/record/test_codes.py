"""Shipped codes are verified, spelled right and mean something; a site's mapping is exact and says what is wrong."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from cmvigil.record import codes
from cmvigil.record.errors import IntakeError
from cmvigil.record.vocabulary import vocabulary

with codes.FILE.open(encoding="utf-8", newline="") as _file:
    ROWS = list(csv.DictReader(_file))


def luhn(digits: str, prefix: int = 0) -> bool:
    """LOINC's mod-10 check: every second digit from the right, the check digit not counted, is doubled.

    ``prefix`` is what letters before the digits add: LA adds 5 before four digits and the check digit, as every
    published answer code of that length shows.
    """
    total = prefix
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


_D = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]
_P = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
while len(_P) < 8:
    _P.append([_P[-1][_P[1][i]] for i in range(10)])


def verhoeff(digits: str) -> bool:
    """SNOMED CT's check."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _D[check][_P[place % 8][int(digit)]]
    return check == 0


def of(system: str) -> list[str]:
    return sorted({row["code"] for row in ROWS if row["system"] == system})


def test_the_checks_tell_right_from_wrong() -> None:
    assert luhn("724930") and not luhn("724935")
    assert luhn("65768", 5) and luhn("96342", 5) and not luhn("65769", 5)
    assert verhoeff("28944009") and not verhoeff("28944008")


@pytest.mark.parametrize("code", of("http://loinc.org"))
def test_loinc_check_digits(code: str) -> None:
    digits = code.replace("-", "")
    assert luhn(digits[2:], 5) and len(digits) == 7 if digits.startswith("LA") else luhn(digits)


@pytest.mark.parametrize("code", of("http://snomed.info/sct"))
def test_snomed_check_digits(code: str) -> None:
    assert verhoeff(code)


def test_every_row_is_verified_and_means_a_concept() -> None:
    known = vocabulary()
    for row in ROWS:
        assert row["verification"] == "verified" and row["source"], row
        for target in codes.shipped()[row["system"], row["code"]]:
            assert target.kind in {
                "measurement",
                "observation",
                "exposure",
                "condition",
                "procedure",
                "susceptibility",
                "genomics",
                "call",
            }, row
        unit, specimen = row["unit"], row["specimen"]
        if unit:
            assert unit in known.quantities[row["concept"]].accepts, row
        if specimen:
            assert specimen in known.quantities[row["concept"]].specimens, row
    assert len({(r["system"], r["code"], r["concept"]) for r in ROWS}) == len(ROWS)
    assert sorted(ROWS, key=lambda r: (r["system"], r["code"], r["concept"])) == ROWS


def test_plasma_blood_iu_copies_and_log_are_told_apart() -> None:
    loads = {row["code"]: (row["unit"], row["specimen"]) for row in ROWS if row["concept"] == "cmv_load"}
    assert loads["72493-0"] == ("IU/mL", "plasma")
    assert loads["72494-8"] == ("log10 IU/mL", "plasma")
    assert loads["100675-8"] == ("IU/mL", "whole_blood")
    assert loads["30247-1"] == ("copies/mL", "plasma")


def test_every_concept_has_a_code_of_our_own() -> None:
    known = vocabulary()
    for concept in (*known.quantities, *known.signs, *known.drugs, *known.conditions, *known.procedures):
        (target,) = codes.shipped()[codes.OWN, concept]
        assert target.concept == concept and target.kind == known.kind(concept)


MAPPING = """\
# our laboratory, version 3
system,code,concept,unit,specimen,assay,lloq,iu_factor
urn:lab,CMVP,cmv_load,IU/mL,plasma,cobas,34.5,
urn:lab,CMVC,cmv_load,copies/mL,whole_blood,inhouse,,0.62
urn:lab,"GCV, R",susceptibility:ganciclovir,,,,,
"""


def test_a_site_mapping(tmp_path: Path) -> None:
    path = tmp_path / "site.csv"
    path.write_text(MAPPING, encoding="utf-8")
    table = codes.with_site(path)
    (target,) = table["urn:lab", "CMVP"]
    assert (target.concept, target.unit, target.specimen, target.assay) == ("cmv_load", "IU/mL", "plasma", "cobas")
    assert target.lloq == Decimal("34.5") and target.site
    assert table["urn:lab", "CMVC"][0].iu_factor == Decimal("0.62")
    assert table["urn:lab", "GCV, R"][0].kind == "susceptibility"
    assert table["http://loinc.org", "72493-0"] == codes.shipped()["http://loinc.org", "72493-0"]


def test_a_site_mapping_names_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "site.csv"
    path.write_text(
        "system,code,concept,unit,lloq\n"
        "urn:lab,A,cmv_lod,,\n"
        "urn:lab,,cmv_load,,\n"
        "# remark\n"
        "urn:lab,B,cmv_load,UI/mL,x\n"
        "urn:lab,C,cmv_load\n",
        encoding="utf-8",
    )
    with pytest.raises(IntakeError) as caught:
        codes.read_mapping(path)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 5, 5, 6]
    text = str(caught.value)
    assert "Did you mean 'cmv_load'?" in text and "a unit of cmv_load" in text and "3 cells" in text
    assert str(path) in text


@pytest.mark.parametrize("text", ["", "system,code\n", "system,code,concept,colour\n"])
def test_a_mapping_without_its_columns(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(IntakeError, match="column"):
        codes.read_mapping(path)
    with pytest.raises(IntakeError, match="no readable text"):
        codes.read_mapping(tmp_path / "none.csv")
