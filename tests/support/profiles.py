"""A resource against a FHIR profile: how often each element stands, fixed values, types, slices.

Bindings and invariants are not looked at. What a profile says is taken from its snapshot.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from . import npm

PREFIX = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/"
_INTEGRITY = "sha512-XNjaWxZ7ZJ3pb7FuMxNqgGjPtssigYADLNEOcAYRV2niLABCMapDdIjPy+exTfCCZGd6SOuvezNizbCtAze3IA=="


@cache
def genomics() -> dict[str, Any]:
    """HL7 Genomics Reporting 3.0.0: its files by name (``StructureDefinition-variant``, ``example/Observation-x``)."""
    found = {}
    with tarfile.open(npm.archive("hl7.fhir.uv.genomics-reporting", "3.0.0", _INTEGRITY)) as tar:
        for member in tar:
            name = member.name.removeprefix("package/").removesuffix(".json")
            if name.startswith(("StructureDefinition-", "example/")) and member.isfile():
                file = tar.extractfile(member)
                assert file is not None
                found[name] = json.load(file)
    return found


Resolve = Callable[[str], Mapping[str, Any] | None]


@dataclass
class _Node:
    """An element of a profile with its children and slices."""

    element: Mapping[str, Any]
    children: dict[str, _Node] = field(default_factory=dict)
    slices: dict[str, _Node] = field(default_factory=dict)


def problems(resource: Mapping[str, Any], profile: str, resolve: Resolve) -> list[str]:
    """What keeps a resource from a profile of the guide, named by its last word. ``resolve`` finds references."""
    elements = genomics()[f"StructureDefinition-{profile}"]["snapshot"]["element"]
    root = _Node(elements[0])
    for element in elements[1:]:
        _place(root, element["id"].split(".")[1:], element)
    return list(_within(resource, root, resource["resourceType"], resolve))


def _place(root: _Node, path: list[str], element: Mapping[str, Any]) -> None:
    node = root
    for n, word in enumerate(path):
        name, _, slice_ = word.partition(":")
        last = n == len(path) - 1
        if last and not slice_:
            node.children[name] = _Node(element)
            return
        node = node.children[name]
        if slice_:
            node = node.slices.setdefault(slice_, _Node(element))


def _within(value: Any, node: _Node, path: str, resolve: Resolve) -> Iterator[str]:
    """Problems of one value and of what it holds."""
    for key, wanted in node.element.items():
        if key.startswith(("fixed", "pattern")) and not _fits(value, wanted):
            yield f"{path}: {value!r} is not {wanted!r}"
    for name, child in node.children.items():
        kind, values = _values(value, name)
        where = f"{path}.{name}"
        yield from _counted(len(values), child, where)
        types = [each["code"] for each in child.element.get("type", ())]
        if name.endswith("[x]") and kind and kind not in [each[0].upper() + each[1:] for each in types]:
            yield f"{where}: {kind} is none of {types}"
        sorted_: dict[str, list[Any]] = {slice_: [] for slice_ in child.slices}
        for each in values:
            yield from _within(each, child, where, resolve)
            for slice_, its in child.slices.items():
                if all(_selects(each, its, by, kind, resolve) for by in child.element["slicing"]["discriminator"]):
                    sorted_[slice_].append(each)
        for slice_, its in child.slices.items():
            yield from _counted(len(sorted_[slice_]), its, f"{where}:{slice_}")
            for each in sorted_[slice_]:
                yield from _within(each, its, f"{where}:{slice_}", resolve)


def _counted(count: int, node: _Node, path: str) -> Iterator[str]:
    least, most = node.element.get("min", 0), node.element.get("max", "*")
    if count < least or (most != "*" and count > int(most)):
        yield f"{path}: stands {count} times, expected {least} to {most}"


def _values(value: Any, name: str) -> tuple[str, list[Any]]:
    """The type of a choice (``CodeableConcept``), and all values of an element."""
    if not isinstance(value, Mapping):
        return "", []
    if name.endswith("[x]"):
        stem = name.removesuffix("[x]")
        keys = [key for key in value if key.startswith(stem) and key[len(stem) : len(stem) + 1].isupper()]
        return (keys[0].removeprefix(stem) if keys else "", [value[key] for key in keys])
    found = value.get(name, [])
    return "", found if isinstance(found, list) else [found]


def _selects(value: Any, node: _Node, by: Mapping[str, str], kind: str, resolve: Resolve) -> bool:
    """Whether a discriminator puts a value into a slice."""
    if by["type"] == "type":
        return any(kind.lower() == each["code"].lower() for each in node.element["type"])
    if by["type"] == "profile":
        target = resolve(value["reference"]) or {}
        wanted = {each for type_ in node.element["type"] for each in type_.get("targetProfile", ())}
        return bool(wanted & set(target.get("meta", {}).get("profile", ())))
    if by["path"] == "url":
        wanted = {each for type_ in node.element["type"] for each in type_.get("profile", ())}
        return value["url"] in wanted
    held = node.children.get(by["path"])
    _, values = _values(value, by["path"])
    patterns = [] if held is None else [v for k, v in held.element.items() if k.startswith(("fixed", "pattern"))]
    return bool(patterns) and any(_fits(each, patterns[0]) for each in values)


def _fits(value: Any, pattern: Any) -> bool:
    """Whether a value holds all that a pattern says; a list has for each entry of the pattern one that fits."""
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(_fits(value.get(key), each) for key, each in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_fits(one, each) for one in value) for each in pattern)
    return bool(value == pattern)
