"""Two answers side by side: what differs, in the order of the page. What both say alike is not repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cmvigil.advice import Advice, Item, Option
from cmvigil.report import appraisal, words
from cmvigil.report.reading import Reading

_Standing = tuple[Item, str]  # an item and how it stands: do, consider, unknown ...

_ASKED = re.compile(r"\s\(questions?\s[\d, to]+\)")

Tone = Literal["new", "gone", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``before`` or ``after`` is empty where only the other answer says it."""

    section: str
    what: str
    before: str
    after: str
    harm: bool = False

    @property
    def tone(self) -> Tone:
        """Whether it is new, gone, or said otherwise."""
        return "new" if not self.before else "gone" if not self.after else "changed"

    @property
    def only_numbers(self) -> bool:
        """Whether the two say the same but for numbers: another day of therapy, another date."""
        before, after = (
            re.sub(r"[\d.,]+(?:\s(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b)?", "#", said)
            for said in (self.before, self.after)
        )
        return before == after


def changes(before: Advice, after: Advice) -> list[Change]:
    """What the second answer says otherwise than the first, sections in the order of the page."""
    first, second = Reading(before), Reading(after)
    made = [
        *_pairs("Summary", *({"In short": "\n".join(each.summary)} for each in (before, after))),
        *_pairs("Status", *({s.label: s.answer or "yes" for s in each.status} for each in (before, after))),
        *_pairs("Kidney", *(_kidney(each) for each in (before, after))),
        *_pairs(words.OPTIONS, *({o.label: _option(o) for o in each.options} for each in (before, after))),
    ]
    for name in ("abstentions", "causes", "advice", "findings"):
        was, now = (
            {item.rule: (item, reading.standing(item)) for item in getattr(reading.advice, name)}
            for reading in (first, second)
        )
        made += _items(words.SECTIONS[name], was, now)
    made += _pairs(words.SECTIONS["tasks"], *(_tasks(each) for each in (before, after)))
    asked = ({question.ask: "asked" for question in each.changes} for each in (before, after))
    return [*made, *_pairs(words.SECTIONS["changes"], *asked)]


def _kidney(advice: Advice) -> dict[str, str]:
    return {} if advice.kidney is None else {"Clearance": appraisal.clearance(advice.kidney)}


def _option(option: Option) -> str:
    """Verdict and doses; the dose of what is to be avoided does not look like one that is called for."""
    doses = list(dict.fromkeys(f"{each.phase} {appraisal.dose(each)}" for each in option.regimens))
    if doses and option.verdict == "avoid":
        doses[0] = f"were it given all the same: {doses[0]}"
    if not doses and option.no_dose:
        doses = ["no dose" if option.no_dose == option.why else f"no dose: {option.no_dose}"]
    return "; ".join([f"{words.VERDICT_SIGN[option.verdict]} {words.VERDICT[option.verdict]}: {option.why}", *doses])


def _tasks(advice: Advice) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for task in advice.tasks:
        found.setdefault(task.what, []).append(words.task_when(task))
    more = {
        what: f", and {words.count(len(when) - 1, 'date')} more" if len(when) > 1 else ""
        for what, when in found.items()
    }
    return {what: when[0] + more[what] for what, when in found.items()}


def _pairs(section: str, before: dict[str, str], after: dict[str, str]) -> Iterator[Change]:
    for what in dict.fromkeys((*before, *after)):
        pair = before.get(what, ""), after.get(what, "")
        if pair[0] != pair[1]:
            yield Change(section, what, *pair)


def _items(section: str, before: dict[str, _Standing], after: dict[str, _Standing]) -> Iterator[Change]:
    """Items by rule: said, open, set aside or silent."""
    for rule in dict.fromkeys((*before, *after)):
        was, now = _said(before.get(rule)), _said(after.get(rule))
        if was != now:
            item = _named(before.get(rule), after.get(rule))
            yield Change(section, words.sentence(item.headline), was, now, item.severity == "harm" and item.said)


def _named(before: _Standing | None, after: _Standing | None) -> Item:
    """The item whose headline names the line: the second answer's, unless only the first one says it."""
    found = [standing[0] for standing in (after, before) if standing is not None]
    return next((item for item in found if item.said), found[0])


def _said(standing: _Standing | None) -> str:
    """How an item stands and its text; of what is set aside only by what: no dose of it is read as called for."""
    if standing is None:
        return ""
    item, word = standing
    word = _ASKED.sub("", word)  # the same question bears another number beside other questions
    if item.state == "overridden":
        return words.sentence(word)
    return words.sentence(": ".join(part for part in (word, item.text or item.headline) if part))
