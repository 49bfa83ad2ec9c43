"""Writes the FHIR twin of every example: ``python -m tests.cases.twins``. Run it after a case file has changed.

Where a public code (LOINC, SNOMED CT, RxNorm, ATC) stands for one concept and nothing else, the twin uses it, as a
hospital would.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
from tests.support.twin import bundle

from cmvigil.record.codes import FILE, OWN
from cmvigil.record.read import read_record

ROOT = Path(__file__).parents[2] / "examples"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
SYSTEMS = {
    "Observation": (LOINC,),
    "Condition": (SNOMED,),
    "Procedure": (SNOMED,),
    "MedicationStatement": (RXNORM, ATC),
    "MedicationRequest": (RXNORM, ATC),
    "MedicationAdministration": (RXNORM, ATC),
}


def public_codes() -> dict[tuple[str, str], dict[str, str]]:
    """System and concept -> the coding that means this concept alone."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    meanings = defaultdict(set)
    for row in rows:
        meanings[row["system"], row["code"]].add(row["concept"])
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        plain = not (row["value"] or row["unit"] or row["specimen"])
        if plain and len(meanings[row["system"], row["code"]]) == 1:
            coding = {key: row[key] for key in ("system", "code", "display")}
            found.setdefault((row["system"], row["concept"]), coding)
    return found


def with_public_codes(content: Any, codes: dict[tuple[str, str], dict[str, str]]) -> Any:
    """The Bundle with our own codes replaced by public ones where there are any."""
    for entry in content["entry"]:
        resource = entry["resource"]
        for system in SYSTEMS.get(resource["resourceType"], ()):
            for coded in (resource.get("code"), resource.get("medicationCodeableConcept")):
                for coding in (coded or {}).get("coding", ()):
                    if coding.get("system") == OWN and (system, coding["code"]) in codes:
                        coding.update(codes[system, coding["code"]])
    return content


def main() -> None:
    """Write examples/*/bundle.json beside each case.yaml."""
    codes = public_codes()
    for path in sorted(ROOT.glob("*/case.yaml")):
        content = with_public_codes(bundle(read_record(path)), codes)
        made = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        path.with_name("bundle.json").write_bytes(made)


if __name__ == "__main__":
    main()
