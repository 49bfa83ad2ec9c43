"""A small FHIR server of the tests' own: what the prefetch of a call would hold, page by page, for a token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tests.service.conftest import served
from tests.service.hooks_support import ASKED, Resource, prefetch, searchset

TOKEN = "let-me-read"
_OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


@dataclass
class Fhir:
    """Answers the questions of our prefetch for one patient. ``page``: resources a page; ``broken``: keys that fail.

    ``medications``: Medications by their relative references.
    """

    bundle: Resource
    page: int = 5
    broken: set[str] = field(default_factory=set)
    circles: bool = False
    medications: dict[str, Resource] = field(default_factory=dict)
    slow: float = 0.0
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, request: Request) -> JSONResponse:
        """One page of the answer to a question."""
        kept = prefetch(self.bundle)
        time.sleep(self.slow)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse(_OUTCOME, 401)
        path, query = request.path_params["path"], dict(request.query_params)
        if path.startswith("Medication/"):
            self.asked.append(path)
            found = self.medications.get(path)
            return JSONResponse(_OUTCOME if found is None else found, 404 if found is None else 200)
        start = int(query.pop("_start", 0))
        key = next(key for key, question in ASKED.items() if _same(question, path, query))
        self.asked.append(key)
        if key in self.broken:
            return JSONResponse(_OUTCOME, 500)
        if key == "patient":
            return JSONResponse(kept[key])
        resources = [entry["resource"] for entry in kept[key]["entry"]]
        found = searchset(resources[start : start + self.page], total=len(resources))
        if start + self.page < len(resources) or self.circles:
            following = start if self.circles else start + self.page
            found["link"] = [{"relation": "next", "url": str(request.url.include_query_params(_start=following))}]
        return JSONResponse(found)

    def app(self) -> FastAPI:
        """The server."""
        app = FastAPI()
        app.add_api_route("/fhir/{path:path}", self.answer, response_model=None)
        return app


def _same(question: str, path: str, query: dict[str, str]) -> bool:
    wanted = urlsplit(question)
    if not wanted.query:
        return path.startswith("Patient/")
    pairs: dict[str, Any] = dict(part.split("=", 1) for part in wanted.query.split("&"))
    return wanted.path == path and pairs.keys() == query.keys() and pairs.get("code") == query.get("code")


@contextmanager
def running(fhir: Fhir) -> Iterator[Fhir]:
    """The server on loopback."""
    with served(fhir.app()) as address:
        fhir.address = f"{address}/fhir"
        yield fhir
