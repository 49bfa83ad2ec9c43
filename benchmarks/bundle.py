"""Two hospital-sized records: a CMV patient among the everyday results of three years, and one with CMV in every entry.

In the first, some three of five Observations have codes that cmvigil has no use for, as in a hospital. In the second,
every entry becomes a row: loads, laboratory values and single administrations that are merged into courses.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

ENTRIES = 500
EXAMPLE = Path(__file__).parents[1] / "examples" / "kidney-d-plus-r-minus-refractory" / "bundle.json"
FIRST_DAY = date(2023, 6, 1)
LAST_INFUSION = date(2026, 3, 20)
LABORATORY = (
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", 139.0, "mmol/L"),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", 4.2, "mmol/L"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 12.1, "g/dL"),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", 98.0, "mg/dL"),
    ("8867-4", "Heart rate", 74.0, "/min"),
    ("9279-1", "Respiratory rate", 16.0, "/min"),
    ("8480-6", "Systolic blood pressure", 128.0, "mm[Hg]"),
    ("2885-2", "Protein [Mass/volume] in Serum or Plasma", 7.0, "g/dL"),
    ("1751-7", "Albumin [Mass/volume] in Serum or Plasma", 4.0, "g/dL"),
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", 187.0, "mg/dL"),
)


def bundle() -> bytes:
    """The Bundle as bytes: the example's own entries, and everyday Observations up to ``ENTRIES``."""
    content = orjson.loads(EXAMPLE.read_bytes())
    patient = next(e["resource"]["id"] for e in content["entry"] if e["resource"]["resourceType"] == "Patient")
    everyday = ENTRIES - len(content["entry"])
    content["entry"] += [{"resource": _observation(n, patient)} for n in range(everyday)]
    return orjson.dumps(content)


def mapped() -> bytes:
    """The Bundle in which every entry is used: the example's loads and laboratory values again and again, each time a
    week earlier, and a ganciclovir infusion twice a day.
    """
    content = orjson.loads(EXAMPLE.read_bytes())
    resources = [entry["resource"] for entry in content["entry"]]
    patient = next(r["id"] for r in resources if r["resourceType"] == "Patient")
    results = [r for r in resources if r["resourceType"] == "Observation" and "valueQuantity" in r]
    for number in range(ENTRIES - len(resources)):
        if number % 4 == 3:
            made = _administration(number // 4, patient)
        else:
            again, which = divmod(number, len(results))
            made = {**results[which], "id": f"again-{number}"}
            day = date.fromisoformat(made["effectiveDateTime"][:10]) - timedelta(weeks=again + 1)
            made["effectiveDateTime"] = day.isoformat()
        content["entry"].append({"resource": made})
    return orjson.dumps(content)


def _administration(number: int, patient: str) -> dict[str, Any]:
    day = LAST_INFUSION - timedelta(days=number // 2)
    return {
        "resourceType": "MedicationAdministration",
        "id": f"infusion-{number}",
        "status": "completed",
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "J05AB06"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"{day}T{8 + 12 * (number % 2):02}:00:00+02:00",
        "dosage": {"dose": {"value": 350, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
    }


def _observation(number: int, patient: str) -> dict[str, Any]:
    code, display, value, unit = LABORATORY[number % len(LABORATORY)]
    day = FIRST_DAY + timedelta(days=number * 2)
    return {
        "resourceType": "Observation",
        "id": f"everyday-{number}",
        "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                        "display": "Laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"{day}T08:30:00+02:00",
        "issued": f"{day}T11:02:14+02:00",
        "valueQuantity": {
            "value": round(value * (1 + (number % 7 - 3) / 50), 1),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }
