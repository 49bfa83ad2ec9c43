"""The form of the genotype page: what was uploaded, typed and chosen, checked, with the files in a private folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import cast, get_args

from starlette.datastructures import FormData, UploadFile

from ...genotype import Knowledge
from ...genotype.mutation import percent
from ...report.genotype_about import About
from ...sequencing.sample import Options, Technology
from ..desk import safe_name

TYPED = "typed-changes.txt"
"""What typed changes are called as a file."""
FILES_AT_MOST = 24
TECHNOLOGIES: tuple[str, ...] = get_args(Technology)
_MOST = 20_000
"""Letters that may be typed."""
_LABEL = 200


class FormError(ValueError):
    """A form that cannot be used. ``problems`` name the field, what was found and what is expected."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be read, and how. ``knowledge`` bears the share that decides; ``pdf``: make one too."""

    files: tuple[Path, ...]
    knowledge: Knowledge
    about: About
    single: bool
    pdf: bool

    @property
    def as_they_are(self) -> bool:
        """Whether the files say all, so that they are read alike wherever they are kept: no option changes them."""
        return replace(self.about.options, min_fraction=None) == Options()


def given_of(form: FormData) -> dict[str, str]:
    """The fields that were filled in."""
    return {name: value.strip() for name, value in form.items() if isinstance(value, str) and value.strip()}


def asked_of(form: FormData, folder: Path, knowledge: Knowledge, today: date) -> Asked:
    """The form with its files laid into an empty folder. Raises :class:`FormError` with all problems."""
    given = given_of(form)
    problems: list[str] = []
    options = Options(
        min_fraction=_share(given, knowledge, problems),
        filtered="filtered" in given,
        merge="merge" in given,
        copies=_copies(given, problems),
        technology=_technology(given, problems),
    )
    day = given.get("specimen-date", "")
    if day and not _is_past(day, today):
        problems.append(f"Specimen taken: found {day[:20]!r}; expected a day up to today, such as {today}")
    uploads = _uploads(form, "files")
    if len(uploads) > FILES_AT_MOST:
        problems.append(f"Files: found {len(uploads)}; expected at most {FILES_AT_MOST} at a time")
    if len(given.get("changes", "")) > _MOST:
        problems.append(f"Changes: more than {_MOST:,} letters; give them as a file")
    if not uploads and "changes" not in given and "covered" not in given:
        problems.append("Nothing to read: choose a file, or type a change")
    if problems:
        raise FormError(problems)
    files = _laid(uploads, folder / "files")
    if "changes" in given or "covered" in given:
        files.append(_typed(given, folder / "typed"))
    primers, reference = (_one(form, name, folder) for name in ("primers", "reference"))
    options = replace(options, primers=primers, reference=reference)
    labels = {name: " ".join(given.get(name, "").split())[:_LABEL] for name in ("patient", "laboratory")}
    return Asked(
        files=tuple(files),
        knowledge=_deciding_from(options.min_fraction, knowledge),
        about=About(labels["patient"], day, labels["laboratory"], options),
        single="single" in given,
        pdf="pdf" in given,
    )


def _uploads(form: FormData, name: str) -> list[UploadFile]:
    return [each for each in form.getlist(name) if isinstance(each, UploadFile) and each.filename]


def _one(form: FormData, name: str, folder: Path) -> str | None:
    """Where the one file of a field lies; None where there is none."""
    found = _laid(_uploads(form, name)[:1], folder / name)
    return str(found[0]) if found else None


def _laid(uploads: Sequence[UploadFile], folder: Path) -> list[Path]:
    """The uploads as files of a folder, under their own names; a name that comes again is numbered."""
    folder.mkdir()
    made: list[Path] = []
    for upload in uploads:
        path = folder / safe_name(upload.filename or "")
        if path in made:
            path = folder / f"{len(made) + 1}-{path.name}"
        with path.open("wb") as file:
            shutil.copyfileobj(upload.file, file)
        made.append(path)
    return made


def _typed(given: Mapping[str, str], folder: Path) -> Path:
    """Typed changes as a list that is read like any other."""
    folder.mkdir()
    path = folder / TYPED
    covered = [f"covered: {given['covered']}"] if "covered" in given else []
    path.write_text("\n".join([given.get("changes", ""), *covered]), encoding="utf-8")
    return path


def _share(given: Mapping[str, str], knowledge: Knowledge, problems: list[str]) -> Decimal | None:
    if "min-fraction" not in given:
        return None
    lowest = knowledge.thresholds.call_floor
    try:
        share = Decimal(given["min-fraction"].removesuffix("%").strip()) / 100
    except InvalidOperation:
        share = Decimal(0)
    if not lowest <= share < 1:
        problems.append(
            f"Share that decides: found {given['min-fraction'][:20]!r}; expected per cent, from {percent(lowest)} on"
        )
    return share


def _copies(given: Mapping[str, str], problems: list[str]) -> int | None:
    text = given.get("copies", "").replace(",", "")
    if text and not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) > 0):
        problems.append(f"Genomes in the test: found {text[:20]!r}; expected a whole number")
        return None
    return int(text) if text else None


def _technology(given: Mapping[str, str], problems: list[str]) -> Technology | None:
    word = given.get("technology")
    if word is not None and word not in TECHNOLOGIES:
        problems.append(f"Technology: found {word[:20]!r}; expected one of {', '.join(TECHNOLOGIES)}")
    return cast(Technology | None, word)


def _is_past(text: str, today: date) -> bool:
    try:
        return date.fromisoformat(text) <= today
    except ValueError:
        return False


def _deciding_from(share: Decimal | None, knowledge: Knowledge) -> Knowledge:
    """The knowledge with another share from which a change decides, where one was given."""
    if share is None:
        return knowledge
    return replace(knowledge, thresholds=replace(knowledge.thresholds, report_floor=share))
