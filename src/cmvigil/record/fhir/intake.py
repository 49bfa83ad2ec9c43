"""What every resource reader needs: codes, dates, references, and the places where problems are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from cmvigil.record import days, units
from cmvigil.record.codes import OWN, Codes, Target
from cmvigil.record.errors import shown
from cmvigil.record.tables import Issue, Record
from cmvigil.record.vocabulary import plain_name, vocabulary

Resource = Mapping[str, Any]
EXTENSION = "urn:cmvigil:"
_TOLD = ("issued", "recordedDate", "dateAsserted", "authoredOn", "effectiveDateTime", "performedDateTime")
"""Elements that say when a resource was told, the surest first."""
_BOUND = 10**18  # nothing measured here is larger


class Place:
    """A resource and where it stands: its name for people, its path in the JSON."""

    __slots__ = ("count", "name", "path", "resource")

    def __init__(self, resource: Resource, name: str, path: str) -> None:
        self.resource = resource
        self.name = name
        self.path = path
        self.count = 0

    def event(self) -> str:
        """A name for the next row made from this resource, unique within the record."""
        self.count += 1
        return self.name if self.count == 1 else f"{self.name}#{self.count}"


class Intake:
    """One Bundle being read into one record."""

    def __init__(self, patient: str, codes: Codes) -> None:
        self.record = Record(patient=patient)
        self.rows = self.record.rows
        self.patient = patient
        self.codes = codes
        self.words = vocabulary()
        self.resources: dict[str, Resource] = {}  # by reference and by fullUrl
        self.reports: dict[str, Resource] = {}  # DiagnosticReport by the reference of its results
        self.superseded: set[str] = set()  # requests that administrations or statements carry out
        self.administrations: list[Any] = []
        self.unread: dict[str, list[str]] = {}  # per list that may be stated complete: what could not be read into it
        self._unmapped: dict[tuple[str, str, str], list[Any]] = {}
        self._days: dict[str, date] = {}

    # --- problems

    def issue(
        self,
        level: Literal["rejected", "unmapped", "unusable", "note"],
        place: Place,
        found: str,
        expected: str,
        remedy: str,
        path: str = "",
    ) -> None:
        """Keep an Issue about a resource; ``path`` is where in the resource."""
        where = f"{place.name} ({place.path}{'.' if path else ''}{path})"
        known_on = self.known_on(place.resource)
        self.record.issues.append(Issue(level, where, found, expected, remedy, known_on))

    def known_on(self, resource: Resource) -> date | None:
        """The day from which a remark on a resource may be made; None where its dates do not tell."""
        days_told = [self.day(resource.get(name), last=True) for name in _TOLD]
        return next((day for day in days_told if day is not None), None)

    def lost(self, place: Place, *lists: str) -> None:
        """Remember that an entry of these lists could not be read: none of them is complete any more."""
        for name in lists:
            self.unread.setdefault(name, []).append(place.name)

    def unmapped(self, place: Place, concept: Any) -> None:
        """Count a code that has no meaning here."""
        system, code, text = "", "", ""
        if isinstance(concept, dict):
            for coding in _dicts(concept.get("coding")):
                system, code = str(coding.get("system") or ""), str(coding.get("code") or "")
                text = str(coding.get("display") or "")
                break
            text = text or str(concept.get("text") or "")
        key = (str(place.resource.get("resourceType")), system, code or text)
        known = self._unmapped.get(key)
        if known is None:
            self._unmapped[key] = [1, text, place.name]
        else:
            known[0] += 1

    def close(self) -> None:
        """Write the unmapped codes down, one Issue per code with its count."""
        for (kind, system, code), (number, text, first) in sorted(self._unmapped.items()):
            label = " ".join(part for part in (system, shown(code), f"({text})" if text != code else "") if part)
            self.record.issues.append(
                Issue(
                    "unmapped",
                    f"{kind}, {number} times, first {first}",
                    label,
                    "a code that cmvigil knows",
                    "If it matters here, add it to the site's mapping file.",
                )
            )
        self.record.counts["unmapped"] = sum(entry[0] for entry in self._unmapped.values())

    # --- codes

    def targets(self, concept: Any) -> tuple[Target, ...]:
        """What a CodeableConcept stands for: the first of its codings that is known."""
        if isinstance(concept, dict):
            codes = self.codes
            for coding in concept.get("coding") or ():
                found = codes.get((coding.get("system"), coding.get("code")))
                if found is not None:
                    return found
        return ()

    def drug(self, concept: Any) -> str | None:
        """The drug of a CodeableConcept: by code, else by exact name in its texts."""
        for target in self.targets(concept):
            if target.kind == "exposure":
                return target.concept
        for text in texts(concept):
            found = self.words.drug_names.get(plain_name(text))
            if found is not None:
                return found
        return None

    def resolve(self, reference: Any, holder: Resource | None = None) -> Resource | None:
        """The resource that a Reference points to, in the Bundle or contained in ``holder``."""
        text = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(text, str):
            return None
        if text.startswith("#") and holder is not None:
            for contained in _dicts(holder.get("contained")):
                if contained.get("id") == text[1:]:
                    return contained
            return None
        return self.resources.get(text) or self.resources.get("/".join(text.split("/")[-2:]))

    # --- dates

    def day(self, text: Any, *, last: bool = False) -> date | None:
        """The local calendar day of a FHIR date, dateTime or instant; partial dates give their first (last)
        day."""
        if type(text) is not str:
            return None
        key = text[:10] if not last else text[:10] + "$"
        found = self._days.get(key)
        if found is None:
            found = days.iso(text[:10]) or days.partial(text, last=last)
            if found is not None and not days.plausible(found):
                return None
            if found is not None:
                self._days[key] = found
        return found

    def period(self, value: Any) -> tuple[date | None, date | None]:
        """First and last day of a Period."""
        if not isinstance(value, dict):
            return None, None
        return self.day(value.get("start")), self.day(value.get("end"), last=True)

    def partial_date(self, place: Place, path: str, text: Any) -> None:
        """Note a date that names only a year or month."""
        if isinstance(text, str) and len(text) < 10:
            self.issue("note", place, shown(text), "a full date", "Taken as its first day.", path)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


dicts = _dicts


def time_of(text: Any) -> datetime | None:
    """The clock time of a dateTime that has one."""
    return days.stamp(text) if isinstance(text, str) and len(text) > 10 else None


def texts(concept: Any) -> Iterator[str]:
    """The words of a CodeableConcept: its text, then its displays."""
    if isinstance(concept, dict):
        text = concept.get("text")
        if isinstance(text, str):
            yield text
        for coding in _dicts(concept.get("coding")):
            display = coding.get("display")
            if isinstance(display, str):
                yield display


def names_cmv(concept: Any) -> bool:
    """Whether a CodeableConcept speaks of CMV in words, though none of its codes is known here."""
    return any("cmv" in text.lower() or "cytomegal" in text.lower() for text in texts(concept))


def own_code(concept: Any) -> str | None:
    """The code in our own system, if a CodeableConcept has one."""
    if isinstance(concept, dict):
        for coding in _dicts(concept.get("coding")):
            if coding.get("system") == OWN and isinstance(coding.get("code"), str):
                return str(coding["code"])
    return None


def extension(resource: Resource, name: str) -> Any:
    """The value of our extension ``name``; None without it."""
    for each in _dicts(resource.get("extension")):
        if each.get("url") == EXTENSION + name:
            for key, value in each.items():
                if key.startswith("value"):
                    return value
    return None


def decimal(value: Any) -> Decimal | None:
    """A JSON number (or a number written as text) as a Decimal; None for anything else."""
    kind = type(value)
    if kind is float or kind is int:
        return Decimal(repr(value)) if -_BOUND < value < _BOUND else None
    return units.number(value) if kind is str else None
