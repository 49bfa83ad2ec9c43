"""Resistance genotypes as the laboratory reported them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, model_validator

from cmvigil.record import units
from cmvigil.record.casefile.shapes import Many, Once, Part, Shorthand, in_order, keyed
from cmvigil.record.casefile.values import Day, Number, Text, refuse
from cmvigil.record.casefile.words import Call, DrugName, OneOf, Specimen
from cmvigil.record.errors import shown
from cmvigil.record.vocabulary import GENES


class Change(Part):
    """An amino-acid change and its share of the population."""

    change: Text
    fraction: Text | None = None

    @model_validator(mode="after")
    def _spelling(self) -> Change:
        if not _CHANGE.fullmatch(self.change):
            refuse(
                shown(self.change),
                "a change such as A594V or del597-603",
                "Write old residue, codon, new residue.",
            )
        return self

    @property
    def share(self) -> Decimal | None:
        """The fraction, 0 to 1."""
        return None if self.fraction is None else share(self.fraction)

    @model_validator(mode="after")
    def _fraction(self) -> Change:
        found = self.share if self.fraction is not None else Decimal(0)
        if found is None or found > 1:
            refuse(
                shown(self.fraction),
                "a fraction such as 0.6 or 60 %",
                "Write a number from 0 to 1, or percent.",
            )
        return self


_CHANGE = re.compile(r"[A-Z]\d{1,4}[A-Z*]\??|[A-Z]?\d{1,4}\S*(?:del|ins|dup|fs|stop)\S*|(?:del|ins)\s?\S*\d{1,4}\S*")


def share(text: str) -> Decimal | None:
    """``0.6`` or ``60 %`` as a fraction; None for anything else."""
    percent = text.rstrip().endswith("%")
    found = units.number(text.rstrip(" %"))
    if found is None or found < 0:
        return None
    return units.tidy(found / 100 if percent else found)


class Span(Part):
    """Codons read, first to last."""

    first: Number
    last: Number

    @model_validator(mode="after")
    def _order(self) -> Span:
        if self.last < self.first:
            refuse(f"{self.first}-{self.last}", "first codon before last", "Swap the two.")
        return self


_SPAN = re.compile(r"(\d{1,4})\s*(?:-|–|to)\s*(\d{1,4})", re.ASCII)


def _span(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        refuse(shown(value), "codons such as 440-645", "Write first and last codon.")
    return {"first": match[1], "last": match[2]}


class Gene(Part):
    """One gene of a genotype. ``changes: []`` with ``covered`` says: read, and nothing found."""

    covered: Many[Annotated[Span, Shorthand(_span, {"type": "string", "description": "440-645"})]] = Field([])
    changes: Many[Annotated[Change, Shorthand(keyed("change"), {"type": "string", "description": "A594V"})]] = Field([])


_GENE = OneOf(
    lambda: GENES, f"a gene that bears on an antiviral: {', '.join(GENES)}", {gene.lower(): gene for gene in GENES}
)


class Genotype(Part):
    """A resistance genotype as the laboratory reported it; ``date`` is the day of the specimen."""

    date: Day
    reported_on: Day | None = None
    specimen: Specimen | None = None
    method: Text | None = None
    genes: Annotated[dict[Annotated[str, _GENE], Gene], Once(_GENE)] = Field({})
    calls: dict[DrugName, Call] = Field({})

    @model_validator(mode="after")
    def _check(self) -> Genotype:
        in_order(self.date, self.reported_on, "reported_on")
        return self


class Pending(Part):
    """A genotype on its way."""

    sent: Day
