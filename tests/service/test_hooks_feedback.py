"""Cards are written down without their patient, and what became of them once, by rule and version of the knowledge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from tests.service.hooks_support import BASE, ISSUER, Record, Resource, Site, call, example, patient_of

from cmvigil.service.context import Services
from cmvigil.service.desk import Desk
from cmvigil.service.hooks.cards import REASON, REASONS
from cmvigil.service.hooks.feedback import Summary, summary
from cmvigil.service.security.who import Who
from cmvigil.service.settings import Ehr
from cmvigil.service.smart.keeping import external
from cmvigil.service.store import audit, patients
from cmvigil.service.store.patients import File
from cmvigil.service.store.tables import CardFeedback, CardIssued

NAME = "kidney-d-plus-r-minus-refractory"
OTHER = "https://other.example.org"
PATH = "/cds-services/cmvigil-patient-view/feedback"
FHIR = "https://fhir.example.org/r4"


@pytest.fixture
def site(desk: Desk, database_url: str, tmp_path: Path) -> Site:
    made = Site(tmp_path, desk, more={"database": database_url})
    made.register()
    made.register(OTHER, "other")
    return made


@pytest.fixture
def running(site: Site) -> Iterator[TestClient]:
    with TestClient(site.app(), base_url=BASE) as client:
        yield client


@pytest.fixture
def record(site: Site, running: TestClient) -> Record:
    return Record(site, running)


@pytest.fixture
def parts(record: Record) -> Services:
    found: Services = record.client.app.state.services  # type: ignore[attr-defined]
    return found


def said(card: str, outcome: str = "overridden", time: str = "2026-05-29T12:30:00.52Z", **more: Any) -> Resource:
    return {"feedback": [{"card": card, "outcome": outcome, "outcomeTimestamp": time, **more}]}


def because(code: str, system: str = REASON, comment: str = "") -> Resource:
    return {"overrideReason": {"reason": {"system": system, "code": code}, "userComment": comment}}


def summed(parts: Services, organisation: str = "local") -> list[Summary]:
    with parts.database.reading() as session:
        return summary(session, organisation)


def test_a_card_is_written_down_with_its_rule_and_version_and_nothing_of_the_patient(
    record: Record, parts: Services
) -> None:
    card = record.card(record.view(NAME))
    assert card
    with parts.database.reading() as session:
        kept = session.get(CardIssued, card["uuid"])
        assert kept is not None
        assert kept.rule in parts.desk.program.rules
        assert (kept.knowledge, kept.indicator, kept.service) == (parts.desk.version, "warning", "cmvigil-patient-view")
        line = list(audit.entries(session))[-1]
        assert (line.action, line.actor, line.entity) == ("hooks.call", ISSUER, f"Patient/{patient_of(example(NAME))}")
        told = "".join(str(vars(kept))) + line.detail
    assert "valganciclovir" not in told
    assert summed(parts) == [Summary(kept.rule, kept.knowledge, sent=1, accepted=0, overridden=0)]


def test_the_same_report_counts_once_and_a_card_counts_once(record: Record, parts: Services) -> None:
    card = record.card(record.view(NAME))
    assert card
    for _ in range(3):
        assert record.post(PATH, said(card["uuid"], **because("known"))).status_code == 200
    assert record.post(PATH, said(f"urn:uuid:{card['uuid']}", **because("known"))).status_code == 200
    later = said(card["uuid"], time="2026-05-29T14:31:00+01:00", **because("known"))
    assert record.post(PATH, later).status_code == 200
    with parts.database.reading() as session:
        assert len(session.scalars(select(CardFeedback)).all()) == 2  # two looks at one card
    (only,) = summed(parts)
    assert (only.sent, only.overridden, only.accepted, only.reasons) == (1, 1, 0, {"known": 1})
    assert only.overridden_share == 1.0


def test_many_reports_come_in_one_with_their_reasons(record: Record, parts: Services) -> None:
    cards = [record.card(record.view(NAME)) for _ in range(4)]
    entries = [
        said(str(card["uuid"]), **more)["feedback"][0]
        for card, more in zip(
            [card for card in cards if card],
            [
                because("judgement", comment="as agreed\0 \u202eyesterday"),
                because("other", "http://example.org/reasons"),
                {},
                {"outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid4())}]},
            ],
            strict=True,
        )
    ]
    assert record.post(PATH, {"feedback": entries}).status_code == 200
    (only,) = summed(parts)
    assert (only.sent, only.overridden, only.accepted) == (4, 3, 1)
    assert only.reasons == {"http://example.org/reasons|other": 1, "judgement": 1}
    with parts.database.reading() as session:
        comments = set(session.scalars(select(CardFeedback.comment)))
    assert comments == {"as agreed yesterday", ""}


def test_an_unknown_card_and_that_of_another_organisation_are_kept_without_a_rule(
    record: Record, site: Site, parts: Services
) -> None:
    card = record.card(record.view(NAME))
    assert card
    assert record.post(PATH, said(str(uuid4()))).status_code == 200
    assert record.post(PATH, said("no uuid at all")).status_code == 200
    theirs = Record(site, record.client, OTHER)
    assert theirs.post(PATH, said(card["uuid"])).status_code == 200
    assert [(each.rule, each.sent, each.overridden) for each in summed(parts, "other")] == [("", 0, 1)]
    assert summed(parts, "other")[0].overridden_share is None
    assert [(each.rule == "", each.sent, each.overridden) for each in summed(parts)] == [
        (True, 0, 2),
        (False, 1, 0),
    ]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ([], "body"),
        ({}, "feedback"),
        ({"feedback": {}}, "feedback"),
        (said(""), "feedback.0.card"),
        (said("x", outcome="ignored"), "feedback.0.outcome"),
        (said("x", time="2026-05-29T12:30:00"), "feedback.0.outcomeTimestamp"),
        (said("x", time="9999-12-31T23:59:59-14:00"), "feedback.0.outcomeTimestamp"),
        (said("x", time="yesterday"), "feedback.0.outcomeTimestamp"),
        (said("x", overrideReason={"reason": "known"}), "feedback.0.overrideReason.reason"),
    ],
)
def test_a_wrong_report_is_refused_whole(record: Record, parts: Services, wrong: Any, where: str) -> None:
    answer = record.post(PATH, wrong)
    assert answer.status_code == 400
    assert where in answer.json()["issue"][0]["diagnostics"]
    assert summed(parts) == []


def test_reasons_are_few_and_plain() -> None:
    assert len(REASONS) <= 6
    assert all(len(words) < 40 for words in REASONS.values())


def test_a_card_links_to_the_page_of_a_patient_that_is_kept_and_to_the_launch(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, desk, more={"database": database_url, "ehrs": [Ehr(fhir=FHIR, client_id="c")]})
    site.register()
    site.register(OTHER, "other")
    with TestClient(site.app(), base_url=BASE) as client:
        parts: Services = client.app.state.services  # type: ignore[attr-defined]
        record, theirs = Record(site, client), Record(site, client, OTHER)
        who = Who("x", "x", "local", frozenset())
        name = external(FHIR, patient_of(example(NAME)))
        file = File("record.json", b"{}")
        with parts.database.writing() as session:
            kept = patients.add(session, who, label="x", record=file, origin="sync", now=site.now, external=name)
        card, other = (each.card(each.view(NAME, change={"fhirServer": FHIR + "/"})) for each in (record, theirs))
        plain = record.card(record.view(NAME))
    assert card and other and plain
    links = {link["type"]: link for link in card["links"]}
    assert links["absolute"]["url"] == f"{BASE}/patients/{kept.id}"
    assert links["smart"]["url"] == f"{BASE}/smart/launch"
    assert card["uuid"] in links["smart"]["appContext"]
    assert [link["type"] for link in other["links"]] == ["smart"]  # another organisation's patient is not linked
    assert "links" not in plain


def test_one_call_is_one_line_of_the_audit_log_and_the_chain_holds(record: Record, parts: Services) -> None:
    record.view(NAME)
    record.view("low-load-watchful")
    record.post("/cds-services/cmvigil-patient-view", call("order-sign", NAME))  # refused: nothing was answered
    with parts.database.reading() as session:
        lines = [each for each in audit.entries(session) if each.action == "hooks.call"]
        assert ['"card"' in line.detail for line in lines] == [True, False]
        assert audit.verify(audit.entries(session)) is None


def test_feedback_is_a_line_of_the_audit_log_without_what_users_typed(record: Record, parts: Services) -> None:
    card = record.card(record.view(NAME))
    assert card
    typed = because("Mrs Miller's own", "urn:x:Miller", comment="Mrs Miller")
    entries = [said(name, outcome, **typed)["feedback"][0] for name, outcome in ((card["uuid"], "overridden"),) * 2]
    entries += said("Miller", "accepted")["feedback"]
    for _ in range(2):  # told twice, kept once: each telling is a line
        assert record.post(PATH, {"feedback": entries}).status_code == 200
    assert record.post(PATH, {"feedback": [{}]}).status_code == 400
    with parts.database.reading() as session:
        lines = [each for each in audit.entries(session) if each.action == "hooks.feedback"]
        assert audit.verify(audit.entries(session)) is None
    assert [(each.actor, each.entity, orjson.loads(each.detail)) for each in lines] == [
        (ISSUER, "", {"service": "cmvigil-patient-view", "cards": 2, "accepted": 1, "overridden": 2})
    ] * 2


def test_nothing_of_the_patient_is_logged(record: Record, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        card = record.card(record.view(NAME))
        assert card
        record.post(PATH, said(card["uuid"], **because("judgement", comment="Mrs Miller")))
        record.view(NAME, change={"context": {"patientId": "Mrs Miller"}})
        record.client.get("/cds-services", headers={"authorization": f"Bearer {record.token('/else')}"})
    ours = [entry for entry in caplog.records if entry.name.startswith("cmvigil")]
    assert any("hooks.refused" in entry.getMessage() for entry in ours)
    told = "\n".join(entry.getMessage() for entry in ours)
    assert not any(word in told for word in ("Miller", "ganciclovir", patient_of(example(NAME)), card["uuid"]))
