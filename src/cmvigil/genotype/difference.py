"""What two versions of the resistance knowledge say differently, and why: so that an update can be looked at first.

Every change that either version speaks of, and every combination that was measured, is interpreted with both, as if all
codons had been read. A verdict differs where its words would; a fold or grade may differ under the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from .coverage import complete, required_codons
from .interpret import interpret
from .levels import fold_text, words
from .model import Key, Knowledge, Measurement, Number
from .mutation import Mutation, MutationError, parse
from .result import DrugVerdict
from .thresholds import numbers

_PARTS = (
    *("proteins", "genes", "drugs", "regions", "remarks", "polymorphisms"),
    *("variants", "at_most", "overruled", "doubtful", "lists", "deletion_classes"),
    *("truncations", "natural_indels", "cleared", "comments"),
)
"""Parts of the knowledge beside measurements and thresholds."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one version says of some changes and one drug. ``fold``: its median, None where none is given."""

    verdict: str
    level: str
    fold: Decimal | None
    grade: str

    def __str__(self) -> str:
        """``Resistant (moderate), 8.3-fold, grade A``."""
        fold = f", {fold_text(self.fold)}-fold" if self.fold is not None else ""
        return words(self.verdict, self.level) + fold + (f", grade {self.grade}" if self.grade else "")


@dataclass(frozen=True, slots=True)
class Changed:
    """One drug's reading that differs. A side is None where that version does not judge the drug, or cannot read the
    change against its reference. ``why``: what is new or gone behind it."""

    changes: tuple[str, ...]
    drug: str
    before: Said | None
    after: Said | None
    why: tuple[str, ...]

    @property
    def verdict(self) -> bool:
        """Whether the verdict differs, and not its fold or grade alone."""
        sides = [side and (side.verdict, side.level) for side in (self.before, self.after)]
        return sides[0] != sides[1]


@dataclass(frozen=True, slots=True)
class Codons:
    """Codons of a gene that "sensitive" needs in one version only."""

    drug: str
    gene: str
    gone: tuple[int, ...]
    new: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """How many entries of a part of the knowledge are in one version only; one that was reworded is in both counts."""

    name: str
    gone: int
    new: int


@dataclass(frozen=True, slots=True)
class Difference:
    """All of it. ``compared``: how many changes and combinations were tried. Rows are those of the measurements; a row
    is changed where virus, drug and study are the same and the rest is not."""

    compared: int
    changed: tuple[Changed, ...]
    thresholds: tuple[Number, ...]
    required: tuple[Codons, ...]
    parts: tuple[Part, ...]
    rows_added: int
    rows_removed: int
    rows_changed: int

    @property
    def verdicts(self) -> int:
        """How many verdicts differ."""
        return sum(each.verdict for each in self.changed)


def compare(before: Knowledge, after: Knowledge) -> Difference:
    """What ``after`` says otherwise than ``before``."""
    thresholds = tuple(numbers(before.thresholds, after.thresholds))
    gone, new = _rows(before, after)
    versions = (_Version(before, gone), _Version(after, new))
    read = [[version.read(members) for version in versions] for members in _spoken_of(before) | _spoken_of(after)]
    cases = sorted(
        (sides for sides in read if any(sides)), key=lambda sides: [each.order for each in max(sides, key=len)]
    )
    paired = sum((Counter(map(_subject, gone)) & Counter(map(_subject, new))).values())
    return Difference(
        compared=len(cases),
        changed=tuple(each for sides in cases for each in _changed(sides, versions, thresholds)),
        thresholds=thresholds,
        required=tuple(_required(before, after)),
        parts=tuple(_parts(before, after)),
        rows_added=len(new) - paired,
        rows_removed=len(gone) - paired,
        rows_changed=paired,
    )


class _Version:
    """One side: its knowledge, and the rows that it alone has."""

    def __init__(self, knowledge: Knowledge, rows: Sequence[Measurement]) -> None:
        self.knowledge = knowledge
        self.rows = rows
        self.whole = complete(knowledge)

    def read(self, members: Iterable[Key]) -> tuple[Mutation, ...]:
        """The changes, named against its reference; none where it cannot read one of them."""
        try:
            found = [each for key in members for each in parse(":".join(key), self.knowledge.proteins)]
        except MutationError:
            return ()
        return tuple(sorted(found, key=lambda each: each.order))

    def verdicts(self, changes: Sequence[Mutation]) -> Mapping[str, DrugVerdict]:
        """By drug; none where the changes could not be read."""
        return {each.drug: each for each in interpret(changes, self.whole, self.knowledge).drugs} if changes else {}

    def rows_on(self, changes: Sequence[Mutation], drug: str) -> list[str]:
        """The rows that it alone has, on some of the changes and a drug."""
        members = {each.key for each in changes}
        return [_row_text(row) for row in self.rows if row.drug == drug and row.members <= members]


def _spoken_of(k: Knowledge) -> set[frozenset[Key]]:
    """Every change that a version speaks of, alone; changes that were measured together; examples of its classes."""
    keys = {key for row in k.measurements for key in row.members} | k.polymorphisms.keys()
    keys |= {each.key for each in (*k.variants, *k.at_most, *k.overruled, *k.doubtful)}
    keys |= {key for each in k.lists for key in each.says}
    keys = keys.union(*(each.changes for each in k.cleared), *(each.changes for each in k.comments))
    for each in k.deletion_classes:
        keys |= {(each.gene, f"del{each.first}_{each.first + size - 1}") for size in (each.shortest, each.longest)}
    keys |= {(truncation.gene, "fs2") for truncation in k.truncations}
    return {frozenset((key,)) for key in keys} | {row.members for row in k.measurements}


def _changed(
    sides: Sequence[Sequence[Mutation]], versions: tuple[_Version, _Version], thresholds: Sequence[Number]
) -> Iterator[Changed]:
    """The drugs whose reading of some changes differs."""
    one, two = (version.verdicts(changes) for version, changes in zip(versions, sides, strict=True))
    names = tuple(each.name for each in max(sides, key=len))
    for drug in dict.fromkeys((*one, *two)):
        before, after = one.get(drug), two.get(drug)
        if _differ(_said(before), _said(after)):
            gone, new = (version.rows_on(changes, drug) for version, changes in zip(versions, sides, strict=True))
            why = [*(f"row gone: {row}" for row in gone), *(f"row new: {row}" for row in new)]
            why += _reasons(before, after)
            why = why or [f"threshold {each.name}: {each.before}, now {each.after}" for each in thresholds]
            yield Changed(names, drug, _said(before), _said(after), tuple(why))


def _said(verdict: DrugVerdict | None) -> Said | None:
    if verdict is None:
        return None
    return Said(verdict.verdict, verdict.level, verdict.fold_median, verdict.grade)


def _differ(before: Said | None, after: Said | None) -> bool:
    """Whether two versions say otherwise. What only one of them judges is told unless it is sensitive."""
    if before is None or after is None:
        return any(side and side.verdict != "susceptible" for side in (before, after))
    return before != after


def _reasons(before: DrugVerdict | None, after: DrugVerdict | None) -> Iterator[str]:
    """What one version gives as a reason and the other does not."""
    earlier, later = (side.reasons if side else () for side in (before, after))
    yield from (f"no longer: {reason}" for reason in earlier if reason not in later)
    yield from (f"now: {reason}" for reason in later if reason not in earlier)


def _rows(before: Knowledge, after: Knowledge) -> tuple[list[Measurement], list[Measurement]]:
    """Measurements that stand in one version only; at which line does not matter."""
    one, two = (Counter(replace(row, line=0, file="") for row in k.measurements) for k in (before, after))
    return list((one - two).elements()), list((two - one).elements())


def _subject(row: Measurement) -> tuple[object, ...]:
    return (row.key, frozenset(row.others), row.drug, row.study)


def _row_text(row: Measurement) -> str:
    """``UL97 A594V + UL54 P522S, 8.3-fold, recombinant, 10.1128/jcm.00391-17``."""
    virus = " + ".join(" ".join(key) for key in (row.key, *row.others))
    found = row.qualitative if row.low is None else f"{fold_text(row.value)}-fold"
    counted = () if row.counts else ("does not count",)
    return ", ".join((virus, found, row.method or "method not stated", row.study, *counted))


def _required(before: Knowledge, after: Knowledge) -> Iterator[Codons]:
    one, two = (
        {
            (drug.name, gene): set(codons)
            for drug in k.drugs.values()
            for gene, codons in required_codons(drug, k).items()
        }
        for k in (before, after)
    )
    for drug, gene in sorted(one.keys() | two.keys()):
        earlier, later = one.get((drug, gene), set()), two.get((drug, gene), set())
        if earlier != later:
            yield Codons(drug, gene, tuple(sorted(earlier - later)), tuple(sorted(later - earlier)))


def _parts(before: Knowledge, after: Knowledge) -> Iterator[Part]:
    for name in _PARTS:
        one, two = (_entries(getattr(k, name)) for k in (before, after))
        gone, new = sum(each not in two for each in one), sum(each not in one for each in two)
        if gone or new:
            yield Part(name.replace("_", " "), gone, new)


def _entries(part: Any) -> list[Any]:
    return list(part.items()) if isinstance(part, Mapping) else list(part)
