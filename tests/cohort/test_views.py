"""The published ViewDefinitions, run by an independent runner, give the rows that bulk intake takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
import sqlonfhir  # type: ignore[import-untyped]

from cmvigil.cohort import typed
from cmvigil.cohort.export import sources
from cmvigil.cohort.shapes import Shapes
from cmvigil.cohort.store import begin, open_store
from cmvigil.reasoning.loader import load
from cmvigil.record.codes import shipped
from cmvigil.record.vocabulary import vocabulary
from cmvigil.synth.export import LAST_DAY
from cmvigil.synth.export import export as synthesise
from cmvigil.synth.lives import Ward

from .support import export, taken

VIEWS = {path.name.partition(".")[0]: path for path in (files("cmvigil.cohort") / "views").iterdir()}
DAY = "2026-03-01"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Virtual patients, and one whose results are what a view must tell apart."""
    made = tmp_path_factory.mktemp("views")
    synthesise(made, Ward(8, 0.6, 60, LAST_DAY), load(), 15)
    export(made / "fhir" / "more", [{"resourceType": "Patient", "id": "p", "birthDate": "1980"}, *odd()])
    return made / "fhir"


def odd() -> Iterator[dict[str, Any]]:
    """Results of one patient."""
    loinc = {"system": "http://loinc.org", "code": "2160-0"}
    plain: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "urn:local", "code": "KREA"}, loinc]},
        "effectiveDateTime": f"{DAY}T08:30:00+01:00",
        "issued": "2026-03-03T10:00:00Z",
        "valueQuantity": {"value": 1.20, "unit": "mg/dL", "code": "mg/dL"},
    }
    micromol = {"value": 88, "unit": "umol/l", "code": "umol/L"}
    kinds: dict[str, dict[str, Any]] = {
        "two-codes": {},
        "other-unit": {"valueQuantity": micromol},
        "corrected": {"status": "corrected"},
        "bound": {"valueQuantity": {**micromol, "comparator": "<"}},
        "draft": {"status": "preliminary"},
        "absent": {"dataAbsentReason": {"text": "haemolysed"}},
        "undated": {"effectiveDateTime": None},
        "words": {"valueQuantity": None, "valueString": "normal"},
        "unknown": {"code": {"coding": [{"system": "urn:local", "code": "X"}]}},
    }
    for name, changes in kinds.items():
        resource = {**plain, "id": name, **changes}
        yield {key: value for key, value in resource.items() if value is not None}


def viewed(folder: Path, name: str) -> list[dict[str, Any]]:
    view = orjson.loads(VIEWS[name].read_bytes())
    paths = sorted(folder.rglob(f"{view['resource']}.ndjson"))
    resources = [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    rows: list[dict[str, Any]] = sqlonfhir.evaluate(resources, deepcopy(view))
    return rows


@pytest.fixture
def fast(folder: Path, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """What the fast pass alone makes of the results."""
    on, found = open_store(tmp_path / "store"), sources(folder)
    begin(on, found, "")
    for source in found:
        if source.kind == "Observation":
            typed.read(on, source, source.path, Shapes(shipped()))
    return on


def test_results(folder: Path, fast: duckdb.DuckDBPyConnection) -> None:
    codes, quantities = shipped(), vocabulary().quantities
    expected = set()
    rows = viewed(folder, "result")
    sent = Counter((row["id"], row["code"]) for row in rows)
    for row in rows:
        targets = codes.get((row["system"], row["code"]), ())
        if not targets or row["comparator"] or row["specimen"] or row["specimen_text"]:
            continue  # no meaning here, or read one by one
        if sent[row["id"], row["code"]] > 1:
            continue  # sent twice: neither is plain
        quantity = quantities[targets[0].concept]
        unit = quantity.accepts.get(row["unit_code"] or "") or quantity.accepts.get(row["unit"] or "")
        if unit is None or unit.factor is None:
            continue  # a unit that is no unit of this, read one by one
        value = Decimal(str(row["value"])) * unit.factor
        day = date.fromisoformat(str(row["effective"])[:10])
        known = max(day, date.fromisoformat(str(row["issued"])[:10])) if row["issued"] else day
        event = f"Observation/{row['id']}"
        expected.add((row["patient"], event, targets[0].concept, value.normalize(), quantity.unit, day, known))
    taken_in = fast.execute(
        "SELECT patient, event, concept, value__low, unit, day, known_on FROM event_measurement"
    ).fetchall()
    assert len(taken_in) > 100
    assert {(*row[:3], row[3].normalize(), *row[4:]) for row in taken_in} == expected
    assert {row[1] for row in taken_in if row[0] == "p"} == {
        f"Observation/{name}" for name in ("two-codes", "other-unit", "corrected")
    }


def test_persons(folder: Path, tmp_path: Path) -> None:
    expected = set()
    for row in viewed(folder, "person"):
        birth = date.fromisoformat(row["birth"] + "-01-01"[len(row["birth"]) - 4 :])
        expected.add((row["patient"], birth, row["gender"] if row["gender"] in ("female", "male") else None))
    on = taken(folder, tmp_path / "store")
    assert set(on.execute("SELECT patient, birth_date, sex FROM event_person").fetchall()) == expected


@pytest.mark.parametrize("name", VIEWS)
def test_every_column_says_what_it_is(name: str) -> None:
    view = orjson.loads(VIEWS[name].read_bytes())
    columns = [column for part in view["select"] for column in part["column"]]
    assert view["name"] == name
    assert all(column.keys() == {"name", "path", "type", "description"} for column in columns)
