"""What becomes of cards: each card sent is written down without its patient, and so is what users did with it.

It is counted by rule and version of the knowledge, so that a rule which is set aside too often can be found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...report import words
from ..store.tables import CardFeedback, CardIssued
from .calls import Feedback
from .cards import REASON, Card
from .once import put_once


def issued(
    session: Session, card: Card, uuid: str, *, organisation: str, service: str, knowledge: str, at: datetime
) -> None:
    """Write a card down that is about to be sent."""
    session.add(
        CardIssued(
            id=uuid,
            organisation_id=organisation,
            service=service,
            rule=card.rule,
            knowledge=knowledge,
            indicator=card.indicator,
            at=at,
        )
    )


def keep(session: Session, said: Feedback, *, organisation: str, service: str, now: datetime) -> bool:
    """Keep what became of a card, once however often it is told; whether it is new.

    A card that we do not know, or of another organisation, is kept without a rule.
    """
    uuid = words.clean(said.card).removeprefix("urn:uuid:")[:64]
    card = session.get(CardIssued, uuid)
    if card is not None and card.organisation_id != organisation:
        card = None
    name = f"{organisation}\n{uuid}\n{said.outcome}\n{said.outcomeTimestamp.isoformat()}"
    reason = said.overrideReason
    return put_once(
        session,
        CardFeedback,
        id=str(uuid5(NAMESPACE_URL, name)),
        card=uuid,
        organisation_id=organisation,
        service=card.service if card else service,
        rule=card.rule if card else "",
        knowledge=card.knowledge if card else "",
        outcome=said.outcome,
        reason=_reason(said),
        comment=words.clean(reason.userComment) if reason else "",
        at=said.outcomeTimestamp,
        received=now,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """Cards of one rule and version: how many were sent, accepted and overridden, and why. One card counts once."""

    rule: str
    knowledge: str
    sent: int
    accepted: int
    overridden: int
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def overridden_share(self) -> float | None:
        """The share of cards that was overridden; None where none was sent. What was ignored is never told."""
        return self.overridden / self.sent if self.sent else None


def summary(session: Session, organisation: str) -> list[Summary]:
    """What became of the cards of an organisation, by rule and version; an unknown card has the rule ``""``."""
    sent: Counter[tuple[str, str]] = Counter()
    for rule, knowledge, number in session.execute(
        select(CardIssued.rule, CardIssued.knowledge, func.count())
        .where(CardIssued.organisation_id == organisation)
        .group_by(CardIssued.rule, CardIssued.knowledge)
    ):
        sent[rule, knowledge] = number
    outcomes: Counter[tuple[str, str, str]] = Counter()
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for rule, knowledge, outcome, reason, number in session.execute(
        select(
            CardFeedback.rule,
            CardFeedback.knowledge,
            CardFeedback.outcome,
            CardFeedback.reason,
            func.count(CardFeedback.card.distinct()),
        )
        .where(CardFeedback.organisation_id == organisation)
        .group_by(CardFeedback.rule, CardFeedback.knowledge, CardFeedback.outcome, CardFeedback.reason)
    ):
        outcomes[rule, knowledge, outcome] += number
        if reason:
            reasons.setdefault((rule, knowledge), Counter())[reason] += number
    keys = sorted({*sent, *((rule, knowledge) for rule, knowledge, _ in outcomes)})
    return [
        Summary(
            *key,
            sent=sent[key],
            accepted=outcomes[*key, "accepted"],
            overridden=outcomes[*key, "overridden"],
            reasons=dict(sorted(reasons.get(key, Counter()).items())),
        )
        for key in keys
    ]


def _reason(said: Feedback) -> str:
    """The code of the reason; of another code system with its name."""
    reason = said.overrideReason.reason if said.overrideReason else None
    if reason is None:
        return ""
    code = reason.code if reason.system == REASON else f"{reason.system}|{reason.code}"
    return words.clean(code)[:120]
