"""A back-test says what each day would have said: days worked out by hand, and every day as the other engine has it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from tests.cli.run import cmvigil

from cmvigil.assess.genotypes import with_readings
from cmvigil.assess.precedence import settle
from cmvigil.cohort.backtest import ACTS, Delay, LookedBack, delays, fired, first_days, look_back, write
from cmvigil.cohort.drill import record_of
from cmvigil.cohort.page import backtest_page
from cmvigil.cohort.results import SAID
from cmvigil.cohort.store import EVENTS
from cmvigil.reasoning.engines import python
from cmvigil.reasoning.loader import load
from cmvigil.record.vocabulary import vocabulary
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward
from cmvigil.synth.score import Found, score
from cmvigil.synth.truth import DEFINITIONS

from . import small
from .support import export, taken

FIRST, LAST = date(2026, 3, 1), date(2026, 4, 10)
NAMES = ("dnaemia", "probable_refractory", "cmv_on_record")
Spells = dict[tuple[str, str], list[tuple[date, date | None]]]


def _day(month: int, day: int) -> date:
    return date(2026, month, day)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> tuple[duckdb.DuckDBPyConnection, LookedBack]:
    folder = tmp_path_factory.mktemp("ward")
    on = taken(export(folder / "in", small.resources(folder)), folder / "store")
    return on, look_back(on, load(), FIRST, LAST, rules=["day_14_check_overdue"], definitions=NAMES)


def _spells(on: duckdb.DuckDBPyConnection) -> Spells:
    made: Spells = {}
    for patient, name, start, stop in on.execute(
        "SELECT patient, name, start, stop FROM past_spell ORDER BY ALL"
    ).fetchall():
        made.setdefault((patient, name), []).append((start, stop))
    return made


def test_days_worked_out_by_hand(ward: tuple[duckdb.DuckDBPyConnection, LookedBack]) -> None:
    on, _ = ward
    assert _spells(on) == {
        ("rising", "cmv_on_record"): [(_day(3, 2), None)],
        ("rising", "dnaemia"): [(_day(3, 2), _day(3, 30)), (_day(4, 6), None)],
        ("rising", "probable_refractory"): [(_day(3, 18), _day(3, 25))],
        ("rising", "day_14_check_overdue"): [(_day(4, 10), None)],
        ("late", "cmv_on_record"): [(_day(3, 2), None)],
        ("late", "day_14_check_overdue"): [(_day(3, 18), _day(3, 24))],
        ("late", "dnaemia"): [(_day(3, 2), _day(3, 16)), (_day(3, 24), _day(4, 7))],
    }


def test_days_before_anything_is_known_are_left_out(ward: tuple[duckdb.DuckDBPyConnection, LookedBack]) -> None:
    on, looked = ward
    found = dict(on.execute("SELECT patient, min(as_of) FROM past_member GROUP BY ALL").fetchall())
    assert found == {"rising": FIRST, "late": FIRST, "none": _day(3, 10)}
    days = (LAST - FIRST).days + 1
    assert looked == LookedBack(FIRST, LAST, 1, 3, 2 * days + days - 9)


def test_acts_and_delays(ward: tuple[duckdb.DuckDBPyConnection, LookedBack]) -> None:
    on, looked = ward
    found = {each.label: (each.patients, each.days) for each in delays(on, load(), looked) if each.patients}
    assert found == {
        "Refractory or probably refractory": (1, (7,)),  # foscarnet on 25 March, after 18 March
        "Day 14 passed without a load": (2, (6,)),  # the load of 24 March, after 18 March
    }


def test_who_how_long_and_how_often(ward: tuple[duckdb.DuckDBPyConnection, LookedBack]) -> None:
    on, _ = ward
    found = {each.name: each for each in fired(on, load())}
    dnaemia, overdue = found["dnaemia"], found["day_14_check_overdue"]
    # 28 days and the 5 from 6 to 10 April; twice 14 days
    assert (dnaemia.patients, dnaemia.days, dnaemia.again, dnaemia.times, dnaemia.still) == (2, (33 + 28) / 2, 2, 2, 1)
    assert (overdue.patients, overdue.days, overdue.again, overdue.still) == (2, (1 + 6) / 2, 0, 1)
    assert dnaemia.known_before == 0


def test_first_days_for_a_score(ward: tuple[duckdb.DuckDBPyConnection, LookedBack]) -> None:
    on, _ = ward
    assert first_days(on, ["dnaemia", "probable_refractory"]) == {
        ("rising", "dnaemia"): Found(_day(3, 2), "true"),
        ("rising", "probable_refractory"): Found(_day(3, 18), "unknown"),
        ("late", "dnaemia"): Found(_day(3, 2), "unknown"),
        ("late", "probable_refractory"): Found(None, "false"),
        ("none", "dnaemia"): Found(None, "unknown"),
        ("none", "probable_refractory"): Found(None, "unknown"),
    }


def test_tables_and_page(ward: tuple[duckdb.DuckDBPyConnection, LookedBack], tmp_path: Path) -> None:
    on, looked = ward
    program = load()
    acted = delays(on, program, looked)
    assert write(on, program, tmp_path, csv=True) == {"first_days": 7, "spells": 9, "acts": 3}
    lines = (tmp_path / "spells.csv").read_text().splitlines()
    assert "rising,definition,dnaemia,2026-03-02,2026-03-29" in lines
    assert "rising,definition,dnaemia,2026-04-06," in lines
    page = backtest_page(looked, fired(on, program), acted, program)
    assert "median 7 days after" in page and "<svg" in page and ">same day<" in page
    assert "Seen in 1 of 2\u00a0patients" in page and "In the other it was so on the last day." in page


def test_what_was_so_before_the_first_day_has_no_delay(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    on = taken(export(folder, small.resources(tmp_path)), tmp_path / "store")
    program = load()
    looked = look_back(on, program, _day(3, 20), LAST, 2, rules=["day_14_check_overdue"], definitions=NAMES)
    assert looked.last == LAST  # though every second day ends on the day before
    days = [day for (day,) in on.execute("SELECT DISTINCT as_of FROM past_member ORDER BY 1").fetchall()]
    assert days == [*(_day(3, 20) + timedelta(days=n) for n in range(0, 21, 2)), LAST]
    # of the other, overdue on the last day, since when is known
    assert {each.label: each.days for each in delays(on, program, looked) if each.patients} == {
        "Day 14 passed without a load": ()
    }
    assert {each.name: each.known_before for each in fired(on, program)} == {
        "cmv_on_record": 2,
        "day_14_check_overdue": 1,
        "dnaemia": 1,  # the other's last load was too old by then
        "probable_refractory": 1,
    }


def test_quartiles() -> None:
    assert Delay("", "", (), 0, ()).quartiles is None
    assert Delay("", "", (), 1, (4,)).quartiles == (4, 4, 4)
    assert Delay("", "", (), 5, (-2, 0, 1, 5, 9)).quartiles == (0, 1, 5)


def test_every_day_is_as_the_other_engine_has_it(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    synthesise(tmp_path / "out", Ward(11, 0.6, 90, date(2026, 6, 30), "mix"), load(), 24)
    on = taken(tmp_path / "out" / "fhir", tmp_path / "store")
    program = load()
    wanted = [rule.name for rule in program.rules.values() if rule.kind in SAID]
    look_back(on, program, date(2026, 4, 12), date(2026, 6, 30), 7, definitions=program.definitions, jobs=2)
    spells = on.execute("SELECT patient, name, start, stop FROM past_spell").fetchall()
    days = on.execute("SELECT patient, as_of FROM past_member").fetchall()
    assert len(days) > 200
    compared = 0
    for patient, day in days:
        record = with_readings(record_of(on, patient), program)
        outcome = python.run(program, record.rows, day, patient)
        settled = settle(program, outcome)
        expected = {name for name in wanted if settled[name].state in ("applies", "provided")}
        expected |= {name for name in program.definitions if outcome.values[name]}
        found = {
            name
            for whose, name, start, stop in spells
            if whose == patient and start <= day and (stop is None or day < stop)
        }
        assert found == expected, (patient, day, found ^ expected)
        compared += len(wanted) + len(program.definitions)
    assert compared > 100_000


def test_the_table_of_acts_names_what_exists() -> None:
    program = load()
    for row in program.tables[ACTS].rows:
        known = program.rules if row["asks"] == "rule" else program.definitions
        assert known.keys() >= set(str(row["names"]).split()), row["label"]
        assert row["table"] in EVENTS and row["how"] in ("any", "another", "righted")
        for word in str(row["concepts"]).split():
            assert set(vocabulary().expand(word)) <= program.labels.keys(), word


# -- what counts as an act -------------------------------------------------------------------------------------------
_LOADS = "viral_loads: [{date: 2026-03-02, value: 5000}, {date: 2026-03-18, value: 9000}]\n"
_PERSON = small.PERSON.replace("female", "male")
_VALGANCICLOVIR = "{drug: valganciclovir, every: 12 h, route: oral, intent: treatment, missed_doses: none"
_ORDER = f"  - {_VALGANCICLOVIR}, dose: %s, start: %s, end: %s}}\n"


def _acted(
    folder: Path, orders: str, every: int = 1, label: str = "Dose too low or too high today", more: str = _LOADS
) -> Delay:
    folder.mkdir()
    case = folder / "case.yaml"
    case.write_text(f"{_PERSON}{more}drugs:\n{orders}", encoding="utf-8")
    on = taken(export(folder / "in", small.resources_of(case, "one")), folder / "store")
    looked = look_back(on, load(), _day(2, 24), LAST, every, rules=["dose_too_low_today", "day_14_check_overdue"])
    (found,) = (each for each in delays(on, load(), looked) if each.label == label)
    return found


def test_a_dose_is_acted_on_when_it_is_put_right(tmp_path: Path) -> None:
    """Neither the order that was wrong is the act, nor another wrong one, nor one long after it was stopped."""
    wrong = _ORDER % ("450 mg", "2026-03-02", "2026-03-08")
    other = _ORDER % ("225 mg", "2026-03-09", "2026-03-15")
    once = other.replace("225 mg", "900 mg").replace("12 h", "24 h")  # another rule says it, and silences this one
    right = _ORDER % ("900 mg", "2026-03-16", "2026-03-31")
    for name, orders, days in (
        ("put right", wrong + other + right, (14,)),
        ("once daily", wrong + once + right, (14,)),
        ("stopped", wrong + right, ()),
        ("never", wrong + other, ()),
        ("once daily, never", wrong + once, ()),
    ):
        found = _acted(tmp_path / name, orders)
        assert (found.patients, found.days, found.still) == (1, days, 0), name


def test_where_nobody_acted_what_stands_is_told_from_what_went_off(tmp_path: Path) -> None:
    found = _acted(tmp_path / "one", _ORDER % ("450 mg", "2026-03-02", "2026-05-31"))
    assert (found.patients, found.days, found.still) == (1, (), 1)


def test_of_several_orders_between_two_looks_the_last_put_it_right(tmp_path: Path) -> None:
    """Looks on 3, 10 and 17 March."""
    orders = _ORDER % ("450 mg", "2026-03-02", "2026-03-11") + _ORDER % ("225 mg", "2026-03-12", "2026-03-13")
    found = _acted(tmp_path / "one", orders + _ORDER % ("900 mg", "2026-03-14", "2026-03-31"), 7)
    assert found.days == (14,)
    acts = duckdb.connect(str(tmp_path / "one" / "store")).execute("SELECT first, acted FROM past_act WHERE delay = 14")
    assert acts.fetchall() == [(_day(3, 3), _day(3, 14))]


def test_another_antiviral_is_one_of_another_class(tmp_path: Path) -> None:
    """The same drug after a pause is none, nor is the one after the other of one class; foscarnet is."""
    first = _ORDER % ("900 mg", "2026-03-02", "2026-03-20")
    again = _ORDER % ("900 mg", "2026-04-01", "2026-04-10")
    vein = "  - {drug: ganciclovir, dose: 300 mg, every: 12 h, route: iv, start: 2026-03-22, intent: treatment}\n"
    foscarnet = "  - {drug: foscarnet, dose: 90 mg/kg, every: 12 h, route: iv, start: 2026-04-02, intent: treatment}\n"
    label = "Refractory or probably refractory"
    for name, orders, days in (("again", again, ()), ("vein", vein, ()), ("another", foscarnet, (13,))):
        found = _acted(tmp_path / name, first + orders, label=label)
        assert (found.patients, found.days) == (1, days), name


_REPORT = """genotype:
  - {date: 2026-03-10, reported_on: 2026-03-24, specimen: plasma, method: NGS, calls: {ganciclovir: resistant}}
"""
_FOSCARNET = "  - {drug: foscarnet, dose: 90 mg/kg, every: 12 h, route: iv, intent: treatment, start: %s, end: %s}\n"


def test_two_drugs_at_once_are_not_another_when_they_are_ordered_again(tmp_path: Path) -> None:
    orders = f"  - {small.GANCICLOVIR}, end: 2026-03-11}}\n" + _FOSCARNET % ("2026-03-02", "2026-03-12")
    orders += _ORDER % ("900 mg", "2026-03-12", "2026-03-31") + _FOSCARNET % ("2026-03-13", "2026-03-31")
    found = _acted(tmp_path / "one", orders, label="Resistance reported or read", more=_LOADS + _REPORT)
    assert (found.patients, found.days) == (1, ())


def test_who_changed_the_drug_while_the_genotype_was_out_had_acted(tmp_path: Path) -> None:
    orders = f"  - {small.GANCICLOVIR}, end: 2026-03-13}}\n" + _FOSCARNET % ("2026-03-14", "2026-03-31")
    found = _acted(tmp_path / "one", orders, label="Resistance reported or read", more=_LOADS + _REPORT)
    assert (found.patients, found.days, found.early) == (1, (-10,), 1)


def test_between_two_looks_no_act_comes_before_the_word(tmp_path: Path) -> None:
    """Refractory on 18 March; looks every week are on 17, 24 and 31 March."""
    first = f"  - {small.GANCICLOVIR}, end: 2026-03-25}}\n"
    foscarnet = "  - {drug: foscarnet, dose: 90 mg/kg, every: 12 h, route: iv, start: 2026-03-26, intent: treatment}\n"
    label = "Refractory or probably refractory"
    assert _acted(tmp_path / "1", first + foscarnet, 1, label).days == (8,)
    assert _acted(tmp_path / "7", first + foscarnet, 7, label).days == (7,)
    on = duckdb.connect(str(tmp_path / "7" / "store"))
    looked = LookedBack(_day(2, 24), LAST, 7, 1, 7)
    for word, days in ((_day(3, 31), 0), (_day(4, 7), -7)):  # within the step before the word, and in the one before
        on.execute("UPDATE past_first SET first = ? WHERE name = 'probable_refractory'", [word])
        (found,) = (each for each in delays(on, load(), looked) if each.label == label)
        assert found.days == (days,)


def test_the_truth_is_a_part_of_the_page_and_must_be_that_of_the_patients(tmp_path: Path) -> None:
    for seed in (1, 2):
        (tmp_path / f"{seed}").mkdir()
        synthesise(tmp_path / f"{seed}", Ward(seed, 1, 90, date(2026, 6, 30), "ordinary"), load(), 4)
    out = ("--out", tmp_path / "out", "--every", "7d", "--jobs", 1, "--csv")
    other = cmvigil("backtest", tmp_path / "1" / "fhir", *out, "--truth", tmp_path / "2" / "truth.ndjson")
    assert other.exit_code == 2
    assert "none of its 4 patients is in the folder" in other.output
    more = tmp_path / "more.ndjson"
    more.write_bytes((tmp_path / "1" / "truth.ndjson").read_bytes() + (tmp_path / "2" / "truth.ndjson").read_bytes())
    shown = cmvigil("backtest", tmp_path / "1" / "fhir", *out, "--truth", more)
    assert shown.exit_code == 0, shown.output
    assert "4 of its 8 patients are not in the folder" in shown.stderr
    assert "within 6 d" in shown.stdout
    page = (tmp_path / "out" / "backtest.html").read_text()
    assert "Against the truth" in page and "Wilson" in page and "none of these patients is real" in page
    heads, *rows = (tmp_path / "out" / "scores.csv").read_text().splitlines()
    assert heads.startswith("definition,label,found,found_of,found_share,found_low")
    assert {row.split(",")[0] for row in rows} == set(DEFINITIONS)


def test_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    folder = export(tmp_path / "in", small.resources(tmp_path))
    with (folder / "Observation.ndjson").open("a") as file:
        file.write("{\n")
    shown = cmvigil("backtest", folder, "--out", tmp_path / "out", "--every", "30d", "--jobs", 1)
    assert shown.exit_code == 0, shown.output
    assert "1 line or resource could not be used: see quality.html" in shown.stdout
    assert "Observation.ndjson:" in (tmp_path / "out" / "quality.html").read_text()


def test_the_page_shows_how_well_definitions_find_the_truth() -> None:
    """Counts, shares with Wilson's intervals, delays, and what was early; and what a step makes of days."""
    days = (None, *(date(2026, 3, 1) + timedelta(days=n) for n in (-4, 1, 2)))
    truth = [{"patient": f"{n}", "definitions": dict.fromkeys(DEFINITIONS, "2026-03-01")} for n in range(4)]
    truth.append({"patient": "4", "definitions": dict.fromkeys(DEFINITIONS)})
    found = {(f"{n}", "dnaemia"): Found(day, "true" if day else "unknown") for n, day in enumerate((*days, None))}
    delay = Delay("Word", "act", ("dnaemia",), 3, (0,), 1)
    for every, said in ((1, "the same day"), (7, "at the same look")):
        looked = LookedBack(FIRST, LAST, every, 1, 1)
        page = backtest_page(looked, [], [delay], load(), scores=score(truth, found, ["dnaemia"]))
        cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", page)]
        counted = ["3 of 4", "75 % (30 to 95)", "1 of 1", "100 % (21 to 100)", "2 of 5"]
        assert cells == ["DNAemia now dnaemia", *counted, "1", "−1.5 to 1.5", "1"]
        assert "<h1>1\u00a0patient, " in page and ": 1\u00a0answer. " in page
        assert f"median {said}." in page and f">{said.removeprefix('the ').removeprefix('at the ')}<" in page
        assert "Of the 2 others it was so on the last day in 1, and ended without the act in 1." in page
        assert ("each delay is right to within 6 days" in page) == (every == 7)


def test_what_was_done_before_the_first_look_and_did_not_answer_is_no_act(tmp_path: Path) -> None:
    """Looks are on 24 February, 26 March and 10 April; the check is overdue on the second, after a load of 8 March."""
    loads = "viral_loads: [{date: 2026-03-02, value: 5000}, {date: 2026-03-08, value: 4000}%s]\n"
    order, label = _ORDER % ("900 mg", "2026-03-02", "2026-04-30"), "Day 14 passed without a load"
    assert _acted(tmp_path / "no", order, 30, label, loads % "").days == ()
    after = loads % ", {date: 2026-04-02, value: 900}"
    assert _acted(tmp_path / "after", order, 30, label, after).days == (15,)
