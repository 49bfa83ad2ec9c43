"""A Bundle (or a single resource) becomes one patient's record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from cmvigil.record.checks import check
from cmvigil.record.codes import Codes, with_site
from cmvigil.record.errors import IntakeError, Problem, listed, shown
from cmvigil.record.fhir import condition, medication, observation
from cmvigil.record.fhir.intake import Intake, Place, decimal, dicts, extension, texts
from cmvigil.record.tables import Issue, Person, Record

MAX_DEPTH = 5  # Bundles within Bundles

_READERS: dict[str, Callable[[Intake, Place], None]] = {
    "Observation": observation.read,
    "Condition": condition.read_condition,
    "Procedure": condition.read_procedure,
    "MedicationRequest": medication.read_request,
    "MedicationStatement": medication.read_statement,
    "MedicationAdministration": medication.read_administration,
}
_CLINICAL = frozenset({*_READERS, "Patient", "DiagnosticReport"})
# The lists that are not complete when a resource of this kind cannot be read; else it is a medication.
_LISTS = {
    "Observation": ("viral_loads",),
    "Condition": ("conditions", "end_organ_disease"),
    "Procedure": ("procedures",),
}
# The lists that are not complete when a whole type was not to be had; a name that is no type may mean any list.
_WHOLE = {
    **_LISTS,
    "Observation": ("viral_loads", "symptoms", "end_organ_disease"),
    "DiagnosticReport": ("viral_loads",),
    **{kind: ("medications",) for kind in _READERS if kind.startswith("Medication")},
    "Medication": ("medications",),
    "Specimen": ("viral_loads",),
    "Organization": (),
}
ODD = (AttributeError, TypeError, ValueError, KeyError, IndexError, ArithmeticError)
"""What a malformed resource can raise while it is being read; anything else is a fault of ours and shows as one."""


Entry = tuple[dict[str, Any], str, str]
"""A resource, its fullUrl (or nothing), and where it stands."""


def bundle_record(data: dict[str, Any], *, name: str, mapping: Path | None, patient: str | None) -> Record:
    """The record of one patient. Raises IntakeError for a Bundle of several patients without a choice."""
    lost: list[Issue] = []
    entries = list(_entries(data, "Bundle" if data.get("resourceType") == "Bundle" else "", 0, lost))
    return entries_record(entries, with_site(mapping), name=name, patient=patient, lost=lost)


def entries_record(
    entries: list[Entry], codes: Codes, *, name: str, patient: str | None = None, lost: Iterable[Issue] = ()
) -> Record:
    """The record of one patient from resources, wherever they stood; ``lost`` is what could not be taken apart.

    Raises IntakeError as :func:`bundle_record` does.
    """
    aliases = _aliases(entries)
    subjects = [_subject(resource, url, aliases) for resource, url, _ in entries]
    found = list(dict.fromkeys(each for each in subjects if each is not None and "/" not in each))
    chosen = _choose(found, aliases, patient, name)
    intake = Intake(chosen or "patient", codes)
    intake.record.issues.extend(lost)
    resources = intake.resources
    counts = intake.record.counts
    counts.update({f"read.{kind}": n for kind, n in sorted(Counter(e[0]["resourceType"] for e in entries).items())})
    places: list[Place] = []
    for (resource, url, path), subject in zip(entries, subjects, strict=True):
        kind = resource["resourceType"]
        identity = resource.get("id")
        label = f"{kind}/{identity}" if identity else f"{kind} at {path or 'the top'}"
        if url:
            resources.setdefault(url, resource)
        first = resources.setdefault(label, resource) if identity else resource
        if kind == "OperationOutcome":
            _not_read(intake, resource)
        if kind not in _CLINICAL:
            continue
        place = Place(resource, label, path or kind)
        if first is not resource:
            if first != resource:
                intake.issue("rejected", place, "a second version of this resource", "one", "The first is used.")
        elif subject is None and len(found) > 1:
            intake.issue("rejected", place, "no subject", f"subject Patient/{chosen}", "Not used.", "subject")
        elif chosen is None or subject is None or subject == chosen:
            places.append(place)
        else:
            counts["of others"] = counts.get("of others", 0) + 1
    people = _read(intake, places)
    medication.merge_administrations(intake)
    intake.close()
    _person(intake, people)
    _strangers(intake, entries, subjects, bool(people))
    check(intake.record, intake.unread)
    for table, rows in intake.rows.items():
        if rows:
            counts[f"rows.{table}"] = len(rows)
    return intake.record


def _entries(data: Any, path: str, depth: int, lost: list[Issue]) -> Iterator[Entry]:
    """Every resource with its fullUrl and its path, Bundles unpacked; what cannot be taken apart goes to ``lost``."""
    if data.get("resourceType") != "Bundle":
        yield {**data, "resourceType": str(data.get("resourceType"))}, "", path
        return
    entries = data.get("entry", [])
    if depth > MAX_DEPTH:
        lost.append(_rejected(path, f"a Bundle {depth} levels deep", f"at most {MAX_DEPTH} levels"))
    elif not isinstance(entries, list):
        lost.append(_rejected(f"{path}.entry", type(entries).__name__, "a list of entries"))
    else:
        for index, entry in enumerate(entries):
            yield from _entry(entry, f"{path}.entry[{index}]", depth, lost)


def _entry(entry: Any, path: str, depth: int, lost: list[Issue]) -> Iterator[Entry]:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        # A transaction may delete or search without carrying a resource: nothing is lost then.
        if not (isinstance(entry, dict) and ("request" in entry or "response" in entry)):
            lost.append(_rejected(path, "an entry without a resource", "a resource"))
    elif resource.get("resourceType") == "Bundle":
        yield from _entries(resource, f"{path}.resource", depth + 1, lost)
    elif not isinstance(resource.get("resourceType"), str):
        lost.append(_rejected(f"{path}.resource", "no resourceType", "a resource with its type"))
    else:
        url = entry.get("fullUrl")
        yield resource, url if isinstance(url, str) else "", f"{path}.resource"


def _rejected(place: str, found: str, expected: str) -> Issue:
    return Issue("rejected", place, found, expected, "Not used; send it whole.")


def _aliases(entries: list[Entry]) -> dict[str, str]:
    """Which references mean which patient's id."""
    aliases: dict[str, str] = {}
    for resource, url, _ in entries:
        if resource["resourceType"] == "Patient":
            identity = _identity(resource, url)
            aliases[f"Patient/{identity}"] = identity
            if url:
                aliases[url] = identity
    return aliases


def _identity(patient: dict[str, Any], url: str) -> str:
    return str(patient.get("id") or url.rsplit("/", 1)[-1].removeprefix("urn:uuid:") or "patient")


def _subject(resource: dict[str, Any], url: str, aliases: dict[str, str]) -> str | None:
    """The id of the patient that a clinical resource is about; a whole reference where it is no patient."""
    if resource["resourceType"] not in _CLINICAL:
        return None
    if resource["resourceType"] == "Patient":
        return _identity(resource, url)
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str):
        return None
    known = aliases.get(reference)
    if known is None:
        parts = reference.partition("/_history/")[0].split("/")
        someone_else = len(parts) > 1 and parts[-2] != "Patient"  # a Group, a Device
        known = reference if someone_else else parts[-1].removeprefix("urn:uuid:")
        aliases[reference] = known
    return known


def _choose(found: list[str], aliases: dict[str, str], patient: str | None, name: str) -> str | None:
    if patient is not None:
        wanted = aliases.get(patient, patient.removeprefix("Patient/"))
        if wanted not in found:
            raise IntakeError(
                [
                    Problem(
                        f"no patient '{wanted}'",
                        f"one of {listed(sorted(found)) or 'none'}",
                        "Choose one.",
                        file=name,
                    )
                ]
            )
        return wanted
    if len(found) > 1:
        people = f"{len(found)} patients ({listed(sorted(found), 6)})"
        raise IntakeError([Problem(people, "one patient", "Name the patient to read.", "Bundle", file=name)])
    return found[0] if found else None


def _read(intake: Intake, places: list[Place]) -> list[Place]:
    """Read all places; the Patient resources among them are given back for the end."""
    people: list[Place] = []
    clinical: list[tuple[Callable[[Intake, Place], None], Place]] = []
    for place in places:
        resource = place.resource
        kind = resource["resourceType"]
        if kind == "Patient":
            people.append(place)
        elif kind == "DiagnosticReport":
            clinical += _report(intake, place)
        else:
            if kind in ("MedicationAdministration", "MedicationStatement") and medication.counts(resource):
                for key in ("request", "basedOn"):
                    _supersede(intake, resource.get(key))
            clinical.append((_READERS[kind], place))
    for reader, place in clinical:
        try:
            reader(intake, place)
        except ODD as error:
            found = f"a shape that is not FHIR R4 ({type(error).__name__})"
            kind = str(place.resource.get("resourceType"))
            intake.issue("rejected", place, found, f"a valid {kind}", "Not used.")
            intake.lost(place, *_LISTS.get(kind, ("medications",)))
    return people


def _not_read(intake: Intake, outcome: dict[str, Any]) -> None:
    """What a server did not give, as an OperationOutcome among the entries says it: unknown, not absent."""
    for issue in dicts(outcome.get("issue")):
        if issue.get("severity") not in ("fatal", "error"):
            continue
        details = issue.get("details")
        said = next(texts(details), None) or issue.get("diagnostics") or issue.get("code") or "no reason given"
        named = [each for each in _listed(issue.get("expression")) if each in _WHOLE]
        place = ", ".join(named) or "OperationOutcome"
        remedy = "What it holds is not known, rather than absent."
        intake.record.issues.append(Issue("rejected", place, shown(said, 200), "all there is", remedy))
        lists = (
            {name for kind in named for name in _WHOLE[kind]} if named else {n for ns in _WHOLE.values() for n in ns}
        )
        for name in sorted(lists):
            intake.unread.setdefault(name, []).append(place)


def _listed(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _supersede(intake: Intake, reference: Any) -> None:
    """A request that an administration or a statement carries out is not counted beside it."""
    for each in reference if isinstance(reference, list) else [reference]:
        order = intake.resolve(each)
        if order is not None:
            intake.superseded.add(f"{order.get('resourceType')}/{order.get('id')}")


def _report(intake: Intake, place: Place) -> Iterator[tuple[Callable[[Intake, Place], None], Place]]:
    """A report lends its dates to results that have none, and brings the Observations it contains."""
    report = place.resource
    if report.get("status") in ("entered-in-error", "cancelled"):
        found = f"status {report.get('status')}"
        intake.issue("rejected", place, found, "a report", "Its contained results are not used.", "status")
        return
    for result in dicts(report.get("result")):
        reference = result.get("reference")
        if isinstance(reference, str):
            intake.reports["/".join(reference.split("/")[-2:])] = report
            found_resource = intake.resolve(result)
            if found_resource is not None:
                intake.reports[f"Observation/{found_resource.get('id')}"] = report
    for part in ("conclusion", "conclusionCode", "presentedForm"):
        if report.get(part):
            remedy = "Not used; send the results as Observations."
            intake.issue("rejected", place, f"{part}: text that is not read", "coded results", remedy, part)
    for index, contained in enumerate(dicts(report.get("contained"))):
        if contained.get("resourceType") == "Observation":
            intake.reports.setdefault(f"Observation/{contained.get('id')}", report)
            name = f"{place.name}#{contained.get('id') or index}"
            yield observation.read, Place(contained, name, f"{place.path}.contained[{index}]")


def _person(intake: Intake, people: list[Place]) -> None:
    """The person row: from birth where the birth date is known, else from the record's first day."""
    for place in people[:1]:
        resource = place.resource
        text = resource.get("birthDate")
        birth = intake.day(text)
        if birth is not None:
            intake.partial_date(place, "birthDate", text)
        gender = resource.get("gender")
        age = decimal(extension(resource, "age"))
        if birth is None and age is None and gender not in ("female", "male"):
            return
        day = birth or intake.day(extension(resource, "day")) or _first_day(intake)
        if day is None:
            return
        intake.rows["person"].append(
            Person(
                patient=intake.patient,
                event=place.event(),
                day=day,
                known_on=day,
                source=place.name,
                birth_date=birth,
                age=age,
                sex=gender if gender in ("female", "male") else None,
            )
        )


def _strangers(
    intake: Intake,
    entries: list[Entry],
    subjects: list[str | None],
    described: bool,
) -> None:
    """Say whose the entries are where it is not plain: others' are left out, nobody's are taken as this patient's."""
    issues = intake.record.issues
    others = intake.record.counts.get("of others", 0)
    if others:
        some = "1 resource of another patient" if others == 1 else f"{others} resources of other patients"
        issues.append(Issue("note", "Bundle", some, f"Patient/{intake.patient}", "Left out."))
    clinical = [s for (each, _, _), s in zip(entries, subjects, strict=True) if _has_subject(each)]
    if clinical and not described:
        remedy = "Sex and age are not known from it."
        issues.append(Issue("note", "Bundle", "no Patient resource", f"Patient/{intake.patient}", remedy))
    elif None in clinical and len({s for s in subjects if s is not None and "/" not in s}) == 1:
        nobodys = clinical.count(None)
        some = "1 resource" if nobodys == 1 else f"{nobodys} resources"
        issues.append(Issue("note", "Bundle", f"{some} without a subject", "a subject", "Taken as this patient's."))


def _has_subject(resource: dict[str, Any]) -> bool:
    return resource["resourceType"] in _CLINICAL and resource["resourceType"] != "Patient"


def _first_day(intake: Intake) -> date | None:
    return min((row.day for rows in intake.rows.values() for row in rows), default=None)
