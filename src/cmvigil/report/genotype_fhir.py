"""Sequenced samples as a FHIR R4 Bundle after HL7 Genomics Reporting 3.0.0.

Each sample makes a DiagnosticReport with its results: a variant for each change; an Observation for each stretch of
codons that was read (our code ``genomics:coverage``, the guide has no place for codons); for each drug a therapeutic
implication, where changes or codons bear it, and a result. Nobody has verified it, so the report is ``partial``: R4
calls reports so whose data may be unverified. Read back by ``cmvigil assess`` it gives the same changes and codons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from unicodedata import category
from uuid import NAMESPACE_URL, uuid5

from ..genotype import DrugVerdict, Knowledge, words
from ..genotype.hgvs import hgvs
from ..genotype.levels import fold_text
from ..sequencing.reference import reference
from ..sequencing.sample import Call, Sample
from .genotype_about import About, blind_below, knowledge_lines, site_lines
from .genotype_words import finding

Resource = dict[str, Any]
_PROFILES = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/"
_GUIDE = "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs"
_LOINC = "http://loinc.org"
_OWN = "urn:cmvigil:concept"
_ATC = {
    "ganciclovir": "J05AB06",
    "valganciclovir": "J05AB14",
    "foscarnet": "J05AD01",
    "cidofovir": "J05AB12",
    "maribavir": "J05AX10",
    "letermovir": "J05AX18",
}
_RESULT = {"ganciclovir": "72854-3", "foscarnet": "42317-8", "cidofovir": "72856-8"}
"""LOINC of resistance to a drug by genotype; there is none known for maribavir and letermovir."""
_ANSWER = {
    "resistant": ("LA6676-6", "Resistant"),
    "possible": ("LA9660-7", "Presumed resistant"),
    "not_determined": ("LA6682-4", "Unknown Significance"),
    "susceptible": ("LA6677-4", "Responsive"),
}
_PATIENT = re.compile(r"Patient/[A-Za-z0-9.-]{1,64}")
"""A label that is a reference; any other is shown as it is."""
_CATEGORY = [
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]},
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "GE"}]},
]


def render_fhir(samples: Sequence[Sample], knowledge: Knowledge, version: str, about: About | None = None) -> bytes:
    """The Bundle as JSON, the same bytes every time.

    The patient of ``about``, whom all samples are of, is the subject: ``Patient/1`` as a reference, any other label as
    what is displayed. ``version`` is that of cmvigil.
    """
    import orjson

    device = _device(knowledge, version)
    entries = [device]
    shared: Resource = {"device": _reference(device), **_shared(about or About())}
    for number, sample in enumerate(samples):
        entries += _Report(sample, knowledge, shared, f"{device['id']}/{number}").resources()
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in entries],
    }
    return orjson.dumps(bundle, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


class _Report:
    """The resources of one sample. ``shared``: what all its Observations hold; ``seed``: from which ids are made."""

    def __init__(self, sample: Sample, knowledge: Knowledge, shared: Mapping[str, Any], seed: str) -> None:
        self.read = sample.read
        self.found = sample.interpretation
        self.knowledge = knowledge
        self.shared = shared
        self.seed = f"{seed}/{self.read.input_sha256}/{self.read.name}"
        self.doubts = [_text(note.text) for note in self.read.notes if note.level == "severe"]
        self.site = list(site_lines(knowledge))

    def resources(self) -> list[Resource]:
        calls = sorted(self.read.calls, key=lambda each: each.mutation.order)
        variants = [self.variant(number, call) for number, call in enumerate(calls)]
        named = {
            call.mutation.name: _reference(made) for call, made in zip(calls, variants, strict=True) if call.interpreted
        }
        covered = list(self.covered())
        results = [*variants, *covered]
        for each in self.found.drugs:
            # Of a drug without a finding it is the codons read that speak.
            basis = [named[name] for name in each.drivers] or [*map(_reference, covered)]
            results += [self.implication(each, basis)] if basis else []
            results.append(self.result(each, basis))
        return [self.report(results), *results]

    def report(self, results: Sequence[Resource]) -> Resource:
        verdicts = [f"{', '.join(each.drugs)}: {words(each.verdict, each.level)}" for each in self.found.drugs]
        quality = [f"{note.level}: {_text(finding(note))}" for note in self.read.notes if note.level != "severe"]
        blind = blind_below(self.read, self.knowledge)
        limits = [f"note: {blind}"] if blind else []
        used = [_text(line) for line in knowledge_lines(self.knowledge)]
        common = {name: value for name, value in self.shared.items() if name != "device"}
        identifiers = {"sample": _text(self.read.name), "input-sha256": self.read.input_sha256}
        return {
            "resourceType": "DiagnosticReport",
            "id": self.id("report"),
            "meta": {"profile": [f"{_PROFILES}genomic-report"]},
            "identifier": [{"system": f"urn:cmvigil:{name}", "value": value} for name, value in identifiers.items()],
            "status": "partial",
            "category": _CATEGORY[1:],
            "code": _code("51969-4", "Genetic analysis report", text="CMV, resistance to antivirals"),
            **common,
            "result": [_reference(each) for each in results],
            "conclusion": "\n".join(
                [*(f"Doubtful: {doubt}" for doubt in self.doubts), *verdicts, *quality, *limits, *used]
            ),
        }

    def variant(self, number: int, call: Call) -> Resource:
        """One change. A call that does not enter the verdicts is no call in the guide's words too."""
        mutation = call.mutation
        change = str(replace(mutation, fraction=None)).partition(":")[2]
        name = hgvs(mutation, self.knowledge)
        present = ("LA9633-4", "Present") if call.interpreted else ("LA18198-4", "No call")
        parts = [
            _part(_code("48018-6", "Gene studied [ID]"), valueCodeableConcept={"text": mutation.gene}),
            _part(
                _code("48005-3", "Amino acid change (pHGVS)"),
                valueCodeableConcept=_concept("http://varnomen.hgvs.org", name),
            ),
            _part(_concept(_OWN, "genomics:protein_change"), valueString=change),
            _part(
                _code("48013-7", "Genomic reference sequence ID"),
                valueCodeableConcept=_concept("http://www.ncbi.nlm.nih.gov/nuccore", reference().accession),
            ),
        ]
        if mutation.fraction is not None:
            parts.append(_part(_code("81258-6", "Sample VAF"), valueQuantity=_share(float(mutation.fraction))))
        if mutation.fraction is not None and call.depth is not None:
            # The guide asks for the reads that show the change, not for all that cover its place.
            showing = round(mutation.fraction * call.depth)
            parts.append(_part(_code("82121-5", "Allelic read depth"), valueQuantity=_share(showing)))
        return self.observation(
            f"variant/{number}",
            _code("69548-6", "Genetic variant assessment"),
            profile="variant",
            valueCodeableConcept=_code(*present),
            method={**_code("LA26398-0", "Sequencing"), "text": self.read.format},
            component=parts,
            **_notes(list(_limits(call))),
        )

    def covered(self) -> Iterator[Resource]:
        for gene in sorted(self.read.coverage):
            for first, last in self.read.coverage[gene]:
                yield self.observation(
                    f"covered/{gene}/{first}",
                    _concept(_OWN, "genomics:coverage", "codons that were read"),
                    component=[
                        _part(_code("48018-6", "Gene studied [ID]"), valueCodeableConcept={"text": gene}),
                        _part(_concept(_OWN, "genomics:first"), valueInteger=first),
                        _part(_concept(_OWN, "genomics:last"), valueInteger=last),
                    ],
                )

    def implication(self, each: DrugVerdict, basis: Sequence[Resource]) -> Resource:
        implication = _concept(_GUIDE, "therapeutic-implication")
        drugs = [
            _part(_code("51963-7", "Medication assessed"), valueCodeableConcept=_drug(drug)) for drug in each.drugs
        ]
        grade = [_part(_code("93044-6", "Level of evidence"), valueCodeableConcept={"text": each.grade})]
        return self.observation(
            f"implication/{each.drug}",
            implication,
            profile="therapeutic-implication",
            derivedFrom=basis,
            component=[
                _part(implication, valueCodeableConcept=_answer(each)),
                *drugs,
                *(grade if each.grade else ()),
                _part(_concept(_GUIDE, "conclusion-string"), valueString=_conclusion(each)),
            ],
            **_notes([*self.doubts, *self.site]),
        )

    def result(self, each: DrugVerdict, basis: Sequence[Resource]) -> Resource:
        """The verdict under the code of a laboratory's result, for systems that know no implications."""
        code = _RESULT.get(each.drug)
        text = f"CMV, resistance to {each.drug} by genotype"
        derived = {"derivedFrom": basis} if basis else {}
        return self.observation(
            f"result/{each.drug}",
            _code(code, text=text) if code else _concept(_OWN, f"susceptibility:{each.drug}", text),
            valueCodeableConcept=_answer(each),
            **{**derived, **_notes([*self.doubts, _conclusion(each), *self.site])},
        )

    def observation(self, name: str, code: Resource, *, profile: str = "", **content: Any) -> Resource:
        return {
            "resourceType": "Observation",
            "id": self.id(name),
            **({"meta": {"profile": [_PROFILES + profile]}} if profile else {}),
            "status": "final",
            "category": _CATEGORY,
            "code": code,
            **self.shared,
            **content,
        }

    def id(self, name: str) -> str:
        return str(uuid5(NAMESPACE_URL, f"{self.seed}/{name}"))


def _shared(about: About) -> Resource:
    """Whose specimen it was, when it was taken, and who tested it, as far as that was told."""
    made: Resource = {}
    if about.patient:
        field = "reference" if _PATIENT.fullmatch(about.patient) else "display"
        made["subject"] = {field: _text(about.patient)}
    if about.specimen_date:
        made["effectiveDateTime"] = about.specimen_date
    if about.laboratory:
        made["performer"] = [{"display": _text(about.laboratory)}]
    return made


def _device(knowledge: Knowledge, version: str) -> Resource:
    """What made the results."""
    used = {"software": version, "knowledge": f"{knowledge.version} ({knowledge.hash})"}
    return {
        "resourceType": "Device",
        "id": str(uuid5(NAMESPACE_URL, f"urn:cmvigil:{version}/{knowledge.hash}")),
        "deviceName": [{"name": "cmvigil", "type": "model-name"}],
        "version": [{"type": {"text": what}, "value": value} for what, value in used.items()],
    }


def _limits(call: Call) -> Iterator[str]:
    if call.low is not None and call.high is not None:
        yield f"95 % interval of the share: {call.low:f} to {call.high:f}"
    yield from call.flags


def _conclusion(each: DrugVerdict) -> str:
    """The verdict in words, its fold, and its reasons."""
    fold = f", {fold_text(each.fold_median)}-fold" if each.fold_median is not None else ""
    return _text("; ".join([words(each.verdict, each.level) + fold, *each.reasons]))


def _drug(name: str) -> Resource:
    return _concept("http://www.whocc.no/atc", _ATC[name], name) if name in _ATC else {"text": name}


def _answer(each: DrugVerdict) -> Resource:
    return {**_code(*_ANSWER[each.verdict]), "text": words(each.verdict, each.level)}


def _share(value: float) -> Resource:
    """A number without a unit, as UCUM writes it."""
    return {"value": value, "system": "http://unitsofmeasure.org", "code": "1"}


def _notes(texts: Sequence[str]) -> Resource:
    return {"note": [{"text": _text(text)} for text in texts]} if texts else {}


def _part(code: Resource, **value: Any) -> Resource:
    return {"code": code, **value}


def _code(code: str, display: str = "", text: str = "") -> Resource:
    coding = {"system": _LOINC, "code": code, **({"display": display} if display else {})}
    return {"coding": [coding], **({"text": text} if text else {})}


def _concept(system: str, code: str, text: str = "") -> Resource:
    return {"coding": [{"system": system, "code": code}], **({"text": text} if text else {})}


def _reference(resource: Resource) -> Resource:
    return {"reference": f"urn:uuid:{resource['id']}"}


def _text(text: str) -> str:
    """What a FHIR string may hold: something, and no signs that steer."""
    return "".join(sign for sign in text if not category(sign).startswith("C")).strip() or "-"
