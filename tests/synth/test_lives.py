"""Virtual patients: made again alike, read by our intake without surprise, valid FHIR, and true to their truth."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from math import log10
from statistics import fmean, stdev
from typing import Any

import orjson
import pytest
from tests.support import fhir_r4
from tests.synth.support import DAYS, UNTIL, WARD, doses, life, lives, program, record, resources

from cmvigil.assess.genotypes import with_readings
from cmvigil.record.codes import OWN, shipped
from cmvigil.record.fhir.bundle import bundle_record
from cmvigil.record.vocabulary import vocabulary
from cmvigil.synth import hosts
from cmvigil.synth import parameters as p
from cmvigil.synth.chart import CENTRAL, DISTRICT, STRANGE, TESTS, Chart, Laboratory
from cmvigil.synth.course import KINDS, MUTATIONS
from cmvigil.synth.lives import Life, Ward

MANY = 400


def day(text: str) -> date:
    return date.fromisoformat(text)


def of_type(made: Life, kind: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in made.chart.lines[kind]]


def loads(made: Life) -> list[dict[str, Any]]:
    return [each for each in of_type(made, "Observation") if each["code"]["text"] == "CMV DNA"]


# -- made again --------------------------------------------------------------------------------------------------------
def test_a_patient_follows_from_seed_and_number() -> None:
    again = Life(WARD, doses(), 12)
    assert (again.chart.lines, again.truth) == (life(12).chart.lines, life(12).truth)
    assert Life(Ward(8, 0.6, DAYS, UNTIL), doses(), 12).chart.lines != again.chart.lines


# -- read by our intake ------------------------------------------------------------------------------------------------
def test_intake_finds_what_is_wrong_on_purpose_and_nothing_else() -> None:
    faults: Counter[str] = Counter()
    for made in lives(MANY):
        read = record(made)
        levels = Counter(issue.level for issue in read.issues)
        found = {
            "rejected": levels["rejected"],
            "unusable": levels["unusable"],
            "unmapped": read.counts.get("unmapped", 0),
        }
        assert found == {level: made.truth["intake"].get(level, 0) for level in found}, made.chart.patient
        faults.update(made.truth["faults"])
    assert faults.keys() == {
        "blip",
        "cancelled order",
        "duplicate",
        "entered in error",
        "no value",
        "unknown condition",
        "unknown drug",
        "unknown test",
        "wrong unit",
    }


def test_every_antiviral_is_read_with_its_dose() -> None:
    read = 0
    for made in lives(MANY):
        wanted = [(each["drug"], each["mg_a_day"]) for each in made.truth["courses"]]
        weight = made.body.weight
        rows = [row for row in record(made).rows["exposure"] if row.concept in hosts.ANTIVIRALS]
        found = []
        for row in rows:
            amount = float(row.dose) * (weight if row.dose_unit == "mg/kg" else 1)
            found.append((row.concept, round(amount * 24 / float(row.interval_h), 1)))
        assert sorted(found) == sorted(wanted), made.chart.patient
        read += len(found)
    assert read > 200


@pytest.mark.parametrize("name", sorted(TESTS))
def test_codes_mean_what_they_should(name: str) -> None:
    test = TESTS[name]
    targets = shipped().get((test.system, test.code), ())
    if name == STRANGE:
        assert targets == ()
        return
    concept = name.partition(" ")[0]
    assert [target.concept for target in targets] == [concept]
    assert test.ucum in vocabulary().quantities[concept].accepts


def test_drugs_are_known_or_meant_not_to_be() -> None:
    known = vocabulary().drug_names
    for each in vars(hosts).values():
        if isinstance(each, tuple) and len(each) == 2 and all(isinstance(part, str) for part in each):
            assert each[1] in known, each
    assert not [drug for (_, drug), _ in hosts.ORDINARY_DRUGS if drug in known]


def test_hosts_are_known_as_what_they_are() -> None:
    for host in hosts.HOSTS.values():
        for code in (*host.transplants, *host.disease):
            assert code[:2] in shipped(), code
    assert sum(each.share for each in hosts.HOSTS.values()) == pytest.approx(1)
    assert sum(share for _, share in KINDS) == pytest.approx(1)


def test_a_result_in_error_is_followed_by_the_right_one() -> None:
    seen = 0
    for made in lives(MANY):
        found = of_type(made, "Observation")
        for wrong, right in pairwise(found):
            if wrong["status"] == "entered-in-error":
                assert right["status"] == "corrected"
                assert (wrong["code"], wrong["effectiveDateTime"]) == (right["code"], right["effectiveDateTime"])
                assert wrong["valueQuantity"]["value"] > right["valueQuantity"]["value"]
                seen += 1
    assert seen > 20


# -- FHIR --------------------------------------------------------------------------------------------------------------
def test_a_sample_is_valid_r4() -> None:
    of_all_kinds: dict[tuple[str, str, frozenset[str]], dict[str, Any]] = {}
    for made in lives(150):
        for each in resources(made):
            code = each.get("code", each.get("medicationCodeableConcept", {})).get("text", "")
            of_all_kinds.setdefault((each["resourceType"], code, frozenset(each)), each)
    entries = [
        {"fullUrl": f"https://hospital.example/{each['resourceType']}/{each['id']}", "resource": each}
        for each in of_all_kinds.values()
    ]
    assert len(entries) > 60
    made = orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert fhir_r4.problems(made) == []


def test_every_resource_says_that_it_is_test_data() -> None:
    for made in lives(30):
        for each in resources(made):
            assert each["meta"]["tag"][0]["code"] == "HTEST", each


def test_references_lead_to_resources_of_the_patient() -> None:
    for made in lives(60):
        found = resources(made)
        there = {f"{each['resourceType']}/{each['id']}" for each in found}
        for each in found:
            for name in ("subject", "specimen"):
                assert each.get(name, {}).get("reference", f"Patient/{made.chart.patient}") in there
            for name in ("performer", "basedOn"):
                assert {reference["reference"] for reference in each.get(name, ())} <= there


def test_ids_stand_once_but_for_duplicates() -> None:
    for made in lives(100):
        ids = Counter((each["resourceType"], each["id"]) for each in resources(made))
        assert sum(number - 1 for number in ids.values()) == made.truth["faults"].get("duplicate", 0)


def test_nothing_is_known_after_the_export() -> None:
    for made in lives(60):
        for each in of_type(made, "Observation"):
            assert max(each["effectiveDateTime"], each.get("issued", "")[:10]) <= UNTIL.isoformat()
        for kind in ("MedicationRequest", "Condition", "Procedure"):
            for each in of_type(made, kind):
                assert each.get("authoredOn", each.get("recordedDate", "")) <= UNTIL.isoformat()


# -- distributions -----------------------------------------------------------------------------------------------------
def test_shares_are_those_asked_for() -> None:
    made = list(lives(MANY))
    named = Counter(each.truth["host"] for each in made)
    for host in hosts.HOSTS.values():
        assert abs(named[host.name] / MANY - host.share) < 0.08
    at_risk = [each for each in made if each.truth["host"] != "ordinary"]
    assert abs(fmean(each.truth["cmv"] for each in at_risk) - WARD.cmv) < 0.08
    assert {each.truth["plan"] for each in made} == {"none", *(kind for kind, _ in KINDS)}


@pytest.mark.parametrize("host", hosts.HOSTS)
def test_a_host_can_be_asked_for(host: str) -> None:
    ward = Ward(1, 0.5, DAYS, UNTIL, host)
    assert {each.truth["host"] for each in lives(10, ward)} == {host}


def test_ordinary_patients_have_nothing_of_cmv() -> None:
    ward = Ward(1, 1.0, DAYS, UNTIL, "ordinary")
    for made in lives(60, ward):
        assert not made.truth["cmv"]
        text = b"".join(line for lines in made.chart.lines.values() for line in lines).lower()
        assert b"cmv" not in text.replace(OWN.encode(), b"")
        assert b"ganciclovir" not in text


def test_no_cmv_at_all_can_be_asked_for() -> None:
    ward = Ward(1, 0.0, DAYS, UNTIL)
    assert {each.truth["plan"] for each in lives(60, ward)} == {"none"}


def test_about_thirty_observations_a_patient() -> None:
    numbers = [len(made.chart.lines["Observation"]) for made in lives(200, Ward(1, 0.3, DAYS, UNTIL))]
    assert 25 < fmean(numbers) < 45


@pytest.mark.parametrize("days", [30, 90, 400])
def test_other_spans_of_days(days: int) -> None:
    for made in lives(40, Ward(2, 1.0, days, UNTIL)):
        assert (day(made.truth["until"]) - day(made.truth["from"])).days == days - 1
        record(made)


# -- the truth ---------------------------------------------------------------------------------------------------------
def noise(made: Life, laboratory: Laboratory) -> list[float]:
    """Logarithms of a laboratory's results against the true load in plasma of the day."""
    course, found = made.course, []
    for each in loads(made) if course else ():
        value = each.get("valueQuantity", {})
        number = (day(each["effectiveDateTime"]) - day(made.truth["from"])).days
        true = course.loads[number - course.first]
        home = each["performer"][0]["display"] == laboratory.name
        if home and value.get("code") == "[IU]/mL" and "comparator" not in value and true > 1000:
            found.append(log10(value["value"] / true))
    return found


@pytest.mark.parametrize(("laboratory", "above"), [(CENTRAL, 0.0), (DISTRICT, p.WHOLE_BLOOD.value)])
def test_results_are_the_true_load_with_the_noise_of_an_assay(laboratory: Laboratory, above: float) -> None:
    found = [each for made in lives(MANY) for each in noise(made, laboratory)]
    assert len(found) > 150
    assert abs(fmean(found) - above) < 0.05
    assert abs(stdev(found) - p.ASSAY_NOISE.value) < 0.04


def test_ganciclovir_lowers_the_neutrophils() -> None:
    on: list[float] = []
    off: list[float] = []
    for made in lives(MANY):
        spans = [
            (each["from"], each["to"] or "9999") for each in made.truth["courses"] if "ganciclovir" in each["drug"]
        ]
        for row in record(made).rows["measurement"]:
            if row.concept == "neutrophils" and row.value is not None:
                earlier = (row.day - timedelta(days=7)).isoformat()
                (on if any(start <= earlier <= end for start, end in spans) else off).append(float(row.value.low))
    assert len(on) > 50
    assert fmean(on) < 0.7 * fmean(off)


def test_low_loads_are_below_quantification_or_not_detected() -> None:
    said = Counter()
    for made in lives(MANY):
        for each in loads(made):
            quantity = each.get("valueQuantity", {})
            said[(quantity.get("comparator", ""), "valueQuantity" in each, "dataAbsentReason" in each)] += 1
    assert said["<", True, False] > 50
    assert said["", False, False] > 50
    assert said["", False, True] > 2


def test_both_laboratories_measure_and_some_patients_know_both() -> None:
    both = 0
    seen: set[str] = set()
    for made in lives(MANY):
        named = {each["performer"][0]["display"] for each in loads(made)}
        seen |= named
        both += len(named) == 2
    assert len(seen) == 2
    assert both > 20


def test_viraemia_lies_within_the_patients_days() -> None:
    for made in lives(MANY):
        truth = made.truth
        spans = truth["viraemia"]
        assert truth["onset"] == (spans[0][0] if spans else None)
        for start, end in spans:
            assert end is None or start <= end <= truth["until"]
        assert all(end is not None for _, end in spans[:-1])
        for found in truth["definitions"].values():
            assert found is None or found <= truth["until"]


def test_recurrences_come_after_four_weeks_without_virus() -> None:
    found = 0
    for made in lives(MANY):
        spans = made.truth["viraemia"]
        ends = {start: before for (_, before), (start, _) in pairwise(spans)}
        for each in made.truth["recurrences"]:
            assert day(each) - day(ends[each]) > timedelta(days=28)
            found += 1
    assert found > 10


def test_what_is_resistant_carries_its_change() -> None:
    reported = 0
    for made in lives(MANY):
        variants = record(made).rows["variant"]
        truth = made.truth["resistance"]
        assert bool(variants) <= (truth is not None)
        for each in variants:
            assert (each.gene, each.change) == (truth["gene"], truth["change"])
            assert each.known_on > day(truth["from"])
        reported += bool(variants)
    assert reported > 5


def test_no_two_doses_are_given_on_one_day() -> None:
    for made in lives(MANY):
        spans = sorted((each["from"], each["to"] or "9999") for each in made.truth["courses"])
        assert all(end < start for (_, end), (start, _) in pairwise(spans)), made.chart.patient


@pytest.mark.parametrize("change", MUTATIONS)
def test_every_change_means_resistance_to_ganciclovir_and_to_nothing_else_that_is_given(change: str) -> None:
    chart = Chart("someone", UNTIL.toordinal())
    chart.coverage(0, 7, "UL97", 1, 707)
    chart.coverage(0, 7, "UL54", 1, 1242)
    chart.variant(0, 7, "UL97", change, 0.6)
    entries = [{"resource": orjson.loads(line)} for line in chart.lines["Observation"]]
    read = bundle_record({"resourceType": "Bundle", "entry": entries}, name="x", mapping=None, patient=None)
    verdicts = {row.concept: row.verdict for row in with_readings(read, program()).rows["interpretation"]}
    assert verdicts["ganciclovir"] == "resistant"
    assert verdicts["foscarnet"] == "susceptible"
    assert verdicts["maribavir"] != "resistant"


def test_each_kind_of_course_is_mostly_what_it_is_meant_to_be() -> None:
    true: Counter[tuple[str, str]] = Counter()
    number: Counter[str] = Counter()
    for made in lives(MANY):
        number[made.truth["plan"]] += 1
        true.update((made.truth["plan"], name) for name, found in made.truth["definitions"].items() if found)
    assert true["none", "dnaemia"] == 0
    assert true["single", "dnaemia"] > 0.9 * number["single"]
    assert true["recurrent", "recurrent"] > 0.3 * number["recurrent"]
    assert true["single", "recurrent"] < 0.1 * number["single"]
    assert true["under-dosed", "line_under_dosed"] > 0.6 * number["under-dosed"]
    assert true["under-dosed", "refractory"] == 0
    assert true["resistant", "resistance_reported"] > 0.6 * number["resistant"]
    assert true["resistant", "not_responding"] > 0.3 * number["resistant"]
    assert true["low", "dnaemia"] > 0.5 * number["low"]
    assert true["low", "line_under_dosed"] == 0


def test_low_infections_stay_low_and_untreated() -> None:
    for made in lives(MANY):
        if made.truth["plan"] == "low":
            assert made.truth["peak"] <= p.LOW_CEILING.high
            assert [each for each in made.truth["courses"] if each["intent"] == "treatment"] == []
