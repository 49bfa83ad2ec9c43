"""The compiler of the set-based engines: from a program to statements of SQL that run over many patients at once.

What is visible, views, facts, states (derived facts and definitions) and rules are tables, one layer upon the other,
keyed by ``patient`` and ``as_of``. :func:`compile_program` makes a :class:`Plan` of them in one :class:`Dialect`;
``engines/duckdb``, ``engines/postgres`` and ``engines/spark`` run it. No table and no statement is wider than what
every one of these databases can hold.
"""

from __future__ import annotations

from .dialect import Dialect
from .plan import Plan, compile_program

__all__ = ["Dialect", "Plan", "compile_program"]
