"""What every face reads out of an :class:`~cmvigil.advice.Advice`: topics, sources, series, needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cmvigil.advice import TOPICS, Advice, Bar, Item, LabPoint, Load, Source
from cmvigil.report import words

_STATES = ("applies", "provided", "undetermined", "overridden")


@dataclass(frozen=True)
class Stream:
    """Viral loads that may be compared with each other, oldest first."""

    label: str
    unit: str
    loads: tuple[Load, ...]

    @property
    def summary(self) -> str:
        """``plasma, Roche, IU/mL: 6 results, 1 Mar 2026 to 28 Mar 2026; highest 12 400, last <137``."""
        first, last = self.loads[0], self.loads[-1]
        parts = [words.count(len(self.loads), "result")]
        if len(self.loads) > 1:
            parts[0] += f", {words.day(first.day)} to {words.day(last.day)}"
            top = max(self.loads, key=lambda load: load.low)
            if top.form == "quantified":
                parts.append(f"highest {words.load_value(top)} on {words.day(top.day)}")
        parts.append(f"last {words.load_value(last)} on {words.day(last.day)}")
        return f"{self.label}: {'; '.join(parts)}"


class Reading:
    """One advice, ready to be shown."""

    def __init__(self, advice: Advice) -> None:
        self.advice = advice

    @cached_property
    def items(self) -> list[Item]:
        """Everything that is said, in the order of the page."""
        a = self.advice
        return [*a.abstentions, *a.causes, *a.advice, *a.findings]

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

    @cached_property
    def sources(self) -> list[Source]:
        """Every source once, by key. One work may stand twice when two passages were checked differently."""
        seen = {(s.key, s.locator, s.title, s.verification, s.note): s for item in self.items for s in item.sources}
        return [seen[key] for key in sorted(seen)]

    def fact_label(self, name: str) -> str:
        """What a fact is called; its name when the advice does not hold it."""
        fact = self.advice.facts.get(name)
        return fact.label if fact else name

    def standing(self, item: Item) -> str:
        """The certainty word of an item with what it waits for: ``unknown: needs weight, creatinine``."""
        needs = ", ".join(self.fact_label(name) for name in item.needs)
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
    def silence(self) -> str:
        """What to say when nothing is advised; empty when something is."""
        a = self.advice
        said = [*a.advice, *a.causes]
        if any(item.state in ("applies", "provided") for item in said):
            return ""
        if a.abstentions:
            return words.NOTHING_COVERED
        if said or a.changes:
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
        lines.extend(f"{words.day(band.start)}: {band.label}" for band in t.bands if band.kind == "verdict")
        return lines
