"""Primers of an assay (BED on NC_006273.2): their bases are the assay's, not the virus's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import SequenceError
from ..files import Source
from .targets import Ints, Targets


def read_primers(path: str | None, targets: Targets) -> tuple[Ints, int]:
    """Rows of target offset from, to (behind the last), and 1 for a primer at the left end of its amplicon.

    Also how many lines lie outside the genes. A primer's direction is its strand in BED's sixth column; without one a
    name that ends in LEFT or RIGHT, F or R, says it. Raises :class:`SequenceError` that names the line.
    """
    if path is None:
        return np.zeros((0, 3), np.int64), 0
    source = Source(Path(path))
    rows: list[tuple[int, int, int]] = []
    outside = 0
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
        segment = targets.reference.at_genome(first)
        if segment is None or segment is not targets.reference.at_genome(end) or end < first:
            outside += 1
            continue
        begin = targets.begins[targets.reference.segments.index(segment)]
        ends = sorted((segment.offset_at(first), segment.offset_at(end)))
        rows.append((begin + ends[0], begin + ends[1] + 1, int(forward == segment.forward)))
    if not rows:
        raise SequenceError(
            f"{source.name}: holds no primer within the genes of resistance; expected places on NC_006273.2 (Merlin)"
        )
    return np.array(sorted(rows), np.int64), outside


def _forward(fields: list[str]) -> bool:
    if len(fields) > 5 and fields[5] in ("+", "-"):
        return fields[5] == "+"
    name = fields[3].upper()
    for ending, forward in (("LEFT", True), ("RIGHT", False), ("_F", True), ("_R", False)):
        if ending in name:
            return forward
    raise ValueError(name)
