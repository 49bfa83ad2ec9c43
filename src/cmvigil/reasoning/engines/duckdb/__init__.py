"""The set-based engine on embedded DuckDB: every patient and every snapshot in one run of SQL.

The Python engine is the reference; both must agree cell by cell.
"""

from __future__ import annotations

from .engine import prepared, run

__all__ = ["prepared", "run"]
