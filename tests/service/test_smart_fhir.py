"""Reading a FHIR server that is slow, partial, broken or hostile: what was read, what was not, and why."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date

import pytest
from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from tests.service.ehr import EXAMPLES, Ehr, running

from cmvigil.assess import assess
from cmvigil.record.read import read_record
from cmvigil.service.desk import Desk
from cmvigil.service.security.addresses import Outgoing
from cmvigil.service.settings import Settings
from cmvigil.service.smart.chart import Chart, fetch_patient
from cmvigil.service.smart.fhir import EndedError, FhirClient, FhirError, Limits

PATIENT = "relapse-on-azathioprine"


@pytest.fixture(scope="module")
def server() -> Iterator[Ehr]:
    """One record for the file; each test gets it as new."""
    with running(PATIENT, "pregnant", "lung-transplant", "sparse-record") as ehr:
        yield ehr


@pytest.fixture
def ehr(server: Ehr) -> Ehr:
    """The record, behaving well, with a token for everybody."""
    server.reset()
    server.tokens["all"] = {"patient": None, "scope": "system/*.rs", "valid": True}
    return server


@pytest.fixture
def out() -> Iterator[Outgoing]:
    """Our way out."""
    with Outgoing(Settings()) as way:
        yield way


def client(ehr: Ehr, out: Outgoing, **limits: float) -> FhirClient:
    """A client that does not really wait."""
    return FhirClient(ehr.fhir, out, "all", limits=Limits(**limits), pause=lambda _: None)  # type: ignore[arg-type]


def unread(chart: Chart) -> list[str]:
    """What a chart lacks, in words."""
    return [str(each) for each in chart.unread]


def only(kind: str, answer: Response | list[Response]) -> object:
    """Answers questions about one resource type, one after the other; the last again and again."""
    left = answer if isinstance(answer, list) else [answer]

    def behave(request: Request) -> Response | None:
        if not request.url.path.endswith(f"/{kind}"):
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return behave


@pytest.mark.parametrize("name", [PATIENT, "pregnant", "lung-transplant", "sparse-record"])
def test_the_answer_is_that_of_the_file(ehr: Ehr, out: Outgoing, desk: Desk, name: str) -> None:
    chart = fetch_patient(client(ehr, out), name)
    as_of = date(2026, 3, 28)
    ours = assess(read_record(chart.bundle()), desk.program, as_of).model_dump_json(exclude={"provenance"})
    file = read_record((EXAMPLES / name / "bundle.json").read_bytes())
    assert chart.unread == []
    assert ours.replace(f"{name}-", "") == assess(file, desk.program, as_of).model_dump_json(exclude={"provenance"})


def test_all_pages_are_read(ehr: Ehr, out: Outgoing) -> None:
    ehr.page = 7
    found = client(ehr, out).search(f"Observation?patient={PATIENT}")
    assert len(found.resources) == 87 and found.unread == []


def test_a_type_that_the_server_does_not_have_is_told(ehr: Ehr, out: Outgoing) -> None:
    ehr.behave = only("MedicationAdministration", PlainTextResponse("gone", 404))  # type: ignore[assignment]
    chart = fetch_patient(client(ehr, out), PATIENT)
    assert unread(chart) == ["MedicationAdministration not read in full: 404 Not Found"]
    outcome = json.loads(chart.bundle())["entry"][-1]["resource"]
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["expression"] == ["MedicationAdministration"]


def test_a_refusal_says_what_the_server_says(ehr: Ehr, out: Outgoing) -> None:
    said = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "no scope for it"}]}
    ehr.behave = only("Condition", JSONResponse(said, 403))  # type: ignore[assignment]
    chart = fetch_patient(client(ehr, out), PATIENT)
    assert unread(chart) == ["Condition not read in full: 403 Forbidden (no scope for it)"]


def test_pages_that_lead_in_a_circle_end(ehr: Ehr, out: Outgoing) -> None:
    here = f"{ehr.fhir}/Condition?page=2"
    page = {"resourceType": "Bundle", "link": [{"relation": "next", "url": here}]}
    ehr.behave = only("Condition", JSONResponse(page))  # type: ignore[assignment]
    found = client(ehr, out).search("Condition?patient=1")
    assert [each.found for each in found.unread] == ["pages that lead in a circle"]
    assert len(ehr.asked) == 2


def test_endless_pages_and_resources_end(ehr: Ehr, out: Outgoing) -> None:
    def behave(request: Request) -> Response:
        number = int(request.query_params.get("n", "0")) + 1
        link = [{"relation": "next", "url": f"{ehr.fhir}/Condition?n={number}"}]
        entry = [{"resource": {"resourceType": "Condition", "id": str(number)}}]
        return JSONResponse({"resourceType": "Bundle", "link": link, "entry": entry})

    ehr.behave = behave
    assert "more than 5 pages" in client(ehr, out, pages=5).search("Condition?n=0").unread[0].found
    found = client(ehr, out, resources=3).search("Condition?n=0")
    assert len(found.resources) == 3 and "more than 3 resources" in found.unread[0].found


@pytest.mark.parametrize(
    "further",
    [
        "https://evil.example/fhir/Condition?page=2",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/fhir/Condition",
        "/admin",
        "../auth/token",
        "file:///etc/passwd",
        "//evil.example/fhir",
    ],
)
def test_a_next_page_elsewhere_is_not_opened(ehr: Ehr, out: Outgoing, further: str) -> None:
    page = {"resourceType": "Bundle", "link": [{"relation": "next", "url": further}]}
    ehr.behave = only("Condition", JSONResponse(page))  # type: ignore[assignment]
    found = client(ehr, out).search("Condition?patient=1")
    assert [each.found for each in found.unread] == ["an address on another server"]
    assert len(ehr.asked) == 1


def test_a_redirect_is_not_followed(ehr: Ehr, out: Outgoing) -> None:
    ehr.behave = only("Condition", RedirectResponse("http://169.254.169.254/"))  # type: ignore[assignment]
    assert "307" in client(ehr, out).search("Condition?patient=1").unread[0].found


def test_a_busy_server_is_asked_again(ehr: Ehr, out: Outgoing) -> None:
    busy = PlainTextResponse("", 503, {"retry-after": "2"})
    ehr.behave = only("Condition", [busy, busy, JSONResponse({"resourceType": "Bundle"})])  # type: ignore[assignment]
    waits: list[float] = []
    found = FhirClient(ehr.fhir, out, "all", pause=waits.append).search("Condition?patient=1")
    assert found.unread == [] and waits == [2.0, 2.0]


def test_a_server_that_stays_busy_is_left_alone(ehr: Ehr, out: Outgoing) -> None:
    ehr.behave = only("Condition", PlainTextResponse("", 429))  # type: ignore[assignment]
    (said,) = client(ehr, out).search("Condition?patient=1").unread
    assert said.passing and said.found == "429 Too Many Requests" and len(ehr.asked) == 4
    ehr.asked.clear()
    ehr.behave = only("Condition", PlainTextResponse("", 503, {"retry-after": "3600"}))  # type: ignore[assignment]
    assert client(ehr, out).search("Condition?patient=1").unread and len(ehr.asked) == 1


def test_a_slow_server_keeps_nobody_waiting(ehr: Ehr, out: Outgoing) -> None:
    def behave(request: Request) -> Response | None:  # noqa: ARG001
        time.sleep(1.5)
        return None

    ehr.behave = behave
    began = time.monotonic()
    found = client(ehr, out, seconds=0.5).search(f"Condition?patient={PATIENT}")
    assert time.monotonic() - began < 1.2
    assert found.unread[0].passing and "no answer within" in found.unread[0].found


def test_a_huge_answer_is_not_taken(ehr: Ehr, out: Outgoing) -> None:
    ehr.behave = only("Condition", PlainTextResponse("x" * 200_000))  # type: ignore[assignment]
    assert "larger than" in client(ehr, out, bytes=100_000).search("Condition?patient=1").unread[0].found


@pytest.mark.parametrize("body", ["<html>hello</html>", "", "[1]", '{"resourceType": "Patient"}', "\x00\xff"])
def test_what_is_not_fhir_is_told(ehr: Ehr, out: Outgoing, body: str) -> None:
    ehr.behave = only("Condition", PlainTextResponse(body))  # type: ignore[assignment]
    found = client(ehr, out).search("Condition?patient=1")
    assert found.unread and found.resources == []


def test_a_token_that_ends_midway_is_renewed_once(ehr: Ehr, out: Outgoing) -> None:
    asked: list[str] = []

    def behave(request: Request) -> Response | None:
        if request.url.path.endswith("/Procedure"):
            ehr.tokens["all"]["valid"] = False
        return None

    def refresh() -> str:
        asked.append("")
        ehr.tokens["new"] = {"patient": None, "scope": "", "valid": True}
        return "new"

    ehr.behave = behave
    chart = fetch_patient(FhirClient(ehr.fhir, out, "all", refresh=refresh), PATIENT)
    assert chart.unread == [] and len(asked) == 1
    ehr.tokens["all"]["valid"] = True
    with pytest.raises(EndedError):
        fetch_patient(FhirClient(ehr.fhir, out, "all", refresh=lambda: None), PATIENT)


def test_resources_of_another_patient_are_left_out_and_told(ehr: Ehr, out: Outgoing) -> None:
    other = [{"resource": each} for each in ehr.of("Condition", "pregnant")]
    ehr.behave = only("Condition", JSONResponse({"resourceType": "Bundle", "entry": other}))  # type: ignore[assignment]
    chart = fetch_patient(client(ehr, out), PATIENT)
    assert f"Condition not read in full: {len(other)} resources of another patient" in unread(chart)
    assert b"pregnant" not in chart.bundle()


def test_another_patient_than_asked_for_is_refused(ehr: Ehr, out: Outgoing) -> None:
    ehr.behave = only(PATIENT, JSONResponse(ehr.resources["Patient", "pregnant"]))  # type: ignore[assignment]
    with pytest.raises(FhirError, match="another resource"):
        fetch_patient(client(ehr, out), PATIENT)
    with pytest.raises(FhirError, match="does not allow"):
        fetch_patient(client(ehr, out), "../../admin")


def test_a_server_that_wants_a_category_is_asked_by_category(ehr: Ehr, out: Outgoing) -> None:
    def behave(request: Request) -> Response | None:
        if request.url.path.endswith("/Observation") and "category" not in request.query_params:
            return PlainTextResponse("", 400)
        return None

    ehr.behave = behave
    chart = fetch_patient(client(ehr, out), PATIENT)
    assert chart.unread == [] and sum(kind == "Observation" for kind, _ in chart.resources) == 87


def test_a_medication_that_is_referred_to_is_read(ehr: Ehr, out: Outgoing) -> None:
    statement = ehr.of("MedicationStatement", PATIENT)[0]
    moved = {key: value for key, value in statement.items() if key != "medicationCodeableConcept"}
    moved["medicationReference"] = {"reference": "Medication/m1"}
    ehr.resources["MedicationStatement", statement["id"]] = moved
    concept = statement["medicationCodeableConcept"]
    ehr.resources["Medication", "m1"] = {"resourceType": "Medication", "id": "m1", "code": concept}
    chart = fetch_patient(client(ehr, out), PATIENT)
    assert ("Medication", "m1") in chart.resources
    del ehr.resources["Medication", "m1"]
    assert unread(fetch_patient(client(ehr, out), PATIENT)) == [
        "Medication not read in full: 404 Not Found (no such resource)"
    ]


def test_the_same_content_is_the_same_bundle(ehr: Ehr, out: Outgoing) -> None:
    first = fetch_patient(client(ehr, out), PATIENT).bundle()
    ehr.page = 9
    assert fetch_patient(client(ehr, out), PATIENT).bundle() == first


def test_a_warning_of_the_server_itself_is_told(ehr: Ehr, out: Outgoing) -> None:
    issues = [
        {"severity": "warning", "code": "suppressed", "details": {"text": "3 results are\n restricted"}},
        {"severity": "information", "diagnostics": "all is well"},
    ]
    entries = [{"resource": {"resourceType": "OperationOutcome", "issue": issues}}, {"resource": 7}, "odd"]
    ehr.behave = only("Condition", JSONResponse({"resourceType": "Bundle", "entry": entries}))  # type: ignore[assignment]
    (said,) = client(ehr, out).search("Condition?patient=1").unread
    assert said.found == "3 results are restricted" and said.standing


def test_a_busy_server_may_name_a_date(ehr: Ehr, out: Outgoing) -> None:
    busy = PlainTextResponse("", 503, {"retry-after": "Mon, 02 Mar 2026 10:00:00 GMT"})  # past: at once
    odd = PlainTextResponse("", 503, {"retry-after": "soon", "date": "yesterday"})
    ehr.behave = only("Condition", [busy, odd, JSONResponse({"resourceType": "Bundle"})])  # type: ignore[assignment]
    waits: list[float] = []
    found = FhirClient(ehr.fhir, out, "all", pause=waits.append).search("Condition?patient=1")
    assert found.unread == [] and waits == [0.0, 1.0]


def test_a_server_that_is_not_there_is_told(out: Outgoing) -> None:
    found = FhirClient("http://127.0.0.1:1/fhir", out, "all").search("Condition?patient=1")
    assert found.unread[0].passing and "no answer" in found.unread[0].found
    found = FhirClient("http://ehr.example/fhir", out, "all").search("Condition?patient=1")
    assert not found.unread[0].passing and "only https" in found.unread[0].found


def test_resources_without_an_id_are_left_out_and_told(ehr: Ehr, out: Outgoing) -> None:
    entries = [{"resource": {"resourceType": "Condition"}}]
    ehr.behave = only("Condition", JSONResponse({"resourceType": "Bundle", "entry": entries}))  # type: ignore[assignment]
    assert unread(fetch_patient(client(ehr, out), PATIENT)) == [
        "Condition not read in full: 1 resource without a type or id"
    ]


def test_a_server_that_does_not_include_medications_is_asked_without(ehr: Ehr, out: Outgoing) -> None:
    ehr.behave = lambda r: PlainTextResponse("", 400) if "_include" in r.query_params else None
    chart = fetch_patient(client(ehr, out), PATIENT)
    assert chart.unread == [] and any(kind == "MedicationStatement" for kind, _ in chart.resources)


def test_references_elsewhere_are_not_read_here_and_many_are_not_followed_one_by_one(ehr: Ehr, out: Outgoing) -> None:
    loads = ehr.of("Observation", PATIENT)
    for number, load in enumerate(loads[:65]):
        where = f"{ehr.fhir}/Specimen/s{number}" if number else "https://other.example/fhir/Specimen/s0"
        ehr.resources["Observation", load["id"]] = {**load, "specimen": {"reference": where}}
        specimen = {"resourceType": "Specimen", "id": f"s{number}", "type": {"text": "plasma"}}
        ehr.resources["Specimen", f"s{number}"] = specimen
    chart = fetch_patient(client(ehr, out), PATIENT)
    assert ("Specimen", "s0") not in chart.resources
    assert sum(kind == "Specimen" for kind, _ in chart.resources) == 60
    assert unread(chart) == ["Specimen not read in full: 4 more than 60 references"]


def test_a_type_whose_resources_are_refused_is_not_asked_for_sixty_times(ehr: Ehr, out: Outgoing) -> None:
    for number, load in enumerate(ehr.of("Observation", PATIENT)[:20]):
        ehr.resources["Observation", load["id"]] = {**load, "specimen": {"reference": f"Specimen/s{number}"}}
    ehr.behave = lambda r: PlainTextResponse("", 403) if "/Specimen/" in r.url.path else None
    assert unread(fetch_patient(client(ehr, out), PATIENT)) == ["Specimen not read in full: 403 Forbidden"]
    assert sum("/Specimen/" in each for each in ehr.asked) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            [{"use": "nickname", "text": "Addie"}, {"use": "official", "family": "Invented", "given": ["Ada", "B"]}],
            "Invented, Ada B",
        ),
        ([{"text": "  Ada \n Invented "}], "Ada Invented"),
        ([{"given": "Ada"}, 7], "p"),
        (None, "p"),
        ("Ada", "p"),
    ],
)
def test_a_patient_is_called_by_the_official_name(name: object, shown: str) -> None:
    assert Chart("p", {("Patient", "p"): {"resourceType": "Patient", "id": "p", "name": name}}).name == shown


@pytest.mark.parametrize("content", [b"cmvigil: 1", b"[]", b'{"resourceType": "Bundle"}'])
def test_what_is_no_bundle_of_ours_is_no_chart(content: bytes) -> None:
    assert Chart.read("p", content) is None
