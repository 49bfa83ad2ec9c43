"""The product that a medication resource names: which drug it is, and how much of it one tablet or capsule holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from cmvigil.record import units
from cmvigil.record.fhir.intake import Intake, Resource, decimal, dicts, texts
from cmvigil.record.vocabulary import plain_name

_PIECES = {
    **dict.fromkeys(("tablet", "tablets", "tablet(s)", "tab", "tabs", "tbl"), "tablet"),
    **dict.fromkeys(("capsule", "capsules", "capsule(s)", "cap", "caps"), "capsule"),
}
_NAMED = re.compile(
    r"(?P<name>.{1,80}?),? (?P<amount>\d{1,5}(?:\.\d{1,3})?) ?(?P<unit>mg|g)(?: oral)?(?: film[- ]coated)?"
    r" (?P<piece>tablet|capsule)s?(?: \[(?P<brand>[^\[\]]{1,80})\])?",
    re.ASCII,
)
"""A product as RxNorm and labels write it: ``valganciclovir 450 MG Oral Tablet``, ``Valcyte 450 mg film-coated
tablets``. Nothing else may stand in it: ``valganciclovir 450 mg half tablets`` is another thing. In brackets stands a
brand of the same drug."""
_SALT = re.compile(r"\b(?:hydrochloride|hcl)\b", re.ASCII)
"""Named so, a strength may be that of the salt: 496.3 mg of valganciclovir hydrochloride are 450 mg of the drug, by
which doses are written. It names the drug, never its strength."""


class Product(NamedTuple):
    """A drug, all names that its product goes by, and the Medication resource that tells of it; empty without one."""

    drug: str
    names: tuple[str, ...]
    medication: Resource


class _Read(NamedTuple):
    drug: str
    mg: Decimal
    piece: str


def concept_of(intake: Intake, resource: Resource) -> Any:
    """The CodeableConcept that names the drug of a resource, in itself or in the Medication that it refers to."""
    concept = resource.get("medicationCodeableConcept")
    if concept is None:
        reference = resource.get("medicationReference")
        medication = intake.resolve(reference, resource)
        concept = medication.get("code") if medication is not None else None
        if concept is None and isinstance(reference, dict):
            concept = {"text": str(reference.get("display") or reference.get("reference") or "")}
    return concept


def product_of(intake: Intake, resource: Resource) -> Product | None:
    """The product of a resource; None where its drug is not known here."""
    concept = concept_of(intake, resource)
    reference = resource.get("medicationReference")
    display = reference.get("display") if isinstance(reference, dict) else None
    names = (*texts(concept), *([display] if isinstance(display, str) else []))
    coded = intake.drug(concept)
    drugs = {read.drug for read in _reads(intake, names)} | ({coded} if coded is not None else set())
    if len(drugs) != 1:
        return None  # none is known, or they contradict each other: which is taken is not ours to guess
    return Product(drugs.pop(), names, intake.resolve(reference, resource) or {})


def piece(unit: Any) -> str | None:
    """``tablet`` or ``capsule`` for a unit that counts them (``tablets``, ``{tbl}``, ``TAB``); None for another."""
    return _PIECES.get(unit.strip("{} ").lower()) if isinstance(unit, str) else None


def strengths(intake: Intake, product: Product, of: str) -> list[Decimal]:
    """How many mg of the drug one piece (``tablet``, ``capsule``) holds, as ingredients and names state it.

    More than one where they differ.
    """
    names = tuple(name for name in product.names if not _SALT.search(plain_name(name)))
    named = {read.mg for read in _reads(intake, names) if (read.drug, read.piece) == (product.drug, of)}
    return sorted(named | set(_of_ingredients(intake, product, of)))


def _reads(intake: Intake, names: tuple[str, ...]) -> Iterator[_Read]:
    """The names that are a known drug with the strength of one piece, and nothing else."""
    for name in names:
        match = _NAMED.fullmatch(plain_name(name)) if len(name) <= 200 else None
        drug = intake.words.drug_names.get(match["name"]) if match else None
        if match and drug is not None and match["brand"] is not None:
            drug = drug if intake.words.drug_names.get(match["brand"]) == drug else None
        if match and drug is not None:
            amount = units.dose(Decimal(match["amount"]), match["unit"], intake.words.dose_units)
            assert amount is not None
            yield _Read(drug, amount[0], match["piece"])


def _of_ingredients(intake: Intake, product: Product, of: str) -> Iterator[Decimal]:
    for each in dicts(product.medication.get("ingredient")):
        substance = intake.resolve(each.get("itemReference"), product.medication) or {}
        item = each.get("itemCodeableConcept") or substance.get("code")
        strength = each.get("strength")
        salt = any(_SALT.search(plain_name(text)) for text in texts(item))
        if salt or intake.drug(item) != product.drug or each.get("isActive") is False or not isinstance(strength, dict):
            continue
        mass, share = _mg(intake, strength.get("numerator")), _pieces(strength.get("denominator"), of)
        if mass and share:
            yield units.tidy(mass / share)


def _mg(intake: Intake, quantity: Any) -> Decimal | None:
    """A mass; None for anything else, an amount for a body's weight among it."""
    if not isinstance(quantity, dict) or quantity.get("comparator"):
        return None
    number = decimal(quantity.get("value"))
    for unit in (quantity.get("code"), quantity.get("unit")):
        if number is not None and isinstance(unit, str):
            found = units.dose(number, unit, intake.words.dose_units)
            if found is not None:
                return found[0] if found[1] == "mg" else None
    return None


def _pieces(quantity: Any, of: str) -> Decimal | None:
    """A number of these pieces, which may also be written without a unit; None for millilitres and all else."""
    if not isinstance(quantity, dict) or quantity.get("comparator"):
        return None
    said = [unit for unit in (quantity.get("code"), quantity.get("unit")) if unit not in (None, "", "1")]
    number = decimal(quantity.get("value"))
    return number if number is not None and number > 0 and all(piece(unit) == of for unit in said) else None
