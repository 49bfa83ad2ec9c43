"""The shipped knowledge, and short ways to read and interpret."""

from __future__ import annotations

from functools import cache

from cmvigil.genotype import (
    DrugReading,
    DrugVerdict,
    Interpretation,
    Knowledge,
    complete,
    interpret,
    parse_list,
    read_knowledge,
)
from cmvigil.genotype.coverage import Coverage
from cmvigil.genotype.reading import read_variant
from cmvigil.reasoning.loader import load


@cache
def known() -> Knowledge:
    """The knowledge as shipped."""
    return read_knowledge(load())


def whole() -> Coverage:
    """Every codon was read."""
    return complete(known())


def read(*changes: str, coverage: Coverage | None = None, everything: bool = True) -> Interpretation:
    """Interpret typed changes; by default every codon was read."""
    variants = parse_list(changes, known().proteins, known().known)
    return interpret(variants, whole() if everything and coverage is None else coverage, known())


def verdict(drug: str, *changes: str) -> DrugVerdict:
    """One drug's verdict on typed changes, every codon read."""
    return read(*changes).verdict(drug)


def reading(drug: str, change: str) -> DrugReading:
    """What one change means for one drug of its gene."""
    (mutation,) = parse_list([change], known().proteins)
    found = read_variant(mutation, known()).reading(drug)
    assert found is not None
    return found
