"""Patients and the versions of their records. Each question bears who asks: nobody is shown another organisation's."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..security.who import Who
from . import audit
from .tables import Document, Draft, Patient


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
    records = [each for each in documents if each.kind == "record"]
    sequences = [file_of(each) for each in documents if each.kind == "sequence"]
    return Chart(patient.id, patient.label, file_of(records[-1]), tuple(sequences), documents[-1].number)


def versions(session: Session, who: Who, patient_id: str) -> Sequence[Document]:
    """All documents of a patient, oldest first. Raises :class:`NotFoundError`."""
    find(session, who, patient_id)
    return session.scalars(select(Document).where(Document.patient_id == patient_id).order_by(Document.number)).all()


def add(
    session: Session, who: Who, *, label: str, record: File, origin: str, now: datetime, external: str | None = None
) -> Patient:
    """A new patient with the first version of the record."""
    patient = Patient(
        id=str(uuid4()),
        organisation_id=who.organisation,
        label=label[:200],
        origin=origin,
        external=external,
        created=now,
        watched="",
    )
    session.add(patient)
    session.flush()
    audit.append(
        session,
        organisation=who.organisation,
        actor=who.actor,
        action="patient.create",
        entity=f"patient/{patient.id}",
        at=now,
        origin=origin,
    )
    attach(session, who, patient.id, record, kind="record", now=now)
    return patient


def attach(session: Session, who: Who, patient_id: str, file: File, *, kind: str, now: datetime) -> Document:
    """A new version of the record, or another sequence. The same content twice is kept once. Raises NotFoundError."""
    documents = versions(session, who, patient_id)
    same_kind = [each for each in documents if each.kind == kind]
    known = same_kind[-1:] if kind == "record" else same_kind
    for each in known:
        if (each.sha256, each.day, each.sample) == (file.sha256, file.day, file.sample):
            return each
    document = Document(
        id=str(uuid4()),
        patient_id=patient_id,
        number=(documents[-1].number if documents else 0) + 1,
        kind=kind,
        name=file.name[:200],
        content=zlib.compress(file.content),
        sha256=file.sha256,
        day=file.day,
        sample=file.sample,
        received=now,
        author=who.id,
    )
    session.add(document)
    patient = find(session, who, patient_id)
    patient.watched = ""  # its lines of the worklist are of the older version
    if kind == "record" and documents and patient.origin == "example":
        patient.origin = "upload"  # no longer the invented patient, whose day stands still
    session.flush()
    audit.append(
        session,
        organisation=who.organisation,
        actor=who.actor,
        action=f"{kind}.write",
        entity=f"patient/{patient_id}",
        at=now,
        version=document.number,
        sha256=file.sha256,
    )
    return document


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


def number_of(session: Session, who: Who) -> int:
    """How many patients the organisation has."""
    return (
        session.scalar(select(func.count()).select_from(Patient).where(Patient.organisation_id == who.organisation))
        or 0
    )
