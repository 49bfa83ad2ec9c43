"""What holds for every list: order does not matter, and nothing makes a drug less resistant that is not known to."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.genotype.support import known, whole

from cmvigil.genotype import Mutation, interpret, parse
from cmvigil.genotype.coverage import Coverage
from cmvigil.genotype.levels import LEVELS, rank
from cmvigil.genotype.reading import established


@cache
def catalogue() -> tuple[Mutation, ...]:
    """Every change that the knowledge speaks of, and some that it does not."""
    texts = [":".join(key) for key in sorted(known().known | known().polymorphisms.keys())]
    texts += ["UL97:D700A", "UL97:A594fs", "UL97:A12*", "UL27:M1fs", "UL54:ins884S", "UL54:del700-702", "UL97:E596K"]
    return tuple(each for text in texts for each in parse(text, known().proteins))


@cache
def partners() -> tuple[Mutation, ...]:
    """Changes that were measured together with others: those whose combinations matter."""
    keys = {key for sets in known().combined.values() for members in sets for key in members}
    return tuple(each for each in catalogue() if each.key in keys)


def a_change() -> st.SearchStrategy[Mutation]:
    """A change of the catalogue, more often one that was measured in combinations."""
    return st.sampled_from(catalogue()) | st.sampled_from(partners())


def resistance(variants: list[Mutation], coverage: Coverage | None) -> dict[str, tuple[int, int]]:
    """How resistant each drug is."""
    found = interpret(variants, coverage, known())
    return {each.drug: (rank(each.verdict), LEVELS.index(each.level)) for each in found.drugs}


def makes_more_susceptible(change: Mutation, drug: str) -> bool:
    """Whether a change is measured below the line of hypersusceptibility to a drug."""
    if change.gene not in known().drugs[drug].genes:
        return False
    reading = established(known(), change.key, drug)
    return reading is not None and reading.hypersusceptible


@given(st.lists(a_change(), max_size=6).flatmap(lambda given: st.tuples(st.just(given), st.permutations(given))))
def test_the_order_does_not_matter(lists: tuple[list[Mutation], list[Mutation]]) -> None:
    assert interpret(lists[0], whole(), known()) == interpret(lists[1], whole(), known())


@given(st.lists(a_change(), max_size=5), a_change(), st.booleans())
def test_a_further_change_never_makes_less_resistant(given: list[Mutation], more: Mutation, read: bool) -> None:
    coverage = whole() if read else None
    before, after = resistance(given, coverage), resistance([*given, more], coverage)
    for drug in before:
        if not any(makes_more_susceptible(each, drug) for each in (*given, more)):
            assert after[drug] >= before[drug], drug


@settings(deadline=None)
@given(st.lists(a_change(), max_size=4), st.lists(a_change(), max_size=4))
def test_what_is_only_possible_raises_a_verdict_to_possible_and_lowers_none(
    proven: list[Mutation], others: list[Mutation]
) -> None:
    doubtful = [replace(each, possible=True) for each in others]
    without, found, with_ = (resistance([*proven, *more], whole()) for more in ((), doubtful, others))
    for drug in found:
        assert found[drug] >= without[drug]
        assert (found[drug][0] == rank("resistant")) == (without[drug][0] == rank("resistant"))
        assert found[drug][0] > rank("susceptible") or with_[drug][0] == rank("susceptible"), drug


@given(st.lists(a_change(), max_size=4))
def test_reading_less_never_makes_sensitive(given: list[Mutation]) -> None:
    everything, nothing = interpret(given, whole(), known()), interpret(given, None, known())
    for all_read, not_read in zip(everything.drugs, nothing.drugs, strict=True):
        assert rank(not_read.verdict) >= rank(all_read.verdict)
        assert not_read.verdict != "susceptible"
        if rank(all_read.verdict) >= rank("possible"):
            assert (all_read.verdict, all_read.level, all_read.drivers) == (
                not_read.verdict,
                not_read.level,
                not_read.drivers,
            )


@given(st.lists(a_change(), min_size=1, max_size=5))
def test_what_is_said_hangs_together(given: list[Mutation]) -> None:
    found = interpret(given, whole(), known())
    for each in found.drugs:
        shown = (each.fold_low, each.fold_median, each.fold_high)
        assert len({fold is None for fold in shown}) == 1
        if each.fold_low is not None and each.fold_median is not None and each.fold_high is not None:
            assert each.fold_low <= each.fold_median <= each.fold_high
        assert bool(each.drivers) == (each.verdict != "susceptible")
        assert bool(each.level) <= (each.verdict in ("possible", "resistant"))
        assert bool(each.grade) or each.verdict == "susceptible"
        assert each.reasons
