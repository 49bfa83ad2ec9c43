"""What a specimen was: plasma, whole blood, tissue of a site. Only exact names are understood."""

from __future__ import annotations

from cmvigil.record.errors import shown
from cmvigil.record.fhir.intake import Intake, Place, own_code, texts

_NAMES = {
    "blood": "whole_blood",
    "whole blood": "whole_blood",
    "blood specimen": "whole_blood",
    "edta blood": "whole_blood",
    "edta plasma": "plasma",
    "plasma specimen": "plasma",
    "blood plasma": "plasma",
    "serum specimen": "serum",
    "cerebrospinal fluid": "csf",
    "bronchoalveolar lavage": "bal",
    "bronchoalveolar lavage fluid": "bal",
    "aqueous humour": "aqueous",
    "aqueous humor": "aqueous",
    "vitreous humour": "vitreous",
    "vitreous fluid": "vitreous",
    "urine specimen": "urine",
    "small bowel": "small_bowel",
}


def specimen_word(intake: Intake, text: str) -> str | None:
    """The specimen that a text names."""
    if text.startswith("tissue:") or text in intake.words.specimens:
        return text
    plain = " ".join(text.lower().split())
    word = _NAMES.get(plain, plain)
    return word if word in intake.words.specimens else None


def specimen_of(intake: Intake, place: Place) -> str | None:
    """The specimen of an Observation, by its Specimen's type or its display; noted when not understood."""
    reference = place.resource.get("specimen")
    if not isinstance(reference, dict):
        return None
    found = intake.resolve(reference, place.resource)
    kind = None if found is None else found.get("type")
    names = [name for name in (own_code(kind), *texts(kind), reference.get("display")) if isinstance(name, str)]
    for name in names:
        word = specimen_word(intake, name)
        if word is not None:
            return word
    named = shown(names[0] if names else reference.get("reference") or "")
    intake.issue("note", place, f"specimen {named}", "a known specimen", "Not understood.", "specimen")
    return None
