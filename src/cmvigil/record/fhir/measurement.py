"""Measurements among the Observations: a number with unit, comparator, specimen, assay and limits."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from cmvigil.record import units
from cmvigil.record.codes import Target
from cmvigil.record.fhir.intake import Intake, Place, decimal, dicts, extension, texts
from cmvigil.record.fhir.specimen import specimen_of
from cmvigil.record.tables import Measurement, Range
from cmvigil.record.vocabulary import Quantity

LOADS = frozenset({"cmv_load", "cmv_load_site"})
"""The concepts of viral loads."""

_NOT_DONE = frozenset({"not-performed", "not-applicable", "not-asked"})

When = tuple[date, date, datetime | None]
"""The day of a result, the day from which it was known, and its hour where that is told."""


class _Sample(NamedTuple):
    """What a result was measured in and with, and what about it cannot be right."""

    specimen: str | None
    assay: str | None
    laboratory: str | None
    problem: str | None = None
    remedy: str | None = None


def read(intake: Intake, place: Place, target: Target, holder: Any, when: When) -> None:
    """The row of a number with its unit; one that cannot be used stays, with its problem."""
    resource = place.resource
    quantity = intake.words.quantities[target.concept]
    result, text, unit, conflict = _result(holder, quantity.accepts)
    if result is None and text is None and not _explain_absence(intake, place, holder, target.concept):
        return
    sample = _sample(intake, place, per_unit=quantity.per_unit)
    chosen = _site_row(intake, place, holder, target, unit, sample.specimen, sample.assay) if target.site else target
    if chosen is None:
        return
    sample = _completed(sample, chosen, resource, per_unit=quantity.per_unit)
    concept = target.concept
    if concept in LOADS:
        concept, wrong, advice = units.load_concept(sample.specimen)
        if wrong and not sample.problem:
            sample = sample._replace(problem=wrong, remedy=advice)
        quantity = intake.words.quantities[concept]
    unit, problem = _unit_of(unit, result, chosen, quantity)
    lloq, lloq_unit = _lloq(resource, chosen)
    upper, lower, limits_unit = _limits(holder) if "referenceRange" in holder else (None, None, None)
    measured = units.measure(
        quantity,
        result,
        unit,
        lloq=lloq,
        lloq_unit=lloq_unit,
        upper=upper,
        lower=lower,
        limits_unit=limits_unit,
        found=text or "",
    )
    if text is None:
        measured = measured._replace(problem=_no_value(holder), remedy="Find the result; its row is kept as unusable.")
    reported = units.reported_text(text, unit, result) if text else None
    own = extension(resource, "reported") if "extension" in resource else None
    problem = sample.problem or problem or conflict
    problem = problem or _contradiction(own, reported, measured, quantity, unit, lloq, lloq_unit)
    if problem:
        remedy = (sample.remedy if problem == sample.problem else None) or "Find out which is right."
        measured = measured._replace(value=None, problem=problem, remedy=remedy)
    elif chosen.iu_factor is not None and measured.value is not None and measured.unit == "copies/mL":
        measured = _in_iu(measured, chosen.iu_factor)
        intake.issue("note", place, reported or "", "IU/mL", f"Times {chosen.iu_factor} by the site's mapping.")
    _remark(intake, place, measured, quantity, reported or "")
    _keep(intake, place, concept, measured, sample, own if isinstance(own, str) else reported, when)


def _sample(intake: Intake, place: Place, *, per_unit: bool) -> _Sample:
    """Specimen, assay and laboratory as the resource names them (assay and laboratory for loads only)."""
    resource = place.resource
    named = "specimen" in resource or "bodySite" in resource
    specimen = specimen_of(intake, place) if named else None
    return _Sample(specimen, *((_assay(place), _laboratory(intake, resource)) if per_unit else (None, None)))


def _completed(sample: _Sample, chosen: Target, resource: Any, *, per_unit: bool) -> _Sample:
    """What the code says of specimen and assay fills what the resource leaves out; it never contradicts it silently."""
    sample = sample._replace(assay=sample.assay or chosen.assay)
    if sample.specimen is None and "specimen" in resource and per_unit:
        remedy = "Name a specimen of the vocabulary, or map it."
        return sample._replace(problem="a specimen that is not understood", remedy=remedy)
    if sample.specimen is None:
        return sample._replace(specimen=chosen.specimen)
    differs = chosen.specimen and sample.specimen != chosen.specimen
    if differs and (chosen.specimen, sample.specimen) != ("plasma", "serum"):
        problem = f"the code says {chosen.specimen}, the specimen says {sample.specimen}"
        return sample._replace(problem=problem, remedy="Find out which is right.")
    return sample


def _unit_of(
    unit: str | None, result: units.Result | None, chosen: Target, quantity: Quantity
) -> tuple[str | None, str | None]:
    """The unit to read a result in, and how code and result contradict each other over it."""
    if unit is None and chosen.unit and (chosen.site or (result is not None and result.form == "not_detected")):
        return chosen.unit, None
    if unit and chosen.unit:
        said, found = quantity.accepts.get(chosen.unit), quantity.accepts.get(unit)
        if said is not None and found is not None and said != found:
            return unit, f"the code says {chosen.unit}, the result says {unit}"
    return unit, None


def _remark(intake: Intake, place: Place, measured: units.Measured, quantity: Quantity, reported: str) -> None:
    """Say what makes a value unusable, or what a reader should know of a load that is used."""
    if measured.problem:
        expected = f"{quantity.label} in {quantity.unit}"
        intake.issue("unusable", place, measured.problem, expected, measured.remedy, "value")
    elif quantity.per_unit:
        for found, expected, advice in units.remarks(measured, reported):
            intake.issue("note", place, found, expected, advice, "value")


def _keep(
    intake: Intake,
    place: Place,
    concept: str,
    measured: units.Measured,
    sample: _Sample,
    reported: str | None,
    when: When,
) -> None:
    day, known_on, time = when
    stream = concept
    if intake.words.quantities[concept].per_unit:
        stream = units.stream(sample.specimen, measured.unit, sample.assay, sample.laboratory, log=measured.log)
    intake.rows["measurement"].append(
        Measurement(
            patient=intake.patient,
            event=place.event(),
            day=day,
            time=time,
            known_on=known_on,
            source=place.name,
            concept=concept,
            value=measured.value,
            form=measured.form,
            unit=measured.unit,
            reported=reported,
            specimen=sample.specimen,
            assay=sample.assay,
            laboratory=sample.laboratory,
            lloq=measured.lloq,
            upper_normal=measured.upper_normal,
            lower_normal=measured.lower_normal,
            stream=stream,
            problem=measured.problem,
        )
    )


_COMPARATORS = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">="}
_FORMS = {"": "quantified", "<": "below", "<=": "below", ">": "above", ">=": "above"}


def _result(holder: Any, accepts: Any) -> tuple[units.Result | None, str | None, str | None, str | None]:
    """Result, its text, its unit, and what contradicts itself."""
    quantity = holder.get("valueQuantity")
    if quantity is not None:
        number = decimal(quantity.get("value"))
        comparator = quantity.get("comparator") or ""
        code, spelled = quantity.get("code"), quantity.get("unit")
        unit = code if code in accepts or not spelled else spelled
        conflict = None
        if code in accepts and spelled in accepts and accepts[code] != accepts[spelled]:
            conflict = f"the unit's code says {code}, its text says {spelled}"
        if number is None:
            return (
                None,
                f"{comparator}{quantity.get('value')}" if "value" in quantity else None,
                unit,
                conflict,
            )
        comparator = _COMPARATORS.get(str(comparator).strip(), str(comparator))
        if comparator not in _FORMS:
            conflict = conflict or f"a comparator that is not known: {comparator}"
        form = _FORMS.get(comparator, "quantified")
        return units.Result(form, number, comparator), f"{comparator}{number}", unit, conflict
    for key in ("valueString", "valueInteger", "valueDecimal"):
        value = holder.get(key)
        if value is not None:
            return _from_text(str(value), holder)
    concept = holder.get("valueCodeableConcept")
    for text in texts(concept):
        if units.result(text) is not None:
            return _from_text(text, holder)
    for text in texts(concept):
        return None, text, None, None
    return None, None, None, None


def _contradiction(
    own: Any,
    reported: str | None,
    measured: units.Measured,
    quantity: Quantity,
    unit: str | None,
    lloq: Decimal | None,
    lloq_unit: str | None,
) -> str | None:
    """What is wrong where the text that is shown (``urn:cmvigil:reported``) does not mean the value that is used."""
    result = units.result(own) if isinstance(own, str) else None
    if result is None or measured.value is None:
        return None
    said = units.measure(quantity, result, result.unit or unit, lloq=lloq, lloq_unit=lloq_unit)
    if said.value is None or (said.unit, said.value) == (measured.unit, measured.value):
        return None
    return f"the value says {reported}, the reported text says {own}"


def _from_text(text: str, holder: Any) -> tuple[units.Result | None, str, str | None, str | None]:
    result = units.result(text)
    unit = extension(holder, "unit")
    if result is not None and result.unit:
        unit = unit or result.unit
    return result, text, unit if isinstance(unit, str) else None, None


def _no_value(holder: Any) -> str:
    reason = holder.get("dataAbsentReason")
    codes = dicts(reason.get("coding")) if isinstance(reason, dict) else ()
    said = next((text for text in (*texts(reason), *(c.get("code") for c in codes)) if text), None)
    return f"no value (reason: {said})" if said else "no value"


def _explain_absence(intake: Intake, place: Place, holder: Any, concept: str) -> bool:
    """Say why a result has no value; whether its row is kept (as unusable)."""
    reason = holder.get("dataAbsentReason")
    words = [str(c.get("code")) for c in dicts(reason.get("coding"))] if isinstance(reason, dict) else []
    words += list(texts(reason))
    if any(word in _NOT_DONE for word in words):
        intake.issue("rejected", place, f"{concept}: {words[0]}", "a result", "Not used.", "dataAbsentReason")
        return False
    if words or any(key.startswith("value") for key in holder):
        return True
    silent = holder.get("hasMember") or holder.get("component") or place.resource.get("status") == "registered"
    return not silent


def _site_row(
    intake: Intake,
    place: Place,
    holder: Any,
    first: Target,
    unit: str | None,
    specimen: str | None,
    assay: str | None,
) -> Target | None:
    """Of a site's rows for this code the one that contradicts nothing and says most; others stay silent."""
    rows = intake.targets(holder.get("code"))
    if first is not rows[0]:
        return None  # the code's rows are read once, by the first
    fits = [
        row
        for row in rows
        if all(
            said is None or found is None or said == found
            for said, found in ((row.unit, unit), (row.specimen, specimen), (row.assay, assay))
        )
    ]
    if not fits:
        found = ", ".join(part for part in (unit, specimen, assay) if part) or "nothing more"
        intake.issue(
            "unmapped",
            place,
            f"a mapped code with {found}",
            "a row of the site's mapping for it",
            "Add the row.",
        )
        return None
    return max(fits, key=lambda row: sum(part is not None for part in (row.unit, row.specimen, row.assay)))


def _in_iu(measured: units.Measured, factor: Decimal) -> units.Measured:
    def scaled(value: Decimal | None) -> Decimal | None:
        return None if value is None else units.tidy(value * factor)

    value = measured.value
    if value is not None:
        low, high = scaled(value.low), scaled(value.high)
        value = Range(low or units.ZERO, high, value.low_open, value.high_open, value.word)
    return measured._replace(value=value, unit="IU/mL", lloq=scaled(measured.lloq))


def _lloq(resource: Any, target: Target) -> tuple[Decimal | None, str | None]:
    own = extension(resource, "lloq") if "extension" in resource else None
    if isinstance(own, dict):
        return decimal(own.get("value")), own.get("unit")
    return target.lloq, target.unit if target.lloq is not None else None


def _limits(holder: Any) -> tuple[Decimal | None, Decimal | None, str | None]:
    for entry in dicts(holder.get("referenceRange")):
        high, low = entry.get("high"), entry.get("low")
        either = high or low
        if either:
            unit = either.get("code") or either.get("unit")
            return decimal(high.get("value")) if high else None, decimal(low.get("value")) if low else None, unit
    return None, None, None


def _assay(place: Place) -> str | None:
    for text in texts(place.resource.get("method")):
        return text
    device = place.resource.get("device")
    display = device.get("display") if isinstance(device, dict) else None
    return display if isinstance(display, str) else None


def _laboratory(intake: Intake, resource: Any) -> str | None:
    for performer in dicts(resource.get("performer")):
        reference = performer.get("reference")
        organisation = intake.resolve(performer, resource)
        if organisation is not None and organisation.get("resourceType") == "Organization":
            name = organisation.get("name")
            return name if isinstance(name, str) else None
        if (reference is None or "Organization/" in str(reference)) and isinstance(performer.get("display"), str):
            return str(performer["display"])
    return None
