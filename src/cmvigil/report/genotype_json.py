"""Interpretations and sequenced samples for machines: keys sorted, shares and folds as numbers, the same bytes always.

What samples make is described by ``docs/schemas/genotype.schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from ..genotype import DrugReading, DrugVerdict, Interpretation, Knowledge, VariantReading, words
from ..genotype.hgvs import hgvs
from ..genotype.model import Thresholds
from ..sequencing.batch import Failed
from ..sequencing.sample import Call, Options, Sample, Sequenced
from ..sequencing.stretches import stretches
from .genotype_about import About, blind_below, technology
from .genotype_words import seen_from

SCHEMA_VERSION = "1.1"


def render_json(
    samples: Sequence[Sample],
    failed: Sequence[Failed],
    knowledge: Knowledge,
    version: str,
    about: About | None = None,
) -> bytes:
    """All samples and the files that could not be used. ``version`` is that of cmvigil."""
    about = about or About()
    return _bytes(
        {
            "schema_version": SCHEMA_VERSION,
            "samples": [_sample(each, knowledge) for each in samples],
            "failed": [{"file": each.file, "problems": list(each.problems)} for each in failed],
            "patient": about.patient or None,
            "specimen_date": about.specimen_date or None,
            "laboratory": about.laboratory or None,
            "options": _options(about.options),
            "thresholds": _thresholds(knowledge.thresholds),
            "knowledge": _knowledge(knowledge),
            "cmvigil": version,
        }
    )


def render_interpretation(found: Interpretation, knowledge: Knowledge) -> bytes:
    """What ``cmvigil interpret --json`` prints."""
    return _bytes(
        {
            "variants": [_variant(each) for each in found.variants],
            **_verdicts(found),
            "knowledge": _knowledge(knowledge),
        }
    )


def _bytes(answer: Mapping[str, Any]) -> bytes:
    import orjson

    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _sample(sample: Sample, knowledge: Knowledge) -> dict[str, Any]:
    read, found = sample.read, sample.interpretation
    readings = {each.mutation.key: each for each in found.variants}
    calls = sorted(read.calls, key=lambda each: each.mutation.order)
    return {
        "name": read.name,
        "file": read.file,
        "format": read.format,
        "technology": technology(read),
        "not_looked_for": blind_below(read, knowledge) or None,
        "input_sha256": read.input_sha256,
        "strain": read.strain or None,
        "qc": [{"level": each.level, "code": each.code, "text": each.text} for each in read.notes],
        "coverage": {gene: [list(stretch) for stretch in read.coverage[gene]] for gene in read.coverage},
        "coverage_stated": read.stated,
        "detectable": {gene: _detectable(gene, read, knowledge) for gene in read.detectable},
        "variants": [
            _call(each, readings.get(each.mutation.key) if each.interpreted else None, knowledge) for each in calls
        ],
        **_verdicts(found),
    }


def _detectable(gene: str, read: Sequenced, knowledge: Knowledge) -> dict[str, Any]:
    """Over the codons that were read: the smallest share that shows, and where it lies above the floor of report."""
    codons = [codon for first, last in read.coverage.get(gene, ()) for codon in range(first, last + 1)]
    floor = float(knowledge.thresholds.report_floor)
    middle, worst = seen_from(gene, read) or (None, None)
    return {
        "median": middle and round(middle, 6),
        "worst": worst and round(worst, 6),
        "codons_above_report_floor": [
            list(each) for each in stretches(codon for codon in codons if read.detectable[gene][codon - 1] > floor)
        ],
    }


def _call(call: Call, reading: VariantReading | None, knowledge: Knowledge) -> dict[str, Any]:
    """``reading`` None: the call is listed and does not enter the verdicts."""
    mutation = call.mutation
    said = _variant(reading) if reading else {"kind": None, "used": False, "natural": None, "comments": [], "drugs": []}
    return {
        **said,
        "gene": mutation.gene,
        "change": mutation.change,
        "hgvs": hgvs(mutation, knowledge),
        "fraction": _number(mutation.fraction),
        "low": _number(call.low),
        "high": _number(call.high),
        "depth": call.depth,
        "mixture": mutation.mixed,
        "possible": mutation.possible,
        "flags": [*call.flags, *(reading.flags if reading else ())],
        "interpreted": call.interpreted,
    }


def _verdicts(found: Interpretation) -> dict[str, Any]:
    return {
        "drugs": [_drug(each) for each in found.drugs],
        "cross_resistance": [
            {"variant": each.variant, "drugs": list(each.drugs), "verdicts": dict(each.verdicts)}
            for each in found.cross
        ],
        "notes": list(found.notes),
    }


def _variant(each: VariantReading) -> dict[str, Any]:
    mutation = each.mutation
    return {
        "gene": mutation.gene,
        "change": mutation.change,
        "fraction": _number(mutation.fraction),
        "mixture": mutation.mixed,
        "possible": mutation.possible,
        "kind": each.kind,
        "used": each.used,
        "flags": list(each.flags),
        "natural": _number(each.natural and round(each.natural, 4)),
        "comments": list(each.comments),
        "drugs": [_reading(reading) for reading in each.drugs],
    }


def _reading(each: DrugReading) -> dict[str, Any]:
    fold = each.fold
    return {
        "drug": each.drug,
        "verdict": each.verdict,
        "level": each.level or None,
        "fold_low": _number(fold.low if fold else None),
        "fold_median": _number(fold.median if fold else None),
        "fold_high": _number(fold.high if fold else None),
        "studies": fold.studies if fold else 0,
        "measurements": fold.measurements if fold else 0,
        "grade": each.grade or None,
        "basis": each.basis,
        "hypersusceptible": each.hypersusceptible,
        "conflict": each.conflict,
        "conflicts": list(each.conflicts),
        "reasons": list(each.reasons),
        "sources": list(each.sources),
        "dois": list(each.dois),
    }


def _drug(each: DrugVerdict) -> dict[str, Any]:
    return {
        "drug": each.drug,
        "stands_for": list(each.stands_for),
        "verdict": each.verdict,
        "words": words(each.verdict, each.level),
        "level": each.level or None,
        "fold_low": _number(each.fold_low),
        "fold_median": _number(each.fold_median),
        "fold_high": _number(each.fold_high),
        "grade": each.grade or None,
        "conflict": each.conflict,
        "minority": each.minority,
        "estimated": each.estimated,
        "drivers": list(each.drivers),
        "reasons": list(each.reasons),
        "sources": list(each.sources),
        "dois": list(each.dois),
    }


def _knowledge(used: Knowledge) -> dict[str, Any]:
    site = used.site
    return {
        "version": used.version,
        "hash": used.hash,
        "databases": [asdict(each) for each in used.databases],
        "overlays": list(site.overlays),
        "accepted_risks": list(site.risks),
        "thresholds_set_by_site": [
            {"name": each.name, "shipped": each.before, "used": each.after} for each in site.thresholds
        ],
    }


def _options(given: Options) -> dict[str, Any]:
    """How the files were read; other files by their names without folders."""
    primers, reference = (path and PurePath(path).name for path in (given.primers, given.reference))
    return {**asdict(given), "min_fraction": _number(given.min_fraction), "primers": primers, "reference": reference}


def _thresholds(found: Thresholds) -> dict[str, float]:
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return {name: float(value) for name, value in values.items() if isinstance(value, Decimal)}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
