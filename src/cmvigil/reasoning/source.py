"""Reading knowledge as text: YAML folders, overlays laid over them, exact decimals, the place of every entry.

An overlay is a folder of the same shape. It merges by name and field; a list replaces the whole list; ``delete:
true`` removes
an entry. What could harm if weakened (an abstention, a rule of severity ``harm``, a definition's condition, a dose
table) is
changed only where the overlay's entry says ``accept_risk: <why>``, and every answer then shows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

SECTIONS = ("settings", "views", "facts", "derived", "definitions", "rules")
GUARDED_FIELDS = {"definitions": {"when"}, "rules": {"when", "unless", "severity", "overrides"}}


class KnowledgeError(ValueError):
    """Knowledge that cannot be used. ``problems`` lists every one, each naming file, entry and remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Loader(yaml.CSafeLoader):
    """Numbers become Decimal (never float), a key may stand only once, and only true/false are booleans."""


def _number(loader: Any, node: Any) -> Decimal:
    return Decimal(loader.construct_scalar(node).replace("_", ""))


def _text(loader: Any, node: Any) -> str:
    return str(loader.construct_scalar(node))


def _mapping(loader: yaml.CSafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in made:
            raise KnowledgeError(
                [f"{node.start_mark.name}:{key_node.start_mark.line + 1}: {key!r} stands twice; keep one"]
            )
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path, text: bytes | None = None) -> Any:
    """One YAML file with exact numbers. Raises :class:`KnowledgeError` naming the line of a syntax error."""
    try:
        return yaml.load(path.read_bytes() if text is None else text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        raise KnowledgeError([f"{where}: not readable YAML: {getattr(error, 'problem', error)}"]) from None


@dataclass(slots=True)
class Raw:
    """Merged knowledge before parsing: section -> name -> fields; every entry carries ``file``."""

    version: str = ""
    hash: str = ""
    sections: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {s: {} for s in SECTIONS})
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    vocabulary: dict[str, dict[str, Any]] = field(default_factory=dict)
    overlays: list[str] = field(default_factory=list)
    accepted_risks: list[str] = field(default_factory=list)


def read_folders(base: Path, overlays: list[Path]) -> Raw:
    """Read the base folder and lay each overlay over it, in order. Raises :class:`KnowledgeError` with all problems."""
    raw, problems, digest = Raw(), [], hashlib.sha256()
    for folder in [base, *overlays]:
        over = folder is not base
        if not folder.is_dir():
            problems.append(f"{folder}: no such knowledge folder")
            continue
        if over:
            raw.overlays.append(folder.name)
        for path in sorted(folder.rglob("*.yaml")):
            name = str(path.relative_to(folder))
            text = path.read_bytes()
            digest.update(name.encode() + b"\0" + text + b"\0")
            try:
                _merge_file(raw, name, read_yaml(path, text), f"{folder.name}: " if over else "", problems)
            except KnowledgeError as error:
                problems.extend(error.problems)
    if problems:
        raise KnowledgeError(problems)
    raw.hash = digest.hexdigest()[:16]
    return raw


def _merge_file(raw: Raw, name: str, content: Any, over: str, problems: list[str]) -> None:
    if content is None:
        return
    if not isinstance(content, dict):
        problems.append(f"{over}{name}: expected a mapping of sections or entries")
        return
    part = name.split("/")[0]
    if name == "version.yaml":
        raw.version = str(content["version"])
    elif name == "sources.yaml":
        _merge(raw, "sources", raw.sources, content, name, over, problems)
    elif part == "tables":
        _merge(raw, "tables", raw.tables, {Path(name).stem: content}, name, over, problems)
    elif part == "vocabulary":
        raw.vocabulary.setdefault(Path(name).stem, {}).update(content)
    elif part == "pathway":
        for section, entries in content.items():
            if section not in SECTIONS:
                problems.append(f"{over}{name}: no section {section!r}; there are {', '.join(SECTIONS)}")
            else:
                _merge(raw, section, raw.sections[section], entries or {}, name, over, problems)


def _merge(
    raw: Raw,
    section: str,
    into: dict[str, dict[str, Any]],
    entries: Mapping[str, Any],
    file: str,
    over: str,
    problems: list[str],
) -> None:
    for name, given in entries.items():
        place = f"{over}{file}: {name}"
        if not isinstance(given, dict):
            problems.append(f"{place}: expected a mapping of fields")
            continue
        fields = dict(given)
        if name not in into:
            into[name] = {**fields, "file": over + file}
            continue
        if not over:
            problems.append(
                f"{place}: the name stands already in {into[name]['file']}; names are unique over all files"
            )
            continue
        delete = fields.pop("delete", False)
        risk = fields.pop("accept_risk", None)
        if _needs_acceptance(section, into[name], fields, bool(delete)):
            if not risk:
                problems.append(
                    f"{place}: this weakens or changes a safeguard; say `accept_risk: <why>` in the overlay's entry"
                )
                continue
            raw.accepted_risks.append(f"{name}: {risk} ({over.rstrip(': ')})")
        if delete:
            del into[name]
        else:
            into[name] = {**into[name], **fields}


def _needs_acceptance(section: str, old: Mapping[str, Any], new: Mapping[str, Any], delete: bool) -> bool:
    if section == "tables":
        return True
    if section == "rules" and old.get("severity") != "harm" and old.get("kind") != "abstention":
        return False
    return section in GUARDED_FIELDS and (delete or bool(GUARDED_FIELDS[section] & new.keys()))
