"""The words, signs, dates and numbers of every face. What two faces both say is worded here."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import quote

from cmvigil.advice import (
    Advice,
    Bar,
    Condition,
    DataQuality,
    Event,
    Fact,
    Item,
    Load,
    Provenance,
    QualityIssue,
    Source,
    Status,
    Task,
    Verification,
)

THIN = "\N{NARROW NO-BREAK SPACE}"
NBSP = "\N{NO-BREAK SPACE}"

SECTIONS = {
    "abstentions": "Not covered: no advice on this",
    "timeline": "Timeline",
    "changes": "Needs an answer",
    "causes": "What drives it",
    "advice": "What to do now",
    "findings": "Findings",
    "tasks": "What to watch",
    "cards": "Dosing cards",
    "basis": "How we know",
    "quality": "Data quality",
    "facts": "Facts used",
    "sources": "Sources",
    "provenance": "Provenance",
}
"""Headings, in the order of every face; the last four belong to "How we know"."""

CAUSES_OF_RECURRENCE = "Why it came back"
"""The heading of the causes once a recurrence is known."""

PERHAPS_NOT_COVERED = "Perhaps not covered: not known yet"
"""The heading of the abstentions while none of them is known to apply."""

OPTIONS = "Antivirals, appraised"

STRENGTH = {"strong": "do", "conditional": "consider", "good-practice": "is practice"}
CERTAINTY = {
    "high": "high certainty",
    "moderate": "moderate certainty",
    "low": "low certainty",
    "very-low": "very low certainty",
}
VERIFICATION: dict[Verification, str] = {
    "verified": "verified",
    "secondary": "secondary source",
    "recalled": "recalled, not checked",
}
VERIFICATION_MEANS = {
    "verified": "we read the statement in the source itself",
    "secondary": "we read it in another publication that cites the source",
    "recalled": "written from memory; check the source before relying on it",
}
EVIDENCE = {"consistent": "evidence consistent", "conflicting": "evidence conflicting"}
TRUTH = {"true": "true", "false": "false", "unknown": "unknown"}
STATE = {
    "known": "known",
    "absent": "looked for, absent",
    "missing": "missing",
    "stale": "too old",
    "conflicting": "conflicting",
    "unusable": "not usable",
}
ISSUE = {"rejected": "rejected", "unmapped": "not recognised", "unusable": "not usable", "note": "note"}
FORM = {
    "quantified": "quantified",
    "below": "below the limit",
    "above": "above the limit",
    "not_detected": "not detected",
    "detected_below_lloq": "detected, below LLOQ",
}

TONE_SIGN = {"harm": "▲", "watch": "◆", "calm": "○", "unknown": "?"}
STATE_SIGN = {"applies": "●", "provided": "◐", "undetermined": "?", "overridden": "–"}
VERDICT_SIGN = {
    "preferred": "●",
    "acceptable": "○",
    "undetermined": "?",
    "avoid": "▲",
    "contraindicated": "✕",
    "named": "–",
}
VERDICT = {
    "preferred": "preferred",
    "acceptable": "acceptable",
    "undetermined": "undetermined",
    "avoid": "avoid",
    "contraindicated": "contraindicated",
    "named": "by name only",
}
TRUTH_SIGN = {"true": "●", "false": "○", "unknown": "?"}

SAFETY = "Safety"
"""The word for ``severity: harm``; red stands beside it, never alone."""

NOTHING = "Nothing found that needs action."
NOTHING_YET = "Nothing can be advised yet: the answers below are needed first."
NOTHING_COVERED = "No advice: this patient is outside what cmvigil covers."

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EVERY = {1: "daily", 7: "weekly"}
_UNITS = {
    "10*9/L": "×10⁹/L",
    "10*6/L": "×10⁶/L",
    "10*3/uL": "×10³/µL",
    "{ratio}": "",
    "1": "",
    "d": "days",
    "a": "years",
}
# Controls, and marks that reverse the reading direction: a value must not redraw the page it stands on.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_READ = {
    "person": ("person", "persons"),
    "measurement": ("measurement", "measurements"),
    "observation": ("observation", "observations"),
    "exposure": ("drug entry", "drug entries"),
    "condition": ("condition", "conditions"),
    "procedure": ("procedure", "procedures"),
    "variant": ("variant", "variants"),
    "coverage": ("sequence coverage", "sequence coverages"),
    "viral_loads": ("viral load", "viral loads"),
    "labs": ("laboratory value", "laboratory values"),
    "drugs": ("drug entry", "drug entries"),
    "symptoms": ("symptom", "symptoms"),
    "findings": ("finding", "findings"),
    "tissue": ("tissue result", "tissue results"),
    "cmv": ("CMV entry", "CMV entries"),
    "complete": ("list said to be complete", "lists said to be complete"),
}


def clean(text: str) -> str:
    """The text without control characters and direction marks."""
    return _UNSEEN.sub("", text)


def day(iso: str | None, therapy_day: int | None = None) -> str:
    """``2026-03-28`` as ``28 Mar 2026`` or ``28 Mar 2026 (day 14)``; what is no date as it stands."""
    if not iso:
        return ""
    try:
        parsed = date.fromisoformat(iso[:10])
    except ValueError:
        return iso
    text = f"{parsed.day}{NBSP}{MONTHS[parsed.month - 1]}{NBSP}{parsed.year}"
    return text if therapy_day is None else f"{text} (day{NBSP}{therapy_day})"


def month(value: date) -> str:
    """``Mar``."""
    return MONTHS[value.month - 1]


def number(value: float) -> str:
    """A number with commas between thousands, as the texts write it, and no needless zeros: ``12,400``, ``0.85``."""
    rounded = f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if "e" in rounded:
        return f"{value:,.10f}".rstrip("0").rstrip(".")
    return rounded


def unit(code: str) -> str:
    """A unit as people write it: ``10*9/L`` as ``×10⁹/L``, ``umol/L`` as ``µmol/L``."""
    return _UNITS.get(code, re.sub(r"^u(?=mol|g|L|kat|m\b)", "µ", code))


def quantity(value: str, code: str) -> str:
    """A value and its unit, kept together."""
    written = unit(code)
    return f"{value}{NBSP}{written}" if written else value


def count(n: int, one: str, many: str | None = None) -> str:
    """``1 result``, ``12 results``."""
    return f"{number(n)}{NBSP}{one if n == 1 else many or one + 's'}"


def numbered(one: str, numbers: list[int]) -> str:
    """``question 2``, ``questions 1, 3 to 9``: ascending numbers, runs drawn together."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    said = [str(run[0]) if len(run) == 1 else f"{run[0]}{', ' if len(run) == 2 else ' to '}{run[-1]}" for run in runs]
    return f"{one if len(numbers) == 1 else one + 's'}{NBSP}{', '.join(said)}"


def decides_like(number: int, decided: int) -> str:
    """``16 of the answers that question 1 decides``: said instead of the same list again."""
    return f"{decided} of the answers that question{NBSP}{number} decides"


def every(days: int) -> str:
    """``weekly``, ``every 14 days``."""
    return _EVERY.get(days, f"every {days}{NBSP}days")


def sentence(text: str) -> str:
    """The text with a capital, as a sentence begins; a name with its own capitals (pUL97) keeps them."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+(?![A-Za-z0-9])", text) else text


def who(advice: Advice) -> str:
    """``Woman, 54, ulcerative colitis · patient uc-07``; "patient" is not said twice."""
    subject = advice.subject if advice.subject != "Patient" else ""
    named = advice.patient if advice.patient.lower().startswith("patient") else f"patient {advice.patient}"
    return sentence(join([subject, "" if subject and named.lower() == "patient" else named]))


def share(bar: Bar) -> str:
    """The given dose as a share of the dose the kidney called for; said of antivirals only."""
    if bar.share is None:
        return "not computable" if bar.group == "antiviral" else ""
    return f"{round(bar.share * 100)}{THIN}%"


def join(parts: list[str]) -> str:
    """Parts of a line, without the empty ones."""
    return " · ".join(part for part in parts if part)


def fact_value(fact: Fact) -> str:
    """A fact's value with unit, or its state when there is none to give."""
    if fact.value is None:
        return STATE[fact.state]
    return quantity(fact.value, fact.unit)


def fact_line(fact: Fact) -> str:
    """``neutrophils: 0.8 ×10⁹/L, 20 Mar 2026, too old: last value 40 days ago``."""
    parts = [fact_value(fact), day(fact.day)]
    if fact.value is not None and fact.state != "known":
        parts.append(STATE[fact.state])
    line = f"{fact.label}: {', '.join(part for part in parts if part)}"
    return f"{line} ({fact.why})" if fact.why else line


def condition_line(condition: Condition) -> str:
    """``true: neutrophils < 1``."""
    return f"{TRUTH[condition.truth]}: {condition.text}"


def status_line(status: Status) -> str:
    """``Refractory: probable, day 15``."""
    return f"{status.label}: {status.answer}" if status.answer else status.label


def source_line(source: Source) -> str:
    """One line of the bibliography, without its key."""
    return join([source.title, source.locator, VERIFICATION[source.verification], source.note])


def source_link(source: Source) -> str | None:
    """A web address for a DOI or PMID; None for every other locator."""
    doi = re.search(r"\b10\.\d{4,9}/\S+", source.locator)
    if doi:
        return "https://doi.org/" + quote(doi.group().rstrip(".,;)"), safe="/:.()-_")
    pmid = re.fullmatch(r"(?i)\s*pmid:?\s*(\d{1,9})\s*", source.locator)
    return f"https://pubmed.ncbi.nlm.nih.gov/{pmid.group(1)}/" if pmid else None


def task_when(task: Task) -> str:
    """The date of a task; overdue is said, not coloured only."""
    return day(task.day, task.therapy_day) + (", overdue" if task.overdue else "")


def issue_line(issue: QualityIssue) -> str:
    """``rejected: labs[3] unit - found "K/L"; expected ...; remedy``."""
    parts = [
        f"found {issue.found}" if issue.found else "",
        f"expected {issue.expected}" if issue.expected else "",
    ]
    said = "; ".join(part for part in [*parts, issue.remedy] if part)
    return f"{ISSUE[issue.level]}, {issue.place}: {said}"


def load_value(load: Load) -> str:
    """A load as it was reported, in words when it has no number."""
    return load.reported or FORM[load.form]


def read_line(read: dict[str, int]) -> str:
    """``Looked at 12 measurements, 3 drug entries.``"""
    parts = [
        count(n, *_READ.get(table, (f"{table.replace('_', ' ')} entry", f"{table.replace('_', ' ')} entries")))
        for table, n in sorted(read.items())
        if n
    ]
    return f"Looked at {', '.join(parts)}." if parts else "Nothing was in the record."


def strength(item: Item) -> str:
    """``do``, ``consider``, ``is practice``; empty for what carries no strength."""
    return STRENGTH[item.strength] if item.strength else ""


def grade(item: Item) -> str:
    """How sure: certainty, evidence, verification, and the statement it belongs to."""
    return join(
        [
            CERTAINTY[item.certainty] if item.certainty else "",
            EVIDENCE.get(item.evidence, ""),
            VERIFICATION[item.verification],
            item.statement,
        ]
    )


def bounds(low: float, high: float | None) -> str:
    """A measured number as a person writes it: ``0.8``, ``<1``, ``>10,000``, ``0.5 to 1``."""
    if high is None:
        return f">{number(low)}"
    if low == high:
        return number(low)
    return f"<{number(high)}" if low == 0 else f"{number(low)} to {number(high)}"


def fact_state(fact: Fact) -> str:
    """The state of a fact with what is wrong or lacking."""
    return STATE[fact.state] + (f": {fact.why}" if fact.why else "")


def event_line(event: Event) -> str:
    """Where a fact comes from: ``Observation/abc, 20 Mar 2026: 0.8``."""
    return f"{event.source}, {day(event.day)}: {event.text}"


def quality_line(quality: DataQuality) -> str:
    """``2 rejected, 1 not recognised, 0 not usable.``"""
    if not (quality.rejected or quality.unmapped or quality.unusable):
        return "Every entry was used."
    return (
        f"{count(quality.rejected, 'entry', 'entries')} rejected, {number(quality.unmapped)} not recognised, "
        f"{number(quality.unusable)} not usable."
    )


def unused_line(quality: DataQuality) -> str:
    """``3 entries could not be used, see “How we know”.``; empty when every entry was used."""
    unused = quality.rejected + quality.unmapped + quality.unusable
    if not unused:
        return ""
    return f"{count(unused, 'entry', 'entries')} could not be used, see “{SECTIONS['basis']}”."


def provenance(p: Provenance) -> list[tuple[str, str]]:
    """What made this answer, as named lines."""
    return [
        ("Software", p.software),
        ("Knowledge", f"{p.knowledge_version} ({p.knowledge_hash})"),
        ("Overlays", ", ".join(p.overlays) or "none"),
        ("Accepted risks", ", ".join(p.accepted_risks) or "none"),
        ("Input", p.input_hash),
        ("Schema", p.schema_version),
        (
            "Recalled rules",
            f"{number(p.recalled_rules)} (written from memory, not yet checked against the source)",
        ),
    ]
