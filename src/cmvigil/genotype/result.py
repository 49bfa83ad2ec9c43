"""What an interpretation says, as frozen records. Folds are EC50 over that of the control strain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .model import Database
from .mutation import Mutation

Verdict = Literal["susceptible", "not_determined", "possible", "resistant"]
Basis = Literal["measured", "called", "named", "list", "class", "truncation", "codon", "region", "broken"]
"""What a reading rests on: measured folds, a study's word, a rule on the change, a published list, a class of
deletions, a lost protein, the same codon, the region, a reading frame that cannot be."""

VariantKind = Literal["measured", "named", "predicted", "polymorphism", "unknown", "broken"]


@dataclass(frozen=True, slots=True)
class Fold:
    """Measured folds of one change (or one combination) for one drug.

    ``median``, ``low`` and ``high`` are over the studies that decide; a study counts once, by its own median.
    ``lowest`` and ``highest`` are over every usable measurement of any method. ``basis``: ``recombinant`` (rebuilt or
    transferred), ``other`` (selected in culture, isolates) or ``observational``.
    """

    median: Decimal
    low: Decimal
    high: Decimal
    studies: int
    measurements: int
    basis: Literal["recombinant", "other", "observational"]
    lowest: Decimal
    highest: Decimal
    all_studies: int
    dois: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrugReading:
    """What one change means for one drug. ``verdict`` None: nothing is known that would weigh.

    ``level``: low, moderate, high, or empty where no fold is known. ``grade``: A (rebuilt, two or more studies that
    agree) to E (predicted from the position). ``conflicts`` say what disagrees.
    """

    drug: str
    verdict: Verdict | None
    level: str = ""
    fold: Fold | None = None
    grade: str = ""
    basis: Basis | None = None
    hypersusceptible: bool = False
    conflicts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    dois: tuple[str, ...] = ()

    @property
    def conflict(self) -> bool:
        """Whether studies, lists or statements disagree."""
        return bool(self.conflicts)


@dataclass(frozen=True, slots=True)
class VariantReading:
    """One change: what kind it is, what it means for each drug of its gene, what else to know.

    ``kind``: ``measured``, ``named`` (a rule without a fold), ``predicted``, ``polymorphism``, ``unknown`` (outside the
    regions) or ``broken`` (stop or shift of the frame in a gene that the virus needs). ``used``: whether its fraction
    lets it decide.
    """

    mutation: Mutation
    kind: VariantKind
    used: bool
    flags: tuple[str, ...]
    natural: Decimal | None
    comments: tuple[str, ...]
    drugs: tuple[DrugReading, ...]

    def reading(self, drug: str) -> DrugReading | None:
        """What it means for a drug; None where the gene is no target of it."""
        return next((each for each in self.drugs if each.drug == drug), None)


@dataclass(frozen=True, slots=True)
class DrugVerdict:
    """What all changes and the codons read mean for one drug (and those it ``stands_for``).

    ``minority``: it rests only on changes below the fraction that Sanger sequencing sees. ``estimated``: the fold is
    worked out from single changes, not measured on the combination. ``drivers``: the changes it rests on.
    """

    drug: str
    stands_for: tuple[str, ...]
    verdict: Verdict
    level: str
    fold_low: Decimal | None
    fold_median: Decimal | None
    fold_high: Decimal | None
    grade: str
    conflict: bool
    minority: bool
    estimated: bool
    drivers: tuple[str, ...]
    reasons: tuple[str, ...]
    sources: tuple[str, ...]
    dois: tuple[str, ...]

    @property
    def drugs(self) -> tuple[str, ...]:
        """All drugs that the verdict holds for: ganciclovir's holds for valganciclovir."""
        return (self.drug, *self.stands_for)


@dataclass(frozen=True, slots=True)
class Cross:
    """One change that reaches several drugs, with its verdict for each drug of its gene."""

    variant: str
    verdicts: Mapping[str, str | None]
    drugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interpretation:
    """The whole answer: changes, drugs in fixed order, cross-resistance, remarks, and what it was made with.

    ``databases``: whose measurements a site has added to ours.
    """

    variants: tuple[VariantReading, ...]
    drugs: tuple[DrugVerdict, ...]
    cross: tuple[Cross, ...]
    notes: tuple[str, ...]
    version: str
    hash: str
    databases: tuple[Database, ...] = ()

    def verdict(self, drug: str) -> DrugVerdict:
        """The verdict that holds for a drug, valganciclovir too. Raises KeyError for a drug that is not judged here."""
        for each in self.drugs:
            if drug in each.drugs:
                return each
        raise KeyError(drug)
