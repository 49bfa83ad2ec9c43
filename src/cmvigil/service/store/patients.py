"""Patients and the versions of their records. Each question bears who asks: nobody is shown another organisation's."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from ..security.who import Who
from . import audit
from .tables import Attention, Document, Draft, Patient, RemovedPatient, WorklistAction


class NotFoundError(LookupError):
    """No such thing, or not for the one who asks: the two are not told apart."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a patient as it came: a record, or a sequence with the day of its specimen."""

    name: str
    content: bytes
    day: date | None = None
    sample: str | None = None

    @property
    def sha256(self) -> str:
        """The hash of the content, in hex."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Chart:
    """What is known of one patient: the record in force and the sequence files beside it."""

    id: str
    label: str
    record: File
    sequences: tuple[File, ...] = ()
    version: int = 1
    newer: int | None = None  # the document that the FHIR server has newer, beside a record that was written here

    @property
    def path(self) -> str:
        """Where its pages are."""
        return f"/patients/{self.id}"

    @property
    def key(self) -> str:
        """A hash of all that goes into an answer."""
        parts = [self.record.sha256]
        parts += [f"{each.sha256} {each.day} {each.sample}" for each in self.sequences]
        return sha256("\n".join(parts).encode()).hexdigest()


def listed(session: Session, who: Who) -> Sequence[Patient]:
    """All patients of the organisation, by label."""
    wanted = select(Patient).where(Patient.organisation_id == who.organisation).order_by(Patient.label, Patient.id)
    return session.scalars(wanted).all()


def find(session: Session, who: Who, patient_id: str) -> Patient:
    """One patient. Raises :class:`NotFoundError`, also for a patient of another organisation."""
    found = session.get(Patient, patient_id)
    if found is None or found.organisation_id != who.organisation:
        raise NotFoundError(patient_id)
    return found


def by_external(session: Session, who: Who, external: str) -> Patient | None:
    """The patient that a FHIR server calls so."""
    wanted = select(Patient).where(Patient.organisation_id == who.organisation, Patient.external == external)
    return session.scalars(wanted).first()


def chart(session: Session, who: Who, patient_id: str) -> Chart:
    """What is known of a patient. Raises :class:`NotFoundError`."""
    patient = find(session, who, patient_id)
    documents = versions(session, who, patient_id)
    record = in_force(documents)
    sequences = [file_of(each) for each in documents if each.kind == "sequence"]
    return Chart(patient.id, patient.label, file_of(record), tuple(sequences), documents[-1].number, patient.newer)


def in_force(documents: Iterable[Document]) -> Document:
    """The record that answers are made from, of documents that stand oldest first."""
    return [each for each in documents if each.kind == "record"][-1]


def fetched(documents: Iterable[Document]) -> Document | None:
    """The record as last read from the FHIR server, of documents that stand oldest first."""
    return next(reversed([each for each in documents if each.fetched]), None)


def versions(session: Session, who: Who, patient_id: str) -> Sequence[Document]:
    """All documents of a patient, oldest first. Raises :class:`NotFoundError`."""
    find(session, who, patient_id)
    return session.scalars(select(Document).where(Document.patient_id == patient_id).order_by(Document.number)).all()


def add(
    session: Session, who: Who, *, label: str, record: File, origin: str, now: datetime, external: str | None = None
) -> Patient:
    """A new patient with the first version of the record; ``external``: it was read from a FHIR server, as this."""
    patient = Patient(
        id=str(uuid4()),
        organisation_id=who.organisation,
        label=label[:200],
        origin=origin,
        external=external,
        created=now,
        watched="",
        tries=0,
    )
    session.add(patient)
    session.flush()
    _note(session, who, "patient.create", patient.id, now, origin=origin)
    attach(session, who, patient.id, record, kind="record", now=now, fetched=external is not None)
    return patient


def attach(
    session: Session,
    who: Who,
    patient_id: str,
    file: File,
    *,
    kind: str,
    now: datetime,
    fetched: bool = False,
    label: str = "",
) -> Document:
    """A new version of the record, or another sequence. The same content twice is kept once. Raises NotFoundError.

    ``fetched``: as read from the FHIR server. ``label``: what the patient is called from now on.
    """
    documents = versions(session, who, patient_id)
    same_kind = [each for each in documents if each.kind == kind]
    # What the source says again after something else is news: what is as it was last fetched does not come here.
    known = {"record": same_kind[-1:], "sequence": same_kind}.get(kind, [])
    for each in known:
        if (each.sha256, each.day, each.sample) == (file.sha256, file.day, file.sample):
            return each
    patient = find(session, who, patient_id)
    if kind == "record" and documents and patient.origin == "example":
        patient.origin = "upload"  # no longer the invented patient, whose day stands still
    patient.label = label[:200] or patient.label
    number = (documents[-1].number if documents else 0) + 1
    if kind == "source":
        patient.newer = number
    return _write(session, who, patient, file, kind=kind, number=number, fetched=fetched, now=now)


def put_in_force(
    session: Session, who: Who, patient_id: str, number: int, *, seen: int, label: str, now: datetime
) -> bool:
    """Put a version of the record in force, as its newest. False, and nothing done, where one came after ``seen``.

    The one that is in force, or the one that the FHIR server has newer: then it has been chosen between them.
    Raises :class:`NotFoundError`.
    """
    documents = versions(session, who, patient_id)
    chosen = next((each for each in documents if each.number == number and each.kind != "sequence"), None)
    if chosen is None:
        raise NotFoundError(str(number))
    if documents[-1].number != seen:
        return False
    last = fetched(documents)
    patient = find(session, who, patient_id)
    patient.label = label[:200] or patient.label
    if number in (patient.newer, in_force(documents).number):
        patient.newer = None
    if number == in_force(documents).number:
        patient.watched = ""
        _note(session, who, "record.keep", patient_id, now, version=number)
        return True
    _write(
        session,
        who,
        patient,
        file_of(chosen),
        kind="record",
        number=seen + 1,
        # An older one is not what the server has now: changes there must not be laid over it.
        fetched=chosen.fetched and last is not None and last.sha256 == chosen.sha256,
        now=now,
        again=number,
    )
    return True


def _write(
    session: Session,
    who: Who,
    patient: Patient,
    file: File,
    *,
    kind: str,
    number: int,
    fetched: bool,
    now: datetime,
    **detail: int,
) -> Document:
    document = Document(
        id=str(uuid4()),
        patient_id=patient.id,
        number=number,
        kind=kind,
        name=file.name[:200],
        content=zlib.compress(file.content),
        sha256=file.sha256,
        day=file.day,
        sample=file.sample,
        received=now,
        author=who.id,
        fetched=fetched,
    )
    session.add(document)
    patient.watched = ""  # its lines of the worklist are of the older version
    patient.tries, patient.retry = 0, None
    session.flush()
    _note(session, who, f"{kind}.write", patient.id, now, version=document.number, sha256=file.sha256, **detail)
    return document


def _note(session: Session, who: Who, action: str, patient_id: str, now: datetime, **detail: object) -> None:
    audit.append(
        session,
        organisation=who.organisation,
        actor=who.actor,
        action=action,
        entity=f"patient/{patient_id}",
        at=now,
        **detail,
    )


def lock(session: Session, who: Who, external: str) -> None:
    """One at a time adds or removes what a FHIR server calls so; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        held = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        session.execute(held, {"name": f"{who.organisation} {external}"})


def may_remove(session: Session, who: Who, patient_id: str) -> bool:
    """Whether one may delete a patient: any, or one to whom nobody else and no FHIR server ever wrote.

    Raises :class:`NotFoundError`.
    """
    if who.may("purge"):
        find(session, who, patient_id)
        return True
    authors = {(each.author, each.fetched) for each in versions(session, who, patient_id)}
    others = {
        author
        for table in (WorklistAction, Draft)
        for author in session.scalars(select(table.author).where(table.patient_id == patient_id))
    } - {who.id}
    return who.may("delete") and authors == {(who.id, False)} and not others


def remove(session: Session, who: Who, patient_id: str, now: datetime) -> None:
    """Delete a patient with all that is kept of them. The audit log keeps its lines, which say only ids.

    One who came from a FHIR server is not read again, until :func:`readmit`. Raises :class:`NotFoundError`.
    """
    patient = find(session, who, patient_id)
    if patient.external is not None:
        lock(session, who, patient.external)
        session.add(RemovedPatient(organisation_id=who.organisation, external=patient.external, at=now))
    held = {}
    for table in (Attention, WorklistAction, Draft, Document):
        counted = select(func.count()).select_from(table).where(table.patient_id == patient_id)
        held[str(table.__tablename__)] = session.scalar(counted)
        session.execute(delete(table).where(table.patient_id == patient_id))
    session.execute(delete(Patient).where(Patient.id == patient_id))
    counts = {"documents": held["document"], "drafts": held["draft"]}
    _note(session, who, "patient.delete", patient_id, now, origin=patient.origin, **counts)


def removed(session: Session, who: Who, external: str) -> bool:
    """Whether what a FHIR server calls so was deleted here."""
    return session.get(RemovedPatient, (who.organisation, external)) is not None


def readmit(session: Session, who: Who, external: str, now: datetime) -> bool:
    """Let a FHIR server's patient who was deleted here be read again. False where none was."""
    found = session.get(RemovedPatient, (who.organisation, external))
    if found is None:
        return False
    session.delete(found)
    audit.append(
        session,
        organisation=who.organisation,
        actor=who.actor,
        action="patient.readmit",
        entity=external[-200:],
        at=now,
    )
    return True


def file_of(document: Document) -> File:
    """A document as the file that came in."""
    return File(document.name, zlib.decompress(document.content), document.day, document.sample)


def save_draft(
    session: Session, who: Who, content: dict[str, object], now: datetime, draft_id: str | None = None
) -> Draft:
    """Keep a form as it stands. Raises :class:`NotFoundError` for a draft of somebody else."""
    if draft_id is None:
        draft = Draft(id=str(uuid4()), organisation_id=who.organisation, author=who.id, content=content, saved=now)
        session.add(draft)
    else:
        draft = find_draft(session, who, draft_id)
        draft.content, draft.saved = content, now
    session.flush()
    return draft


def find_draft(session: Session, who: Who, draft_id: str) -> Draft:
    """A draft of one's own. Raises :class:`NotFoundError`."""
    draft = session.get(Draft, draft_id)
    if draft is None or (draft.organisation_id, draft.author) != (who.organisation, who.id):
        raise NotFoundError(draft_id)
    return draft


def drafts(session: Session, who: Who) -> Sequence[Draft]:
    """One's own drafts, newest first."""
    mine = select(Draft).where(Draft.organisation_id == who.organisation, Draft.author == who.id)
    return session.scalars(mine.order_by(Draft.saved.desc())).all()


def drop_draft(session: Session, who: Who, draft_id: str) -> None:
    """Throw a draft of one's own away. Raises :class:`NotFoundError`."""
    session.delete(find_draft(session, who, draft_id))


def expire_drafts(session: Session, before: datetime, now: datetime) -> int:
    """Throw away all drafts that were last saved before a time; how many."""
    gone = delete(Draft).where(Draft.saved < before).returning(Draft.id, Draft.organisation_id)
    old = sorted((draft, organisation) for draft, organisation in session.execute(gone))
    for draft, organisation in old:
        audit.append(
            session,
            organisation=organisation,
            actor="worklist",
            action="draft.expire",
            entity=f"draft/{draft}",
            at=now,
        )
    return len(old)


def number_of(session: Session, who: Who) -> int:
    """How many patients the organisation has."""
    return (
        session.scalar(select(func.count()).select_from(Patient).where(Patient.organisation_id == who.organisation))
        or 0
    )
