"""Three patients of a few lines, whose days can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.support import twin

from cmvigil.record.read import read_record

PERSON = """
cmvigil: 1
person:
  birth_date: 1980-01-01
  sex: female
  height: {value: 165 cm, date: 2026-02-20}
  weight: {value: 60 kg, date: 2026-02-20}
viral_load_defaults: {unit: IU/mL, specimen: plasma, assay: cobas CMV, laboratory: central, lloq: 34.5}
labs:
  creatinine:
    - {date: 2026-02-20, value: 60 umol/L}
    - {date: 2026-03-08, value: 60 umol/L}
    - {date: 2026-03-15, value: 60 umol/L}
"""
GANCICLOVIR = "{drug: ganciclovir, dose: 300 mg, every: 12 h, route: iv, start: 2026-03-02, intent: treatment"
CASES = {
    # Treated from 2 March on. The load of day 15 is known on day 16 and has not fallen: probably refractory from
    # 18 March until foscarnet, another line, begins on the 25th; its day 16 is 10 April. The load known on 30 March is
    # negative, that of 6 April is not.
    "rising": f"""
viral_loads:
  - {{date: 2026-03-02, value: 5000}}
  - {{date: 2026-03-09, value: 6000}}
  - {{date: 2026-03-17, value: 8000, reported_on: 2026-03-18}}
  - {{date: 2026-03-29, value: not detected, reported_on: 2026-03-30}}
  - {{date: 2026-04-06, value: 900}}
drugs:
  - {GANCICLOVIR}, end: 2026-03-24}}
  - {{drug: foscarnet, dose: 90 mg/kg, every: 12 h, route: iv, start: 2026-03-25, intent: treatment}}
""",
    # No load after the start until 24 March: overdue from day 16, 18 March, on. A load speaks for less than 14 days.
    "late": f"""
viral_loads: [{{date: 2026-03-02, value: 5000}}, {{date: 2026-03-24, value: 100}}]
drugs: [{GANCICLOVIR}}}]
""",
    # Nothing of CMV, and nothing at all before 10 March but what the person is.
    "none": "drugs: [{drug: mesalazine, dose: 2.4 g, every: daily, route: oral, start: 2026-03-10}]",
}  # fmt: skip


def write(folder: Path) -> dict[str, Path]:
    """Their case files."""
    made = {}
    for patient, text in CASES.items():
        whole = PERSON if patient != "none" else PERSON.split("  height")[0]
        made[patient] = folder / f"{patient}.yaml"
        made[patient].write_text(whole + text, encoding="utf-8")
    return made


def resources(folder: Path) -> Iterator[dict[str, Any]]:
    """Their FHIR resources; the case files are written to the folder."""
    for patient, case in write(folder).items():
        yield from resources_of(case, patient)


def resources_of(case: Path, patient: str) -> Iterator[dict[str, Any]]:
    """The FHIR resources of a case file, as those of a patient of this id."""
    for number, entry in enumerate(twin.bundle(read_record(case))["entry"]):
        made = deepcopy(entry["resource"])
        made["id"] = patient if made["resourceType"] == "Patient" else f"{patient}-{number}"
        if "subject" in made:
            made["subject"] = {"reference": f"Patient/{patient}"}
        yield made
