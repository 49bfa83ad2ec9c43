"""CDS Hooks 2.0.1, tolerant of the 3.0 ballot: cards for an electronic record that asks about the patient it shows."""

from __future__ import annotations

from fastapi import FastAPI

from ..settings import Settings
from .api import router
from .origins import Origins
from .queue import Queue
from .tokens import Gate


def install(app: FastAPI, settings: Settings) -> None:
    """Put discovery, the services and their feedback into the application."""
    app.state.hooks, app.state.hooks_queue = Gate(settings), Queue()
    app.include_router(router)
    app.add_middleware(Origins, settings=settings)
