"""Everything of the knowledge that has a page: found by words, by what uses it, by what it cites, by who tries it."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from ...genotype import Knowledge
from ...reasoning.model import Constant, Expr, Program, names, walk
from ...record.vocabulary import vocabulary
from ...report import words
from .knowledge_titles import STATEMENTS

KINDS = ("rule", "definition", "fact", "derived fact", "setting", "drug", "change", "source")
"""In the order of a list of findings."""
_FOLDERS = {
    "rule": "rules",
    "definition": "definitions",
    "fact": "facts",
    "derived fact": "facts",
    "setting": "settings",
    "drug": "drugs",
    "change": "variants",
    "source": "sources",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing with a page. ``text`` is what is searched, in small letters; ``more`` stands behind its title.

    ``also``: what else it is called.
    """

    kind: str
    name: str
    title: str
    text: str
    more: str = ""
    also: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Its page."""
        return f"/knowledge/{_FOLDERS[self.kind]}/{quote(self.name)}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A test of a rule in the project's own conformance tests. ``shows``: appears, near miss, unknown."""

    file: str
    test: str
    shows: tuple[str, ...]

    @property
    def words(self) -> str:
        """The test's name as words, without the statement's code."""
        return self.test.removeprefix("test_").replace("_", " ")


class Index:
    """All entries of a program and of its resistance knowledge."""

    def __init__(self, program: Program, knowledge: Knowledge) -> None:
        self.program, self.knowledge = program, knowledge
        self.entries = tuple(self._entries())

    def search(self, asked: str, kind: str = "") -> list[Entry]:
        """Entries that hold all the words, the nearest first: the name itself, words of the title, then of the text."""
        wanted = asked.lower().split()
        found = [
            entry for entry in self.entries if kind in ("", entry.kind) and all(word in entry.text for word in wanted)
        ]
        return sorted(found, key=lambda entry: _distance(entry, wanted))

    @cached_property
    def by_kind(self) -> Mapping[str, tuple[Entry, ...]]:
        """Entries by kind."""
        return {kind: tuple(entry for entry in self.entries if entry.kind == kind) for kind in KINDS}

    @cached_property
    def by_name(self) -> Mapping[str, Entry]:
        """What conditions name, and rules: these share no name."""
        named = ("rule", "definition", "fact", "derived fact", "setting")
        return {entry.name: entry for entry in self.entries if entry.kind in named}

    @cached_property
    def users(self) -> Mapping[str, tuple[Entry, ...]]:
        """By name, what names it in a condition, a text or a schedule."""
        made: dict[str, dict[str, Entry]] = defaultdict(dict)
        for user, used in self._uses():
            if used in self.by_name and used != user:
                made[used][user] = self.by_name[user]
        return {name: tuple(found.values()) for name, found in made.items()}

    def citing(self, key: str) -> dict[str, list[tuple[str, str, str]]]:
        """What cites a source, by what it is: address (empty for what has no page), title, verification."""
        program = self.program
        found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for kind, layer in (
            ("rule", program.rules),
            ("definition", program.definitions),
            ("setting", program.settings),
        ):
            for name, item in layer.items():
                if key in item.sources:
                    entry = self.by_name[name]
                    found[kind].append((entry.address, entry.title, item.verification))
        for table in program.tables.values():
            rows = [row for row in table.rows if key in _keys(row.get("source"))]
            if rows:
                grades = dict.fromkeys(str(row["verification"]) for row in rows if row.get("verification"))
                found["table"].append(("", f"{table.is_}: {words.count(len(rows), 'row')}", ", ".join(grades)))
            elif key in table.sources:
                found["table"].append(("", table.is_, ""))
        for drug, fields in program.antivirals.items():
            grades = dict.fromkeys(str(part.get("verification", "")) for part in _citing(fields, key))
            if grades:
                found["drug"].append(
                    (f"/knowledge/drugs/{drug}", str(fields["label"]), ", ".join(filter(None, grades)))
                )
        for where, keys, grade in self.knowledge.cited:
            if key in keys:
                found["resistance"].append(("", where.removeprefix("resistance/"), grade))
        return found

    def _uses(self) -> Iterator[tuple[str, str]]:
        for name, expression in self.program.expressions():
            yield from ((name, used) for used in _named(expression))
        for rule in self.program.rules.values():
            scheduled = [str(entry[key]) for entry in rule.schedule for key in ("anchor", "done") if key in entry]
            told = re.findall(r"\{([a-z_0-9]+)", f"{rule.headline} {rule.text} {rule.because} {rule.if_unknown}")
            yield from ((rule.name, used) for used in (*scheduled, *told))

    def _entries(self) -> Iterator[Entry]:
        program = self.program
        for rule in program.rules.values():
            title = plain(rule.headline or rule.text or rule.name, program)
            about = STATEMENTS.get(rule.statement, "")
            text = f"{title} {rule.text} {rule.because} {rule.statement} {about} {' '.join(rule.sources)}"
            yield _entry("rule", rule.name, words.sentence(title), text, rule.statement)
        for definition in program.definitions.values():
            yield _entry("definition", definition.name, words.sentence(definition.is_), " ".join(definition.sources))
        for fact in program.facts.values():
            yield _entry("fact", fact.name, words.sentence(fact.is_), fact.ask, words.unit(fact.unit))
        for derived in program.derived.values():
            yield _entry("derived fact", derived.name, words.sentence(derived.is_), "", words.unit(derived.unit))
        for setting in program.settings.values():
            value = "not set" if setting.value is None else words.quantity(str(setting.value), setting.unit)
            yield _entry("setting", setting.name, words.sentence(setting.is_), " ".join(setting.sources), value)
        yield from self._drugs()
        for gene, change in sorted(self.knowledge.known, key=_by_codon):
            yield _entry("change", f"{gene}/{change}", f"{gene} {change}", f"{gene}:{change}")
        for key, source in program.sources.items():
            yield _entry("source", key, source["title"], " ".join(map(str, source.values())), key)

    def _drugs(self) -> Iterator[Entry]:
        """Antivirals, and what they meet: drugs of the tables of interactions."""
        synonyms: dict[str, list[str]] = defaultdict(list)
        for name, concept in vocabulary().drug_names.items():
            synonyms[concept].append(name)
        met = {str(row["other"]) for row in self.program.tables["interactions"].rows}
        for drug in dict.fromkeys((*self.program.antivirals, *sorted(met))):
            label = words.sentence(self.program.labels.get(drug, drug.replace("_", " ")))
            kind = "antiviral" if drug in self.program.antivirals else ""
            yield _entry("drug", drug, label, " ".join(synonyms[drug]), kind, tuple(synonyms[drug]))


@cache
def trials() -> Mapping[str, tuple[Trial, ...]]:
    """The tests of each rule, as they were when the program was made."""
    made: dict[str, list[Trial]] = defaultdict(list)
    text = files("cmvigil.knowledge").joinpath("conformance.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        shows = tuple(row["shows"].split(";")) if row["shows"] else ()
        made[row["rule"]].append(Trial(row["file"], row["test"], shows))
    return {rule: tuple(found) for rule, found in made.items()}


def plain(text: str, program: Program) -> str:
    """A text of a rule where the values of a patient stand as what they are: ``{weight}`` as ``[body weight]``."""

    def named(match: re.Match[str]) -> str:
        for layer in (program.facts, program.derived, program.settings):
            if match[1] in layer:
                return f"[{layer[match[1]].is_}]"
        return f"[{match[1].replace('_', ' ')}]"

    return re.sub(r"\{([a-z_0-9]+)(?:\.[a-z]+)?\}", named, text)


def _entry(kind: str, name: str, title: str, text: str, more: str = "", also: tuple[str, ...] = ()) -> Entry:
    return Entry(kind, name, title, f"{name} {name.replace('_', ' ')} {title} {text}".lower(), more, also)


def _distance(entry: Entry, wanted: Iterable[str]) -> tuple[int, int, str]:
    asked, title = " ".join(wanted), entry.title.lower()
    if asked in (entry.name.lower(), title, entry.more.lower(), *entry.also):
        near = 0
    elif title.startswith(asked):
        near = 1
    else:
        near = 2 if all(word in title for word in wanted) else 3
    return near, KINDS.index(entry.kind), title


def _named(expression: Expr) -> Iterator[str]:
    yield from names(expression)
    yield from (part.name for part in walk(expression) if isinstance(part, Constant) and part.name)


def _by_codon(key: tuple[str, str]) -> tuple[str, int, str]:
    gene, change = key
    digits = re.search(r"\d+", change)
    return gene, int(digits[0]) if digits else 0, change


def _keys(source: object) -> list[str]:
    """The sources of a table's row: one cell, with commas between them."""
    return [key.strip() for key in str(source or "").split(",")]


def _citing(part: Any, key: str) -> Iterator[Mapping[str, Any]]:
    """Every mapping within a drug's file that cites a source."""
    if isinstance(part, Mapping):
        if isinstance(part.get("sources"), list) and key in part["sources"]:
            yield part
        for below in part.values():
            yield from _citing(below, key)
    elif isinstance(part, list):
        for below in part:
            yield from _citing(below, key)
