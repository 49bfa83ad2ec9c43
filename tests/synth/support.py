"""Virtual patients for the tests, and reading them back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import orjson

from cmvigil.reasoning.loader import load
from cmvigil.reasoning.model import Program
from cmvigil.record.fhir.bundle import bundle_record
from cmvigil.record.tables import Record
from cmvigil.synth.chart import organizations
from cmvigil.synth.doses import Doses
from cmvigil.synth.lives import Life, Ward

UNTIL = date(2026, 6, 30)
DAYS = 180
WARD = Ward(seed=7, cmv=0.6, days=DAYS, until=UNTIL)


@cache
def program() -> Program:
    return load()


@cache
def doses() -> Doses:
    return Doses(program())


@cache
def life(number: int, ward: Ward = WARD) -> Life:
    return Life(ward, doses(), number)


def lives(count: int, ward: Ward = WARD) -> Iterator[Life]:
    return (life(number, ward) for number in range(count))


def resources(of: Life) -> list[dict[str, Any]]:
    """The patient's resources, and the laboratories."""
    lines = [line for kind in of.chart.lines.values() for line in kind]
    return [orjson.loads(line) for line in (*lines, *organizations())]


def bundle(of: Life) -> dict[str, Any]:
    """One Bundle; a resource that stands twice in the export stands twice in it."""
    entries = [{"resource": each} for each in resources(of)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def record(of: Life) -> Record:
    return bundle_record(bundle(of), name="synthetic", mapping=None, patient=of.chart.patient)
