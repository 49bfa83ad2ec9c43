"""How wide a table and a statement may be, so that every database can hold them.

PostgreSQL is the strictest: 1,600 columns a table, 1,664 entries in a select list (those of a join included), rows of
8 kB (a long word counts 18 bytes there, for it moves out), 63 bytes a name. Narrow tables also suit DuckDB, which
keeps some memory for every column of every table.
"""

from __future__ import annotations

TABLE_WIDTH = 400
"""Columns of a stored table of facts, states or rules."""

STATEMENT_WIDTH = 1_200
"""Columns that one statement reads and makes, all told."""

JOINED_AT_ONCE = 16
"""Tables of which one table of facts is joined: a join carries every column through."""

NAME_BYTES = 63
