"""How many calls a worker takes at a time: the rest are sent away at once, so that those it takes are answered in time.

A record waits for its cards with its user before it. A call that would wait long is better told to come again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from fastapi.responses import JSONResponse, Response
from prometheus_client import Counter

IN_FLIGHT = 16
"""Calls in a worker, with those that wait for a FHIR server. Each holds a thread, and pages need some too."""
AT_WORK = 4
"""Calls among them that are computed or wait for it: so many are answered within half a second."""
_COMPUTED = 2
"""Python computes one at a time: more would be late together, and take memory."""
_AGAIN = 1  # seconds
SHED = Counter("cmvigil_hooks_shed", "Calls of CDS Hooks answered 503, since too many were in work.")


class FullError(Exception):
    """A call too many."""

    def answer(self) -> Response:
        """When to come again, as the problem it is."""
        said = {"type": "about:blank", "title": "Too many calls", "status": 503, "detail": "Call again in a moment."}
        return JSONResponse(said, 503, {"retry-after": str(_AGAIN)}, "application/problem+json")


class Queue:
    """The calls of one worker."""

    def __init__(self) -> None:
        self.computing = BoundedSemaphore(_COMPUTED)
        self._lock = Lock()
        self._in_flight = self._at_work = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one call. Raises :class:`FullError` at once where there is none."""
        with self._lock:
            if self._in_flight >= IN_FLIGHT or self._at_work >= AT_WORK:
                SHED.inc()
                raise FullError
            self._in_flight += 1
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1
                self._at_work -= 1

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While a call waits for a FHIR server it keeps nobody from work."""
        with self._lock:
            self._at_work -= 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work += 1
