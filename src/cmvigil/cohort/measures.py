"""Three process measures for quality teams, out of the answers about many patients.

Each counts occasions of a period: a day by which something had to be done, in one patient. An occasion is met, failed,
or not known; what is not known is no failure and stands apart. Every day is answered as it was known then. What a
measure means is taken from the knowledge by name; only the 48 hours are its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb

from ..reasoning.engines.duckdb import prepared
from ..reasoning.engines.sql.run import in_batches
from ..reasoning.model import Program
from ..record.vocabulary import vocabulary
from .answer import interpret
from .backtest import ACTS
from .members import KNOWN, listed
from .narrowed import narrowed
from .store import EVENTS

DAY_14, GENOTYPE, DOSE = "response-checked", "genotype-sent", "dose-right"
_ON_TREATMENT, _OVERDUE = "virus_in_blood_on_treatment", "day_14_check_overdue"
_REFRACTORY, _CALLED_FOR = ("refractory", "probable_refractory"), "genotype_called_for"
_DOSE_RULES = ("dose_too_low_today", "dose_too_high_alert")
_KIDNEY = ("creatinine", "measured_clearance")
_DOSE_DAYS = 2
"""The 48 hours."""
_BATCH = 8_000


@dataclass(frozen=True, slots=True)
class Measure:
    """What a measure counts, in words: ``occasion`` is its initial population."""

    name: str
    title: str
    occasion: str
    numerator: str
    unknown: str


class Occasion(NamedTuple):
    """One of a measure: ``day`` it was due. ``met``: None where it cannot be told."""

    measure: str
    patient: str
    day: date
    met: bool | None


def described(program: Program) -> dict[str, Measure]:
    """The measures by name, in the words of the knowledge in force."""
    check, slack = _days(program, "judgement_day"), _days(program, "overdue_days")
    refractory = " or ".join(program.definitions[name].is_ for name in _REFRACTORY)
    early = -_earliest(program)
    made = (
        Measure(
            DAY_14,
            f"Response checked by day {check}",
            f"{program.definitions[_ON_TREATMENT].is_}, day {check + slack} of a line of treatment",
            f"a load at day {check} or later of the line is known on day {check + slack}",
            f"{program.definitions[_ON_TREATMENT].is_}, or the load: cannot be told",
        ),
        Measure(
            GENOTYPE,
            "Genotype sent in refractory infection",
            f"{refractory}, for the first time in the period",
            f"a resistance genotype is sent or back from {early} days before to {slack} days after",
            f"treated to day {check} or later, and whether it is refractory cannot be told",
        ),
        Measure(
            DOSE,
            "Dose right for the kidney within 48 hours of a change",
            "a kidney result with which the treatment dose of a running antiviral, not wrong the day before, is wrong",
            f"the dose is right, or the drug no longer given, {_DOSE_DAYS} days later",
            f"whether the dose is right {_DOSE_DAYS} days later cannot be told",
        ),
    )
    return {each.name: each for each in made}


def occasions(on: duckdb.DuckDBPyConnection, program: Program, first: date, last: date, as_of: date) -> list[Occasion]:
    """Every occasion of the period from ``first`` to ``last`` that had come by ``as_of``, in the order of patients."""
    interpret(on, program)
    found = [
        *_checked(on, program, first, min(last, as_of)),
        *_genotyped(on, program, first, min(last, as_of), as_of),
        *_dosed(on, program, first, min(last, as_of), as_of),
    ]
    return sorted(found, key=lambda each: (each.patient, each.measure, each.day))


def _checked(on: duckdb.DuckDBPyConnection, program: Program, first: date, last: date) -> Iterator[Occasion]:
    """Day 14 with its slack, of each line of treatment."""
    due = _days(program, "judgement_day") + _days(program, "overdue_days")
    days = f"SELECT DISTINCT patient, day + {due} AS as_of FROM ({_treated()}) WHERE day + {due} BETWEEN $1 AND $2"
    seen = _seen(on, program, days, [first, last], ["line_day", _ON_TREATMENT, f"{_OVERDUE}__when"], [_OVERDUE])
    for (patient, day), (of_line, treated, overdue) in seen.items():
        if of_line == due and treated is not False:
            yield Occasion(DAY_14, patient, day, None if treated is None or overdue is None else not overdue)


def _genotyped(
    on: duckdb.DuckDBPyConnection, program: Program, first: date, last: date, as_of: date
) -> Iterator[Occasion]:
    """The first day on which the infection is refractory, and the genotype around it."""
    slack, check, early = (_days(program, "overdue_days"), _days(program, "judgement_day"), _earliest(program))
    before = first - timedelta(1)
    known = " UNION ALL ".join(f"SELECT patient, {KNOWN} AS day FROM event_{table}" for table in EVENTS)
    days = f"""
SELECT DISTINCT k.patient, greatest(k.day, $1) AS as_of
FROM ({known}) AS k SEMI JOIN ({_treated()}) AS t USING (patient)
WHERE k.day <= $2"""
    seen = _seen(on, program, days, [before, last], [*_REFRACTORY, _ON_TREATMENT, "line_day"], [_OVERDUE])
    fired: dict[str, date] = {}
    latest: dict[str, tuple[date, bool]] = {}
    for (patient, day), (sure, probable, treated, of_line) in sorted(seen.items()):
        refractory = _either(sure, probable)
        if refractory:
            fired.setdefault(patient, day)
        elif treated and of_line is not None and of_line >= check and day >= first:
            latest[patient] = day, refractory is None
    sent = _sent(on, program)
    for patient, day in fired.items():
        start, end = day + timedelta(early), day + timedelta(slack)
        if day > before and end <= as_of:
            met = any(start <= on_day and on_day <= known_on <= end for on_day, known_on in sent.get(patient, ()))
            yield Occasion(GENOTYPE, patient, day, met)
    for patient, (day, unsure) in latest.items():
        if unsure and patient not in fired:
            yield Occasion(GENOTYPE, patient, day, None)


def _dosed(on: duckdb.DuckDBPyConnection, program: Program, first: date, last: date, as_of: date) -> Iterator[Occasion]:
    """A result of the kidney that makes the dose wrong, and the dose 48 hours later."""
    bounds = [first, min(last, as_of - timedelta(_DOSE_DAYS))]
    results = f"""
SELECT DISTINCT m.patient, {KNOWN} AS day FROM event_measurement AS m SEMI JOIN ({_treated()}) AS t USING (patient)
WHERE m.concept IN ({listed(_KIDNEY)}) AND {KNOWN} BETWEEN $1 AND $2"""
    days = f"SELECT DISTINCT patient, day + unnest([-1, 0, {_DOSE_DAYS}]) AS as_of FROM ({results})"
    names = ["antiviral_now", "dose_enough_today", "dose_too_high_today"]
    seen = _seen(on, program, days, bounds, names, _DOSE_RULES)
    for patient, day in on.execute(results, bounds).fetchall():
        before, now, after = (seen[patient, day + timedelta(by)] for by in (-1, 0, _DOSE_DAYS))
        if before[0] and not _wrong(*before) and _wrong(*now):
            wrong = _wrong(*after)
            yield Occasion(DOSE, patient, day, None if wrong is None else not wrong)


# -- what they share -------------------------------------------------------------------------------------------------
def _seen(
    on: duckdb.DuckDBPyConnection,
    program: Program,
    days: str,
    bounds: list[date],
    columns: Sequence[str],
    rules: Sequence[str],
) -> dict[tuple[str, date], tuple[Any, ...]]:
    """These columns of facts, definitions and rules on days of patients. ``rules``: those that read the facts."""
    plan = prepared(narrowed(program, rules, [name for name in columns if name in program.definitions]))
    own = on.cursor()
    own.execute("CREATE OR REPLACE TEMP TABLE snapshot (patient VARCHAR, as_of DATE)")
    own.execute(f"INSERT INTO snapshot {days}", bounds)
    seen = {}
    for _ in in_batches(plan, own, _BATCH):
        for patient, as_of, *cells in own.execute(plan.selected(columns)).fetchall():
            seen[patient, as_of] = tuple(cells)
    own.close()
    return seen


def _treated() -> str:
    """SQL: who was given an antiviral, and from which days on."""
    return f"SELECT patient, day FROM event_exposure WHERE concept IN ({listed(vocabulary().expand('anti_cmv'))})"


def _sent(on: duckdb.DuckDBPyConnection, program: Program) -> Mapping[str, list[tuple[date, date]]]:
    """Days on which a genotype was sent, or of which one is back, with the day on which that became known."""
    row = _act(program)
    parts = [f"SELECT patient, day, {KNOWN} FROM event_{table}" for table in ("coverage", "variant")]
    concepts = listed(str(row["concepts"]).split())
    parts.append(
        f"SELECT patient, day, {KNOWN} FROM event_{row['table']} WHERE present IS NOT FALSE AND concept IN ({concepts})"
    )
    found: dict[str, list[tuple[date, date]]] = {}
    for patient, day, known in on.execute(" UNION ".join(parts)).fetchall():
        found.setdefault(patient, []).append((day, known))
    return found


def _act(program: Program) -> Mapping[str, Any]:
    """What counts as sending a genotype, as back-tests count it."""
    return next(row for row in program.tables[ACTS].rows if _CALLED_FOR in str(row["names"]).split())


def _earliest(program: Program) -> int:
    return int(str(_act(program)["earliest"]))


def _days(program: Program, setting: str) -> int:
    """A setting of the knowledge in days."""
    value = program.settings[setting].value
    assert isinstance(value, Decimal)
    return int(value)


def _either(one: bool | None, other: bool | None) -> bool | None:
    """Or, of truths that may be unknown."""
    return True if one or other else None if one is None or other is None else False


def _wrong(given: bool | None, enough: bool | None, high: bool | None) -> bool | None:
    """Whether a treatment dose of today is wrong; of a drug that is not given it is not."""
    return False if given is False else _either(None if enough is None else not enough, high)
