"""What all resources of an answer share: ids, subject, references to the record, narrative, citations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any
from unicodedata import category
from uuid import NAMESPACE_URL, uuid5

from cmvigil.advice import Advice, Condition, Item, Source
from cmvigil.report import words
from cmvigil.report.reading import Reading

Resource = dict[str, Any]

NOT_DETERMINED = "Not determined"
"""The word before what cannot be told. Unknown is not no."""

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_RESOURCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}")


class Frame:
    """One answer being written."""

    def __init__(self, advice: Advice) -> None:
        self.advice = advice
        self.reading = Reading(advice)
        origin = advice.provenance
        self._seed = f"urn:cmvigil:{origin.input_hash}/{advice.as_of}/{origin.knowledge_hash}"

    def id(self, name: str) -> str:
        """The id of a resource: the same input, day, knowledge and name (of a rule, a drug) give the same."""
        return str(uuid5(NAMESPACE_URL, f"{self._seed}/{name}"))

    def refer(self, name: str) -> Resource:
        """A reference to the resource that has or will have this name."""
        return {"reference": f"urn:uuid:{self.id(name)}"}

    def resource(self, kind: str, name: str, told: Sequence[str], **content: Any) -> Resource:
        """A resource with its narrative: ``told`` is a heading and paragraphs. Empty content is left out."""
        made = {"resourceType": kind, "id": self.id(name), "text": _narrative(told)}
        return made | {key: value for key, value in content.items() if value}

    @property
    def subject(self) -> Resource:
        """The patient of the Bundle that was read. Of any other record only what names nobody: ``Woman, 54``."""
        if "Patient" in self.advice.quality.read and _ID.fullmatch(self.advice.patient):
            return {"reference": f"Patient/{self.advice.patient}"}
        return {"display": text(self.advice.subject)}

    @property
    def device(self) -> Resource:
        """A reference to the software that made the answer."""
        return self.refer("device")

    def based_on(self, items: Iterable[Item]) -> list[Resource]:
        """References to what carried the facts that made these items apply, each once."""
        return self.events_of(item.walkback.when for item in items)

    def events_of(self, conditions: Iterable[Condition]) -> list[Resource]:
        """References to what carried the facts that these conditions looked at, each once."""
        facts = dict.fromkeys(name for condition in conditions for name in self._facts(condition, set()))
        known = [self.advice.facts[name] for name in facts if name in self.advice.facts]
        return self.sources(event.source for fact in known for event in fact.events)

    @staticmethod
    def sources(places: Iterable[str]) -> list[Resource]:
        """References to places of the record: a resource of the server, or the words for a place of a case file."""
        return [
            {"reference": place} if _RESOURCE.fullmatch(place) else {"display": text(place)}
            for place in sorted(set(places))
        ]

    def running(self, *drugs: str) -> list[Resource]:
        """References to the entries of drugs (by name or label) that run on the day."""
        bars = self.advice.timeline.bars
        return self.sources(bar.source for bar in bars if bar.running and (bar.drug in drugs or bar.label in drugs))

    def standing(self, item: Item) -> str:
        """How far it can be said, and how sure: strength or needs, certainty, verification, statement."""
        return words.join([self.reading.standing(item), words.grade(item)])

    def _facts(self, condition: Condition, opened: set[str]) -> Iterator[str]:
        """Names of facts below a condition; a named condition is opened once."""
        yield from condition.facts
        if condition.name not in opened:
            opened |= {condition.name} - {""}
            for part in condition.below(self.advice.definitions):
                yield from self._facts(part, opened)


def reference(resource: Resource) -> Resource:
    """A reference to a resource of this Bundle."""
    return {"reference": f"urn:uuid:{resource['id']}"}


def text(value: str) -> str:
    """What a FHIR string may hold: something, on one line, without signs that steer."""
    kept = "".join(sign for sign in value if sign.isspace() or not category(sign).startswith("C"))
    return " ".join(kept.split()) or "-"


def texts(*values: str) -> str:
    """Several texts as one, the empty ones left out."""
    return text(" ".join(value for value in values if value))


def concept(what: str, code: str, said: str) -> Resource:
    """A word of a code system of ours (``urn:cmvigil:status``) with its text."""
    return {"coding": [{"system": f"urn:cmvigil:{what}", "code": code}], "text": text(said)}


def notes(values: Iterable[str]) -> list[Resource]:
    """Annotations, the empty ones left out."""
    return [{"text": text(value)} for value in values if value]


def citations(sources: Iterable[Source]) -> list[Resource]:
    """Sources as literature that is cited, with an address where the locator gives one."""
    return [_citation(source) for source in sources]


def _citation(source: Source) -> Resource:
    link = address(source)
    cited = {"type": "citation", "label": text(source.key), "citation": text(words.source_line(source))}
    return cited | ({"url": link} if link else {})


def address(source: Source) -> str | None:
    """The web address of a source: that of its DOI or PMID, or its locator where it is one."""
    link = words.source_link(source)
    return link or (source.locator if re.fullmatch(r"https://[!-~]+", source.locator) else None)


def _narrative(told: Sequence[str]) -> Resource:
    heading, *lines = (escape(text(line), quote=False) for line in told if line)
    body = f"<p><b>{heading}</b></p>" + "".join(f"<p>{line}</p>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}
