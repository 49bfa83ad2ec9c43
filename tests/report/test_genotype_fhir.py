"""Samples as a FHIR Bundle: valid R4, the guide's profiles, and the same genotype when it is read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.genotype.support import known
from tests.report.laboratory_samples import ALL, nothing, two_genes, unstated
from tests.report.sequenced import VERSION, plain, rich
from tests.support import fhir_r4, profiles

from cmvigil.assess.genotypes import with_readings
from cmvigil.genotype import parse
from cmvigil.genotype.model import Number, Site
from cmvigil.reasoning.loader import load
from cmvigil.record.codes import shipped
from cmvigil.record.read import read_record
from cmvigil.record.tables import Coverage, Interpretation, Record, Susceptibility, Variant
from cmvigil.report.genotype_about import About
from cmvigil.report.genotype_fhir import render_fhir
from cmvigil.sequencing.sample import Sample

PATIENT = "Patient/1"
DAY = "2026-03-28"


ABOUT = About(PATIENT, DAY, "Virology, Ulm")


def resources(*samples: Sample, about: About | None = None) -> list[Any]:
    found = json.loads(render_fhir(samples, known(), VERSION, about))
    return [entry["resource"] for entry in found["entry"]]


def named(found: list[Any], profile: str) -> list[Any]:
    return [each for each in found if each.get("meta") == {"profile": [profiles.PREFIX + profile]}]


def part(resource: Any, code: str) -> list[Any]:
    return [each for each in resource["component"] if each["code"]["coding"][0]["code"] == code]


@pytest.mark.parametrize("made", [*ALL, rich, plain])
@pytest.mark.parametrize("about", [None, ABOUT, About("M-0417; ward 3")])
def test_it_is_valid_fhir_r4(made: Callable[[], Sample], about: About | None) -> None:
    content = render_fhir([made(), plain()], known(), VERSION, about)
    assert fhir_r4.problems(content) == []


@pytest.mark.parametrize("made", [*ALL, rich, plain])
def test_it_keeps_the_profiles_of_the_guide(made: Callable[[], Sample]) -> None:
    found = resources(made(), about=ABOUT)
    by = {f"urn:uuid:{each['id']}": each for each in found}
    for profile in ("genomic-report", "variant", "therapeutic-implication"):
        for each in named(found, profile):
            assert profiles.problems(each, profile, by.get) == []


def test_the_profiles_find_faults() -> None:
    found = resources(rich())
    by = {f"urn:uuid:{each['id']}": each for each in found}
    variant, implication = named(found, "variant")[0], named(found, "therapeutic-implication")[0]
    report = named(found, "genomic-report")[0]
    lame = {key: value for key, value in implication.items() if key != "derivedFrom"}
    twice = {**variant, "component": [*variant["component"], *part(variant, "48005-3")]}
    both = {**implication, "component": [{**each, "valueString": "x"} for each in implication["component"]]}
    text = {**variant, "component": [{"code": each["code"], "valueString": "x"} for each in variant["component"]]}
    for faulty, profile in (
        (lame, "therapeutic-implication"),
        ({**implication, "valueString": "R"}, "therapeutic-implication"),
        (both, "therapeutic-implication"),
        (twice, "variant"),
        (text, "variant"),
        ({**variant, "category": variant["category"][:1]}, "variant"),
        ({**variant, "code": {"text": "a variant"}}, "variant"),
        ({**report, "category": []}, "genomic-report"),
    ):
        assert profiles.problems(faulty, profile, by.get) != []


def test_codes_come_from_the_value_sets_that_are_required() -> None:
    found = resources(rich(), plain())
    for variant in named(found, "variant"):
        (change,) = part(variant, "48005-3")
        assert [each["system"] for each in change["valueCodeableConcept"]["coding"]] == ["http://varnomen.hgvs.org"]
        assert variant["valueCodeableConcept"]["coding"][0]["code"] in ("LA9633-4", "LA18198-4")  # LOINC LL1971-2
    allowed = {"LA6676-6", "LA6677-4", "LA9660-7", "LA6682-4"}
    for implication in named(found, "therapeutic-implication"):
        (said,) = part(implication, "therapeutic-implication")
        assert said["valueCodeableConcept"]["coding"][0]["code"] in allowed


def test_the_depth_of_a_change_is_that_of_the_reads_that_show_it() -> None:
    sample = rich()
    shown = [
        round(call.mutation.fraction * call.depth)
        for call in sample.read.calls
        if call.mutation.fraction is not None and call.depth is not None
    ]
    found = [part(variant, "82121-5") for variant in named(resources(sample), "variant")]
    assert sorted(each["valueQuantity"]["value"] for parts in found for each in parts) == sorted(shown)
    assert shown


def test_each_drug_has_an_implication_and_a_result_with_its_words() -> None:
    found = resources(rich())
    gcv = named(found, "therapeutic-implication")[0]
    assert [each["valueCodeableConcept"]["text"] for each in part(gcv, "51963-7")] == ["ganciclovir", "valganciclovir"]
    (said,) = part(gcv, "therapeutic-implication")
    assert said["valueCodeableConcept"]["text"] == "Resistant (high)"
    changes = {f"urn:uuid:{each['id']}": part(each, "genomics:protein_change") for each in named(found, "variant")}
    drivers = [changes[each["reference"]][0]["valueString"] for each in gcv["derivedFrom"]]
    assert drivers == ["del595_603", "A594V", "P522PA"]
    results = [
        each["code"]["coding"][0]["code"] for each in found if "resistance to" in each.get("code", {}).get("text", "")
    ]
    assert results[1:] == ["72854-3", "42317-8", "72856-8", "susceptibility:maribavir", "susceptibility:letermovir"]


def test_what_makes_a_sample_doubtful_stands_with_every_drug() -> None:
    found = resources(rich())
    (report,) = named(found, "genomic-report")
    assert report["status"] == "partial"  # R4: data may be unverified
    assert report["conclusion"].startswith("Doubtful: looks like two strains\nganciclovir, valganciclovir: Resistant")
    for each in named(found, "therapeutic-implication"):
        assert {"text": "looks like two strains"} in each["note"]


def test_what_nothing_bears_is_no_implication_but_stays_a_result() -> None:
    """A list of one change without codons: only what the change bears can be derived from something."""
    found = resources(unstated())
    text = json.dumps(named(found, "therapeutic-implication"))
    assert "ganciclovir" in text and "letermovir" not in text
    assert "susceptibility:letermovir" in json.dumps(found)
    assert named(resources(nothing()), "therapeutic-implication") == []


def test_every_reference_leads_to_a_resource_of_the_bundle() -> None:
    bundle = json.loads(render_fhir([rich(), rich(), plain()], known(), VERSION))
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            here = [value["reference"]] if "reference" in value else []
            return here + [each for one in value.values() for each in references(one)]
        return [each for one in value for each in references(one)] if isinstance(value, list) else []

    assert set(references(bundle)) <= set(urls)
    assert bundle == json.loads(render_fhir([rich(), rich(), plain()], known(), VERSION))


def read_back(tmp_path: Path, made: Sample) -> Record:
    bundle = json.loads(render_fhir([made], known(), VERSION, ABOUT))
    bundle["entry"].insert(0, {"resource": {"resourceType": "Patient", "id": "1", "birthDate": "1970-01-01"}})
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle), encoding="utf-8")
    return with_readings(read_record(path), load())


@pytest.mark.parametrize("made", [rich, two_genes, plain])
def test_read_back_it_is_the_same_genotype(tmp_path: Path, made: Callable[[], Sample]) -> None:
    one = made()
    record = read_back(tmp_path, one)
    variants = [row for row in record.rows["variant"] if isinstance(row, Variant)]
    found = {(*parse(f"{row.gene}:{row.change}", known().proteins), row.fraction) for row in variants}
    called = {call.mutation for call in one.read.calls if call.interpreted}
    assert found == {(replace(each, fraction=None), each.fraction) for each in called}
    covered = [row for row in record.rows["coverage"] if isinstance(row, Coverage)]
    stretches = {(gene, *stretch) for gene, found in one.read.coverage.items() for stretch in found}
    assert {(row.gene, row.first, row.last) for row in covered} == stretches
    read = {row.concept: row for row in record.rows["interpretation"] if isinstance(row, Interpretation)}
    for verdict in one.interpretation.drugs:
        again = read[verdict.drug]
        assert (again.verdict, again.level or "", again.fold) == (verdict.verdict, verdict.level, verdict.fold_median)
    said = {row.concept: row.call for row in record.rows["susceptibility"] if isinstance(row, Susceptibility)}
    assert said == {drug: each.verdict for each in one.interpretation.drugs for drug in each.drugs}
    assert not [issue for issue in record.issues if issue.level in ("unusable", "unmapped")]


def test_whose_specimen_when_and_by_whom_stands_in_every_resource() -> None:
    for each in resources(rich(), about=ABOUT)[1:]:
        assert each["subject"] == {"reference": PATIENT} and each["effectiveDateTime"] == DAY
        assert each["performer"] == [{"display": "Virology, Ulm"}]
    labelled = resources(plain(), about=About("M-0417\u202e; ward 3"))[1:]
    assert {json.dumps(each["subject"]) for each in labelled} == {'{"display": "M-0417; ward 3"}'}
    assert not any({"effectiveDateTime", "performer"} & each.keys() for each in labelled)


def test_what_a_site_has_changed_stands_in_the_report_and_with_every_result() -> None:
    changed = (
        "overlays of the site: north 3",
        "set by the site (shipped -> used): low_from 2 -> 3",
        "risk accepted by",
    )
    site = replace(known(), site=Site(("north 3",), ("thresholds: ours (north)",), (Number("low_from", "2", "3"),)))
    found = [each["resource"] for each in json.loads(render_fhir([rich()], site, VERSION))["entry"]]
    (report,) = named(found, "genomic-report")
    results = [each for each in found if "resistance to" in each.get("code", {}).get("text", "")][1:]
    notes = [" ".join(note["text"] for note in each["note"]) for each in results]
    assert len(notes) == 5
    assert all(line in text for line in changed for text in (*notes, report["conclusion"]))


def test_drugs_have_the_codes_that_we_read() -> None:
    for implication in named(resources(plain()), "therapeutic-implication"):
        for each in part(implication, "51963-7"):
            concept = each["valueCodeableConcept"]
            (coding,) = concept["coding"]
            assert [target.concept for target in shipped()[coding["system"], coding["code"]]] == [concept["text"]]
