"""Process measures: occasions worked out by hand, and the FHIR that tells of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import orjson
import pytest
from fhir.resources.R4B.measurereport import MeasureReport
from tests.cli.run import cmvigil
from tests.support import fhir_r4

from cmvigil.cohort.measure_reports import Counts, Reports
from cmvigil.cohort.measures import DAY_14, DOSE, GENOTYPE, Occasion, described, occasions
from cmvigil.reasoning.loader import load

from . import small
from .support import export, taken

FIRST, LAST = date(2026, 3, 1), date(2026, 4, 10)
CREATININE = "    - {date: 2026-03-15, value: 60 umol/L}\n"
RISEN = CREATININE + "    - {date: 2026-03-20, value: 180 umol/L}\n"
LOADS = "viral_loads: [{date: 2026-03-02, value: 5000}, {date: 2026-03-16, value: 20}]\n"
QUARTER = "{drug: ganciclovir, dose: 150 mg, every: 24 h, route: iv, start: 2026-03-22, intent: treatment}"
KIDNEYS = {
    "kept": f"{LOADS}drugs: [{small.GANCICLOVIR}}}]\n",
    "lowered": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-21}}\n  - {QUARTER}\n",
    "stopped": f"{LOADS}drugs: [{small.GANCICLOVIR}, end: 2026-03-21}}]\n",
    "untold": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-21}}\n"
    "  - {drug: ganciclovir, route: iv, start: 2026-03-22, intent: treatment}\n",
}
"""Ganciclovir at full dose, and a creatinine that triples on 20 March: 10 mg/kg a day are then four times too much."""
SENT = """
viral_loads:
  - {date: 2026-03-02, value: 5000}
  - {date: 2026-03-09, value: 6000}
  - {date: 2026-03-17, value: 8000}
"""


def store(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cases: dict[str, str], person: str
) -> duckdb.DuckDBPyConnection:
    """The store of these cases."""
    monkeypatch.setattr(small, "CASES", cases)
    monkeypatch.setattr(small, "PERSON", person)
    return taken(export(folder / "in", small.resources(folder)), folder / "store")


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    folder = tmp_path_factory.mktemp("ward")
    return taken(export(folder / "in", small.resources(folder)), folder / "store")


def test_days_worked_out_by_hand(ward: duckdb.DuckDBPyConnection) -> None:
    assert occasions(ward, load(), FIRST, LAST, LAST) == [
        Occasion(DAY_14, "late", date(2026, 3, 18), False),
        Occasion(GENOTYPE, "rising", date(2026, 3, 18), False),
        Occasion(DAY_14, "rising", date(2026, 3, 18), True),
        Occasion(DAY_14, "rising", date(2026, 4, 10), False),
    ]


def test_what_lies_outside_the_period_or_had_not_come_yet_is_not_counted(ward: duckdb.DuckDBPyConnection) -> None:
    program = load()
    later = occasions(ward, program, date(2026, 3, 19), LAST, LAST)
    assert [each.day for each in later] == [date(2026, 4, 10)]  # refractory since before the period
    early = occasions(ward, program, FIRST, LAST, date(2026, 3, 18))
    assert [each.measure for each in early] == [DAY_14, DAY_14]  # two days for the genotype have not passed


def test_a_dose_is_put_right_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on = store(tmp_path, monkeypatch, KIDNEYS, small.PERSON.replace(CREATININE, RISEN))
    found = {each.patient: each for each in occasions(on, load(), FIRST, LAST, LAST) if each.measure == DOSE}
    assert {name: each.met for name, each in found.items()} == {
        "kept": False,
        "lowered": True,
        "stopped": True,
        "untold": None,
    }
    assert {each.day for each in found.values()} == {date(2026, 3, 20)}


def test_a_genotype_that_is_sent_counts_and_what_cannot_be_told_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drug = f"drugs: [{small.GANCICLOVIR}}}]\n"
    cases = {
        "sent": f"{SENT}genotype_pending: {{sent: 2026-03-18}}\n{drug}",
        "late": f"{SENT}genotype_pending: {{sent: 2026-03-25}}\n{drug}",
        "unlike": f"{SENT.replace('value: 8000', 'value: 8000, unit: copies/mL')}{drug}",
    }
    on = store(tmp_path, monkeypatch, cases, small.PERSON)
    found = [each for each in occasions(on, load(), FIRST, LAST, LAST) if each.measure == GENOTYPE]
    assert {each.patient: each.met for each in found} == {"sent": True, "late": False, "unlike": None}


def test_reports_are_valid_fhir(ward: duckdb.DuckDBPyConnection) -> None:
    program = load()
    found = [*occasions(ward, program, FIRST, LAST, LAST), Occasion(DOSE, "rising", LAST, None)]
    reports = Reports(program, described(program), FIRST, LAST, LAST)
    summary = reports.summary(found)
    single = list(reports.individual(sorted(found, key=lambda each: (each.patient, each.measure))))
    for report in single:
        MeasureReport.model_validate_json(orjson.dumps(report))
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in single]
    for bundle in (summary, {**summary, "entry": entries}):
        content = orjson.dumps(bundle)
        assert fhir_r4.problems(content) == []
        assert fhir_r4.narratives(content) == []
    assert [each["subject"]["reference"] for each in single] == ["Patient/late", *["Patient/rising"] * 3]
    checked, _, dose = (entry["resource"]["group"][0] for entry in summary["entry"])
    assert [each["count"] for each in checked["population"]] == [3, 3, 1, 0]
    assert checked["measureScore"] == {"value": 0.3333}
    assert [each["count"] for each in dose["population"]] == [1, 0, 0, 1]
    assert "measureScore" not in dose


def test_what_is_not_known_is_not_in_the_denominator() -> None:
    counts = Counts.of(Occasion(DAY_14, "p", FIRST, met) for met in (True, True, False, None))
    assert (counts.met, counts.known, counts.unknown) == (2, 3, 1)


def test_the_command_writes_both(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", small.resources(tmp_path))
    out = tmp_path / "out"
    shown = cmvigil("measures", str(folder), "--out", str(out), "--period", f"{FIRST}..{LAST}", "--as-of", str(LAST))
    assert shown.exit_code == 0, shown.output
    assert "1 of      3  Response checked by day 14 (0 not known)" in shown.stdout
    summary = orjson.loads((out / "measures.json").read_bytes())
    assert {entry["resource"]["type"] for entry in summary["entry"]} == {"summary"}
    assert len((out / "measures.ndjson").read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    ("period", "said"),
    [("2026-03-01", "FROM..UNTIL"), ("2026-04-01..2026-03-01", "is after"), ("2026-03-01..soon", "--period")],
)
def test_a_period_is_two_days(tmp_path: Path, period: str, said: str) -> None:
    shown = cmvigil("measures", str(tmp_path), "--period", period)
    assert shown.exit_code == 2
    assert said in shown.stderr
