"""Sequenced samples as tables: verdicts and changes for a spreadsheet (CSV), codon counts for programs (TSV).

The CSV is RFC 4180 in UTF-8 with a byte-order mark, by which a spreadsheet knows the encoding; no cell is one that it
would run as a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from unicodedata import category

from ..genotype import DrugVerdict, Knowledge, VariantReading, words
from ..genotype.hgvs import hgvs
from ..sequencing.batch import Failed
from ..sequencing.quality import unseen
from ..sequencing.reference import CODONS
from ..sequencing.sample import Call, Sample, Sequenced
from ..sequencing.tables import EVENT, EVENT_DEPTH, EVENTS
from .genotype_about import knowledge_lines
from .genotype_vcf import distinct
from .genotype_words import KIND

_FORMULA = ("=", "+", "-", "@")
_VERDICT_HEADS = (
    *("sample", "file", "drug", "verdict", "level", "fold", "fold low", "fold high", "grade", "rests on"),
    *("minority", "estimated", "conflict", "reasons", "doubtful because", "knowledge", "input SHA-256"),
)
_CHANGE_HEADS = (
    *("sample", "file", "gene", "change", "HGVS", "share", "share low", "share high", "depth", "kind", "decides"),
    *("remarks", "comments", "input SHA-256"),
)
_CODON_HEADS = ("sample", "gene", "codon", "bases", "count", "residue", EVENT_DEPTH, "input_sha256")


def render_verdicts(samples: Sequence[Sample], failed: Sequence[Failed], knowledge: Knowledge) -> bytes:
    """A row for each sample and drug; then a row for each file that could not be used."""
    used = "; ".join(knowledge_lines(knowledge)).removeprefix("knowledge ")
    rows = [_verdict(sample, drug, knowledge, used) for sample in samples for drug in sample.interpretation.drugs]
    rows += [
        ["", each.file, "", "Could not be used", *[""] * 9, "; ".join(each.problems), "", used, ""] for each in failed
    ]
    return _csv(_VERDICT_HEADS, rows)


def render_changes(samples: Sequence[Sample], knowledge: Knowledge) -> bytes:
    """A row for each sample and change, with its verdict and fold for each drug of its gene."""
    drugs = list(knowledge.drugs)
    heads = [*_CHANGE_HEADS, *(f"{drug}{what}" for drug in drugs for what in ("", " fold"))]
    return _csv(heads, (row for sample in samples for row in _changes(sample, drugs, knowledge)))


def render_codons(samples: Sequence[Sample]) -> bytes:
    """Tab-separated: how many fragments show which three bases (or ``del``, ``ins``, ``fs``) at each codon.

    Below the codons of a sample stand its indels, each as one event with the fragments that carry and that cover it.
    """
    names = distinct(_plain(sample.read.name) for sample in samples)
    rows = (
        (name, *row, sample.read.input_sha256)
        for name, sample in zip(names, samples, strict=True)
        for row in (*_codons(sample.read), *_events(sample.read))
    )
    return "".join("\t".join(map(_plain, row)) + "\n" for row in (_CODON_HEADS, *rows)).encode()


def _verdict(sample: Sample, each: DrugVerdict, knowledge: Knowledge, used: str) -> list[str]:
    read = sample.read
    hidden = unseen(each.drug, read, knowledge) if each.verdict == "susceptible" else ""
    doubts = [note.text for note in read.notes if note.level == "severe"]
    return [
        read.name,
        read.file,
        ", ".join(each.drugs),
        words(each.verdict, each.level),
        each.level,
        *map(_number, (each.fold_median, each.fold_low, each.fold_high)),
        each.grade,
        "; ".join(each.drivers),
        *map(_yes, (each.minority, each.estimated, each.conflict)),
        "; ".join([*each.reasons, *([hidden] if hidden else ())]),
        "; ".join(doubts),
        used,
        read.input_sha256,
    ]


def _changes(sample: Sample, drugs: Sequence[str], knowledge: Knowledge) -> Iterator[list[str]]:
    readings = {each.mutation.key: each for each in sample.interpretation.variants}
    for call in sorted(sample.read.calls, key=lambda each: each.mutation.order):
        reading = readings.get(call.mutation.key) if call.interpreted else None
        about = [sample.read.name, sample.read.file, *_change(call, reading, knowledge), sample.read.input_sha256]
        yield [*about, *_by_drug(reading, drugs)]


def _change(call: Call, reading: VariantReading | None, knowledge: Knowledge) -> list[str]:
    mutation = call.mutation
    return [
        mutation.gene,
        mutation.change,
        hgvs(mutation, knowledge),
        *map(_number, (mutation.fraction, call.low, call.high)),
        "" if call.depth is None else str(call.depth),
        KIND[reading.kind] if reading else "not interpreted",
        _yes(reading is not None and reading.used),
        "; ".join([*call.flags, *(reading.flags if reading else ())]),
        "; ".join(reading.comments if reading else ()),
    ]


def _by_drug(reading: VariantReading | None, drugs: Sequence[str]) -> Iterator[str]:
    for drug in drugs:
        found = reading.reading(drug) if reading else None
        yield words(found.verdict, found.level) if found and found.verdict else ""
        yield _number(found.fold.median) if found and found.fold else ""


def _codons(read: Sequenced) -> Iterator[tuple[str, ...]]:
    for (gene, codon), counts in sorted(read.counts.items()):
        for bases, count in sorted(counts.items()):
            yield gene, str(codon), bases, str(count), CODONS.get(bases, ""), ""


def _events(read: Sequenced) -> Iterator[tuple[str, ...]]:
    """Indels that enter the verdicts, where codons were counted."""
    for call in sorted(read.calls, key=lambda each: each.mutation.order):
        mutation, share, depth = call.mutation, call.mutation.fraction, call.depth
        if mutation.kind in EVENTS and call.interpreted and share is not None and depth is not None and read.counts:
            name = mutation.change
            yield mutation.gene, str(mutation.first), EVENT + name, str(round(share * depth)), name, str(depth)


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _safe(cell: str) -> str:
    """An apostrophe before what would start a formula."""
    text = _plain(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(cell: str) -> str:
    """One line of text without tabs and without signs that steer and do not show."""
    return " ".join("".join(sign for sign in cell if sign.isspace() or not category(sign).startswith("C")).split())


def _number(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
