"""The public keys of the records that may call: a JWK set each, from a file or an address, kept for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from ..logs import LOG
from ..security.addresses import Outgoing, OutgoingError
from ..settings import HooksClient, Settings

Key = ECKey | RSAKey | OKPKey
KEPT = 3600.0
"""Seconds after which a set is read anew, so that a key that was withdrawn ends."""
AGAIN = 60.0
"""Seconds before a set is read once more for a key that it lacks; forged names of keys cannot make us ask faster."""
_BYTES = 200_000
_SECONDS = 3.0
_WEAK = 2048  # bits of an RSA key: shorter ones are not trusted


@dataclass(frozen=True, slots=True)
class _Held:
    keys: dict[str, Key]
    tried: float


class KeySets:
    """The key sets of all clients. Safe to share between threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = monotonic) -> None:
        self.settings, self.clock = settings, clock
        self._held: dict[str, _Held] = {}
        self._locks = {client.jwks: Lock() for client in settings.hooks}

    def find(self, client: HooksClient, kid: str) -> Key | None:
        """A client's key of this name; None where its set has none, or could not be read."""
        with self._locks[client.jwks]:  # one reads, the others wait for what it read
            held = self._held.get(client.jwks)
            if held is None or self.clock() - held.tried > (KEPT if kid in held.keys else AGAIN):
                held = self._held[client.jwks] = _Held(self._read(client, held), self.clock())
        return held.keys.get(kid)

    def _read(self, client: HooksClient, before: _Held | None) -> dict[str, Key]:
        """The set as it is now; the one held before where it cannot be read."""
        try:
            return _keys(_content(client.jwks, self.settings))
        except (OSError, OutgoingError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            LOG.warning("hooks.keys", issuer=client.issuer, why=f"not read: {type(error).__name__}")
            return {} if before is None else before.keys


def _content(place: str, settings: Settings) -> bytes:
    if not place.startswith(("https://", "http://")):
        return Path(place).read_bytes()
    with Outgoing(settings) as out:
        answer = out.request("GET", place, limit=_BYTES, seconds=_SECONDS)
    if answer.status_code != 200:
        raise OutgoingError(f"status {answer.status_code}")
    return answer.content


def _keys(content: bytes) -> dict[str, Key]:
    """The keys of a set by name, those that can bear a signature and are not too short."""
    found = KeySet.import_key_set(orjson.loads(content))
    return {key.kid: key for key in found.keys if isinstance(key, Key) and key.kid and _signs(key)}


def _signs(key: Key) -> bool:
    if isinstance(key, RSAKey):
        return key.public_key.key_size >= _WEAK
    return isinstance(key, ECKey) or key.curve_name in ("Ed25519", "Ed448")
