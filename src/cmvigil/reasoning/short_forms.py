"""Short forms of a fact (``latest: creatinine``, ``drug: set(anti_cmv)``) and the general form that each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHORT_FORMS = {
    "latest": ("measurements", "measurement"),
    "word": ("observations", "observation"),
    "finding": ("observations", "observation"),
    "drug": ("drugs", "exposure"),
    "drug_ever": ("drugs", "exposure"),
    "condition": ("conditions", "condition"),
    "condition_ever": ("conditions", "condition"),
    "procedure": ("procedures", "procedure"),
    "procedure_running": ("procedures", "procedure"),
}
"""Each short form: the section of the vocabulary that has its names, and the event table it looks into."""


class ShortForms:
    """The short forms for a vocabulary. A name that it does not have raises ValueError."""

    def __init__(self, vocabulary: Mapping[str, Any], sets: Mapping[str, tuple[str, ...]]) -> None:
        self.vocabulary = vocabulary
        self.sets = sets

    def expand(self, given: dict[str, Any]) -> dict[str, Any]:
        """A short form into the general form (``docs/architecture.md``, section Facts)."""
        fields = dict(given)
        vocabulary = self.vocabulary
        for form, (section, table) in SHORT_FORMS.items():
            if form not in fields:
                continue
            target = fields.pop(form)
            members = self._members(target, section)
            fields["from"] = table
            if form == "latest":
                fields.setdefault("unit", vocabulary[section][target]["unit"])
                fields.update(where=f"concept = '{target}'", pick="latest")
                fields.setdefault("take", "value")
                fields.setdefault("conflict", "same_time")
            elif form == "word":
                fields.update(where=f"concept = '{target}'", pick="latest", take="text")
            elif form == "finding":
                fields.update(where=f"concept = '{target}'", pick="latest", take="present")
                self._complete(fields, {vocabulary[section][target].get("group")})
            else:
                self._running(fields, form, members, {vocabulary[section][m].get("group") for m in members})
            break
        return fields

    def _members(self, target: str, section: str) -> tuple[str, ...]:
        if target.startswith("set(") and target.endswith(")"):
            name = target[4:-1]
            if name not in self.sets:
                raise ValueError(f"no set named {name!r}")
            return self.sets[name]
        if target not in self.vocabulary.get(section, {}):
            raise ValueError(f"no {section[:-1]} named {target!r} in the vocabulary")
        return (target,)

    def _running(self, fields: dict[str, Any], form: str, members: tuple[str, ...], groups: set[str | None]) -> None:
        names = ", ".join(f"'{m}'" for m in members)
        where = f"concept in ({names})"
        if form.startswith("condition"):
            where += " and present"
            if len(members) == 1:
                fields["absent"] = [
                    *listed(fields.get("absent")),
                    {"from": "condition", "where": f"concept = '{members[0]}' and not present"},
                ]
            self._complete(fields, groups)
        elif form.startswith("drug"):
            self._complete(fields, {"medications"})
        else:
            self._complete(fields, {"procedures"})
        if form in ("drug", "condition", "procedure_running"):
            where += " and (end is null or end >= as_of)"
        fields.update(where=where, pick="any")

    def _complete(self, fields: dict[str, Any], groups: set[str | None]) -> None:
        """A completeness statement licenses absence when one list covers every concept asked for.

        Where the fact itself goes stale, so does the statement.
        """
        if len(groups) == 1 and None not in groups:
            (group,) = groups
            where = f"concept = 'complete' and text = '{group}'"
            if "fresh" in fields:
                where += f" and day > as_of - {fields['fresh']}"
            statement = {"from": "observation", "where": where}
            fields["group"] = group
            fields["absent"] = [*listed(fields.get("absent")), statement]


def listed(value: Any) -> list[Any]:
    """A list, or the only item of one."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]
