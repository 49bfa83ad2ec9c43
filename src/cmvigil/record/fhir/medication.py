"""Medication requests, statements and administrations: exposures, one row per regimen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median_low
from typing import Any, NamedTuple

from cmvigil.record import units
from cmvigil.record.fhir.intake import Intake, Place, decimal, dicts, extension, own_code, texts, time_of
from cmvigil.record.fhir.product import Product, concept_of, piece, product_of, strengths
from cmvigil.record.tables import Exposure

_REQUEST_USED = frozenset({"active", "completed", "stopped", "on-hold"})
_STATEMENT_USED = frozenset({"active", "completed", "stopped", "on-hold", "unknown"})
_GIVEN = frozenset({"completed", "in-progress", "stopped", "unknown"})
_CODED_INTERVAL = {
    "BID": 12, "TID": 8, "QID": 6, "QD": 24, "QOD": 48, "AM": 24, "PM": 24, "BED": 24, "WK": 168,
    "Q1H": 1, "Q2H": 2, "Q3H": 3, "Q4H": 4, "Q6H": 6, "Q8H": 8, "Q12H": 12, "Q24H": 24,
}  # fmt: skip
_PERIOD_HOURS = {"h": Decimal(1), "d": Decimal(24), "wk": Decimal(168), "min": Decimal(1) / 60}
_ROUTES = {
    "intravenous": "iv",
    "intravenous route": "iv",
    "intravenous use": "iv",
    "intravenous injection": "iv",
    "oral route": "oral",
    "oral use": "oral",
    "po": "oral",
    "by mouth": "oral",
    "subcutaneous": "sc",
    "subcutaneous route": "sc",
    "intramuscular": "im",
    "intramuscular route": "im",
    "topical route": "topical",
    "rectal route": "rectal",
    "inhalation": "inhaled",
    "respiratory tract route": "inhaled",
    "intravitreal route": "intravitreal",
}
_DAY = timedelta(days=1)


class Dose(NamedTuple):
    """Amount, unit, interval and route of a dosage; None where it is not said or not understood."""

    amount: Decimal | None = None
    unit: str | None = None
    interval_h: Decimal | None = None
    route: str | None = None


class Given(NamedTuple):
    """One administration."""

    day: date
    end: date
    place: Place
    drug: str
    dose: Dose
    running: bool  # under an order that goes on


def counts(resource: Any) -> bool:
    """Whether an administration or a statement says that the drug was taken (so that its order is not counted too)."""
    used = _GIVEN if resource["resourceType"] == "MedicationAdministration" else _STATEMENT_USED
    status = resource.get("status")
    return isinstance(status, str) and status in used


def read_request(intake: Intake, place: Place) -> None:
    """The exposure that a MedicationRequest stands for, unless administrations or statements carry it out."""
    resource = place.resource
    product = _product(intake, place)
    if product is None or place.name in intake.superseded:
        return
    drug = product.drug
    status, intent = resource.get("status"), resource.get("intent")
    if status not in _REQUEST_USED or intent in ("proposal", "plan", "option") or resource.get("doNotPerform") is True:
        intake.issue(
            "rejected",
            place,
            f"{drug}: {intent} {status}",
            "an order that was carried out",
            "Not used.",
            "status",
        )
        return
    dosages = list(dicts(resource.get("dosageInstruction"))) or [{}]
    written = intake.day(resource.get("authoredOn"))
    for dosage in dosages:
        start, end = _bounds(intake, dosage)
        supplied = _supply(intake, resource, start or written)
        start, end = start or supplied[0] or written, end or supplied[1]
        if start is None:
            intake.issue(
                "rejected",
                place,
                f"{drug} without a date",
                "authoredOn or a period",
                "Not used.",
                "authoredOn",
            )
            intake.lost(place, "medications")
            continue
        end = _closed(intake, place, drug, status, start, end)
        _row(intake, place, drug, start, end, _dose(intake, place, dosage, product), max(start, written or start))


def read_statement(intake: Intake, place: Place) -> None:
    """The exposure that a MedicationStatement states."""
    resource = place.resource
    product = _product(intake, place)
    if product is None:
        return
    drug = product.drug
    status = resource.get("status")
    if status not in _STATEMENT_USED:
        intake.issue("rejected", place, f"{drug}: status {status}", "a drug that was taken", "Not used.", "status")
        return
    dosages = list(dicts(resource.get("dosage"))) or [{}]
    asserted = intake.day(resource.get("dateAsserted"))
    for dosage in dosages:
        start, end = _bounds(intake, dosage)
        if start is None:
            start, end = intake.period(resource.get("effectivePeriod"))
        if start is None:
            start = intake.day(resource.get("effectiveDateTime")) or asserted
        if start is None:
            intake.issue("rejected", place, f"{drug} without a date", "effective[x]", "Not used.", "effectivePeriod")
            intake.lost(place, "medications")
            continue
        end = _closed(intake, place, drug, status, start, end)
        _row(intake, place, drug, start, end, _dose(intake, place, dosage, product), max(start, asserted or start))


def read_administration(intake: Intake, place: Place) -> None:
    """Keep one administration; ``merge_administrations`` makes regimens of them."""
    resource = place.resource
    product = _product(intake, place)
    if product is None:
        return
    drug = product.drug
    status = resource.get("status")
    if status not in _GIVEN:
        intake.issue("rejected", place, f"{drug}: status {status}", "a dose that was given", "Not used.", "status")
        return
    day = intake.day(resource.get("effectiveDateTime"))
    start, end = intake.period(resource.get("effectivePeriod"))
    day = day or start
    if day is None:
        intake.issue("rejected", place, f"{drug} without a date", "effective[x]", "Not used.", "effectiveDateTime")
        intake.lost(place, "medications")
        return
    dosage = resource.get("dosage")
    order = intake.resolve(resource.get("request"), resource)
    running = order is not None and order.get("status") == "active" and not _has_end(intake, order)
    dose = _dose(intake, place, dosage if isinstance(dosage, dict) else {}, product)
    intake.administrations.append(Given(day, max(day, end or day), place, drug, dose, running))


def merge_administrations(intake: Intake) -> None:
    """Runs of the same drug, dose and route become one exposure each.

    A run ends where nothing was given for more than twice the usual gap (and more than two days).
    """
    groups: dict[tuple[str, Dose], list[Given]] = {}
    for given in intake.administrations:
        groups.setdefault((given.drug, given.dose), []).append(given)
    for (drug, dose), series in groups.items():
        series.sort(key=lambda given: (given.day, given.place.name))
        for run in _runs(series):
            first, last = run[0], run[-1]
            end = None if last.running and run[-1] is series[-1] else max(given.end for given in run)
            interval = dose.interval_h or _interval(run)
            _row(intake, first.place, drug, first.day, end, dose._replace(interval_h=interval), first.day)


def _runs(series: list[Given]) -> Iterable[list[Given]]:
    gaps = [(b.day - a.end).days for a, b in pairwise(series) if b.day > a.end]
    longest = max(2, 2 * median_low(gaps)) if gaps else 2
    run = [series[0]]
    for given in series[1:]:
        if (given.day - run[-1].end).days > longest:
            yield run
            run = []
        run.append(given)
    yield run


def _interval(run: list[Given]) -> Decimal | None:
    """Hours between doses: from the doses per day, or from the days between them."""
    days = sorted({given.day for given in run})
    if len(days) < 2:
        return None
    gap = median_low([(b - a).days for a, b in pairwise(days)])
    if gap > 1:
        return Decimal(24 * gap)
    inner = days[1:-1] or days
    daily = median_low([sum(given.day == day for given in run) for day in inner])
    return units.tidy(Decimal(24) / daily)


# --- the parts of a medication resource ------------------------------------------------------------------


def _product(intake: Intake, place: Place) -> Product | None:
    """The product that a resource names; one that is not known here is counted, and its list is not whole."""
    product = product_of(intake, place.resource)
    if product is None:
        intake.unmapped(place, concept_of(intake, place.resource))
        intake.lost(place, "medications")
    return product


def _bounds(intake: Intake, dosage: Any) -> tuple[date | None, date | None]:
    repeat = (dosage.get("timing") or {}).get("repeat") or {}
    start, end = intake.period(repeat.get("boundsPeriod"))
    if start is None:
        for text in (dosage.get("timing") or {}).get("event") or ():
            start = start or intake.day(text)
    return start, end


def _supply(intake: Intake, resource: Any, start: date | None) -> tuple[date | None, date | None]:
    dispense = resource.get("dispenseRequest")
    if not isinstance(dispense, dict):
        return None, None
    first, last = intake.period(dispense.get("validityPeriod"))
    duration = dispense.get("expectedSupplyDuration")
    if start is not None and isinstance(duration, dict):
        number = decimal(duration.get("value"))
        code = duration.get("code") or duration.get("unit")
        if number is not None and 0 < number < 10000 and code in ("d", "day", "days"):
            return first, start + (int(number) - 1) * _DAY
    return first, last


def _has_end(intake: Intake, order: Any) -> bool:
    return any(_bounds(intake, dosage)[1] for dosage in dicts(order.get("dosageInstruction")))


def _closed(intake: Intake, place: Place, drug: str, status: Any, start: date, end: date | None) -> date | None:
    """The end of an exposure; one that is over without a date is known for its first day only."""
    if end is None and status in ("completed", "stopped"):
        found = f"{drug} {status} without an end"
        intake.issue("note", place, found, "its last day", f"Known to be taken on {start} only.", "status")
        return start
    if end is not None and end < start:
        intake.issue("note", place, f"{drug} from {start} to {end}", "an end not before the start", "Taken as one day.")
        return start
    return end


def _dose(intake: Intake, place: Place, dosage: Any, product: Product) -> Dose:
    amount = unit = None
    quantities = [
        dosage.get("dose"),
        *(each.get("doseQuantity") for each in dicts(dosage.get("doseAndRate"))),
    ]
    for quantity in quantities:
        if isinstance(quantity, dict):
            amount, unit = _amount(intake, place, quantity, product)
            break
    return Dose(amount, unit, _every(dosage.get("timing")), _route(intake, dosage.get("route")))


def _amount(intake: Intake, place: Place, quantity: Any, product: Product) -> tuple[Decimal, str] | tuple[None, None]:
    """A dose; of tablets and capsules what they hold together, where the product states their strength."""
    value = decimal(quantity.get("value"))
    spelled = [each for each in (quantity.get("code"), quantity.get("unit")) if isinstance(each, str)]
    found, expected = f"a dose in '{spelled[0] if spelled else 'no unit'}'", ", ".join(intake.words.dose_units)
    if value is not None and value >= 0 and not quantity.get("comparator"):
        doses = {units.dose(value, unit, intake.words.dose_units) for unit in spelled} - {None}
        pieces = set(map(piece, spelled)) - {None}
        if len(doses) + len(pieces) > 1:
            both = "' and '".join(spelled)
            found = f"a dose in '{both}'"  # its code and its text are of two units
        elif doses:
            (dose,) = doses
            assert dose is not None
            return dose
        elif pieces:
            (of,) = pieces
            assert of is not None
            held = strengths(intake, product, of)
            if len(held) == 1:
                return units.tidy(value * held[0]), "mg"
            stated = " or ".join(f"{each:f} mg" for each in held) or "unknown strength"
            found, expected = f"a dose in {of}s of {stated}", f"the strength of a {of}, in the Medication or the name"
    intake.issue("note", place, found, expected, "Kept without its dose.", "dose")
    return None, None


def _every(timing: Any) -> Decimal | None:
    if not isinstance(timing, dict):
        return None
    repeat = timing.get("repeat")
    if isinstance(repeat, dict):
        frequency, period = decimal(repeat.get("frequency")) or Decimal(1), decimal(repeat.get("period"))
        hours = _PERIOD_HOURS.get(str(repeat.get("periodUnit")))
        if period and hours and frequency > 0 and period > 0:
            return units.tidy(period * hours / frequency)
    code = timing.get("code")
    if isinstance(code, dict):
        words = [str(coding.get("code")) for coding in dicts(code.get("coding"))] + list(texts(code))
        for word in words:
            found = _CODED_INTERVAL.get(word.upper())
            if found is not None:
                return Decimal(found)
    return None


def _route(intake: Intake, concept: Any) -> str | None:
    for text in (own_code(concept), *texts(concept)):
        if text:
            plain = " ".join(text.lower().split())
            word = _ROUTES.get(plain, plain)
            if word in intake.words.routes:
                return word
    return None


def _row(intake: Intake, place: Place, drug: str, start: date, end: date | None, dose: Dose, known_on: date) -> None:
    resource = place.resource
    own = "extension" in resource
    intent = extension(resource, "intent") if own else None
    adequate = extension(resource, "adequate") if own else None
    taken = decimal(extension(resource, "taken")) if own else None
    intake.rows["exposure"].append(
        Exposure(
            patient=intake.patient,
            event=place.event(),
            day=start,
            time=time_of(resource.get("effectiveDateTime")),
            known_on=known_on,
            source=place.name,
            concept=drug,
            end=end,
            dose=dose.amount,
            dose_unit=dose.unit,
            interval_h=dose.interval_h,
            route=dose.route,
            intent=intent if intent in intake.words.intents else None,
            taken=taken if taken is not None and 0 <= taken <= 1 else None,
            adequate=adequate if isinstance(adequate, bool) else None,
            stated_on=intake.day(extension(resource, "stated-on")) if own else None,
        )
    )
