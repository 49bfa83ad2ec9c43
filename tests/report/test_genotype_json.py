"""Sequenced samples as JSON: the published schema, what stands where, the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.genotype.support import known
from tests.report.laboratory_samples import ALL
from tests.report.sequenced import FAILED, VERSION, plain, rich

from cmvigil.report.genotype_json import render_json
from cmvigil.sequencing.sample import Sample

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "schemas" / "genotype.schema.json").read_text(encoding="utf-8")
)


def answer(*samples: Sample) -> Any:
    return json.loads(render_json(samples, [FAILED], known(), VERSION))


def problems(found: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(found)]


@pytest.mark.parametrize("made", [*ALL, rich, plain])
def test_every_sample_fits_the_published_schema(made: Callable[[], Sample]) -> None:
    assert problems(answer(made())) == []


def test_the_schema_is_closed_so_that_no_key_comes_or_goes_unseen() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    closed = [each for each in objects(SCHEMA) if each.get("additionalProperties") is False]
    assert len(closed) >= 10
    assert all(set(each["required"]) == set(each["properties"]) for each in closed)
    found = answer(rich())
    found["samples"][0]["surprise"] = 1
    del found["samples"][0]["drugs"][0]["words"]
    assert len(problems(found)) == 2


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield schema
        for each in schema.values():
            yield from objects(each)


def test_what_was_seen_and_what_it_means() -> None:
    found = answer(rich())
    (one,) = found["samples"]
    assert (one["name"], one["strain"], one["input_sha256"]) == ("=rich; one", "AD169", "0123456789abcdef" * 4)
    assert one["qc"][0] == {"level": "severe", "code": "two strains", "text": "looks like two strains"}
    assert one["coverage"]["UL56"] == [[1, 300], [310, 850]]
    variants = {each["change"]: each for each in one["variants"]}
    assert list(variants) == ["P522A", "ins884S", "V12fs", "A594V", "del595_603", "C603W"]
    a594v = variants["A594V"]
    assert (a594v["fraction"], a594v["low"], a594v["high"], a594v["depth"]) == (0.125, 0.11, 0.14, 800)
    assert a594v["hgvs"] == "YP_081544.1:p.(Ala594Val)"
    assert {each["drug"]: each["verdict"] for each in a594v["drugs"]}["ganciclovir"] == "resistant"
    assert variants["P522A"]["mixture"] and variants["P522A"]["fraction"] is None
    assert variants["P522A"]["flags"][0] == "phase unknown"
    verdicts = {each["drug"]: each["verdict"] for each in one["drugs"]}
    assert verdicts["ganciclovir"] == "resistant" and verdicts["letermovir"] == "not_determined"
    assert found["failed"] == [{"file": "bad.fasta", "problems": list(FAILED.problems)}]
    assert found["thresholds"]["report_floor"] == float(known().thresholds.report_floor)
    assert found["cmvigil"] == VERSION and found["knowledge"]["hash"] == known().hash


def test_a_call_that_did_not_pass_is_listed_and_means_nothing() -> None:
    (one,) = answer(rich())["samples"]
    filtered = one["variants"][-1]
    assert (filtered["change"], filtered["interpreted"], filtered["used"]) == ("C603W", False, False)
    assert (filtered["kind"], filtered["drugs"], filtered["flags"]) == (None, [], ["filtered"])
    assert not any("C603W" in driver for drug in one["drugs"] for driver in drug["drivers"])


def test_the_smallest_share_is_told_for_the_codons_that_were_read() -> None:
    (one,) = answer(rich())["samples"]
    assert one["detectable"] == {
        "UL97": {"median": 0.01, "worst": 0.01, "codons_above_report_floor": []},
        "UL54": {"median": 0.06, "worst": 0.06, "codons_above_report_floor": [[601, 1028]]},
    }


def test_the_same_input_gives_the_same_bytes() -> None:
    assert render_json([rich(), plain()], [], known(), VERSION) == render_json([rich(), plain()], [], known(), VERSION)
