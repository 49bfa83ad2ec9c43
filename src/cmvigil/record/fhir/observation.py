"""Observations: when they were made, and what their codes stand for; findings and words."""

from __future__ import annotations

from typing import Any

from cmvigil.record.codes import Target
from cmvigil.record.errors import shown
from cmvigil.record.fhir import genomics, measurement
from cmvigil.record.fhir.intake import Intake, Place, dicts, extension, names_cmv, texts, time_of
from cmvigil.record.fhir.measurement import When
from cmvigil.record.fhir.specimen import specimen_word
from cmvigil.record.tables import Condition, Observation

_UNUSED_STATUS = frozenset({"entered-in-error", "cancelled"})
_PRESENT = frozenset({"positive", "present", "detected", "yes", "true", "reactive", "pos", "la6576-8", "la9633-4"})
_ABSENT = frozenset(
    {"negative", "absent", "not detected", "not present", "no", "false", "neg", "la6577-6", "la9634-2"}
) | {
    *("non-reactive", "nonreactive", "none", "none detected", "undetected"),
}


def read(intake: Intake, place: Place) -> None:
    """Rows of one Observation and its components."""
    resource = place.resource
    status = resource.get("status")
    if status in _UNUSED_STATUS:
        intake.issue("rejected", place, f"status {status}", "a result", "Not used.", "status")
        return
    code = resource.get("code")
    targets = intake.targets(code)
    components = resource.get("component")
    if not targets:
        if not components or not _components(intake, place, components):
            intake.unmapped(place, code)
            if names_cmv(code):
                intake.lost(place, "viral_loads")
        return
    when = _when(intake, place)
    if when is None:
        intake.issue("rejected", place, "no date", "effective[x] or issued", "Not used.", "effectiveDateTime")
        if any(target.concept in measurement.LOADS for target in targets):
            intake.lost(place, "viral_loads")
        return
    if status == "preliminary":
        intake.issue("note", place, "status preliminary", "a final result", "Used as it stands.", "status")
    for target in targets:
        _one(intake, place, target, resource, when)
    if components and targets[0].kind not in ("genomics", "susceptibility"):
        _components(intake, place, components, when)


def _when(intake: Intake, place: Place) -> When | None:
    resource = place.resource
    issued = intake.day(resource.get("issued"))
    text = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    day = intake.day(text)
    if day is not None and len(str(text)) < 10:
        intake.partial_date(place, "effectiveDateTime", text)
    if day is None:
        start, end = intake.period(resource.get("effectivePeriod"))
        day = start or end
        if day is None:
            report = intake.reports.get(f"Observation/{resource.get('id')}")
            if report is not None:
                day = intake.day(report.get("effectiveDateTime")) or intake.period(report.get("effectivePeriod"))[0]
                issued = issued or intake.day(report.get("issued"))
            day = day or issued
        if day is None:
            return None
    return day, max(day, issued) if issued is not None else day, time_of(text)


def _components(intake: Intake, place: Place, components: Any, when: When | None = None) -> bool:
    """Read the components that are known; whether any was."""
    known = [(c, target) for c in dicts(components) for target in intake.targets(c.get("code"))]
    if known and when is None:
        when = _when(intake, place)
        if when is None:
            intake.issue("rejected", place, "no date", "effective[x] or issued", "Not used.", "effectiveDateTime")
            return True
    for component, target in known:
        if when is not None:
            _one(intake, place, target, component, when)
    return bool(known)


def _one(intake: Intake, place: Place, target: Target, holder: Any, when: When) -> None:
    """One coded value: the Observation itself or one of its components."""
    if target.kind == "measurement":
        measurement.read(intake, place, target, holder, when)
    elif target.kind == "observation":
        _sign(intake, place, target, holder, when)
    elif target.kind == "condition":
        _condition(intake, place, target, holder, when)
    elif target.kind == "susceptibility":
        genomics.call(intake, place, target.concept, holder, when)
    elif target.kind == "genomics":
        genomics.read(intake, place, target.concept, when)
    else:
        intake.unmapped(place, holder.get("code"))


# --- findings and words --------------------------------------------------------------------------------


def _presence(holder: Any) -> bool | None:
    """Whether a value says present (True) or absent (False); None when it says neither."""
    value = holder.get("valueBoolean")
    if isinstance(value, bool):
        return value
    for word in _value_words(holder):
        if word in _PRESENT:
            return True
        if word in _ABSENT:
            return False
    return None


def _value_words(holder: Any) -> list[str]:
    words = [str(holder.get("valueString") or "")]
    concepts = [holder.get("valueCodeableConcept")]
    if not any(key.startswith("value") for key in holder):
        concepts += dicts(holder.get("interpretation"))  # an interpretation does not overrule a value
    for concept in concepts:
        words += texts(concept)
        if isinstance(concept, dict):
            words += [str(coding.get("code") or "") for coding in dicts(concept.get("coding"))]
    return [" ".join(word.lower().split()) for word in words if word]


def _sign(intake: Intake, place: Place, target: Target, holder: Any, when: When) -> None:
    sign = intake.words.signs[target.concept]
    present: bool | None = None
    text: str | None = None
    if sign.words:
        words = [target.value] if target.value else _value_words(holder)
        text = next((w for word in words if (w := word.replace(" ", "_").replace("-", "_")) in sign.words), None)
        if text is None and "positive" in sign.words:
            said = _presence(holder)
            text = None if said is None else "positive" if said else "negative"
        if text is None:
            found = shown(words[0]) if words else "no value"
            expected = f"{sign.label}: {', '.join(sign.words)}"
            intake.issue("rejected", place, found, expected, "Not used.", "value")
            return
    else:
        present = _presence(holder)
        if present is None and "dataAbsentReason" not in holder and extension(place.resource, "unclear") is None:
            found = shown(next(iter(_value_words(holder)), "no value"))
            intake.issue("note", place, found, f"{sign.label}: yes or no", "Kept as not clear.", "value")
    day, known_on, time = when
    site = next(iter(texts(place.resource.get("bodySite"))), None)
    intake.rows["observation"].append(
        Observation(
            patient=intake.patient,
            event=place.event(),
            day=day,
            time=time,
            known_on=known_on,
            source=place.name,
            concept=target.concept,
            present=present,
            text=text,
            site=specimen_word(intake, site) if site else None,
        )
    )


def _condition(intake: Intake, place: Place, target: Target, holder: Any, when: When) -> None:
    present = _presence(holder)
    if present is None:
        intake.issue("rejected", place, "no clear value", f"{target.concept}: yes or no", "Not used.", "value")
        return
    day, known_on, time = when
    intake.rows["condition"].append(
        Condition(
            patient=intake.patient,
            event=place.event(),
            day=day,
            time=time,
            known_on=known_on,
            source=place.name,
            concept=target.concept,
            present=present != (target.value == "no"),
        )
    )
