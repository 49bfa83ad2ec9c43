"""Browser sessions: sealed, bound to their cookie, and over in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import func, select
from tests.service import issuer
from tests.service.conftest import NOW, csrf, example
from tests.service.issuer import Provider, browser, log_in

from cmvigil.service.app import create_app
from cmvigil.service.desk import Desk
from cmvigil.service.security import sessions
from cmvigil.service.security.who import LOCAL
from cmvigil.service.settings import Settings
from cmvigil.service.store.database import Database
from cmvigil.service.store.tables import LoginSession


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with issuer.provider() as made:
        made.user("Nora Quist", "cmv-clinician")
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(provider: Provider, desk: Desk, tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    given = issuer.settings(provider.issuer, tmp_path, session_hours=12, idle_minutes=30)
    with browser(create_app(given, desk=desk, clock=clock)) as client:
        log_in(client)
        yield client


def inside(client: TestClient) -> bool:
    return client.get("/patients", follow_redirects=False).status_code == 200


def rows(client: TestClient) -> int:
    with client.app.state.services.database.reading() as session:  # type: ignore[attr-defined]
        return session.scalar(select(func.count()).select_from(LoginSession)) or 0


def test_it_ends_when_nothing_comes_for_a_while(site: TestClient, clock: Clock) -> None:
    for _ in range(3):
        clock.now += timedelta(minutes=29)
        assert inside(site)
    clock.now += timedelta(minutes=30)
    assert not inside(site)


def test_it_ends_in_time_however_busy(site: TestClient, clock: Clock) -> None:
    while clock.now < NOW + timedelta(hours=12) - timedelta(minutes=20):
        clock.now += timedelta(minutes=20)
        assert inside(site)
    clock.now = NOW + timedelta(hours=12)
    assert not inside(site)


def test_a_form_that_comes_too_late_is_told_to_log_in_and_is_not_read(site: TestClient, clock: Clock) -> None:
    token = csrf(site)
    clock.now += timedelta(hours=1)
    answer = site.post("/patients/example", data={"csrf": token, "name": "pregnant"})
    assert (answer.status_code, "Not logged in" in answer.text) == (401, True)


def test_strangers_leave_no_trace_in_the_database(provider: Provider, desk: Desk, tmp_path: Path) -> None:
    with browser(issuer.site(provider.issuer, tmp_path, desk)) as client:
        for path in ("/patients", "/", "/nowhere", "/healthz", "/audit"):
            answer = client.get(path, follow_redirects=False)
            assert "set-cookie" not in answer.headers
        assert rows(client) == 0


def test_a_login_that_nobody_ends_is_forgotten_after_ten_minutes(
    provider: Provider, desk: Desk, tmp_path: Path, clock: Clock
) -> None:
    app = create_app(issuer.settings(provider.issuer, tmp_path), desk=desk, clock=clock)
    with browser(app) as client:
        begun = [browser(app) for _ in range(3)]
        for each in begun:
            each.get("/login", follow_redirects=False)
        assert rows(client) == 3
        clock.now += timedelta(minutes=4)
        assert log_in(client).status_code == 303
        assert rows(client) == 4
        clock.now += timedelta(minutes=6)
        assert inside(client)  # who is logged in stays
        browser(app).get("/login", follow_redirects=False)
        assert rows(client) == 2


def test_an_address_leaves_no_more_than_so_many_begun_logins(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "BEGUN_AT_ONCE", 3)
    database = Database(database_url)
    database.migrate()
    made = []
    for number in range(10):
        visit = sessions.begin()
        visit.origin = "10.0.0.2" if number == 0 else "10.0.0.1"
        made.append(visit)
        with database.writing() as session:
            sessions.keep(session, visit, NOW + timedelta(seconds=number), 12)
    somebody = sessions.begin(LOCAL)
    with database.writing() as session:
        sessions.keep(session, somebody, NOW, 12)
    with database.reading() as session:
        left = [n for n, visit in enumerate(made) if sessions.resume(session, visit.token, NOW) is not None]
        assert left == [0, 7, 8, 9]
        assert sessions.resume(session, somebody.token, NOW + timedelta(hours=11)) is not None
    database.close()


def test_sessions_that_are_over_are_cleared_away(site: TestClient, clock: Clock) -> None:
    assert rows(site) == 1
    clock.now += timedelta(days=2)
    log_in(browser(site.app))  # type: ignore[arg-type]
    assert rows(site) == 1


def test_a_cookie_that_we_did_not_give_is_no_session(client: TestClient) -> None:
    answer = client.get("/patients", headers={"cookie": "cmvigil=chosen-by-somebody-else"})
    assert answer.headers["set-cookie"].startswith("cmvigil=")
    assert "chosen" not in answer.headers["set-cookie"]


def test_the_database_holds_neither_the_cookie_nor_what_it_opens(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    database.migrate()
    visit = sessions.begin()
    visit.data["token"] = "a token of a FHIR server"
    with database.writing() as session:
        sessions.keep(session, visit, NOW, 12)
    database.close()
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert visit.token.encode() not in content
    assert b"FHIR server" not in content
    with database.reading() as session:
        again = sessions.resume(session, visit.token, NOW)
        assert again is not None
        assert again.data == visit.data
        assert sessions.resume(session, sessions.begin().token, NOW) is None


def test_data_sealed_by_another_token_are_not_opened(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'cmvigil.db'}")
    database.migrate()
    one, other = sessions.begin(), sessions.begin()
    one.data["token"] = "secret"
    with database.writing() as session:
        for each in (one, other):
            sessions.keep(session, each, NOW, 12)
        found = session.get(LoginSession, other.id)
        stolen = session.get(LoginSession, one.id)
        assert found is not None
        assert stolen is not None
        found.sealed = stolen.sealed
    with database.reading() as session:
        again = sessions.resume(session, other.token, NOW)
        assert again is not None
        assert again.data == {}


def test_the_token_of_a_form_is_another_each_time_and_all_of_them_hold() -> None:
    visit = sessions.begin()
    given = [visit.csrf for _ in range(50)]
    assert len(set(given)) == 50
    assert all(visit.gave(each) for each in given)
    assert not any(sessions.begin().gave(each) for each in given)
    for wrong in (
        "",
        "00",
        "zz",
        "é",
        given[0][:-2],
        given[0] + "00",
        given[0][:-2] + "zz",
    ):
        assert not visit.gave(wrong)


def test_a_shared_computer_asks_for_the_key(desk: Desk, tmp_path: Path) -> None:
    given = Settings(data=tmp_path, start_key=SecretStr("kLm3"))
    with browser(create_app(given, desk=desk, clock=lambda: NOW)) as client:
        assert client.get("/patients", follow_redirects=False).headers["location"].startswith("/login")
        assert "with its key" in client.get("/patients").text
        assert client.get("/login?key=wrong").status_code == 401
        assert client.post("/patients/example", data={"name": "pregnant"}).status_code == 401
        assert rows(client) == 0
        entered = client.get("/login?key=kLm3&back=/patients", follow_redirects=False)
        assert entered.headers["location"] == "/patients"
        assert client.get(example(client)).status_code == 200
        assert browser(client.app).get("/patients", follow_redirects=False).status_code == 303  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base_url", "ancestors", "name", "flags"),
    [
        ("", [], "cmvigil", "; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200"),
        ("https://cmv.example.org", [], "__Host-cmvigil", "; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200; Secure"),
        (
            "https://cmv.example.org",
            ["https://ehr.example.org"],
            "__Host-cmvigil",
            "; Path=/; HttpOnly; SameSite=None; Partitioned; Max-Age=43200; Secure",
        ),
    ],
)
def test_the_flags_of_the_cookie(
    desk: Desk, tmp_path: Path, base_url: str, ancestors: list[str], name: str, flags: str
) -> None:
    given = Settings(data=tmp_path, base_url=base_url, frame_ancestors=ancestors)
    with TestClient(create_app(given, desk=desk), base_url="http://127.0.0.1") as client:
        cookie = client.get("/patients").headers["set-cookie"]
    assert cookie.startswith(f"{name}=")
    assert cookie[cookie.index(";") :] == flags
