"""Typed changes: ``UL97:A594V``, ``UL54:del981-982``, ``UL97:A594AV@12%``, ``UL97:A594V?``, and their faults.

A change is named against the proteins of the strain Merlin. Everything wrong in a list is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal

Kind = Literal["substitution", "stop", "deletion", "insertion", "frameshift"]
EXPECTED = "a change such as UL97:A594V, UL97:p.Ala594Val, UL54:del981-982, UL54:ins884S or UL97:A594AV@12%"
POSSIBLE = "?"
"""What stands behind a typed change that is only possible."""
_ONE = "ACDEFGHIKLMNPQRSTVWY"
_THREE = dict(
    zip(
        "Ala Cys Asp Glu Phe Gly His Ile Lys Leu Met Asn Pro Gln Arg Ser Thr Val Trp Tyr".upper().split(),
        _ONE,
        strict=True,
    )
)
_CODES = "|".join(_THREE)
_W = f"(?:{_CODES}|[{_ONE}])"
_WRITTEN = re.compile("|".join(code.capitalize() for code in (*_THREE, "TER")))
_LONGEST = 120  # characters of one entry; longer ones are cut in messages and refused
_GENE = re.compile(r"P?(UL)[ -]*(\d{1,3})(?!\d)[\s:;,._-]*(.*)", re.ASCII | re.DOTALL)
_BARE_GENE = re.compile(r"p?UL[ -]*\d{1,3}\s*:?", re.ASCII | re.IGNORECASE)
_FRACTION = re.compile(r"[@=]\s*(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})\s*(%?)$", re.ASCII)


class MutationError(ValueError):
    """Changes or codons that cannot be used. ``problems``: a line for each with input, fault and remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of a protein against Merlin.

    ``first`` to ``last`` are the codons it touches; an insertion stands after ``first``. ``wild`` holds Merlin's
    residue at ``first``, ``residue`` what stands there instead (empty for a deletion). ``mixed``: seen beside other
    residues, as Sanger shows it. ``fraction`` of the population, over 0 to 1; None where it was not stated.
    ``possible``: what was read allows it and does not prove it.
    """

    gene: str
    kind: Kind
    first: int
    last: int
    wild: str
    residue: str
    mixed: bool = False
    fraction: Decimal | None = None
    possible: bool = False

    @property
    def change(self) -> str:
        """The name without gene and fraction, as the measurements hold it: ``A594V``, ``del595_603``, ``ins884T``."""
        if self.kind == "deletion":
            return f"del{self.first}" if self.first == self.last else f"del{self.first}_{self.last}"
        if self.kind == "insertion":
            return f"ins{self.first}{self.residue}"
        if self.kind == "frameshift":
            return f"{self.wild}{self.first}fs"
        return f"{self.wild}{self.first}{self.residue}"

    @property
    def key(self) -> tuple[str, str]:
        """Gene and change: what the measurements are looked up by."""
        return (self.gene, self.change)

    @property
    def name(self) -> str:
        """``UL97 A594V``: for people, without the fraction."""
        return f"{self.gene} {self.change}"

    @property
    def order(self) -> tuple[str, int, int, str]:
        """Where it stands in a list: by gene, codon and name."""
        return (self.gene, self.first, self.last, self.change)

    def codons(self) -> range:
        """The codons it touches; for an insertion the two beside it."""
        return range(self.first, self.last + (2 if self.kind == "insertion" else 1))

    def __str__(self) -> str:
        """As it can be typed again."""
        wild = self.wild if self.mixed and self.kind in ("substitution", "stop") else ""
        change = self.change if not wild else f"{self.wild}{self.first}{wild}{self.residue}"
        doubt = POSSIBLE if self.possible else ""
        return f"{self.gene}:{change}{doubt}" + ("" if self.fraction is None else f"@{percent(self.fraction)}")


def percent(fraction: Decimal) -> str:
    """A fraction as people read it: ``12%``."""
    return f"{(fraction * 100).normalize():f}%"


def parse(text: str, proteins: Mapping[str, str], known: Iterable[tuple[str, str]] = ()) -> tuple[Mutation, ...]:
    """One typed entry; a mixture of several new residues makes one change for each; ``?`` behind it: only possible.

    ``proteins`` are Merlin's, by gene; ``known`` (gene, change) pairs serve for hints. Raises :class:`MutationError`.
    """
    shown = _shown(text)
    if len(text) > _LONGEST:
        raise MutationError([f"{shown}: {len(text)} characters; expected {EXPECTED}"])
    rest, fraction = _fraction(text.strip(), shown)
    sure = rest.removesuffix(POSSIBLE)
    plain = _WRITTEN.sub(lambda code: _THREE.get(code[0].upper(), "*"), sure).upper()
    gene, change = _gene(plain, shown, proteins, known)
    found = _Change(shown, gene, proteins[gene], known).read(change)
    return tuple(replace(each, fraction=fraction, possible=sure != rest) for each in found)


def parse_list(
    texts: Iterable[str], proteins: Mapping[str, str], known: Iterable[tuple[str, str]] = ()
) -> tuple[Mutation, ...]:
    """A typed list, sorted, each change once. Entries may be parted by commas; a gene may stand before its change.

    A change typed twice keeps the larger fraction (none stated counts as all). Raises :class:`MutationError` with every
    problem of the list.
    """
    known = tuple(known)
    found: list[Mutation] = []
    problems: list[str] = []
    for entry in _entries(texts):
        try:
            found += parse(entry, proteins, known)
        except MutationError as error:
            problems.extend(error.problems)
    if problems:
        raise MutationError(dict.fromkeys(problems))
    return merged(found)


def merged(mutations: Iterable[Mutation]) -> tuple[Mutation, ...]:
    """Each change once, sorted; one that is proven stands before one that is only possible.

    Of two that differ in their fraction the larger stands, none stated counts as all.
    """
    made: dict[tuple[str, str], Mutation] = {}
    for each in mutations:
        made[each.key] = _larger(each, made.get(each.key))
    return tuple(sorted(made.values(), key=lambda each: each.order))


def codons_named(change: str) -> tuple[int, int]:
    """First and last codon of a change as the measurements write it (``del595_603``: 595, 603)."""
    numbers = [int(each) for each in re.findall(r"\d+", change)]
    return numbers[0], numbers[-1]


def _entries(texts: Iterable[str]) -> list[str]:
    """Typed words as entries: parted at commas, a gene alone joined to what follows."""
    parts = [part.strip() for text in texts for part in re.split(r"[,;\n]", text) if part.strip()]
    entries: list[str] = []
    for part in parts:
        if entries and _BARE_GENE.fullmatch(entries[-1]) and not _GENE.match(part.upper()):
            entries[-1] = f"{entries[-1].rstrip(':')}:{part}"
        else:
            entries.append(part)
    return entries


def _larger(new: Mutation, old: Mutation | None) -> Mutation:
    if old is None:
        return new
    if new.possible != old.possible:
        return min(new, old, key=lambda each: each.possible)
    fractions = (new.fraction, old.fraction)
    fraction = None if None in fractions else max(f for f in fractions if f is not None)
    return replace(new, mixed=new.mixed and old.mixed, fraction=fraction)


def _shown(text: str, limit: int = 40) -> str:
    words = " ".join("".join(c if c.isprintable() else "?" for c in text[: 4 * limit]).split())
    return f"'{words[:limit]}...'" if len(words) > limit else f"'{words}'"


def _fraction(text: str, shown: str) -> tuple[str, Decimal | None]:
    match = _FRACTION.search(text)
    if match is None:
        if "@" in text:
            raise MutationError([f"{shown}: after @ expected a fraction of the population such as 12% or 0.12"])
        return text, None
    number, percent = Decimal(match[1]), bool(match[2])
    if not percent and number == 1 and "." not in match[1]:
        raise MutationError([f"{shown}: a fraction of 1 may be 1% or all; write 1% or 100%"])
    fraction = number / 100 if percent else number
    if not 0 < fraction <= 1:
        raise MutationError([f"{shown}: a fraction lies above 0 and at most at 1 (100%); write 12% or 0.12"])
    return text[: match.start()].rstrip(), fraction


def _gene(text: str, shown: str, proteins: Mapping[str, str], known: Iterable[tuple[str, str]]) -> tuple[str, str]:
    match = _GENE.fullmatch(text)
    if match is None:
        fits = sorted({f"{gene}:{change}" for gene, change in known if change.upper() == text.removeprefix("P.")})
        hint = f"; did you mean {' or '.join(fits)}?" if fits else ""
        raise MutationError([f"{shown}: names no gene; expected {EXPECTED}{hint}"])
    gene = match[1] + match[2]
    if gene not in proteins:
        near = get_close_matches(gene, proteins, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MutationError(
            [f"{shown}: {gene} is no gene of resistance; there are {', '.join(sorted(proteins))}{hint}"]
        )
    return gene, match[3]


_PATTERNS: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (name, re.compile(pattern, re.ASCII))
    for name, pattern in (
        ("shift", rf"(?P<w>{_W}?)(?P<a>\d{{1,5}})(?:{_W})?FS[A-Z0-9*]*"),
        ("shift", r"FS(?P<a>\d{1,5})"),
        ("both", r".*DELINS.*"),
        ("delete", rf"DEL(?P<w>{_W}?)(?P<a>\d{{1,5}})(?:[-_–](?P<v>{_W}?)(?P<b>\d{{1,5}}))?"),
        ("delete", rf"(?P<w>{_W}?)(?P<a>\d{{1,5}})(?:[-_–](?P<v>{_W}?)(?P<b>\d{{1,5}}))?DEL[A-Z]*"),
        ("insert", rf"INS(?P<a>\d{{1,5}})(?P<r>[{_ONE}]+)"),
        ("insert", rf"(?P<w>[{_ONE}]?)(?P<a>\d{{1,5}})[-_–](?P<v>[{_ONE}]?)(?P<b>\d{{1,5}})INS(?P<r>[{_ONE}]+)"),
        ("insert", rf"(?P<w>{_CODES})(?P<a>\d{{1,5}})[-_–](?P<v>{_CODES})(?P<b>\d{{1,5}})INS(?P<r>(?:{_CODES})+)"),
        ("same", rf"{_W}\d{{1,5}}="),
        ("replace", rf"(?P<w>{_W})(?P<a>\d{{1,5}})(?P<r>\*|TER|STOP)"),
        ("replace", rf"(?P<w>{_CODES})(?P<a>\d{{1,5}})(?P<r>(?:{_CODES})(?:/?(?:{_CODES}|TER|\*))*)"),
        ("replace", rf"(?P<w>[{_ONE}])(?P<a>\d{{1,5}})(?P<r>[{_ONE}*](?:/?[{_ONE}*]){{0,5}})"),
        ("replace", rf"(?P<a>\d{{1,5}})(?P<r>[{_ONE}](?:/[{_ONE}*]){{1,5}})"),
    )
)


class _Change:
    """Reads what stands behind the gene."""

    def __init__(self, shown: str, gene: str, protein: str, known: Iterable[tuple[str, str]]) -> None:
        self.shown = shown
        self.gene = gene
        self.protein = protein
        self.known = sorted(change for other, change in known if other == gene)

    def read(self, text: str) -> tuple[Mutation, ...]:
        plain = re.sub(r"[\s()\[\]]", "", text).removeprefix("P.")
        for name, pattern in _PATTERNS:
            match = pattern.fullmatch(plain)
            if match is not None:
                read: Callable[[dict[str, str]], tuple[Mutation, ...]] = getattr(self, f"_{name}")
                return read({key: value or "" for key, value in match.groupdict().items()})
        near = get_close_matches(plain, self.known, n=1, cutoff=0.6)
        raise self.error(f"not readable; expected {EXPECTED}", near)

    def error(self, what: str, near: Sequence[str] = ()) -> MutationError:
        hint = f"; did you mean {self.gene}:{near[0]}?" if near else ""
        return MutationError([f"{self.shown}: {what}{hint}"])

    def codon(self, digits: str) -> int:
        codon = int(digits)
        if not 1 <= codon <= len(self.protein):
            raise self.error(f"{self.gene} has codons 1 to {len(self.protein)}; found {codon}")
        return codon

    def wild(self, given: str, codon: int, typed: str = "", new: str = "") -> str:
        """Merlin's residue; what was typed must agree with it."""
        wild, merlin = _THREE.get(given, given), self.protein[codon - 1]
        if wild in ("", merlin):
            return merlin
        if new == merlin:
            raise self.error(
                f"{merlin} is what Merlin has at codon {codon} of {self.gene}; the change is named against another "
                f"strain. Leave it out, or type what differs from Merlin"
            )
        here = f"{merlin}{codon}{new}"
        near = [here] if here in self.known else get_close_matches(typed, self.known, n=1, cutoff=0.7)
        raise self.error(f"codon {codon} of {self.gene} is {merlin} in Merlin, not {wild}; check gene and codon", near)

    def _replace(self, found: dict[str, str]) -> tuple[Mutation, ...]:
        codon, given = self.codon(found["a"]), found.get("w", "")
        residues = "*" if found["r"] in ("TER", "STOP") else _letters(found["r"], three=len(given) == 3)
        wild = self.wild(given, codon, f"{_THREE.get(given, given)}{codon}{residues}", residues)
        new = sorted(set(residues) - {wild})
        if not new:
            raise self.error(f"{wild} is what Merlin has at codon {codon} of {self.gene}: no change")
        mixed = len(set(residues)) > 1
        return tuple(
            Mutation(self.gene, "stop" if each == "*" else "substitution", codon, codon, wild, each, mixed)
            for each in new
        )

    def _shift(self, found: dict[str, str]) -> tuple[Mutation, ...]:
        codon = self.codon(found["a"])
        return (Mutation(self.gene, "frameshift", codon, codon, self.wild(found.get("w", ""), codon), "fs"),)

    def _delete(self, found: dict[str, str]) -> tuple[Mutation, ...]:
        first = self.codon(found["a"])
        last = self.codon(found["b"]) if found["b"] else first
        if last < first:
            raise self.error(f"the deletion ends before it begins; type del{last}_{first}")
        self.wild(found["v"], last)
        return (Mutation(self.gene, "deletion", first, last, self.wild(found["w"], first), ""),)

    def _insert(self, found: dict[str, str]) -> tuple[Mutation, ...]:
        first = self.codon(found["a"])
        if found.get("b"):
            after = self.codon(found["b"])
            if after != first + 1:
                raise self.error(f"an insertion stands between neighbours; expected {first}_{first + 1}ins")
            self.wild(found["v"], after)
        residues = _letters(found["r"], three=len(found.get("w", "")) == 3)
        return (Mutation(self.gene, "insertion", first, first, self.wild(found.get("w", ""), first), residues),)

    def _same(self, _: dict[str, str]) -> tuple[Mutation, ...]:
        raise self.error("says that the residue stays as it is: no change; leave it out")

    def _both(self, _: dict[str, str]) -> tuple[Mutation, ...]:
        raise self.error("a deletion with an insertion is read as two entries, such as del595_603 and ins594G")


def _letters(text: str, three: bool) -> str:
    """Residues in one-letter code, without slashes; ``three``: they were typed in three letters each."""
    plain = text.replace("/", "")
    return re.sub(f"{_CODES}|TER", lambda code: _THREE.get(code[0], "*"), plain) if three else plain
