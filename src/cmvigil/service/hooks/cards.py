"""Cards: at most one for a call, and none where there is nothing to say.

``critical`` stands on an order that is about to be signed and is forbidden, and on nothing else, since records stop
their user for it. ``warning``: a patient could be harmed. All else is ``info``. A card suggests no action and applies
none: what is given is decided by a person who has seen why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...advice import TOPICS, Advice, Task
from ...report import words
from .orders import Finding

LONGEST = 139
"""Characters of a summary."""
TOPIC, REASON = "urn:cmvigil:topic", "urn:cmvigil:override-reason"
REASONS = {
    "known": "Already known or done",
    "not-this-patient": "Does not fit this patient",
    "data": "Rests on wrong or old data",
    "judgement": "I judge otherwise",
    "later": "I will act on it later",
    "patient": "The patient declines it",
}
"""Why a card is set aside: few, so that one is chosen, and each leads to something else to mend."""
_ACTS, _DATES, _QUESTIONS = 3, 2, 2
_NAMES = {
    "loads": "CMV viral loads",
    "laboratory": "laboratory results",
    "findings": "serology, genotypes and other findings",
    "conditions": "conditions",
    "procedures": "procedures",
    "statements": "medication statements",
    "administrations": "administrations",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A card without the parts that depend on the caller. ``rule`` is what its feedback is counted under."""

    summary: str
    detail: str
    indicator: str
    rule: str
    topic: str

    def content(self, *, uuid: str, version: str, about: str, links: list[dict[str, str]]) -> dict[str, Any]:
        """As CDS Hooks has it. ``about`` is the address that tells what we are."""
        made: dict[str, Any] = {
            "uuid": uuid,
            "summary": self.summary,
            "detail": self.detail,
            "indicator": self.indicator,
            "source": {
                "label": f"cmvigil, knowledge {version}",
                "url": about,
                "topic": {"system": TOPIC, "code": self.topic, "display": TOPICS.get(self.topic, self.topic)},
            },
            "overrideReasons": [{"system": REASON, "code": code, "display": said} for code, said in REASONS.items()],
        }
        return {**made, "links": links} if links else made


def of_patient(advice: Advice, lacking: Iterable[str]) -> Card | None:
    """The card on opening a record: where CMV is treated or is to be treated, and there is something to do about it."""
    harm = [item for item in advice.advice if item.said and item.severity == "harm"]
    act = [item for item in advice.advice if item.said and item.severity == "act"]
    untreated = advice.options and not any(option.running for option in advice.options)
    if not harm and not act and not untreated:
        return None
    leading = next(iter([*harm, *act]), None)
    tasks = sorted(advice.tasks, key=lambda task: (not task.overdue, task.day))
    when = [_due(task, advice.as_of) for task in tasks[:1]]
    pressing = when if tasks and tasks[0].day <= advice.as_of else []
    first = [*(f"{item.headline}." for item in harm[:1]), *advice.summary[:1], *pressing]
    said = [*first, *(f"{item.headline}." for item in act[:1]), *advice.summary[1:], *when]
    detail = [
        *_part("", advice.summary),
        *_part("Safety", [*(f"{i.headline}. {i.text}" for i in harm[:1]), *(i.headline for i in harm[1:])]),
        *_part("To do", [item.headline for item in act[:_ACTS]]),
        *_part("Dates", [f"{words.task_when(task)}: {task.what}" for task in tasks[:_DATES]]),
        *_part("Not covered", [item.headline for item in advice.abstentions if item.said]),
        *_part("Not known", [*_asked(advice), *_unseen(lacking)]),
    ]
    rule, topic = ("summary", "antiviral") if leading is None else (leading.rule, leading.topic)
    return Card(_fitted(said), "\n".join(detail).strip(), "warning" if harm else "info", rule, topic)


def of_orders(findings: list[Finding], lacking: Iterable[str], *, signing: bool, unnamed: int = 0) -> Card | None:
    """The card on orders: what is wrong with them. What cannot be judged is said when an order is signed.

    ``unnamed``: orders among them whose drug nothing names.
    """
    spoken = [each for each in findings if signing or each.rule != "check:cannot be judged"]
    lacking = list(lacking)
    if not spoken and unnamed and signing:
        return of_unnamed(unnamed)
    if not spoken:
        return _unchecked(lacking) if signing and lacking else None
    first = spoken[0]
    indicator = {"forbidden": "critical" if signing else "warning", "harm": "warning", "note": "info"}[first.level]
    lines = [f"{each.text}." for each in spoken]
    unknown = [*([of_unnamed(unnamed).summary] if unnamed and signing else []), *_unseen(lacking)]
    detail = [*_part("", [f"{lines[0]} {first.more}".strip(), *lines[1:]]), *_part("Not known", unknown)]
    topic = first.item.topic if first.item else "antiviral"
    return Card(_fitted(lines), "\n".join(detail).strip(), indicator, first.rule, topic)


def _unchecked(lacking: list[str]) -> Card:
    """Nothing was found, and not everything was seen: that is not the same as nothing being wrong."""
    said = ["Order not fully checked: parts of the record were not seen."]
    return Card(said[0], "\n".join(_part("Not known", _unseen(lacking))).strip(), "info", "check:not seen", "antiviral")


def of_unnamed(number: int) -> Card:
    """Orders whose drug is named in a resource that did not come with them."""
    orders = "An order" if number == 1 else f"{number} orders"
    said = f"{orders} could not be checked: the drug is not named in what was sent."
    return Card(
        said, "Send the Medication with the order, or its name as text.", "info", "check:not named", "antiviral"
    )


def _due(task: Task, today: str) -> str:
    word = "Overdue" if task.overdue else "Due" if task.day == today else "Next"
    return f"{word}: {task.what}, {words.day(task.day)}."


def _asked(advice: Advice) -> list[str]:
    """What is unknown and decides on advice or a badge, the most first; what only ranks the options is left out."""
    rules = {each.rule for each in [*advice.advice, *advice.abstentions]} | {each.rule for each in advice.status}
    return [each.ask for each in advice.changes if rules.intersection(each.rules)][:_QUESTIONS]


def _unseen(lacking: Iterable[str]) -> list[str]:
    """What the record did not send in full, in one line."""
    names = [_NAMES[key] for key in lacking]
    return [f"Not seen in full: {', '.join(names)}"] if names else []


def _part(title: str, lines: Iterable[str]) -> list[str]:
    """A list under its title in Markdown; empty without lines."""
    listed = [f"- {plain(line)}" for line in lines]
    return [*([f"**{title}**", ""] if title else []), *listed, ""] if listed else []


def plain(text: str) -> str:
    """Text that means only itself in Markdown, on one line: what a record says must not become a link or a tag."""
    return re.sub(r"([\\`*_\[\]<>#|~&!])", r"\\\1", " ".join(words.clean(text).split()))


def _fitted(sentences: Iterable[str]) -> str:
    """As many of the first sentences as a summary holds, none left out between; of a longer first one its beginning."""
    said = ""
    for sentence in sentences:
        line = " ".join(words.clean(sentence).split())
        joined = f"{said} {line}".strip()
        if len(joined) > LONGEST:
            return said or line[: LONGEST - 1].rsplit(" ", 1)[0] + "…"
        said = joined
    return said
