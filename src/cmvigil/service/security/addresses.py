"""The way out: which addresses we open for a site, and how much of an answer we take.

A server's address is in the settings, but what it answers names further ones (pages, endpoints, keys, files), and a
name can be made to lead into the hospital's own network. So each name is resolved here, its addresses are judged, and
the connection goes to an address that was judged. Redirects are not followed.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from types import TracebackType
from typing import Any

import httpcore
import httpx

from ..settings import Settings
from .hosts import LOOPBACK

Resolve = Callable[[str, int], Iterable[str]]
"""The addresses of a host name. Raises OSError where it has none."""

SECONDS = 10.0
BYTES = 50_000_000
_NAT64 = IPv6Network("64:ff9b::/96")
_until: ContextVar[float] = ContextVar("until")


class OutgoingError(RuntimeError):
    """An answer that we did not get. The message says why, and where it helps, what to do."""


class AddressError(OutgoingError):
    """An address that is not opened."""


class UnreachableError(OutgoingError):
    """A server that does not answer, or not as HTTP."""


class SlowError(UnreachableError):
    """A server that does not answer in time."""


class TooLargeError(OutgoingError):
    """An answer larger than we take."""


class Outgoing:
    """Requests to others, bounded in time and size. To be closed after use, or used in ``with``."""

    def __init__(self, settings: Settings, *, resolve: Resolve | None = None) -> None:
        self.private = frozenset(settings.private_networks)
        self.local = LOOPBACK if settings.mode == "single-user" else frozenset()
        backend = _Checked(self.private | self.local, resolve or _resolve)
        self._client = httpx.Client(transport=_Transport(backend), headers={"accept-encoding": "gzip"})

    def __enter__(self) -> Outgoing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def check(self, url: str) -> httpx.URL:
        """The address as parsed. Raises :class:`AddressError` for one that is not https to a named host."""
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError) as error:
            raise AddressError(f"not an address ({error})") from None
        host = parsed.host
        if parsed.userinfo:
            raise AddressError(f"{host}: an address must not carry a password")
        if not host or parsed.scheme not in ("https", "http"):
            raise AddressError(f"{parsed.scheme or 'nothing'}: only https addresses are opened")
        if parsed.scheme == "http" and host not in self.private | self.local:
            raise AddressError(f"{host}: only https is opened; plain http is for hosts under private_networks")
        return parsed

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        limit: int = BYTES,
        seconds: float = SECONDS,
    ) -> httpx.Response:
        """The whole answer, whatever its status. Raises :class:`OutgoingError`."""
        with self.stream(method, url, headers=headers, form=form, seconds=seconds) as (answer, chunks):
            size, parts = 0, []
            for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise TooLargeError(f"{answer.url.host}: the answer is larger than {limit:,} bytes")
                parts.append(chunk)
        body = b"".join(parts)
        plain = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
        return httpx.Response(answer.status_code, headers=plain, content=body, request=answer.request)

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
        """The head of an answer and its content piece by piece. Raises :class:`OutgoingError`."""
        parsed = self.check(url)
        token = _until.set(monotonic() + seconds)
        try:
            with self._client.stream(method, parsed, headers=dict(headers or {}), data=dict(form or {})) as answer:
                yield answer, answer.iter_bytes()
        except httpcore.TimeoutException:
            raise SlowError(f"{parsed.host}: no whole answer within {seconds:.0f} seconds") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.TransportError, httpx.DecodingError) as error:
            raise UnreachableError(f"{parsed.host}: no answer ({_reason(error)})") from None
        finally:
            _until.reset(token)


def allowed(address: str) -> bool:
    """Whether an address lies in the open internet: not private, link-local, loopback, multicast or reserved."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in _with_inner(found))


def _with_inner(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """An address and the IPv4 address that some gateway would take out of it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__


class _Checked(httpcore.NetworkBackend):
    """Connects to judged addresses only, and lets no connection outlive the time of its request."""

    def __init__(self, exempt: frozenset[str], resolve: Resolve) -> None:
        self.exempt, self.resolve = exempt, resolve
        self._tcp = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the host. Raises AddressError where any of its addresses may not be opened."""
        try:
            addresses = list(self.resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name is not known: {_reason(error)}") from None
        if host not in self.exempt and not all(map(allowed, addresses)):
            raise AddressError(
                f"{host}: the name leads to an address that is not public; where that is meant, name the host under "
                "private_networks in the settings"
            )
        failed: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses:
            try:
                left = _left(timeout)
                return _Timed(self._tcp.connect_tcp(address, port, left, local_address, socket_options))
            except httpcore.ConnectError as error:
                failed = error
        raise failed


class _Timed(httpcore.NetworkStream):
    """A connection whose every step ends when the time of the request does."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self.inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes as they come."""
        return self.inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self.inner.write(buffer, _left(timeout))

    def close(self) -> None:
        """End the connection."""
        self.inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same, encrypted; the certificate must be that of the host's name."""
        return _Timed(self.inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """What the pool asks about the socket."""
        return self.inner.get_extra_info(info)


def _left(timeout: float | None) -> float:
    left = _until.get() - monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time of the request is over")
    return left if timeout is None else min(left, timeout)


@cache
def trusted() -> ssl.SSLContext:
    """Whom we believe: the public authorities, or those in the file that ``SSL_CERT_FILE`` names."""
    return httpx.create_ssl_context()


class _Transport(httpx.BaseTransport):
    """httpx over a pool of such connections, each kept for the host name it was opened for."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._pool = httpcore.ConnectionPool(ssl_context=trusted(), network_backend=backend, keepalive_expiry=5)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        url = request.url
        assert isinstance(request.stream, httpx.SyncByteStream)
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
            )
        )
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
