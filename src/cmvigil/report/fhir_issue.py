"""What may harm: a DetectedIssue for each safety item, barred antiviral, interaction and wrong dose.

``final`` is what is known to hold; ``preliminary`` what cannot be told yet, or holds provided something is not so.
What to do stands in the detail: a mitigation of R4 has been taken or is committed, and nobody has done either yet.
"""

from __future__ import annotations

from cmvigil.advice import Check, Interaction, Item, Option
from cmvigil.report import appraisal, words
from cmvigil.report.fhir_frame import NOT_DETERMINED, Frame, Resource, address, concept, text, texts

_BARRED = ("contraindicated", "avoid")
_SEVERITY = {"contraindicated": "high", "avoid": "high", "caution": "moderate", "monitor": "low"}
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_DOSE = {
    "under-dose": ("DOSEL", "Low Dose Alert"),
    "over-dose": ("DOSEH", "High Dose Alert"),
    "wrong interval": ("DOSEIVL", "Dose-Interval Alert"),
}


def issues(frame: Frame) -> list[Resource]:
    """All issues: safety items, barred antivirals, doses, interactions; each once."""
    options = frame.advice.options
    given = [(option, check) for option in options for check in option.checks if appraisal.is_wrong(check)]
    return [
        *(_item(frame, item) for item in _safety(frame)),
        *(_barred(frame, option) for option in options if option.verdict in _BARRED),
        *(_dose(frame, n, option, check) for n, (option, check) in enumerate(given)),
        *(_interaction(frame, n, found) for n, found in enumerate(_interactions(options))),
    ]


def _safety(frame: Frame) -> list[Item]:
    """What is said or open about safety, each rule once. What bars an antiviral is told with the antiviral."""
    advice = frame.advice
    reasons = [item for option in advice.options if option.verdict not in _BARRED for item in option.reasons]
    items = [*advice.advice, *advice.causes, *advice.findings, *reasons]
    return [i for i in {item.rule: item for item in items}.values() if i.severity == "harm" and i.state != "overridden"]


def _item(frame: Frame, item: Item) -> Resource:
    known = item.state != "undetermined"
    return _issue(
        frame,
        f"issue/{item.rule}",
        concept("issue", "safety", item.headline if known else f"{NOT_DETERMINED}: {item.headline}"),
        texts(item.text, item.because, frame.standing(item)),
        status="final" if item.state == "applies" else "preliminary",
        severity="high",
        evidence=_evidence(frame.based_on([item])),
        reference=next((link for source in item.sources if (link := address(source))), ""),
    )


def _barred(frame: Frame, option: Option) -> Resource:
    deciding = [i for i in option.reasons if i.effect in _BARRED and i.said]
    said = [appraisal.against_running(option), option.why, *(item.headline for item in deciding)]
    links = (address(source) for item in deciding for source in item.sources)
    return _issue(
        frame,
        f"issue/option/{option.drug}",
        concept("issue", option.verdict, f"{appraisal.name(option)}: {words.VERDICT[option.verdict]}"),
        texts(*(f"{part}." for part in dict.fromkeys(said) if part), *(item.text for item in deciding)),
        status="final" if all(item.state == "applies" for item in deciding) else "preliminary",
        severity="high" if option.verdict == "contraindicated" or _harms(deciding) else "moderate",
        implicated=frame.running(option.drug) if option.running else [],
        evidence=_evidence(frame.based_on(deciding)),
        reference=next((link for link in links if link), ""),
    )


def _harms(items: list[Item]) -> bool:
    return any(item.severity == "harm" for item in items)


def _dose(frame: Frame, number: int, option: Option, check: Check) -> Resource:
    what = f"{words.sentence(option.label)}: {appraisal.finding(check)}"
    known = _DOSE.get(check.finding)
    code = (
        {"coding": [{"system": _ACT_CODE, "code": known[0], "display": known[1]}], "text": text(what)}
        if known
        else concept("issue", check.finding.replace(" ", "-"), what)
    )
    return _issue(
        frame,
        f"issue/dose/{option.drug}/{number}",
        code,
        text(appraisal.given(check)),
        status="final",
        severity="high",
        implicated=frame.running(option.drug),
    )


def _interactions(options: list[Option]) -> list[Interaction]:
    """Each pair once: an interaction may stand with both of its drugs."""
    found = {(i.drug, i.other, i.effect, i.action): i for option in options for i in option.interactions}
    return list(found.values())


def _interaction(frame: Frame, number: int, found: Interaction) -> Resource:
    what = f"{words.sentence(found.drug)} with {found.other}: {found.level}"
    pair = {found.drug, found.other}
    idle = [
        f"{words.sentence(option.label)} is not running."
        for option in frame.advice.options
        if not option.running and pair & {option.drug, option.label}
    ]
    graded = words.join([words.VERIFICATION[found.verification], *found.sources])
    code = {"coding": [{"system": _ACT_CODE, "code": "DRG", "display": "Drug Interaction Alert"}], "text": text(what)}
    return _issue(
        frame,
        f"issue/interaction/{found.drug}/{found.other}/{number}",
        code,
        texts(*idle, f"{found.effect}. {found.action}.", graded),
        status="final",
        severity=_SEVERITY[found.level],
        implicated=frame.running(found.drug, found.other),
    )


def _issue(frame: Frame, name: str, code: Resource, detail: str, **content: object) -> Resource:
    return frame.resource(
        "DetectedIssue",
        name,
        [code["text"], detail],
        code=code,
        patient=frame.subject,
        identifiedDateTime=frame.advice.as_of,
        author=frame.device,
        detail=detail,
        **content,
    )


def _evidence(references: list[Resource]) -> list[Resource]:
    return [{"detail": references}] if references else []
