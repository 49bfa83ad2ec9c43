"""What an entry of a knowledge file may say: its fields, the closed words that some take, and the sources it names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .model import EFFECTS
from .short_forms import SHORT_FORMS

_ADVICE = {"headline", "text", "because", "strength", "certainty", "severity", "evidence", "tone"}
_WEIGHED = {"statement", "sources", "verification", "note"}
_PLACED = {"topic", "slot", "order", "schedule", "overrides", "options", "effect"}
_FIELDS: Mapping[str, Collection[str]] = {
    "settings": {"is", "value", "unit", "type", "sources", "verification", "note"},
    "views": {"is", "because", "steps", "note"},
    "facts": {"is", "ask", "unit", "from", "where", "pick", "take", "by", "note", *SHORT_FORMS}
    | {"fresh", "absent", "unusable", "conflict"},
    "derived": {"is", "unit", "value", "note"},
    "definitions": {"is", "when", *_WEIGHED},
    "rules": {"kind", "when", "unless", "if_unknown", *_ADVICE, *_WEIGHED, *_PLACED},
    "tables": {"is", "keys", "banded", "columns", "rows", "used_by", "sources", "verification", "note"},
}
_WORDS = {
    "verification": ("verified", "secondary", "recalled"),
    "strength": ("strong", "conditional", "good-practice"),
    "certainty": ("high", "moderate", "low", "very-low"),
    "severity": ("harm", "act", "note"),
    "evidence": ("", "consistent", "conflicting"),
    "tone": ("", "harm", "watch", "calm", "unknown"),
    "effect": EFFECTS,
}


def objections(section: str, fields: Mapping[str, Any], sources: Collection[str]) -> Iterator[str]:
    """What is wrong with an entry as it is written, whatever it means. Lint looks at the sources of tables."""
    unknown = fields.keys() - {*_FIELDS[section], "file"}
    if unknown:
        wrong, known = ", ".join(sorted(map(str, unknown))), ", ".join(sorted(_FIELDS[section]))
        yield f"no field {wrong}; there are {known}"
    for word, allowed in _WORDS.items():
        if word in fields and fields[word] not in allowed:
            yield f"{word} is {fields[word]!r}; expected {', '.join(allowed)}"
    if section != "tables":
        for key in fields.get("sources", ()):
            if key not in sources:
                yield f"no source {key!r} in sources.yaml"
