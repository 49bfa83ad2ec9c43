"""What every page is made with: templates that escape, and the styles."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from cmvigil.report import words


def style(*names: str) -> Markup:
    """The style sheets of these names, one after the other."""
    return Markup("\n".join(map(_sheet, names)))


def template(name: str) -> Template:
    """A template; what it shows is escaped and free of control characters."""
    return environment("cmvigil.report").get_template(name)


@cache
def environment(*packages: str) -> Environment:
    """Where the templates of these packages are found, the first that has a name wins; all are made alike."""

    def shown(value: Any) -> Any:
        return words.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _sheet(name: str) -> str:
    return files("cmvigil.report").joinpath(name).read_text(encoding="utf-8")
