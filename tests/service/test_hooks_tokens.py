"""Who may call the hooks: the attacks on a token, one by one, and that each token serves once."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from sqlalchemy import func, select
from tests.service.hooks_support import BASE, ISSUER, Record, Site, calling, jwks, new_key, token

from cmvigil.service.desk import Desk
from cmvigil.service.hooks import keys as key_sets
from cmvigil.service.hooks import tokens
from cmvigil.service.settings import HooksClient, Settings
from cmvigil.service.store.database import Database
from cmvigil.service.store.tables import SeenToken

PATH = "/cds-services"
OTHER = "https://other.example.org"


@pytest.fixture(scope="module")
def site(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("tokens"), desk)
    made.register()
    made.register(OTHER, "other")
    return made


@pytest.fixture(scope="module")
def record(site: Site) -> Iterator[Record]:
    with calling(site) as made:
        yield made


def asked(record: Record, authorization: str | None) -> int:
    """The status of discovery with this header."""
    headers = {} if authorization is None else {"authorization": authorization.encode()}
    answer = record.client.get(PATH, headers=headers)
    if answer.status_code == 401:
        assert answer.content == b""  # no detail
        assert answer.headers["www-authenticate"] == "Bearer"
    return answer.status_code


@dataclass
class Secret:
    """The public key of a record, as an attacker who has it would use it: as the secret of an HMAC."""

    key: ECKey

    @property
    def kid(self) -> str | None:
        return self.key.kid

    def get_op_key(self, _: str) -> bytes:
        return self.key.as_pem(private=False)


def unsigned(site: Site) -> str:
    head, claims, _ = good(site).split(".")
    head = urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{head}.{claims}."


def changed(site: Site) -> str:
    head, claims, signature = good(site).split(".")
    said = json.loads(urlsafe_b64decode(claims + "=="))
    claims = urlsafe_b64encode(json.dumps(said | {"exp": said["exp"] + 1}).encode()).decode().rstrip("=")
    return f"{head}.{claims}.{signature}"


def good(site: Site, key: Any = None, issuer: str = ISSUER, **more: Any) -> str:
    return token(key or site.keys[ISSUER], issuer, more.pop("audience", BASE + PATH), site.now, **more)


def at(site: Site, seconds: int) -> int:
    return int(site.now.timestamp()) + seconds


ATTACKS: dict[str, Callable[[Site], str]] = {
    "alg none": unsigned,
    "HS256 with the public key as secret": lambda s: good(s, Secret(s.keys[ISSUER]), header={"alg": "HS256"}),
    "the claims changed": changed,
    "a key of one's own under the right kid": lambda s: good(s, new_key(str(s.keys[ISSUER].kid))),
    "an unknown kid": lambda s: good(s, header={"kid": "another"}),
    "no kid": lambda s: good(s, header={"kid": None}),
    "a kid that is a list": lambda s: good(s, header={"kid": ["one"]}),
    "another curve's algorithm": lambda s: good(
        s, ECKey.generate_key("P-256", {"kid": s.keys[ISSUER].kid}), header={"alg": "ES256"}
    ),
    "the key of another record": lambda s: good(s, s.keys[OTHER]),
    "one's own key, another's name": lambda s: good(s, s.keys[ISSUER], issuer=OTHER),
    "an issuer nobody registered": lambda s: good(s, issuer="https://evil.example.org"),
    "no issuer": lambda s: good(s, iss=None),
    "an issuer that is a list": lambda s: good(s, iss=[ISSUER]),
    "keys at an address of one's own (jku)": lambda s: good(
        s, new_key("mine"), header={"kid": "mine", "jku": "https://evil.example.org/jwks.json"}
    ),
    "a key in the token itself (jwk)": lambda s: good(
        s, (mine := new_key("mine")), header={"kid": "mine", "jwk": mine.as_dict(private=False)}
    ),
    "another type": lambda s: good(s, header={"typ": "at+jwt"}),
    "no type": lambda s: good(s, header={"typ": None}),
    "an extension that must be understood": lambda s: good(s, header={"crit": ["exp"], "exp": 1}),
    "another address": lambda s: good(s, audience="https://else.example.org/cds-services"),
    "the address of a service": lambda s: good(s, audience=f"{BASE}{PATH}/cmvigil-patient-view"),
    "the address with a slash": lambda s: good(s, audience=f"{BASE}{PATH}/"),
    "no address": lambda s: good(s, aud=None),
    "expired": lambda s: good(s, iat=at(s, -400), exp=at(s, -31)),
    "expires never": lambda s: good(s, exp=None),
    "expires in a year": lambda s: good(s, exp=at(s, 31_536_000)),
    "expires at a word": lambda s: good(s, exp="2030-01-01"),
    "expires before it was issued": lambda s: good(s, iat=at(s, 20), exp=at(s, 10)),
    "issued tomorrow": lambda s: good(s, iat=at(s, 86_400), exp=at(s, 86_500)),
    "not issued": lambda s: good(s, iat=None),
    "not yet valid": lambda s: good(s, nbf=at(s, 60)),
    "no jti": lambda s: good(s, jti=None),
    "an empty jti": lambda s: good(s, jti=""),
    "a jti that is a number": lambda s: good(s, jti=7),
    "a jti with a zero byte": lambda s: good(s, jti="a\0b"),
    "an endless jti": lambda s: good(s, jti="x" * 301),
    "two parts": lambda s: good(s).rpartition(".")[0],
    "no token at all": lambda _: "",
    "not ASCII": lambda _: "é.é.é",
    "no JSON in it": lambda _: "YQ.YQ.YQ",
    "a list in it": lambda _: "W10.W10.W10",
    "endless": lambda _: "a" * 50_000,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_without_a_word(record: Record, site: Site, attack: str) -> None:
    found = ATTACKS[attack](site)
    assert asked(record, f"Bearer {found}") == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dXNlcjpwdw==", "Bearer a b"])
def test_a_call_without_a_token_is_refused(record: Record, header: str | None) -> None:
    assert asked(record, header) == 401
    for path in (f"{PATH}/cmvigil-patient-view", f"{PATH}/cmvigil-patient-view/feedback"):
        assert record.client.post(path, json={}).status_code == 401


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"aud": [BASE + PATH]},
        {"nbf": 1_700_000_000},
        {"tenant": "hospital"},
        {"header": {"jku": "https://evil.example.org/jwks.json", "x": "unheard of"}},
    ],
)
def test_a_right_token_is_let_in_whatever_else_it_says(record: Record, site: Site, more: dict[str, Any]) -> None:
    assert asked(record, f"Bearer {good(site, **more)}") == 200
    assert asked(record, f"bearer  {good(site, **more)}") == 200


def test_a_token_serves_once(record: Record, site: Site) -> None:
    found = good(site)
    assert [asked(record, f"Bearer {found}") for _ in range(3)] == [200, 401, 401]
    assert asked(record, f"Bearer {good(site, jti='same')}") == 200
    assert asked(record, f"Bearer {good(site, jti='same')}") == 401
    theirs = good(site, site.keys[OTHER], issuer=OTHER, jti="same")
    assert asked(record, f"Bearer {theirs}") == 200  # of another issuer: another token


def test_two_workers_that_share_a_database_let_a_token_in_once(desk: Desk, database_url: str, tmp_path: Path) -> None:
    site = Site(tmp_path, desk, more={"database": database_url})
    site.register()
    with TestClient(site.app(), base_url=BASE) as one, TestClient(site.app(), base_url=BASE) as two:
        for _ in range(5):
            headers = {"authorization": f"Bearer {good(site)}"}
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda c, h=headers: c.get(PATH, headers=h).status_code, [one, two] * 4))
            assert sorted(answers) == [200] + [401] * 7


def test_a_service_checks_its_own_address_and_so_does_its_feedback(record: Record, site: Site) -> None:
    service = f"{PATH}/cmvigil-patient-view"
    headers = {"authorization": f"Bearer {good(site, audience=BASE + service)}"}
    assert record.client.post(f"{service}/feedback", json={"feedback": []}, headers=headers).status_code == 401
    assert record.post(f"{service}/feedback", {"feedback": []}).status_code == 200


def test_behind_a_proxy_the_address_is_that_of_the_settings(desk: Desk, tmp_path: Path) -> None:
    site = Site(tmp_path, desk, more={"base_url": "https://cmv.example.org"})
    site.register()
    with calling(site) as record:
        assert asked(record, f"Bearer {good(site, audience='https://cmv.example.org/cds-services')}") == 200
        assert asked(record, f"Bearer {good(site)}") == 401


@pytest.mark.parametrize(
    ("key", "alg", "status"),
    [
        (lambda: RSAKey.generate_key(2048, {"kid": "k"}), "RS384", 200),
        (lambda: RSAKey.generate_key(2048, {"kid": "k"}), "PS256", 200),
        (lambda: RSAKey.generate_key(1024, {"kid": "k"}), "RS256", 401),  # too short to prove anything
        (lambda: ECKey.generate_key("P-256", {"kid": "k"}), "ES256", 200),
        (lambda: OKPKey.generate_key("Ed25519", {"kid": "k"}), "EdDSA", 200),
    ],
    ids=["RS384", "PS256", "RSA of 1024 bits", "ES256", "EdDSA"],
)
@pytest.mark.filterwarnings("ignore")
def test_kinds_of_keys(desk: Desk, tmp_path: Path, key: Callable[[], Any], alg: str, status: int) -> None:
    site, made = Site(tmp_path, desk), key()
    site.register()
    site.keys[ISSUER] = made
    (tmp_path / "local.jwks.json").write_bytes(jwks(made))
    with calling(site) as record:
        assert asked(record, f"Bearer {good(site, header={'alg': alg})}") == status


def test_a_secret_in_the_key_set_proves_nothing(desk: Desk, tmp_path: Path) -> None:
    site, secret = Site(tmp_path, desk), OctKey.import_key(b"s" * 64, {"kid": "k"})
    site.register()
    (tmp_path / "local.jwks.json").write_bytes(json.dumps({"keys": [secret.as_dict(private=True)]}).encode())
    with calling(site) as record:
        assert asked(record, f"Bearer {good(site, secret, header={'alg': 'HS512', 'kid': 'k'})}") == 401


def test_a_new_key_is_read_when_it_is_met_but_not_oftener_than_once_a_minute(tmp_path: Path) -> None:
    place, now = tmp_path / "keys.json", [0.0]
    client = HooksClient(issuer=ISSUER, jwks=str(place))
    sets = key_sets.KeySets(Settings(data=tmp_path, hooks=[client]), clock=lambda: now[0])
    assert sets.find(client, "one") is None  # not there yet
    place.write_bytes(jwks(new_key("one")))
    assert sets.find(client, "one") is None
    now[0] += key_sets.AGAIN + 1
    assert sets.find(client, "one") is not None
    place.write_bytes(jwks(new_key("two")))
    assert sets.find(client, "one") is not None  # still kept
    now[0] += key_sets.AGAIN + 1
    assert sets.find(client, "two") is not None
    assert sets.find(client, "one") is None  # withdrawn
    place.write_text("no key set")
    now[0] += key_sets.KEPT + 1
    assert sets.find(client, "two") is not None  # what cannot be read takes nothing away


def test_the_keys_of_an_address_are_read_from_there_alone(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    site, key = Site(tmp_path, desk), new_key()

    def content(place: str, _: Settings) -> bytes:
        read.append(place)
        return jwks(key)

    monkeypatch.setattr(key_sets, "_content", content)
    site.keys[ISSUER] = key
    site.more["hooks"] = [HooksClient(issuer=ISSUER, jwks="https://ehr.example.org/jwks.json")]
    with calling(site) as record:
        elsewhere = {"jku": "https://evil.example.org/jwks.json"}
        assert asked(record, f"Bearer {good(site, header=elsewhere)}") == 200
        assert asked(record, f"Bearer {good(site, new_key('x'), header={'kid': 'x', **elsewhere})}") == 401
    assert read == ["https://ehr.example.org/jwks.json"]


def test_an_address_of_keys_within_the_network_is_not_opened(desk: Desk, tmp_path: Path) -> None:
    site = Site(tmp_path, desk)
    site.keys[ISSUER] = new_key()
    site.more["hooks"] = [HooksClient(issuer=ISSUER, jwks="https://192.168.0.1/jwks.json")]
    with calling(site) as record:
        assert asked(record, f"Bearer {good(site)}") == 401


def test_tokens_that_are_over_are_forgotten(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path, desk)
    site.register()
    monkeypatch.setattr(tokens, "_PURGE", -1.0)
    with calling(site) as record:
        assert asked(record, f"Bearer {good(site)}") == 200
        site.now = site.now.replace(hour=13)
        assert asked(record, f"Bearer {good(site)}") == 200
        with Database(site.app().state.services.settings.database_url).reading() as session:
            assert session.scalar(select(func.count()).select_from(SeenToken)) == 1


def test_for_trials_on_this_machine_tokens_are_not_asked_for(desk: Desk, tmp_path: Path) -> None:
    site = Site(tmp_path, desk, more={"hooks_open": True})
    with TestClient(site.app(), base_url=BASE) as client:
        assert client.get(PATH).status_code == 200
        assert client.get(PATH, headers={"authorization": "Bearer of.another.kind"}).status_code == 200
