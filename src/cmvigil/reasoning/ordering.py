"""Names in an order in which each comes after all that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def dependency_order(names: Iterable[str], needs: Callable[[str], set[str]]) -> tuple[list[str], list[list[str]]]:
    """The names in such an order, and the circles among them, each from a name back to itself."""
    done: dict[str, None] = {}
    doing: list[str] = []
    circles: list[list[str]] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in doing:
            circles.append([*doing[doing.index(name) :], name])
            return
        doing.append(name)
        for other in sorted(needs(name)):
            visit(other)
        doing.pop()
        done[name] = None

    for name in names:
        visit(name)
    return list(done), circles
