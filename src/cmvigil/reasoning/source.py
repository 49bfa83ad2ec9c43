"""Reading knowledge as text: YAML folders, overlays laid over them, exact decimals, the place of every entry.

An overlay is a folder of the same shape. It merges by name and field; a list replaces the whole list; ``delete: true``
removes an entry. What could harm if weakened is changed, deleted or overridden only where the entry says
``accept_risk: <why>``, and every answer then shows it: how a fact, view or definition is made, a table, a setting that
has a value, a rule that abstains, warns of harm or speaks of antiviral treatment. A setting without a value is for the
site to set. Words are not laid over: intake reads ours alone. Measurements of resistance are added to ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import yaml

SECTIONS = ("settings", "views", "facts", "derived", "definitions", "rules")
FREE_FIELDS = frozenset(
    {"is", "ask", "note", "because", "statement", "sources", "verification", "strength", "certainty"}
)
"""Fields that an overlay may change in any entry: they tell what it is and where it comes from, not what it does."""
PLACES = "version.yaml, sources.yaml, pathway/, tables/, antivirals/ or resistance/"
MEASUREMENTS, ABOUT_MEASUREMENTS = "resistance/measurements.csv", "resistance/measurements.yaml"
"""Rows that an overlay adds to ours, and what database they are from."""
_ADDED = "measurements"


class KnowledgeError(ValueError):
    """Knowledge that cannot be used. ``problems`` lists every one, each naming file, entry and remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Loader(yaml.CSafeLoader):
    """Numbers become Decimal (never float), a key may stand only once, and only true/false are booleans."""


def _number(loader: Any, node: Any) -> Decimal:
    text = loader.construct_scalar(node)
    try:
        return Decimal(text.replace("_", ""))
    except InvalidOperation:
        raise KnowledgeError([f"{_line(node)}: {text!r} is no decimal number; quote it if it is a word"]) from None


def _text(loader: Any, node: Any) -> str:
    return str(loader.construct_scalar(node))


def _mapping(loader: yaml.CSafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise KnowledgeError([f"{_line(key_node)}: the key {key!r} is no word; quote it"])
        if key in made:
            raise KnowledgeError([f"{_line(key_node)}: {key!r} stands twice; keep one"])
        made[key] = loader.construct_object(value_node, deep=True)
    return made


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path, text: bytes | None = None) -> Any:
    """One YAML file with exact numbers. Raises :class:`KnowledgeError` naming the line of what cannot be read."""
    try:
        return yaml.load(path.read_bytes() if text is None else text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        raise KnowledgeError([f"{where}: not readable YAML: {getattr(error, 'problem', error)}"]) from None
    except KnowledgeError as error:
        raise KnowledgeError([f"{path.name}, {problem}" for problem in error.problems]) from None


class _Dumper(yaml.SafeDumper):
    """Writes every number digit for digit."""


def _digits(dumper: yaml.SafeDumper, value: Decimal) -> yaml.ScalarNode:
    text = f"{value:f}"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


_Dumper.add_representer(Decimal, _digits)


def as_written(content: Mapping[str, Any]) -> str:
    """Entries as YAML, as they stand in the folders once all are laid over each other."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100).rstrip()


@dataclass(slots=True)
class Raw:
    """Merged knowledge before parsing: section -> name -> fields; every entry carries ``file``."""

    version: str = ""
    hash: str = ""
    sections: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {s: {} for s in SECTIONS})
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    vocabulary: dict[str, dict[str, Any]] = field(default_factory=dict)
    antivirals: dict[str, dict[str, Any]] = field(default_factory=dict)
    resistance: dict[str, dict[str, Any]] = field(default_factory=dict)
    added_rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rows that the file of a drug adds to a table, by table."""
    databases: list[dict[str, Any]] = field(default_factory=list)
    """Of each overlay that adds measurements: what it says of them, its name (``overlay``), their place (``path``)."""
    trial: bool = False
    """Nothing is answered with it, so no risk need be accepted."""
    overlays: list[str] = field(default_factory=list)
    accepted_risks: list[str] = field(default_factory=list)


def read_folders(base: Path, overlays: list[Path], trial: bool = False) -> Raw:
    """Read the base folder and lay each overlay over it, in order. Raises :class:`KnowledgeError` with all problems.

    ``trial``: to look at what overlays would change; their risks need not be accepted.
    """
    raw, problems, digest = Raw(trial=trial), [], hashlib.sha256()
    for folder in [base, *overlays]:
        over = folder is not base
        if not folder.is_dir():
            problems.append(f"{folder}: no such knowledge folder")
            continue
        if over:
            raw.overlays.append(folder.name)
        problems += [f"{folder.name}: {p.name}: knowledge files end in .yaml" for p in sorted(folder.rglob("*.yml"))]
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder).as_posix()
            text = path.read_bytes()
            digest.update(name.encode() + b"\0" + text + b"\0")
            try:
                _merge_file(raw, name, read_yaml(path, text), f"{folder.name}: " if over else "", problems)
            except KnowledgeError as error:
                problems.extend(error.problems)
        for path in sorted([*folder.glob("resistance/*.csv"), *folder.glob("resistance/*.fasta")]):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
            if over and path != folder / MEASUREMENTS:
                problems.append(
                    f"{folder.name}: resistance/{path.name}: cannot be laid over; only measurements.csv can"
                )
        if over:
            _add_measurements(raw, folder, problems)
        else:
            _add_rows(raw, problems)
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
    merge = partial(_merge, raw, file=name, over=over, problems=problems)
    part = name.split("/")[0]
    if name == "version.yaml":
        _version(raw, str(content.get("version", "")), over, problems)
    elif name == "sources.yaml":
        merge("sources", raw.sources, content)
    elif part == "tables":
        merge("tables", raw.tables, {Path(name).stem: content})
    elif part == "antivirals":
        _antiviral(raw, Path(name).stem, dict(content), name, over, problems)
    elif over and name == ABOUT_MEASUREMENTS:
        raw.resistance[_ADDED] = dict(content)
    elif part == "resistance":
        merge("resistance", raw.resistance, {Path(name).stem: content})
    elif part == "vocabulary" and over:
        problems.append(
            f"{over}{name}: words cannot be laid over: intake reads only those of cmvigil; map a code of yours to one "
            "of them with --mapping, or ask for the word to be added"
        )
    elif part == "vocabulary":
        raw.vocabulary.setdefault(Path(name).stem, {}).update(content)
    elif part == "pathway":
        for section, entries in content.items():
            if section not in SECTIONS:
                problems.append(f"{over}{name}: no section {section!r}; there are {', '.join(SECTIONS)}")
            else:
                merge(section, raw.sections[section], entries)
    else:
        problems.append(f"{over}{name}: is not read from there; put it under {PLACES}")


def _antiviral(raw: Raw, drug: str, content: dict[str, Any], name: str, over: str, problems: list[str]) -> None:
    """The file of one drug: its own fields, and blocks of rows that it adds to knowledge tables.

    An overlay may change the drug's fields (with ``accept_risk``); a table it replaces whole, under tables/.
    """
    tables = content.pop("tables", None) or {}
    _merge(raw, "antivirals", raw.antivirals, {drug: content}, file=name, over=over, problems=problems)
    if tables and over:
        problems.append(
            f"{over}{name}: rows of tables cannot be laid over one by one; lay the whole table over, in tables/"
        )
        return
    for table, blocks in tables.items():
        raw.added_rows.setdefault(table, []).extend(row for block in blocks for row in _rows_of(drug, block))


def _add_rows(raw: Raw, problems: list[str]) -> None:
    """Put what the drugs' files add into the tables; what an overlay then lays over is the whole table."""
    for table, rows in raw.added_rows.items():
        if table in raw.tables:
            raw.tables[table]["rows"] = [*raw.tables[table].get("rows", ()), *rows]
        else:
            problems.append(f"antivirals/: adds rows to {table!r}, which is no table")


def _add_measurements(raw: Raw, folder: Path, problems: list[str]) -> None:
    """Measurements that an overlay adds. They may raise or lower any verdict, so their risk must be accepted."""
    path, about = folder / MEASUREMENTS, raw.resistance.pop(_ADDED, None)
    place = f"{folder.name}: {ABOUT_MEASUREMENTS}"
    if path.is_file() != (about is not None):
        problems.append(f"{place} and {MEASUREMENTS}: one does not go without the other")
    if about is None:
        return
    missing = [name for name in ("name", "version", "licence") if not about.get(name)]
    problems += [f"{place}: expected {name}: of the database that the rows are from" for name in missing]
    risk = about.pop("accept_risk", None)
    if risk:
        database = f"{about.get('name')} {about.get('version')}, licence {about.get('licence')}"
        raw.accepted_risks.append(f"measurements of {database}: {risk} ({folder.name})")
    elif not raw.trial:
        problems.append(f"{place}: added measurements may raise or lower verdicts; say `accept_risk: <why>` in it")
    raw.databases.append({**about, "overlay": folder.name, "path": path})


def _rows_of(drug: str, block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a block: its own fields stand in each of its ``rows``; a list makes one row for each of its words."""
    common = {"drug": drug, **{key: value for key, value in block.items() if key != "rows"}}
    made = [{**common, **row} for row in block.get("rows", [{}])]
    for key in common:
        if isinstance(common[key], list):
            made = [{**row, key: word} for row in made for word in row[key]]
    return made


def _version(raw: Raw, version: str, over: str, problems: list[str]) -> None:
    """The version of the knowledge; an overlay's own stands beside its name."""
    if not version:
        problems.append(f"{over}version.yaml: expected version: and its number")
    elif over:
        raw.overlays[-1] += f" {version}"
    else:
        raw.version = version


def _merge(
    raw: Raw,
    section: str,
    into: dict[str, dict[str, Any]],
    entries: Any,
    *,
    file: str,
    over: str,
    problems: list[str],
) -> None:
    if not isinstance(entries, dict):
        if entries is not None:
            problems.append(f"{over}{file}: {section}: expected names, each with its fields")
        return
    for name, given in entries.items():
        place = f"{over}{file}: {name}"
        if not isinstance(given, dict):
            problems.append(f"{place}: expected a mapping of fields")
            continue
        fields, old = dict(given), into.get(name)
        if old is not None and not over:
            problems.append(f"{place}: the name stands already in {old['file']}; names are unique over all files")
            continue
        if over and section == "settings" and old is None and "is" not in fields:
            near = ", ".join(get_close_matches(name, into, n=3))
            hint = f"did you mean {near}?" if near else "one of your own says what it `is`"
            problems.append(f"{place}: there is no setting of this name; {hint}")
            continue
        delete, risk = over and fields.pop("delete", False), over and fields.pop("accept_risk", None)
        if delete and (old is None or delete is not True):
            problems.append(f"{place}: " + ("say delete: true" if old else "there is no such entry to delete"))
            continue
        if over and _weakens(raw, section, old, fields, bool(delete)):
            if risk:
                raw.accepted_risks.append(f"{name}: {risk} ({over.removesuffix(': ')})")
            elif not raw.trial:
                problems.append(
                    f"{place}: this weakens or changes a safeguard; say `accept_risk: <why>` in the overlay's entry"
                )
                continue
        if delete:
            del into[name]
        else:
            into[name] = {**(old or {"file": over + file}), **fields}


def _weakens(raw: Raw, section: str, old: Mapping[str, Any] | None, new: Mapping[str, Any], delete: bool) -> bool:
    """Whether an overlay's entry touches a safeguard: one that stands, or one that it would override."""
    if section == "rules":
        silenced = [raw.sections["rules"][name] for name in new.get("overrides") or () if name in raw.sections["rules"]]
        if any(_is_safeguard(rule) for rule in silenced):
            return True
        if old is None or not _is_safeguard(old):
            return False
    if old is None or section == "sources":
        return False
    free = FREE_FIELDS | {"value"} if section == "settings" and old.get("value") is None else FREE_FIELDS
    return delete or not free.issuperset(new)


def _is_safeguard(rule: Mapping[str, Any]) -> bool:
    """A rule that abstains, warns of harm, or speaks of antiviral treatment: its words carry doses."""
    return rule.get("severity") == "harm" or rule.get("kind") == "abstention" or rule.get("topic") == "antiviral"
