"""Whether a contig is Merlin: its name and its length may say so, and the REF bases of its records must.

Positions of another strain are refused, not carried over: a shift that is wrong by a codon names the wrong change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from ..genotype import Knowledge
from .errors import SequenceError
from .reference import reference, reverse_complement
from .sample import Note
from .strains import strain_of_contig

TOLERATED = 0.05
"""Share of the records whose REF may differ from Merlin; of fewer than ``SURE`` records none may."""
SURE = 20
"""Records that must agree where nothing else says that a contig is Merlin; by chance one in four does."""
LENGTH_TOLERATED = 0.01
"""How far the stated length of a contig may lie from Merlin's, as a share of it; amplicons and chromosomes lie far."""
_MERLIN, _ACCESSION = "Merlin", "NC_006273.2"
_FARTHEST = 3000
"""Bases by which records are moved to see whether their positions are those of another sequence."""
_MOVED_AGREE = 0.8
"""Share of them that must then agree; strains differ in some of the bases themselves."""
_MOVED_MOST = 300
_REMEDY = (
    "call the variants again on NC_006273.2 (Merlin), or give the reads or the consensus sequence; positions of "
    "another sequence are not carried over"
)


@cache
def genome() -> str:
    """The plus strand of Merlin up to the end of its last segment, N where no segment lies."""
    made = ""
    for segment in sorted(reference().segments, key=lambda each: each.genome_first):
        plus = segment.bases if segment.forward else reverse_complement(segment.bases)
        made = made.ljust(segment.genome_first - 1, "N") + plus
    return made


@dataclass(slots=True)
class Contig:
    """The records of one contig in the segments: how many could be checked, and how many of them differ from Merlin.

    ``first`` describes the first that differs.
    """

    name: str
    checked: int = 0
    differing: int = 0
    first: str = ""
    _seen: list[tuple[int, str]] = field(default_factory=list)

    def agrees(self, line: int, position: int, ref: str) -> bool:
        """Whether the REF of a record is Merlin's, as far as both are known; it is counted."""
        merlin = genome()[position - 1 : position - 1 + len(ref)]
        known = [(a, b) for a, b in zip(ref, merlin, strict=False) if a in "ACGT" and b != "N"]
        self.checked += bool(known)
        if known and len(self._seen) < _MOVED_MOST:
            self._seen.append((position, ref[0]))
        if all(a == b for a, b in known):
            return True
        self.differing += 1
        self.first = self.first or f"line {line}: REF {ref[:20]} at {position}, NC_006273.2 has {merlin[:20]}"
        return False

    @property
    def is_merlin(self) -> bool:
        """Whether so few records differ that it is."""
        return self.differing <= (TOLERATED * self.checked if self.checked >= SURE else 0)

    def moved(self) -> tuple[int, int] | None:
        """By how many bases its records must be moved to agree, and how many then do; None where no move does it."""
        text = genome()
        for by in sorted(range(-_FARTHEST, _FARTHEST + 1), key=abs):
            pairs = [(ref, text[at + by - 1]) for at, ref in self._seen if 0 < at + by <= len(text)]
            agree = [ref == merlin for ref, merlin in pairs if merlin != "N"]
            if len(agree) >= SURE and sum(agree) >= _MOVED_AGREE * len(agree):
                return by, sum(agree)
        return None


class Contigs:
    """The contigs of a file. Those that are called after one strain are one."""

    def __init__(self, file: str, knowledge: Knowledge) -> None:
        self.file = file
        self.merlin_bases = knowledge.strains[_MERLIN].bases
        self._knowledge = knowledge
        self._strains: dict[str, str] = {}
        self._contigs: dict[str, Contig] = {}

    def strain(self, name: str) -> str:
        """The strain that a contig is called after, empty where it is none."""
        if name not in self._strains:
            self._strains[name] = strain_of_contig(name, self._knowledge)
        return self._strains[name]

    def of(self, name: str) -> Contig:
        """The contig of that name."""
        key = self.strain(name) or name
        if key not in self._contigs:
            self._contigs[key] = Contig(name)
        return self._contigs[key]

    def merlin(self, records: Mapping[str, int], lengths: Mapping[str, int | None]) -> Contig:
        """The contig that is Merlin. ``records``: how many each holds; ``lengths``: what the header states.

        A contig of another name is taken for it only if its length or many records say so, and none holds more records.
        Raises :class:`SequenceError` where there is none, or where one is another strain.
        """
        names = list(records) or list(lengths)
        for name in names:
            if self.strain(name) not in ("", _MERLIN):
                raise self.refusal(f"contig {name[:60]!r} is the strain {self.strain(name)}")
        called = [name for name in {**records, **lengths} if self.strain(name) == _MERLIN]
        fitting = [name for name in called or names if self._fits(lengths.get(name))]
        if names and not fitting:
            name = (called or names)[0]
            raise self.refusal(f"contig {name[:60]!r} has {lengths[name]} bases, Merlin {self.merlin_bases}")
        best = max(map(self.of, fitting), key=lambda each: each.checked - each.differing, default=Contig(""))
        if not best.is_merlin:
            raise self._differs(best)
        if best.name and not self.strain(best.name):
            self._proven(best, records, lengths)
        return best

    def notes(self, chosen: Contig, records: Mapping[str, int]) -> Iterator[Note]:
        """Findings on the contigs of a file, of which one was chosen."""
        agreeing = chosen.checked - chosen.differing
        if chosen.name and not self.strain(chosen.name):
            said = f"REF agrees with Merlin in {agreeing} of its {chosen.checked} records in the genes"
            yield Note("warning", "contig", f"contig {chosen.name[:60]!r} is no known name of Merlin; {said}")
        others = sum(count for name, count in records.items() if self.of(name) is not chosen)
        if others:
            yield Note("note", "contigs", f"records of other contigs, left out: {others}")
        if chosen.differing:
            text = f"records whose REF is not Merlin's, left out: {chosen.differing} (first {chosen.first})"
            yield Note("warning", "reference", text)

    def refusal(self, found: str) -> SequenceError:
        """What to say where a file was not made against Merlin."""
        return SequenceError(f"{self.file}: {found}; {_REMEDY}")

    def _fits(self, length: int | None) -> bool:
        if length is None or self.merlin_bases is None:
            return True
        return abs(length - self.merlin_bases) <= LENGTH_TOLERATED * self.merlin_bases

    def _proven(self, contig: Contig, records: Mapping[str, int], lengths: Mapping[str, int | None]) -> None:
        """Raise :class:`SequenceError` where only chance may say that a contig of another name is Merlin."""
        agreeing = contig.checked - contig.differing
        larger = [name for name, count in records.items() if count > records.get(contig.name, 0)]
        if larger:
            found = f"contig {larger[0][:60]!r} has more records"
        elif lengths.get(contig.name) is None and agreeing < SURE:
            found = f"the header states no length, and of {SURE} records in the genes that must agree {agreeing} do"
        else:
            return
        remedy = f"if it is Merlin, rename it to {_ACCESSION}; else {_REMEDY}"
        raise SequenceError(f"{self.file}: contig {contig.name[:60]!r} is no known name of Merlin; {found}; {remedy}")

    def _differs(self, contig: Contig) -> SequenceError:
        said = f"REF of {contig.differing} of {contig.checked} records in the genes is not that of NC_006273.2"
        moved = contig.moved()
        hint = f"contig {contig.name[:60]!r}"
        if moved is not None:
            hint += f"; moved by {moved[0]:+d} bases {moved[1]} would agree: positions of another strain or sequence"
        return self.refusal(f"{said} (first {contig.first}; {hint})")
