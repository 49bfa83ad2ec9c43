"""The headers of every answer, and the host names that are answered to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.service.conftest import example

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.settings import Settings, SettingsError, read_settings

PATHS = ("/patients", "/nowhere", "/healthz", "/patients/none", "/static/0/none.js", "/openapi.json", "/cds-services")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_bears_the_policy(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(each.strip().partition(" ")[::2] for each in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == policy["connect-src"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


def test_refusals_before_the_pages_bear_it_too(desk: Desk, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, body_limit=10, requests_per_minute=1), desk=desk)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answers = [client.post("/patients", content=b"x" * 20), client.get("/", headers={"host": "evil.example"})]
        answers += [client.get("/healthz") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200, 413, 421, 429}
    assert all("content-security-policy" in answer.headers for answer in answers)


def test_a_defect_is_a_page_with_the_policy_and_without_its_message(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/fails")
    def fails() -> None:
        raise ValueError("Jane Doe, 1 Jan 1980")

    with TestClient(app, base_url="http://127.0.0.1") as client, caplog.at_level("INFO"):
        for accept, kind in (("text/html", "text/html"), ("application/json", "application/problem+json")):
            answer = client.get("/fails?name=Jane", headers={"accept": accept})
            assert answer.status_code == 500
            assert answer.headers["content-type"].startswith(kind)
            assert "content-security-policy" in answer.headers
            assert "cmvigil itself failed" in answer.text
            assert "Jane" not in answer.text
    assert "ValueError in test_headers.py" in str([record.msg for record in caplog.records])
    assert "Jane" not in str([(record.msg, record.exc_text) for record in caplog.records])


def test_records_that_may_frame_us_are_named(desk: Desk, tmp_path: Path) -> None:
    given = Settings(data=tmp_path, base_url="https://cmv.example.org", frame_ancestors=["https://ehr.example.org"])
    with TestClient(
        create_app(given, desk=desk), base_url="https://cmv.example.org", client=("127.0.0.1", 1)
    ) as client:
        client.headers["host"] = "127.0.0.1"
        headers = client.get("/healthz").headers
    assert "frame-ancestors https://ehr.example.org" in headers["content-security-policy"]
    assert "x-frame-options" not in headers
    assert headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize(
    "value", ["https://a.example; script-src *", "*", "https:", "https://a.example/path", "'self' *"]
)
def test_a_frame_that_would_open_the_policy_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="frame_ancestors"):
        read_settings(environ={}, frame_ancestors=[value])


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "evil.example",
            "evil.example:80",
            "127.0.0.1.evil.example",
            "127.0.0.1/evil",
            "a@127.0.0.1",
            "127.0.0.1 x",
        ),
        *("[::1", "127.0.0.1:", "127.0.0.1:port", "0.0.0.0", "127.1", "127.0.0.1#x", "127.0.0.1?x"),
    ],
)
def test_another_host_is_not_served(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8137", "localhost:1", "LOCALHOST", "[::1]:8137"])
def test_this_machine_is_served(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_two_hosts_at_once_are_none(client: TestClient) -> None:
    request = client.build_request("GET", "/healthz")
    request.headers = type(request.headers)([("host", "127.0.0.1"), ("host", "evil.example")])
    assert client.send(request).status_code == 421


def test_without_a_login_the_network_is_not_served_whatever_the_host_is_said_to_be(app: FastAPI) -> None:
    with TestClient(app, base_url="http://192.168.7.7", headers={"host": "localhost"}) as client:
        assert client.get("/patients").status_code == 403


def test_nothing_that_was_sent_comes_back_as_markup_or_header(client: TestClient) -> None:
    evil = "<script>alert(1)</script>"
    address = example(client)
    client.headers["accept"] = "text/html"
    for path in (
        f"/patients/{evil}",
        f"{address}?as_of={evil}",
        f"/nowhere/{evil}",
        f"/patients?said={evil}",
        f"/login?back={evil}",
        f"/audit?before={evil}",
        f"/smart/launch?iss={evil}&launch={evil}",
        f"/static/0/{evil}",
    ):
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code < 500
        assert evil not in answer.text
    for path in ("/login?back=/a%0d%0aset-cookie:%20a=b", "/patients/%0d%0aset-cookie:%20a=b"):
        answer = client.get(path, follow_redirects=False)
        assert "a=b" not in answer.headers.get("set-cookie", "")


def test_an_address_cannot_put_words_into_our_mouth(client: TestClient) -> None:
    assert "Stop ganciclovir" not in client.get("/patients?said=Stop+ganciclovir+now").text


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fapp.py",
        "../app.py",
        "%2e%2e/app.py",
        "..%5capp.py",
        "patients.html.jinja",
        "a" * 300,
        "%00",
        ".",
        "%2fetc%2fpasswd",
    ],
)
def test_nothing_but_styles_and_scripts_is_served(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/0/{name}")
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_a_style_is_kept_for_good_only_under_its_own_hash(client: TestClient) -> None:
    page = client.get("/patients").text
    path = re.search(r"/static/[0-9a-f]{12}/report\.css", page)
    assert path is not None
    assert "immutable" in client.get(path[0]).headers["cache-control"]
    assert client.get("/static/000000000000/report.css").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "CONNECT", "FOO"])
def test_other_methods_do_nothing_and_say_what_is_allowed(client: TestClient, method: str) -> None:
    for path in ("/patients", "/patients/example", "/logout"):
        answer = client.request(method, path)
        assert answer.status_code in (403, 405)
        assert answer.status_code == 403 or answer.headers["allow"]
    assert "No patients yet" in client.get("/patients").text


def test_the_published_description_holds_no_page_of_a_patient(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert "/healthz" in paths
    assert not [path for path in paths if path.startswith(("/patients", "/audit", "/login", "/worklist", "/metrics"))]


def test_pages_bring_no_script_or_style_of_their_own(client: TestClient) -> None:
    address = example(client)
    for path in ("/patients", address, "/nowhere", "/audit"):
        page = client.get(path, headers={"accept": "text/html"}).text
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", page)
        assert not re.search(r"<[^>]+\s(style|on\w+)=", page)
        assert "javascript:" not in page


def test_settings_of_a_site_must_be_safe() -> None:
    login = {"issuer": "https://id.example.org", "client_id": "c", "roles": {}, "organisations": {}}
    for wrong, said in (
        ({"mode": "site"}, "a site needs"),
        ({"mode": "site", "login": login}, "base_url"),
        ({"mode": "site", "login": login, "base_url": "http://cmv.example.org"}, "https"),
        ({"mode": "site", "login": login, "base_url": "https://cmv.example.org/path"}, "no path"),
        ({"mode": "site", "login": {**login, "issuer": "http://id.example.org"}, "base_url": "https://x.org"}, "https"),
        ({"mode": "site", "login": login, "base_url": "https://cmv.example.org", "hooks_open": True}, "hooks_open"),
        ({"mode": "site", "login": login, "base_url": "https://x.example.org", "start_key": "k"}, "start_key"),
    ):
        with pytest.raises(SettingsError, match=said):
            read_settings(environ={}, **wrong)


def test_what_is_less_safe_than_it_could_be_is_said(tmp_path: Path) -> None:
    login = {"issuer": "https://id.example.org", "client_id": "c", "roles": {}, "organisations": {}}
    site = {"mode": "site", "login": login, "base_url": "http://127.0.0.1", "trusted_proxies": ["*"]}
    said = "\n".join(read_settings(environ={}, data=tmp_path, **site).warnings())
    for each in ("not https", "trusted_proxies", "file of this machine"):
        assert each in said
    assert read_settings(environ={"CMVIGIL_HOOKS_OPEN": "true"}, data=tmp_path).warnings() != []
    assert read_settings(environ={}, data=tmp_path).warnings() == []


def test_secrets_come_from_the_environment_and_are_never_shown() -> None:
    found = read_settings(environ={"CMVIGIL_START_KEY": "kLm3", "CMVIGIL_MODE": "single-user", "CMVIGIL_EHRS": "x"})
    assert found.start_key is not None
    assert found.start_key.get_secret_value() == "kLm3"
    assert "kLm3" not in repr(found)
    assert found.ehrs == []


@pytest.mark.parametrize(
    ("name", "each"),
    [
        ("ehrs", {"fhir": "https://ehr.example.org/fhir", "client_id": "x"}),
        ("hooks", {"issuer": "https://ehr.example.org", "jwks": "https://ehr.example.org/jwks"}),
    ],
)
def test_one_record_belongs_to_one_organisation(name: str, each: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="stands twice"):
        read_settings(environ={}, **{name: [each, {**each, "organisation": "other"}]})
