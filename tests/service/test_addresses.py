"""The way out: only public addresses over https, only the address that was judged, only so much and so long."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cmvigil.service.security.addresses import (
    AddressError,
    Outgoing,
    OutgoingError,
    SlowError,
    TooLargeError,
    UnreachableError,
    allowed,
    trusted,
)
from cmvigil.service.settings import Login, Settings

LOGIN = Login(issuer="https://login.example", client_id="cmvigil", roles={}, organisations={})
SITE = Settings(mode="site", base_url="https://cmvigil.example", login=LOGIN)
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@contextmanager
def answering(speak: Callable[[socket.socket], None], *, first: bool = True) -> Iterator[int]:
    """The port of a server on loopback that answers as ``speak`` does; ``first``: after it has read a request."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:
                    return
                with one:
                    try:
                        if first:
                            one.recv(65536)
                        speak(one)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a00:1::1",
        "not-an-address",
    ],
)
def test_addresses_that_are_not_public_are_not_opened(address: str) -> None:
    assert not allowed(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_opened(address: str) -> None:
    assert allowed(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example/fhir",
        "ftp://ehr.example/",
        "file:///etc/passwd",
        "https://user:secret@ehr.example/",
        "https:///fhir",
        "ehr.example/fhir",
        "https://[::1",
    ],
)
def test_only_https_to_a_named_host_is_opened(url: str) -> None:
    with Outgoing(Settings()) as out, pytest.raises(AddressError):
        out.request("GET", url)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "[::1]", "127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1"]
)
def test_a_site_opens_nothing_of_its_own_network(host: str) -> None:
    with Outgoing(SITE) as out, pytest.raises(OutgoingError) as refused:
        out.request("GET", f"https://{host}/")
    assert isinstance(refused.value, AddressError | UnreachableError)


def test_a_name_that_leads_inside_is_refused_even_where_only_one_address_does() -> None:
    with (
        Outgoing(SITE, resolve=lambda _, __: ["8.8.8.8", "10.0.0.1"]) as out,
        pytest.raises(AddressError, match="public"),
    ):
        out.request("GET", "https://ehr.example/")


def test_a_name_on_loopback_is_not_loopback() -> None:
    with Outgoing(Settings(), resolve=lambda _, __: ["127.0.0.1"]) as out, pytest.raises(AddressError):
        out.request("GET", "https://ehr.example/")


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:  # noqa: ARG001
        asked.append(host)
        return ["127.0.0.1"]

    def speak(one: socket.socket) -> None:
        one.sendall(HELLO)

    settings = Settings(private_networks=["ehr.intern"])
    with answering(speak) as port, Outgoing(settings, resolve=resolve) as out:
        answer = out.request("GET", f"http://ehr.intern:{port}/fhir")
    assert answer.content == b"hello"
    assert asked == ["ehr.intern"]
    assert answer.request.headers["host"] == f"ehr.intern:{port}"


def test_a_name_that_is_not_known_is_told() -> None:
    def resolve(host: str, port: int) -> list[str]:  # noqa: ARG001
        raise socket.gaierror(-2, "Name or service not known")

    with Outgoing(SITE, resolve=resolve) as out, pytest.raises(UnreachableError, match="not known"):
        out.request("GET", "https://ehr.example/")


def test_redirects_are_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    with answering(lambda one: one.sendall(moved)) as port, Outgoing(Settings()) as out:
        assert out.request("GET", f"http://127.0.0.1:{port}/").status_code == 302


@pytest.mark.parametrize("part", [b"", b"H", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"])
def test_a_server_that_drips_is_left(part: bytes) -> None:
    def drip(one: socket.socket) -> None:
        one.sendall(part)
        for _ in range(40):
            time.sleep(0.1)
            one.sendall(b"x" if part.endswith(b"\r\n\r\n") else b"")

    began = time.monotonic()
    with answering(drip) as port, Outgoing(Settings()) as out, pytest.raises(SlowError):
        out.request("GET", f"http://127.0.0.1:{port}/", seconds=0.4)
    assert time.monotonic() - began < 2


def test_large_answers_are_cut_off_also_when_packed() -> None:
    packed = gzip.compress(b"0" * 5_000_000)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
    with answering(lambda one: one.sendall(head + packed)) as port, Outgoing(Settings()) as out:
        with pytest.raises(TooLargeError):
            out.request("GET", f"http://127.0.0.1:{port}/", limit=1_000_000)
        assert len(out.request("GET", f"http://127.0.0.1:{port}/").content) == 5_000_000


@pytest.mark.parametrize(
    "said", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"]
)
def test_what_is_not_http_is_told(said: bytes) -> None:
    with answering(lambda one: one.sendall(said)) as port, Outgoing(Settings()) as out, pytest.raises(UnreachableError):
        out.request("GET", f"http://127.0.0.1:{port}/")


def certified(folder: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS with a certificate for a name, which lies in the folder for those who trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*plain))
    (folder / "trusted.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "trusted.pem", folder / "key.pem")
    return context


def test_the_certificate_must_be_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, asked = certified(tmp_path, "ehr.intern"), list[str]()
    context.sni_callback = lambda _, name, __: asked.append(str(name))

    def speak(one: socket.socket) -> None:
        with context.wrap_socket(one, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(HELLO)

    settings = Settings(private_networks=["ehr.intern", "other.intern"])
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    trusted.cache_clear()
    with answering(speak, first=False) as port, Outgoing(settings, resolve=lambda _, __: ["127.0.0.1"]) as out:
        assert out.request("GET", f"https://ehr.intern:{port}/").content == b"hello"
        with pytest.raises(UnreachableError, match="certificate"):
            out.request("GET", f"https://other.intern:{port}/")
    assert asked == ["ehr.intern", "other.intern"]
    trusted.cache_clear()


def test_a_server_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = certified(tmp_path, "ehr.intern")

    def speak(one: socket.socket) -> None:
        context.wrap_socket(one, server_side=True).close()

    settings = Settings(private_networks=["ehr.intern"])
    with (
        answering(speak, first=False) as port,
        Outgoing(settings, resolve=lambda _, __: ["127.0.0.1"]) as out,
        pytest.raises(UnreachableError, match="certificate"),
    ):
        out.request("GET", f"https://ehr.intern:{port}/")
