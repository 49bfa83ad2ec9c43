"""One patient's FHIR R4 resources, as lines of JSON. What never changes is written once and put in as it stands."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cache
from typing import Any, Literal, NamedTuple

import orjson

from ..record.codes import OWN, shipped
from ..record.fhir.intake import EXTENSION
from ..record.vocabulary import plain_name, vocabulary
from .doses import Dose

KINDS = (
    "Patient",
    "Condition",
    "Procedure",
    "Observation",
    "Specimen",
    "MedicationRequest",
    "MedicationStatement",
    "Organization",
)
"""The resource types that are written, one file (or series of files) each."""

LOINC, SNOMED, ATC = "http://loinc.org", "http://snomed.info/sct", "http://www.whocc.no/atc"
UCUM = "http://unitsofmeasure.org"
_HL7 = "http://terminology.hl7.org/CodeSystem/"

Resource = dict[str, Any]
INTENT = f"{EXTENSION}intent"
"""The extension that says what an antiviral is given for."""

Level = Literal["rejected", "unusable", "unmapped"]


class Test(NamedTuple):
    """A laboratory test: its code and the unit that its results come in."""

    system: str
    code: str
    name: str
    unit: str = ""
    ucum: str = ""
    digits: int = 1


class Laboratory(NamedTuple):
    """A laboratory, its assay of CMV DNA and the code that this has: in plasma, or in whole blood."""

    key: str
    name: str
    assay: str
    code: str


TESTS = {
    "creatinine": Test(LOINC, "14682-9", "Creatinine [Moles/volume]", "umol/L", "umol/L", 0),
    "creatinine mg/dL": Test(LOINC, "2160-0", "Creatinine [Mass/volume]", "mg/dL", "mg/dL", 2),
    "neutrophils": Test(LOINC, "751-8", "Neutrophils", "10*9/L", "10*9/L", 2),
    "lymphocytes": Test(LOINC, "731-0", "Lymphocytes", "10*9/L", "10*9/L", 2),
    "platelets": Test(LOINC, "777-3", "Platelets", "10*9/L", "10*9/L", 0),
    "haemoglobin": Test(LOINC, "718-7", "Haemoglobin", "g/dL", "g/dL", 1),
    "potassium": Test(LOINC, "2823-3", "Potassium", "mmol/L", "mmol/L", 1),
    "magnesium": Test(LOINC, "2601-3", "Magnesium", "mmol/L", "mmol/L", 2),
    "alt": Test(LOINC, "1742-6", "Alanine aminotransferase", "U/L", "U/L", 0),
    "cd4": Test(LOINC, "24467-3", "CD4 cells", "/uL", "/uL", 0),
    "tacrolimus_level": Test(LOINC, "11253-2", "Tacrolimus", "ng/mL", "ng/mL", 1),
    "body_weight": Test(LOINC, "29463-7", "Body weight", "kg", "kg", 1),
    "body_height": Test(LOINC, "8302-2", "Body height", "cm", "cm", 0),
    "glucose": Test(LOINC, "2345-7", "Glucose", "mg/dL", "mg/dL", 0),
}
STRANGE = "glucose"
"""A test that cmvigil does not know."""
CENTRAL = Laboratory("central", "Central Laboratory", "CMV DNA plasma assay", "72493-0")
DISTRICT = Laboratory("district", "District Laboratory", "CMV DNA blood assay", "100675-8")
LABORATORIES = (CENTRAL, DISTRICT)


def _bytes(content: object) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(content))


@cache
def _concept(system: str, code: str, text: str) -> orjson.Fragment:
    """A CodeableConcept."""
    return _bytes({"coding": [{"system": system, "code": code}], "text": text})


def _hl7(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": _HL7 + system, "code": code, "display": display}]}


_TAG = _bytes({"tag": [{"system": f"{_HL7}v3-ActReason", "code": "HTEST", "display": "test health data"}]})
_LABORATORY = _bytes([_hl7("observation-category", "laboratory", "Laboratory")])
_VITAL = _bytes([_hl7("observation-category", "vital-signs", "Vital Signs")])
_EXAM = _bytes([_hl7("observation-category", "exam", "Exam")])
_CONFIRMED = _bytes(_hl7("condition-ver-status", "confirmed", "Confirmed"))
_CLINICAL = {
    "active": _bytes(_hl7("condition-clinical", "active", "Active")),
    "resolved": _bytes(_hl7("condition-clinical", "resolved", "Resolved")),
}
_NOT_DETECTED = _concept(SNOMED, "260415000", "Not detected")
_POSITIVE = _concept(SNOMED, "10828004", "Positive")
_FAILED = _bytes(_hl7("data-absent-reason", "error", "Error"))
_PERFORMER = {
    each.key: _bytes([{"reference": f"Organization/{each.key}", "display": each.name}]) for each in LABORATORIES
}
_METHOD = {each.key: _bytes({"text": each.assay}) for each in LABORATORIES}
_ROUTES = {"oral": _concept(SNOMED, "26643006", "Oral route"), "iv": _concept(SNOMED, "47625008", "Intravenous route")}


_iso = cache(lambda day: date.fromordinal(day).isoformat())


@cache
def _unknown(system: str, code: str, text: str = "") -> bool:
    """Whether cmvigil knows neither the code nor, of a drug, the name."""
    return (system, code) not in shipped() and plain_name(text) not in vocabulary().drug_names


def organizations() -> list[bytes]:
    """The laboratories, which belong to no patient."""
    return [
        orjson.dumps({"resourceType": "Organization", "id": each.key, "meta": _TAG, "active": True, "name": each.name})
        for each in LABORATORIES
    ]


class Chart:
    """The resources of a patient as they are written down, and what about them is wrong on purpose.

    Days are counted from ``origin``, a day as :meth:`datetime.date.toordinal` counts.
    """

    __slots__ = ("_number", "_origin", "_subject", "faults", "levels", "lines", "patient")

    def __init__(self, patient: str, origin: int) -> None:
        self.patient = patient
        self._origin = origin
        self.lines: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
        self.faults: Counter[str] = Counter()
        self.levels: Counter[str] = Counter()
        self._number = 0
        self._subject = orjson.Fragment(b'{"reference":"Patient/%s"}' % patient.encode())

    def iso(self, day: int) -> str:
        """A day as FHIR writes it."""
        return _iso(self._origin + day)

    def wrong(self, fault: str, level: Level | None = None) -> None:
        """Count what is wrong on purpose, by its name and by what intake is to say of it."""
        self.faults[fault] += 1
        if level:
            self.levels[level] += 1

    # -- resources -----------------------------------------------------------------------------------------------------
    def person(self, sex: str | None, birth: str) -> None:
        """The Patient."""
        resource: Resource = {"resourceType": "Patient", "id": self.patient, "meta": _TAG, "active": True}
        if sex:
            resource["gender"] = sex
        resource["birthDate"] = birth
        self.lines["Patient"].append(orjson.dumps(resource))

    def test(self, name: str, day: int, value: float, laboratory: Laboratory | None = CENTRAL, **more: Any) -> None:
        """A result of a laboratory test or a vital sign (without a laboratory). ``more`` stands in for its elements."""
        test = TESTS[name]
        if _unknown(test.system, test.code):
            self.wrong("unknown test", "unmapped")
        resource = self._observation(_concept(test.system, test.code, test.name), day, laboratory)
        if laboratory is None:
            resource["category"] = _VITAL
        number = round(value, test.digits) if test.digits else round(value)
        resource["valueQuantity"] = {"value": number, "unit": test.unit, "system": UCUM, "code": test.ucum}
        self._write("Observation", {**resource, **more} if more else resource)

    def load(self, day: int, laboratory: Laboratory, result: str, *, log: bool = False, **more: Any) -> None:
        """A CMV load in IU/mL as reported: ``1200``, ``<137``, ``>1000000`` or empty for not detected."""
        code, unit, ucum = laboratory.code, "IU/mL", "[IU]/mL"
        if log:
            code, unit, ucum = "100676-6", "log IU/mL", "{log_IU}/mL"
        resource = self._observation(_concept(LOINC, code, "CMV DNA"), day, laboratory)
        if result:
            number = result.lstrip("<>")
            quantity: Resource = {"value": float(number) if log else int(number)}
            if number != result:
                quantity["comparator"] = result[0]
            resource["valueQuantity"] = {**quantity, "unit": unit, "system": UCUM, "code": ucum}
        else:
            resource["valueCodeableConcept"] = _NOT_DETECTED
        resource["specimen"] = self._specimen(day, laboratory)
        resource["method"] = _METHOD[laboratory.key]
        self._write("Observation", {**resource, **more} if more else resource)

    def failed_load(self, day: int, laboratory: Laboratory) -> None:
        """A load that was sent for and could not be measured."""
        resource = self._observation(_concept(LOINC, laboratory.code, "CMV DNA"), day, laboratory)
        self._write("Observation", {**resource, "dataAbsentReason": _FAILED})
        self.wrong("no value", "unusable")

    def _specimen(self, day: int, laboratory: Laboratory) -> Resource:
        """Plasma is named in the result itself, blood by a Specimen."""
        if laboratory is CENTRAL:
            return {"display": "plasma"}
        identity = self._next("s")
        collected = {"collectedDateTime": self.iso(day)}
        kind = _concept(SNOMED, "119297000", "Blood specimen")
        specimen = {"resourceType": "Specimen", "id": identity, "meta": _TAG, "type": kind}
        self.lines["Specimen"].append(orjson.dumps({**specimen, "subject": self._subject, "collection": collected}))
        return {"reference": f"Specimen/{identity}"}

    def stated(self, concept: str, day: int, value: str | bool, label: str) -> None:
        """A finding (yes or no) or a word, in our own code system: no public code says it."""
        resource = self._observation(_concept(OWN, concept, label), day, None)
        resource["valueBoolean" if isinstance(value, bool) else "valueString"] = value
        self._write("Observation", resource)

    def tissue(self, day: int, site: str) -> None:
        """Immunohistochemistry that found CMV."""
        resource = self._observation(_concept(LOINC, "10660-9", "CMV Ag in tissue by immune stain"), day, CENTRAL)
        self._write("Observation", {**resource, "valueCodeableConcept": _POSITIVE, "bodySite": {"text": site}})

    def variant(self, day: int, known: int, gene: str, change: str, share: float) -> None:
        """An amino-acid change that a genotype found."""
        parts = (
            ("48018-6", "Gene studied", {"valueCodeableConcept": {"text": gene}}),
            ("48005-3", "Amino acid change", {"valueCodeableConcept": {"text": change}}),
            (
                "81258-6",
                "Variant fraction",
                {"valueQuantity": {"value": round(share, 2), "unit": "1", "system": UCUM, "code": "1"}},
            ),
        )
        resource = self._observation(_concept(LOINC, "69548-6", "Genetic variant assessment"), day, CENTRAL, known)
        resource["valueCodeableConcept"] = {"text": "Present"}
        resource["component"] = [{"code": _concept(LOINC, code, text), **value} for code, text, value in parts]
        self._write("Observation", resource)

    def coverage(self, day: int, known: int, gene: str, first: int, last: int) -> None:
        """The codons that a genotype read."""
        resource = self._observation(_concept(OWN, "genomics:coverage", "Codons read"), day, CENTRAL, known)
        resource["component"] = [
            {"code": _concept(OWN, "genomics:gene", "Gene"), "valueString": gene},
            {"code": _concept(OWN, "genomics:first", "First codon"), "valueInteger": first},
            {"code": _concept(OWN, "genomics:last", "Last codon"), "valueInteger": last},
        ]
        self._write("Observation", resource)

    def call(self, day: int, known: int, drug: str, resistant: bool) -> None:
        """What the laboratory makes of a genotype for a drug."""
        code = {"ganciclovir": "72854-3", "foscarnet": "42317-8"}[drug]
        resource = self._observation(_concept(LOINC, code, f"CMV {drug} resistance"), day, CENTRAL, known)
        answer = ("LA6676-6", "Resistant") if resistant else ("LA6677-4", "Responsive")
        resource["valueCodeableConcept"] = _concept(LOINC, *answer)
        self._write("Observation", resource)

    def condition(self, code: tuple[str, str, str], day: int, end: int | None = None, told: int | None = None) -> None:
        """A diagnosis from its onset on; ``told``: the day on which it was made, where that is later."""
        if _unknown(*code[:2]):
            self.wrong("unknown condition", "unmapped")
        resource: Resource = {
            "resourceType": "Condition",
            "id": self._next("c"),
            "meta": _TAG,
            "clinicalStatus": _CLINICAL["active" if end is None else "resolved"],
            "verificationStatus": _CONFIRMED,
            "code": _concept(*code),
            "subject": self._subject,
            "onsetDateTime": self.iso(day),
        }
        if end is not None:
            resource["abatementDateTime"] = self.iso(end)
        resource["recordedDate"] = self.iso(day if told is None else told)
        self.lines["Condition"].append(orjson.dumps(resource))

    def procedure(self, code: tuple[str, str, str], day: int) -> None:
        """Something done on one day."""
        resource = {
            "resourceType": "Procedure",
            "id": self._next("p"),
            "meta": _TAG,
            "status": "completed",
            "code": _concept(*code),
            "subject": self._subject,
            "performedDateTime": self.iso(day),
        }
        self.lines["Procedure"].append(orjson.dumps(resource))

    def order(
        self, drug: tuple[str, str], dose: Dose | None, start: int, end: int | None, route: str, **more: Any
    ) -> str:
        """An order of a drug (ATC code and name). Gives its id."""
        if _unknown(ATC, *drug):
            self.wrong("unknown drug", "unmapped")
        identity = self._next("m")
        resource: Resource = {
            "resourceType": "MedicationRequest",
            "id": identity,
            "meta": _TAG,
            "status": "active" if end is None else "completed",
            "intent": "order",
            "medicationCodeableConcept": _concept(ATC, *drug),
            "subject": self._subject,
            "authoredOn": self.iso(start),
            "dosageInstruction": [self._dosage(dose, route, start, end)],
        }
        self._write("MedicationRequest", {**resource, **more})
        return identity

    def taken(
        self,
        drug: tuple[str, str],
        dose: Dose,
        start: int,
        end: int | None,
        share: float,
        order: str,
        intent: str,
    ) -> None:
        """What the patient says of an oral drug that was ordered, with the share of doses taken."""
        period = {"start": self.iso(start)} | ({} if end is None else {"end": self.iso(end)})
        extensions: list[Resource] = [{"url": INTENT, "valueString": intent}] if intent else []
        extensions.append({"url": f"{EXTENSION}taken", "valueDecimal": round(share, 2)})
        resource: Resource = {
            "resourceType": "MedicationStatement",
            "id": self._next("t"),
            "meta": _TAG,
            "basedOn": [{"reference": f"MedicationRequest/{order}"}],
            "status": "active" if end is None else "completed",
            "medicationCodeableConcept": _concept(ATC, *drug),
            "subject": self._subject,
            "effectivePeriod": period,
            "dateAsserted": self.iso(start),
            "dosage": [self._dosage(dose, "oral", None, None)],
            "extension": extensions,
        }
        self.lines["MedicationStatement"].append(orjson.dumps(resource))

    # -- parts ---------------------------------------------------------------------------------------------------------
    def _observation(
        self, code: orjson.Fragment, day: int, laboratory: Laboratory | None, known: int | None = None
    ) -> Resource:
        resource: Resource = {
            "resourceType": "Observation",
            "id": self._next("o"),
            "meta": _TAG,
            "status": "final",
            "category": _LABORATORY if laboratory else _EXAM,
            "code": code,
            "subject": self._subject,
            "effectiveDateTime": self.iso(day),
        }
        if laboratory:
            resource["issued"] = f"{self.iso(day + 1 if known is None else known)}T09:00:00Z"
            resource["performer"] = _PERFORMER[laboratory.key]
        return resource

    def _next(self, letter: str) -> str:
        self._number += 1
        return f"{self.patient}-{letter}{self._number}"

    def _write(self, kind: str, resource: Resource) -> None:
        self.lines[kind].append(orjson.dumps(resource))

    def again(self) -> None:
        """The last result stands twice in the export."""
        self.lines["Observation"].append(self.lines["Observation"][-1])
        self.wrong("duplicate")

    def _dosage(self, dose: Dose | None, route: str, start: int | None, end: int | None) -> Resource:
        timing: Resource = {}
        if start is not None:
            timing["boundsPeriod"] = {"start": self.iso(start)} | ({} if end is None else {"end": self.iso(end)})
        if dose is not None:
            timing |= {"frequency": 1, "period": dose.hours if dose.hours % 1 else int(dose.hours), "periodUnit": "h"}
        dosage: Resource = {"timing": {"repeat": timing}} if timing else {}
        dosage["route"] = _ROUTES[route]
        if dose is not None:
            unit = "mg/kg" if dose.per_kg else "mg"
            amount = dose.amount if dose.amount % 1 else int(dose.amount)
            dosage["doseAndRate"] = [{"doseQuantity": {"value": amount, "unit": unit, "system": UCUM, "code": unit}}]
        return dosage
