"""What a question asks for, as a DataRequirement: with codes that cmvigil reads when the answer comes."""

from __future__ import annotations

from cmvigil.advice import Question
from cmvigil.report.fhir_frame import Resource

LOINC: dict[str, tuple[str, ...]] = {
    "alt": ("1742-6",),
    "ast": ("1920-8",),
    "atypical_lymphocytes": (),
    "bal_cmv": (),
    "calcium": ("17861-6", "2000-8"),
    "clinical_course": (),
    "cmv_load": ("72493-0", "72494-8", "100675-8", "100676-6", "30247-1", "54206-8", "29604-6", "34720-3"),
    "cns_imaging_or_eeg": (),
    "creatinine": ("2160-0", "14682-9"),
    "csf_cmv": (),
    "genomics:variant": ("69548-6",),
    "haemoglobin": ("718-7",),
    "igg": (),
    "leukocytes": ("6690-2", "26464-8"),
    "lung_infiltrates": (),
    "lymphocytes": ("731-0",),
    "magnesium": ("19123-9", "2601-3"),
    "neutrophils": ("751-8", "753-4", "26499-4"),
    "other_causes_excluded": (),
    "phosphate": ("2777-1", "14879-1"),
    "platelets": ("777-3", "26515-7"),
    "potassium": ("2823-3", "6298-4"),
    "retinal_lesion": (),
    "steroid_response": (),
    "urine_protein": ("20454-5", "5804-0"),
}
"""Concepts that a question may ask for, with the LOINC codes known for them; every one has our own code."""

_CONCEPTS: dict[str, tuple[str, ...]] = {
    "calcium_below_normal": ("calcium",),
    "magnesium_below_normal": ("magnesium",),
    "phosphate_below_normal": ("phosphate",),
    "potassium_below_normal": ("potassium",),
    "enzymes_raised": ("alt", "ast"),
    "comparable_load": ("cmv_load",),
    "load_in_iu": ("cmv_load",),
    "load_rose_one_log": ("cmv_load",),
    "previous_load": ("cmv_load",),
    "cidofovir_reading": ("genomics:variant",),
    "ganciclovir_present_reading": ("genomics:variant",),
    "maribavir_reading": ("genomics:variant",),
}
"""The concepts of a fact that has another name."""

_PERSON = {"age": "birthDate", "sex": "gender"}


def requirement(question: Question) -> Resource | None:
    """The data a question asks for; None where no code says it: its words stand in a note."""
    if question.fact in _PERSON:
        return {"type": "Patient", "mustSupport": [_PERSON[question.fact]]}
    concepts = _CONCEPTS.get(question.fact, (question.fact,))
    if not LOINC.keys() >= set(concepts):
        return None
    loinc = [{"system": "http://loinc.org", "code": code} for concept in concepts for code in LOINC[concept]]
    own = [{"system": "urn:cmvigil:concept", "code": concept} for concept in concepts]
    return {"type": "Observation", "codeFilter": [{"path": "code", "code": [*loinc, *own]}]}
