"""The share of the population that shows an allele, from what a VCF says of one sample."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from .intervals import jeffreys

_DIGITS = 9
"""Digits of a count of fragments; no run has more."""
_PLACES = Decimal("0.0001")
_SHARES = ("AF", "FREQ", "ALT_FREQ")
"""Fields that hold a share; the last two are those of VarScan and iVar."""


class FieldError(ValueError):
    """A value that cannot be read. Its text names field, value and what was expected."""


@dataclass(frozen=True, slots=True)
class Share:
    """``fraction`` of the population, None where nothing tells; ``total``: the fragments that it is a fraction of.

    ``depth``: fragments that cover the place. ``total`` and ``depth`` are None where they are not stated.
    """

    fraction: Decimal | None = None
    total: int | None = None
    depth: int | None = None

    @property
    def interval(self) -> tuple[Decimal, Decimal] | None:
        """The 95 % interval of the share; None where nothing was counted."""
        return interval(self.fraction, self.total)

    @property
    def slack(self) -> Decimal:
        """How far the share may lie below what was counted; 0 where nothing was."""
        limits = self.interval
        return Decimal(0) if limits is None or self.fraction is None else self.fraction - limits[0]

    def agrees(self, other: Share) -> bool:
        """Whether each of two shares lies within the interval of the other."""
        return self._holds(other) and other._holds(self)

    def _holds(self, other: Share) -> bool:
        limits = self.interval
        return limits is not None and other.fraction is not None and limits[0] <= other.fraction <= limits[1]


def rounded(fraction: Decimal) -> Decimal:
    """A share as it is given: to 4 places, and never 0 for one that is more."""
    return max(_PLACES, fraction.quantize(_PLACES))


def interval(fraction: Decimal | None, total: int | None) -> tuple[Decimal, Decimal] | None:
    """The 95 % interval of a share of a count of fragments; None where one of them is not known."""
    if fraction is None or not total:
        return None
    return jeffreys(min(round(fraction * total), total), total)


class Fields:
    """What a record says of one sample: ``own`` values (FORMAT), and ``common`` ones (INFO) if it is the only one.

    ``local``: numbers of the ALTs that it speaks of; None: of all.
    """

    def __init__(self, own: Mapping[str, str], common: Mapping[str, str], local: Container[int] | None = None) -> None:
        self.own = own
        self.common = common
        self.local = local

    @property
    def stated(self) -> bool:
        """Whether the record says anything of the sample."""
        return not self.own or any(text.strip(".,/|") for text in self.own.values())

    def values(self, name: str) -> list[str]:
        """The values of a field, its own before the common ones; none where it is missing."""
        for held in (self.own, self.common):
            text = held.get(name, "")
            if text.strip(".,"):
                return text.split(",")
        return []

    def counts(self, name: str) -> list[int | None]:
        """The values of a field that counts; None for one that is missing. Raises :class:`FieldError`."""
        return [_count(name, text) for text in self.values(name)]

    def count(self, *names: str) -> int | None:
        """The value of the first of the fields that holds a single count. Raises :class:`FieldError`."""
        for name in names:
            found = self.counts(name)
            if len(found) == 1 and found[0] is not None:
                return found[0]
        return None

    def depth(self) -> int | None:
        """Fragments that cover the place, the fewest of a block. Raises :class:`FieldError`."""
        stated = self.count("MIN_DP", "MinDP", "DP")
        counted = [each for each in self.counts("AD") if each is not None] if stated is None else []
        return sum(counted) if counted else stated


def shares(fields: Fields, alts: Sequence[str]) -> list[Share]:
    """The share of each ALT: from AD, AO and RO, DP4, AF or FREQ, the first that tells. Raises :class:`FieldError`.

    A genotype is no share: a mixture reads 0/1 at 5 % as at 95 %.
    """
    depth = fields.count("DP")
    counted = _counted(fields, alts, depth)
    stated = _stated(fields, len(alts)) if None in counted else [None] * len(alts)
    return [
        Share(fraction, depth or None, depth)
        if counts is None
        else Share(Decimal(counts[0]) / counts[1], counts[1], counts[1] if depth is None else depth)
        for counts, fraction in zip(counted, stated, strict=True)
    ]


def _counted(fields: Fields, alts: Sequence[str], depth: int | None) -> list[tuple[int, int] | None]:
    """For each ALT the fragments that show it, and all; None where they are not counted."""
    number = len(alts)
    seen = fields.counts("AD")
    if len(seen) == number + 1 and seen[0] is not None:
        return _of(seen[1:], sum(each or 0 for each in seen))
    if len(seen) == number:
        # VarScan counts the reference on its own; others count the alternatives alone.
        rest, known = fields.count("RD"), sum(each or 0 for each in seen)
        if rest is not None or (depth or 0) >= known:
            return _of(seen, depth or 0 if rest is None else rest + known)
    seen, rest = fields.counts("AO"), fields.count("RO")
    if len(seen) == number and rest is not None:
        return _of(seen, rest + sum(each or 0 for each in seen))
    strands = [each for each in fields.counts("DP4") if each is not None]
    named = [alt for alt in alts if not alt.startswith("<")]
    if len(strands) == 4 and len(named) == 1:
        return _of([sum(strands[2:]) if alt in named else None for alt in alts], sum(strands))
    return [None] * number


def _of(seen: Sequence[int | None], total: int) -> list[tuple[int, int] | None]:
    return [None if hits is None or not total else (hits, total) for hits in seen]


def _stated(fields: Fields, number: int) -> list[Decimal | None]:
    """For each ALT the share that the record states."""
    for name in _SHARES:
        # Beside AN the AF of INFO is the share of called genotypes, not of fragments.
        held = Fields(fields.own, {}) if name == "AF" and "AN" in fields.common else fields
        values = held.values(name)
        if values and "%" in values[-1] and len(values) == 2 and number == 1:
            values = [".".join(values)]  # a decimal comma
        if len(values) in (number, number + 1):
            return [_fraction(name, text) for text in values[-number:]]
    return [None] * number


def _count(name: str, text: str) -> int | None:
    if text == ".":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise FieldError(f"{name}: found {text[:20]!r}; expected a count of fragments")
    return int(text)


def _fraction(name: str, text: str) -> Decimal | None:
    if text == ".":
        return None
    number, percent, rest = text.partition("%")
    try:
        found = Decimal(number) / (100 if percent else 1)
        if rest or not 0 <= found <= 1:
            raise InvalidOperation
    except InvalidOperation:
        raise FieldError(f"{name}: found {text[:20]!r}; expected a share from 0 to 1, or in percent") from None
    return found
