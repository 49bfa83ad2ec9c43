"""What a report says beside the changes: whose specimen it was, how it was read, what the site has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

from ..genotype import Knowledge
from ..sequencing.sample import Options, Sequenced
from .genotype_words import percent

_CONSENSUS = "FASTA"
_TECHNOLOGY = {
    _CONSENSUS: "consensus sequence",
    "VCF": "variants that another program called",
    "codon counts": "table of codon counts",
    "typed changes": "list of changes",
}
"""By the format of a file; all others hold reads."""


@dataclass(frozen=True, slots=True)
class About:
    """What was told with the files. Each text is empty where it was not given; ``specimen_date`` is ``2026-03-28``."""

    patient: str = ""
    specimen_date: str = ""
    laboratory: str = ""
    options: Options = field(default_factory=Options)

    @property
    def labels(self) -> list[tuple[str, str]]:
        """The fields of the head of a report, in order, with what was given."""
        return [
            ("Patient", self.patient),
            ("Specimen taken", self.specimen_date),
            ("Laboratory", self.laboratory),
        ]


class Setting(NamedTuple):
    """An option: what it is, how it stood, and whether it was given."""

    what: str
    how: str
    given: bool


def site_lines(knowledge: Knowledge) -> Iterator[str]:
    """What the site has laid over the shipped knowledge: overlays, numbers, accepted risks; nothing if it has not."""
    site = knowledge.site
    if site.overlays:
        yield f"overlays of the site: {', '.join(site.overlays)}"
    if site.thresholds:
        yield f"set by the site (shipped -> used): {', '.join(map(str, site.thresholds))}"
    yield from (f"risk accepted by the site: {risk}" for risk in site.risks)


def knowledge_lines(knowledge: Knowledge) -> list[str]:
    """What the verdicts were made with: version, databases added, and what the site has changed."""
    added = (f"with measurements of {database}" for database in knowledge.databases)
    return [f"knowledge {knowledge.version} ({knowledge.hash})", *added, *site_lines(knowledge)]


def how_read(options: Options) -> list[Setting]:
    """The options that bear on what is seen and what decides."""
    share, copies, primers, cram = options.min_fraction, options.copies, options.primers, options.reference
    decides = "as the knowledge says" if share is None else f"from {percent(share)}, set for this run"
    return [
        Setting("Share that decides", decides, share is not None),
        Setting("Genomes in the test", "not stated" if copies is None else f"{copies:,}", copies is not None),
        Setting("Primers", f"{_name(primers)}: their bases are left out" if primers else "none named", bool(primers)),
        *([Setting("Technology", options.technology, True)] if options.technology else ()),
        *([Setting("Reference of the CRAM", _name(cram), True)] if cram else ()),
        *([Setting("Records that did not pass", "interpreted too", True)] if options.filtered else ()),
        *([Setting("Records of a FASTA file", "amplicons of one sample", True)] if options.merge else ()),
    ]


def technology(read: Sequenced) -> str:
    """How the sequence was made, as far as its file tells."""
    reads = "long reads, aligned with gaps" if _are_long(read) else "short reads, codons counted whole"
    return _TECHNOLOGY.get(read.format, reads)


def blind_below(read: Sequenced, knowledge: Knowledge) -> str:
    """Which changes a file of this kind cannot show, whatever its depth; empty where the file alone decides that."""
    if read.format == _CONSENSUS:
        floor = percent(knowledge.thresholds.sanger_floor)
        return f"minorities below about {floor} of the population were not looked for (consensus, as by Sanger)"
    return "" if read.format in _TECHNOLOGY else _floors(_are_long(read), float(knowledge.thresholds.call_floor))


def _floors(long: bool, least: float) -> str:
    # Where reads were counted, what counts them is there; the other files do without it.
    from ..sequencing.reads.long import FLOOR
    from ..sequencing.reads.noise import ONE_STRAND_SHARE
    from ..sequencing.reads.slips import FRAMESHIFT_FLOOR

    floor = max(least, FLOOR) if long else least
    shifts = f", shifts of the frame below {percent(FRAMESHIFT_FLOOR)}" if long else ""
    alone = f"what one direction of reading shows alone below {percent(ONE_STRAND_SHARE)}"
    return f"not called: changes below {percent(floor)}{shifts}, {alone}"


def _are_long(read: Sequenced) -> bool:
    return any(note.code == "long-reads" for note in read.notes)


def _name(path: str) -> str:
    """A file's name without its folders."""
    return PurePath(path).name
