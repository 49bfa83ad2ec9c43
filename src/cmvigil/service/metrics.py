"""What is measured, for Prometheus: requests, how long they took, answers given, the knowledge in force.

With several workers each writes its figures into a folder (``PROMETHEUS_MULTIPROC_DIR``) and any of them adds them up.
"""

from __future__ import annotations

import os

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS = Counter("cmvigil_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "cmvigil_request_seconds",
    "Seconds until an answer was sent.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RUNNING = Gauge("cmvigil_requests_running", "Requests being answered.", multiprocess_mode="livesum")
ASSESSMENTS = Counter("cmvigil_assessments", "Answers computed; one that is still kept is not computed again.")
KNOWLEDGE = Gauge("cmvigil_knowledge_info", "The knowledge in force.", ["version", "hash"], multiprocess_mode="livemax")


def exposed() -> bytes:
    """All figures in the text format of Prometheus."""
    registry = REGISTRY
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def leave() -> None:
    """Take this worker's gauges out of the sum; its counts stay."""
    if FOLDER in os.environ:
        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
