"""Two plain files: a table that counts what stands at each codon, and a list of typed changes."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from ..genotype import Knowledge, Mutation, MutationError, parse, parse_coverage, parse_list
from ..genotype.mutation import merged, percent
from .consensus import PHASE_UNKNOWN, POSSIBLE
from .errors import SequenceError
from .files import Source, shown
from .intervals import jeffreys
from .naming import Namer
from .power import HITS, smallest_share
from .reference import BASES_OF, CODONS
from .sample import Call, Note, Options, Sequenced
from .shares import rounded
from .stretches import by_gene

DELETED, INSERTED, SHIFTED = "del", "ins", "fs"
"""What may stand at a codon instead of three bases."""
EVENT, EVENT_DEPTH = "event:", "event_depth"
"""How the bases of a row begin that counts an indel as one event, and the column of the fragments that cover it."""
EVENTS = ("deletion", "insertion", "frameshift")
"""Changes that are counted so."""
Counts = dict[tuple[str, int], Counter[str]]
"""By gene and codon: fragments by what they show there."""
_EVENTS = {"DEL": DELETED, "---": DELETED, "INS": INSERTED, "FS": SHIFTED}
_NAMED = ("sample", "gene", "codon", "bases", "count", "residue")
_TEXT = 64 << 20
"""Bytes of a table: dozens of samples with every codon."""
_LIST = 1 << 20
_LINE = 10_000
"""Letters of one line of typed changes."""
_PROBLEMS = 20
"""Faults that are named of one file."""
_COLUMNS = "expected the columns gene, codon, bases and count, or gene, codon and one for each triplet of bases"


def read_codons(source: Source, knowledge: Knowledge, options: Options) -> list[Sequenced]:
    """The samples of a table of codon counts, in the order in which they begin.

    A residue is called from the floor of the knowledge and from 8 fragments on, its synonymous codons added up; what
    few laboratories would report is not interpreted, because nothing tells it from errors. Indels are those that rows
    count as events (``event:del597_600``). In a table without the column ``event_depth``, codons lost beside each
    other are listed as a deletion; whether it keeps the reading frame is unknown, so it is not interpreted, and from
    that share on its codons are not taken for read. Raises :class:`SequenceError` with the faults of the table, up to
    20.
    """
    table = _Table(source, knowledge)
    table.read()
    digest = source.sha256()
    return [_sequenced(name, table, digest, knowledge, options.copies) for name in table.samples]


def read_changes(source: Source, knowledge: Knowledge, _: Options) -> list[Sequenced]:
    """The sample of a list of typed changes.

    Each line holds changes parted by commas; ``#`` begins a remark; a line ``covered: UL97:440-645`` names codons that
    were read. Raises :class:`SequenceError` with the faults of the list, up to 20.
    """
    found: list[Mutation] = []
    covered: dict[str, set[int]] = {}
    problems: list[str] = []
    for number, line in source.lines(total=_LIST):
        try:
            _typed(line.partition("#")[0].strip(), knowledge, found, covered)
        except MutationError as error:
            problems += [f"{source.name}:{number}: {problem}" for problem in error.problems]
        if len(problems) >= _PROBLEMS:
            break
    if problems:
        raise SequenceError(problems[:_PROBLEMS])
    if not found and not covered:
        raise SequenceError(
            f"{source.name}: holds no change; type changes such as UL97:A594V, or covered: UL97:440-645 where none is"
        )
    unstated = Note("warning", "coverage", "the list does not state which codons were read")
    return [
        Sequenced(
            name=source.stem,
            file=source.name,
            format="typed changes",
            input_sha256=source.sha256(),
            calls=tuple(Call(each, flags=(POSSIBLE,) * each.possible) for each in merged(found)),
            coverage=by_gene(covered),
            stated=bool(covered),
            notes=() if covered else (unstated,),
        )
    ]


def _typed(text: str, knowledge: Knowledge, found: list[Mutation], covered: dict[str, set[int]]) -> None:
    """Take one line of a list. Raises :class:`MutationError`."""
    word, colon, rest = text.partition(":")
    if len(text) > _LINE:
        raise MutationError([f"a line of {len(text)} letters; type one change in a line"])
    if colon and word.strip().lower() == "covered":
        for gene, runs in parse_coverage([rest], knowledge).items():
            covered.setdefault(gene, set()).update(*(range(first, last + 1) for first, last in runs))
    else:
        found += parse_list([text], knowledge.proteins, knowledge.known)


class _Table:
    """Reads a table of codon counts: ``samples`` by name, faults of its lines as one error."""

    def __init__(self, source: Source, knowledge: Knowledge) -> None:
        self.source = source
        self.knowledge = knowledge
        self.genes = knowledge.genes
        self.samples: dict[str, Counts] = {}
        self.events: dict[str, dict[Mutation, tuple[int, int]]] = {}
        """By sample, the fragments that carry an indel and those that cover it."""
        self.has_events = False
        self.unclear: Counter[str] = Counter()
        self.ignored: list[str] = []
        self.problems: list[str] = []

    def read(self) -> None:
        """Read it. Raises :class:`SequenceError`."""
        lines = ((number, line) for number, line in self.source.lines(total=_TEXT) if line.strip())
        try:
            columns, delimiter = self._header(lines)
        except csv.Error as error:
            raise SequenceError(f"{self.source.name}: its header cannot be read ({error}); {_COLUMNS}") from None
        for number, line in lines:
            if not line.startswith("#"):
                try:
                    self._row(dict(zip(columns, _cells(line, delimiter), strict=False)))
                except (ValueError, csv.Error) as error:
                    self.problems.append(f"{self.source.name}:{number}: {error}")
            if len(self.problems) == _PROBLEMS:
                break
        if not self.samples and not self.problems:
            self.problems.append(f"{self.source.name}: holds no counts below its header; {_COLUMNS}")
        if self.problems:
            raise SequenceError(self.problems)

    def notes(self, sample: str) -> tuple[Note, ...]:
        """What was left out."""
        floor = percent(self.knowledge.thresholds.laboratory_floor)
        lacks = "no error model" if self.has_events else "no error model and no indels as events"
        limits = f"a table of codons holds {lacks}: changes below {floor} are listed and not interpreted"
        if not self.has_events:
            limits += ", nor are deletions, which may shift the reading frame"
        made = [Note("warning", "table", limits)]
        if self.ignored:
            made.append(Note("note", "columns", shown(f"columns not used: {', '.join(self.ignored)}", 200)))
        if self.unclear[sample]:
            text = f"{self.unclear[sample]} fragments with an unclear base in their codon are not counted"
            made.append(Note("note", "unclear", text))
        return tuple(made)

    def _header(self, lines: Iterator[tuple[int, str]]) -> tuple[list[str], str]:
        """The columns and what parts them; remarks may stand before."""
        for number, line in lines:
            delimiter = max("\t,;", key=line.count)
            columns = [_column(cell) for cell in _cells(line.lstrip("#"), delimiter)]
            if {"gene", "codon"} <= set(columns):
                self._check(columns, number)
                return columns, delimiter
            if not line.startswith("#"):
                break
        raise SequenceError(f"{self.source.name}: no header; {_COLUMNS}")

    def _check(self, columns: Sequence[str], number: int) -> None:
        counted = [each for each in columns if each in CODONS or each in _EVENTS.values()]
        twice = sorted(name for name, times in Counter(columns).items() if name and times > 1)
        if twice:
            raise SequenceError(f"{self.source.name}:{number}: the column {twice[0]} stands twice; {_COLUMNS}")
        if {"bases", "count"} <= set(columns):
            self.wide: list[str] = []
        elif counted:
            self.wide = counted
        else:
            raise SequenceError(f"{self.source.name}:{number}: no column holds counts; {_COLUMNS}")
        self.has_events = EVENT_DEPTH in columns and not self.wide
        used = (*_NAMED, *[EVENT_DEPTH] * self.has_events, *self.wide)
        self.ignored = [each for each in columns if each and each not in used]

    def _row(self, row: Mapping[str, str]) -> None:
        """Take one row. Raises ValueError."""
        gene, codon = row.get("gene", "").strip().upper(), _number(row.get("codon", ""), "codon")
        if gene not in self.genes:
            raise ValueError(f"gene: found {gene[:20]!r}; expected one of {', '.join(sorted(self.genes))}")
        if not 1 <= codon <= self.genes[gene].length:
            raise ValueError(f"codon: found {codon}; {gene} has codons 1 to {self.genes[gene].length}")
        sample = shown(row.get("sample", "").strip()) or self.source.stem
        codons = self.samples.setdefault(sample, {})
        if self.wide:
            new = {name: _number(text, name) for name in self.wide if (text := row.get(name, "").strip())}
        else:
            written, count = row.get("bases", "").strip(), _number(row.get("count", ""), "count")
            if written.lower().startswith(EVENT):
                self._event(sample, gene, written[len(EVENT) :], count, _number(row.get(EVENT_DEPTH, ""), EVENT_DEPTH))
                return
            bases = _bases(written)
            if not bases:
                self.unclear[sample] += count
                return
            new = {bases: count}
        counts = codons.setdefault((gene, codon), Counter())
        twice = sorted(counts.keys() & new.keys())
        if twice:
            raise ValueError(f"{gene} codon {codon}: {twice[0]} stands twice; add its counts")
        counts.update(new)

    def _event(self, sample: str, gene: str, change: str, count: int, depth: int) -> None:
        """Take a row that counts an indel. Raises ValueError."""
        mutation, *more = parse(f"{gene}:{change}", self.knowledge.proteins, self.knowledge.known)
        if more or mutation.kind not in EVENTS:
            raise ValueError(f"bases: found {change[:20]!r} as an event; expected an indel such as event:del597_600")
        if not 0 < count <= depth:
            raise ValueError(f"{mutation.name}: found {count} of {depth} fragments; expected 1 to {depth}")
        events = self.events.setdefault(sample, {})
        if mutation in events:
            raise ValueError(f"{mutation.name} stands twice; add its counts")
        events[mutation] = (count, depth)


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _column(text: str) -> str:
    """A column's name: small letters, but bases large."""
    name = text.strip()
    bases = name.upper().replace("U", "T")
    return bases if bases in CODONS else name.lower()


def _number(text: str, what: str) -> int:
    plain = text.strip()
    if not (plain.isascii() and plain.isdecimal() and len(plain) < 13):
        raise ValueError(f"{what}: found {plain[:20]!r}; expected a whole number")
    return int(plain)


def _bases(text: str) -> str:
    """What stands at a codon; empty where a base is unclear. Raises ValueError."""
    plain = text.strip().upper().replace("U", "T")
    if plain in CODONS:
        return plain
    if plain in _EVENTS:
        return _EVENTS[plain]
    if len(plain) == 3 and set(plain) <= BASES_OF.keys():
        return ""
    raise ValueError(f"bases: found {plain[:20]!r}; expected three bases, or del, ins or fs")


def _sequenced(name: str, table: _Table, digest: str, knowledge: Knowledge, copies: int | None) -> Sequenced:
    """What the counts of one sample say."""
    counts = dict(sorted(table.samples[name].items()))
    depths: dict[str, list[int]] = {}
    for (gene, codon), found in counts.items():
        depths.setdefault(gene, [0] * knowledge.genes[gene].length)[codon - 1] = found.total()
    # However deep, what is not interpreted would not have been seen.
    least = float(knowledge.thresholds.laboratory_floor)
    smallest = {gene: [max(least, smallest_share(depth, copies)) for depth in each] for gene, each in depths.items()}
    enough = float(knowledge.thresholds.sanger_floor)
    read = {gene: [codon for codon, share in enumerate(each, 1) if share <= enough] for gene, each in smallest.items()}
    calls = [call for gene in depths for call in _residues(gene, counts, knowledge)]
    calls += [_share(*found).call(mutation) for mutation, found in table.events.get(name, {}).items()]
    if not table.has_events:
        calls += [call for gene in depths for call in _losses(gene, counts, knowledge)]
        most = knowledge.thresholds.laboratory_floor
        lost = {place for place, found in counts.items() if found[DELETED] >= most * found.total()}
        read = {gene: [codon for codon in codons if (gene, codon) not in lost] for gene, codons in read.items()}
    return Sequenced(
        name=name,
        file=table.source.name,
        format="codon counts",
        input_sha256=digest,
        calls=tuple(sorted(calls, key=lambda call: call.mutation.order)),
        coverage=by_gene(read),
        notes=(*table.notes(name), *_insertions(counts, knowledge.thresholds.call_floor)),
        depths=depths,
        detectable=smallest,
        counts={place: {what: n for what, n in sorted(found.items()) if n} for place, found in counts.items()},
    )


class _Share(NamedTuple):
    """A share of the fragments at a codon, its 95 % interval, and how many fragments there are."""

    fraction: Decimal
    low: Decimal
    high: Decimal
    depth: int

    def call(self, mutation: Mutation, *flags: str) -> Call:
        """A change at this share."""
        seen = replace(mutation, fraction=self.fraction, possible=POSSIBLE in flags)
        return Call(seen, self.low, self.high, self.depth, flags)

    def may_equal(self, other: _Share) -> bool:
        """Whether the intervals overlap."""
        return self.low <= other.high and other.low <= self.high


def _share(hits: int, depth: int) -> _Share:
    return _Share(rounded(Decimal(hits) / depth), *jeffreys(hits, depth), depth)


def _called(hits: int, depth: int, floor: Decimal) -> _Share | None:
    """A share that is large enough for a call."""
    return None if hits < HITS or hits < floor * depth else _share(hits, depth)


def _residues(gene: str, counts: Counts, knowledge: Knowledge) -> Iterator[Call]:
    """Other residues than Merlin's and shifts of the frame, codon by codon."""
    namer, t = _namer(gene, knowledge), knowledge.thresholds
    for codon, found in _of(gene, counts):
        hits: Counter[str] = Counter()
        for bases, times in found.items():
            hits[CODONS.get(bases, bases)] += times
        for residue in sorted(hits.keys() - {namer.protein[codon - 1], DELETED, INSERTED}):
            share = _called(hits[residue], found.total(), t.call_floor)
            if share is not None:
                named = namer.frameshift(codon) if residue == SHIFTED else namer.substitution(codon, residue)
                yield replace(share.call(named), interpreted=share.fraction >= t.laboratory_floor)


def _losses(gene: str, counts: Counts, knowledge: Knowledge) -> Iterator[Call]:
    """Codons lost beside each other, at shares that may be the same, as one deletion at the smallest of them.

    A codon is lost too where a shift of the frame, or a deletion that begins within a codon, takes part of it.
    """
    lost: list[tuple[int, _Share]] = []
    for codon, found in _of(gene, counts):
        gone = _called(found[DELETED], found.total(), knowledge.thresholds.call_floor)
        if lost and not (gone and codon == lost[-1][0] + 1 and gone.may_equal(lost[-1][1])):
            yield _deletion(lost, _namer(gene, knowledge))
            lost = []
        if gone:
            lost.append((codon, gone))
    if lost:
        yield _deletion(lost, _namer(gene, knowledge))


def _deletion(lost: Sequence[tuple[int, _Share]], namer: Namer) -> Call:
    share = min(share for _, share in lost)
    call = share.call(namer.deletion(lost[0][0], lost[-1][0]), PHASE_UNKNOWN, POSSIBLE)
    return replace(call, interpreted=False)


def _namer(gene: str, knowledge: Knowledge) -> Namer:
    return Namer(gene, knowledge.proteins[gene], knowledge.known)


def _of(gene: str, counts: Counts) -> list[tuple[int, Counter[str]]]:
    """The codons of one gene."""
    return [(codon, found) for (of, codon), found in counts.items() if of == gene]


def _insertions(counts: Counts, floor: Decimal) -> Iterator[Note]:
    """Insertions, whose residues a table of codons does not tell."""
    for (gene, codon), found in counts.items():
        if _called(found[INSERTED], found.total(), floor):
            text = f"{gene} codon {codon}: {found[INSERTED]} of {found.total()} fragments hold an insertion"
            yield Note("warning", "insertion", f"{text}; its residues are not told, so it is not judged")
