"""The second pass: resources that are not plain, patient by patient, through the reader of single records.

A worker takes a file of resources sorted by patient and writes files of event rows, so nothing large is sent between
processes and any number of them can work at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from ..record.codes import Codes, with_site
from ..record.fhir.bundle import entries_record
from ..record.fhir.intake import EXTENSION, dicts
from ..record.tables import Issue, Range, Record, Row, columns
from .store import EVENTS

UNDATED = date(2199, 12, 31)
"""The day of a person whose birth date is not known, until the store says their first day: plain rows are not here."""
_LEAST = Decimal("0.000001")
_ISSUE = tuple(field.name for field in fields(Issue))


@dataclass(frozen=True, slots=True)
class Job:
    """One bucket of patients: where its resources lie, and the folder for the rows made of them."""

    number: int
    resources: Path
    out: Path
    mapping: Path | None


def work(job: Job) -> int:
    """Read a bucket; gives the number of its patients. Files ``<table>.ndjson`` and ``issue.ndjson`` appear in out."""
    codes = with_site(job.mapping)
    job.out.mkdir(parents=True, exist_ok=True)
    files = {name: (job.out / f"{name}.ndjson").open("wb") for name in (*EVENTS, "issue")}
    patients = 0
    try:
        for patient, lines in groupby(_lines(job.resources), key=lambda line: line["patient"]):
            patients += 1
            record = read_patient(patient, lines, codes)
            for table in EVENTS:
                files[table].writelines(_line(flat(table, patient, row)) for row in record.rows[table])
            files["issue"].writelines(_line(_told(patient, issue)) for issue in record.issues)
    finally:
        for file in files.values():
            file.close()
    return patients


def read_patient(patient: str, lines: Iterable[Mapping[str, Any]], codes: Codes) -> Record:
    """The record that a patient's resources make; each line has ``place`` and ``resource``."""
    entries = [(_undated(line["resource"]), "", line["place"]) for line in lines]
    if not any(resource.get("resourceType") == "Patient" for resource, _, _ in entries):
        entries.append(({"resourceType": "Patient", "id": patient}, "", "Patient"))  # birth and sex come another way
    return entries_record(entries, codes, name=f"Patient/{patient}", patient=patient)


def _undated(resource: dict[str, Any]) -> dict[str, Any]:
    """A Patient for whom :data:`UNDATED` stands in where neither birth nor the resource says a day."""
    if resource.get("resourceType") != "Patient":
        return resource
    last = {"url": f"{EXTENSION}day", "valueDate": UNDATED.isoformat()}
    return {**resource, "extension": [*dicts(resource.get("extension")), last]}


def flat(table: str, patient: str, row: Row) -> dict[str, Any]:
    """An event row as the columns that hold it in SQL. Numbers have at most six decimals: intake keeps no more."""
    made: dict[str, Any] = {}
    for name, kind in columns(table).items():
        value = patient if name == "patient" else getattr(row, name)
        if value is None:
            continue
        if kind == "measured":
            assert isinstance(value, Range)
            made[f"{name}__low"], made[f"{name}__low_open"] = _number(value.low, row), value.low_open
            if value.high is not None:
                made[f"{name}__high"] = _number(value.high, row)
            made[f"{name}__high_open"] = value.high_open
        else:
            made[name] = _number(value, row) if isinstance(value, Decimal) else value
    return made


def _number(value: Decimal, row: Row) -> str:
    if value % _LEAST:
        raise ValueError(f"{row.source}: a number with more than six decimals")
    return f"{value:f}"


def _told(patient: str, issue: Issue) -> dict[str, Any]:
    return {"patient": patient, **{name: getattr(issue, name) for name in _ISSUE}}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _line(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
