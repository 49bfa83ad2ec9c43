"""Several changes in one virus: a measured combination first, else an estimate that says so.

How an estimate is made depends on the drug (``combinations`` in thresholds.yaml): the *highest* of the changes, or
their *product*. An estimate never lies below its strongest change. A measured combination may, where one of its changes
is known to make the virus more susceptible to the drug; else the stronger change stands, and the difference is a
conflict. A change below the borderline counts as 1: noise does not multiply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from itertools import combinations, product

from .levels import fold_text, level_of
from .measured import fold_of
from .model import Drug, Key, Knowledge
from .mutation import codons_named
from .result import Fold

_MANY = 14
"""Above so many linked combinations in one list the largest are taken first, instead of trying all ways."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A change, or a combination that was measured as one. ``value`` decides; ``fold`` is as measured."""

    members: frozenset[Key]
    value: Decimal
    fold: Fold
    note: str = ""

    @property
    def name(self) -> str:
        """``UL97 A594V + UL54 E756K``."""
        return " + ".join(" ".join(key) for key in sorted(self.members))


@dataclass(frozen=True, slots=True)
class Together:
    """The fold of all changes together. ``units`` are what it is made of, ``replaced`` the changes that do not count
    alone because a measured combination with a change that makes the virus more susceptible stands for them."""

    median: Decimal
    low: Decimal
    high: Decimal
    estimated: bool
    units: tuple[Unit, ...]
    replaced: frozenset[Key]
    reasons: tuple[str, ...]
    conflicts: tuple[str, ...]


def together(folds: Mapping[Key, Fold], present: Iterable[Key], drug: Drug, knowledge: Knowledge) -> Together | None:
    """The fold of all ``present`` changes for a drug, from the folds of single ones and measured combinations.

    None where nothing was measured.
    """
    singles = {key: Unit(frozenset((key,)), fold.median, fold) for key, fold in folds.items()}
    weak = {key for key, fold in folds.items() if fold.median < knowledge.thresholds.hypersusceptible_below}
    measured = _measured(frozenset(present), singles, weak, drug, knowledge)
    replaced = frozenset(key for unit in measured for key in unit.members if unit.members & weak)
    alone = _one_a_codon([unit for key, unit in sorted(singles.items()) if key not in replaced])
    if not alone and not measured:
        return None
    rule = knowledge.thresholds.combinations[drug.name]
    if rule["within"] == "product":
        best = _product(alone, measured, drug, knowledge)
    else:
        best = _highest(alone, measured, rule["across"], knowledge)
    notes = tuple(unit.note for unit in measured if unit.note)
    reasons = [*_said(best)]
    lower = [singles[key] for key in sorted(weak) if best.value >= knowledge.thresholds.possible_from]
    for unit in lower:
        reasons.append(
            f"{unit.name} alone makes the virus more susceptible ({fold_text(unit.value)}-fold); it is not counted on"
        )
    low = reduce(lambda fold, unit: fold * unit.value, lower, best.low) if not replaced else best.low
    return Together(best.value, low, best.high, best.estimated, best.units, replaced, tuple(reasons), notes)


@dataclass(frozen=True, slots=True)
class _Estimate:
    value: Decimal
    low: Decimal
    high: Decimal
    units: tuple[Unit, ...]
    estimated: bool = False
    how: str = ""


def _one_a_codon(alone: list[Unit]) -> list[Unit]:
    """Two residues of one codon stand on different genomes: the more resistant one stands for its codon."""
    best: dict[tuple[str, object], Unit] = {}
    for unit in alone:
        ((gene, change),) = unit.members
        place = gene, change if change.startswith("ins") else codons_named(change)
        best[place] = max(best.get(place, unit), unit, key=lambda each: each.value)
    return list(best.values())


def _measured(
    present: frozenset[Key], singles: Mapping[Key, Unit], weak: set[Key], drug: Drug, knowledge: Knowledge
) -> list[Unit]:
    """Measured combinations among the changes that are no part of a larger one, the drug's genes in them."""
    found: dict[frozenset[Key], Unit] = {}
    sets = knowledge.combined.get(drug.name, {})
    for members in sorted(sets, key=lambda each: (len(each), sorted(each))):
        if members <= present and any(gene in drug.genes for gene, _ in members):
            fold = fold_of(sets[members], knowledge.thresholds)
            if fold is not None:
                parts = [unit for unit in (*singles.values(), *found.values()) if unit.members < members]
                found[members] = _unit(members, fold, parts, bool(members & weak), knowledge)
    return [unit for members, unit in found.items() if not any(members < other for other in found)]


def _unit(members: frozenset[Key], fold: Fold, parts: Sequence[Unit], weak: bool, knowledge: Knowledge) -> Unit:
    """A measured combination; it does not read below its strongest part, unless a part makes more susceptible."""
    made = Unit(members, fold.median, fold)
    strongest = max(parts, key=lambda unit: unit.value, default=made)
    if weak or strongest.value <= fold.median:
        return made
    t = knowledge.thresholds
    note = ""
    if level_of(strongest.value, t) != level_of(fold.median, t):
        note = (
            f"{made.name} together measured {fold_text(fold.median)}, "
            f"{strongest.name} alone {fold_text(strongest.value)}: the more resistant stands"
        )
    return Unit(members, strongest.value, fold, note)


def _single(unit: Unit) -> _Estimate:
    return _Estimate(unit.value, min(unit.fold.low, unit.value), max(unit.fold.high, unit.value), (unit,))


def _highest(alone: list[Unit], measured: list[Unit], across: str, knowledge: Knowledge) -> _Estimate:
    """The strongest unit; across two genes, where the rule says so, the strongest product of a pair."""
    t = knowledge.thresholds
    candidates = [_single(unit) for unit in (*alone, *measured)]
    strong = [unit for unit in alone if unit.value >= t.possible_from]
    if across == "product":
        of_one_gene = [unit for unit in measured if len(_genes(unit)) == 1 and unit.value >= t.possible_from]
        for one, two in combinations([*strong, *of_one_gene], 2):
            pair = one.members | two.members
            if _genes(one).isdisjoint(_genes(two)) and not any(pair <= unit.members for unit in measured):
                value = one.value * two.value
                low = max(value / t.product_uncertainty, one.value, two.value)
                how = f"product across genes, may be off {fold_text(t.product_uncertainty)} times either way"
                candidates.append(_Estimate(value, low, value * t.product_uncertainty, (one, two), True, how))
    best = max(candidates, key=lambda each: (each.value, -len(each.units), [unit.name for unit in each.units]))
    used = frozenset().union(*(unit.members for unit in best.units))
    others = [unit for unit in strong if not unit.members <= used]
    if others and not best.estimated:
        high = reduce(lambda fold, unit: fold * unit.value, others, best.high)
        how = "the strongest change stands; their product is the upper bound"
        best = _Estimate(best.value, best.low, high, (*best.units, *others), True, how)
    return best


def _genes(unit: Unit) -> frozenset[str]:
    return frozenset(gene for gene, _ in unit.members)


def _product(alone: list[Unit], measured: list[Unit], drug: Drug, knowledge: Knowledge) -> _Estimate:
    """The product of measured combinations and remaining changes, over the ways to take them the highest."""
    t = knowledge.thresholds
    cap = max([t.caps[drug.name], *(unit.value for unit in (*alone, *measured))])
    best: _Estimate | None = None
    for packing in _packings(measured):
        taken = frozenset().union(*(unit.members for unit in packing))
        units = [*packing, *(unit for unit in alone if not unit.members <= taken)]
        strong = [unit for unit in units if unit.value >= t.possible_from]
        if len(strong) < 2:
            made = _single(max(units, key=lambda unit: (unit.value, unit.name)))
        else:
            value = min(cap, reduce(lambda fold, unit: fold * unit.value, strong, Decimal(1)))
            high = min(cap, reduce(lambda fold, unit: fold * max(unit.fold.high, unit.value), strong, Decimal(1)))
            low = max(min(unit.fold.low, unit.value) for unit in strong)
            made = _Estimate(value, low, high, tuple(strong), True, "product of the single changes")
        if best is None or made.value > best.value:
            best = made
    assert best is not None
    return best


def _packings(measured: Sequence[Unit]) -> Iterator[tuple[Unit, ...]]:
    """Ways to take measured combinations that share no change, as many as fit."""
    groups = _linked(measured)
    yield from (
        tuple(unit for part in parts for unit in part) for parts in product(*(list(_fits(group)) for group in groups))
    )


def _linked(measured: Sequence[Unit]) -> list[list[Unit]]:
    """Combinations grouped so that those of two groups share no change."""
    groups: list[list[Unit]] = []
    for unit in measured:
        touching = [group for group in groups if any(unit.members & other.members for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([unit, *(other for group in touching for other in group)])
    return groups


def _fits(group: list[Unit]) -> Iterator[tuple[Unit, ...]]:
    ordered = sorted(group, key=lambda unit: (-len(unit.members), -unit.value, unit.name))
    if len(ordered) > _MANY:
        yield tuple(_greedy(ordered))
        return
    yield from _maximal(ordered)


def _greedy(ordered: Sequence[Unit]) -> list[Unit]:
    taken: list[Unit] = []
    for unit in ordered:
        if not any(unit.members & other.members for other in taken):
            taken.append(unit)
    return taken


def _maximal(units: Sequence[Unit]) -> Iterator[tuple[Unit, ...]]:
    """Choices without shared changes to which nothing can be added: each holds the first unit or one touching it."""
    if not units:
        yield ()
        return
    for chosen in (unit for unit in units if unit.members & units[0].members):
        rest = [unit for unit in units if not unit.members & chosen.members]
        for others in _maximal(rest):
            yield (chosen, *others)


def _said(best: _Estimate) -> Iterator[str]:
    """What a combination or an estimate rests on; of one change its own reading speaks."""
    if best.estimated:
        parts = ", ".join(f"{unit.name} {fold_text(unit.value)}" for unit in best.units)
        yield f"estimated from {parts}: {best.how}; as if on one genome"
    for unit in best.units:
        if len(unit.members) > 1:
            studies = f"{unit.fold.studies} stud{'y' if unit.fold.studies == 1 else 'ies'}"
            yield f"{unit.name} measured together: {fold_text(unit.fold.median)}-fold in {studies}"
