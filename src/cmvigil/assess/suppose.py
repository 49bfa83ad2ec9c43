"""What if: a record with some entries added or changed, as they would have been entered on a day.

Entries are read by the case file's own rules, so what may be supposed is what may be typed. What is supposed takes the
place of what the same day says of the same thing; the record itself is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import orjson

from ..record.casefile_rows import case_record
from ..record.document import read_document
from ..record.errors import IntakeError, Problem
from ..record.tables import Exposure, Person, Record, Row
from .asking import Kind

PLACE = "what if"
"""What the source of a supposed row begins with."""


_GENE = re.compile(r"(?i)\b(UL\d{2})\s*[:\s]\s*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing supposed. ``value`` as it would be typed; a finding or a disease takes yes or no.

    ``more`` holds what belongs to it by the names of the case file: the unit of a quantity; specimen, assay and unit of
    a load; dose, every and route of a drug; age and sex of a person.
    """

    kind: Kind
    concept: str = ""
    value: str = ""
    more: dict[str, str] = field(default_factory=dict)


def supposing(record: Record, entries: Sequence[Entry], stopped: Collection[str], day: date) -> Record:
    """The record with ``entries`` made on ``day``, and with the drugs ``stopped`` no longer running on it.

    Raises IntakeError naming each entry that cannot be read or used.
    """
    text = orjson.dumps(case_of(entries, day)).decode()
    supposed = case_record(read_document(text), PLACE)
    lost = [issue for issue in supposed.issues if issue.level in ("rejected", "unmapped", "unusable")]
    if lost:  # what is supposed but cannot be used would look as if it changed nothing
        raise IntakeError([Problem(i.found, i.expected, i.remedy, i.place) for i in lost])
    rows: dict[str, list[Any]] = {}
    for table, found in record.rows.items():
        new = [_ours(row, record, day) for row in supposed.rows[table]]
        kept = [row for row in found if not any(_same(row, each) for each in new)]
        rows[table] = [_ended(row, stopped, day) for row in kept if not _began(row, stopped, day)] + new
    return replace(record, rows=rows)


def case_of(entries: Sequence[Entry], day: date) -> dict[str, Any]:
    """The entries as a case file of that day."""
    on = {"date": day.isoformat()}
    case: dict[str, Any] = {"as_of": day.isoformat()}
    for each in entries:
        if each.kind == "quantity":
            case.setdefault("labs", {}).setdefault(each.concept, []).append({"value": each.value, **each.more, **on})
        elif each.kind == "finding":
            case.setdefault("findings", {})[each.concept] = {"present": each.value, **on}
        elif each.kind == "word":
            case.setdefault("words", {})[each.concept] = {"value": each.value, **on}
        elif each.kind == "load":
            case.setdefault("viral_loads", []).append({"value": each.value, **each.more, **on})
        elif each.kind == "tissue":
            pcr = {"value": each.value, **{k: v for k, v in each.more.items() if k == "unit"}}
            case.setdefault("tissue", []).append({"pcr": pcr, "site": each.more.get("site", "colon"), **on})
        elif each.kind == "genotype":
            case.setdefault("genotype", []).append({"genes": _genes(each), **on})
        elif each.kind == "drug":
            case.setdefault("drugs", []).append({"drug": each.value, **each.more, "start": day.isoformat()})
        elif each.kind == "list":
            case.setdefault("complete", []).append({"list": each.concept, **on})
        elif each.kind == "person":
            case.setdefault("person", {}).update(each.more)
        else:
            _disease(case, each, day)
    return case


def _disease(case: dict[str, Any], entry: Entry, day: date) -> None:
    host = case.setdefault("host", {})
    if entry.value == "no":
        host.setdefault("not", []).append(entry.concept)
    else:
        host.setdefault("other", []).append({"condition": entry.concept, "since": day.isoformat()})


def _genes(entry: Entry) -> dict[str, Any]:
    """``UL97:A594V P521L, UL54 P522S`` by gene; ``more`` says which codons of which gene were read."""
    genes: dict[str, Any] = {}
    gene = ""
    for word in re.split(r"[\s,;]+", _GENE.sub(r"\1:", entry.value).strip()):
        named, colon, change = word.partition(":")
        gene, change = (named.upper(), change) if colon else (gene, word)
        genes.setdefault(gene, {}).setdefault("changes", []).append(change.replace("_", "-"))
    for gene, covered in entry.more.items():
        genes.setdefault(gene, {})["covered"] = covered.split()
    return genes


def _ours(row: Row, record: Record, day: date) -> Row:
    """A supposed row as one of this record, marked as supposed. A person described by age is so on that day."""
    marked = replace(row, patient=record.patient, event=f"~{row.event}", source=f"{PLACE}: {row.source}", day=day)
    known = record.rows["person"]
    if isinstance(marked, Person) and known:
        last: Any = known[-1]
        age = {"birth_date": None} if marked.age is not None else {"age": last.age, "birth_date": last.birth_date}
        return replace(marked, sex=marked.sex or last.sex, **age)
    return marked


def _same(row: Row, supposed: Row) -> bool:
    """Whether a row says something of the day and the thing that is supposed otherwise."""
    if type(row) is not type(supposed) or isinstance(row, Exposure):
        return False
    if isinstance(row, Person):
        return True
    return row.day == supposed.day and _about(row) is not None and _about(row) == _about(supposed)


def _about(row: Row) -> tuple[str, str | None] | None:
    """What a row speaks of: a concept; of a statement that a list is complete also which list."""
    concept = getattr(row, "concept", None)
    if concept is None:
        return None
    return concept, getattr(row, "text", None) if concept == "complete" else None


def _ended(row: Row, stopped: Collection[str], day: date) -> Row:
    """A running drug that is supposed to be stopped had its last day the day before."""
    if isinstance(row, Exposure) and row.concept in stopped and (row.end is None or row.end >= day):
        return replace(row, end=day - timedelta(days=1))
    return row


def _began(row: Row, stopped: Collection[str], day: date) -> bool:
    """Whether it is a drug begun on the day on which it is supposed to be stopped: it was never given."""
    return isinstance(row, Exposure) and row.concept in stopped and row.day >= day
