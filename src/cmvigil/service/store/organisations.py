"""The organisations that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tables import Organisation

if TYPE_CHECKING:
    from ..context import Services


def settle(parts: Services) -> None:
    """See to it that each organisation of the settings is in the database."""
    settings = parts.settings
    named = {"local"} if settings.mode == "single-user" else set()
    named |= {each.organisation for each in settings.ehrs} | {each.organisation for each in settings.hooks}
    if settings.login is not None:
        named |= set(settings.login.organisations.values())
    with parts.database.writing() as session:
        for each in sorted(named):
            if session.get(Organisation, each) is None:
                session.add(Organisation(id=each, name=each))
