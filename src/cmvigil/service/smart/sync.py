"""Keep the records of a FHIR server's patients up to date: what changed since the last time, patient by patient.

A patient's new version and how far the run has come are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep

from ...record.errors import IntakeError
from ...record.read import read_record
from ..security.addresses import Outgoing
from ..security.who import Who
from ..settings import Ehr
from ..store import audit, patients
from ..store.database import Database
from ..store.patients import NotFoundError
from . import listing
from .backend import Backend
from .bulk import Bulk, Manifest, NoExportError, Rejected
from .chart import Chart, fetch_patient
from .exported import Export
from .fhir import EndedError, FhirClient, FhirError, Limits
from .keeping import NAME, external, keep
from .state import Progress, Run, State

_OVERLAP = timedelta(minutes=5)
"""What changed shortly before the last run began is read again: clocks differ, and writers are slow."""
_LIST = Limits(pages=10_000, resources=1_000_000, bytes=2_000_000_000, seconds=3600, wait=120)
_CHART = Limits(seconds=300, wait=60)
_GIVE_UP = 5  # patients in a row that the server does not give


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read: a group or, without one, all with a finding of CMV; ``full``: everything, not only what changed.

    ``readmit``: a patient who was deleted here and is to be read again.
    ``export``: by bulk export (True), patient by patient (False), or as the server offers it for a group (None).
    """

    group: str | None = None
    since: str | None = None
    full: bool = False
    export: bool | None = None
    readmit: str | None = None


@dataclass(slots=True)
class Report:
    """What a run did. ``failed`` names patients that were not read, ``notes`` what else was not.

    ``beside`` counts newer records kept beside one that was edited here; ``removed`` names patients who were deleted
    here and therefore not read.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    beside: int = 0
    partly: int = 0
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rejected: Rejected = field(default_factory=Rejected)
    removed: list[str] = field(default_factory=list)
    resumed: bool = False

    @property
    def whole(self) -> bool:
        """Whether everything was read."""
        return not (self.failed or self.notes or self.partly or self.rejected.number)


class Sync:
    """One run over one FHIR server. ``told`` hears how many of how many patients are done; 0 of 0 while it waits."""

    def __init__(
        self,
        database: Database,
        ehr: Ehr,
        out: Outgoing,
        wanted: Wanted,
        *,
        clock: Callable[[], datetime],
        mapping: Path | None = None,
        told: Callable[[int, int], None] = lambda _, __: None,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self.database, self.ehr, self.out, self.wanted, self.clock = database, ehr, out, wanted, clock
        self.mapping, self.told, self.pause = mapping, told, pause
        self.who = Who("sync", "sync", ehr.organisation, frozenset({"clinician"}))
        self.backend = Backend(out, ehr, clock)
        self.bulk = Bulk(ehr.fhir, out, self.backend.token, pause=pause)
        self.progress = Progress(database, ehr, f"Group/{wanted.group}" if wanted.group else "cmv", clock)
        self.report = Report()

    def run(self) -> Report:
        """Read and keep. Raises LaunchError without a token, FhirError where the server gives no list or fails.

        NotFoundError where the patient to be read again was not deleted here.
        """
        run = self._begin()
        self._readmit(run)
        manifest = self._manifest(run)
        self._keep_all(run, self._searched(run) if manifest is None else self._exported(run, manifest))
        if run.export is not None:
            self.bulk.drop(run.export)
        self._finish(run)
        return self.report

    def _begin(self) -> Run:
        state, wanted = self.progress.state, self.wanted
        if state.run is None or wanted.full or wanted.since is not None:
            state.run = Run(None if wanted.full else wanted.since or state.since)
            self.progress.save()
        else:
            self.report.resumed = True
        return state.run

    def _readmit(self, run: Run) -> None:
        """Read whole, by the next run where this one was stopped beyond it, who was deleted here."""
        patient = self.wanted.readmit
        if patient is None:
            return
        with self.database.writing() as session:
            if not patients.readmit(session, self.who, external(self.ehr.fhir, patient), self.clock()):
                raise NotFoundError(patient)
            self.progress.state.again.append(patient)
            if patient <= run.last:
                run.again.append(patient)
            self.progress.put(session)

    def _finish(self, run: Run) -> None:
        said = self.report
        # Who could not be listed is looked for once more from the same moment on.
        since = self.progress.state.since if said.notes else run.moment
        self.progress.state = State(since, sorted(set(run.again)))
        with self.database.writing() as session:
            self.progress.put(session)
            audit.append(
                session,
                organisation=self.ehr.organisation,
                actor=self.who.actor,
                action="sync",
                entity=f"{self.ehr.fhir}|{self.progress.key[2]}"[-200:],
                at=self.clock(),
                new=said.new,
                changed=said.changed,
                unchanged=said.unchanged,
                beside=said.beside,
                removed=len(said.removed),
                failed=len(said.failed),
                rejected=said.rejected.number,
            )

    # --- what is kept

    def _keep_all(self, run: Run, charts: Iterable[tuple[str, Chart | FhirError]]) -> None:
        in_a_row = 0
        for patient, found in charts:
            if isinstance(found, FhirError):
                in_a_row += 1
                self._failed(run, patient, found, in_a_row)
            else:
                in_a_row = 0
                self._keep(run, found)

    def _failed(self, run: Run, patient: str, error: FhirError, in_a_row: int) -> None:
        if error.passing and in_a_row == _GIVE_UP:
            raise FhirError(
                "Patient", f"{in_a_row} patients in a row failed, last with {error.found}", "Run sync again."
            )
        self.report.failed.append(f"Patient/{patient}: {error.what} could not be read: {error.found}")
        run.again.append(patient)

    def _keep(self, run: Run, chart: Chart) -> None:
        if any(not each.standing for each in chart.unread):
            run.again.append(chart.patient)
        run.last = chart.patient
        with self.database.writing() as session:
            _, became = keep(session, self.who, self.ehr.fhir, chart, "sync", self.clock())
            self.progress.put(session)
        self.report.partly += bool(chart.unread)
        self.report.new += became == "new"
        self.report.changed += became == "changed"
        self.report.unchanged += became == "as before"
        self.report.beside += became == "beside"

    def _before(self, patient: str) -> Chart | None:
        with self.database.reading() as session:
            found = patients.by_external(session, self.who, external(self.ehr.fhir, patient))
            if found is None:
                return None
            last = patients.fetched(patients.versions(session, self.who, found.id))
            return None if last is None else Chart.read(patient, patients.file_of(last).content)

    # --- what is read

    def _each(
        self, run: Run, people: Iterable[str], chart: Callable[[str], Chart]
    ) -> Iterator[tuple[str, Chart | FhirError]]:
        ordered = sorted(people)
        for number, patient in enumerate(ordered, 1):
            if self._removed(patient):
                self.report.removed.append(f"Patient/{patient}")
            elif patient > run.last:
                try:
                    found = chart(patient)
                    read_record(found.bundle(), name=NAME, mapping=self.mapping)
                    yield patient, found
                except EndedError:
                    raise
                except FhirError as error:
                    yield patient, error
                except IntakeError as error:
                    yield patient, FhirError("Record", error.problems[0].found, "The last version stays.")
                except (TypeError, RecursionError):  # deeper than JSON is written; others are not kept waiting for it
                    yield patient, FhirError("Record", "a resource nested too deeply", "The last version stays.")
            self.told(number, len(ordered))

    def _removed(self, patient: str) -> bool:
        with self.database.reading() as session:
            return patients.removed(session, self.who, external(self.ehr.fhir, patient))

    def _searched(self, run: Run) -> Iterator[tuple[str, Chart | FhirError]]:
        again = set(self.progress.state.again)
        client = self._client(_LIST)
        if self.wanted.group:
            people = listing.members(client, self.wanted.group)
        else:
            people, unread = listing.with_cmv(client, self.mapping, run.since)
            people |= listing.known(self.database, self.who, self.ehr.fhir)
            self.report.notes += [f"who has a finding of CMV: {each}" for each in unread]
        if not run.moment:
            run.moment = ((client.told or self.clock()) - _OVERLAP).isoformat()

        def chart(patient: str) -> Chart:
            before = None if run.since is None or patient in again else self._before(patient)
            since = run.since if before is not None else None
            return fetch_patient(self._client(_CHART), patient, since=since, before=before)

        yield from self._each(run, people | again, chart)

    def _manifest(self, run: Run) -> Manifest | None:
        """The export of the group, waited for; None where patients are read one by one."""
        group = self.wanted.group
        if group is None or self.wanted.export is False:
            return None
        try:
            if run.export is not None:
                try:
                    return self.bulk.wait(run.export, lambda _: self.told(0, 0))
                except NoExportError:
                    run.export = None
            run.export = self.bulk.begin(group, run.since)
            self.progress.save()  # a killed run waits on for the same export
            return self.bulk.wait(run.export, lambda _: self.told(0, 0))
        except NoExportError:
            if self.wanted.export:
                raise
            return None

    def _exported(self, run: Run, manifest: Manifest) -> Iterator[tuple[str, Chart | FhirError]]:
        assert self.wanted.group is not None
        run.moment = manifest.moment
        again = set(self.progress.state.again)
        export = Export.taken(self.bulk, manifest)
        self.report.rejected = export.rejected
        self.report.notes += export.notes
        people = listing.members(self._client(_LIST), self.wanted.group)
        touched = set(export.spool.patients()) & people if not (export.gone or export.unread) else people

        def chart(patient: str) -> Chart:
            before = self._before(patient)
            if patient in again or (before is None and run.since is not None):
                return fetch_patient(self._client(_CHART), patient)
            return export.chart(patient, before if run.since else None, lambda: self._client(_CHART), self.ehr.fhir)

        fresh = {each for each in people if each in again or self._before(each) is None}
        with export.spool:
            yield from self._each(run, touched | fresh, chart)

    def _client(self, limits: Limits) -> FhirClient:
        return FhirClient(
            self.ehr.fhir,
            self.out,
            self.backend.token(),
            refresh=lambda: self.backend.token(True),
            limits=limits,
            pause=self.pause,
        )
