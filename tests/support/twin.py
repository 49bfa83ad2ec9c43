"""A record written as a FHIR Bundle that says the same: reading it back gives the same rows but for ids and sources.

What FHIR has no place for travels in extensions under ``urn:cmvigil:``; concepts travel in our own code system.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from cmvigil.record import units
from cmvigil.record.codes import OWN
from cmvigil.record.fhir.intake import EXTENSION
from cmvigil.record.tables import Record

Resource = dict[str, Any]


def bundle(record: Record) -> Resource:
    """The record as a Bundle of type collection."""
    subject = {"reference": f"Patient/{record.patient}"}
    resources: list[Resource] = [{"resourceType": "Patient", "id": record.patient}]
    for table, rows in record.rows.items():
        for row in rows:
            resource = _WRITERS[table](row)
            if table == "person":
                resources[0].update(resource)
            else:
                resources.append({**resource, "id": row.event, "subject": subject})
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


def bundle_bytes(record: Record) -> bytes:
    """The Bundle as JSON."""
    return orjson.dumps(bundle(record))


def _extensions(**values: Any) -> list[Resource]:
    kinds: dict[type, str] = {bool: "valueBoolean", str: "valueString", float: "valueDecimal", dict: "valueQuantity"}
    return [{"url": EXTENSION + name, kinds[type(value)]: value} for name, value in values.items() if value is not None]


def _stated(row: Any) -> dict[str, Any]:
    return {"stated-on": row.stated_on.isoformat()} if row.stated_on is not None else {}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _own(code: str) -> Resource:
    return {"coding": [{"system": OWN, "code": code}]}


def _observation(row: Any, code: str) -> Resource:
    resource: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": _own(code),
        "effectiveDateTime": row.day.isoformat(),
    }
    if row.known_on != row.day:
        resource["issued"] = f"{row.known_on.isoformat()}T12:00:00+00:00"
    if getattr(row, "specimen", None):
        resource["specimen"] = {"display": row.specimen}
    if getattr(row, "method", None):
        resource["method"] = {"text": row.method}
    return resource


def _person(row: Any) -> Resource:
    resource: Resource = {"extension": _extensions(age=_number(row.age), day=row.day.isoformat())}
    if row.sex:
        resource["gender"] = row.sex
    if row.birth_date:
        resource["birthDate"] = row.birth_date.isoformat()
    return resource


def _measurement(row: Any) -> Resource:
    resource = _observation(row, row.concept)
    text = row.reported
    result = units.result(text)
    unit = f"log10 {row.unit}" if row.unit and row.stream.endswith("| log") else row.unit
    lloq = None if row.lloq is None else {"value": float(row.lloq), "unit": row.unit}
    if result is not None and result.form in ("quantified", "below", "above"):
        assert result.number is not None
        quantity: Resource = {"value": float(result.number)}
        if result.comparator:
            quantity["comparator"] = result.comparator
        if result.unit:
            quantity["unit"] = result.unit
        resource["valueQuantity"] = quantity
        resource["extension"] = _extensions(reported=text, lloq=lloq)
    else:
        resource["valueString"] = text
        unit = None if result is not None and result.unit else unit
        resource["extension"] = _extensions(reported=text, lloq=lloq, unit=unit)
    limits = {
        name: {"value": float(value), "unit": row.unit}
        for name, value in (("high", row.upper_normal), ("low", row.lower_normal))
        if value is not None
    }
    if limits:
        resource["referenceRange"] = [limits]
    if row.assay:
        resource["method"] = {"text": row.assay}
    if row.laboratory:
        resource["performer"] = [{"display": row.laboratory}]
    return resource


def _sign(row: Any) -> Resource:
    resource = _observation(row, row.concept)
    if row.text is not None:
        resource["valueString"] = row.text
    elif row.present is not None:
        resource["valueBoolean"] = row.present
    else:
        resource["dataAbsentReason"] = {"text": "not clear"}
    if row.site:
        resource["bodySite"] = {"text": row.site}
    return resource


def _exposure(row: Any) -> Resource:
    dosage: Resource = {}
    if row.interval_h is not None:
        dosage["timing"] = {"repeat": {"frequency": 1, "period": float(row.interval_h), "periodUnit": "h"}}
    if row.route:
        dosage["route"] = _own(row.route)
    if row.dose is not None:
        dosage["doseAndRate"] = [{"doseQuantity": {"value": float(row.dose), "unit": row.dose_unit}}]
    period = {"start": row.day.isoformat()}
    if row.end is not None:
        period["end"] = row.end.isoformat()
    return {
        "resourceType": "MedicationStatement",
        "status": "active" if row.end is None else "completed",
        "medicationCodeableConcept": _own(row.concept),
        "effectivePeriod": period,
        "dosage": [dosage],
        "extension": _extensions(intent=row.intent, adequate=row.adequate, taken=_number(row.taken), **_stated(row)),
    }


def _condition(row: Any) -> Resource:
    resource: Resource = {
        "resourceType": "Condition",
        "code": _own(row.concept),
        "verificationStatus": {"coding": [{"code": "confirmed" if row.present else "refuted"}]},
        "onsetDateTime": row.day.isoformat(),
        "recordedDate": row.known_on.isoformat(),
    }
    if row.end is not None:
        resource["abatementDateTime"] = row.end.isoformat()
    if row.text:
        resource["note"] = [{"text": row.text}]
    if row.site:
        resource["bodySite"] = [{"text": row.site}]
    return resource


def _procedure(row: Any) -> Resource:
    period = {"start": row.day.isoformat()}
    if row.end is not None:
        period["end"] = row.end.isoformat()
    return {
        "resourceType": "Procedure",
        "status": "in-progress" if row.end is None else "completed",
        "code": _own(row.concept),
        "performedPeriod": period,
    }


def _variant(row: Any) -> Resource:
    parts = [("gene", {"valueString": row.gene}), ("protein_change", {"valueString": row.change})]
    if row.fraction is not None:
        parts.append(("fraction", {"valueQuantity": {"value": float(row.fraction), "unit": "1"}}))
    return _genomic(row, "variant", parts)


def _coverage(row: Any) -> Resource:
    parts: list[tuple[str, Resource]] = [("gene", {"valueString": row.gene})]
    for name in ("first", "last"):
        if getattr(row, name) is not None:
            parts.append((name, {"valueInteger": int(getattr(row, name))}))
    return _genomic(row, "coverage", parts)


def _genomic(row: Any, what: str, parts: list[tuple[str, Resource]]) -> Resource:
    components = [{"code": _own(f"genomics:{name}"), **value} for name, value in parts]
    return {**_observation(row, f"genomics:{what}"), "component": components}


def _susceptibility(row: Any) -> Resource:
    return {
        **_observation(row, f"susceptibility:{row.concept}"),
        "valueCodeableConcept": _own(f"call:{row.call}"),
    }


_WRITERS: dict[str, Callable[[Any], Resource]] = {
    "person": _person,
    "measurement": _measurement,
    "observation": _sign,
    "exposure": _exposure,
    "condition": _condition,
    "procedure": _procedure,
    "variant": _variant,
    "coverage": _coverage,
    "susceptibility": _susceptibility,
}
