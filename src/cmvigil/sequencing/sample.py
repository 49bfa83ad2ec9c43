"""What was read of one sample, before and after its interpretation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from ..genotype import Interpretation, Mutation

Stretches = tuple[tuple[int, int], ...]
"""Codons that were read, first and last of each stretch, both included."""
Level = Literal["note", "warning", "severe"]
Technology = Literal["illumina", "nanopore"]


@dataclass(frozen=True, slots=True)
class Note:
    """A finding on the quality of what was read. ``code`` is short and stable; ``severe`` makes a result doubtful."""

    level: Level
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """One change that was seen. ``mutation.fraction`` is its share of the population, None where it cannot be told.

    ``mutation.possible``: it is one of several readings, and may not be there.

    ``low`` to ``high``: the 95 % interval of the share; ``depth``: fragments (or sequences) that cover the place.
    ``flags`` say what limits it: ``phase unknown``, ``possible``, ``filtered`` and more.
    ``interpreted``: whether it enters the verdicts; a call that its file marks as not passing is listed only.
    """

    mutation: Mutation
    low: Decimal | None = None
    high: Decimal | None = None
    depth: int | None = None
    flags: tuple[str, ...] = ()
    interpreted: bool = True


@dataclass(frozen=True)
class Sequenced:
    """What one sample's file holds: changes against Merlin, codons that were read, and how good it is.

    ``coverage``: by gene, the stretches of codons that were read well enough to see a change in them; genes of which
    nothing was read are left out. ``stated``: whether the file tells which codons were read; where it does not,
    ``coverage`` holds at most those of its changes, and no drug is called sensitive. ``depths``: by gene, fragments for
    each codon from 1, where reads were counted. ``detectable``: by gene, the smallest share that would have been seen
    at each codon (1 where nothing was read). ``counts``: (gene, codon) to fragments by what stands there: three bases,
    ``del``, ``ins``, ``fs``. ``strain``: the laboratory strain it looks like, empty where it looks like none.
    """

    name: str
    file: str
    format: str
    input_sha256: str
    calls: tuple[Call, ...]
    coverage: Mapping[str, Stretches]
    stated: bool = True
    notes: tuple[Note, ...] = ()
    depths: Mapping[str, Sequence[int]] = field(default_factory=dict)
    detectable: Mapping[str, Sequence[float]] = field(default_factory=dict)
    counts: Mapping[tuple[str, int], Mapping[str, int]] = field(default_factory=dict)
    strain: str = ""


@dataclass(frozen=True)
class Sample:
    """A sample with what its changes mean."""

    read: Sequenced
    interpretation: Interpretation


@dataclass(frozen=True, slots=True)
class Options:
    """How files are read.

    ``min_fraction``: share from which a change decides; None: what the knowledge says. ``primers``: a BED file on
    NC_006273.2; ``reference``: the FASTA a CRAM was written against; ``filtered``: interpret records that did not pass
    the filters of their file; ``merge``: the records of one FASTA file are amplicons of one sample; ``copies``: how
    many genomes went into the test, which limits what can be seen; ``technology``: the machine that wrote the reads;
    None: as the reads tell.
    """

    min_fraction: Decimal | None = None
    primers: str | None = None
    reference: str | None = None
    filtered: bool = False
    merge: bool = False
    copies: int | None = None
    technology: Technology | None = None
