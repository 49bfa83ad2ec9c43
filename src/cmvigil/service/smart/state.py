"""How far a FHIR server has been read: kept in the database, so that a run that is killed goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ..settings import Ehr
from ..store.database import Database
from ..store.tables import SyncState


@dataclass(slots=True)
class Run:
    """A run under way: from which change on it reads, its moment at the server, the last patient that is done.

    ``export`` is the bulk export that it waits for; ``again`` are patients to be read whole in the next run.
    """

    since: str | None = None
    moment: str = ""
    last: str = ""
    export: str | None = None
    again: list[str] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """What is kept between runs. ``since``: what changed before is known; ``again`` as in :class:`Run`."""

    since: str | None = None
    again: list[str] = field(default_factory=list)
    run: Run | None = None


class Progress:
    """The state of one server and one group (or all with CMV) for one organisation."""

    def __init__(self, database: Database, ehr: Ehr, scope: str, clock: Callable[[], datetime]) -> None:
        self.database, self.clock = database, clock
        self.key = (ehr.organisation, ehr.fhir, scope)
        self.state = State()
        with database.reading() as session:
            found = session.get(SyncState, self.key)
        if found is not None:
            run = found.state.get("run")
            self.state = State(found.state.get("since"), found.state.get("again", []), Run(**run) if run else None)

    def save(self) -> None:
        """Write the state by itself."""
        with self.database.writing() as session:
            self.put(session)

    def put(self, session: Session) -> None:
        """Write the state together with what it tells."""
        found = session.get(SyncState, self.key)
        if found is None:
            organisation, fhir, scope = self.key
            found = SyncState(organisation_id=organisation, fhir=fhir, scope=scope, state={}, at=self.clock())
            session.add(found)
        found.state, found.at = asdict(self.state), self.clock()
