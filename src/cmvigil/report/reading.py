"""What every face reads out of an :class:`~cmvigil.advice.Advice`: topics, sources, series, needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from cmvigil.advice import TOPICS, Advice, Bar, Item, LabPoint, Load, Option, Question, Source, Task, Verification
from cmvigil.report import words

QUESTIONS_SHOWN, DECIDES_SHOWN = 5, 3
"""So many questions, and so many of the answers each decides, stand open; the rest is one step away."""

_NEEDS_NAMED = 3
_MANY, _ALIKE = 6, 3
_STATES = ("applies", "provided", "undetermined", "overridden")
_CHECKED: tuple[Verification, ...] = ("recalled", "secondary", "verified")


_Thing = TypeVar("_Thing")


@dataclass(frozen=True)
class Stream:
    """Viral loads that may be compared with each other, oldest first."""

    label: str
    unit: str
    loads: tuple[Load, ...]

    @property
    def summary(self) -> str:
        """``plasma, Roche, IU/mL: 6 results, 1 Mar 2026 to 28 Mar 2026; highest 12,400, last <137``."""
        first, last = self.loads[0], self.loads[-1]
        parts = [words.count(len(self.loads), "result")]
        if len(self.loads) > 1:
            parts[0] += f", {words.day(first.day)} to {words.day(last.day)}"
            top = max(self.loads, key=lambda load: load.low)
            if top.form == "quantified":
                parts.append(f"highest {words.load_value(top)} on {words.day(top.day)}")
        parts.append(f"last {words.load_value(last)} on {words.day(last.day)}")
        return f"{self.label}: {'; '.join(parts)}"


@dataclass(frozen=True)
class Rhythm:
    """A task, or the same task at equal steps: ``times`` dates, ``step`` days apart, the last on ``last``."""

    task: Task
    last: str
    step: int = 0
    times: int = 1
    beyond: str = ""  # how a series goes on after the last listed date

    @property
    def when(self) -> str:
        """``29 Mar 2026 (day 16), then weekly until 14 Jun 2026 (12 times)``; a series that goes on alike, in one."""
        said = words.task_when(self.task)
        step = "every day" if self.step == 1 else f"every {self.step} days"
        if self.times > 1 and self.beyond.startswith(f"then {step} until "):
            return f"{said}, {self.beyond.replace(step, words.every(self.step), 1)}"
        if self.times > 1:
            said += f", then {words.every(self.step)} until {words.day(self.last)} ({self.times}{words.NBSP}times)"
        return f"{said}, {self.beyond}" if self.beyond else said


class Reading:
    """One advice, ready to be shown."""

    def __init__(self, advice: Advice) -> None:
        self.advice = advice
        self._opened: set[str] = set()

    def opens(self, name: str) -> bool:
        """Whether a named condition is met for the first time on the page: there it is opened, later pointed to."""
        new = name not in self._opened
        self._opened.add(name)
        return new

    @cached_property
    def items(self) -> list[Item]:
        """Everything that is said, in the order of the page; a reason for several options once."""
        a = self.advice
        reasons = {item.rule: item for option in a.options for item in option.reasons}
        return [*a.abstentions, *a.causes, *reasons.values(), *a.advice, *a.findings]

    @cached_property
    def _headlines(self) -> dict[str, str]:
        return {item.rule: item.headline for item in self.items}

    @staticmethod
    def ranked(items: list[Item]) -> list[Item]:
        """The order given, with what applies before what cannot be said and what was overridden."""
        return sorted(items, key=lambda item: _STATES.index(item.state))

    @cached_property
    def topics(self) -> list[tuple[str, list[Item]]]:
        """Advice by topic, in the order of :data:`~cmvigil.advice.TOPICS`, then any other topic by name."""
        by_topic: dict[str, list[Item]] = {}
        for item in self.advice.advice:
            by_topic.setdefault(item.topic, []).append(item)
        order = [*(t for t in TOPICS if t in by_topic), *sorted(by_topic.keys() - TOPICS.keys())]
        return [(TOPICS.get(t, t), self.ranked(by_topic[t])) for t in order]

    @staticmethod
    def stands_open(item: Item) -> bool:
        """Whether its text stands beside its headline: what it says on safety, and how to treat the virus."""
        return item.said and (item.severity == "harm" or (item.strength == "strong" and item.topic == "antiviral"))

    def parts(self, items: list[Item], *, fold_alike: bool = False) -> list[tuple[str, list[Item]]]:
        """Items in named parts: what is said (no name), then what cannot be told yet, then what was set aside.

        ``fold_alike``: of many that are said, those that begin alike (``Option compared: ...``) make a part too.
        """
        said = [item for item in self.ranked(items) if item.said]
        alike: dict[str, list[Item]] = {}
        if fold_alike and len(said) > _MANY:
            for item in said:
                kind, colon, _ = item.headline.partition(": ")
                if colon and item.severity != "harm":
                    alike.setdefault(kind, []).append(item)
        alike = {kind: found for kind, found in alike.items() if len(found) >= _ALIKE}
        folded = {id(item) for found in alike.values() for item in found}
        parts = [("", [item for item in said if id(item) not in folded]), *sorted(alike.items())]
        for name, state in (("Cannot be told yet", "undetermined"), ("Set aside", "overridden")):
            parts.append((name, [item for item in items if item.state == state]))
        return [(name and f"{name} ({len(found)})", found) for name, found in parts if found]

    def topic_columns(self) -> list[list[tuple[str, list[Item]]]]:
        """The topics in two columns of about the same length, in order."""
        return _halves(self.topics, lambda topic: 2 + sum(_lines(item) for item in topic[1]))

    @staticmethod
    def columns(items: list[Item]) -> list[list[Item]]:
        """Items in two columns of about the same length, in order."""
        return _halves(items, _lines)

    def title(self, section: str) -> str:
        """A section's heading; "why it came back" and "not covered" are said only of what is known to be so."""
        if section == "causes" and any(
            s.name == "recurrent" and s.truth == "true" and s.answer.startswith("yes") for s in self.advice.status
        ):
            return words.CAUSES_OF_RECURRENCE
        if section == "abstentions" and all(item.state == "undetermined" for item in self.advice.abstentions):
            return words.PERHAPS_NOT_COVERED
        return words.SECTIONS[section]

    @cached_property
    def questions(self) -> list[tuple[int, Question]]:
        """The questions with their numbers, by which every face refers to them."""
        return list(enumerate(self.advice.changes, 1))

    def like(self, number: int) -> int:
        """The first question before this one that decides everything this one decides; 0 when there is none."""
        mine = set(self.advice.changes[number - 1].decides)
        if len(mine) <= DECIDES_SHOWN:
            return 0
        return next((n for n, q in self.questions[: number - 1] if mine <= set(q.decides)), 0)

    @cached_property
    def _asked(self) -> dict[str, int]:
        return {fact: n for n, question in reversed(self.questions) for fact in question.facts}

    def needs(self, item: Item | Option) -> str:
        """What an item or an option waits for: three names at most, and the questions that ask for them."""
        names = self._needed(item)
        more = len(names) - _NEEDS_NAMED
        if more > 0 and all(name in self._asked for name in item.needs):
            return f"{words.count(len(names), 'answer')} ({words.numbered('question', self._numbers(item))})"
        said = ", ".join(names[:_NEEDS_NAMED]) + (f" +{more}" if more > 0 else "")
        asked = self._numbers(item)
        return f"{said} ({words.numbered('question', asked)})" if asked else said

    def all_needs(self, item: Item | Option) -> str:
        """Every fact an item waits for, by name."""
        return ", ".join(self._needed(item))

    def _needed(self, item: Item | Option) -> list[str]:
        return list(dict.fromkeys(self.fact_label(name) for name in item.needs))

    def waits(self, item: Item | Option) -> str:
        """The same in a few words, for a list: the questions shown first; without one of them, the first name."""
        shown = [n for n in self._numbers(item) if n <= QUESTIONS_SHOWN]
        names = self._needed(item)
        if shown:
            return f"needs {words.numbered('question', shown)}"
        return f"needs {names[0]}" + (f" +{len(names) - 1}" if names[1:] else "") if names else ""

    def _numbers(self, item: Item | Option) -> list[int]:
        return sorted({self._asked[name] for name in item.needs if name in self._asked})

    @cached_property
    def rhythms(self) -> list[Rhythm]:
        """The tasks in order, those of one rule at equal steps drawn together."""
        return rhythms_of(self.advice.tasks)

    @cached_property
    def sources(self) -> list[Source]:
        """Every source once, by key, with its weakest verification; the statements keep their own."""
        by_key: dict[str, list[Source]] = {}
        for item in self.items:
            for source in item.sources:
                by_key.setdefault(source.key, []).append(source)
        for option in self.advice.options:
            for source in cited(option):
                by_key.setdefault(source.key, []).append(source)

        def together(parts: set[str]) -> str:
            return "; ".join(sorted(part for part in parts if part))

        return [
            Source(
                key=key,
                title=together({s.title for s in same}),
                locator=together({s.locator for s in same}),
                verification=min((s.verification for s in same), key=_CHECKED.index),
                note=together({s.note for s in same}),
            )
            for key, same in sorted(by_key.items())
        ]

    def fact_label(self, name: str) -> str:
        """What a fact is called; its name when the advice does not hold it."""
        fact = self.advice.facts.get(name)
        return fact.label if fact else name

    def standing(self, item: Item) -> str:
        """The certainty word of an item with what it waits for: ``unknown: needs weight, creatinine``."""
        needs = self.needs(item)
        other = self._headlines.get(item.overridden_by, item.overridden_by)
        if item.state == "undetermined":
            return f"unknown: needs {needs}" if needs else "unknown"
        if item.state == "overridden":
            return f"overridden by “{other}”" if other else "overridden"
        if item.state == "provided":
            proviso = f"provided not “{other}”" if other else "provided nothing speaks against it"
            return ", ".join(part for part in (words.strength(item), proviso) if part) + (
                f": needs {needs}" if needs else ""
            )
        return words.strength(item)

    @cached_property
    def forbidden(self) -> list[Option]:
        """Drugs that the sentences in short name though they are contraindicated today."""
        said = " ".join(self.advice.summary).lower()
        return [o for o in self.advice.options if o.verdict == "contraindicated" and re.search(_word(o.label), said)]

    @cached_property
    def silence(self) -> str:
        """What to say when nothing is advised; empty when something is."""
        a = self.advice
        said = [*a.advice, *a.causes]
        if any(item.said for item in said):
            return ""
        if any(option.verdict == "preferred" for option in a.options):
            return ""
        if any(item.said for item in a.abstentions):
            return words.NOTHING_COVERED
        if said or a.abstentions or a.changes:
            return words.NOTHING_YET
        return f"{words.NOTHING} {words.read_line(a.quality.read)}"

    @cached_property
    def streams(self) -> list[Stream]:
        """Loads by specimen, assay and unit; never mixed."""
        by: dict[tuple[str, str, str], list[Load]] = {}
        for load in self.advice.timeline.loads:
            by.setdefault((load.stream, load.specimen, load.unit), []).append(load)
        streams = []
        for (stream, specimen, unit), loads in by.items():
            parts = [
                stream,
                *(part for part in (specimen, unit) if part and part.lower() not in stream.lower()),
            ]
            label = ", ".join(part for part in parts if part)
            streams.append(Stream(label, unit, tuple(sorted(loads, key=lambda load: load.day))))
        return streams

    @cached_property
    def bars(self) -> list[Bar]:
        """Drugs: antivirals first, each group by start."""
        groups = ("antiviral", "immunosuppressant", "steroid", "other")
        return sorted(self.advice.timeline.bars, key=lambda b: (groups.index(b.group), b.start, b.label, b.end))

    @cached_property
    def labs(self) -> list[tuple[str, str, list[LabPoint]]]:
        """Laboratory series: label, unit, points oldest first."""
        by: dict[tuple[str, str], list[LabPoint]] = {}
        for point in self.advice.timeline.labs:
            by.setdefault((point.label, point.unit), []).append(point)
        return [(label, unit, sorted(by[label, unit], key=lambda p: p.day)) for label, unit in sorted(by)]

    @cached_property
    def timeline_summary(self) -> list[str]:
        """The picture in sentences: for those who cannot see it, and for faces without pictures."""
        t = self.advice.timeline
        lines = [stream.summary for stream in self.streams]
        running = [f"{bar.label} {bar.dose}".strip() for bar in self.bars if bar.running]
        if t.bars:
            lines.append(f"Running on {words.day(self.advice.as_of)}: {', '.join(running) or 'no recorded drug'}")
        verdicts = [f"{band.label} ({words.day(band.start)})" for band in t.bands if band.kind == "verdict"]
        if verdicts:
            lines.append(f"Response judged: {'; '.join(verdicts)}")
        return lines


def _word(name: str) -> str:
    """A pattern for a name that stands alone: ganciclovir is not found in valganciclovir."""
    return rf"\b{re.escape(name.lower())}\b"


def _lines(item: Item) -> int:
    """About how many lines an item takes in a column; what is folded takes none."""
    if not item.said:
        return 0
    return 3 + (len(item.headline) + len(item.text) + len(item.because)) // 60


def _halves(things: list[_Thing], length: Callable[[_Thing], int]) -> list[list[_Thing]]:
    """The things in two lists, split where the longer of the two is shortest."""
    lengths = [length(thing) for thing in things]
    cuts = range(1, len(things) + 1)
    cut = min(cuts, key=lambda n: (max(sum(lengths[:n]), sum(lengths[n:])), n), default=0)
    return [half for half in (things[:cut], things[cut:]) if half]


def cited(option: Option) -> list[Source]:
    """What an option cites beside its reasons, each with the weakest verification of what rests on it.

    A source that the option only names by its key has no title here.
    """
    found: dict[str, list[Verification]] = {}
    said = [(regimen.sources, regimen.verification) for regimen in option.regimens]
    said += [(test.sources, test.verification) for test in option.watch]
    said += [(together.sources, together.verification) for together in option.interactions]
    for keys, verification in said:
        for key in keys:
            found.setdefault(key, []).append(verification)
    named = {source.key: source for source in option.sources}
    for key in (key for regimen in option.regimens for step in regimen.steps for key in step.sources):
        found.setdefault(key, [named[key].verification if key in named else "recalled"])
    made = dict(named)
    for key, grades in found.items():
        source = named.get(key) or Source(key=key, title="", verification="recalled")
        made[key] = source.model_copy(update={"verification": min(grades, key=_CHECKED.index)})
    return [made[key] for key in sorted(made)]


def rhythms_of(tasks: list[Task]) -> list[Rhythm]:
    """Tasks in order; three or more of one rule at equal steps make one."""
    alike: dict[tuple[str, str, str, bool], list[Task]] = {}
    for task in tasks:
        alike.setdefault((task.rule, task.what, task.why, task.overdue), []).append(task)
    found = [rhythm for same in alike.values() for rhythm in _rhythms(sorted(same, key=lambda t: t.day))]
    return sorted(found, key=lambda rhythm: rhythm.task.day)


def _rhythms(tasks: list[Task]) -> list[Rhythm]:
    """Runs of equal steps among the same tasks, oldest first; two dates are no rhythm."""
    rhythms: list[Rhythm] = []
    while tasks:
        steps = [(date.fromisoformat(b.day) - date.fromisoformat(a.day)).days for a, b in pairwise(tasks)]
        run = 1 + next((n for n, step in enumerate(steps) if step != steps[0]), len(steps))
        run = run if run >= 3 and steps[0] > 0 else 1
        final = tasks[run - 1]
        rhythms.append(Rhythm(tasks[0], final.day, steps[0] if run > 1 else 0, run, final.repeats))
        tasks = tasks[run:]
    return rhythms
