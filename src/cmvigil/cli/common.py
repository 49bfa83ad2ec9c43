"""What several commands share: reading input, loading knowledge, stopping with a clear message."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import ExitStack
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
Genotype = Annotated[
    list[Path] | None,
    typer.Option(
        "--genotype",
        metavar="FILE",
        help="A sequence file (FASTA, FASTQ, VCF, BAM, CRAM, codon counts, list of changes) as the genotype of one "
        "specimen; may be repeated.",
    ),
]
GenotypeDay = Annotated[
    str | None,
    typer.Option(
        "--genotype-day",
        metavar="DATE",
        help="The day of that specimen (YYYY-MM-DD). Default: when the case says that a genotype was sent.",
    ),
]
GenotypeSample = Annotated[
    list[str] | None,
    typer.Option(
        "--genotype-sample",
        metavar="NAME",
        help="Which sample of a file is the patient's, where it holds several; FILE:NAME where the name stands in two "
        "files. May be repeated.",
    ),
]
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
        _printable()
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            _end(error)


def _end(error: Exception) -> NoReturn:
    """End with what an expected failure has to say. The kinds of failure are imported here: most runs need none."""
    from ..assess.compose import NothingToAssessError
    from ..pharmacology.label import LabelError
    from ..reasoning.source import KnowledgeError
    from ..record.errors import IntakeError
    from ..sequencing.errors import SequenceError

    if isinstance(error, IntakeError):
        stop([*map(str, error.problems), f"{count(len(error.problems), 'problem')}; nothing was assessed."])
    if isinstance(error, (KnowledgeError, LabelError, SequenceError)):
        stop(list(error.problems))
    if isinstance(error, NothingToAssessError):
        stop(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        stop(f"{os.fsdecode(error.filename)}: {error.strerror or 'cannot be used'}; give a place that can be used")
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


def count(n: int, one: str) -> str:
    """``1 patient``, ``1,200 patients``: what a script that reads the line can split."""
    return f"{n:,} {one}{'' if n == 1 else 's'}"


def read(file: Path, mapping: Path | None = None, patient: str | None = None) -> Record:
    """The record in a file."""
    from ..record.read import read_record

    return read_record(file, mapping=mapping, patient=patient)


def with_genotype(
    record: Record,
    program: Program,
    files: list[Path] | None,
    given: str | None,
    names: list[str] | None,
    as_of: date | None,
) -> Record:
    """The record with the result of sequence files, where some were given."""
    if not files:
        if given or names:
            stop("--genotype-day and --genotype-sample speak of a file; give it with --genotype")
        return record
    from ..assess.sequenced import read_specimen, specimen_day, with_specimen

    sent = specimen_day(record, day(given, "--genotype-day"), as_of)
    return with_specimen(record, read_specimen(files, names or (), program), sent)


def program(overlays: list[Path] | None = None) -> Program:
    """The knowledge, with the site's folders laid over it."""
    from ..reasoning.loader import load

    return load(overlays=tuple(overlays or ()))


def day(text: str | None, option: str = "--as-of") -> date | None:
    """A date option. Ends with a message when it is not one."""
    if text is None:
        return None
    from ..record.days import iso, plausible

    found = iso(text)
    if found is None:
        stop(f"{option}: found {text!r}; expected a date such as 2026-03-28")
    if not plausible(found):
        stop(f"{option}: found {text}; expected a day from 1900 to 2199. Check the year.")
    return found


def console() -> Console:
    """Where the terminal face prints: coloured on a terminal, plain and 80 wide when piped."""
    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=80, no_color=True)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    write_all({path: content})


def write_all(files: dict[Path, bytes]) -> None:
    """Write all files or none: neighbours first, then renamed into place; where one fails, all is as it was."""
    partials, earlier = ({path: path.with_name(path.name + end) for path in files} for end in (".partial", ".earlier"))
    try:
        with ExitStack() as undo:
            for path, content in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                undo.callback(partials[path].unlink, missing_ok=True)
                partials[path].write_bytes(content)
            for path in files:
                if path.is_file():
                    path.replace(earlier[path])
                    undo.callback(earlier[path].replace, path)
                partials[path].replace(path)
                undo.callback(path.unlink)
            undo.pop_all()
        for path in files:
            earlier[path].unlink(missing_ok=True)
    except OSError as error:
        stop(f"{path}: cannot be written ({error.strerror}); give a place that can be")


def emit(content: bytes) -> None:
    """Bytes to the standard output."""
    sys.stdout.buffer.write(content if content.endswith(b"\n") else content + b"\n")
