"""Process measures: occasions worked out by hand, and the FHIR that tells of them."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import duckdb
import orjson
import pytest
from fhir.resources.R4B.measurereport import MeasureReport
from tests.cli.run import cmvigil
from tests.support import fhir_r4

from cmvigil.cohort.measure_reports import Counts, Reports
from cmvigil.cohort.measure_rows import sources
from cmvigil.cohort.measures import DAY_14, DOSE, GENOTYPE, Occasion, described, occasions
from cmvigil.reasoning.loader import load

from . import small
from .support import export, taken

FIRST, LAST = date(2026, 3, 1), date(2026, 4, 10)
CREATININE = "    - {date: 2026-03-15, value: 60 umol/L}\n"
RISEN = CREATININE + "    - {date: 2026-03-20, value: 180 umol/L}\n"
LOADS = "viral_loads: [{date: 2026-03-02, value: 5000}, {date: 2026-03-16, value: 20}]\n"
FULL = "{drug: ganciclovir, dose: 300 mg, every: 12 h, route: iv, intent: treatment"
QUARTER = "{drug: ganciclovir, dose: 150 mg, every: 24 h, route: iv, intent: treatment"
KIDNEYS = {
    "kept": f"{LOADS}drugs: [{small.GANCICLOVIR}}}]\n",
    "lowered": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-21}}\n  - {QUARTER}, start: 2026-03-22}}\n",
    "stopped": f"{LOADS}drugs: [{small.GANCICLOVIR}, end: 2026-03-21}}]\n",
    "untold": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-21}}\n"
    "  - {drug: ganciclovir, route: iv, start: 2026-03-22, intent: treatment}\n",
    "at_once": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-19}}\n  - {QUARTER}, start: 2026-03-20}}\n",
    "stopped_at_once": f"{LOADS}drugs: [{small.GANCICLOVIR}, end: 2026-03-19}}]\n",
    "renewed": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-22}}\n  - {FULL}, start: 2026-03-23}}\n",
    "renewed_at_once": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-19}}\n  - {FULL}, start: 2026-03-20}}\n",
    "too_early": f"{LOADS}drugs:\n  - {small.GANCICLOVIR}, end: 2026-03-14}}\n  - {QUARTER}, start: 2026-03-15}}\n",
}
"""Ganciclovir at full dose, and a creatinine that triples on 20 March: 10 mg/kg a day are then four times too much."""
SENT = """
viral_loads:
  - {date: 2026-03-02, value: 5000}
  - {date: 2026-03-09, value: 6000}
  - {date: 2026-03-17, value: 8000}
"""
EARLIER = f"{FULL}, start: 2026-01-01, end: 2026-01-25}}"
LONG = f"drugs:\n  - {EARLIER}\n  - {small.GANCICLOVIR}}}\n"
"""With the earlier course 28 days of ganciclovir are over on day 14: a genotype is called for as soon as refractory."""
FIRST_EVER = f"complete: [{{list: medications, date: 2026-03-02}}]\ndrugs: [{small.GANCICLOVIR}}}]\n"
"""No earlier course: 28 days of ganciclovir are over on 29 March, and until then a genotype is optional."""


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


def march(day: int) -> date:
    return date(2026, 3, day)


def test_days_worked_out_by_hand(ward: duckdb.DuckDBPyConnection) -> None:
    foscarnet = date(2026, 4, 8), date(2026, 4, 10), False, march(25)
    assert occasions(ward, load(), FIRST, LAST, LAST) == [
        Occasion(DAY_14, "late", march(16), march(18), False, march(2)),
        Occasion(GENOTYPE, "rising", march(18), march(20), None, march(2)),  # earlier drugs are not known
        Occasion(DAY_14, "rising", march(16), march(18), True, march(2)),
        Occasion(DAY_14, "rising", *foscarnet),
    ]


def test_what_lies_outside_the_period_or_had_not_come_yet_is_not_counted(ward: duckdb.DuckDBPyConnection) -> None:
    program = load()
    later = occasions(ward, program, march(19), LAST, LAST)
    assert [(each.measure, each.day) for each in later] == [(GENOTYPE, march(19)), (DAY_14, date(2026, 4, 8))]
    early = occasions(ward, program, FIRST, LAST, march(18))
    assert [(each.measure, each.day) for each in early] == [(DAY_14, march(16))] * 2  # genotypes have until the 20th


def test_a_load_that_cannot_be_read_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = LOADS.replace("value: 20", "value: 20, unit: mg/L")
    on = store(tmp_path, monkeypatch, {"unread": f"{unread}drugs: [{small.GANCICLOVIR}}}]\n"}, small.PERSON)
    assert [each.met for each in occasions(on, load(), FIRST, LAST, LAST) if each.measure == DAY_14] == [None]


def test_a_dose_is_put_right_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on = store(tmp_path, monkeypatch, KIDNEYS, small.PERSON.replace(CREATININE, RISEN))
    found = [each for each in occasions(on, load(), FIRST, LAST, LAST) if each.measure == DOSE]
    assert {each.patient: (each.day, each.met) for each in found} == {
        "kept": (march(20), False),
        "lowered": (march(20), True),
        "stopped": (march(20), True),
        "untold": (march(20), None),
        "at_once": (march(20), True),
        "stopped_at_once": (march(20), True),
        "renewed": (march(20), False),
        "renewed_at_once": (march(20), False),
        "too_early": (march(15), False),
    }
    assert len(found) == len(KIDNEYS)


def test_a_kidney_result_that_cannot_be_read_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = small.PERSON.replace(CREATININE, CREATININE.replace("umol/L", "mmol/mol"))
    on = store(tmp_path, monkeypatch, {"too_early": KIDNEYS["too_early"]}, unread)
    assert [each for each in occasions(on, load(), FIRST, LAST, LAST) if each.measure == DOSE] == []


def genotyped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cases: dict[str, str], first: date = FIRST
) -> dict[str, tuple[date, bool | None]]:
    on = store(folder, monkeypatch, cases, small.PERSON)
    found = [each for each in occasions(on, load(), first, LAST, LAST) if each.measure == GENOTYPE]
    return {each.patient: (each.day, each.met) for each in found}


def test_a_genotype_that_is_sent_counts_and_what_cannot_be_told_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = {
        "sent": f"{SENT}genotype_pending: {{sent: 2026-03-18}}\n{LONG}",
        "late": f"{SENT}genotype_pending: {{sent: 2026-03-25}}\n{LONG}",
        "never": f"{SENT}{LONG}",
        "long_pending": f"{SENT}genotype_pending: {{sent: 2026-02-20}}\n{LONG}",  # 25 days before
        "unlike": f"{SENT.replace('value: 8000', 'value: 8000, unit: copies/mL')}{LONG}",
        "earlier_drugs_unknown": f"{SENT}drugs: [{small.GANCICLOVIR}}}]\n",  # until 28 days of this course are over
    }
    assert genotyped(tmp_path, monkeypatch, cases) == {
        "sent": (march(17), True),
        "late": (march(17), False),
        "never": (march(17), False),
        "long_pending": (march(17), True),
        "unlike": (date(2026, 4, 8), None),
        "earlier_drugs_unknown": (march(29), False),
    }


def test_a_genotype_is_due_from_when_it_is_called_for_and_not_while_it_is_optional(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen = SENT + "  - {date: 2026-03-24, value: not detected}\n"
    cases = {
        "while_optional": f"{SENT}genotype_pending: {{sent: 2026-03-24}}\n{FIRST_EVER}",
        "never": f"{SENT}{FIRST_EVER}",
        "fallen": f"{fallen}{FIRST_EVER}",
    }
    assert genotyped(tmp_path, monkeypatch, cases) == {
        "while_optional": (march(29), True),
        "never": (march(29), False),
    }


def test_infection_that_becomes_refractory_by_passing_time_alone_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = f"  - {QUARTER}, start: 2026-03-02, end: 2026-03-03}}\n"  # 2 days too low are a tenth of 20, on 21 March
    cases = {"quiet": f"{SENT}drugs:\n  - {EARLIER}\n{low}  - {FULL}, start: 2026-03-04}}\n"}
    assert genotyped(tmp_path / "a", monkeypatch, cases) == {"quiet": (march(21), False)}
    assert genotyped(tmp_path / "b", monkeypatch, cases, march(22)) == {}  # since before the period


def test_reports_are_valid_fhir(ward: duckdb.DuckDBPyConnection) -> None:
    program = load()
    found = [*occasions(ward, program, FIRST, LAST, LAST), Occasion(DOSE, "rising", LAST, LAST, None, LAST)]
    found.sort(key=lambda each: (each.patient, each.measure))
    reports = Reports(program, described(program), FIRST, LAST, LAST)
    summary = reports.summary(found)
    single = list(reports.individual(found, sources(ward, program, found)))
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


def test_reports_name_the_resources_behind_their_occasions(ward: duckdb.DuckDBPyConnection) -> None:
    program = load()
    found = occasions(ward, program, FIRST, LAST, LAST)
    rows = sources(ward, program, found)

    def rising(concept: str, *days: date) -> set[str]:
        """Where the patient's orders or loads of these days stand."""
        table = "measurement" if concept == "cmv_load" else "exposure"
        asked = f"SELECT source FROM event_{table} WHERE patient = 'rising' AND concept = $1 AND day = $2"
        return {source for day in days for (source,) in ward.execute(asked, [concept, day]).fetchall()}

    _, genotype, first, second = found
    ganciclovir = rising("ganciclovir", march(2))
    assert {*rows[first]} == ganciclovir | rising("cmv_load", march(17))
    assert {*rows[genotype]} == ganciclovir | rising("cmv_load", march(2), march(9), march(17))
    assert {*rows[second]} == rising("foscarnet", march(25))
    reports = list(Reports(program, described(program), FIRST, LAST, LAST).individual(found, rows))
    named = [[each["reference"] for each in report["evaluatedResource"]] for report in reports]
    assert named[1] == sorted(rows[genotype])
    assert named[2] == sorted({*rows[first], *rows[second]})
    from_tables = dict.fromkeys(found, ("measurement.csv:3",))
    assert all(
        "evaluatedResource" not in report
        for report in Reports(program, described(program), FIRST, LAST, LAST).individual(found, from_tables)
    )


def test_what_is_not_known_is_not_in_the_denominator() -> None:
    counts = Counts.of(Occasion(DAY_14, "p", FIRST, FIRST, met, FIRST) for met in (True, True, False, None))
    assert (counts.met, counts.known, counts.unknown) == (2, 3, 1)


def test_the_command_writes_reports_and_the_occasions_behind_them(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", small.resources(tmp_path))
    out = tmp_path / "out"
    given = ("--out", str(out), "--period", f"{FIRST}..{LAST}", "--as-of", str(LAST), "--csv")
    shown = cmvigil("measures", str(folder), *given)
    assert shown.exit_code == 0, shown.output
    title = "Response checked at day 14: a load taken on days 14 to 16, known by day 16"
    assert f"1 of      3  {title} (0 not known)" in shown.stdout
    assert "could not be used" not in shown.output
    assert "nothing became known after 2026-04-06" in shown.stdout
    summary = orjson.loads((out / "measures.json").read_bytes())
    assert {entry["resource"]["type"] for entry in summary["entry"]} == {"summary"}
    assert summary["entry"][0]["resource"]["group"][0]["code"] == {"text": title}
    assert len((out / "measures.ndjson").read_bytes().splitlines()) == 3
    with (out / "occasions.csv").open(encoding="utf-8") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    assert [row[:5] for row in rows] == [
        ("late", DAY_14, "2026-03-16", "2026-03-18", "not met"),
        ("rising", GENOTYPE, "2026-03-18", "2026-03-20", "unknown"),
        ("rising", DAY_14, "2026-03-16", "2026-03-18", "met"),
        ("rising", DAY_14, "2026-04-08", "2026-04-10", "not met"),
    ]
    assert all(source.split("-")[0].split("/")[1] == row[0] for row in rows for source in row[5].split(";"))


def test_lines_that_could_not_be_read_are_told(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", small.resources(tmp_path))
    with (folder / "Observation.ndjson").open("a", encoding="utf-8") as file:
        file.write('{"resourceType": "Observation", broken\n')
    shown = cmvigil("measures", str(folder), "--out", str(tmp_path / "out"))
    assert shown.exit_code == 0, shown.output
    assert "1 line or resource could not be used: see quality.html" in shown.stdout
    assert "text that is not JSON" in (tmp_path / "out" / "quality.html").read_text(encoding="utf-8")


def test_a_period_ends_with_what_is_known(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", small.resources(tmp_path))
    out = tmp_path / "out"
    shown = cmvigil("measures", str(folder), "--out", str(out), "--period", f"{FIRST}..2027-03-01")
    assert shown.exit_code == 0, shown.output
    assert "2027-03-01 lies behind 2026-04-06: the period of the reports ends on 2026-04-06" in shown.stdout
    assert "nothing became known after" not in shown.stdout
    reports = [entry["resource"] for entry in orjson.loads((out / "measures.json").read_bytes())["entry"]]
    assert {report["period"]["end"] for report in reports} == {"2026-04-06"}
    future = cmvigil("measures", str(folder), "--out", str(out), "--period", "2026-04-07..2027-03-01")
    assert future.exit_code == 2
    assert "2026-04-07 is after 2026-04-06" in future.stderr


@pytest.mark.parametrize(
    ("period", "said"),
    [("2026-03-01", "FROM..UNTIL"), ("2026-04-01..2026-03-01", "is after"), ("2026-03-01..soon", "--period")],
)
def test_a_period_is_two_days(tmp_path: Path, period: str, said: str) -> None:
    shown = cmvigil("measures", str(tmp_path), "--period", period)
    assert shown.exit_code == 2
    assert said in shown.stderr
