"""CDS Hooks 2.0.1: what discovery, cards and feedback must be, after the published invariants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.service.hooks_support import EXAMPLES, Record, Site, call, calling, medication

from cmvigil.service.desk import Desk

NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/bundle.json"))
SILENT = {"low-load-watchful"}
"""Examples whose records were opened with nothing to do that day."""


@pytest.fixture(scope="module")
def site(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("hooks"), desk)
    made.register()
    return made


@pytest.fixture(scope="module")
def record(site: Site) -> Iterator[Record]:
    with calling(site) as made:
        yield made


@pytest.fixture(scope="module")
def answers(record: Record) -> dict[tuple[str, str], dict[str, Any]]:
    """Answers to every example opened, and to orders that are wrong in different ways."""
    found = {(name, "patient-view"): record.view(name) for name in NAMES}
    for name in NAMES[::3]:
        found[name, "order-sign"] = record.order(name, medication("maribavir", 400, "mg", 12))
        wrong = medication("valganciclovir", 900, "mg", 24)
        found[name, "order-select"] = record.order(name, wrong, hook="order-select")
    assert all(answer.status_code == 200 for answer in found.values())
    return {key: answer.json() for key, answer in found.items()}


@pytest.fixture(scope="module")
def cards(answers: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    return [card for answer in answers.values() for card in answer["cards"]]


def test_discovery_tells_the_three_services_with_what_each_must_say(record: Record) -> None:
    answer = record.get()
    assert answer.status_code == 200
    services = answer.json()["services"]
    assert {(each["id"], each["hook"]) for each in services} == {
        ("cmvigil-patient-view", "patient-view"),
        ("cmvigil-order-select", "order-select"),
        ("cmvigil-order-sign", "order-sign"),
    }
    for each in services:
        assert all(each[name].strip() for name in ("title", "description", "usageRequirements"))
        assert all(each["prefetch"].values())


def test_prefetch_keeps_to_the_recommended_subset_of_queries(record: Record) -> None:
    token = re.escape("{{context.patientId}}")
    allowed = rf"\w+/{token}|\w+\?patient={token}(&code=[A-Za-z0-9.,\-]+)?(&_sort=-?[a-z\-]+)?(&_count=\d+)?"
    for service in record.get().json()["services"]:
        for key, query in service["prefetch"].items():
            assert re.fullmatch(allowed, query), key
            assert len(query) < 2000, key


def test_each_example_has_at_most_one_card_and_the_right_ones_are_silent(
    answers: dict[tuple[str, str], dict[str, Any]],
) -> None:
    assert all(set(answer) == {"cards"} for answer in answers.values())  # no system actions
    assert all(len(answer["cards"]) <= 1 for answer in answers.values())
    assert {n for (n, hook), found in answers.items() if hook == "patient-view" and not found["cards"]} == SILENT


def test_a_card_has_what_it_must_and_nothing_null_or_empty(cards: list[dict[str, Any]]) -> None:
    assert len(cards) > 20
    for card in cards:
        assert str(UUID(card["uuid"])) == card["uuid"]
        assert 0 < len(card["summary"]) < 140
        assert card["summary"] == card["summary"].strip()
        assert card["indicator"] in ("info", "warning", "critical")
        assert card["source"]["label"]
        assert card["source"]["url"].startswith("http")
        assert {"system", "code", "display"} == set(card["source"]["topic"])
        assert "\n\n\n" not in card["detail"]
        assert not list(_empty(card))
    assert len({card["uuid"] for card in cards}) == len(cards)


def test_cds_resp_1_to_7(cards: list[dict[str, Any]]) -> None:
    for card in cards:
        suggestions = card.get("suggestions", [])
        # 1: with at-most-one, at most one recommended; 6: suggestions need a selection behaviour
        if card.get("selectionBehavior") == "at-most-one":
            assert sum(bool(each.get("isRecommended")) for each in suggestions) <= 1
        assert not suggestions or card["selectionBehavior"] in ("at-most-one", "any")
        for suggestion in suggestions:  # 2, 5, 7
            assert suggestion.get("actionSelectionBehavior", "all") in ("all", "any", "at-most-one")
            for action in suggestion.get("actions", []):
                assert action["description"]
                assert action["type"] != "delete" or ("resourceId" in action and "resource" not in action)
        for link in card.get("links", []):  # 3: appContext only for smart
            assert link["label"] and link["url"].startswith("http")
            assert link["type"] == "smart" or "appContext" not in link
        assert all(reason["display"] for reason in card["overrideReasons"])  # 4
        assert len({reason["code"] for reason in card["overrideReasons"]}) == len(card["overrideReasons"]) <= 8


def test_critical_stands_only_on_an_order_being_signed(record: Record) -> None:
    name = "kidney-d-plus-r-minus-refractory"
    forbidden = medication("maribavir", 400, "mg", 12)  # beside valganciclovir
    found = [
        record.card(record.order(name, forbidden)),
        record.card(record.order(name, forbidden, hook="order-select")),
        record.card(record.view(name)),
    ]
    assert [card and card["indicator"] for card in found] == ["critical", "warning", "warning"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fhirAuthorization": {"access_token": "t"}}, "fhirServer"),  # cds-r-1
        ({"hook": "order-sign"}, "hook"),
        ({"hook": 1}, "hook"),
        ({"hookInstance": "one"}, "hookInstance"),
        ({"hookInstance": None}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": {"userId": "Practitioner/1"}}, "context.patientId"),
        ({"context": {"patientId": "../x"}}, "context.patientId"),
        ({"fhirServer": "file:///etc/passwd"}, "fhirServer"),
        (
            {
                "fhirServer": "https://fhir.example.org",
                "fhirAuthorization": {"access_token": "t", "scope": "patient/*.rs", "patient": "other"},
            },
            "another patient",
        ),  # cds-r-2: the patient of the token is that of the context
        ({"fhirServer": "https://fhir.example.org", "fhirAuthorization": {"access_token": "a b"}}, "access_token"),
        ({"prefetch": []}, "prefetch"),
        ({"prefetch": {"loads": 7}}, "prefetch.loads"),
        ({"prefetch": {"patient": {"resourceType": "Patient", "id": "other"}}}, "prefetch"),
    ],
)
def test_a_wrong_call_is_refused_with_what_is_wrong(record: Record, change: dict[str, Any], said: str) -> None:
    full = call("patient-view", NAMES[0])["prefetch"]
    if isinstance(change.get("prefetch"), dict):
        change = {"prefetch": full | change["prefetch"]}
    answer = record.view(NAMES[0], change=change)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert any(said in issue["diagnostics"] for issue in outcome["issue"])
    assert all(issue["severity"] == "error" and issue["code"] for issue in outcome["issue"])


def test_what_is_no_json_is_refused_with_its_line(record: Record) -> None:
    path = "/cds-services/cmvigil-patient-view"
    answer = record.post(path, b'{"hook":\n nothing}')
    assert (answer.status_code, "line 2" in answer.text) == (400, True)
    headers = {"authorization": f"Bearer {record.token(path)}", "content-type": "text/plain"}
    assert record.client.post(path, content=b"{}", headers=headers).status_code == 415


def test_another_service_is_not_found(record: Record) -> None:
    for path in ("/cds-services/other", "/cds-services/other/feedback"):
        answer = record.post(path, {})
        assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")


def test_the_ballot_of_version_3_and_extensions_do_no_harm(record: Record) -> None:
    name = "relapse-on-azathioprine"
    more = {"version": "STU3", "hookVersion": "1.0", "extension": {"org.example": {"x": [1]}}, "unheard": None}
    plain, new = record.card(record.view(name)), record.card(record.view(name, change=more))
    assert plain and new
    assert plain["summary"] == new["summary"]


def test_cds_fb_1_an_outcome_is_accepted_or_overridden(record: Record) -> None:
    path = "/cds-services/cmvigil-patient-view/feedback"
    said = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-03-28T12:00:00Z"}
    assert record.post(path, {"feedback": [said]}).status_code == 200
    wrong = record.post(path, {"feedback": [said | {"outcome": "ignored"}]})
    assert (wrong.status_code, "feedback.0.outcome" in wrong.text) == (400, True)


def test_openapi_tells_of_the_hooks(record: Record) -> None:
    paths = record.client.get("/openapi.json").json()["paths"]
    assert set(paths["/cds-services/{service}"]["post"]["responses"]) >= {"200", "400", "401", "412"}


def _empty(value: Any, place: str = "card") -> Iterator[str]:
    if value in (None, "", [], {}):
        yield place
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _empty(each, f"{place}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _empty(each, f"{place}[{number}]")
