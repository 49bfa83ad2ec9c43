"""What the records of a VCF say of one of its samples: the alleles that it shows, and the positions that were read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..genotype.model import Thresholds
from .agreement import genome
from .consensus import POSSIBLE
from .phasing import Allele
from .power import detectable
from .records import Edit, edits, stop_lost
from .reference import Segment
from .shares import FieldError, Fields, Share, shares
from .vcflines import REFERENCE_ALTS, Record

NOT_IN_GENOTYPE = "not in the genotype"
"""The filter that an allele does not pass whose fragments were counted and which was not called.

A caller of one or two copies gives no genotype to a minority, so from the floor of report on its share decides.
"""
LONGEST = 600
"""Bases gained beyond which an allele is not named; no change that was described gains more than a few codons."""
_BASES = re.compile(r"[ACGTN]+")
_COPIES, _ALLELE = re.compile(r"[/|]"), re.compile(r"\.|[0-9]{1,6}")
_Genotype = tuple[int | None, ...]
"""The allele of each copy, None where it was not called."""
Named = tuple[Segment, tuple[Edit, ...], bool]
"""A segment, what an allele edits in it, and whether it takes the stop codon away."""


@dataclass(slots=True)
class Column:
    """One sample. ``alleles``: by segment and edit; ``read``: runs of positions, first and last, read well enough.

    ``below``: how many alleles lie under the smallest share; ``unnamed``: how many could not be named; ``stops``: genes
    whose stop codon is lost; ``unclear``: runs of positions at which fragments show what cannot be named or read.
    """

    alleles: dict[tuple[str, Edit], Allele] = field(default_factory=dict)
    read: list[tuple[int, int]] = field(default_factory=list)
    below: int = 0
    unnamed: int = 0
    stops: set[str] = field(default_factory=set)
    unclear: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many alleles and runs of positions it holds."""
        return len(self.alleles) + len(self.read) + len(self.unclear)

    def cover(self, record: Record, fields: Fields, t: Thresholds) -> None:
        """Note that the positions of a record were read, if a change that Sanger sees would have been seen there.

        Raises :class:`FieldError` on a value that cannot be read.
        """
        genotype, depth = _genotype(fields, len(record.alts)), fields.depth()
        if _filters(record, fields) or (genotype is not None and None in genotype):
            return
        if depth is None or detectable(depth) > t.sanger_floor:
            return
        end = record.last if record.is_reference else record.position + len(record.ref) - 1
        first, last = self.read[-1] if self.read else (0, -1)
        if first <= record.position <= last + 1:
            self.read[-1] = first, max(last, end)
        else:
            self.read.append((record.position, end))

    def show(self, record: Record, fields: Fields, named: dict[int, list[Named]], t: Thresholds) -> None:
        """Keep the alleles of a record that the sample shows. ``named``: those that were looked at for other samples.

        Raises :class:`FieldError` on a value that cannot be read.
        """
        genotype, filters = _genotype(fields, len(record.alts)), _filters(record, fields)
        for number, share in enumerate(shares(fields, record.alts), 1):
            alt = record.alts[number - 1]
            if alt in REFERENCE_ALTS or alt == "*" or not self._shows(number, share, fields, genotype, t):
                continue
            if number not in named:
                named[number] = list(_named(record, alt))
            self.unnamed += not named[number]
            if not named[number] or "N" in alt:
                self.unclear.append((record.position, max(record.last, record.position + len(record.ref) - 1)))
            called = genotype is None or number in genotype
            missed = filters if called else ";".join(filter(None, (filters, NOT_IN_GENOTYPE)))
            passed = passes(missed, share, t)
            for segment, made, stop in named[number]:
                self.stops.update([segment.gene] if stop and passed else [])
                for edit in made:
                    self._keep(segment, _allele(edit, record, number, share, fields, genotype, missed))

    def _shows(self, number: int, share: Share, fields: Fields, genotype: _Genotype | None, t: Thresholds) -> bool:
        """Whether the sample shows an allele: it is called, or a share of the fragments has it."""
        called = genotype is None or number in genotype
        if share.fraction is None:
            return called and fields.stated and (fields.local is None or number in fields.local)
        if share.fraction >= t.call_floor:
            return True
        self.below += called and (genotype is not None or share.fraction > 0)
        return False

    def _keep(self, segment: Segment, allele: Allele) -> None:
        """Hold an allele; of two with the same edit the one that passed, or with the larger share."""
        key = segment.name, allele.edit
        old = self.alleles.get(key)
        if old is None or _rank(old) < _rank(allele):
            self.alleles[key] = allele


def passes(filters: str, share: Share, t: Thresholds) -> bool:
    """Whether an allele is interpreted, given what it did not pass: also by its share where it was only not called."""
    return not filters or (
        filters == NOT_IN_GENOTYPE and share.fraction is not None and share.fraction >= t.report_floor
    )


def _rank(allele: Allele) -> tuple[bool, bool, object]:
    return not allele.filters, allele.filters == NOT_IN_GENOTYPE, allele.share.fraction or 0


def _filters(record: Record, fields: Fields) -> str:
    """What a record did not pass, in the sample too."""
    own = fields.own.get("FT", "")
    return ";".join(filter(None, (record.filters, "" if own in ("PASS", ".") else own)))


def _genotype(fields: Fields, alts: int) -> _Genotype | None:
    """The genotype, None where none is given. Raises :class:`FieldError`."""
    text = fields.own.get("GT", "")
    if not text:
        return None
    copies = _COPIES.split(text.lstrip("/|"))
    if not all(_ALLELE.fullmatch(each) and int(each.replace(".", "0")) <= alts for each in copies):
        raise FieldError(f"GT: found {text[:20]!r}; expected alleles from 0 to {alts}")
    return tuple(None if each == "." else int(each) for each in copies)


def _named(record: Record, alt: str) -> Iterator[Named]:
    """What an allele edits, for each segment that it reaches; nothing where it cannot be named."""
    position, ref = record.position, record.ref
    lost = alt.startswith("<DEL") and record.last > position
    readable = _BASES.fullmatch(alt) and ("N" not in alt or len(alt) == len(ref))
    if not lost and (not readable or len(alt) - len(ref) > LONGEST):
        return
    for segment in record.segments:
        if lost:
            # The base before is stated and not lost; of what is, the part on the segment says all.
            position, alt = max(record.position + 1, segment.genome_first - 1), ""
            ref = genome()[position - 1 : min(record.last, segment.genome_last + 1)]
        yield segment, edits(segment, position, ref, alt), stop_lost(segment, position, ref, alt)


def _allele(
    edit: Edit, record: Record, number: int, share: Share, fields: Fields, genotype: _Genotype | None, filters: str
) -> Allele:
    phase, copies = fields.own.get("PS", "."), frozenset(n for n, each in enumerate(genotype or ()) if each == number)
    phased = bool(copies) and "|" in fields.own["GT"] and "/" not in fields.own["GT"]
    ours = record.info.get("CHANGE", "").startswith("UL")
    if ours:
        # A file of our own: each record is all that is changed in a codon, of genomes of its own.
        phased, phase, copies = True, "CHANGE", frozenset([record.line])
    return Allele(
        edit=edit,
        record=record.line,
        number=number,
        share=share,
        phase=phase if phased else None,
        copies=copies,
        whole=set(genotype or ()) == {number},
        filters=filters,
        unproven=ours and POSSIBLE in fields.values("FL"),
    )
