"""The application: pages, hooks, launches, behind one set of guards."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from .. import __version__
from . import hooks, logs
from .attending import keep_attending
from .context import Services
from .desk import Desk
from .health import router as health
from .login import pages as login
from .logs import LOG
from .metrics import KNOWLEDGE, leave
from .pages import (
    about,
    case_form,
    dose,
    genotype,
    home,
    knowledge,
    newer,
    patient,
    patients,
    record,
    removal,
    replay,
    static_files,
    what_if,
    worklist,
)
from .pages import audit as audit_page
from .pages.problems import answer_problems, failed
from .security import forgery
from .security.headers import SecurityHeaders
from .security.hosts import Hosts
from .security.limits import BodyLimit, RateLimit, Strangers
from .security.middleware import Sessions
from .security.oidc import Issuer
from .settings import Settings, read_settings
from .smart import pages as smart
from .smart import refusing
from .store import audit
from .store.database import Database
from .store.organisations import settle
from .watch import Watch

FILE = "CMVIGIL_SETTINGS"
"""The environment's name for the settings file."""


def create_app(settings: Settings, *, desk: Desk | None = None, clock: Callable[[], datetime] | None = None) -> FastAPI:
    """The application of these settings. It brings the database to this version when it starts.

    Raises DatabaseError and KnowledgeError at the start, when either cannot be used.
    """
    database = Database(settings.database_url)
    desk = desk or Desk(tuple(settings.knowledge), settings.mapping)
    more: dict[str, Any] = {"strangers": Strangers(settings.workers)} | ({} if clock is None else {"clock": clock})
    parts = Services(settings, database, desk if clock is None else desk.at(clock), **more)
    if settings.login is not None:
        parts = replace(parts, issuer=Issuer(settings.login, parts.clock))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        database.migrate()
        settle(parts)
        KNOWLEDGE.labels(parts.desk.program.version, parts.desk.program.hash).set(1)
        with database.reading() as session:
            number, newest = audit.head(session)
        LOG.info("started", version=__version__, knowledge=parts.desk.version, number=number, hash=newest)
        for warning in settings.warnings():
            LOG.warning(warning)
        attending = asyncio.create_task(keep_attending(parts))
        yield
        attending.cancel()
        leave()
        database.close()
        LOG.info("stopped")

    app = FastAPI(
        title="cmvigil",
        version=__version__,
        summary="Decision support for recurrent, refractory and drug-resistant CMV infection. It never orders.",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = parts
    app.include_router(health)
    app.include_router(login.router)
    app.include_router(static_files.router)
    for page in (
        audit_page.router,
        worklist.router,
        patients.router,
        patient.router,
        what_if.router,
        replay.router,
        record.router,
        newer.router,
        removal.router,
        dose.router,
        genotype.router,
        knowledge.router,
        about.router,
        home.router,
        case_form.router,
    ):
        app.include_router(page, dependencies=[Depends(forgery.guard)])
    app.include_router(smart.router, dependencies=[Depends(forgery.guard)])
    answer_problems(app)
    refusing.install(app)
    hooks.install(app, settings)
    # The last that is added is the first that a request meets.
    app.add_middleware(Sessions)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(BodyLimit, limit=settings.body_limit, larger=lambda path: _larger(path, settings))
    app.add_middleware(RateLimit, per_minute=settings.requests_per_minute, workers=settings.workers)
    app.add_middleware(Hosts, settings=settings)
    app.add_middleware(Watch, failed=failed)
    app.add_middleware(SecurityHeaders, ancestors=settings.frame_ancestors, https=settings.secure)
    return app


def from_environment() -> FastAPI:
    """The application as the environment sets it; what each worker process starts."""
    file = os.environ.get(FILE)
    settings = read_settings(Path(file) if file else None)
    logs.start(settings.log_level)
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # the knowledge lives as long as we do: no collection need walk it again
    return app


def _larger(path: str, settings: Settings) -> int | None:
    return settings.upload_limit if path.startswith("/genotype") or path.endswith("/genotype") else None
