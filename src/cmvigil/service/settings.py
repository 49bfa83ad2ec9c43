"""What a site sets: a TOML file, simple values also as ``CMVIGIL_...`` in the environment; else one local user."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

ROLES = ("clinician", "pharmacist", "laboratory", "administrator")
Role = Literal["clinician", "pharmacist", "laboratory", "administrator"]


class SettingsError(ValueError):
    """Settings that cannot be used. ``problems`` name the place, what was found and what is expected."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Login(_Part):
    """OpenID Connect. ``organisation_claim`` and ``role_claim`` say which claims of the ID token carry these.

    A claim within a claim is named with a dot (``realm_access.roles``). ``roles`` maps what the claim says to our
    roles, ``organisations`` likewise; what is not mapped does not get in.
    """

    issuer: str
    client_id: str
    client_secret: SecretStr | None = None
    scopes: str = "openid profile"
    role_claim: str = "roles"
    roles: dict[str, Role]
    organisation_claim: str = "organisation"
    organisations: dict[str, str]

    @field_validator("issuer")
    @classmethod
    def _safe(cls, value: str) -> str:
        if not value.startswith("https://") and not _loopback(value):
            raise ValueError("the issuer is asked over https")
        return value


class Ehr(_Part):
    """A FHIR server we may read from, and how we are known there (SMART on FHIR).

    ``key``: a file with our private key (PEM or JWK) for ``private_key_jwt``; without it we are a public client.
    ``organisation``: whose patients these are. ``store``: keep what was read on a launch; off unless turned on.
    """

    fhir: str
    client_id: str
    key: Path | None = None
    scopes: str = "launch openid fhirUser patient/*.rs"
    backend_scopes: str = "system/*.rs"
    organisation: str = "local"
    store: bool = False

    @field_validator("fhir")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class HooksClient(_Part):
    """An electronic record that may call our CDS Hooks. Its keys are a JWK set: a file, or an address."""

    issuer: str
    jwks: str
    organisation: str = "local"
    fhir: str | None = None  # its FHIR server; others named in a call are not asked


class Settings(_Part):
    """Everything a site may set. The defaults serve one person on this machine."""

    mode: Literal["single-user", "site"] = "single-user"
    data: Path = Field(default_factory=lambda: _data_home() / "cmvigil")
    database: str = ""  # SQLAlchemy address; empty: SQLite in ``data``
    base_url: str = ""  # as users and records reach us; empty: as each request says (loopback only)
    knowledge: list[Path] = []
    mapping: Path | None = None
    login: Login | None = None
    ehrs: list[Ehr] = []
    hooks: list[HooksClient] = []
    hooks_open: bool = False  # CDS Hooks without a token, for trials on loopback; never in site mode
    hooks_origins: list[str] = []  # browser clients that may call CDS Hooks
    frame_ancestors: list[str] = []  # records that show our pages in a frame
    private_networks: list[str] = []  # host names of FHIR servers that may resolve to private addresses
    body_limit: int = 20_000_000  # bytes of one request
    upload_limit: int = 100_000_000  # bytes of one request that carries a sequence file
    workers: Annotated[int, Field(ge=1, le=64)] = 1  # processes that answer, on this machine
    requests_per_minute: int = 600  # of one client, in all workers together
    session_hours: int = 12  # a login ends after these
    idle_minutes: int = 60  # and after so long without a request
    draft_days: Annotated[int, Field(ge=1, le=3650)] = 30  # since its last change, a draft is kept
    start_key: SecretStr | None = None  # what the one user of a shared computer must bring
    trusted_proxies: list[str] = ["127.0.0.1", "::1"]  # whose word on a client's address and on https is taken
    metrics_networks: list[IPvAnyNetwork] = []  # who may read /metrics, beside this machine
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("base_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        value = value.rstrip("/")
        if value and not _ORIGIN.fullmatch(value):
            raise ValueError("expected a scheme and a host, such as https://cmv.example.org, and no path")
        return value

    @field_validator("frame_ancestors", "hooks_origins")
    @classmethod
    def _origins(cls, values: list[str]) -> list[str]:
        for each in values:
            if not _ORIGIN.fullmatch(each):
                raise ValueError(f"found {each!r}; expected a scheme and a host, such as https://ehr.example.org")
        return values

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        if self.mode == "site" and self.login is None:
            raise ValueError("a site needs [login]: the OpenID Connect issuer that knows its users")
        if self.mode == "site" and not self.base_url.startswith("https://") and not _loopback(self.base_url):
            raise ValueError("a site needs base_url, the https address under which it is reached")
        if self.mode == "site" and self.hooks_open:
            raise ValueError("hooks_open is for trials on loopback; a site names its callers under [[hooks]]")
        if self.mode == "site" and self.start_key is not None:
            raise ValueError("start_key is for one user on a shared computer; a site's users log in")
        for what, names in (("ehrs", [e.fhir for e in self.ehrs]), ("hooks", [h.issuer for h in self.hooks])):
            if len(set(names)) < len(names):  # whose patients would they be?
                raise ValueError(f"{what}: one address stands twice; give each once, for one organisation")
        return self

    @property
    def database_url(self) -> str:
        """Where the data lie."""
        return self.database or f"sqlite:///{self.data / 'cmvigil.db'}"

    @property
    def secure(self) -> bool:
        """Whether we are reached by https, so that cookies are bound to it."""
        return self.base_url.startswith("https://")

    def warnings(self) -> list[str]:
        """What is set and is less safe than it could be."""
        said = []
        if self.mode == "site" and not self.secure:
            said.append("base_url is not https: cookies and records travel in the clear")
        if self.hooks_open:
            said.append("hooks_open: anybody on this machine may call the CDS Hooks without a token")
        if "*" in self.trusted_proxies:
            said.append("trusted_proxies = '*': a client may name any address as its own")
        if self.mode == "site" and not self.database:
            said.append("the database is a file of this machine: back it up, and keep to one machine")
        return said


def read_settings(path: Path | None = None, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings of a file, with single values from the environment and from the command line on top.

    Raises :class:`SettingsError` naming each place that is wrong.
    """
    environ = os.environ if environ is None else environ
    said: dict[str, Any] = {}
    if path is not None:
        try:
            said = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{path}: cannot be read ({error}); give the settings file"]) from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError([f"{path}: is not TOML ({error})"]) from None
    for name, field in Settings.model_fields.items():
        text = environ.get(f"CMVIGIL_{name.upper()}")
        if text is not None and _is_single(field.annotation):
            said[name] = text
    secret = environ.get("CMVIGIL_CLIENT_SECRET")
    if secret is not None and isinstance(said.get("login"), dict):
        said["login"] = {**said["login"], "client_secret": secret}
    said |= {name: value for name, value in given.items() if value is not None}
    try:
        return Settings.model_validate(said)
    except ValidationError as error:
        place = str(path or "the settings")
        raise SettingsError(
            [
                f"{place}: {'.'.join(map(str, e['loc'])) or 'as a whole'}: {e['msg']}"
                for e in error.errors(include_input=False)
            ]
        ) from None


_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", re.IGNORECASE)


def _is_single(annotation: Any) -> bool:
    """Whether a value of this kind can be written as one word: a list or a table cannot."""
    singles = (str, int, bool, Path, Path | None, SecretStr | None)
    return annotation in singles or get_origin(annotation) is Literal


def _data_home() -> Path:
    home = os.environ.get("XDG_DATA_HOME")
    return Path(home) if home else Path.home() / ".local" / "share"


def _loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
