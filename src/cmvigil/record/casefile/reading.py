"""From a document to a case; where it cannot be read, every problem with its place and its remedy."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from cmvigil.record import days
from cmvigil.record.casefile.case import Case
from cmvigil.record.casefile.shapes import Part
from cmvigil.record.casefile.values import kind_of
from cmvigil.record.document import Document, spell, walk
from cmvigil.record.document import Path as DocumentPath
from cmvigil.record.errors import IntakeError, Problem, did_you_mean, listed


def readable_part(document: Document) -> Document | None:
    """What is left of a document without the parts that cannot be read, each at its own place; None without any.

    A list is kept up to its first such entry, so that the places of the others stay true.
    """
    content, shallow = document.content, True
    context = {"day_zero": days.iso(str(content.get("day_zero")).strip()) if isinstance(content, dict) else None}
    for _ in range(3):
        try:
            Case.model_validate(content, context=context)
        except ValidationError as error:
            paths = [tuple(step for step, _ in walk(content, each["loc"])) for each in error.errors()]
            if any(path[:1] in ((), ("day_zero",), ("as_of",)) for path in paths):
                return None
            content = deepcopy(content)
            for path in sorted(paths, key=str, reverse=True):
                _cut(content, path if shallow else path[:1])
            shallow = False
        else:
            return Document(content, document.lines)
    return None


def _cut(content: Any, path: DocumentPath) -> None:
    for step in path[:-1]:
        if isinstance(content, list):
            del content[int(step) :]
            return
        content = content.get(step, {})
    if isinstance(content, list):
        del content[int(path[-1]) :]
    else:
        content.pop(path[-1], None)


def parse_case(document: Document, file: str = "") -> Case:
    """The case that a document holds. Raises IntakeError with every problem, in document order."""
    content = document.content
    if not isinstance(content, dict):
        raise IntakeError(
            [Problem(kind_of(content), "a case file: keys such as person, host, viral_loads", "", file=file)]
        )
    zero = content.get("day_zero")
    context: dict[str, Any] = {
        "day_zero": days.iso(zero.strip()) if isinstance(zero, str) else None,
        "shapes": {},
    }
    try:
        return Case.model_validate(content, context=context)
    except ValidationError as error:
        problems = [_problem(detail, document, context["shapes"], file) for detail in error.errors(include_url=False)]
    raise IntakeError(sorted(problems, key=lambda problem: (problem.line or 0, problem.path)))


_SHAPE_ERRORS = {
    "model_type": ("a mapping (keys and values)", "Write 'key: value' lines here."),
    "dict_type": ("a mapping (keys and values)", "Write 'key: value' lines here."),
    "list_type": ("a list", "Begin each item with '- '."),
}


def _problem(detail: Any, document: Document, shapes: dict[int, type[Part]], file: str) -> Problem:
    path: DocumentPath = ()
    here = document.content
    for step, value in walk(document.content, detail["loc"]):
        path, here = (*path, step), value
    line = document.line(path)
    kind = detail["type"]
    if kind == "extra_forbidden":
        parent = [document.content, *(value for _, value in walk(document.content, path[:-1]))][-1]
        shape = shapes.get(id(parent))
        known = [f.alias or n for n, f in shape.model_fields.items()] if shape else []
        key = str(path[-1]) if path else "?"
        remedy = did_you_mean(key, known, f"Known keys: {listed(known, 24)}")
        return Problem(f"the key '{key}'", "a known key", remedy, spell(path), line, file)
    if kind == "missing":
        key = detail["loc"][-1]
        return Problem(f"no '{key}'", f"the key '{key}'", f"Add '{key}:'.", spell(path), line, file)
    if kind == "case":
        context = detail["ctx"]
        return Problem(str(context["found"]), context["expected"], context["remedy"], spell(path), line, file)
    expected, remedy = _SHAPE_ERRORS.get(kind, (detail["msg"], ""))
    return Problem(kind_of(here), expected, remedy, spell(path), line, file)
