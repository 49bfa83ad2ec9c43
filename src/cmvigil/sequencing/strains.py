"""Which strain of laboratories a file was made with: by the name of its contig, or by the residues that are found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from ..genotype.coverage import unread
from ..genotype.model import Knowledge
from ..genotype.mutation import codons_named
from .sample import Call

_MOST = Decimal("0.5")
"""Share above which a change belongs to the main strain of a sample."""
_LEAST = 3
"""Markers that must be found before a strain is named: natural strains share one or two with each."""


def strain_of_contig(name: str, knowledge: Knowledge) -> str:
    """The strain whose sequence a contig is called after: ``Merlin``, ``AD169``; empty where it is none, or two."""
    found = [strain.name for strain in knowledge.strains.values() if _calls(strain.contigs, name)]
    return found[0] if len(found) == 1 else ""


def strain_of_changes(
    calls: Iterable[Call], coverage: Mapping[str, Sequence[tuple[int, int]]], knowledge: Knowledge
) -> str:
    """The laboratory strain that the main virus of a sample looks like; empty where it looks like none.

    In the genes of a strain's markers nothing else may be found, every marker that was read must be there, three at
    least, and one of them must be rare among patients' strains.
    """
    main = {
        call.mutation.key
        for call in calls
        if call.interpreted and (call.mutation.fraction is None or call.mutation.fraction > _MOST)
    }
    for strain in knowledge.strains.values():
        genes = {gene for gene, _ in strain.markers}
        found = {key for key in main if key[0] in genes}
        read = {key for key in strain.markers if not unread(codons_named(key[1]), coverage.get(key[0], ()))}
        if read <= found <= strain.markers and len(found) >= _LEAST and found & strain.rare:
            return strain.name
    return ""


def _calls(names: Sequence[str], contig: str) -> bool:
    """Whether one of the names stands in a contig's name as a word; a version may follow it."""
    words = "|".join(map(re.escape, names))
    return re.search(rf"(?<![A-Z0-9])(?:{words})(?![A-Z0-9])", contig, re.IGNORECASE | re.ASCII) is not None
