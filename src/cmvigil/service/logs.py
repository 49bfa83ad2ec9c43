"""Logs: one JSON object a line. They say what ran and how it went, and nothing a record or an address says."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

import structlog

LOG: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("cmvigil")
_QUOTES = ("httpx", "httpcore", "sqlalchemy", "alembic", "python_multipart", "fontTools", "asyncio")
"""Libraries whose lines may quote an address, a statement or a file: only their warnings are heard."""


def start(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs of this process to one stream (standard error), as JSON."""
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter
    processors: list[Any] = [formatter.remove_processors_meta, structlog.processors.JSONRenderer(sort_keys=True)]
    handler.setFormatter(formatter(foreign_pre_chain=_SHARED, processors=processors))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUOTES:
        logging.getLogger(name).setLevel(logging.WARNING)


def where(error: BaseException) -> str:
    """What kind of error and where in the code, without its message: that could quote a record."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place


def _only_where(_: Any, __: str, event: Any) -> Any:
    """The kind and the place of an error in place of its traceback, also where that was put into the text."""
    record = event.get("_record")
    found = event.pop("exc_info", None) or (record.exc_info if record is not None else None)
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = where(error)
    if "Traceback (most recent call last)" in str(event.get("event")):
        event["event"] = "failed"
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _only_where,
]
# Until `start` says where to, lines go nowhere: a command of the terminal prints its own.
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=False,
)
logging.getLogger("cmvigil").addHandler(logging.NullHandler())
