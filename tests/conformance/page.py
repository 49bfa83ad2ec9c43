"""The conformance page and table, written from the tests beside this file: ``python -m tests.conformance.page``.

A test shows that a statement *appears* (its rule speaks, with reasons and sources), stays silent in a *near miss*, or
turns to a question when its deciding fact is *unknown*. Which of these it shows is read from its name and from the
helpers that it calls; for which rules, from the names of rules that it (or a table that it uses) holds.
"""

from __future__ import annotations

import ast
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

from cmvigil.reasoning.loader import load

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "conformance.md"
TABLE = HERE.parents[1] / "src" / "cmvigil" / "knowledge" / "conformance.csv"
"""The same for the installed program: which test tries which rule."""
STATEMENTS = [f"S{n:02}" for n in (*range(11), *range(17, 22), 22, *range(23, 28))]
SHOWS = ("appears", "near miss", "unknown")
_NAMED = {"appears": ("is_said", "hit"), "near miss": ("near_miss",), "unknown": ("asks", "unknown")}
_CALLED = {"appears": {"said", "hit"}, "near miss": {"silent", "near_miss"}, "unknown": {"open_without", "asks"}}
_WRITTEN = {"appears": "'applies'", "near miss": "'silent'", "unknown": "'undetermined'"}


@dataclass(frozen=True)
class Test:
    """A test and what it shows."""

    __test__ = False
    name: str
    shows: frozenset[str]
    words: frozenset[str]  # texts in it, names of rules among them

    @property
    def statement(self) -> str:
        """S09, G4, E: the first word of its name."""
        return self.name.removeprefix("test_").split("_")[0].upper()


@dataclass(frozen=True)
class Chapter:
    """One file of tests, with the line that says what it is about."""

    file: str
    title: str
    tests: tuple[Test, ...]


@cache
def chapters() -> list[Chapter]:
    """All files of tests: statements first, then sections, pitfalls and scope."""
    files = sorted(HERE.glob("test_*.py"), key=lambda path: (not path.stem.startswith("test_s"), path.stem))
    made = []
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tables = {
            target.id: _words(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        tests = tuple(
            _test(node, tables)
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        )
        made.append(Chapter(path.name, (ast.get_docstring(tree) or "").split("\n")[0], tests))
    return [chapter for chapter in made if chapter.file != "test_page.py"]


def _test(node: ast.FunctionDef, tables: dict[str, frozenset[str]]) -> Test:
    names = {n.id if isinstance(n, ast.Name) else n.attr for n in _called(node)}
    text = ast.unparse(node)
    shows = {
        what
        for what in SHOWS
        if any(word in node.name for word in _NAMED[what]) or names & _CALLED[what] or _WRITTEN[what] in text
    }
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & tables.keys()
    return Test(node.name, frozenset(shows), _words(node).union(*(tables[name] for name in used)))


def _words(node: ast.AST) -> frozenset[str]:
    return frozenset(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _called(node: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute):
            yield call.func


def shown(statement: str) -> dict[str, list[str]]:
    """The tests of a statement by what they show."""
    tests = [test for chapter in chapters() for test in chapter.tests if test.statement == statement]
    return {what: [test.name for test in tests if what in test.shows] for what in SHOWS}


def tried() -> dict[str, set[str]]:
    """Of each rule that a test names: what the tests show of it."""
    found: dict[str, set[str]] = defaultdict(set)
    for chapter in chapters():
        for test in chapter.tests:
            for word in test.words:
                found[word] |= test.shows
    return found


def page() -> str:
    """The page as Markdown."""
    rules: dict[str, list[str]] = defaultdict(list)
    for rule in load().rules.values():
        if rule.statement and rule.kind not in ("subject", "status", "summary"):
            rules[rule.statement].append(rule.name)
    found = tried()
    lines = [
        "# Conformance",
        "",
        "Each statement of the pathway is tried on invented patients. In one its rule *appears*, with reasons and",
        "sources; in a *near miss* it stays silent; where its deciding fact is *unknown* it asks. The tests are in",
        "`tests/conformance/`. This page is written from them (`python -m tests.conformance.page`), and a test keeps",
        "the two in step. The numbers count rules (without badges and summary) that a test of the kind names.",
        "",
        "| statement | rules | appears | near miss | unknown |",
        "|---|--:|--:|--:|--:|",
    ]
    for statement in sorted(rules, key=_place):
        numbers = [sum(what in found[rule] for rule in rules[statement]) for what in SHOWS]
        lines.append(f"| {statement} | {len(rules[statement])} | {' | '.join(map(str, numbers))} |")
    lines.append("")
    for chapter in chapters():
        lines += [f"## {chapter.title.rstrip('.')}", "", f"`tests/conformance/{chapter.file}`", ""]
        for test in chapter.tests:
            what = ", ".join(w for w in SHOWS if w in test.shows)
            lines.append(f"- {test.name.removeprefix('test_').replace('_', ' ')}" + (f" *({what})*" if what else ""))
        lines.append("")
    lines += ["## Rules by statement", ""]
    lines += [f"- **{statement}** {', '.join(sorted(rules[statement]))}" for statement in sorted(rules, key=_place)]
    return "\n".join(lines) + "\n"


def table() -> str:
    """The tests of each rule as CSV, rules by statement."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["statement", "rule", "file", "test", "shows"])
    for rule in sorted(load().rules.values(), key=lambda rule: (_place(rule.statement), rule.name)):
        for chapter in chapters():
            for test in chapter.tests:
                if rule.name in test.words:
                    shows = ";".join(what for what in SHOWS if what in test.shows)
                    writer.writerow([rule.statement, rule.name, chapter.file, test.name, shows])
    return out.getvalue()


def _place(statement: str) -> tuple[bool, str, int]:
    """S00 to S28 first, then sections and the rest."""
    digits = "".join(c for c in statement if c.isdigit())
    return not statement.startswith("S"), statement.rstrip("0123456789"), int(digits or 0)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    TABLE.write_text(table(), encoding="utf-8")
