"""The page of the case form: saving, what holds it up, drafts, files in and out, and rows without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from tests.service.conftest import NOW, csrf, example

from cmvigil.record.document import read_document
from cmvigil.record.read import read_record
from cmvigil.service.app import create_app
from cmvigil.service.attending import expire_drafts
from cmvigil.service.context import Services
from cmvigil.service.desk import Desk
from cmvigil.service.pages import case_form_drafts as drafts
from cmvigil.service.pages.case_form_drafts import ChangedError
from cmvigil.service.pages.case_form_fill import fields_of
from cmvigil.service.security.who import LOCAL, Who
from cmvigil.service.settings import Settings
from cmvigil.service.store import patients
from cmvigil.service.store.patients import NotFoundError
from cmvigil.service.store.tables import AuditEntry, Draft

EXAMPLES = Path(__file__).parents[2] / "examples"
RELAPSE = EXAMPLES / "relapse-on-azathioprine" / "case.yaml"
FEW = {
    "frame.patient": "ward 7",
    "frame.as_of": "2026-03-28",
    "defaults.unit": "IU/mL",
    "defaults.specimen": "plasma",
    "loads.0.date": "2026-03-27",
    "loads.0.value": "12400",
}
IMPLAUSIBLE = {"labs.0.test": "creatinine", "labs.0.unit": "mg/dL", "labs.0.at0": "5000", "labs.day.0": "2026-03-27"}
AS_JSON = {"accept": "application/json"}


def post(client: TestClient, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    data = {"csrf": csrf(client), **fields}
    return client.post(path, data=data, headers={"accept": "text/html", **headers}, follow_redirects=False)


def told(page: str) -> dict[str, str]:
    """The fields of the form on a page, as a browser would send them."""
    form = page.split('id="case"')[1].split("</form>")[0]
    found = {}
    for tag in re.findall(r"<input [^>]*>", form):
        kind = re.search(r' type="(\w+)"', tag)
        value = re.search(r' value="([^"]*)"', tag)
        name = re.search(r' name="([^"]*)"', tag)
        assert name is not None
        if (kind is None or kind[1] == "hidden" or " checked" in tag) and value is not None and value[1]:
            found[name[1]] = unescape(value[1])
    for name_of, options in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        if chosen is not None and chosen[1]:
            found[name_of] = unescape(chosen[1])
    return {name: text for name, text in found.items() if "." in name or name == "rest"}


def stored(app: FastAPI, model: type[Draft] | type[AuditEntry]) -> list[Draft | AuditEntry]:
    services: Services = app.state.services
    with services.database.reading() as session:
        return list(session.scalars(select(model)))


def actions(app: FastAPI) -> list[str]:
    return [line.action for line in stored(app, AuditEntry) if isinstance(line, AuditEntry)]


# --- saving


def test_a_case_is_saved_as_a_patient_with_the_file_that_was_judged(client: TestClient) -> None:
    answer = post(client, "/cases/new", FEW)
    assert answer.status_code == 303
    place = answer.headers["location"]
    assert "CMV is active" in client.get(place).text
    text = client.get(f"{place}/record/1").text
    assert text.startswith("# yaml-language-server: $schema=")
    assert read_document(text).content["viral_loads"] == [{"date": "2026-03-27", "value": "12400"}]
    assert "ward 7" in client.get("/patients").text


def test_what_must_be_mended_is_said_at_the_top_and_beside_its_field_and_nothing_is_lost(client: TestClient) -> None:
    answer = post(client, "/cases/new", {**FEW, "antivirals.0.drug": "gancyclovirr", "antivirals.0.start": "2026-03"})
    assert answer.status_code == 422
    assert "Not saved: one place to mend." in answer.text
    assert '<a href="#f.antivirals.0.drug">Antiviral 1, drug</a>' in answer.text
    field = re.search(r'<input id="f.antivirals.0.drug"[^>]*>', answer.text)
    assert field is not None
    assert 'aria-describedby="r.antivirals.0.drug" aria-invalid="true"' in field[0]
    assert told(answer.text).items() >= {**FEW, "antivirals.0.start": "2026-03"}.items()
    assert "No patients yet" in client.get("/patients").text


def test_what_would_not_be_used_is_shown_before_it_is_saved(client: TestClient) -> None:
    refused = post(client, "/cases/new", {**FEW, **IMPLAUSIBLE})
    assert refused.status_code == 422
    assert "Save all the same" in refused.text
    confirmed = re.search(r'name="confirmed" value="(\w+)"', refused.text)
    assert confirmed is not None
    other = {**FEW, **IMPLAUSIBLE, "labs.0.at0": "6000", "confirmed": confirmed[1]}
    assert post(client, "/cases/new", other).status_code == 422  # what was shown was something else
    assert post(client, "/cases/new", {**FEW, **IMPLAUSIBLE, "confirmed": confirmed[1]}).status_code == 303


def test_a_script_gets_the_same_as_data(client: TestClient) -> None:
    headers = {"x-csrf-token": csrf(client), **AS_JSON}
    refused = client.post("/cases/new", json={**FEW, "person.age": "x"}, headers=headers)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["found"]] == ["person.age"]
    to = client.post("/cases/new", json=FEW, headers=headers).json()["to"]
    assert client.get(to).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff"])
def test_what_is_no_form_is_refused(client: TestClient, body: bytes) -> None:
    headers = {"x-csrf-token": csrf(client), "content-type": "application/json", **AS_JSON}
    assert client.post("/cases/check", content=body, headers=headers).status_code == 400


# --- while it is typed


def test_checking_keeps_nothing_and_says_what_the_answer_would_be(client: TestClient, app: FastAPI) -> None:
    before = actions(app)
    said = post(client, "/cases/check", fields_of(read_document(RELAPSE.read_text()).content)).json()
    assert said["says"][0].startswith("Day 8 of ganciclovir")
    assert said["missing"]
    assert said["found"] == []
    wrong = post(client, "/cases/check", {**FEW, "person.age": "x"}).json()
    assert (wrong["says"], [each["field"] for each in wrong["found"]]) == ([], ["person.age"])
    assert actions(app) == before
    assert stored(app, Draft) == []


def test_checking_writes_nothing_of_the_patient_to_the_log(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    post(client, "/cases/check", {**FEW, "frame.patient": "Blumenthal", "person.age": "Blumenthal"})
    assert "Blumenthal" not in "".join(capfd.readouterr())


# --- drafts


def kept(client: TestClient, fields: dict[str, str], **controls: str) -> httpx.Response:
    return post(client, "/cases/draft", {**fields, **controls}, **AS_JSON)


def test_a_draft_is_gone_on_with_and_is_gone_when_the_case_is_saved(client: TestClient, app: FastAPI) -> None:
    draft = kept(client, {**FEW, "person.age": "half a nu"}).json()
    assert f"/cases/new?draft={draft['draft']}" in client.get("/cases/new").text
    page = client.get("/cases/new", params={"draft": draft["draft"]}).text
    assert told(page).items() >= {**FEW, "person.age": "half a nu"}.items()
    post(client, "/cases/new", {**FEW, "draft": draft["draft"]})
    assert stored(app, Draft) == []
    assert [action for action in actions(app) if action.startswith("draft")] == [
        "draft.create",
        "draft.read",
        "draft.drop",
    ]


def test_two_tabs_on_one_draft_do_not_overwrite_each_other_unseen(client: TestClient) -> None:
    first = kept(client, FEW).json()
    second = kept(client, {**FEW, "person.age": "60"}, draft=first["draft"], seen=str(first["seen"])).json()
    assert second["seen"] == first["seen"] + 1
    late = kept(client, {**FEW, "person.age": "61"}, draft=first["draft"], seen=str(first["seen"]))
    assert late.status_code == 409
    assert "changed in another tab" in late.json()["changed"]
    assert told(client.get("/cases/new", params={"draft": first["draft"]}).text)["person.age"] == "60"
    page = post(client, "/cases/draft", {**FEW, "person.age": "61", "draft": first["draft"], "seen": "1"})
    assert page.status_code == 409  # without a script: the typed text stays, and is no longer of that draft
    assert 'name="draft" value=""' in page.text
    assert told(page.text)["person.age"] == "61"


def test_a_draft_is_ones_own(app: FastAPI, client: TestClient) -> None:
    services: Services = app.state.services
    draft = kept(client, FEW).json()["draft"]
    for other in (Who("other", "Other", "local", LOCAL.roles), Who("local", "you", "elsewhere", LOCAL.roles)):
        for attempt in attempts(draft, other):
            with services.database.writing() as session, pytest.raises(NotFoundError):
                attempt(session)
        with services.database.reading() as session:
            assert drafts.listed(session, other) == []


def attempts(draft: str, who: Who) -> list[Callable[..., object]]:
    return [
        lambda session: drafts.find(session, who, draft, NOW),
        lambda session: drafts.keep(session, who, {}, NOW, draft=draft, seen=1),
        lambda session: drafts.drop(session, who, draft, NOW),
    ]


def test_a_draft_is_thrown_away(client: TestClient, app: FastAPI) -> None:
    draft = kept(client, FEW).json()["draft"]
    assert post(client, "/cases/draft/drop", {"draft": draft}).status_code == 303
    assert stored(app, Draft) == []
    assert post(client, "/cases/draft/drop", {"draft": draft}).status_code == 404
    assert post(client, "/cases/draft/drop", {}).status_code == 404


def test_a_draft_that_is_saved_while_another_tab_types_is_not_found_there(client: TestClient) -> None:
    draft = kept(client, FEW).json()["draft"]
    post(client, "/cases/new", {**FEW, "draft": draft})
    assert kept(client, FEW, draft=draft, seen="1").status_code == 404


# --- an existing record


def test_a_record_is_edited_and_the_older_version_stays(client: TestClient) -> None:
    place = example(client)
    page = client.get(f"{place}/edit").text
    fields = {**told(page), **hidden(page), "person.sex": "male"}
    assert post(client, f"{place}/edit", fields).status_code == 303
    assert read_document(client.get(f"{place}/record/2").text).content["person"]["sex"] == "male"
    assert client.get(f"{place}/record/1").content == RELAPSE.read_bytes()


def hidden(page: str) -> dict[str, str]:
    return {name: text for name, text in re.findall(r'name="(base|patient|draft|seen)" value="([^"]*)"', page) if text}


def test_a_record_that_was_replaced_meanwhile_is_not_overwritten_unseen(client: TestClient) -> None:
    place = example(client)
    page = client.get(f"{place}/edit").text
    fields = {**told(page), **hidden(page)}
    post(client, f"{place}/edit", {**fields, "person.sex": "male"})
    answer = post(client, f"{place}/edit", {**fields, "frame.patient": "mine"})
    assert answer.status_code == 409
    assert "Somebody replaced this record" in answer.text
    assert told(answer.text)["frame.patient"] == "mine"
    again = post(client, f"{place}/edit", {**told(answer.text), **hidden(answer.text)})
    assert again.status_code == 303


def test_a_draft_of_an_edit_remembers_the_record_it_began_from(client: TestClient) -> None:
    place = example(client)
    page = client.get(f"{place}/edit").text
    draft = kept(client, told(page), **hidden(page)).json()["draft"]
    assert f"/cases/new?draft={draft}" in client.get(f"{place}/edit").text
    post(client, f"{place}/edit", {**told(page), **hidden(page), "person.sex": "male"})
    resumed = client.get("/cases/new", params={"draft": draft}).text
    assert f'action="{place}/edit"' in resumed
    assert post(client, f"{place}/edit", {**told(resumed), **hidden(resumed)}).status_code == 409


def test_what_is_wrong_in_an_edit_is_said(client: TestClient) -> None:
    place = example(client)
    page = client.get(f"{place}/edit").text
    answer = post(client, f"{place}/edit", {**told(page), **hidden(page), "person.birth_date": "1871"})
    assert answer.status_code == 422
    assert "Born" in answer.text


def test_a_record_that_came_as_a_bundle_has_no_form(client: TestClient) -> None:
    bundle = {"file": ("b.json", (EXAMPLES / "relapse-on-azathioprine" / "bundle.json").read_bytes())}
    answer = client.post("/patients", data={"csrf": csrf(client)}, files=bundle, follow_redirects=False)
    page = client.get(f"{answer.headers['location']}/edit")
    assert page.status_code == 422
    assert "newer Bundle" in page.text


# --- files


def imported(client: TestClient, name: str, content: bytes) -> httpx.Response:
    data = {"csrf": csrf(client)}
    return client.post("/cases/import", data=data, files={"file": (name, content)}, follow_redirects=False)


def test_a_case_file_fills_the_form_and_comes_out_the_same(client: TestClient) -> None:
    answer = imported(client, "case.yaml", RELAPSE.read_bytes())
    assert answer.headers["location"].startswith("/cases/new?draft=")
    fields = told(client.get(answer.headers["location"]).text)
    file = post(client, "/cases/file", fields)
    assert file.headers["content-disposition"] == 'attachment; filename="case.yaml"'
    one, other = read_record(file.content), read_record(RELAPSE.read_bytes())
    assert {name: len(found) for name, found in one.rows.items()} == {n: len(f) for n, f in other.rows.items()}


def test_a_case_file_with_errors_fills_the_form_too(client: TestClient) -> None:
    text = b"cmvigil: 1\nunheard_of: {a: b}\ndrugs: [{drug: gancyclovirr, start: 2026-13-01}]\n"
    page = client.get(imported(client, "c.yaml", text).headers["location"]).text
    assert "gancyclovirr" in page
    assert "Kept as it is" in page
    assert "unheard_of: {a: b}" in page


def test_a_bundle_is_kept_as_a_record(client: TestClient) -> None:
    answer = imported(client, "b.json", (EXAMPLES / "relapse-on-azathioprine" / "bundle.json").read_bytes())
    assert re.fullmatch(r"/patients/[\w-]+", answer.headers["location"])


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"- a", b"a: [", b"%PDF-1.7\n\x93"])
def test_another_file_is_refused(client: TestClient, app: FastAPI, content: bytes) -> None:
    assert imported(client, "x", content).status_code == 422
    assert stored(app, Draft) == []


# --- without a script


def test_rows_are_added_taken_away_and_pasted_by_buttons(client: TestClient) -> None:
    def count(page: str, name: str) -> int:
        return len(re.findall(rf'<input id="f.loads.\d+.{name}"', page))

    empty = count(client.get("/cases/new").text, "date")
    assert count(post(client, "/cases/rows", {"do": "add.loads"}).text, "date") > empty
    pasted = post(client, "/cases/rows", {**FEW, "do": "paste.loads", "pasted": "2026-03-01\t5\n2026-03-08\t7"}).text
    assert [told(pasted)[f"loads.{n}.value"] for n in range(3)] == ["12400", "5", "7"]
    removed = told(post(client, "/cases/rows", {**told(pasted), "do": "remove.loads.1"}).text)
    assert "loads.1.value" not in removed
    assert removed["loads.2.value"] == "7"


def test_the_form_answers_enter_without_saving(client: TestClient) -> None:
    """The first button of a form is the one that Enter presses."""
    form = client.get("/cases/new").text.split('id="case"')[1]
    first = re.search(r"<button[^>]*>", form)
    assert first is not None
    assert 'formaction="/cases/rows"' in first[0]


def test_a_second_writer_waits_and_sees_the_first(app: FastAPI, client: TestClient) -> None:
    services: Services = app.state.services
    draft = kept(client, FEW).json()["draft"]
    with services.database.writing() as session:
        assert drafts.keep(session, LOCAL, FEW, NOW, draft=draft, seen=1).number == 2
    with services.database.writing() as session, pytest.raises(ChangedError):
        drafts.keep(session, LOCAL, FEW, NOW, draft=draft, seen=1)
    with services.database.writing() as session, pytest.raises(NotFoundError):
        drafts.keep(session, LOCAL, FEW, NOW, patient="nobody")
    with services.database.reading() as session:
        assert [each.id for each in patients.drafts(session, LOCAL)] == [draft]


@pytest.mark.parametrize(
    ("days", "until"),
    [(30, "2\N{NO-BREAK SPACE}Apr\N{NO-BREAK SPACE}2026"), (60, "2\N{NO-BREAK SPACE}May\N{NO-BREAK SPACE}2026")],
)
def test_a_draft_says_how_long_it_is_kept_and_is_thrown_away_then(
    desk: Desk, tmp_path: Path, days: int, until: str
) -> None:
    app = create_app(Settings(data=tmp_path, draft_days=days), desk=desk, clock=lambda: NOW)
    parts: Services = app.state.services
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for label, age in (("older", 25), ("newer", 20)):
            with parts.database.writing() as session:
                drafts.keep(session, LOCAL, {"frame.patient": label}, NOW - timedelta(days=age))
        assert f"kept until {until}" in client.get("/cases/new").text
        later = replace(parts, clock=lambda: NOW + timedelta(days=days - 24))
        assert [expire_drafts(later), expire_drafts(later)] == [1, 0]
        page = client.get("/cases/new").text
        assert ">newer<" in page and ">older<" not in page
        assert actions(app).count("draft.expire") == 1


def test_an_edit_that_names_the_patient_otherwise_renames_them(client: TestClient) -> None:
    place = post(client, "/cases/new", FEW).headers["location"]
    base = told_base(client, place)
    assert post(client, f"{place}/edit", {**FEW, "frame.patient": "ward 9", "base": base}).status_code == 303
    listed = client.get("/patients").text
    assert "ward 9" in listed and "ward 7" not in listed
    assert "ward 9" in client.get(f"{place}/record").text


def test_an_edit_that_leaves_the_name_leaves_what_the_patient_is_called(client: TestClient) -> None:
    place = example(client)
    called = re.search(rf'href="{place}">([^<]+)<', client.get("/patients").text)
    assert called is not None
    page = client.get(f"{place}/edit").text
    fields = {**told(page), "base": told_base(client, place)}
    assert post(client, f"{place}/edit", fields).status_code == 303
    assert f">{called[1]}<" in client.get("/patients").text


def told_base(client: TestClient, place: str) -> str:
    found = re.search(r'name="base" value="(\w+)"', client.get(f"{place}/edit").text)
    assert found is not None
    return found[1]
