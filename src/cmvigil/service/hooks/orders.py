"""Orders that are being written: each drug appraised as if it ran from today, on what is known without it.

Whether a drug may be given is read from the record as it is: an order has not been taken, so it bears no load and no
day of a course. Its dose, its interactions and the alerts it would raise are read from the record with the order laid
over it, and only what the order brings about is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import orjson

from ...advice import Advice, Check, Item, Option
from ...assess import assess
from ...assess.compose import compose
from ...assess.genotypes import with_readings
from ...reasoning.engines import python
from ...reasoning.model import Program
from ...record.fhir.intake import dicts, texts
from ...record.read import read_record
from ...record.tables import Exposure, Issue, Record
from . import prefetch
from .calls import Call, Context, Resource, wrong
from .prefetch import Reader

Level = Literal["forbidden", "harm", "note"]
"""``forbidden``: not to be given at all, or in no such amount; ``harm``: may harm; ``note``: for information."""
LEVELS: tuple[Level, ...] = ("forbidden", "harm", "note")

_JUDGED_BY_CHECK = frozenset({"dose_too_low_today", "dose_too_high_alert", "valganciclovir_once_daily"})
"""Alerts on the dose of what runs: the check of the ordered regimen says the same, of any phase."""
_FINDINGS = ("right", "cannot be judged", "wrong phase", "wrong interval", "under-dose", "over-dose", "not to be given")
"""Findings of a check, the mildest first."""
_SUPPRESSING = ("immunosuppressant", "steroid")


_ENDING = frozenset({"cancelled", "stopped", "completed", "ended", "entered-in-error"})
"""Statuses of an order by which nothing will be given."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An order of a call. ``number`` is its place among the entries."""

    number: int
    reference: str
    resource: Resource

    @property
    def source(self) -> str:
        """What its rows are called after; the record may have an order of the same id."""
        return f"MedicationRequest/draft-{self.number}"

    @property
    def is_drug(self) -> bool:
        """Whether a drug is ordered; other orders, and those that end a drug, are not appraised."""
        return (
            self.resource.get("resourceType") == "MedicationRequest" and str(self.resource.get("status")) not in _ENDING
        )


@dataclass(frozen=True, slots=True)
class Ordered:
    """The regimens of drugs that are known here, as if they ran from today: those just chosen, and the others.

    ``implausible``: what is wrong with an amount, and of which drug. ``unclear``: the same of an amount that is not
    understood. ``unnamed``: chosen orders whose drug nothing names.
    """

    chosen: list[Exposure]
    others: list[Exposure]
    implausible: list[tuple[str, Issue]]
    unclear: dict[str, Issue]
    unnamed: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with an order: ``text`` in one sentence, ``more`` what goes with it."""

    level: Level
    drug: str
    text: str
    rule: str
    more: str = ""
    item: Item | None = field(default=None, compare=False)


# -- what is ordered ---------------------------------------------------------------------------------------------------
def ordered(call: Call, today: date, mapping: Path | None, reader: Reader | None) -> Ordered:
    """What a call orders. Raises RefusedError for what is no Bundle of orders of this patient.

    A drug may stand in a Medication: contained in the order, sent beside it, or else to be read from the server.
    """
    context = call.context
    drafts = _drafts(context)
    chosen = _selected(context, drafts)
    orders = [each for each in drafts if each.is_drug]
    sent = _medications(context)
    there = _by_reference(sent)
    missing = dict.fromkeys(each for order in orders if (each := _elsewhere(order.resource, there)))
    read = [("", each) for each in prefetch.medications(missing, call, reader)]
    sent, there = [*sent, *read], _by_reference(read) | there
    entries: list[dict[str, Any]] = [{"resource": {"resourceType": "Patient", "id": context.patientId}}]
    entries += [{"resource": _from_today(each, context.patientId, today)} for each in orders]
    entries += [{"fullUrl": url, "resource": each} if url else {"resource": each} for url, each in sent]
    try:
        content = orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    except TypeError:
        raise wrong("context.draftOrders: nested too deeply; expected FHIR R4 resources") from None
    record = read_record(content, mapping=mapping, patient=context.patientId)
    rows = [row for row in record.rows["exposure"] if isinstance(row, Exposure)]
    drugs = {row.source: row.concept for row in rows if row.source in chosen}
    notes = [each for each in record.issues if each.level == "note"]
    return Ordered(
        [row for row in rows if row.source in chosen],
        [row for row in rows if row.source not in chosen],
        [(drugs[each.place], each) for each in record.issues if each.level == "unusable" and each.place in drugs],
        {drugs[row]: note for note in notes if (row := note.place.partition(" ")[0]) in drugs},
        sum(order.source in chosen and not _is_named(order.resource, there) for order in orders),
    )


def _medications(context: Context) -> list[tuple[str, Resource]]:
    """The medications that drafts refer to, sent beside them, with their addresses."""
    entries: list[Any] = context.draftOrders.get("entry", [])
    return [
        (str(entry.get("fullUrl") or ""), entry["resource"])
        for entry in entries
        if entry["resource"].get("resourceType") == "Medication"
    ]


def _reference(order: Resource) -> Resource:
    """Where an order has its drug from; empty where it names it itself."""
    reference = order.get("medicationReference")
    return reference if isinstance(reference, dict) and order.get("medicationCodeableConcept") is None else {}


def _by_reference(sent: list[tuple[str, Resource]]) -> dict[str, Resource]:
    """Medications by all references that may mean them."""
    return {**{f"Medication/{each.get('id')}": each for _, each in sent}, **{url: each for url, each in sent if url}}


def _medication(order: Resource, there: Mapping[str, Resource]) -> Resource | None:
    target = str(_reference(order).get("reference") or "")
    if target.startswith("#"):
        return next((each for each in dicts(order.get("contained")) if each.get("id") == target[1:]), None)
    return there.get(target) or there.get("/".join(target.split("/")[-2:]))


def _elsewhere(order: Resource, there: Mapping[str, Resource]) -> str | None:
    """The reference of an order to a Medication that did not come with it."""
    target = _reference(order).get("reference")
    return target if isinstance(target, str) and _medication(order, there) is None else None


def _is_named(order: Resource, there: Mapping[str, Resource]) -> bool:
    """Whether an order says its drug: in itself, or in the Medication that it refers to."""
    concept = order.get("medicationCodeableConcept") or (_medication(order, there) or {}).get("code")
    codes = [each for each in dicts(concept.get("coding")) if each.get("code")] if isinstance(concept, dict) else []
    return bool(codes or any(texts(concept)) or _reference(order).get("display"))


def _drafts(context: Context) -> list[Draft]:
    bundle = context.draftOrders
    entries = bundle.get("entry", []) if isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle" else None
    if not isinstance(entries, list):
        raise wrong("context.draftOrders: expected a Bundle")
    found = []
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            raise wrong(f"context.draftOrders.entry[{number}]: no resource")
        subject = resource.get("subject")
        reference = subject.get("reference") if isinstance(subject, dict) else None
        if isinstance(reference, str) and reference.split("/")[-1] != context.patientId:
            raise wrong(f"context.draftOrders.entry[{number}].subject: another patient than context.patientId")
        found.append(Draft(number, f"{resource.get('resourceType')}/{resource.get('id')}", resource))
    return found


def _selected(context: Context, drafts: list[Draft]) -> set[str]:
    """The sources of what was just selected; of all drafts where the call does not say."""
    if context.selections is None:
        return {draft.source for draft in drafts}
    wanted = ["/".join(each.split("/")[-2:]) for each in context.selections]
    there = {draft.reference for draft in drafts}
    if missing := [f"context.selections[{n}]: not among draftOrders" for n, e in enumerate(wanted) if e not in there]:
        raise wrong(*missing)
    return {draft.source for draft in drafts if draft.reference in wanted}


def _from_today(draft: Draft, patient: str, today: date) -> Resource:
    """The order as one that runs from today: drafts are no exposures, and a later start would not be seen."""
    resource = {key: value for key, value in draft.resource.items() if key != "dispenseRequest"}
    dosages = resource.get("dosageInstruction")
    if isinstance(dosages, list):
        resource["dosageInstruction"] = [_unbounded(each) for each in dosages]
    return {
        **resource,
        "id": draft.source.partition("/")[2],
        "status": "active",
        "intent": "order",
        "authoredOn": today.isoformat(),
        "subject": {"reference": f"Patient/{patient}"},
    }


def _unbounded(dosage: Any) -> Any:
    timing = dosage.get("timing") if isinstance(dosage, dict) else None
    if not isinstance(timing, dict):
        return dosage
    kept = {key: value for key, value in timing.items() if key != "event"}
    repeat = kept.get("repeat")
    if isinstance(repeat, dict):
        kept["repeat"] = {key: value for key, value in repeat.items() if not key.startswith("bounds")}
    return {**dosage, "timing": kept}


# -- what is found -----------------------------------------------------------------------------------------------------
def appraise(program: Program, record: Record, today: date, what: Ordered) -> list[Finding]:
    """What is wrong with the chosen orders, the gravest first."""
    read = with_readings(record, program)
    outcome = python.run(program, read.rows, today, read.patient)
    base = compose(read, program, outcome, appraise=True, explain=False)
    # Only current CMV is surely treated; else an order may be meant to prevent, and is wrong where it is so either way.
    current = outcome.values.get("cmv_current") is True and outcome.values.get("cmv_active") is not False
    intents = ("treatment",) if current else ("treatment", "prophylaxis")
    together = [*what.others, *what.chosen]
    withs = [
        assess(_laid_over(record, together, today, each), program, today, appraise=True, explain=False)
        for each in intents
    ]
    before = (
        assess(_laid_over(record, what.others, today, intents[-1]), program, today, explain=False)
        if what.others
        else base
    )
    found = [_amount(drug, issue) for drug, issue in what.implausible]
    odd = {drug for drug, _ in what.implausible}
    for drug in dict.fromkeys(row.concept for row in what.chosen):
        found += _of_drug(program, drug, base, withs, unread=drug in odd, unclear=what.unclear.get(drug))
    found += _alerts(before, withs[-1])
    return sorted(dict.fromkeys(found), key=lambda finding: LEVELS.index(finding.level))


def _laid_over(record: Record, drafted: list[Exposure], today: date, intent: str) -> Record:
    """The record with the ordered regimens running from today. What runs of the same drug gives way to the order."""
    drugs = {row.concept for row in drafted}
    kept = []
    for row in record.rows["exposure"]:
        assert isinstance(row, Exposure)
        runs = row.concept in drugs and row.day <= today and (row.end is None or row.end > today)
        kept.append(replace(row, end=today) if runs and row.route != "intravitreal" else row)
    meant = [replace(row, intent=row.intent or intent) for row in drafted]
    return replace(record, rows={**record.rows, "exposure": [*kept, *meant]})


def _of_drug(
    program: Program, drug: str, base: Advice, withs: list[Advice], *, unread: bool, unclear: Issue | None
) -> Iterator[Finding]:
    """What is wrong with one drug. ``unread``: its amount was not taken, so there is no dose to judge."""
    label = program.labels.get(drug, drug)
    option = next((each for each in base.options if each.drug == drug), None)
    if option is not None:
        yield from _verdict(option)
        if not unread and option.verdict != "contraindicated":
            drafted = [each for advice in withs for each in advice.options if each.drug == drug]
            yield from _dose(option, drafted, unclear)
    yield from _partners(drug, label, withs[-1])
    if program.drug_groups.get(drug) in _SUPPRESSING:
        for item in _harmful(base):
            if item.topic == "immunosuppression":
                yield Finding("harm", drug, f"Ordered: {label}. {item.headline}", item.rule, item.text, item)


def _verdict(option: Option) -> Iterator[Finding]:
    """Whether the drug may be given, on the record as it is; what cannot be told is not said."""
    if option.verdict not in ("contraindicated", "avoid"):
        return
    item = next((each for each in option.reasons if each.headline == option.why), None)
    barred = option.verdict == "contraindicated"
    level: Level = "forbidden" if barred else "note" if item is None or item.severity == "note" else "harm"
    text = f"{'Do not give' if barred else 'Avoid'} {option.label}. {option.why}"
    yield Finding(level, option.drug, text, item.rule if item else option.verdict, item.text if item else "", item)


def _dose(option: Option, drafted: list[Option], unclear: Issue | None) -> Iterator[Finding]:
    """The ordered regimen against the label, as the phase that it fits best."""
    checks: list[Check] = [check for each in drafted for check in each.checks]
    best = min(checks, key=lambda check: _FINDINGS.index(check.finding), default=None)
    if best is None or best.finding == "right":
        return
    said = f"{_capital(option.label)} {best.given}. {best.text}"
    if best.finding != "cannot be judged":
        yield Finding("harm", option.drug, said, f"check:{best.finding}")
        return
    if unclear is None:
        said = f"{_capital(option.label)} {best.given}, not judged. {best.text}"
    else:
        said = f"{_capital(option.label)} not judged: {unclear.found}. Expected {unclear.expected}"
    yield Finding("note", option.drug, said, "check:cannot be judged")


def _partners(drug: str, label: str, after: Advice) -> Iterator[Finding]:
    """Interactions of the drug with an antiviral that runs or is ordered beside it, each pair once."""
    told: set[frozenset[str]] = set()
    for option in after.options:
        for pair in option.interactions if option.running else ():
            names = frozenset((pair.drug, *pair.other.split(" and ")))
            if pair.level in ("contraindicated", "avoid") and label in names and names not in told:
                told.add(names)
                barred = pair.level == "contraindicated"
                text = f"{'Never' if barred else 'Avoid'} {pair.drug} with {pair.other}. {_capital(pair.effect)}"
                rule = f"interaction:{pair.drug}+{pair.other}"[:120]
                yield Finding("forbidden" if barred else "harm", drug, text, rule, pair.action)


def _amount(drug: str, issue: Issue) -> Finding:
    text = f"{_capital(issue.found)}. No regimen comes near it; expected {issue.expected}"
    return Finding("forbidden", drug, text, "check:implausible", issue.remedy)


def _alerts(before: Advice, after: Advice) -> Iterator[Finding]:
    """The alerts that the orders would raise."""
    known = {item.rule for item in _harmful(before)} | _JUDGED_BY_CHECK
    for item in _harmful(after):
        if item.rule not in known:
            yield Finding("harm", "", item.headline, item.rule, item.text, item)


def _harmful(advice: Advice) -> list[Item]:
    return [item for item in advice.advice if item.said and item.severity == "harm"]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
