"""Silence: how often a card would be shown on opening the record of a patient who has no CMV.

The patients are virtual (``cmvigil synth`` with CMV in none of them), in equal parts with bowel disease, a kidney
graft, HIV, and ordinary ones. What the hook shows (:mod:`cmvigil.service.hooks.cards`) is counted here out of the
answers about all of them at once; a test holds it against the hook's own answer for each.
``python -m benchmarks.silence`` writes the tables of ``docs/cohort/silence.md``.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cmvigil.advice import TOPICS
from cmvigil.cohort.answer import answer
from cmvigil.cohort.intake import intake
from cmvigil.cohort.results import each
from cmvigil.cohort.store import open_store
from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program
from cmvigil.synth.export import FHIR, LAST_DAY, export
from cmvigil.synth.lives import Ward

KINDS = {"ibd": "inflammatory bowel disease", "kidney": "kidney transplant", "hiv": "HIV", "ordinary": "ordinary"}
SEED, DAYS = 100, 180
SAMPLE, RELEASE = 25, 500
"""Patients of each kind: in the sample of every test run, and of a release."""
BUDGET: Mapping[str, int] = {"ibd": 0, "kidney": 1, "hiv": 0, "ordinary": 0}
"""Cards at most, of each kind in the sample."""
SUMMARY = "summary"
"""Under which a card is counted that no rule leads: CMV is current and nothing is given."""

PER = ", per 1,000 patients"
PAGE = Path(__file__).parents[1] / "docs" / "cohort" / "silence.md"
_BEGIN, _END = "<!-- {}: written by python -m benchmarks.silence -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Silence:
    """What was said about how many: by kind of patient, and by the rule that leads a card (with kind and rule)."""

    patients: Mapping[str, int]
    cards: Mapping[str, int]
    leading: Mapping[tuple[str, str], int]
    spoken: Mapping[tuple[str, str], int]  # rules of weight in any card, leading or not

    def per_1000(self, kind: str) -> float:
        """Cards per 1,000 patients of a kind."""
        return 1000 * self.cards.get(kind, 0) / self.patients[kind]

    @property
    def in_all(self) -> float:
        """Cards per 1,000 patients."""
        return 1000 * sum(self.cards.values()) / sum(self.patients.values())


def ordinary(folder: Path, number: int, program: Program) -> duckdb.DuckDBPyConnection:
    """A store of so many virtual patients of each kind without CMV, answered for the last day on record."""
    for at, kind in enumerate(KINDS):
        (folder / kind).mkdir()
        export(folder / kind, Ward(SEED + at, 0.0, DAYS, LAST_DAY, kind), program, number)
    fhir = folder / "all"
    fhir.mkdir()
    for kind in KINDS:
        (folder / kind / FHIR).rename(fhir / kind)
    on = open_store(folder / "store.duckdb")
    intake(on, fhir)
    answer(on, program, LAST_DAY)
    return on


def kind_of(patient: str) -> str:
    """The kind of a patient of :func:`ordinary`: each has a seed of its own, which the id names."""
    return list(KINDS)[int(patient.split("-")[1]) - SEED]


def cards(on: duckdb.DuckDBPyConnection, program: Program) -> dict[str, str]:
    """Who would get a card on opening the record, and the rule that leads it, of everybody in an answered store."""
    _rank(on, program)
    found = on.execute(_CARDS, [list(program.antivirals)]).fetchall()
    return {patient: rule or SUMMARY for patient, rule in found}


def _rank(on: duckdb.DuckDBPyConnection, program: Program) -> None:
    """Temporary table ``weighty``: the rules of weight, in the order in which a card names them."""
    topics = {topic: place for place, topic in enumerate(TOPICS)}
    strengths = ["strong", "conditional", "good-practice", ""]
    rules = [
        (rule.name, (rule.severity != "harm") * 100 + topics.get(rule.topic, 99), strengths.index(rule.strength))
        for rule in program.rules.values()
        if rule.kind in ("advice", "alert") and rule.severity in ("harm", "act")
    ]
    on.execute("CREATE OR REPLACE TEMP TABLE weighty (name VARCHAR, place INTEGER, strength INTEGER)")
    on.executemany("INSERT INTO weighty VALUES (?, ?, ?)", rules)


_SAID = f"""
SELECT s.patient, s.name, s.provided, r.place, r.strength
FROM (SELECT *, FALSE AS provided FROM ({each("applies")})
  UNION ALL SELECT *, TRUE FROM ({each("provided")})) AS s
JOIN weighty AS r USING (name)"""
# As report and hook have it: the options are appraised where CMV is current and not known to be quiet, and a card says
# so where none of them is given.
_CARDS = f"""
WITH led AS (
  SELECT DISTINCT ON (patient) patient, name FROM ({_SAID})
  ORDER BY patient, place, provided, strength, name),
untreated AS (
  SELECT patient FROM answer AS a JOIN always AS w USING (cohort)
  WHERE list_contains(a.holds || w.holds, 'cmv_current')
    AND list_contains(a.holds || w.holds || a.unsure || w.unsure, 'cmv_active')
    AND NOT EXISTS (FROM event_exposure AS e
      WHERE e.patient = a.patient AND list_contains($1::VARCHAR[], e.concept)
        AND greatest(e.day, e.known_on) <= a.as_of AND coalesce(e."end" >= a.as_of, TRUE)
        AND e.route IS DISTINCT FROM 'intravitreal'))
SELECT patient, name FROM led FULL JOIN untreated USING (patient)"""


def silence(number: int) -> Silence:
    """Make so many patients of each kind, and count."""
    program = load()
    with tempfile.TemporaryDirectory() as name:
        on = ordinary(Path(name), number, program)
        found = counted(on, program)
        on.close()
    return found


def counted(on: duckdb.DuckDBPyConnection, program: Program) -> Silence:
    """The cards of an answered store of :func:`ordinary`."""
    led = cards(on, program)
    said = on.execute(f"SELECT patient, name FROM ({_SAID})").fetchall()
    patients = [patient for (patient,) in on.execute("SELECT patient FROM answer").fetchall()]
    return Silence(
        Counter(map(kind_of, patients)),
        Counter(map(kind_of, led)),
        Counter((kind_of(patient), rule) for patient, rule in led.items()),
        Counter((kind_of(patient), rule) for patient, rule in said),
    )


# -- the page ----------------------------------------------------------------------------------------------------------
def table(found: Silence, program: Program) -> str:
    """Two tables in Markdown: cards by kind of patient, and the rules behind them."""
    order = list(KINDS).index
    lines = ["| Patients | Number | Cards | Cards per 1,000 patients |", "|---|---:|---:|---:|"]
    for kind, words in KINDS.items():
        lines.append(
            f"| {words} | {found.patients[kind]:,} | {found.cards.get(kind, 0):,} | {found.per_1000(kind):,.0f} |"
        )
    lines.append(f"| all | {sum(found.patients.values()):,} | {sum(found.cards.values()):,} | {found.in_all:,.0f} |")
    rules = sorted(
        {*found.leading, *found.spoken}, key=lambda pair: (order(pair[0]), -found.leading.get(pair, 0), pair[1])
    )
    if rules:
        lines += [
            "",
            f"| Patients | Rule | Severity | Leads a card{PER} | In any card{PER} |",
            "|---|---|---|---:|---:|",
        ]
    for pair in rules:
        kind, rule = pair
        severity = program.rules[rule].severity if rule in program.rules else ""
        led, spoken = (1000 * counts.get(pair, 0) / found.patients[kind] for counts in (found.leading, found.spoken))
        lines.append(f"| {KINDS[kind]} | `{rule}` | {severity} | {led:,.0f} | {spoken:,.0f} |")
    return "\n".join(lines) + "\n"


def told(page: str, name: str) -> str:
    """What stands on the page between the marks of a name."""
    return page.partition(_BEGIN.format(name))[2].partition(_END)[0].strip("\n") + "\n"


def put(page: str, name: str, text: str) -> str:
    """The page with this between the marks of a name."""
    begin = _BEGIN.format(name)
    before, found, rest = page.partition(begin)
    assert found, f"{name} has no place on the page"
    return f"{before}{begin}\n{text}\n{_END}{rest.partition(_END)[2]}"


def main() -> None:
    """Write both tables into the page."""
    program, page = load(), PAGE.read_text(encoding="utf-8")
    for name, number in (("sample", SAMPLE), ("release", RELEASE)):
        page = put(page, name, table(silence(number), program))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
