"""What the rules would have said on every past day, of everybody: each day is answered as it was known then.

All snapshots are answered together, many days of a patient in one batch. Of a patient's days only those are kept on
which something is another than the day before; spells of a rule are put together from these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import quantiles

import duckdb

from ..reasoning.model import Program
from ..record.tables import columns
from ..record.vocabulary import vocabulary
from ..synth.score import Found, Score
from .answer import Progress, in_groups, interpret
from .members import KNOWN, listed, members, since
from .narrowed import narrowed
from .results import SAID, copied, generic, name_rules
from .summary import TABLE

ACTS = "acts"
PREFIX = "past_"
PAUSE = 7  # days without a drug after which it begins anew


@dataclass(frozen=True, slots=True)
class LookedBack:
    """What a back-test looked at: every so many days from the first on, and the last day."""

    first: date
    last: date
    every: int
    patients: int
    snapshots: int


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that was said, or a definition that held, at any time.

    ``known_before`` counts the patients in whom it was so on the first day looked at, though more was known before:
    since when is not known. ``days`` is the median of the days that it stood in all; ``again`` the patients in whom it
    went off and came on again, ``times`` how often in all; ``still`` those in whom it stood at the end.
    """

    name: str
    asks: str  # rule or definition
    label: str
    kind: str
    patients: int
    known_before: int
    days: float
    again: int
    times: int
    still: int


@dataclass(frozen=True, slots=True)
class Delay:
    """Days from the first look at which a row of ``acts.yaml`` was so to the first that sees the act; below 0 the act
    came first.

    ``patients``: in whom it was so, and since when is known. ``days``: of those in whom the act is seen, sorted.
    ``still``: of the others, in how many it was so on the last day.
    """

    label: str
    act: str
    names: tuple[str, ...]
    patients: int
    days: tuple[int, ...]
    still: int = 0

    @property
    def early(self) -> int:
        """In how many the act was seen before it was so."""
        return sum(day < 0 for day in self.days)

    @property
    def quartiles(self) -> tuple[float, float, float] | None:
        """Lower quartile, median, upper quartile; None of nobody."""
        if not self.days:
            return None
        if len(self.days) == 1:
            return (float(self.days[0]),) * 3
        low, middle, high = quantiles(self.days, method="inclusive")
        return low, middle, high


def definitions_of(program: Program) -> set[str]:
    """The definitions that the tables of the knowledge ask for."""
    return {
        name
        for table in (TABLE, ACTS)
        for row in program.tables[table].rows
        if row["asks"] == "definition"
        for name in str(row["names"]).split()
    }


def look_back(
    on: duckdb.DuckDBPyConnection,
    program: Program,
    first: date,
    last: date,
    every: int = 1,
    *,
    rules: Iterable[str] = (),
    definitions: Collection[str] | None = None,
    jobs: int = 1,
    progress: Progress = lambda *_: None,
) -> LookedBack:
    """Answer every patient on every day from ``first`` to ``last`` on which anything of them was known.

    Where ``every`` does not end on the last day, the last step is shorter: what stands at the end is always known.
    ``rules``: only these, and those that stand with one of them in a row of ``acts.yaml`` (default: all that are said);
    ``definitions``: only these (default: those that the tables of the knowledge ask for). Leaves the tables
    ``past_spell`` and ``past_first``. Raises KeyError for a name that does not exist.
    """
    wanted = _with_fellows(program, set(rules)) or [rule.name for rule in program.rules.values() if rule.kind in SAID]
    held = sorted(definitions_of(program) if definitions is None else definitions)
    part = narrowed(program, wanted, held)
    interpret(on, program)
    days = [*(first + timedelta(days=n) for n in range(0, (last - first).days, every)), last]
    sizes = members(on, days, with_events=True, prefix=PREFIX)
    on.execute(
        f"CREATE OR REPLACE TABLE {PREFIX}change "
        "(patient VARCHAR, as_of DATE, cohort TINYINT, said VARCHAR[], holds VARCHAR[], unsure VARCHAR[])"
    )
    in_groups(on, part, sizes, _CHANGES.format, named={*wanted, *held}, jobs=jobs, progress=progress, prefix=PREFIX)
    on.execute(_SPELLS)
    on.execute(_FIRSTS, {"last": last, "start": first})
    (patients,) = on.execute(f"SELECT count(DISTINCT patient) FROM {PREFIX}member").fetchall()[0]
    return LookedBack(first, last, every, patients, sum(sizes))


def _with_fellows(program: Program, rules: set[str]) -> list[str]:
    """These rules, and those that a row of the acts names with one of them: only all of a row say whether it is so."""
    rows = [set(str(row["names"]).split()) for row in program.tables[ACTS].rows if row["asks"] == "rule"]
    return sorted(rules.union(*(names for names in rows if names & rules)))


_CHANGES = f"""
INSERT INTO {PREFIX}change BY NAME
SELECT patient, as_of, cohort, said, holds, unsure FROM (SELECT *,
    said IS DISTINCT FROM lag(said) OVER day OR holds IS DISTINCT FROM lag(holds) OVER day
      OR unsure IS DISTINCT FROM lag(unsure) OVER day AS new
  FROM (SELECT patient, as_of, cohort, list_concat(applies, provided) AS said, holds, unsure FROM ({{}}))
  WINDOW day AS (PARTITION BY patient ORDER BY as_of))
WHERE new"""

_SPELLS = f"""
CREATE OR REPLACE TABLE {PREFIX}spell AS
WITH state AS (
  SELECT patient, as_of, row_number() OVER day AS place, lead(as_of) OVER day AS next,
    c.said || w.applies || w.provided AS said, c.holds || w.holds AS holds
  FROM {PREFIX}change AS c JOIN {PREFIX}always AS w USING (cohort) WINDOW day AS (PARTITION BY patient ORDER BY as_of)),
one AS (
  SELECT patient, as_of, place, next, 'rule' AS asks, unnest(said) AS name FROM state
  UNION ALL SELECT patient, as_of, place, next, 'definition', unnest(holds) FROM state)
SELECT patient, asks, name, min(as_of) AS start, CASE WHEN bool_and(next IS NOT NULL) THEN max(next) END AS stop
FROM (SELECT *, place - row_number() OVER (PARTITION BY patient, asks, name ORDER BY place) AS spell FROM one)
GROUP BY patient, asks, name, spell"""

_FIRSTS = f"""
CREATE OR REPLACE TABLE {PREFIX}first AS
SELECT patient, asks, name, min(start) AS first, bool_or(stop IS NULL) AS still,
  sum(coalesce(stop, $last::DATE + 1) - start) AS days, count(*) - 1 AS again,
  min(start) = $start::DATE AND since < $start::DATE AS known_before
FROM {PREFIX}spell JOIN ({since()}) USING (patient)
GROUP BY patient, asks, name, since"""


# -- what was found --------------------------------------------------------------------------------------------------
def fired(on: duckdb.DuckDBPyConnection, program: Program) -> list[Fired]:
    """Every rule and definition that was so of anybody, those of most patients first."""
    found = on.execute(f"""
SELECT asks, name, count(*), count_if(known_before), median(days), count_if(again > 0), sum(again), count_if(still)
FROM {PREFIX}first GROUP BY asks, name ORDER BY 3 DESC, asks, name""").fetchall()
    made = []
    for asks, name, *numbers in found:
        rule = program.rules[name] if asks == "rule" else None
        label = generic(rule, program) if rule else program.definitions[name].is_
        made.append(Fired(name, asks, label, rule.kind if rule else asks, *numbers))
    return made


def delays(on: duckdb.DuckDBPyConnection, program: Program, looked: LookedBack) -> list[Delay]:
    """What was done after the rows of ``acts.yaml``; leaves the table ``past_act``: a row for each and a patient."""
    on.execute(
        f"CREATE OR REPLACE TABLE {PREFIX}act "
        "(label VARCHAR, act VARCHAR, patient VARCHAR, first DATE, acted DATE, delay INTEGER, still BOOLEAN)"
    )
    made = []
    for row in program.tables[ACTS].rows:
        names = tuple(str(row["names"]).split())
        # What ends with its act still stands at the first look: an act just before that look was no answer to it.
        counts = "a.day" if int(str(row["earliest"])) >= 0 else "a.seen"
        on.execute(
            f"""
INSERT INTO {PREFIX}act
SELECT $label, $act, f.patient, f.first, min(a.day), min(a.seen) - f.first, f.still
FROM (SELECT patient, min(first) AS first, bool_or(still) AS still FROM {PREFIX}first
  WHERE asks = $asks AND name IN ({listed(names)}) GROUP BY patient HAVING NOT bool_or(known_before)) AS f
LEFT JOIN ({_seen(program, row, looked)}) AS a
  ON a.patient = f.patient AND {counts} >= f.first + $earliest::INTEGER
GROUP BY f.patient, f.first, f.still""",
            {
                "label": row["label"],
                "act": row["act"],
                "asks": row["asks"],
                "earliest": row["earliest"],
            },
        )
        found = on.execute(
            f"SELECT delay, still FROM {PREFIX}act WHERE label = ? ORDER BY delay", [row["label"]]
        ).fetchall()
        days = tuple(delay for delay, _ in found if delay is not None)
        still = sum(still for delay, still in found if delay is None)
        made.append(Delay(str(row["label"]), str(row["act"]), names, len(found), days, still))
    return made


def write(on: duckdb.DuckDBPyConnection, program: Program, out: Path, *, csv: bool = False) -> dict[str, int]:
    """Write the tables of the last back-test into ``out``; gives the number of rows of each.

    - ``first_days``: a row for each patient and rule that was said or definition that held: first day, days in all, how
      often it came on again, whether it stood at the end, whether it may have stood before the first day looked at.
    - ``spells``: from which day to which; without a last one it stood at the end.
    - ``acts``: what the clinic did after the rows of ``acts.yaml``.
    """
    name_rules(on, program)
    out.mkdir(parents=True, exist_ok=True)
    selects = {
        "first_days": f"""
SELECT f.patient, f.asks, f.name, coalesce(r.kind, 'definition') AS kind, coalesce(r.headline, d.label) AS label,
  f.first, f.known_before, f.days, f.again, f.still
FROM {PREFIX}first AS f LEFT JOIN rule AS r ON f.asks = 'rule' AND r.name = f.name
LEFT JOIN definition AS d ON f.asks = 'definition' AND d.name = f.name ORDER BY f.patient, f.first, f.asks, f.name""",
        "spells": f"""
SELECT patient, asks, name, start AS "from", stop - 1 AS "to" FROM {PREFIX}spell ORDER BY patient, asks, name, start""",
        "acts": f"SELECT * FROM {PREFIX}act ORDER BY patient, first, label",
    }
    return {name: copied(on, program, select, out / name, csv=csv) for name, select in selects.items()}


def _seen(program: Program, row: Mapping[str, object], looked: LookedBack) -> str:
    """SQL: the acts of a row (``patient``, ``day``), each with the first look that sees it (``seen``).

    Days are compared look by look: of an act between two looks it is not known whether it came before or after what the
    second of them is the first to say. An act puts right where one of the row's names held at the look before and none
    does when it is seen; of several between the same two looks it is the last.
    """
    steps = f"CAST(ceil((day - DATE '{looked.first}') / {looked.every}) AS INTEGER) * {looked.every}"
    acts = f"""SELECT patient, day, least(DATE '{looked.first}' + {steps}, DATE '{looked.last}') AS seen
FROM ({_acts(program, row)}) WHERE day <= DATE '{looked.last}'"""
    if row["how"] != "righted":
        return acts
    spells = f"FROM {PREFIX}spell WHERE asks = '{row['asks']}' AND name IN ({listed(str(row['names']).split())})"
    return f"""SELECT * FROM (SELECT patient, max(day) AS day, seen FROM ({acts}) GROUP BY patient, seen) AS a
SEMI JOIN ({spells}) AS went ON went.patient = a.patient AND went.stop = a.seen
ANTI JOIN ({spells}) AS stands ON stands.patient = a.patient AND stands.start <= a.seen
  AND (stands.stop IS NULL OR a.seen < stands.stop)"""


def _acts(program: Program, row: Mapping[str, object]) -> str:
    """SQL: the days on which the chart shows the act of a row; of one that puts right, what may have done so."""
    concepts = [each for word in str(row["concepts"]).split() for each in vocabulary().expand(word)]
    denied = " AND present IS NOT FALSE" if "present" in columns(str(row["table"])) else ""
    rows = f"SELECT *, {KNOWN} AS shown FROM event_{row['table']} WHERE concept IN ({listed(concepts)}){denied}"
    if row["how"] == "any":
        return f"SELECT patient, shown AS day FROM ({rows})"
    if row["how"] == "another":
        classes = " ".join(f"WHEN '{r['drug']}' THEN '{r['drug_class']}'" for r in program.tables["drug_class"].rows)
        classed = f"SELECT *, CASE concept {classes} ELSE concept END AS class FROM ({rows})"
        before = "ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 DAY PRECEDING"
        return f"""SELECT patient, shown AS day FROM (SELECT *,
    arg_max(class, {_END}) OVER (PARTITION BY patient {before}) AS class_before,
    max({_END}) OVER (PARTITION BY patient, class {before}) AS ended
  FROM ({classed})) WHERE class <> class_before AND ({_BEGUN})"""
    return f"""SELECT patient, shown AS day FROM (SELECT *, max({_END}) OVER earlier AS ended,
    last_value((dose, dose_unit, interval_h)) OVER earlier AS before
  FROM ({rows}) WINDOW earlier AS (PARTITION BY patient, concept ORDER BY day, event
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
WHERE {_BEGUN} OR (dose, dose_unit, interval_h) IS DISTINCT FROM before"""


_END = """coalesce("end", DATE 'infinity')"""
_BEGUN = f"ended IS NULL OR ended < day - {PAUSE}"


def keep_scores(
    on: duckdb.DuckDBPyConnection, program: Program, scores: Iterable[Score], out: Path, *, csv: bool
) -> int:
    """Write the table ``scores``: how well definitions find what is true of virtual patients. Gives its rows."""
    rows = [
        (
            each.definition,
            program.definitions[each.definition].is_,
            *(cell for share in (each.sensitivity, each.specificity, each.unknown) for cell in share),
            *(each.delay or (None, None, None)),
            each.early,
        )
        for each in scores
    ]
    shares = ", ".join(
        f"{name} BIGINT, {name}_of BIGINT, {name}_share DOUBLE, {name}_low DOUBLE, {name}_high DOUBLE"
        for name in ("found", "silent", "unknown")
    )
    on.execute(
        f"CREATE OR REPLACE TEMP TABLE score (definition VARCHAR, label VARCHAR, {shares}, delay_median DOUBLE, "
        "delay_lower DOUBLE, delay_upper DOUBLE, early BIGINT)"
    )
    on.executemany(f"INSERT INTO score VALUES ({', '.join('?' for _ in rows[0])})", rows)
    return copied(on, program, "SELECT * FROM score ORDER BY definition", out / "scores", csv=csv)


def first_days(on: duckdb.DuckDBPyConnection, definitions: Iterable[str]) -> dict[tuple[str, str], Found]:
    """What :func:`cmvigil.synth.score.score` asks for: first day and state at the end, by patient and definition.

    For definitions that the last :func:`look_back` was asked for, and every patient it looked at.
    """
    names = list(definitions)
    found = on.execute(
        f"""
SELECT e.patient, d.name, f.first,
  CASE WHEN list_contains(e.holds, d.name) THEN 'true' WHEN list_contains(e.unsure, d.name) THEN 'unknown'
    ELSE 'false' END
FROM (SELECT DISTINCT ON (patient) patient, c.holds || w.holds AS holds, c.unsure || w.unsure AS unsure
  FROM {PREFIX}change AS c JOIN {PREFIX}always AS w USING (cohort) ORDER BY patient, as_of DESC) AS e
CROSS JOIN (SELECT unnest($1::VARCHAR[]) AS name) AS d
LEFT JOIN {PREFIX}first AS f ON f.patient = e.patient AND f.asks = 'definition' AND f.name = d.name""",
        [names],
    ).fetchall()
    return {(patient, name): Found(first, end) for patient, name, first, end in found}
