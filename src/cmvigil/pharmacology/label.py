"""An antiviral's label as typed data: ``knowledge/antivirals/<drug>.yaml`` without its table rows.

Whatever a pharmacist reads in the file is checked here for its shape; numbers stay exact decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from ..advice import Watch
from ..reasoning.evaluate import once
from ..reasoning.model import Program
from .bands import Row

Verification = Literal["verified", "secondary", "recalled"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sourced(_Part):
    sources: tuple[str, ...] = ()
    verification: Verification = "recalled"


class Note(_Sourced):
    """A sentence with its source."""

    text: str


class Licence(_Sourced):
    """What the drug is licensed for, where."""

    where: str
    for_: str


class Form(_Sourced):
    """What can be given: a concentrate (mg/mL) or a tablet (mg).

    ``step_mg`` is what a syringe or a pharmacy measures comfortably, ``fine_step_mg`` what it can where the comfortable
    step would be too coarse.
    """

    name: str
    mg_per_ml: Decimal | None = None
    step_mg: Decimal | None = None
    fine_step_mg: Decimal | None = None
    tablet_mg: Decimal | None = None
    also_mg: tuple[Decimal, ...] = ()
    for_dialysis: bool = False
    by: str = ""
    how: str = ""

    def tablets(self, mg: Fraction) -> tuple[int, Decimal] | None:
        """How many tablets make ``mg`` milligrams, and of which strength; None where no whole number of one does."""
        for strength in (*self.also_mg, *([self.tablet_mg] if self.tablet_mg else [])):
            count = mg / Fraction(strength)
            if count.denominator == 1:
                return int(count), strength
        return None


class Floor(_Part):
    """The shortest infusion of a phase, up to a dose per kilogram."""

    phase: str
    minutes: int
    upto_mg_per_kg: Decimal | None = None


class Infusion(_Sourced):
    """How fast and how dilute. ``central`` and ``peripheral``: the strength that each vein bears, mg/mL."""

    how: str
    minutes: int | None = None
    max_mg_per_kg_min: Decimal | None = None
    floors: tuple[Floor, ...] = ()
    max_mg_per_ml: Decimal | None = None
    usual_volume_ml: int | None = None
    central_mg_per_ml: Decimal | None = None
    peripheral_mg_per_ml: Decimal | None = None


class Saline(_Sourced):
    """Fluid that goes with an infusion, mL from and to, for doses per kilogram above or up to a figure."""

    when: str
    ml: tuple[int, int]
    above_mg_per_kg: Decimal | None = None
    upto_mg_per_kg: Decimal | None = None
    note: str = ""


class Timed(_Sourced):
    """One step around an infusion, in minutes from its start."""

    what: str
    at: int
    minutes: int | None = None


class Figure(_Sourced):
    """One number with its source."""

    value: Decimal


class Equivalent(_Sourced):
    """A prodrug as its drug: the share of its mass, and of that the share that reaches the blood."""

    mass_ratio: Decimal
    bioavailability: Decimal


def _for_is_a_word(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """``for`` is a word of Python's; the file may still use it."""
    return {f"{key}_" if key == "for" else key: value for key, value in given.items()}


class Label(_Part):
    """A drug as its label (and the sources beside it) tells."""

    drug: str
    label: str
    order: int = 99
    """Where the option stands among others of the same verdict."""
    by: str
    clearance: Literal["mL/min", "mL/min/kg", "none"]
    named: bool = False
    """Known here by name only: appraised in words, never dosed."""
    genes: tuple[str, ...]
    mechanism: Note
    note: Note | None = None
    equivalent: Equivalent | None = None
    licence: tuple[Annotated[Licence, BeforeValidator(_for_is_a_word)], ...] = ()
    course: tuple[Note, ...] = ()
    no_dose: Mapping[str, str] = {}
    forms: tuple[Form, ...] = ()
    infusion: Infusion | None = None
    hydration: tuple[Saline, ...] = ()
    hydration_note: Note | None = None
    schedule: tuple[Timed, ...] = ()
    sodium_mg_per_ml: Figure | None = None
    handling: tuple[Note, ...] = ()
    watch: tuple[Watch, ...] = ()
    counselling: tuple[Note, ...] = ()

    def made_of(self, dialysis: bool) -> list[Form]:
        """What a dose is made of: tablets and vials apart, each a regimen; on dialysis what is made for it."""
        own = [form for form in self.forms if form.for_dialysis == dialysis]
        return own or [form for form in self.forms if not form.for_dialysis]


class LabelError(ValueError):
    """A drug's file that is no label, or whose doses cannot be given. ``problems`` names file, field and finding."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@once
def labels(program: Program) -> Mapping[str, Label]:
    """Every antiviral's label, by drug. Raises :class:`LabelError` with all problems of all files."""
    made: dict[str, Label] = {}
    problems: list[str] = []
    for drug, fields in program.antivirals.items():
        given = {key: value for key, value in fields.items() if key != "file"}
        try:
            made[drug] = Label.model_validate({"drug": drug, **given})
        except ValidationError as error:
            for one in error.errors():
                place = ".".join(map(str, one["loc"]))
                problems.append(f"{fields['file']}: {place}: {one['msg']}; found {one['input']!r}"[:300])
    for row in program.tables["kidney_doses"].rows:
        if label := made.get(str(row["drug"])):
            problems += (f"{program.antivirals[label.drug]['file']}: {fault}" for fault in _no_tablets(label, row))
    if problems:
        raise LabelError(problems)
    return made


def _no_tablets(label: Label, row: Row) -> Iterator[str]:
    """What of a row of doses the tablets cannot give: found here, not at the bedside that needs this row."""
    for form in label.made_of(dialysis=row["dialysis"] == "haemodialysis"):
        if form.tablet_mg is None or row["dose"] is None:
            continue
        if row["flat"] is None or form.tablets(Fraction(cast(Decimal, row["dose"]))) is None:
            per = " per kg" if row["flat"] is None else ""
            sizes = " or ".join(f"{each} mg" for each in (form.tablet_mg, *form.also_mg))
            wrong = f"{row['dose']} mg{per} is no whole number of tablets of {sizes}"
            yield (
                f"kidney_doses: {row['phase']}, {row['label_band']}: {wrong}; give a dose that they make, "
                "or the form that makes this one"
            )
