"""Logging in at a site: OpenID Connect with code, PKCE, state and nonce; what does not fit gets nobody in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.service import issuer
from tests.service.conftest import NOW
from tests.service.issuer import Provider, browser, log_in, query, returned

from cmvigil.service.desk import Desk
from cmvigil.service.security.limits import Strangers
from cmvigil.service.store import audit

LATER = int(NOW.timestamp())


@pytest.fixture(scope="module")
def shared() -> Iterator[Provider]:
    with issuer.provider() as made:
        yield made


@pytest.fixture
def provider(shared: Provider) -> Provider:
    """The provider, as honest as on the first day."""
    fresh = Provider(issuer=shared.issuer)
    for name in ("key", "claims", "sign", "refuse", "offers_logout", "ways", "asked", "codes"):
        setattr(shared, name, getattr(fresh, name))
    shared.user("Nora Quist", "cmv-clinician")
    return shared


@pytest.fixture
def site(provider: Provider, desk: Desk, tmp_path: Path) -> FastAPI:
    return issuer.site(provider.issuer, tmp_path, desk)


@pytest.fixture
def client(site: FastAPI) -> Iterator[TestClient]:
    with browser(site) as made:
        yield made


def lines(site: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    with site.state.services.database.reading() as session:
        return [(line.action, line.organisation_id, json.loads(line.detail)) for line in audit.entries(session)]


def test_a_page_asks_to_log_in_and_comes_back_to_itself(client: TestClient) -> None:
    asked = client.get("/patients?page=2", follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?back=/patients%3Fpage%3D2")
    begun = client.get(asked.headers["location"], follow_redirects=False)
    done = client.get(returned(begun.headers["location"]), follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/patients?page=2")
    page = client.get("/patients")
    assert page.status_code == 200
    assert "Nora Quist" in page.text


def test_the_request_bears_what_the_standard_asks(client: TestClient, provider: Provider) -> None:
    log_in(client)
    (asked,) = provider.asked
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://127.0.0.1/login/callback"
    assert asked["scope"].split()[0] == "openid"
    assert min(len(asked["state"]), len(asked["nonce"]), len(asked["code_challenge"])) >= 43
    log_in(browser(client.app))  # type: ignore[arg-type]
    assert not {provider.asked[1][each] for each in ("state", "nonce", "code_challenge")} & set(asked.values())


def test_a_secret_in_the_form_serves_where_the_provider_wants_it_there(client: TestClient, provider: Provider) -> None:
    provider.ways = ("client_secret_post",)
    assert log_in(client).status_code == 303


def test_the_login_is_written_down_and_the_user_kept_once(
    client: TestClient, site: FastAPI, provider: Provider
) -> None:
    log_in(client)
    provider.user("Nora Quist", "cmv-clinician", "cmv-administrator", organisation="South Infirmary")
    again = browser(site)
    log_in(again)
    assert [(action, organisation) for action, organisation, _ in lines(site)] == [
        ("login", "north"),
        ("login", "south"),
    ]
    assert again.get("/audit").status_code == 200
    assert client.get("/audit").status_code == 200  # the older session has the roles of today, too


def test_the_session_gets_a_new_name_and_the_old_one_is_dead(client: TestClient, site: FastAPI) -> None:
    begun = client.get("/login", follow_redirects=False)
    before = client.cookies["cmvigil"]
    client.get(returned(begun.headers["location"]))
    assert client.cookies["cmvigil"] != before
    thief = browser(site)
    thief.cookies.set("cmvigil", before)
    assert thief.get("/patients", follow_redirects=False).status_code == 303


def test_nobody_is_logged_in_by_what_was_begun_elsewhere(client: TestClient, site: FastAPI) -> None:
    """Login forgery: the victim's browser is sent to the callback with the attacker's code and state."""
    attacker = browser(site)
    begun = attacker.get("/login", follow_redirects=False)
    stolen = returned(begun.headers["location"])
    for victim in (client, browser(site)):
        answer = victim.get(stolen, follow_redirects=False)
        assert answer.status_code == 400
        assert "not begun in this browser" in answer.text
        assert victim.get("/patients", follow_redirects=False).status_code == 303


def test_an_answer_counts_once(client: TestClient) -> None:
    begun = client.get("/login", follow_redirects=False)
    answer = returned(begun.headers["location"])
    assert client.get(answer, follow_redirects=False).status_code == 303
    assert client.get(answer, follow_redirects=False).status_code == 400


def test_an_answer_counts_once_of_many_at_once(client: TestClient, site: FastAPI) -> None:
    begun = client.get("/login", follow_redirects=False)
    answer, cookies = returned(begun.headers["location"]), dict(client.cookies)

    def come_back(_: int) -> int:
        other = browser(site)
        other.cookies.update(cookies)
        return other.get(answer, follow_redirects=False).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(come_back, range(6))) == [303] + [400] * 5
    assert [action for action, _, _ in lines(site)] == ["login"]


def test_a_code_without_its_verifier_is_worthless(client: TestClient, site: FastAPI, provider: Provider) -> None:
    begun = client.get("/login", follow_redirects=False)
    code = query(returned(begun.headers["location"]))["code"]
    other = browser(site).get("/login", follow_redirects=False)
    assert query(other.headers["location"])["state"] != query(begun.headers["location"])["state"]
    provider.codes[code]["code_challenge"] = "another"
    state = query(begun.headers["location"])["state"]
    answer = client.get(f"/login/callback?code={code}&state={state}", follow_redirects=False)
    assert answer.status_code == 502


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://elsewhere.example"}, "token: iss"),
        ({"iss": None}, "token: iss"),
        ({"aud": "another"}, "token: aud"),
        ({"aud": ["another", "third"]}, "token: aud"),
        ({"aud": ["cmvigil", "another"]}, "token: azp"),
        ({"aud": ["cmvigil", "another"], "azp": "another"}, "token: azp"),
        ({"azp": "another"}, "token: azp"),
        ({"exp": LATER - 61}, "token: exp"),
        ({"exp": None}, "token: exp"),
        ({"iat": None}, "token: iat"),
        ({"nbf": LATER + 3600}, "token: nbf"),
        ({"nonce": "another"}, "token: nonce"),
        ({"nonce": None}, "token: nonce"),
        ({"sub": None}, "token: sub"),
    ],
)
def test_a_token_that_is_not_for_this_login_gets_nobody_in(
    client: TestClient, site: FastAPI, provider: Provider, claims: dict[str, Any], why: str
) -> None:
    provider.claims |= claims
    answer = log_in(client)
    assert answer.status_code == 403
    assert "cannot be trusted" in answer.text or "another application" in answer.text
    assert client.get("/patients", follow_redirects=False).status_code == 303
    ((action, organisation, detail),) = lines(site)
    assert (action, organisation, detail["why"]) == ("login.refused", "", why)


@pytest.mark.parametrize("claims", [{"exp": LATER - 59}, {"aud": ["cmvigil"]}, {"azp": "cmvigil"}, {"extra": {"a": 1}}])
def test_a_token_within_the_rules_gets_in(client: TestClient, provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims |= claims
    assert log_in(client).status_code == 303


@pytest.mark.parametrize("sign", [issuer.with_secret, issuer.unsigned])
def test_a_token_signed_by_no_key_of_the_provider_gets_nobody_in(
    client: TestClient, provider: Provider, sign: Any
) -> None:
    provider.sign = sign
    assert log_in(client).status_code == 403


def test_a_token_of_a_key_that_only_says_it_is_theirs_gets_nobody_in(client: TestClient, provider: Provider) -> None:
    false = ECKey.generate_key("P-256")
    provider.sign = lambda claims: jwt.encode({"alg": "ES256", "kid": provider.key.kid}, claims, false)
    assert log_in(client).status_code == 403


@pytest.mark.parametrize("token", ["", "a.b.c", "{}", "a.b.c.d.e"])
def test_what_is_no_token_gets_nobody_in(client: TestClient, provider: Provider, token: str) -> None:
    provider.sign = lambda _: token
    assert log_in(client).status_code == 403


def test_keys_change_and_the_next_login_works(client: TestClient, site: FastAPI, provider: Provider) -> None:
    assert log_in(client).status_code == 303
    provider.key = ECKey.generate_key("P-256", auto_kid=True)
    assert log_in(browser(site)).status_code == 303
    provider.key = RSAKey.generate_key(2048, auto_kid=True)  # type: ignore[assignment]
    provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, provider.key)
    assert log_in(browser(site)).status_code == 303


@pytest.mark.parametrize(
    ("roles", "organisation", "said"),
    [
        ([], "North General", "no role"),
        (["somebody"], "North General", "no role"),
        ("cmv-nothing", "North General", "no role"),
        ([{"role": "cmv-clinician"}], "North General", "no role"),
        (["cmv-clinician"], "Elsewhere", "no organisation"),
        (["cmv-clinician"], None, "no organisation"),
        (["cmv-clinician"], ["North General", "South Infirmary"], "several organisations"),
    ],
)
def test_who_is_not_mapped_is_told_so_and_stays_out(
    client: TestClient, site: FastAPI, provider: Provider, roles: Any, organisation: Any, said: str
) -> None:
    provider.claims |= {"roles": roles, "organisation": organisation}
    answer = log_in(client)
    assert answer.status_code == 403
    assert f"Your login carries {said}" in answer.text
    ((action, _, detail),) = lines(site)
    assert (action, detail) == ("login.refused", {"why": said, "subject": "id-Nora Quist"})


@pytest.mark.parametrize("roles", ["cmv-clinician", ["cmv-clinician", "unknown"]])
def test_one_mapped_role_suffices(client: TestClient, provider: Provider, roles: Any) -> None:
    provider.claims |= {"roles": roles, "organisation": ["North General", "Elsewhere"]}
    assert log_in(client).status_code == 303


def test_a_claim_within_a_claim_is_found(provider: Provider, desk: Desk, tmp_path: Path) -> None:
    given = issuer.settings(provider.issuer, tmp_path)
    assert given.login is not None
    login = given.login.model_copy(update={"role_claim": "realm_access.roles"})
    provider.claims |= {"roles": None, "realm_access": {"roles": ["cmv-pharmacist"]}}
    with browser(issuer.site(provider.issuer, tmp_path, desk, login=login)) as client:
        assert log_in(client).status_code == 303
        assert client.get("/patients").status_code == 200


def test_a_provider_that_says_no_is_heard(client: TestClient, site: FastAPI, provider: Provider) -> None:
    provider.refuse = "access_denied"
    answer = log_in(client)
    assert (answer.status_code, "did not let you in" in answer.text) == (403, True)
    assert [action for action, _, _ in lines(site)] == ["login.refused"]


def test_strangers_fill_no_audit_log_with_refused_logins(client: TestClient, site: FastAPI, provider: Provider) -> None:
    provider.refuse = "access_denied"
    for _ in range(Strangers.EACH + 3):
        assert log_in(client).status_code == 403
    assert len(lines(site)) == Strangers.EACH
    provider.refuse = ""
    provider.claims |= {"roles": []}
    log_in(client)  # whom the provider names is written down in any case
    assert lines(site)[-1][2] == {"why": "no role", "subject": "id-Nora Quist"}


def test_an_answer_of_another_issuer_is_refused(client: TestClient) -> None:
    begun = client.get("/login", follow_redirects=False)
    mixed = returned(begun.headers["location"]).split("&iss=")[0] + "&iss=https://elsewhere.example"
    assert client.get(mixed, follow_redirects=False).status_code == 403


def test_a_provider_that_is_away_is_said_to_be(desk: Desk, tmp_path: Path) -> None:
    with browser(issuer.site("http://127.0.0.1:9", tmp_path, desk)) as client:
        answer = client.get("/login")
        assert (answer.status_code, "does not answer" in answer.text) == (502, True)
        assert client.get("/healthz").status_code == 200


def test_a_provider_of_another_name_is_refused(provider: Provider, desk: Desk, tmp_path: Path) -> None:
    with browser(issuer.site(provider.issuer + "/", tmp_path, desk)) as client:
        assert client.get("/login").status_code == 502


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/ok\r\nset-cookie: a=b",
        "javascript:alert(1)",
        "patients",
        "/\t/evil.example",
        "",
    ],
)
def test_the_way_back_leads_to_no_other_site(client: TestClient, back: str) -> None:
    assert log_in(client, back).headers["location"] == "/"
    again = client.get("/login", params={"back": back}, follow_redirects=False)
    assert again.headers["location"] == "/"


def test_logging_out_ends_it_here_and_offers_it_there(client: TestClient, site: FastAPI, provider: Provider) -> None:
    log_in(client)
    token = client.get("/patients").text.split('name="csrf" content="')[1].split('"')[0]
    held = client.cookies["cmvigil"]
    assert client.post("/logout", data={"csrf": "00"}).status_code == 403
    done = client.post("/logout", data={"csrf": token})
    assert done.status_code == 200
    assert "Max-Age=0" in done.headers["set-cookie"]
    assert '"storage"' in done.headers["clear-site-data"]
    further = done.text.split(f'href="{provider.issuer}/leave')[1].split('"')[0].replace("&amp;", "&")
    assert set(query(further)) == {"id_token_hint", "client_id", "post_logout_redirect_uri"}
    thief = browser(site)
    thief.cookies.set("cmvigil", held)
    assert thief.get("/patients", follow_redirects=False).status_code == 303
    assert [action for action, _, _ in lines(site)] == ["login", "access.refused", "logout"]


def test_logging_out_where_the_provider_offers_nothing(client: TestClient, provider: Provider) -> None:
    provider.offers_logout = False
    log_in(client)
    token = client.get("/patients").text.split('name="csrf" content="')[1].split('"')[0]
    assert "Log out there too" not in client.post("/logout", data={"csrf": token}).text
