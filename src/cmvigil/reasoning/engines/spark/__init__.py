"""The set-based engine on Apache Spark, as generated SQL.

The data stay where they are and go through the executors only: nothing of a patient comes to the driver. Needs PySpark
(``pip install cmvigil[spark]``) and the session that the caller brings.
"""

from __future__ import annotations

from .engine import batches, prepared, run

__all__ = ["batches", "prepared", "run"]
