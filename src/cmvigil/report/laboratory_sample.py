"""One sample as its report shows it: nothing is decided here, only ordered, shortened and worded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from cmvigil.genotype import DrugReading, DrugVerdict, Knowledge, VariantReading
from cmvigil.genotype import words as verdict_words
from cmvigil.genotype.coverage import gaps, required_codons, stretches_text, unread
from cmvigil.genotype.interpret import UNSTATED
from cmvigil.genotype.levels import rank
from cmvigil.report import genotype_words as gw
from cmvigil.report import laboratory_words as lw
from cmvigil.report import words
from cmvigil.report.genotype_about import blind_below, technology
from cmvigil.sequencing.sample import Call, Note, Sample

_LEVELS = ("severe", "warning", "note")
_RUNS_SHOWN = 6  # stretches of missing codons beside a verdict; all of them stand under "Quality"
_DRIVERS_SHOWN = 3  # changes named in the sentence; all of them stand in the table
_NAME_SHOWN = 60  # letters of a name where room is short
_BEGIN = {
    "resistant": "resistant to",
    "possible": "possible resistance to",
    "not_determined": "not determined for",
    "susceptible": "sensitive to",
}


@dataclass(frozen=True, slots=True)
class DrugRow:
    """A drug's line in the table of verdicts. ``missing``: needed codons that were not read."""

    of: DrugVerdict
    sign: str
    said: str
    fold: str
    flags: list[str]
    drivers: list[str]
    reasons: list[str]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a change means for a drug, or for several of which the same is said; ``why``: what its fold does not say."""

    verdict: str | None
    text: str
    why: list[str]


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A change with its call, its form in the picture, and what it means for each drug."""

    of: VariantReading
    call: Call
    sign: str
    means: list[Meaning]
    flags: list[str]


class SampleReport:
    """A sample's parts in the order of the page. ``number``, from 1, makes its anchors unique."""

    def __init__(self, sample: Sample, knowledge: Knowledge, number: int) -> None:
        self.read = sample.read
        self.found = sample.interpretation
        self.knowledge = knowledge
        self.anchor = f"sample-{number}"
        self.calls = {call.mutation.key: call for call in self.read.calls if call.interpreted}
        self.genes = list(dict.fromkeys(gene for drug in knowledge.drugs.values() for gene in drug.genes))
        """In the order of the drugs they belong to."""

    @property
    def short(self) -> str:
        """The name where room is short: in the table of all samples, at the foot of a page."""
        name = words.clean(self.read.name)
        return name if len(name) <= _NAME_SHOWN else f"{name[: _NAME_SHOWN - 1]}…"

    @cached_property
    def unstated(self) -> bool:
        """Whether nobody said which codons were read."""
        return any(UNSTATED in each.reasons for each in self.found.drugs)

    @cached_property
    def notes(self) -> list[Note]:
        """Findings on the quality, the severe first; the last is what a file of its kind cannot show.

        Codons not read have a table of their own.
        """
        notes = [note for note in self.read.notes if note.code != "uncovered"]
        blind = blind_below(self.read, self.knowledge)
        notes += [Note("note", "kind of file", blind)] if blind else []
        return sorted(notes, key=lambda note: _LEVELS.index(note.level))

    @cached_property
    def severe(self) -> list[Note]:
        """Those that make the result doubtful."""
        return [note for note in self.notes if note.level == "severe"]

    @cached_property
    def first(self) -> list[Note]:
        """Those that stand above the verdicts."""
        return [note for note in self.notes if gw.stands_first(note)]

    @cached_property
    def made(self) -> str:
        """How the sequence was made."""
        return technology(self.read)

    @cached_property
    def summary(self) -> list[tuple[bool, str]]:
        """The whole in one sentence, in parts. True: the part speaks of resistance."""
        parts: list[tuple[bool, str]] = []
        for verdict, begin in _BEGIN.items():
            groups: dict[str, list[str]] = {}
            for each in self.found.drugs:
                if each.verdict == verdict:
                    groups.setdefault(self.because(each), []).extend(each.drugs)
            said = [lw.listed(drugs) + (f" ({why})" if why else "") for why, drugs in groups.items()]
            if said:
                parts.append((rank(verdict) >= rank("possible"), f"{begin} {lw.listed(said)}"))
        ends = [";"] * (len(parts) - 1) + ["."]
        return [
            (strong, (text if n else words.sentence(text)) + end)
            for n, ((strong, text), end) in enumerate(zip(parts, ends, strict=True))
        ]

    def because(self, each: DrugVerdict) -> str:
        """Level and changes of a verdict, or why there is none."""
        named = [self.with_share(name) for name in each.drivers[:_DRIVERS_SHOWN]]
        over = len(each.drivers) - len(named)
        drivers = lw.listed([*named, f"{over} more"] if over else named)
        if each.verdict in ("resistant", "possible"):
            level = each.level or ("level not known" if each.verdict == "resistant" else "")
            return ": ".join(part for part in (level, drivers) if part)
        if each.verdict == "susceptible":
            return ""
        if drivers:
            return f"{drivers}, effect not known"
        if self.unstated:
            return "coverage not stated"
        return "needed codons not read" if self.missing(each) else "a change too rare to decide"

    def with_share(self, name: str) -> str:
        """A change by its name, with its share where it is known."""
        fraction = self.call(name).mutation.fraction
        return (name if fraction is None else f"{name} at {lw.share(fraction)}").replace(" ", words.NBSP)

    def call(self, name: str) -> Call:
        """The call of an interpreted change, by its name."""
        return next(call for call in self.calls.values() if call.mutation.name == name)

    @cached_property
    def drugs(self) -> list[DrugRow]:
        """The table of verdicts."""
        return [
            DrugRow(
                of=each,
                sign=lw.SIGN[each.verdict],
                said=verdict_words(each.verdict, each.level),
                fold=lw.fold(each.fold_low, each.fold_median, each.fold_high),
                flags=gw.flags(each),
                drivers=[self.driver(name) for name in each.drivers],
                reasons=[reason for reason in each.reasons if reason not in self.gaps(each)],
                missing=self.missing(each),
            )
            for each in self.found.drugs
        ]

    def driver(self, name: str) -> str:
        """``UL97 A594V, 23 % (20.1–26.2 %)``."""
        call = self.call(name)
        reach = lw.interval(call)
        said = ", ".join(part for part in (name, lw.share_of(call)) if part)
        return said + (f" ({reach})" if reach else "")

    def gaps(self, each: DrugVerdict) -> set[str]:
        """The reasons that list codons not read; :meth:`missing` says them shorter."""
        if self.unstated:
            return set()
        return set(gaps(self.knowledge.drugs[each.drug], self.read.coverage, self.knowledge))

    def missing(self, each: DrugVerdict) -> list[str]:
        """The needed codons that were not read, by gene."""
        said = []
        for gene, codons, lost in self.lost(each.drug):
            if lost and len(lost) == len(codons):
                said.append(f"{gene} (all)")
            elif lost:
                runs = stretches_text(lost).split(", ")
                over = len(runs) - _RUNS_SHOWN
                shown = f"{', '.join(runs[:_RUNS_SHOWN])} and {over} more, see Quality" if over > 1 else ", ".join(runs)
                said.append(f"{gene} {shown}")
        return said

    def lost(self, drug: str) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        """Gene, the codons a drug needs of it, and those of them that were not read; nothing where nobody said."""
        needed = {} if self.unstated else required_codons(self.knowledge.drugs[drug], self.knowledge)
        return [(gene, codons, unread(codons, self.read.coverage.get(gene, ()))) for gene, codons in needed.items()]

    @cached_property
    def findings(self) -> list[VariantRow]:
        """What was measured, named or is expected to matter, and what breaks a gene; the most resistant first."""
        return self.of_kind("measured", "named", "predicted", "broken")

    @cached_property
    def polymorphisms(self) -> list[tuple[str, list[VariantRow]]]:
        """By gene."""
        return self.by_gene(self.of_kind("polymorphism"))

    @cached_property
    def unknown(self) -> list[tuple[str, list[VariantRow]]]:
        """Changes of which nothing is known, by gene."""
        return self.by_gene(self.of_kind("unknown"))

    @cached_property
    def set_aside(self) -> list[Call]:
        """Changes that their file marks as not passing: listed, not interpreted."""
        return [call for call in self.read.calls if not call.interpreted]

    def of_kind(self, *kinds: str) -> list[VariantRow]:
        """The changes of these kinds, the most resistant first, then by gene and codon."""
        rows = [self.row(each) for each in self.found.variants if each.kind in kinds]
        return sorted(rows, key=lambda row: (-rank(lw.worst(row.of)), self.genes.index(row.of.mutation.gene)))

    def row(self, each: VariantReading) -> VariantRow:
        """A change with its call."""
        call = self.calls[each.mutation.key]
        flags = [*(lw.FLAG.get(flag, flag) for flag in call.flags), *each.flags]
        return VariantRow(each, call, lw.SHAPES[lw.shape(each)][0], list(_meanings(each)), flags)

    def by_gene(self, rows: list[VariantRow]) -> list[tuple[str, list[VariantRow]]]:
        """Rows under their genes; a gene without any is left out."""
        genes = [(gene, [row for row in rows if row.of.mutation.gene == gene]) for gene in self.genes]
        return [(gene, own) for gene, own in genes if own]

    @cached_property
    def matrix(self) -> list[tuple[str, list[str | None]]]:
        """Changes that mean something for a drug, against all drugs."""
        rows = []
        for each in self.found.variants:
            readings = [each.reading(drug.drug) for drug in self.found.drugs]
            cells: list[str | None] = [reading.verdict if reading else None for reading in readings]
            if any(cells):
                rows.append((each.mutation.name, cells))
        return rows

    @cached_property
    def crossing(self) -> list[str]:
        """Changes that reach several drugs, as sentences."""
        return [f"{each.variant} reaches {lw.listed(each.drugs)}." for each in self.found.cross]


def _meanings(variant: VariantReading) -> Iterator[Meaning]:
    """What is known of a change, drug by drug; where the same is said of several drugs, once."""
    groups: dict[DrugReading, list[str]] = {}
    for each in variant.drugs:
        if each.verdict is not None or each.reasons:
            groups.setdefault(replace(each, drug=""), []).append(each.drug)
    for reading, drugs in groups.items():
        conflicts = [f"conflict: {why}" for why in reading.conflicts]
        # The first reason beside a fold is the fold in words.
        why = [*reading.reasons[1 if reading.fold else 0 :], *conflicts]
        yield Meaning(reading.verdict, lw.meaning(drugs, reading), why)
