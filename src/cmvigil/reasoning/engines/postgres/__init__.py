"""The set-based engine inside a PostgreSQL database, as generated SQL.

The data stay where they are: a role that may read the event tables and make temporary tables suffices, nothing else is
written. Needs psycopg (``pip install cmvigil[postgres]``) for the connection that the caller brings.
"""

from __future__ import annotations

from .engine import batches, prepared, run

__all__ = ["batches", "prepared", "run"]
