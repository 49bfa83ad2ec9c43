"""What a row of an event table must keep to, as SQL that every database reads: units, limits, forms and days.

Event tables hold what the readers of single records make: numbers in the unit of their concept and within its
plausible limits, days that can be. Where tables come from elsewhere nobody has seen to that, and a creatinine in mg/dL
taken for umol/L is a wrong dose. So a folder, PostgreSQL and Spark ask the same of every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from ..reasoning.engines.sql import Dialect
from ..record.tables import columns
from ..record.vocabulary import Quantity, vocabulary

FORMS = ("quantified", "below", "above", "not_detected", "detected_below_lloq")
"""How a measurement can have been reported."""

_FIRST, _BEHIND = "1900-01-01", "2200-01-01"
"""The days of :func:`cmvigil.record.days.plausible`: others stand for "not known"."""


@dataclass(frozen=True, slots=True)
class Check:
    """A fault that a row can have.

    ``test`` is SQL that is true of a row with the fault, else false, never NULL. ``found`` and ``expected`` are SQL
    that says it in words, the same for rows that are alike; ``cell`` is what stands in the row itself.
    """

    test: str
    found: str
    expected: str
    cell: str
    remedy: str


@cache
def checks(table: str) -> tuple[Check, ...]:
    """The faults that a row of an event table can have, in the spelling of the compiler."""
    made = [_day(name, kind) for name, kind in columns(table).items() if kind in ("date", "time")]
    for name, kind in columns(table).items():
        if kind == "measured":
            made += _bounds(name)
    return tuple(made + (_measurement() if table == "measurement" else []))


def faults_select(dialect: Dialect, table: str, check: Check, most: int) -> str:
    """The kinds of rows with a fault, most rows first and ``most`` at the most: words, expected, number, an example.

    The example is a patient and an event.
    """
    order = ", ".join(dialect.binary(f'"{name}"') for name in ("patient", "event"))
    return dialect.written(f"""
SELECT found, expected, number, patient, event FROM (
  SELECT found, expected, patient, event, COUNT(*) OVER (PARTITION BY found) AS number,
    ROW_NUMBER() OVER (PARTITION BY found ORDER BY {order}) AS place
  FROM (SELECT patient, event, {check.found} AS found, {check.expected} AS expected
    FROM event_{table} WHERE {check.test}) AS f) AS g
WHERE place = 1 ORDER BY number DESC, found LIMIT {most}""")


def _day(name: str, kind: str) -> Check:
    sort = "DATE" if kind == "date" else "TIMESTAMP"
    return Check(
        _true(f"NOT (\"{name}\" >= {sort} '{_FIRST}' AND \"{name}\" < {sort} '{_BEHIND}')"),
        _word(f"'{name}' as a day that cannot be"),
        _word("a day of the years 1900 to 2199"),
        f'CAST("{name}" AS VARCHAR)',
        "Mend it; a day that is not known, where it need not be, is left empty.",
    )


def _bounds(name: str) -> Iterable[Check]:
    """A range has both bounds, the upper one perhaps infinite, and says of each whether it belongs to it."""
    low, high = f"{name}__low", f"{name}__high"
    for lacking, beside in ((f"{low}_open", low), (f"{high}_open", low), (low, high)):
        yield Check(
            f'("{lacking}" IS NULL AND "{beside}" IS NOT NULL)',
            _word(f"no '{lacking}' beside a bound"),
            _word("all of a range, or nothing of it"),
            f'CAST("{beside}" AS VARCHAR)',
            "Fill it in: of a plain number both bounds are the number, and neither is open.",
        )
    yield Check(
        _true(f'"{low}" > "{high}"'),
        _word(f"'{low}' above '{high}'"),
        _word("a range"),
        f'CAST("{low}" AS VARCHAR) || \' to \' || CAST("{high}" AS VARCHAR)',
        "Find out which is right.",
    )


def _measurement() -> list[Check]:
    quantities = vocabulary().quantities
    units = {name: _units(quantity) for name, quantity in quantities.items()}
    other = _by_concept({name: f"unit NOT IN ({_words(kept)})" for name, kept in units.items()})
    top = "COALESCE(value__high, value__low)"  # limits as record.units.measure has them
    beyond = {
        name: f"unit IN ({_words(units[name])}) AND (value__low < 0 OR {top} < {each.low} OR {top} > {each.high})"
        for name, each in quantities.items()
    }
    limits = {name: _word(f"{each.low} to {each.high} {' or '.join(units[name])}") for name, each in quantities.items()}
    known = _by_concept(dict.fromkeys(quantities, "TRUE"))
    cell = "COALESCE(CAST(value__low AS VARCHAR), 'no value')"
    return [
        Check(
            # A row that says its problem has no value, and the unit may be the problem.
            _true(
                f"(value__low IS NOT NULL AND (unit IS NULL OR unit = '') AND {known}) OR "
                f"((value__low IS NOT NULL OR COALESCE(problem, '') = '') AND unit <> '' AND {other})"
            ),
            "concept || ' in ' || COALESCE(NULLIF(unit, ''), 'no unit')",
            _by_concept({name: _word(" or ".join(kept)) for name, kept in units.items()}, "''"),
            cell,
            "Convert value, lloq and limits to it, or name it where they are in it: event tables hold no other unit.",
        ),
        Check(
            _true(_by_concept(beyond)),
            "concept || ' outside its limits'",
            _by_concept(limits, "''"),
            cell,
            "Check the number and its unit.",
        ),
        Check(
            _true(f"form NOT IN ({_words(FORMS)})"),
            "'form ' || form",
            _word(f"one of {', '.join(FORMS)}"),
            cell,
            "Write one of these.",
        ),
    ]


def _units(quantity: Quantity) -> tuple[str, ...]:
    """The units in which values of a concept are kept; none of them is ever converted into another."""
    return tuple(dict.fromkeys([quantity.unit, *(unit.canonical for unit in quantity.accepts.values())]))


def _by_concept(of: Mapping[str, str], otherwise: str = "FALSE") -> str:
    """SQL that depends on the concept. One that is none of the table's is told elsewhere."""
    cases = " ".join(f"WHEN {_word(name)} THEN {sql}" for name, sql in of.items())
    return f"CASE concept {cases} ELSE {otherwise} END"


def _true(test: str) -> str:
    return f"COALESCE({test}, FALSE)"


def _words(texts: Iterable[str]) -> str:
    return ", ".join(map(_word, texts))


def _word(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
