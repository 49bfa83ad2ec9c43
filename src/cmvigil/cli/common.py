"""What several commands share: reading input, loading knowledge, stopping with a clear message."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from rich.console import Console

    from ..reasoning.model import Program
    from ..record.tables import Record

FAILED = 1
BAD_INPUT = 2
DEFECT = 3

FileArgument = Annotated[
    Path, typer.Argument(help="A case file (YAML or JSON) or a FHIR R4 Bundle (JSON).", show_default=False)
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        help="The day to assess (YYYY-MM-DD). Default: the day the file names, else its last entry.",
    ),
]
Mapping = Annotated[
    Path | None, typer.Option("--mapping", help="A site's CSV of local codes.", exists=True, dir_okay=False)
]
Patient = Annotated[str | None, typer.Option("--patient", help="The patient to read from a Bundle that holds several.")]
Overlays = Annotated[
    list[Path] | None,
    typer.Option(
        "--knowledge",
        help="A site's knowledge folder laid over ours; may be repeated.",
        exists=True,
        file_okay=False,
    ),
]


def stop(messages: str | list[str], code: int = BAD_INPUT) -> NoReturn:
    """Print what is wrong to the error stream and end."""
    for message in [messages] if isinstance(messages, str) else messages:
        typer.echo(message, err=True)
    raise typer.Exit(code)


class Command(TyperCommand):
    """A command that ends with messages: every failure has its exit code, and none shows a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run it. Expected failures become their messages; a defect of ours is named without patient data."""
        from ..assess.compose import NothingToAssessError
        from ..pharmacology.label import LabelError
        from ..reasoning.source import KnowledgeError
        from ..record.errors import IntakeError

        _printable()
        try:
            return super().invoke(ctx)
        except IntakeError as error:
            count = len(error.problems)
            summary = f"{count} problem{'s' if count > 1 else ''}; nothing was assessed."
            stop([*map(str, error.problems), summary])
        except (KnowledgeError, LabelError) as error:
            stop(error.problems)
        except NothingToAssessError as error:
            stop(str(error))
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            stop(f"cmvigil itself failed ({_where(error)}); no answer was given. Please report this line.", DEFECT)


def _printable() -> None:
    """A stream that cannot carry a sign shows its code: an answer is never lost over a sign."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _where(error: Exception) -> str:
    """What kind of error and where in the code, without its message: that could quote the patient's record."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"


def read(file: Path, mapping: Path | None = None, patient: str | None = None) -> Record:
    """The record in a file."""
    from ..record.read import read_record

    return read_record(file, mapping=mapping, patient=patient)


def program(overlays: list[Path] | None = None) -> Program:
    """The knowledge, with the site's folders laid over it."""
    from ..reasoning.loader import load

    return load(overlays=tuple(overlays or ()))


def day(text: str | None) -> date | None:
    """A date option. Ends with a message when it is not one."""
    if text is None:
        return None
    from ..record.days import iso, plausible

    found = iso(text)
    if found is None:
        stop(f"--as-of: found {text!r}; expected a date such as 2026-03-28")
    if not plausible(found):
        stop(f"--as-of: found {text}; expected a day from 1900 to 2199. Check the year.")
    return found


def console() -> Console:
    """Where the terminal face prints: coloured on a terminal, plain and 80 wide when piped."""
    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=80, no_color=True)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a neighbour first, then renamed into place."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        stop(f"{path}: cannot be written ({error.strerror}); give a place that can be")


def emit(content: bytes) -> None:
    """Bytes to the standard output."""
    sys.stdout.buffer.write(content if content.endswith(b"\n") else content + b"\n")
