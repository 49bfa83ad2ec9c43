"""The tables. A row of a patient bears its organisation; times are UTC; no change without its migration."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    Date,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Moment(TypeDecorator[datetime]):
    """A point in time in UTC. SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To the database, in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database, with its zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """What all tables share."""

    type_annotation_map: ClassVar = {datetime: Moment(), dict[str, Any]: JSON, list[str]: JSON}


Id = String(36)


class Organisation(Base):
    """A hospital or a ward that sees only its own patients."""

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))


class User(Base):
    """Somebody who logged in; ``subject`` is what the issuer calls them."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[str]]
    seen: Mapped[datetime]


class LoginSession(Base):
    """A browser that is logged in. The cookie is not kept, only its hash; ``sealed`` opens with the cookie alone."""

    __tablename__ = "login_session"
    __table_args__ = (Index("begun_at_an_address", "origin", "expires"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the cookie
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"))
    expires: Mapped[datetime]
    seen: Mapped[datetime]
    sealed: Mapped[str] = mapped_column(Text, default="")
    origin: Mapped[str] = mapped_column(String(64), default="")  # a stranger's address, until somebody is logged in


class Patient(Base):
    """A patient of an organisation. ``origin``: form, upload, example, sync, launch."""

    __tablename__ = "patient"
    __table_args__ = (
        Index("patient_of_organisation", "organisation_id", "label"),
        UniqueConstraint("organisation_id", "external"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    label: Mapped[str] = mapped_column(String(200))
    origin: Mapped[str] = mapped_column(String(20))
    external: Mapped[str | None] = mapped_column(String(500))  # FHIR base and id
    created: Mapped[datetime]
    watched: Mapped[str] = mapped_column(String(200), default="")  # what its lines of the worklist were made from
    newer: Mapped[int | None]  # the document that the FHIR server has newer, while nobody has chosen
    tries: Mapped[int] = mapped_column(default=0)  # to make them that failed, one after the other
    retry: Mapped[datetime | None]  # not before then


class RemovedPatient(Base):
    """A patient of a FHIR server who was deleted here: not read again until somebody asks for it."""

    __tablename__ = "removed_patient"
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    external: Mapped[str] = mapped_column(String(500), primary_key=True)  # as it was the patient's
    at: Mapped[datetime]


class Document(Base):
    """One version of a patient's record, or a sequence file; never changed. The newest ``record`` is in force.

    ``kind``: ``record`` (case file or Bundle), ``source`` (the record as read from the FHIR server, while one that was
    written here is in force) or ``sequence``; ``day`` is the specimen's day of a sequence. ``fetched``: it is the
    record as read from the server, and the newest such is what changes there are laid over.
    """

    __tablename__ = "document"
    __table_args__ = (UniqueConstraint("patient_id", "number"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    content: Mapped[bytes] = mapped_column(LargeBinary)  # zlib
    sha256: Mapped[str] = mapped_column(String(64))
    day: Mapped[date | None] = mapped_column(Date)
    sample: Mapped[str | None] = mapped_column(String(200))
    received: Mapped[datetime]
    author: Mapped[str] = mapped_column(Id)
    fetched: Mapped[bool] = mapped_column(default=False)


class Draft(Base):
    """A form that is being filled in, saved as it is typed."""

    __tablename__ = "draft"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    author: Mapped[str] = mapped_column(Id)
    patient_id: Mapped[str | None] = mapped_column(ForeignKey("patient.id"))
    content: Mapped[dict[str, Any]]
    saved: Mapped[datetime]


class Attention(Base):
    """A line of the worklist as last computed: why a patient needs attention, and how urgently.

    ``about`` names the reason (rule and day), so that an answer to it does not silence another.
    """

    __tablename__ = "attention"
    __table_args__ = (
        Index("attention_by_urgency", "organisation_id", "urgency"),
        UniqueConstraint("patient_id", "about"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    about: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(60))
    urgency: Mapped[int]
    position: Mapped[int]  # among the patient's lines
    reason: Mapped[str] = mapped_column(String(400))
    due: Mapped[date | None] = mapped_column(Date)
    rule: Mapped[str] = mapped_column(String(120))
    as_of: Mapped[date] = mapped_column(Date)
    knowledge: Mapped[str] = mapped_column(String(120))
    computed: Mapped[datetime]


class WorklistAction(Base):
    """What somebody did with a line: acknowledge, snooze, assign, reopen. Appended, never changed."""

    __tablename__ = "worklist_action"
    __table_args__ = (UniqueConstraint("patient_id", "number"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"))
    number: Mapped[int]  # in the order in which they were done
    about: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(400), default="")
    until: Mapped[date | None] = mapped_column(Date)
    assignee: Mapped[str | None] = mapped_column(String(200))
    author: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]


class CardIssued(Base):
    """A card that was sent, without a patient: which rule of which knowledge said what, for the feedback to it."""

    __tablename__ = "card_issued"
    id: Mapped[str] = mapped_column(Id, primary_key=True)  # the card's uuid
    organisation_id: Mapped[str] = mapped_column(String(64))
    service: Mapped[str] = mapped_column(String(60))
    rule: Mapped[str] = mapped_column(String(120))
    knowledge: Mapped[str] = mapped_column(String(120))
    indicator: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]


class CardFeedback(Base):
    """What became of a card. The same report may come twice and counts once."""

    __tablename__ = "card_feedback"
    __table_args__ = (UniqueConstraint("organisation_id", "card", "outcome", "at"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    card: Mapped[str] = mapped_column(String(64))
    organisation_id: Mapped[str] = mapped_column(String(64))
    service: Mapped[str] = mapped_column(String(60))
    rule: Mapped[str] = mapped_column(String(120))  # empty for a card we do not know
    knowledge: Mapped[str] = mapped_column(String(120))
    outcome: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(120))
    comment: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]
    received: Mapped[datetime]


class SeenToken(Base):
    """A token that was used once (jti) and may not be used again before it expires."""

    __tablename__ = "seen_token"
    issuer: Mapped[str] = mapped_column(String(300), primary_key=True)
    jti: Mapped[str] = mapped_column(String(300), primary_key=True)
    expires: Mapped[datetime]


class SyncState(Base):
    """How far a FHIR server has been read, for one organisation and patient group."""

    __tablename__ = "sync_state"
    organisation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fhir: Mapped[str] = mapped_column(String(500), primary_key=True)
    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    state: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class AuditEntry(Base):
    """One line of the audit log; ``hash`` covers the line and the hash before it. The database refuses to change it."""

    __tablename__ = "audit_entry"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    organisation_id: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60))
    entity: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(Text)  # JSON, as it was hashed
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
