"""Samples with what only some formats tell: counted bases, filtered calls, shares that can be detected."""

from __future__ import annotations

from dataclasses import replace

from tests.report.laboratory_samples import call, covered, sample

from cmvigil.sequencing.batch import Failed
from cmvigil.sequencing.sample import Note, Sample

VERSION = "1.2.3"
FAILED = Failed("bad.fasta", ("bad.fasta: is empty; give a file with a sequence",))


def rich() -> Sample:
    """Shares, a mixture, an insertion and a deletion, a shift of the frame, a filtered call, notes, counts."""
    made = sample(
        call("UL97:A594V@12.5%", 800),
        call("UL54:P522AP", flags=("phase unknown",)),
        call("UL97:del595-603"),
        call("UL54:ins884S"),
        call("UL56:V12fs"),
        call("UL97:C603W@3%", 600, ("filtered",), interpreted=False),
        coverage=covered("UL97:440-645,UL54:255-1028,UL56:1-300,UL56:310-850"),
        name="=rich; one",
        notes=[Note("severe", "two strains", "looks like two strains"), Note("note", "short", "12 reads were short")],
        strain="AD169",
    )
    read = replace(
        made.read,
        depths={"UL97": [1000] * 707},
        detectable={"UL97": [1.0] * 439 + [0.01] * 206 + [1.0] * 62, "UL54": [0.02] * 600 + [0.06] * 642},
        counts={("UL97", 594): {"GCG": 700, "GTG": 60, "GTC": 40}, ("UL97", 595): {"TTG": 790, "del": 10}},
    )
    return replace(made, read=read)


def plain() -> Sample:
    """Two genes in part, no change."""
    return sample(coverage=covered("UL97:440-645,UL54:255-1028"), name="plain")
