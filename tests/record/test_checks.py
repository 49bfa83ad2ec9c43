"""What a whole record says against itself, whichever reader made it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from tests.record.full_case import content
from tests.support.twin import bundle_bytes

from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record

LOAD = "{date: 2026-03-01, unit: IU/mL, specimen: plasma, value: %s}"


def case(body: str) -> Record:
    return read_record(f"as_of: 2026-03-15\n{body}\n")


def loads(*values: str) -> Record:
    return case("viral_loads: [" + ", ".join(LOAD % value for value in values) + "]")


def found(record: Record, level: str) -> list[str]:
    return [issue.found for issue in record.issues if issue.level == level]


@pytest.mark.parametrize(
    ("drug", "dose", "kept"),
    [
        ("ganciclovir", "305 g", False),
        ("ganciclovir", "3050 mg", True),
        ("valganciclovir", "9000 mg", False),
        ("ganciclovir", "5 mg/kg", True),
        ("ganciclovir", "50 mg/kg", False),
        ("foscarnet", "6300 mg", True),
    ],
)
def test_a_dose_that_cannot_be_right_is_taken_out_and_its_drug_stays(drug: str, dose: str, kept: bool) -> None:
    record = case(f"drugs: [{{drug: {drug}, dose: {dose}, every: 12 h, start: 2026-03-01}}]")
    (row,) = record.rows["exposure"]
    assert (getattr(row, "dose") is not None) is kept  # noqa: B009
    assert len(found(record, "unusable")) == (not kept)
    assert content(read_record(bundle_bytes(record))) == content(record)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("11400", "110"), 1),
        (("11400", "9000"), 0),
        (("11400", "not detected"), 1),
        (("11400", "'>1000'"), 0),
        (("'<137'", "500"), 0),
        (("'<137'", "5000"), 1),
    ],
)
def test_two_loads_of_one_moment_that_cannot_both_be_right(values: tuple[str, str], said: int) -> None:
    record = loads(*values)
    assert len(found(record, "note")) == said and len(record.rows["measurement"]) == 2
    assert all(getattr(row, "value") is not None for row in record.rows["measurement"])  # noqa: B009


def test_loads_of_two_streams_do_not_contradict() -> None:
    other = LOAD.replace("plasma", "whole_blood") % 11
    assert not found(case(f"viral_loads: [{LOAD % 11400}, {other}]"), "note")


def test_a_date_that_cannot_be_seen_or_be_right_is_said() -> None:
    body = "viral_loads: [{date: %s, unit: IU/mL, specimen: plasma, value: 12}]"
    assert found(case(body % "2027-05-01"), "note") == ["the date 2027-05-01"]
    assert found(case(body % "1926-05-01"), "note") == ["the date 1926-05-01"]
    assert not case(body % "2026-03-15").issues
    born = case("person: {birth_date: 1985-01-01}\n" + body % "1984-12-31")
    assert [(issue.found, issue.known_on) for issue in born.issues] == [("the date 1984-12-31", date(1984, 12, 31))]
    assert case("drugs: [{drug: ganciclovir, start: 2026-03-10, end: 2026-04-30}]").issues == []  # planned


def test_a_complete_list_of_loads_with_an_unusable_one_is_not_complete() -> None:
    body = "complete: [viral_loads, medications]\nviral_loads: [%s]"
    kept = [[r.text for r in case(body % (LOAD % v)).rows["observation"]] for v in ("12", "'4,2'")]  # type: ignore[attr-defined]
    assert kept == [["viral_loads", "medications"], ["medications"]]
    record = case(body % (LOAD % "'4,2'"))
    assert content(read_record(bundle_bytes(record))) == content(record)
    assert record.counts["rows.observation"] == 1


@pytest.mark.parametrize(("gene", "meant"), [("UL79", "UL97"), ("UL45", "UL54"), ("ul9", "UL97")])
def test_a_misspelt_gene_is_refused(gene: str, meant: str) -> None:
    with pytest.raises(IntakeError) as caught:
        case(f"genotype: {{date: 2026-03-01, genes: {{{gene}: {{covered: 440-645, changes: [A594V]}}}}}}")
    (problem,) = caught.value.problems
    assert problem.found == f"'{gene}'" and problem.path.startswith("genotype") and "UL97" in problem.expected
    assert problem.remedy == f"Did you mean '{meant}'?"


def test_a_gene_in_small_letters_is_that_gene() -> None:
    (row,) = case("genotype: {date: 2026-03-01, genes: {ul97: {covered: 440-645}}}").rows["coverage"]
    assert getattr(row, "gene") == "UL97" and getattr(row, "first") == Decimal(440)  # noqa: B009
