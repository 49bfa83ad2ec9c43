"""What a code means here: the shipped codes, our own code system, and a site's mapping of its local codes.

Look-up is exact. The shipped table holds only codes that were verified; a site's CSV adds to it and goes
first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType

from cmvigil.record import units
from cmvigil.record.errors import IntakeError, Problem, did_you_mean
from cmvigil.record.vocabulary import Vocabulary, vocabulary

OWN = "urn:cmvigil:concept"
FILE = Path(__file__).parent.parent / "knowledge" / "codes.csv"
GENOMIC = (
    "variant",
    "implication",
    "gene",
    "protein_change",
    "fraction",
    "medication",
    "coverage",
    "first",
    "last",
)
SITE_COLUMNS = ("system", "code", "concept", "unit", "specimen", "assay", "lloq", "iu_factor")


@dataclass(frozen=True, slots=True)
class Target:
    """What a code stands for.

    ``kind`` is the event table, or ``susceptibility``, ``genomics``, ``call``. ``value`` is a word the code
    itself
    states (``positive``; ``no``: stated absent). ``unit``, ``specimen`` and ``assay`` are what the code
    says of its
    results. A site may give an ``lloq`` (in ``unit``) and an ``iu_factor`` (IU per copy of that assay).
    """

    concept: str
    kind: str
    value: str | None = None
    unit: str | None = None
    specimen: str | None = None
    assay: str | None = None
    lloq: Decimal | None = None
    iu_factor: Decimal | None = None
    site: bool = False


Codes = Mapping[tuple[str, str], tuple[Target, ...]]


@cache
def shipped() -> Codes:
    """The codes that come with the package, and our own code system for every concept."""
    known = vocabulary()
    table: dict[tuple[str, str], tuple[Target, ...]] = {}
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            target = _target(
                row["concept"],
                known,
                value=row["value"] or None,
                unit=row["unit"] or None,
                specimen=row["specimen"] or None,
            )
            key = (row["system"], row["code"])
            table[key] = (*table.get(key, ()), target)
    own = [*known.quantities, *known.signs, *known.drugs, *known.conditions, *known.procedures]
    special = [f"genomics:{name}" for name in GENOMIC] + [f"call:{call}" for call in known.calls]
    for concept in (*own, *special, *(f"susceptibility:{drug}" for drug in known.drugs)):
        table[OWN, concept] = (_target(concept, known),)
    return MappingProxyType(table)


def with_site(mapping: Path | None) -> Codes:
    """The shipped codes with a site's CSV laid over them. Raises IntakeError with every problem of the
    CSV."""
    return shipped() if mapping is None else MappingProxyType({**shipped(), **read_mapping(mapping)})


def read_mapping(path: Path) -> dict[tuple[str, str], tuple[Target, ...]]:
    """A site's mapping. Lines beginning with # are remarks. Raises IntakeError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError):
        raise IntakeError(
            [Problem("no readable text", "a CSV file in UTF-8", "Check the path.", file=str(path))]
        ) from None
    kept = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    reader = csv.reader(io.StringIO("\n".join(line for _, line in kept)))
    header = [name.strip() for name in next(reader, [])]
    problems = [
        Problem(f"the column '{name}'", f"columns {', '.join(SITE_COLUMNS)}", "", line=kept[0][0], file=str(path))
        for name in header
        if name not in SITE_COLUMNS
    ]
    if not {"system", "code", "concept"} <= set(header):
        columns = ", ".join(header) or "nothing"
        problems.append(Problem(columns, "at least the columns system, code, concept", "", file=str(path)))
    if problems:
        raise IntakeError(problems)
    table: dict[tuple[str, str], tuple[Target, ...]] = {}
    for (number, _), cells in zip(kept[1:], reader, strict=False):
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        wrong, target = _site_target(row)
        if len(cells) != len(header):
            wrong.append((f"{len(cells)} cells", f"{len(header)} cells", "Quote cells that hold commas."))
        problems += [Problem(*each, line=number, file=str(path)) for each in wrong]
        if not wrong and target is not None:
            key = (row["system"], row["code"])
            table[key] = (*table.get(key, ()), target)
    if problems:
        raise IntakeError(problems)
    return table


def _target(
    concept: str,
    known: Vocabulary,
    *,
    value: str | None = None,
    unit: str | None = None,
    specimen: str | None = None,
) -> Target:
    family, _, member = concept.partition(":")
    if member:
        return Target(member, family, value)
    return Target(concept, known.kind(concept) or "", value, unit, specimen)


def _site_target(row: dict[str, str]) -> tuple[list[tuple[str, str, str]], Target | None]:
    known = vocabulary()
    wrong: list[tuple[str, str, str]] = []
    concept = row.get("concept", "")
    family, _, member = concept.partition(":")
    kind = family if concept in _special(known) else known.kind(concept)
    if kind is None:
        names = [*known.quantities, *known.signs, *known.drugs, *known.conditions, *known.procedures]
        wrong.append((f"the concept '{concept}'", "a concept of the vocabulary", did_you_mean(concept, names)))
    if not row.get("system") or not row.get("code"):
        wrong.append(("a row without system or code", "both", "Fill the two cells."))
    numbers: dict[str, Decimal | None] = {}
    for column in ("lloq", "iu_factor"):
        text = row.get(column, "")
        numbers[column] = units.number(text) if text else None
        if text and (numbers[column] is None or (numbers[column] or 0) <= 0):
            wrong.append((f"{column} '{text}'", "a number above 0", "Write a decimal point."))
    quantity = known.quantities.get(concept)
    unit = row.get("unit") or None
    if unit and quantity is not None and unit not in quantity.accepts:
        wrong.append((f"the unit '{unit}'", f"a unit of {concept}", did_you_mean(unit, quantity.accepts)))
    specimen = row.get("specimen") or None
    if specimen and specimen not in known.specimens:
        wrong.append((f"the specimen '{specimen}'", "a known specimen", did_you_mean(specimen, known.specimens)))
    if wrong:
        return wrong, None
    return [], Target(
        member or concept,
        kind or "",
        None,
        unit,
        specimen,
        row.get("assay") or None,
        numbers["lloq"],
        numbers["iu_factor"],
        site=True,
    )


def _special(known: Vocabulary) -> set[str]:
    return {f"susceptibility:{drug}" for drug in known.drugs} | {f"call:{call}" for call in known.calls}
