"""A row that may be written once: of several workers that try, one succeeds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..store.tables import Base


def put_once(session: Session, table: type[Base], **values: Any) -> bool:
    """Put a row in unless its key is taken; whether it was put in."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    put = insert(table).values(**values).on_conflict_do_nothing().returning(literal(1))
    return session.execute(put).first() is not None
