"""A laboratory's sequences in a patient's record: the rows of one specimen, and what limits them.

The record takes the changes and the codons that were read; what they mean for a drug is derived at assessment, as for a
genotype that was typed (decision 8). A file that holds no gene of resistance is refused before it comes here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from ..genotype import Mutation, read_knowledge
from ..reasoning.model import Program
from ..record.tables import Coverage, Issue, Observation, Record, Variant
from ..sequencing.batch import Failed, paired, read_all
from ..sequencing.errors import SequenceError
from ..sequencing.sample import Note, Options, Sequenced

_HOW_READ = {"read pairs", "samples"}
"""Codes of remarks that no fault stands behind, and that say whose virus was read: a clinician must see them."""
_LISTED = 12


def read_specimen(paths: Sequence[Path], names: Sequence[str], program: Program) -> list[Sequenced]:
    """The samples of one specimen: of each file the one that it holds, or those that are named.

    A name is that of a sample, or ``FILE:SAMPLE`` where the same name stands in several files. Raises
    :class:`SequenceError` where a file cannot be used, holds several samples and none of them is named, or where a name
    fits no sample, or several.
    """
    found: list[list[Sequenced]] = []
    for outcome in read_all(paired(paths), read_knowledge(program), Options()):
        if isinstance(outcome, Failed):
            raise SequenceError(outcome.problems)
        found.append([sample.read for sample in outcome])
    named = [_named(name, found) for name in names]
    return [sample for samples in found for sample in _chosen(samples, named)]


def specimen_day(record: Record, given: date | None, as_of: date | None = None) -> date:
    """The day of the specimen: as given, else that on which the latest genotype on record was sent.

    Raises :class:`SequenceError` where neither tells it, or where it lies after the day to assess: it would go unseen.
    """
    sent = [
        row.day for row in record.rows["observation"] if isinstance(row, Observation) and row.concept == "genotype_sent"
    ]
    day, last = given or max(sent, default=None), as_of or record.as_of
    if day is None:
        raise SequenceError(
            "--genotype: the day of the specimen is not known; give it with --genotype-day, or say in the case when "
            "the genotype was sent (genotype_pending)"
        )
    if last is not None and day > last:
        raise SequenceError(
            f"--genotype: the specimen is of {day}, after the day to assess, {last}; check the two dates"
        )
    return day


def with_specimen(record: Record, samples: Sequence[Sequenced], day: date) -> Record:
    """The record with the samples of a specimen of that day, known on it; the given one is left as it is."""
    hashes = dict.fromkeys(f"sha256:{sample.input_sha256}" for sample in samples)
    made = replace(
        record,
        rows={table: list(rows) for table, rows in record.rows.items()},
        issues=list(record.issues),
        counts=Counter(record.counts),
        input_hash=" ".join((record.input_hash, *hashes)),
    )
    numbers = count(1)
    for sample in samples:
        source = f"{sample.file}, {sample.name}, sha256:{sample.input_sha256[:12]}"
        base: dict[str, Any] = {
            "patient": record.patient,
            "day": day,
            "known_on": day,
            "source": source,
            "method": sample.format,
        }
        rows = [kind(**base, event=f"genotype-{next(numbers):05d}", **fields) for kind, fields in _rows(sample)]
        made.extend(rows)
        made.issues += _issues(sample, source, day, used=bool(rows))
        made.counts["read.genotype"] += len(rows)
    for table in ("variant", "coverage"):
        made.counts[f"rows.{table}"] = len(made.rows[table])
    return made


def _named(name: str, found: Sequence[Sequence[Sequenced]]) -> Sequenced:
    """The one sample of all files that a name means."""
    every = [sample for samples in found for sample in samples]
    fitting = [sample for sample in every if name in (sample.name, _whole(sample))]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        there = _listed(map(_whole, every))
        raise SequenceError(f"--genotype-sample: no file holds a sample {name}; there are {there}")
    which = _listed(map(_whole, fitting))
    raise SequenceError(f"--genotype-sample: {name} fits {len(fitting)} samples; name one as FILE:SAMPLE: {which}")


def _whole(sample: Sequenced) -> str:
    return f"{sample.file}:{sample.name}"


def _listed(names: Iterable[str]) -> str:
    """Names for a message: a VCF may hold thousands."""
    every = list(names)
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return ", ".join(every[:_LISTED]) + more


def _chosen(samples: Sequence[Sequenced], named: Sequence[Sequenced]) -> list[Sequenced]:
    """The samples of one file that belong to the specimen. A file of one sample needs no name."""
    if len(samples) == 1:
        return list(samples)
    there = _listed(sample.name for sample in samples)
    chosen = [sample for sample in samples if any(sample is each for each in named)]
    if not chosen:
        raise SequenceError(
            f"{samples[0].file}: holds {len(samples)} samples; name the patient's with --genotype-sample: {there}"
        )
    text = f"{samples[0].file} holds {len(samples)} samples ({there}); taken as the patient's: "
    note = Note("note", "samples", text + ", ".join(sample.name for sample in chosen))
    return [replace(sample, notes=(*sample.notes, note)) for sample in chosen]


def _rows(sample: Sequenced) -> Iterator[tuple[type[Variant | Coverage], dict[str, Any]]]:
    """What the rows of a sample hold, gene by gene: codons read, then changes."""
    changes = [call.mutation for call in sample.calls if call.interpreted]
    coverage = sample.coverage if sample.stated else {}
    for gene in sorted({*coverage, *(each.gene for each in changes)}):
        for first, last in coverage.get(gene, ((None, None),)):
            yield Coverage, {"gene": gene, "first": _number(first), "last": _number(last)}
        for each in changes:
            if each.gene == gene:
                yield Variant, {"gene": gene, "change": _typed(each), "fraction": each.fraction}


def _number(codon: int | None) -> Decimal | None:
    return None if codon is None else Decimal(codon)


def _typed(mutation: Mutation) -> str:
    """The change as it is typed: a mixture as ``A594AV``, one that is only possible with ``?`` behind it."""
    return str(replace(mutation, fraction=None)).partition(":")[2]


def _issues(sample: Sequenced, source: str, day: date, used: bool) -> Iterator[Issue]:
    """What limits a sample, remarks of one kind together. A severe one leaves the verdicts of its gene open."""
    remarks: dict[tuple[str, str], list[str]] = {}
    for note in sample.notes:
        if note.level != "note" or note.code in _HOW_READ:
            remarks.setdefault((note.level, note.code), []).append(note.text)
    for call in sample.calls:
        flags = call.flags if call.interpreted else (*call.flags, "not used: its file does not let it pass")
        if flags:
            remarks.setdefault(("warning", "changes"), []).append(f"{call.mutation.name}: {', '.join(flags)}")
    for (level, _), texts in remarks.items():
        severe = level == "severe"
        remedy = "Ask the laboratory to repeat it." if severe else ""
        yield Issue("unusable" if severe else "note", source, "; ".join(texts), "", remedy, day)
    if not used:
        yield Issue("rejected", source, "neither a change nor codons that were read", "one of them", "", day)
