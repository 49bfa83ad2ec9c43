"""Who asks: a person with roles in one organisation, and what each role may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Permission = Literal["read", "write", "delete", "purge", "genotype", "worklist", "knowledge", "audit", "feedback"]
"""``read`` patients and their answers, ``write`` records, ``delete`` patients that are one's own alone or
(``purge``) any patient, add a ``genotype``, act on the ``worklist``, use the tools
that know no patient (``knowledge``: doses, genotype reports, rules), read the ``audit`` log, read what became of cards
(``feedback``)."""

MAY: dict[str, frozenset[Permission]] = {
    "clinician": frozenset({"read", "write", "delete", "genotype", "worklist", "knowledge"}),
    "pharmacist": frozenset({"read", "worklist", "knowledge"}),
    "laboratory": frozenset({"genotype", "knowledge"}),
    "administrator": frozenset({"delete", "purge", "knowledge", "audit", "feedback"}),
}
"""An administrator sees no patient; a laboratory adds genotypes to patients that it is given the address of."""


class ForbiddenError(PermissionError):
    """What was asked for is not among what one's roles may do."""


@dataclass(frozen=True, slots=True)
class Who:
    """The one who asks. ``id`` is ours, ``actor`` is what the audit log calls them."""

    id: str
    name: str
    organisation: str
    roles: frozenset[str]

    @property
    def actor(self) -> str:
        """How the audit log names them."""
        return self.id

    def may(self, permission: Permission) -> bool:
        """Whether any of one's roles allows it."""
        return any(permission in MAY[role] for role in self.roles)

    def must(self, permission: Permission) -> None:
        """Raises :class:`ForbiddenError` where it is not allowed."""
        if not self.may(permission):
            raise ForbiddenError(permission)


LOCAL = Who("local", "you", "local", frozenset(MAY))
"""The one user of a server on loopback: everything, in the organisation ``local``."""
