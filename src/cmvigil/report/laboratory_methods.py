"""How the result was made: cut-offs with how far each was checked, sources with their titles, the studies behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from cmvigil.advice import Verification
from cmvigil.genotype import Knowledge
from cmvigil.report import laboratory_words as lw
from cmvigil.report import words
from cmvigil.report.genotype_about import About, blind_below, how_read, site_lines, technology
from cmvigil.sequencing.reference import reference
from cmvigil.sequencing.sample import Sample

_PLACE = "resistance/thresholds.yaml: "


@dataclass(frozen=True, slots=True)
class CutOff:
    """A number of the knowledge: what it decides, its value, how far it was checked, the keys of its sources."""

    what: str
    value: str
    verification: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cited:
    """A source by its key."""

    key: str
    title: str
    locator: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Studies:
    """The studies whose folds were read for one change."""

    change: str
    studies: list[tuple[str, str | None]]


class Methods:
    """What is common to all samples of a report."""

    def __init__(self, samples: Sequence[Sample], knowledge: Knowledge, version: str, about: About) -> None:
        self.samples = samples
        self.knowledge = knowledge
        self.version = version
        self.reference = reference().accession
        self.options = how_read(about.options)
        self.site = list(site_lines(knowledge))

    @property
    def technologies(self) -> list[tuple[str, str]]:
        """How the sequences were made, and what none of that kind can show."""
        kinds = {(technology(each.read), blind_below(each.read, self.knowledge)) for each in self.samples}
        return sorted(kinds)

    @property
    def folds(self) -> list[CutOff]:
        """The bands that turn a fold into a level."""
        t = self.knowledge.thresholds
        return [
            self.cut_off("possible_from", "possible resistance", f"from {t.possible_from:f}-fold"),
            self.cut_off("low_from", "resistant, low", f"from {t.low_from:f}-fold"),
            self.cut_off("moderate_from", "resistant, moderate", f"from {t.moderate_from:f}-fold"),
            self.cut_off("high_from", "resistant, high", f"from {t.high_from:f}-fold"),
        ]

    @property
    def shares(self) -> list[CutOff]:
        """The shares of the population that matter."""
        t = self.knowledge.thresholds
        return [
            self.cut_off("call_floor", "taken for an artefact", f"below {lw.share(t.call_floor)}"),
            self.cut_off("report_floor", "decides", f"from {lw.share(t.report_floor)}"),
            self.cut_off("laboratory_floor", "most laboratories report it", f"from {lw.share(t.laboratory_floor)}"),
            self.cut_off("sanger_floor", "Sanger sequencing sees it", f"from {lw.share(t.sanger_floor)}"),
        ]

    def cut_off(self, name: str, what: str, value: str) -> CutOff:
        sources, verification = next(
            (sources, word) for place, sources, word in self.knowledge.cited if place == _PLACE + name
        )
        said = words.VERIFICATION[cast(Verification, verification)] if verification else "set by the site"
        return CutOff(what, value, said, sources)

    @property
    def sources(self) -> list[Cited]:
        """What the verdicts and the cut-offs rest on, by key."""
        keys = {key for each in (*self.folds, *self.shares) for key in each.sources}
        for sample in self.samples:
            found = sample.interpretation
            keys.update(key for drug in found.drugs for key in drug.sources)
            keys.update(key for each in found.variants for drug in each.drugs for key in drug.sources)
        return [_cited(key, self.knowledge) for key in sorted(keys)]

    @property
    def studies(self) -> list[Studies]:
        """DOIs (or what stands for one) of the measurements, by change."""
        made: dict[str, set[str]] = {}
        for sample in self.samples:
            for each in sample.interpretation.variants:
                dois = {doi for drug in each.drugs for doi in drug.dois}
                if dois:
                    made.setdefault(each.mutation.name, set()).update(dois)
        return [Studies(name, _linked(sorted(dois))) for name, dois in sorted(made.items())]


def link(locator: str) -> str | None:
    """The web address of a DOI, a PubMed number or an address; None for anything else."""
    doi = re.search(r"\b10\.\d{4,9}/\S+", locator)
    if doi:
        return "https://doi.org/" + quote(doi.group().rstrip(".,;)"), safe="/:.()-_")
    pmid = re.fullmatch(r"(?i)pmid:?\s*(\d{1,9})", locator.strip())
    if pmid:
        return f"https://pubmed.ncbi.nlm.nih.gov/{pmid.group(1)}/"
    return locator if re.fullmatch(r"https://[!-~]+", locator) else None


def _linked(locators: Iterable[str]) -> list[tuple[str, str | None]]:
    return [(locator, link(locator)) for locator in locators]


def _cited(key: str, knowledge: Knowledge) -> Cited:
    source = knowledge.sources[key]
    locator = source.get("locator", "")
    return Cited(key, source.get("title", ""), locator, link(locator))
