"""Local alleles of VCF 4.5: values of a sample against the few alleles that it shows, turned into values against all.

``LAA`` numbers those ALTs, and ``LAD`` and ``LGT`` speak of REF and of them in that order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .shares import FieldError

LOCAL = {"LAD": "AD", "LGT": "GT"}
"""Fields against local alleles that are used, and those against all alleles that they stand for."""
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_GENOTYPE = re.compile(r"[/|]?(?:\.|[0-9]{1,6})(?:[/|](?:\.|[0-9]{1,6}))*")


def against_all(own: Mapping[str, str], alts: int) -> tuple[Mapping[str, str], frozenset[int] | None]:
    """The values of a sample against all of so many ALTs, and the numbers of those that it speaks of; None: all.

    A value that is given against all stands. Raises :class:`FieldError` where LAA or a value against it cannot be read.
    """
    given = [name for name in LOCAL if own.get(name, "").strip(".,")]
    if not given and not own.get("LAA", "").strip("."):
        return own, None
    if "LAA" not in own:
        raise FieldError(f"{given[0]}: stands without LAA; expected the numbers of its alleles")
    local = _local(own["LAA"], alts)
    made = dict(own)
    for name in given:
        if not own.get(LOCAL[name], "").strip(".,/|"):
            made[LOCAL[name]] = (_depths if name == "LAD" else _genotype)(own[name], local, alts)
    called = {int(each) for each in re.findall("[0-9]{1,6}", made.get("GT", ""))} - {0, *local}
    if called:
        raise FieldError(f"LAA: found {own['LAA'][:20]!r}; it lacks allele {min(called)} of GT")
    return made, frozenset(local)


def _local(text: str, alts: int) -> list[int]:
    """The ALTs of LAA, in its order; a missing value is none."""
    numbers = [] if text in ("", ".") else text.split(",")
    fitting = [int(each) for each in numbers if _NUMBER.fullmatch(each) and int(each) <= alts]
    if len(set(fitting)) < len(numbers):
        raise FieldError(f"LAA: found {text[:20]!r}; expected numbers of ALTs from 1 to {alts}, each once")
    return fitting


def _depths(text: str, local: Sequence[int], alts: int) -> str:
    values = text.split(",")
    if len(values) != len(local) + 1:
        raise FieldError(f"LAD: found {text[:20]!r}; expected {len(local) + 1} counts: of REF and each allele of LAA")
    by_allele = dict(zip((0, *local), values, strict=True))
    return ",".join(by_allele.get(allele, ".") for allele in range(alts + 1))


def _genotype(text: str, local: Sequence[int], _: int) -> str:
    alleles = (0, *local)
    numbers = [int(each) for each in re.findall("[0-9]+", text)] if _GENOTYPE.fullmatch(text) else [len(alleles)]
    if max(numbers, default=0) >= len(alleles):
        raise FieldError(f"LGT: found {text[:20]!r}; expected alleles from 0 to {len(local)}, as LAA numbers them")
    return re.sub("[0-9]+", lambda number: str(alleles[int(number[0])]), text)
