"""A change as HGVS writes it on its protein: ``YP_081544.1:p.(Ala594Val)``. The parentheses say: from the bases."""

from __future__ import annotations

import re

from .model import Knowledge
from .mutation import Mutation

_NAMES = "AlaCysAspGluPheGlyHisIleLysLeuMetAsnProGlnArgSerThrValTrpTyrXaaTer"
_THREE = dict(zip("ACDEFGHIKLMNPQRSTVWYX*", re.findall("...", _NAMES), strict=True))
_STOP = "*"


def hgvs(mutation: Mutation, knowledge: Knowledge) -> str:
    """Accession and description of a change, its share and mixture left out.

    Where an insertion or deletion could be placed at several codons, HGVS takes the last, and calls a repeat of what
    stands before it a duplication; the codons may differ from those of ``mutation.change``.
    """
    protein = knowledge.proteins[mutation.gene] + _STOP
    return f"{knowledge.accessions[mutation.gene]}:p.({_described(mutation, protein)})"


def _described(mutation: Mutation, protein: str) -> str:
    """``protein`` ends with its stop."""
    first, last, new = mutation.first, mutation.last, mutation.residue
    if mutation.kind == "frameshift":
        return f"{_residue(protein, first)}fs"
    if mutation.kind == "deletion":
        while protein[last] == protein[first - 1]:
            first, last = first + 1, last + 1
        return f"{_stretch(protein, first, last)}del"
    if mutation.kind == "insertion":
        while protein[first] == new[0] != _STOP:
            first, new = first + 1, new[1:] + new[0]
        start = first - len(new) + 1
        if start >= 1 and protein[start - 1 : first] == new:
            return f"{_stretch(protein, start, first)}dup"
        return f"{_stretch(protein, first, first + 1)}ins{''.join(map(_THREE.__getitem__, new))}"
    return "Met1?" if first == 1 else f"{_residue(protein, first)}{_THREE[new]}"


def _residue(protein: str, codon: int) -> str:
    return f"{_THREE[protein[codon - 1]]}{codon}"


def _stretch(protein: str, first: int, last: int) -> str:
    ends = dict.fromkeys((first, last))
    return "_".join(_residue(protein, codon) for codon in ends)
