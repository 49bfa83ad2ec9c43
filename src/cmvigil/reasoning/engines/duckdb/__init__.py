"""The set-based engine: every patient and every snapshot in one run of SQL on DuckDB.

What is visible, views, facts, states (derived facts and definitions) and rules are temporary tables, one layer upon
the other, keyed by ``patient`` and ``as_of``. The Python engine is the reference; both must agree cell by cell.
"""

from __future__ import annotations

from .engine import run

__all__ = ["run"]
