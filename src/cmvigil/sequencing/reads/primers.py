"""Primers of an assay (BED on NC_006273.2): their bases are the assay's, not the virus's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...genotype import Knowledge
from ..errors import SequenceError
from ..files import Source, shown
from ..strains import strain_of_contig
from .targets import Ints, Targets

_STRAIN = "Merlin"
_DIRECTION = re.compile(r"(?:^|[_.-])(LEFT|RIGHT|F|R)\d*(?:[_.-](?:ALT)?\d*)*$", re.IGNORECASE | re.ASCII)
"""The direction at the end of a primer's name; a number and a variant may follow it."""


def read_primers(path: str | None, targets: Targets, knowledge: Knowledge) -> tuple[Ints, int]:
    """Rows of target offset from, to (behind the last), and 1 for a primer at the left end of its amplicon.

    Also how many lines lie outside the genes or on another contig than Merlin's. A primer's direction is its strand in
    BED's sixth column; without one a name that ends in LEFT or RIGHT, F or R, says it. Raises :class:`SequenceError`
    that names the line, or the contig where no line is on Merlin's.
    """
    if path is None:
        return np.zeros((0, 3), np.int64), 0
    source = Source(Path(path))
    rows: list[tuple[int, int, int]] = []
    outside = 0
    contigs: dict[str, bool] = {}
    for number, line in source.lines():
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        fields = line.rstrip().split("\t")
        try:
            first, end = int(fields[1]) + 1, int(fields[2])
            forward = _forward(fields)
        except (IndexError, ValueError):
            raise SequenceError(
                f"{source.name}:{number}: found {line[:60]!r}; expected contig, start, end, name, score, strand "
                "(tab between them), the strand + or -"
            ) from None
        contig = fields[0]
        if contig not in contigs:
            contigs[contig] = strain_of_contig(contig, knowledge) == _STRAIN
        if not contigs[contig]:
            outside += 1
            continue
        segment = targets.reference.at_genome(first)
        if segment is None or segment is not targets.reference.at_genome(end) or end < first:
            outside += 1
            continue
        begin = targets.begins[targets.reference.segments.index(segment)]
        ends = sorted((segment.offset_at(first), segment.offset_at(end)))
        rows.append((begin + ends[0], begin + ends[1] + 1, int(forward == segment.forward)))
    if contigs and not any(contigs.values()):
        raise SequenceError(
            f"{source.name}: its primers lie on {shown(next(iter(contigs)))!r}; "
            "expected places on NC_006273.2 (Merlin), with that name in the first column"
        )
    if not rows:
        raise SequenceError(
            f"{source.name}: holds no primer within the genes of resistance; expected places on NC_006273.2 (Merlin)"
        )
    return np.array(sorted(rows), np.int64), outside


def _forward(fields: list[str]) -> bool:
    if len(fields) > 5 and fields[5] in ("+", "-"):
        return fields[5] == "+"
    found = _DIRECTION.search(fields[3])
    if found is None:
        raise ValueError(fields[3])
    return found[1].upper() in ("LEFT", "F")
