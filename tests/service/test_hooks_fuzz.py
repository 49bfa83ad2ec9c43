"""Whatever a record sends, it gets an answer of the specification, never a failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.service.hooks_support import ASKED, Record, Resource, Site, call, calling, medication

from cmvigil.service.desk import Desk

NAME = "relapse-on-azathioprine"
VIEW, SIGN = "/cds-services/cmvigil-patient-view", "/cds-services/cmvigil-order-sign"
ANSWERS = {200, 400, 412}

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["Bundle", "Patient", "MedicationRequest", "2026-03-20", "mg", "active", "http://loinc.org", "72493-0", "final"]
)
names = texts | st.sampled_from(
    ["resourceType", "entry", "resource", "code", "coding", "system", "status", "subject", "valueQuantity", "value",
     "unit", "effectiveDateTime", "dosageInstruction", "timing", "repeat", "doseAndRate", "id", "link", "total"]
)  # fmt: skip
anything = st.recursive(
    leaves | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)
_FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def record(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    site = Site(tmp_path_factory.mktemp("fuzz"), desk)
    site.register()
    with calling(site) as made:
        yield made


def checked(answer: Any) -> None:
    """The answer is one that a record understands."""
    assert answer.status_code in ANSWERS, (answer.status_code, answer.text)
    found = answer.json()
    assert set(found) == {"cards"} if answer.status_code == 200 else found["resourceType"] == "OperationOutcome"


@_FEW
@given(body=st.binary(max_size=60) | anything.map(orjson.dumps))
def test_any_body(record: Record, body: bytes) -> None:
    for path in (VIEW, SIGN, f"{VIEW}/feedback"):
        answer = record.post(path, body)
        assert answer.status_code == 400 or answer.json() == {}


@_FEW
@given(change=st.dictionaries(st.sampled_from(["hook", "context", "prefetch", "fhirServer", "extension"]), anything))
def test_any_part_of_a_call(record: Record, change: Resource) -> None:
    checked(record.post(VIEW, call("patient-view", NAME, change=change)))


@_FEW
@given(key=st.sampled_from(list(ASKED)), value=anything)
def test_any_prefetch_of_a_key(record: Record, key: str, value: Any) -> None:
    request = call("patient-view", NAME)
    request["prefetch"][key] = value
    checked(record.post(VIEW, request))


@_FEW
@given(key=st.sampled_from(list(ASKED)), place=st.integers(0), name=names, value=anything)
def test_any_element_of_a_resource(record: Record, key: str, place: int, name: str, value: Any) -> None:
    request = call("patient-view", NAME)
    found = request["prefetch"][key]
    entries = found.get("entry") or [{"resource": found}]
    entries[place % len(entries)]["resource"][name] = value
    checked(record.post(VIEW, request))


@_FEW
@given(drafts=st.lists(anything, max_size=3), selections=st.none() | st.lists(texts, max_size=2))
def test_any_drafts(record: Record, drafts: list[Any], selections: list[str] | None) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in drafts]}
    checked(record.post(SIGN, call("order-sign", NAME, draftOrders=bundle, selections=selections)))


@_FEW
@given(name=st.sampled_from(["dosageInstruction", "subject", "medicationCodeableConcept", "extension", "id"]) | names,
       value=anything)  # fmt: skip
def test_any_element_of_a_draft(record: Record, name: str, value: Any) -> None:
    draft = medication("foscarnet", 60, "mg/kg", 8) | {name: value}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    checked(record.post(SIGN, call("order-sign", NAME, draftOrders=bundle)))


@pytest.mark.parametrize("depth", [200, 300, 900, 2000])
def test_what_is_nested_without_end(record: Record, depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    drafts = {"resourceType": "Bundle", "entry": [{"resource": medication("foscarnet", note="deep")}]}
    for path, hook in ((VIEW, "patient-view"), (SIGN, "order-sign")):
        request = call(hook, NAME, draftOrders=drafts)
        checked(record.post(path, orjson.dumps(request).replace(b'"deep"', deep)))
        request["prefetch"]["conditions"]["entry"].append({"resource": {"resourceType": "Condition", "note": "deep"}})
        request["context"].pop("draftOrders" if path == VIEW else "userId")
        checked(record.post(path, orjson.dumps(request).replace(b'"deep"', deep)))


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e-400", "9" * 400, "1" * 19])
def test_numbers_without_end(record: Record, number: str) -> None:
    request = call("order-sign", NAME, draftOrders={"resourceType": "Bundle", "entry": [
        {"resource": medication("foscarnet", 4711, "mg/kg", 8)}]})  # fmt: skip
    request["prefetch"]["laboratory"]["entry"][0]["resource"]["valueQuantity"] = {"value": 4711, "code": "umol/L"}
    checked(record.post(SIGN, orjson.dumps(request).replace(b"4711", number.encode())))
