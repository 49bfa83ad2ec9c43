"""Random records: every column of every event table, small days, few concepts, so that rows meet, tie and disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from cmvigil.record import tables as t

AS_OF = date(2026, 3, 1)
Rows = dict[str, list[t.Row]]


class Writer:
    """Writes random rows from the words given for each column (concepts above all)."""

    def __init__(self, random: Random, words: Mapping[str, Sequence[Any]], span: int = 60) -> None:
        self.random, self.words, self.span = random, words, span
        self.number = 0

    def record(self, patient: str, size: int) -> Rows:
        """The event tables of one patient, about ``size`` rows."""
        rows: Rows = {name: [] for name in t.TABLES}
        for _ in range(size):
            table = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            rows[table].append(getattr(self, table)(patient))
        return rows

    def pick(self, *values: Any) -> Any:
        """One of these."""
        return self.random.choice(values)

    def word(self, column: str) -> Any:
        """One of the words given for a column."""
        return self.random.choice(self.words[column])

    def day(self) -> date:
        """A day around ``AS_OF``, mostly before it."""
        return AS_OF + timedelta(days=self.random.randint(-self.span, 5))

    def end(self, day: date) -> date | None:
        """The end of something that began on ``day``: perhaps none, seldom before it began."""
        return self.pick(None, day + timedelta(days=self.random.randint(-1, self.span)))

    def common(self, patient: str) -> dict[str, Any]:
        """The columns every row has."""
        self.number += 1
        day = self.day()
        hour = self.pick(None, None, None, 0, 8, 14)
        return {
            "patient": patient,
            "event": f"e{self.random.randrange(10**6):06}.{self.number}",
            "day": day,
            "time": None if hour is None else datetime.combine(day, time(hour)),
            "known_on": day + timedelta(days=self.pick(0, 0, 0, 0, 3)),
            "source": f"row[{self.number}]",
        }

    def number_like(self) -> Decimal:
        """A number: small whole ones (that tie) or one with decimals."""
        return self.pick(Decimal(self.random.randint(0, 12)), Decimal(self.random.randint(0, 3000)) / 8)

    def range(self) -> t.Range | None:
        """A measured value: a point, `<x`, `>x`, a range, or none."""
        low = self.number_like()
        return self.pick(
            t.Range.point(low),
            t.Range.point(low),
            t.Range.point(low),
            t.Range.point(low),
            t.Range(Decimal(0), low + 1, False, True),
            t.Range(low, None, True, False),
            t.Range(low, low + self.random.randint(1, 9), self.pick(True, False), self.pick(True, False)),
            None,
        )

    def person(self, patient: str) -> t.Row:
        birth = self.pick(None, date(1960, 2, 29), date(1990, 3, 1), date(2010, 3, 2))
        return t.Person(
            **self.common(patient),
            birth_date=birth,
            age=self.pick(None, Decimal(17), Decimal(60)),
            sex=self.pick(None, "female", "male"),
        )

    def measurement(self, patient: str) -> t.Row:
        concept = self.word("measurement")
        value = self.range()
        forms = ("quantified", "quantified", "below", "above", "not_detected", "detected_below_lloq")
        return t.Measurement(
            **self.common(patient),
            concept=concept,
            value=value,
            form=self.pick(*forms),
            unit=self.pick("IU/mL", "copies/mL", None) if concept == "cmv_load" else None,
            specimen=self.pick("plasma", "whole_blood", None),
            assay=self.pick("a", "b", None),
            lloq=self.pick(None, Decimal(5), Decimal("137.5")),
            upper_normal=self.pick(None, Decimal(40)),
            stream=self.pick(concept, "plasma/a", "plasma/b", None),
            problem=self.pick(None, None, "unit not known") if value is None else None,
        )

    def observation(self, patient: str) -> t.Row:
        return t.Observation(
            **self.common(patient),
            concept=self.word("observation"),
            present=self.pick(True, False, None),
            text=self.word("text"),
            site=self.pick(None, "colon", "lung"),
        )

    def exposure(self, patient: str) -> t.Row:
        common = self.common(patient)
        return t.Exposure(
            **common,
            concept=self.word("exposure"),
            end=self.end(common["day"]),
            dose=self.pick(None, Decimal(5), Decimal(450), Decimal(900), Decimal("62.5")),
            dose_unit=self.pick("mg", "mg/kg", "g", None),
            interval_h=self.pick(None, Decimal(12), Decimal(24), Decimal(56)),
            route=self.pick("iv", "oral", None),
            intent=self.pick("treatment", "maintenance", "prophylaxis", None),
            taken=self.pick(None, Decimal(1), Decimal("0.8")),
            adequate=self.pick(True, False, None),
        )

    def condition(self, patient: str) -> t.Row:
        common = self.common(patient)
        return t.Condition(
            **common,
            concept=self.word("condition"),
            end=self.end(common["day"]),
            present=self.pick(True, True, False),
            site=self.pick(None, "colon"),
        )

    def procedure(self, patient: str) -> t.Row:
        common = self.common(patient)
        return t.Procedure(
            **common, concept=self.word("procedure"), end=self.end(common["day"]), text=self.pick(None, "a")
        )

    def variant(self, patient: str) -> t.Row:
        return t.Variant(
            **self.common(patient),
            gene=self.pick("UL97", "UL54", "UL56"),
            change=self.pick("A594V", "H520Q", "C592G", "P522S"),
            fraction=self.pick(None, Decimal("0.05"), Decimal("0.9")),
        )

    def coverage(self, patient: str) -> t.Row:
        first = self.random.choice([1, 300, 440])
        return t.Coverage(
            **self.common(patient),
            gene=self.pick("UL97", "UL54", "UL56"),
            first=self.pick(None, Decimal(first), Decimal(first)),
            last=self.pick(None, Decimal(first + 200), Decimal(first + 500)),
        )

    def susceptibility(self, patient: str) -> t.Row:
        call = self.pick("susceptible", "resistant", "possible", "not_determined")
        return t.Susceptibility(**self.common(patient), concept=self.word("exposure"), call=call)


WEIGHTS = {
    "person": 1,
    "measurement": 12,
    "observation": 10,
    "exposure": 7,
    "condition": 5,
    "procedure": 2,
    "variant": 1,
    "coverage": 1,
    "susceptibility": 1,
}
