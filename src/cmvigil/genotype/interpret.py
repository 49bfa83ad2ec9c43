"""The answer for all changes of one virus: a verdict for each drug, with what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from .combine import Together, together
from .coverage import Coverage, gaps, limits, unread
from .levels import LEVELS, higher, level_of, rank, words
from .measured import grade_of
from .model import Drug, Key, Knowledge
from .mutation import Mutation, merged, percent
from .reading import read_variant
from .result import Cross, DrugReading, DrugVerdict, Interpretation, VariantReading, Verdict

UNSTATED = "coverage not stated: that no other change is there is not known"


def interpret(variants: Sequence[Mutation], coverage: Coverage | None, knowledge: Knowledge) -> Interpretation:
    """Read the changes of one virus. ``coverage`` None: nobody said which codons were read.

    What is only possible may raise a verdict, to possible resistance at most, and lowers none.
    The order of the changes does not matter. No clock, no randomness: the same input gives the same answer.
    """
    readings = tuple(read_variant(each, knowledge) for each in merged(variants))
    return Interpretation(
        variants=readings,
        drugs=tuple(_verdict(drug, readings, coverage, knowledge) for drug in knowledge.drugs.values()),
        cross=tuple(_cross(readings)),
        notes=tuple(_notes(readings, coverage, knowledge)),
        version=knowledge.version,
        hash=knowledge.hash,
        databases=knowledge.databases,
    )


def _verdict(
    drug: Drug, readings: Sequence[VariantReading], coverage: Coverage | None, knowledge: Knowledge
) -> DrugVerdict:
    """One drug's verdict: that of the changes that are proven, or what those that are only possible make of it."""
    proven = [each for each in readings if not each.mutation.possible]
    sure = _Verdict(drug, proven, coverage, knowledge).make()
    doubtful = [each for each in readings if each.mutation.possible and _counts_against(each.reading(drug.name))]
    if not doubtful:
        return sure
    every = _Verdict(drug, [*proven, *doubtful], coverage, knowledge).make()
    if (rank(every.verdict), LEVELS.index(every.level)) <= (rank(sure.verdict), LEVELS.index(sure.level)):
        return sure
    if sure.verdict != "resistant":
        return replace(every, verdict=min("possible", every.verdict, key=rank))
    unproven = {each.mutation.name for each in doubtful}
    names = ", ".join(name for name in every.drivers if name in unproven)
    said = f"{words(every.verdict, every.level)} with {names}, which is only possible: repeat the sequence"
    return replace(sure, reasons=(*sure.reasons, said))


def _counts_against(reading: DrugReading | None) -> bool:
    """Whether a change that may not be there bears on a drug: one that makes more susceptible to it does not."""
    return reading is not None and not reading.hypersusceptible


class _Verdict:
    """One drug's verdict on changes that are taken to be there."""

    def __init__(
        self, drug: Drug, readings: Sequence[VariantReading], coverage: Coverage | None, knowledge: Knowledge
    ) -> None:
        self.drug = drug
        self.coverage = coverage
        self.knowledge = knowledge
        self.t = knowledge.thresholds
        used = [each for each in readings if each.used]
        self.below = [each for each in readings if not each.used]
        self.present = {each.mutation.key: each.mutation for each in used}
        found = [(each.mutation.key, each.reading(drug.name)) for each in used]
        self.readings: dict[Key, DrugReading] = {key: reading for key, reading in found if reading is not None}
        folds = {key: reading.fold for key, reading in self.readings.items() if reading.fold is not None}
        self.together: Together | None = together(folds, self.present, drug, knowledge)

    def make(self) -> DrugVerdict:
        verdict, level = self.settled()
        missing = self.missing()
        weak = self.too_few()
        if verdict == "susceptible" and (missing or weak):
            verdict = "not_determined"
        drivers = self.drivers(verdict)
        fold = self.fold(verdict, level)
        spoken = drivers if verdict != "susceptible" else self.measured()
        own = [self.readings[key] for key in spoken]
        joined = self.joined(verdict, drivers)
        return DrugVerdict(
            drug=self.drug.name,
            stands_for=self.drug.stands_for,
            verdict=verdict,
            level=level,
            fold_low=fold.low if fold else None,
            fold_median=fold.median if fold else None,
            fold_high=fold.high if fold else None,
            grade=self.grade(verdict, own, joined),
            conflict=any(each.conflicts for each in own) or bool(joined and joined.conflicts),
            minority=self.minority(verdict, drivers),
            estimated=bool(fold and fold.estimated),
            drivers=tuple(self.present[key].name for key in drivers),
            reasons=tuple(dict.fromkeys(self.reasons(verdict, spoken, joined, missing, weak))),
            sources=tuple(sorted({source for each in own for source in each.sources})),
            dois=tuple(sorted(self.dois(own, joined))),
        )

    def settled(self) -> tuple[Verdict, str]:
        """The most resistant of the single readings and of all changes together, with its level."""
        best: Verdict = "susceptible"
        counted = [reading for key, reading in self.readings.items() if key not in self.replaced]
        for reading in counted:
            if reading.verdict is not None:
                best = max(best, reading.verdict, key=rank)
        whole = self.whole()
        if whole is not None:
            best = max(best, whole[0], key=rank)
        levels = [reading.level for reading in counted if reading.verdict == best]
        if whole is not None and rank(best) >= rank("possible"):
            levels.append(whole[1])
        return best, max(levels, key=LEVELS.index, default="") if rank(best) >= rank("possible") else ""

    @property
    def replaced(self) -> frozenset[Key]:
        return self.together.replaced if self.together else frozenset()

    def whole(self) -> tuple[Verdict, str] | None:
        """Verdict and level of all changes together; None where one change says it all.

        An estimate from changes none of which is resistant alone makes resistance possible, no more.
        """
        both = self.together
        if both is None or (len(both.units) == 1 and len(both.units[0].members) == 1):
            return None
        level = level_of(both.median, self.t)
        if level:
            resistant = any(
                len(unit.members) > 1 or self.readings[key].verdict == "resistant"
                for unit in both.units
                for key in unit.members
                if unit.value >= self.t.low_from
            )
            return ("resistant" if resistant else "possible"), level
        return ("possible", "low") if both.median >= self.t.possible_from else ("susceptible", "")

    def fold(self, verdict: Verdict, level: str) -> Together | None:
        """The fold that belongs to the verdict: none where a change that nobody measured decides."""
        both = self.together
        if both is None or verdict == "not_determined":
            return None
        if verdict in ("resistant", "possible"):
            own = level_of(both.median, self.t) or ("low" if both.median >= self.t.possible_from else "")
            spoken = own or ("low" if self.borderline() else "")
            return both if level and higher(level, spoken) == spoken else None
        return both

    def borderline(self) -> bool:
        return any(reading.fold and reading.verdict == "possible" for reading in self.readings.values())

    def drivers(self, verdict: Verdict) -> list[Key]:
        """What the verdict rests on, the strongest first."""
        if verdict == "susceptible":
            return []
        wanted = (verdict,) if verdict == "not_determined" else ("resistant", "possible")
        keys = {key for key, reading in self.readings.items() if reading.verdict in wanted}
        if self.together and verdict != "not_determined":
            strong = [unit for unit in self.together.units if unit.value >= self.t.possible_from]
            keys |= {key for unit in strong for key in unit.members if key[0] in self.drug.genes}
        return sorted(keys, key=self.strength)

    def measured(self) -> list[Key]:
        """Changes that were measured or spoken of: what a sensitive verdict rests on."""
        return sorted((key for key, reading in self.readings.items() if reading.reasons), key=self.strength)

    def strength(self, key: Key) -> tuple[int, int, Decimal, tuple[str, int, int, str]]:
        reading = self.readings[key]
        fold = reading.fold.median if reading.fold else Decimal(0)
        return (-rank(reading.verdict), -LEVELS.index(reading.level), -fold, self.present[key].order)

    def joined(self, verdict: Verdict, drivers: Sequence[Key]) -> Together | None:
        """All changes together, where they carry the verdict."""
        return self.together if drivers and rank(verdict) >= rank("possible") else None

    def grade(self, verdict: Verdict, own: Sequence[DrugReading], joined: Together | None) -> str:
        """The best grade behind the verdict."""
        grades = [each.grade for each in own if each.verdict == verdict and each.grade]
        if joined:
            grades += [grade_of(unit.fold, self.t) for unit in joined.units if len(unit.members) > 1]
        return min(grades, default="")

    def minority(self, verdict: Verdict, drivers: Sequence[Key]) -> bool:
        """Whether every change that carries the verdict lies below what Sanger sequencing sees."""
        if verdict not in ("resistant", "possible"):
            return False
        strong = [key for key in drivers if self.readings[key].verdict == verdict]
        fractions = [self.present[key].fraction for key in strong or drivers]
        return all(fraction is not None and fraction < self.t.sanger_floor for fraction in fractions)

    def missing(self) -> tuple[str, ...]:
        """What keeps a drug without a finding from being called sensitive: codons that were not read."""
        return (UNSTATED,) if self.coverage is None else gaps(self.drug, self.coverage, self.knowledge)

    def too_few(self) -> tuple[str, ...]:
        """Resistant changes below the floor of report: they do not decide, and none is called sensitive over them."""
        found = []
        for each in self.below:
            reading = each.reading(self.drug.name)
            fraction = each.mutation.fraction
            if reading is None or rank(reading.verdict) < rank("possible") or fraction is None:
                continue
            if fraction >= self.t.call_floor:
                found.append(
                    f"{each.mutation.name} at {percent(fraction)} is below {percent(self.t.report_floor)} "
                    "and does not decide: repeat in 1 to 2 weeks"
                )
        return tuple(found)

    def reasons(
        self,
        verdict: Verdict,
        spoken: Sequence[Key],
        joined: Together | None,
        missing: Sequence[str],
        weak: Sequence[str],
    ) -> Iterable[str]:
        for key in spoken:
            name, reading = self.present[key].name, self.readings[key]
            yield from (f"{name}: {reason}" for reason in reading.reasons if reason not in reading.conflicts)
            yield from (f"{name}: conflict: {reason}" for reason in reading.conflicts)
        if joined:
            yield from joined.reasons
            yield from (f"conflict: {reason}" for reason in joined.conflicts)
        yield from weak
        if verdict == "susceptible":
            yield "no resistant change among the codons that the verdict needs"
        yield from missing
        if self.coverage is not None:
            yield from limits(self.drug, self.coverage, self.knowledge)

    def dois(self, own: Sequence[DrugReading], joined: Together | None) -> set[str]:
        found = {doi for each in own for doi in each.dois}
        if joined:
            found |= {doi for unit in joined.units for doi in unit.fold.dois}
        return found


def _cross(readings: Sequence[VariantReading]) -> Iterable[Cross]:
    """Changes that reach two drugs or more, with their verdict for each drug of their gene."""
    for each in readings:
        reached = [reading.drug for reading in each.drugs if rank(reading.verdict) >= rank("possible")]
        if each.used and len(reached) > 1:
            verdicts = {reading.drug: reading.verdict for reading in each.drugs}
            yield Cross(each.mutation.name, verdicts, tuple(reached))


def _notes(readings: Sequence[VariantReading], coverage: Coverage | None, knowledge: Knowledge) -> Iterable[str]:
    """What concerns the list as a whole."""
    for each in readings:
        if coverage is not None and unread(each.mutation.codons(), coverage.get(each.mutation.gene, ())):
            yield f"{each.mutation.name} lies outside the stated coverage"
    t = knowledge.thresholds
    yield f"levels: low from {t.low_from:f}-fold, moderate from {t.moderate_from:f}, high from {t.high_from:f}"
    if any(each.mutation.fraction is not None for each in readings):
        yield f"changes from {percent(t.report_floor)} of the population decide"
    yield from (f"with measurements of {database}" for database in knowledge.databases)
