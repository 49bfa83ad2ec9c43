"""Forged requests, hostile uploads, and what a stranger may make the server do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.service import issuer
from tests.service.conftest import csrf, example
from tests.service.issuer import browser, log_in
from tests.service.process import case

from cmvigil.record.errors import IntakeError
from cmvigil.sequencing.errors import SequenceError
from cmvigil.service.desk import Desk
from cmvigil.service.store.patients import Chart, File


@pytest.fixture(scope="module")
def site(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with issuer.provider() as provider:
        provider.user("Nora Quist", "cmv-clinician")
        made = issuer.site(provider.issuer, tmp_path_factory.mktemp("site"), desk)
        with browser(made):
            yield made


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "anything"}],
)
def test_a_form_of_another_site_is_refused_even_with_the_token(client: TestClient, headers: dict[str, str]) -> None:
    sent = {"name": "pregnant", "csrf": csrf(client)}
    assert client.post("/patients/example", data=sent, headers=headers).status_code == 403
    assert client.post("/patients/example", data=sent, headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("path", ["/patients", "/patients/example", "/logout"])
@pytest.mark.parametrize("token", [None, "", "00", "é", "0" * 128])
def test_without_the_token_nothing_changes(client: TestClient, path: str, token: str | None) -> None:
    form = {"name": "pregnant"} if token is None else {"name": "pregnant", "csrf": token}
    assert client.post(path, data=form, files={"file": ("f", case("x"))}).status_code == 403
    assert "No patients yet" in client.get("/patients").text


def test_the_token_may_come_in_a_header_or_in_the_form_of_an_upload(client: TestClient) -> None:
    token = csrf(client)
    file = {"file": ("case.yaml", case("one"))}
    assert client.post("/patients", files=file, headers={"x-csrf-token": token}).status_code == 200
    assert client.post("/patients", files=file, data={"csrf": token}).status_code == 200
    assert client.get("/patients").text.count(">one</a>") == 2


def test_a_token_as_a_file_or_in_the_address_is_none(client: TestClient) -> None:
    token = csrf(client)
    files = {"csrf": ("csrf", token.encode()), "file": ("case.yaml", case("one"))}
    assert client.post("/patients", files=files).status_code == 403
    assert client.post(f"/patients?csrf={token}", files={"file": ("c", case("one"))}).status_code == 403


def test_the_token_of_another_session_is_none(site: FastAPI) -> None:
    one, other = browser(site), browser(site)
    for each in (one, other):
        log_in(each)
    assert one.post("/patients/example", data={"name": "pregnant", "csrf": csrf(other)}).status_code == 403


def test_a_token_from_before_the_login_is_none_after_it(site: FastAPI) -> None:
    client = browser(site)
    client.get("/login", follow_redirects=False)
    before = csrf_of(client.get("/nowhere").text)
    log_in(client)
    assert client.post("/patients/example", data={"name": "pregnant", "csrf": before}).status_code == 403


def csrf_of(page: str) -> str:
    return page.split('name="csrf" content="')[1].split('"')[0]


def test_a_stranger_sends_nothing_that_is_even_read(site: FastAPI) -> None:
    for kind in ("multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "application/json"):
        answer = browser(site).post("/patients", content=b"x" * 1000, headers={"content-type": kind})
        assert answer.status_code == 401  # broken forms of those who may are 400


@pytest.mark.parametrize(
    "name", ["../../escaped", "/tmp/cmvigil-escaped", "..", ".", "", "a/../../b", "..\\..\\c", "\x00", "é" * 300, "-rf"]
)
def test_the_name_of_an_upload_leads_out_of_no_folder(desk: Desk, tmp_path: Path, name: str) -> None:
    record = File("case.yaml", case("one"))
    sequence = File(name.replace("/tmp", str(tmp_path)), b">s\nACGT\n", date(2026, 3, 1))
    with pytest.raises((SequenceError, IntakeError)):
        desk.record(Chart("1", "one", record, (sequence,)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1000,
        b"\xff\xfe",
        b"cmvigil: 1\n" + b"a: &a [" + b"*a," * 10 + b"]",
        b"a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c]",
        b"[" * 100_000,
        b"{" * 100_000,
        b'{"resourceType": "Bundle", "entry": ' + b"[" * 50_000,
        b"!!python/object/apply:os.system ['touch /tmp/cmvigil-escaped']",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"PK\x03\x04" + b"\x00" * 200,
    ],
)
def test_a_hostile_record_is_refused_and_nothing_is_kept(client: TestClient, content: bytes) -> None:
    answer = client.post("/patients", data={"csrf": csrf(client)}, files={"file": ("r", content)})
    assert answer.status_code == 422, answer.text
    assert "No patients yet" in client.get("/patients").text
    assert not Path("/tmp/cmvigil-escaped").exists()


def test_a_patients_name_is_text_wherever_it_is_shown(client: TestClient) -> None:
    evil = '"<img src=x onerror=alert(1)>"'
    file = {"file": ("<svg onload=alert(1)>.yaml", case(evil))}
    address = client.post("/patients", data={"csrf": csrf(client)}, files=file, follow_redirects=False)
    for path in ("/patients", address.headers["location"], "/worklist", address.headers["location"] + "/record"):
        page = client.get(path).text
        assert "<img src=x" not in page
        assert "<svg onload" not in page


def test_records_stay_out_of_every_cache(client: TestClient) -> None:
    assert client.get(example(client)).headers["cache-control"] == "no-store"
