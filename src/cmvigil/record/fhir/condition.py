"""Conditions and Procedures: what was diagnosed, refuted, and done."""

from __future__ import annotations

from datetime import date
from typing import Any

from cmvigil.record.fhir.intake import Intake, Place, dicts, names_cmv, texts, time_of
from cmvigil.record.fhir.specimen import specimen_word
from cmvigil.record.tables import Condition, Observation, Procedure

_LISTS = ("conditions", "end_organ_disease")
_OVER = frozenset({"resolved", "inactive", "remission"})
_UNSURE = frozenset({"unconfirmed", "provisional", "differential"})
_DONE = frozenset({"completed", "in-progress", "stopped", "on-hold", "unknown"})


def read_condition(intake: Intake, place: Place) -> None:
    """Rows of one Condition. Refuted means stated absent; unconfirmed ones are not used."""
    resource = place.resource
    verification = _status(resource.get("verificationStatus"))
    if verification == "entered-in-error":
        intake.issue("rejected", place, "entered in error", "a diagnosis", "Not used.", "verificationStatus")
        return
    targets = intake.targets(resource.get("code"))
    if not targets:
        intake.unmapped(place, resource.get("code"))
        if names_cmv(resource.get("code")):
            intake.lost(place, *_LISTS)
        return
    if verification in _UNSURE:  # not confirmed is not absent: a list that holds it is not complete
        found = f"verification status {verification}"
        intake.issue("rejected", place, found, "a confirmed diagnosis", "Not used.", "verificationStatus")
        intake.lost(place, *_LISTS)
        return
    recorded = intake.day(resource.get("recordedDate"))
    onset = resource.get("onsetDateTime")
    day = intake.day(onset) or intake.period(resource.get("onsetPeriod"))[0]
    if day is None:
        day = recorded
        if day is None:
            intake.issue("rejected", place, "no date", "onset or recordedDate", "Not used.", "onsetDateTime")
            intake.lost(place, *_LISTS)
            return
        if verification != "refuted":
            intake.issue(
                "note",
                place,
                "no onset",
                "onset",
                "Taken as beginning when it was recorded.",
                "onsetDateTime",
            )
    elif isinstance(onset, str):
        intake.partial_date(place, "onsetDateTime", onset)
    end = intake.day(resource.get("abatementDateTime"), last=True) or intake.period(resource.get("abatementPeriod"))[1]
    known_on = recorded or day
    if end is None and verification != "refuted" and _status(resource.get("clinicalStatus")) in _OVER:
        end = max(day, known_on)
        intake.issue(
            "note",
            place,
            "resolved without a date",
            "abatement",
            f"Taken as over on {end}.",
            "abatementDateTime",
        )
    for target in targets:
        present = (verification != "refuted") is (target.value != "no")
        _row(intake, place, target, day, known_on, end, present, time_of(onset))


def read_procedure(intake: Intake, place: Place) -> None:
    """Rows of one Procedure that was done or is being done."""
    resource = place.resource
    status = resource.get("status")
    targets = intake.targets(resource.get("code"))
    if not targets:
        intake.unmapped(place, resource.get("code"))
        return
    if status not in _DONE:
        intake.issue("rejected", place, f"status {status}", "a procedure that was done", "Not used.", "status")
        return
    text = resource.get("performedDateTime")
    day = intake.day(text)
    end = intake.day(text, last=True)
    if day is None:
        day, end = intake.period(resource.get("performedPeriod"))
        if day is None:
            intake.issue("rejected", place, "no date", "performed[x]", "Not used.", "performedDateTime")
            return
    else:
        intake.partial_date(place, "performedDateTime", text)
    for target in targets:
        _row(intake, place, target, day, day, None if status == "in-progress" else end, True, time_of(text))


def _row(
    intake: Intake,
    place: Place,
    target: Any,
    day: date,
    known_on: date,
    end: date | None,
    present: bool,
    time: Any,
) -> None:
    base: dict[str, Any] = {
        "patient": intake.patient,
        "event": place.event(),
        "day": day,
        "time": time,
        "known_on": known_on,
        "source": place.name,
        "concept": target.concept,
    }
    resource = place.resource
    text = next((str(note["text"]) for note in dicts(resource.get("note")) if "text" in note), None)
    site = next((name for each in dicts(resource.get("bodySite")) for name in texts(each)), None)
    if target.kind == "condition":
        word = specimen_word(intake, site) if site else None
        intake.rows["condition"].append(Condition(**base, end=end, present=present, site=word, text=text))
    elif target.kind == "procedure":
        # A status such as "kidney transplant status" is a Condition; the transplantation itself is one day.
        over = day if resource.get("resourceType") == "Condition" else end
        intake.rows["procedure"].append(Procedure(**base, end=over, text=text))
    elif target.kind == "observation":
        words = intake.words.signs[target.concept].words
        intake.rows["observation"].append(
            Observation(**base, present=None if words else present, text=target.value if words else None)
        )
    else:
        intake.unmapped(place, resource.get("code"))


def _status(concept: Any) -> str | None:
    if isinstance(concept, dict):
        for coding in dicts(concept.get("coding")):
            return str(coding.get("code"))
        text = concept.get("text")
        return text.lower() if isinstance(text, str) else None
    return None
