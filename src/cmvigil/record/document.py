"""YAML and JSON read as text with the line of every value: nothing is guessed from how a value looks.

``yes`` stays "yes", ``1e6`` stays "1e6", ``2026-03-01`` stays text; the case model says what each means.
Duplicate
keys, anchors, tags, deep nesting and oversized documents are refused with their line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from cmvigil.record.errors import IntakeError, Problem, shown

MAX_CHARACTERS = 2_000_000
MAX_DEPTH = 30

Path = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


class Document:
    """A parsed document: ``content`` of dicts, lists, strings and None, and where each part stands."""

    def __init__(self, content: Any, lines: dict[Path, int]) -> None:
        self.content = content
        self.lines = lines

    def line(self, path: Path) -> int | None:
        """The line (from 1) of the value at ``path``, or of the nearest value around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def spell(path: Path) -> str:
    """A path as people write it: ``viral_loads[2].unit``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_document(text: str) -> Document:
    """Parse YAML or JSON text. Raises IntakeError, with the line, for all but one plain document."""
    if len(text) > MAX_CHARACTERS:
        raise IntakeError(
            [Problem(f"{len(text)} characters", f"at most {MAX_CHARACTERS}", "A case file holds one patient.")]
        )
    if text.lstrip()[:1] == "{":  # JSON writes characters beyond U+FFFF as pairs, which YAML does not know
        text = _SURROGATES.sub(_join_surrogates, text)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        remedy = "Indent with spaces and quote texts that hold ': ' or '#'."
        if mark is not None and "\t" in _line(text, mark.line):
            remedy = "Indent with spaces: YAML does not allow tabs there."
        raise IntakeError(
            [
                Problem(
                    f"text that is not YAML ({error.problem or error.context})",
                    "YAML or JSON",
                    remedy,
                    line=None if mark is None else mark.line + 1,
                )
            ]
        ) from None
    except IntakeError:
        raise
    except (yaml.YAMLError, UnicodeError, ValueError):
        raise IntakeError(
            [
                Problem(
                    "characters that YAML does not allow",
                    "plain text (UTF-8)",
                    "Save the file as UTF-8 text.",
                )
            ]
        ) from None
    if reader.problems:
        raise IntakeError(reader.problems)
    return Document(reader.content, reader.lines)


def _line(text: str, index: int) -> str:
    for number, line in enumerate(text.splitlines()):
        if number == index:
            return line
    return ""


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in match.groups())
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


class _Reader:
    """Builds plain content from parser events, without recursion."""

    def __init__(self) -> None:
        self.content: Any = None
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._open: list[tuple[Path, Any]] = []  # containers being filled
        self._key: list[str | None] = []  # the mapping key that waits for its value, per open container
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if getattr(event, "anchor", None) is not None:
            self._refuse("an anchor or alias", "plain values", "Write the value out where it is needed.", line)
        if getattr(event, "tag", None) is not None and event.tag != "!":
            self._refuse(f"the tag {shown(event.tag)}", "plain values", "Remove the tag.", line)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse("a second document (---)", "one document", "One file holds one patient.", line)
        elif isinstance(event, yaml.ScalarEvent):
            self._put(None if not event.style and event.value in _NULL else event.value, line)
        elif isinstance(event, yaml.AliasEvent):
            self._put(None, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            path = self._put(container, line)
            self._open.append((path, container))
            self._key.append(None)
            if len(self._open) > MAX_DEPTH:
                self._refuse(f"more than {MAX_DEPTH} levels", "a flat case file", "Remove nesting.", line)
                raise IntakeError(self.problems)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._key.pop()

    def _put(self, value: Any, line: int) -> Path:
        if not self._open:
            if self._documents <= 1:
                self.content = value
                self.lines[()] = line
            return ()
        path, container = self._open[-1]
        if isinstance(container, list):
            here = (*path, len(container))
            container.append(value)
        elif self._key[-1] is None:
            if not isinstance(value, str):
                self._refuse("a key that is not a word", "a word before ':'", "Quote or rename the key.", line)
                value = f"?{line}" if not isinstance(value, dict | list) else f"??{line}"
            self._key[-1] = value
            here = (*path, value)
            if value in container:
                first = self.lines[here]
                found = f"the key '{value}' twice (first on line {first})"
                self._refuse(found, "each key once", "Join the two.", line, here)
            self.lines[here] = line
            return here
        else:
            here = (*path, self._key[-1])
            container[self._key[-1]] = value
            self._key[-1] = None
            return here
        self.lines[here] = line
        return here

    def _refuse(self, found: str, expected: str, remedy: str, line: int, path: Path = ()) -> None:
        self.problems.append(Problem(found, expected, remedy, spell(path), line))


def walk(content: Any, path: Path) -> Iterator[tuple[str | int, Any]]:
    """Follow ``path`` into ``content`` as far as it goes: each step and what stands there."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(content, list):
                continue  # a single item standing for a list of one
            if step >= len(content):
                return
            content = content[step]
        elif isinstance(content, dict) and step in content:
            content = content[step]
        else:
            return
        yield step, content
