"""How far a reading can be trusted: findings that hold for every kind of file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import ceil

from ..genotype import Knowledge, Mutation
from ..genotype.coverage import Coverage, gaps, required_codons
from ..genotype.mutation import percent
from .consensus import POSSIBLE
from .sample import Call, Note, Sequenced

# Design values: no study has set them for cytomegalovirus. The limits on unusual changes follow those that programs for
# HIV use.
UNUSUAL_MOST = 8
"""More unusual substitutions than these put a sample in doubt."""
UNUSUAL_LEAST, UNUSUAL_SHARE = 4, Decimal("0.01")
"""So do fewer, from four on, where they are a larger share of the codons read than this."""
CLUSTER_LEAST = 8
"""Substitutions at one share of the population that speak for a second strain."""
CLUSTER_LOWEST, CLUSTER_HIGHEST = Decimal("0.02"), Decimal("0.5")
CLUSTER_RATIO = Decimal("1.5")
"""How far the highest of these shares may lie above the lowest, as a ratio."""


def notes(read: Sequenced, knowledge: Knowledge) -> tuple[Note, ...]:
    """Findings on the changes and the codons read of one sample, in fixed order."""
    return (
        *_broken(read.calls, knowledge),
        *_unusual(read.calls, read.coverage, knowledge),
        *_clustered(read.calls),
        *(_uncovered(read.coverage, knowledge) if read.stated else ()),
        *(_shallow(read, knowledge) if read.stated else ()),
    )


def unseen(drug: str, read: Sequenced, knowledge: Knowledge) -> str:
    """How large a share may hide at the codons that a drug's verdict needs, all of which were read.

    Empty where every share that decides would have been seen, and where the file does not tell.
    """
    codons = required_codons(knowledge.drugs[drug], knowledge)
    shares = [
        read.detectable[gene][codon - 1] for gene in codons.keys() & read.detectable.keys() for codon in codons[gene]
    ]
    hiding = [share for share in shares if share > float(knowledge.thresholds.report_floor)]
    if not hiding:
        return ""
    return f"a share below {ceil(round(100 * max(hiding), 2))}% may not have been seen at {len(hiding)} of its codons"


def _broken(calls: Sequence[Call], knowledge: Knowledge) -> Iterator[Note]:
    """Stops and shifts of the frame in genes that the virus cannot lose; in a few genomes they are no more than odd."""
    for call in calls:
        each = call.mutation
        if each.kind not in ("stop", "frameshift") or not knowledge.genes[each.gene].essential:
            continue
        few = each.fraction is not None and each.fraction < knowledge.thresholds.report_floor
        doubtful = few or POSSIBLE in call.flags or not call.interpreted
        what = "a stop" if each.kind == "stop" else "a shift of the reading frame"
        text = f"{each.name}: {what} in a gene that the virus needs; probably an error of sequencing"
        yield Note("warning" if doubtful else "severe", "broken", text)


def _unusual(calls: Sequence[Call], coverage: Coverage, knowledge: Knowledge) -> Iterator[Note]:
    """Substitutions that neither the knowledge nor public sequences hold: where there are many, most are errors."""
    usual = knowledge.known | knowledge.polymorphisms.keys()
    found = [each for each in _substitutions(calls) if each.key not in usual]
    codons = sum(last - first + 1 for stretches in coverage.values() for first, last in stretches)
    dense = codons > 0 and len(found) >= UNUSUAL_LEAST and len(found) > UNUSUAL_SHARE * codons
    if len(found) > UNUSUAL_MOST or dense:
        yield Note("warning", "unusual", f"{len(found)} substitutions that were never described; check the sequence")


def _clustered(calls: Sequence[Call]) -> Iterator[Note]:
    """Many substitutions at one minor share come from a second genome."""
    fractions = [each.fraction for each in _substitutions(calls) if each.fraction is not None]
    shares = sorted(each for each in fractions if CLUSTER_LOWEST <= each <= CLUSTER_HIGHEST)
    runs = [(bisect_right(shares, CLUSTER_RATIO * low) - n, n) for n, low in enumerate(shares)]
    most, first = max(runs, key=lambda run: run[0], default=(0, 0))
    if most >= CLUSTER_LEAST:
        low, high = (percent(round(shares[n], 2)) for n in (first, first + most - 1))
        reach = low if low == high else f"{low} to {high}"
        text = f"{most} substitutions at {reach} of the population: several strains, or contamination"
        yield Note("warning", "several strains", text)


def _substitutions(calls: Sequence[Call]) -> list[Mutation]:
    """Those that are taken for true."""
    return [
        call.mutation
        for call in calls
        if call.mutation.kind == "substitution" and call.interpreted and POSSIBLE not in call.flags
    ]


def _uncovered(coverage: Coverage, knowledge: Knowledge) -> Iterator[Note]:
    """Codons without which "no resistance" means nothing."""
    for drug in knowledge.drugs.values():
        missing = gaps(drug, coverage, knowledge)
        if missing:
            yield Note("warning", "uncovered", f"{drug.name}: {'; '.join(missing)}")


def _shallow(read: Sequenced, knowledge: Knowledge) -> Iterator[Note]:
    """Drugs whose codons were all read, some not deep enough for each share that decides."""
    for name, drug in knowledge.drugs.items():
        hidden = unseen(name, read, knowledge)
        if hidden and not gaps(drug, read.coverage, knowledge):
            yield Note("warning", "depth", f"{name}: {hidden}")
