"""Genomics Observations: amino-acid changes, codons covered, and a laboratory's calls per drug."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cmvigil.record import units
from cmvigil.record.errors import did_you_mean, shown
from cmvigil.record.fhir.intake import Intake, Place, decimal, dicts, own_code, texts
from cmvigil.record.fhir.specimen import specimen_of
from cmvigil.record.tables import Coverage, Susceptibility, Variant
from cmvigil.record.vocabulary import GENES

_GENE = re.compile(r"\bUL\d{1,3}[A-Z]?\b")
_SHORT = re.compile(r"\b([A-Z]\d{1,4}[A-Z*]\??)(?![A-Za-z0-9])")
_LONG = re.compile(r"p\.\(?([A-Z][a-z]{2})(\d{1,4})([A-Z][a-z]{2}|\*|Ter)\)?(?![a-z*])")
_DELETION = re.compile(r"\b(?:del\d{1,4}(?:[-_]\d{1,4})?|[A-Z]?\d{1,4}(?:[-_][A-Z]?\d{1,4})?del[A-Z]*)\b")
_LETTERS = dict(
    zip(
        [
            "Ala",
            "Arg",
            "Asn",
            "Asp",
            "Cys",
            "Gln",
            "Glu",
            "Gly",
            "His",
            "Ile",
            "Leu",
            "Lys",
            "Met",
            "Phe",
            "Pro",
            "Ser",
            "Thr",
            "Trp",
            "Tyr",
            "Val",
            "Ter",
            "*",
        ],
        [
            "A",
            "R",
            "N",
            "D",
            "C",
            "Q",
            "E",
            "G",
            "H",
            "I",
            "L",
            "K",
            "M",
            "F",
            "P",
            "S",
            "T",
            "W",
            "Y",
            "V",
            "*",
            "*",
        ],
        strict=True,
    )
)
_CALLS = {
    "resistant": "resistant",
    "resistance detected": "resistant",
    "resistance predicted": "resistant",
    "detected": "resistant",
    "r": "resistant",
    "susceptible": "susceptible",
    "sensitive": "susceptible",
    "responsive": "susceptible",
    "no resistance detected": "susceptible",
    "none detected": "susceptible",
    "not detected": "susceptible",
    "s": "susceptible",
    "possible": "possible",
    "possible resistance": "possible",
    "presumed resistant": "possible",
    "intermediate": "possible",
    "i": "possible",
    "indeterminate": "not_determined",
    "not determined": "not_determined",
    "not_determined": "not_determined",
    "inconclusive": "not_determined",
    "unknown significance": "not_determined",
}


def read(intake: Intake, place: Place, what: str, when: Any) -> None:
    """Rows of a variant, an implication for a drug, or the codons that were covered."""
    parts: dict[str, list[Any]] = {}
    for component in dicts(place.resource.get("component")):
        for target in intake.targets(component.get("code")):
            if target.kind == "genomics":
                parts.setdefault(target.concept, []).append(component)
    if what == "variant":
        _variant(intake, place, parts, when)
    elif what == "coverage":
        _coverage(intake, place, parts, when)
    elif what == "implication":
        for medication in parts.get("medication", ()):
            drug = intake.drug(medication.get("valueCodeableConcept"))
            if drug is None:
                intake.unmapped(place, medication.get("valueCodeableConcept"))
            else:
                for holder in parts.get("implication", ()) or (place.resource,):
                    call(intake, place, drug, holder, when)


def call(intake: Intake, place: Place, drug: str, holder: Any, when: Any) -> None:
    """A drug-level call as the laboratory worded it."""
    found = _call(intake, holder)
    if found is None:
        words = next(_words(holder), "no value")
        expected = f"{drug}: {', '.join(sorted(intake.words.calls))}"
        intake.issue("rejected", place, shown(words), expected, "Not used.", "value")
        return
    intake.rows["susceptibility"].append(
        Susceptibility(**_base(intake, place, when), concept=drug, call=found, method=_method(place))
    )


def _call(intake: Intake, holder: Any) -> str | None:
    concept = holder.get("valueCodeableConcept")
    for each in (concept, *dicts(holder.get("interpretation"))):
        for target in intake.targets(each):
            if target.kind == "call":
                return target.concept
    for word in _words(holder):
        found = _CALLS.get(" ".join(word.lower().split()))
        if found is not None:
            return found
    return None


def _words(holder: Any) -> Iterator[str]:
    text = holder.get("valueString")
    if isinstance(text, str):
        yield text
    for concept in (holder.get("valueCodeableConcept"), *dicts(holder.get("interpretation"))):
        yield from texts(concept)
        if isinstance(concept, dict):
            for coding in dicts(concept.get("coding")):
                yield str(coding.get("code") or "")


def _variant(intake: Intake, place: Place, parts: dict[str, list[Any]], when: Any) -> None:
    resource = place.resource
    said = [word for part in (*parts.get("gene", ()), *parts.get("protein_change", ())) for word in _words(part)]
    said += [*_words(resource), *texts(resource.get("code"))]
    genes = [match[0] for word in said for match in _GENE.finditer(word)]
    if not genes:
        intake.unmapped(place, resource.get("code"))  # a variant of the patient, not of the virus
        return
    if any(word.lower() in ("absent", "not detected", "negative", "la9634-2") for word in _words(resource)):
        return
    if any(_NEGATED.search(word) for word in _words(resource)):
        found = f"{genes[0]} with a result that denies something"
        intake.issue("rejected", place, found, "one change, found or not", "Not used; send each change by itself.")
        return
    if not _known_gene(intake, place, genes[0]):
        return
    verbatim = [
        str(part["valueString"])
        for part in parts.get("protein_change", ())
        if own_code(part.get("code")) and "valueString" in part
    ]
    changes = verbatim or list(dict.fromkeys(change for word in said for change in _changes(word)))
    if len(set(genes)) > 1:
        found = f"changes of {' and '.join(dict.fromkeys(genes))} in one result"
        intake.issue("rejected", place, found, "one gene a result", "Not used; send each gene by itself.")
        return
    if not changes:
        intake.issue("rejected", place, f"{genes[0]} without a change", "A594V or p.Ala594Val", "Not used.")
        return
    fraction = next((_fraction(part) for part in parts.get("fraction", ())), None)
    for change in changes:
        intake.rows["variant"].append(
            Variant(
                **_base(intake, place, when),
                gene=genes[0],
                change=change,
                fraction=fraction if len(changes) == 1 else None,
                specimen=specimen_of(intake, place) if "specimen" in resource else None,
                method=_method(place),
            )
        )


_NEGATED = re.compile(r"\b(?:not|no|absent|negative|without|wild[ -]?type)\b", re.IGNORECASE)


def _known_gene(intake: Intake, place: Place, gene: str) -> bool:
    """Whether a change in ``gene`` can bear on an antiviral; another gene is named and not used."""
    if gene in GENES:
        return True
    remedy = did_you_mean(gene, GENES, "Not used.")
    intake.issue("unmapped", place, f"the gene '{gene}'", f"one of {', '.join(GENES)}", remedy)
    return False


def _changes(text: str) -> Iterator[str]:
    for match in _LONG.finditer(text):
        old, codon, new = match.groups()
        if old in _LETTERS and new in _LETTERS:
            yield f"{_LETTERS[old]}{codon}{_LETTERS[new]}"
    rest = _GENE.sub(" ", text)
    for match in _DELETION.finditer(rest):
        yield match[0]
    for match in _SHORT.finditer(rest):
        yield match[1]


def _fraction(part: Any) -> Any:
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, dict):
        return None
    value = decimal(quantity.get("value"))
    if value is not None and (quantity.get("code") or quantity.get("unit")) == "%":
        value /= 100
    return None if value is None or not 0 <= value <= 1 else units.tidy(value)


def _coverage(intake: Intake, place: Place, parts: dict[str, list[Any]], when: Any) -> None:
    gene = next(
        (match[0] for part in parts.get("gene", ()) for w in _words(part) for match in _GENE.finditer(w)),
        None,
    )
    if gene is None:
        intake.issue("rejected", place, "coverage without a gene", "a gene such as UL97", "Not used.")
        return
    if not _known_gene(intake, place, gene):
        return
    first, last = (
        next((decimal(part.get("valueInteger")) for part in parts.get(end, ())), None) for end in ("first", "last")
    )
    intake.rows["coverage"].append(
        Coverage(**_base(intake, place, when), gene=gene, first=first, last=last, method=_method(place))
    )


def _base(intake: Intake, place: Place, when: Any) -> dict[str, Any]:
    day, known_on, time = when
    return {
        "patient": intake.patient,
        "event": place.event(),
        "day": day,
        "time": time,
        "known_on": known_on,
        "source": place.name,
    }


def _method(place: Place) -> str | None:
    return next(texts(place.resource.get("method")), None)
