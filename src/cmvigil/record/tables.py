"""The event tables: everything that ever happened to a patient, in eleven flat shapes.

Whatever comes in (case file, FHIR Bundle, later NDJSON and laboratory sequences) becomes rows of these tables, and
nothing downstream knows where a row came from except through its ``source``. Reasoning reads only this module.

Two times belong to every row: ``day`` (and ``time`` where the hour is known) is when it was true of the patient;
``known_on`` is when it could first have been known (issued, reported; else ``day``). A snapshot at ``as_of`` sees a
row when both ``day`` and ``known_on`` are not after ``as_of``; an ``end`` after ``as_of`` is invisible (the
exposure or condition is seen as still running). So replay never sees the future.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["text", "date", "time", "exact", "measured", "bool"]
"""Column kinds. ``exact`` is a Decimal; ``measured`` is a :class:`Range` (a pair of bounds)."""


@dataclass(frozen=True, slots=True)
class Range:
    """A measured quantity as a pair of bounds: ``<137`` is [0, 137), ``>10000`` is (10000, None).

    ``high`` None means unbounded above. ``low`` is never None: every quantity here is non-negative, so "no lower
    bound" is 0 (closed). A plain number is [x, x].
    """

    low: Decimal
    high: Decimal | None
    low_open: bool = False
    high_open: bool = False
    word: str = field(default="", compare=False)  # "not detected": shown instead of the number

    @classmethod
    def point(cls, value: Decimal) -> Range:
        """The exactly known quantity ``value``."""
        return cls(value, value)

    @property
    def is_point(self) -> bool:
        """Whether the quantity is one known number."""
        return self.low == self.high

    def scaled(self, factor: Decimal) -> Range:
        """The same quantity times a non-negative exact factor (unit conversion)."""
        high = None if self.high is None else self.high * factor
        return Range(self.low * factor, high, self.low_open, self.high_open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every event row carries.

    ``event`` is unique within a patient and stable between runs (it breaks ties after day and time);
    ``source`` is the place a person can go and look: ``Observation/abc`` or ``viral_loads[3]``.
    """

    patient: str
    event: str
    day: date
    time: datetime | None = None
    known_on: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Row):
    """One row per patient: birth date, or an age in completed years that was true on ``day``; sex at birth."""

    birth_date: date | None = None
    age: Decimal | None = None
    sex: str | None = None  # 'female' | 'male'


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(Row):
    """A number with a unit. ``value`` is in the concept's canonical unit (``unit``); None when unusable.

    ``form`` keeps how it was reported: ``quantified``, ``below`` (a '<' comparator), ``above`` ('>'),
    ``not_detected``, ``detected_below_lloq``. ``problem`` says why a row is unusable (unknown unit, implausible ...);
    such a row stays, so that a fact built on it is *unusable*, never silently older or missing.
    ``stream`` joins only results that may be compared: specimen + assay + laboratory + unit + scale (loads only;
    other concepts carry the concept's name). ``negative`` says a viral load is below quantification or not detected.
    """

    concept: str
    value: Range | None
    form: str = "quantified"
    unit: str | None = None
    reported: str | None = None  # exactly as it came: "<137 IU/mL", "3.2 log IU/mL"
    specimen: str | None = None  # plasma, whole_blood, csf, bal, aqueous, vitreous, tissue:colon ...
    assay: str | None = None
    laboratory: str | None = None
    lloq: Decimal | None = None
    upper_normal: Decimal | None = None  # laboratory's upper reference limit, same unit
    lower_normal: Decimal | None = None
    stream: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Row):
    """Something seen, asked or stated: symptoms, histology, findings, serology words, completeness statements.

    ``present`` True/False/None (None: looked for, result not clear); ``text`` a closed word where the concept has
    words (vocabulary). A completeness statement has concept ``complete`` and ``text`` naming the list
    (medications, symptoms, conditions, end_organ_disease, procedures, viral_loads): what is not listed was not there.
    """

    concept: str
    present: bool | None = None
    text: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure(Row):
    """A drug given (or stated taken) from ``day`` to ``end`` (None: still running). One row per dose regimen.

    ``dose`` in ``dose_unit`` ('mg', 'mg/kg', 'g', ...) every ``interval_h`` hours. ``taken`` is the share of doses
    really taken (1 = none missed; None = not known). ``adequate`` is a clinician's own statement that the dose was
    right for the kidney function of the time, for drugs or courses that cannot be computed. Both speak of the whole
    regimen: a snapshot before ``stated_on`` does not see them.
    """

    concept: str
    end: date | None = None
    dose: Decimal | None = None
    dose_unit: str | None = None
    interval_h: Decimal | None = None
    route: str | None = None  # iv, oral, sc, im, topical, rectal, inhaled, intravitreal
    intent: str | None = None  # treatment, maintenance, prophylaxis, preemptive
    taken: Decimal | None = None
    adequate: bool | None = None
    stated_on: date | None = None  # when ``taken`` and ``adequate`` could first be said (None: with the row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Row):
    """A disease from ``day`` (onset) to ``end`` (None: still there). ``present`` False = stated not to be there."""

    concept: str
    end: date | None = None
    present: bool = True
    site: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure(Row):
    """Something done: a transplantation (``concept`` names the organ), dialysis, colectomy."""

    concept: str
    end: date | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant(Row):
    """An amino-acid change a laboratory reported: gene UL97, change A594V, fraction of the population 0-1."""

    gene: str
    change: str
    fraction: Decimal | None = None
    specimen: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage(Row):
    """Codons of a gene that a genotype really read (first to last, inclusive)."""

    gene: str
    first: Decimal | None = None
    last: Decimal | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Susceptibility(Row):
    """A drug-level call as a laboratory reported it: susceptible, resistant, possible, not_determined."""

    concept: str  # the drug
    call: str
    method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation(Row):
    """What the resistance knowledge makes of one genotype for one drug; derived, never read from a file.

    ``verdict``: susceptible, possible, resistant, not_determined; ``level`` of a resistant or possible one: low,
    moderate, high, or None where no fold is known. Folds are EC50 over that of the control strain.
    """

    concept: str  # the drug
    verdict: str
    level: str | None = None
    fold_low: Decimal | None = None
    fold: Decimal | None = None  # the median that decides
    fold_high: Decimal | None = None
    grade: str | None = None  # best evidence, A to E
    conflict: bool | None = None
    minority: bool | None = None  # rests only on variants below 20 % of the population
    drivers: str | None = None  # "UL97 A594V, UL54 P522S"


TABLES: Mapping[str, type[Row]] = {
    "person": Person,
    "measurement": Measurement,
    "observation": Observation,
    "exposure": Exposure,
    "condition": Condition,
    "procedure": Procedure,
    "variant": Variant,
    "coverage": Coverage,
    "susceptibility": Susceptibility,
    "interpretation": Interpretation,
}

DERIVED = frozenset({"interpretation"})
"""Tables whose rows are made at assessment, with the knowledge in force; no file holds them."""

_KINDS: Mapping[str, Kind] = {
    "date": "date",
    "date | None": "date",
    "datetime | None": "time",
    "Decimal | None": "exact",
    "Range | None": "measured",
    "bool": "bool",
    "bool | None": "bool",
}


@cache
def columns(table: str) -> Mapping[str, Kind]:
    """Column names and kinds of an event table, in order. Raises KeyError for an unknown table."""
    return MappingProxyType({f.name: _KINDS.get(str(f.type), "text") for f in fields(TABLES[table])})


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing intake could not use, or used with a remark: shown in the answer's data-quality section.

    ``level``: ``rejected`` (row not used), ``unmapped`` (code not known), ``unusable`` (kept, but its value cannot
    be used), ``note`` (used; the reader should know how).
    """

    level: Literal["rejected", "unmapped", "unusable", "note"]
    place: str  # JSON path, line, or resource id
    found: str
    expected: str
    remedy: str
    known_on: date | None = None  # when what it is about became known; None: a remark on the whole file


@dataclass(slots=True)
class Record:
    """One patient's event tables, and what intake has to say about them."""

    patient: str
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    issues: list[Issue] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # entries read, rows made, per kind
    input_hash: str = ""
    as_of: date | None = None  # named by the input itself (a case file may); else None

    def add(self, row: Row) -> None:
        """Put a row into the table of its type."""
        self.rows[_NAME[type(row)]].append(row)

    def extend(self, rows: Iterable[Row]) -> None:
        """Put several rows into their tables."""
        for row in rows:
            self.add(row)

    def last_day(self) -> date | None:
        """The day of the last thing known: the default ``as_of``. A birth date and planned ends do not count.

        None when nothing else is known.
        """
        days = [max(row.day, row.known_on) for name, rows in self.rows.items() if name != "person" for row in rows]
        return max(days) if days else None


_NAME: dict[type[Row], str] = {cls: name for name, cls in TABLES.items()}


def as_dict(row: Row) -> dict[str, Any]:
    """A row as a plain mapping of column to value."""
    return {f.name: getattr(row, f.name) for f in fields(row)}
