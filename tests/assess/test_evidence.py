"""What stands behind an answer: rows in words, labels, events, states."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support import small_knowledge as k

from cmvigil.assess import assess
from cmvigil.assess.evidence import Evidence, dose_text, row_text
from cmvigil.reasoning.engines import python
from cmvigil.record import tables as t
from cmvigil.record.read import read_record

LABELS = {
    "neutrophils": "neutrophils",
    "fever": "fever",
    "foscarnet": "foscarnet",
    "hiv": "HIV",
    "severity": "severity",
}
KEYS: dict[str, Any] = {"patient": "p", "event": "e", "day": k.AS_OF, "known_on": k.AS_OF, "source": "s"}
POINT = t.Range.point(Decimal("0.5"))
D = Decimal


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (t.Measurement(**KEYS, concept="neutrophils", value=POINT, unit="10*9/L"), "neutrophils 0.5 10*9/L"),
        (t.Measurement(**KEYS, concept="neutrophils", value=None), "neutrophils no usable value"),
        (
            t.Measurement(
                **KEYS, concept="load", value=POINT, reported="<137 IU/mL", specimen="whole_blood", laboratory="L"
            ),
            "load <137 IU/mL (whole blood, L)",
        ),
        (t.Observation(**KEYS, concept="severity", text="acute_severe"), "severity: acute severe"),
        (t.Observation(**KEYS, concept="fever", present=True), "fever: yes"),
        (t.Observation(**KEYS, concept="fever", present=False), "fever: no"),
        (t.Observation(**KEYS, concept="fever"), "fever: not clear"),
        (
            t.Exposure(**KEYS, concept="foscarnet", dose=D(90), dose_unit="mg/kg", interval_h=D(12), route="iv"),
            "foscarnet 90 mg/kg every 12 h IV",
        ),
        (t.Exposure(**KEYS, concept="foscarnet"), "foscarnet"),
        (t.Condition(**KEYS, concept="hiv"), "HIV"),
        (t.Condition(**KEYS, concept="hiv", present=False), "HIV: stated not to be there"),
        (t.Procedure(**KEYS, concept="colectomy"), "colectomy"),
        (t.Person(**KEYS, birth_date=k.AS_OF), "birth date"),
        (t.Person(**KEYS, age=D(54)), "age and sex as stated"),
        (t.Variant(**KEYS, gene="UL97", change="A594V"), "UL97 A594V"),
        (t.Variant(**KEYS, gene="UL97", change="A594V", fraction=D("0.25")), "UL97 A594V (25 % of virus)"),
        (t.Coverage(**KEYS, gene="UL97", first=D(335), last=D(617)), "UL97 read from codon 335 to 617"),
        (
            t.Interpretation(**KEYS, concept="foscarnet", verdict="not_determined"),
            "foscarnet: not determined by the genotype",
        ),
        (
            t.Interpretation(**KEYS, concept="foscarnet", verdict="resistant", drivers="UL54 V715M"),
            "foscarnet: resistant by the genotype, by UL54 V715M",
        ),
        (
            t.Susceptibility(**KEYS, concept="foscarnet", call="not_determined"),
            "foscarnet: not determined (laboratory's call)",
        ),
    ],
)
def test_a_row_in_words(row: t.Row, text: str) -> None:
    assert row_text(row, LABELS) == text


def test_every_table_has_words() -> None:
    assert {type(row) for row, _ in test_a_row_in_words.pytestmark[0].args[1]} == set(t.TABLES.values())


@pytest.mark.parametrize(
    ("hours", "route", "text"),
    [
        (24, "oral", "900 mg every 24 h by mouth"),
        (168, "sc", "900 mg once a week sc"),
        (336, None, "900 mg every 2 weeks"),
    ],
)
def test_a_dose_in_words(hours: int, route: str | None, text: str) -> None:
    given = t.Exposure(**KEYS, concept="x", dose=D(900), dose_unit="mg", interval_h=D(hours), route=route)
    assert dose_text(given) == text


def test_facts_carry_state_value_day_and_the_newest_events(tmp_path: Path) -> None:
    settings = {"cut_off": {"is": "cut-off", "value": None, "unit": "kg", "verification": "recalled"}}
    often = {"is": "how often", "from": "measurement", "where": "concept = 'platelets'", "pick": "count"}
    program = k.program(tmp_path, settings=settings, facts={"often": often}, rules={"own": k.rule("weight > cut_off")})
    rows = [
        k.measured("neutrophils", "0.5", day=-20),
        k.seen("severity", text="severe"),
        *(k.measured("platelets", "9", day=-n) for n in range(20)),
    ]
    record = k.record(*rows)
    evidence = Evidence(program, python.run(program, record.rows, k.AS_OF), record)
    assert evidence.needs(program.rules["own"]) == ["weight", "cut_off"]
    weight, cut_off = evidence.facts()["weight"], evidence.facts()["cut_off"]
    assert (weight.state, weight.value, weight.day, weight.events) == ("missing", None, None, [])
    assert (cut_off.state, cut_off.why, cut_off.unit) == ("missing", "to be set by the site", "kg")
    stale = evidence.fact("neutrophils")
    assert (stale.state, stale.value, stale.unit, stale.day) == ("stale", "0.5", "10*9/L", "2026-02-09")
    assert stale.why == "older than 14 days"
    assert evidence.fact("severity").unit == ""
    counted = evidence.fact("often")
    assert counted.value == "20"
    assert [e.day for e in counted.events] == sorted((e.day for e in counted.events), reverse=True)
    assert len(counted.events) == 12
    assert counted.events[0].day == "2026-03-01"


def test_a_birth_date_is_no_day_of_a_finding(tmp_path: Path) -> None:
    on_record = {"is": "HIV on record", "from": "condition", "pick": "any", "absent": [{"from": "person"}]}
    born = {"is": "born", "from": "person", "pick": "latest", "take": "birth_date"}
    program = k.program(tmp_path, facts={"hiv_on_record": on_record, "born": born})
    record = k.record(t.Person(**KEYS, birth_date=k.AS_OF))
    evidence = Evidence(program, python.run(program, record.rows, k.AS_OF), record)
    found = evidence.fact("hiv_on_record")
    assert (found.state, found.day, found.events) == ("absent", None, [])
    found = evidence.fact("born")
    assert (found.state, found.day, [e.text for e in found.events]) == ("known", None, ["birth date"])
    aged = k.record(t.Person(**KEYS, age=D(54)), k.seen("fever", True))
    evidence = Evidence(program, python.run(program, aged.rows, k.AS_OF), aged)
    assert evidence.fact("fever").day == "2026-03-01"


def test_an_answer_shows_the_birth_date_only_where_age_and_sex_come_from_it() -> None:
    """A birth date tells who somebody is; it stands behind age and sex, nowhere else."""
    advice = assess(read_record(Path(__file__).parents[2] / "examples" / "relapse-on-azathioprine" / "case.yaml"))
    assert {name for name, fact in advice.facts.items() if any("1971" in e.day for e in fact.events)} <= {"age", "sex"}
    assert [fact.name for fact in advice.facts.values() if fact.day is not None and "1971" in fact.day] == []
