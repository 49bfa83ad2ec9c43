"""Three process measures for quality teams, out of the answers about many patients.

Each counts occasions of a period: a day on which something became due, and the day by which it had to be done, in one
patient. An occasion is met, failed, or not known; what is not known is no failure and stands apart. Every day is
answered as it was known then. What a measure means is taken from the knowledge by name; only the 48 hours are its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import duckdb

from ..reasoning.engines.duckdb import prepared
from ..reasoning.engines.sql import Plan
from ..reasoning.engines.sql.run import in_batches
from ..reasoning.model import Program
from ..record.vocabulary import vocabulary
from .answer import interpret
from .backtest import ACTS
from .members import KNOWN, listed
from .narrowed import narrowed

DAY_14, GENOTYPE, DOSE = "response-checked", "genotype-sent", "dose-right"
_ON_TREATMENT, _CAN_BE_READ, _LOAD = (
    "virus_in_blood_on_treatment",
    "response_can_be_read",
    "judging_load_on_record",
)
_REFRACTORY, _CALLED_FOR, _SEND = ("refractory", "probable_refractory"), "genotype_called_for", "send_genotype"
_VIRUS, _RESULT, _PENDING = "dnaemia", "resistance_result_on_record", "genotype_pending_recorded"
_DOSE_RULES = ("dose_too_low_today", "dose_too_high_alert")
KIDNEY = ("creatinine", "measured_clearance")
_DOSE_DAYS = 2
"""The 48 hours."""
_BATCH = 8_000

Seen = tuple[str, date, tuple[Any, ...]]
"""A patient, a day, and what was asked for."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a measure counts, in words: ``occasion`` is its initial population."""

    name: str
    title: str
    occasion: str
    numerator: str
    unknown: str


class Occasion(NamedTuple):
    """One of a measure: due from ``day`` on, to be done by ``deadline``. ``met``: None where it cannot be told.

    ``since``: from which day on the treatment that it speaks of was looked at.
    """

    measure: str
    patient: str
    day: date
    deadline: date
    met: bool | None
    since: date


class _Period(NamedTuple):
    """Days of occasions, and the day up to which is known what was done."""

    first: date
    last: date
    as_of: date

    def days(self, grace: int) -> list[date]:
        """The first and the last day of occasions whose deadline, so many days later, had come."""
        return [self.first, min(self.last, self.as_of - timedelta(grace))]


def described(program: Program) -> dict[str, Measure]:
    """The measures by name, in the words of the knowledge in force."""
    check, slack = _days(program, "judgement_day"), _days(program, "overdue_days")
    refractory = " or ".join(program.definitions[name].is_ for name in _REFRACTORY)
    called_for, due = program.definitions[_CALLED_FOR].is_, check + slack
    made = (
        Measure(
            DAY_14,
            f"Response checked at day {check}: a load taken on days {check} to {due}, known by day {due}",
            f"{program.definitions[_ON_TREATMENT].is_}, day {due} of a line of treatment",
            f"a load taken on days {check} to {due} of the line is known by day {due}",
            f"{program.definitions[_ON_TREATMENT].is_}: cannot be told, or the load cannot be read",
        ),
        Measure(
            GENOTYPE,
            f"Genotype sent in refractory infection: by {slack} days after it is called for",
            f"{refractory}, and {called_for}, for the first time in the period",
            f"a resistance genotype is sent or back from {-_earliest(program)} days before to {slack} days after, "
            "or an earlier one is pending or back and still speaks",
            f"treated to day {check} or later, and whether it is refractory, or a genotype called for, cannot be told",
        ),
        Measure(
            DOSE,
            "Dose right for the kidney within 48 hours of a change",
            "a kidney result with which the treatment dose of the day before, right until then, or the one begun that "
            "day is wrong",
            f"the dose is right, or the drug no longer given, {_DOSE_DAYS} days later",
            f"whether the dose is right {_DOSE_DAYS} days later cannot be told",
        ),
    )
    return {each.name: each for each in made}


def occasions(on: duckdb.DuckDBPyConnection, program: Program, first: date, last: date, as_of: date) -> list[Occasion]:
    """Every occasion from ``first`` to ``last`` whose deadline had come by ``as_of``, in the order of patients."""
    interpret(on, program)
    period = _Period(first, last, as_of)
    found = [*_checked(on, program, period), *_genotyped(on, program, period), *_dosed(on, program, period)]
    return sorted(found, key=lambda each: (each.patient, each.measure, each.day))


def _checked(on: duckdb.DuckDBPyConnection, program: Program, period: _Period) -> Iterator[Occasion]:
    """Day 14 of each line of treatment that goes on until the check is overdue."""
    check, slack = _days(program, "judgement_day"), _days(program, "overdue_days")
    days = f"""
SELECT DISTINCT patient, day + {check + slack} AS as_of FROM ({treated(program)})
WHERE day + {check} BETWEEN $1 AND $2"""
    part = narrowed(program, [], [_ON_TREATMENT, _CAN_BE_READ])
    columns = ["line_day", _ON_TREATMENT, _LOAD, f"{_LOAD}__state"]
    for patient, day, (of_line, going_on, load, state) in _seen(on, part, days, period.days(slack), columns):
        if of_line == check + slack and going_on is not False:
            met = None if going_on is None or state == "unusable" else bool(load)
            yield Occasion(DAY_14, patient, day - timedelta(slack), day, met, day - timedelta(check + slack))


def _genotyped(on: duckdb.DuckDBPyConnection, program: Program, period: _Period) -> Iterator[Occasion]:
    """The first day on which the infection is refractory and a genotype called for, and the genotype around it."""
    slack, check = _days(program, "overdue_days"), _days(program, "judgement_day")
    first, last = period.days(slack)
    before = first - timedelta(1)
    part = narrowed(program, [_SEND], [*_REFRACTORY, _ON_TREATMENT])
    columns = [*_REFRACTORY, _CALLED_FOR, _ON_TREATMENT, "line_day", _RESULT, _PENDING]
    sent, earliest = _sent(on, program), _earliest(program)
    with on.cursor() as own:
        days_in_question = _in_question(own, program, before, last)
        seen = _answered(own, prepared(part), days_in_question, [], columns)
        for patient, days in groupby(seen, key=lambda each: each[0]):
            occasion = _first_due(days, before, slack, check)
            if occasion and occasion.met is False:
                start = occasion.day + timedelta(earliest)
                acted = any(start <= known <= occasion.deadline for known in sent.get(patient, ()))
                occasion = occasion._replace(met=acted)
            if occasion:
                yield occasion


def _in_question(own: duckdb.DuckDBPyConnection, program: Program, first: date, last: date) -> str:
    """SQL of the days on which infection may be refractory, and of the last days of orders; leaves a temporary table.

    Time alone can make it so, or a genotype called for: every day counts on which there is virus in the blood, or may
    be. That is answered first, for little; what costs is the dose of every day before each of them.
    """
    plan = prepared(narrowed(program, [], [_VIRUS]))
    own.execute("CREATE OR REPLACE TEMP TABLE in_question (patient VARCHAR, as_of DATE)")
    for _ in _batches(own, plan, _response_days(program), [first, last]):
        own.execute(f"""
INSERT INTO in_question SELECT patient, as_of FROM ({plan.selected([_VIRUS])}) WHERE {_VIRUS} IS DISTINCT FROM FALSE""")
    own.execute(
        f"""
INSERT INTO in_question
SELECT DISTINCT patient, ended FROM (SELECT patient, day, least("end", $2) AS ended FROM ({treated(program)}))
WHERE ended BETWEEN greatest(day, $1) AND $2""",
        [first, last],
    )
    return "SELECT DISTINCT patient, as_of FROM in_question"


def _first_due(days: Iterator[Seen], before: date, slack: int, check: int) -> Occasion | None:
    """The occasion of a genotype among a patient's days; met where an earlier one is pending or back.

    Not known is it on the first day on which the infection is refractory and the rest cannot be told, else on the last
    day of treatment where nothing can be told then. None where it was called for ``before`` the period already.
    """
    half: Occasion | None = None
    at_last: Occasion | None = None
    for patient, day, (sure, probable, called_for, going_on, of_line, result, pending) in days:
        refractory = _either(sure, probable)
        due = _both(refractory, called_for)
        untold = Occasion(GENOTYPE, patient, day, day + timedelta(slack), None, day - timedelta(int(of_line or 0)))
        if due:
            return untold._replace(met=bool(result or pending)) if day > before else None
        if day == before:
            continue
        if due is None and refractory:
            half = half or untold
        if going_on and of_line is not None and of_line >= check:
            at_last = untold if due is None else None
    return half or at_last


def _dosed(on: duckdb.DuckDBPyConnection, program: Program, period: _Period) -> Iterator[Occasion]:
    """A result of the kidney that makes the dose wrong, and the dose 48 hours later."""
    bounds = period.days(_DOSE_DAYS)
    part = narrowed(program, _DOSE_RULES, [])
    columns = ["antiviral_now", "dose_enough_today", "dose_too_high_today"]
    results = f"""
SELECT DISTINCT m.patient, greatest(m.day, m.known_on) AS day
FROM event_measurement AS m JOIN ({treated(program)}) AS t ON t.patient = m.patient
  AND greatest(t.day, t.known_on) < greatest(m.day, m.known_on)
  AND (t."end" IS NULL OR t."end" >= greatest(m.day, m.known_on) - 1)
WHERE m.concept IN ({listed(KIDNEY)}) AND m.problem IS NULL AND greatest(m.day, m.known_on) BETWEEN $1 AND $2"""
    days = f"SELECT DISTINCT patient, day + unnest([-1, 0, {_DOSE_DAYS}]) AS as_of FROM ({results})"
    asked: dict[str, list[date]] = {}
    for patient, day in on.execute(results, bounds).fetchall():
        asked.setdefault(patient, []).append(day)
    unchanged = _unchanged(on, part, results, bounds, columns)
    for patient, rows in groupby(_seen(on, part, days, bounds, columns), key=lambda each: each[0]):
        by_day = {day: cells for _, day, cells in rows}
        for day in asked[patient]:
            before, now, after = (by_day[day + timedelta(by)] for by in (-1, 0, _DOSE_DAYS))
            kept = unchanged.get((patient, day), now)
            if before[0] and not _wrong(*before) and (_wrong(*kept) or _wrong(*now)):
                wrong = _wrong(*after)
                met = None if wrong is None else not wrong
                yield Occasion(DOSE, patient, day, day + timedelta(_DOSE_DAYS), met, day - timedelta(1))


def _unchanged(
    on: duckdb.DuckDBPyConnection, part: Program, results: str, bounds: list[date], columns: Sequence[str]
) -> dict[tuple[str, date], tuple[Any, ...]]:
    """What these days of results say of the antivirals of the day before, where the antivirals changed on the day.

    A clinic that puts the dose right on the day of the result would else never be seen to have had to. Such a day is
    answered for a patient of its own, whose antivirals did not change: nothing begins, and what ended goes on.
    """
    plan = prepared(part)
    drugs = listed(vocabulary().expand("anti_cmv"))
    with on.cursor() as own:
        own.execute(
            f"""
CREATE OR REPLACE TEMP TABLE kept AS
SELECT patient || ' ' || day AS name, patient, day FROM ({results}) AS r
WHERE EXISTS (FROM event_exposure AS e WHERE e.patient = r.patient AND e.concept IN ({drugs})
  AND (greatest(e.day, e.known_on) = r.day OR e."end" = r.day - 1))""",
            bounds,
        )
        whose = dict(own.execute("SELECT name, (patient, day) FROM kept").fetchall())
        if not whose:
            return {}
        for table in plan.events:  # they stand before the tables of the store on this connection alone
            rows = f"SELECT e.* REPLACE (k.name AS patient) FROM event_{table} AS e JOIN kept AS k USING (patient)"
            if table == "exposure":
                ours = f"e.concept IN ({drugs})"
                goes_on = f'CASE WHEN {ours} AND e."end" = k.day - 1 THEN NULL ELSE e."end" END AS "end"'
                rows = rows.replace("AS patient", f"AS patient, {goes_on}")
                rows += f" WHERE NOT ({ours} AND greatest(e.day, e.known_on) = k.day)"
            own.execute(f"CREATE OR REPLACE TEMP TABLE event_{table} AS {rows}")
        found = _answered(own, plan, "SELECT name, day FROM kept", [], columns)
        return {whose[name]: cells for name, _, cells in found}


# -- what they share -------------------------------------------------------------------------------------------------
def _seen(
    on: duckdb.DuckDBPyConnection, part: Program, days: str, bounds: list[date], columns: Sequence[str]
) -> Iterator[Seen]:
    """These columns of facts and conclusions on days of patients (a SELECT), in their order."""
    with on.cursor() as own:
        yield from _answered(own, prepared(part), days, bounds, columns)


def _answered(
    own: duckdb.DuckDBPyConnection, plan: Plan, days: str, bounds: list[date], columns: Sequence[str]
) -> Iterator[Seen]:
    for _ in _batches(own, plan, days, bounds):
        rows = own.execute(f"FROM ({plan.selected(columns)}) ORDER BY patient, as_of").fetchall()
        yield from ((patient, as_of, tuple(cells)) for patient, as_of, *cells in rows)


def _batches(own: duckdb.DuckDBPyConnection, plan: Plan, days: str, bounds: list[date]) -> Iterator[int]:
    own.execute("CREATE OR REPLACE TEMP TABLE snapshot (patient VARCHAR, as_of DATE)")
    own.execute(f"INSERT INTO snapshot {days}", bounds)
    yield from in_batches(plan, own, _BATCH)


def treated(program: Program) -> str:
    """SQL: the orders of antivirals that may be treatment; of the others no rule sees a line."""
    intents = [str(row["intent"]) for row in program.tables["treatment_phase"].rows if row["phase"] == "treatment"]
    drugs = listed(vocabulary().expand("anti_cmv_treatment"))
    return (
        f"SELECT * FROM event_exposure WHERE concept IN ({drugs}) AND (intent IS NULL OR intent IN ({listed(intents)}))"
    )


def _response_days(program: Program) -> str:
    """SQL: every day from day 14 of the first treatment on, while the response to a treatment can be judged.

    Of patients whose load was never positive there is none: nothing can be refractory, and they are many.
    """
    check, tail = _days(program, "judgement_day"), _days(program, "recurrence_free_days")
    return f"""
SELECT DISTINCT patient, CAST(unnest(generate_series(greatest(t.day, b.start, $1),
  least(coalesce(t."end", $2) + {tail}, $2), INTERVAL 1 DAY)) AS DATE) AS as_of
FROM ({treated(program)}) AS t
JOIN (SELECT patient, min(day) + {check} AS start FROM ({treated(program)}) GROUP BY patient) AS b USING (patient)
SEMI JOIN (FROM event_measurement WHERE concept = 'cmv_load'
  AND (problem IS NOT NULL OR form NOT IN ('below', 'not_detected', 'detected_below_lloq'))) AS m USING (patient)"""


def genotypes(program: Program) -> str:
    """SQL: whenever a genotype was sent (``patient``, ``known``, ``source``), or a result of one is back."""
    row = _act(program)
    sent = f"event_{row['table']} WHERE present IS NOT FALSE AND concept IN ({listed(str(row['concepts']).split())})"
    tables = ("event_coverage", "event_variant", "event_susceptibility", sent)
    return " UNION ".join(f"SELECT patient, {KNOWN} AS known, source FROM {table}" for table in tables)


def _sent(on: duckdb.DuckDBPyConnection, program: Program) -> Mapping[str, Collection[date]]:
    """Days on which it became known that a genotype was sent, or is back."""
    found: dict[str, set[date]] = {}
    for patient, known in on.execute(f"SELECT DISTINCT patient, known FROM ({genotypes(program)})").fetchall():
        found.setdefault(patient, set()).add(known)
    return found


def _act(program: Program) -> Mapping[str, Any]:
    """What counts as sending a genotype, as back-tests count it."""
    return next(row for row in program.tables[ACTS].rows if _CALLED_FOR in str(row["names"]).split())


def _earliest(program: Program) -> int:
    """Days from the day on which a genotype is called for to the first on which one counts; below 0: before it."""
    return int(str(_act(program)["earliest"]))


def _days(program: Program, setting: str) -> int:
    """A setting of the knowledge in days."""
    value = program.settings[setting].value
    assert isinstance(value, Decimal)
    return int(value)


def _either(one: bool | None, other: bool | None) -> bool | None:
    """Or, of truths that may be unknown."""
    return True if one or other else None if one is None or other is None else False


def _both(one: bool | None, other: bool | None) -> bool | None:
    """And, of truths that may be unknown."""
    return False if one is False or other is False else None if one is None or other is None else True


def _wrong(given: bool | None, enough: bool | None, high: bool | None) -> bool | None:
    """Whether a treatment dose of today is wrong; of a drug that is not given it is not."""
    return False if given is False else _either(None if enough is None else not enough, high)
