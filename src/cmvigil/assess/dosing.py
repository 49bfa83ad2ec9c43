"""Doses without a record: what was typed of a patient is appraised as a record of one day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from ..advice import Item, Kidney, Option, Regimen
from ..reasoning.model import Program
from ..record.errors import IntakeError, did_you_mean
from ..record.read import read_record
from ..record.vocabulary import plain_name, vocabulary
from .compose import assess

Phase = Literal["induction", "maintenance"]
"""``maintenance`` holds prophylaxis too."""
DIALYSIS = ("haemodialysis", "peritoneal_dialysis", "continuous_renal_replacement")
NO_DIALYSIS = "none"
_DIALYSIS_OPEN = "Dialysis not known: what is said of the kidney holds only where there is none"
PERSON = ("age", "sex", "weight", "height")
LABS = ("creatinine", "measured_clearance", "neutrophils", "platelets", "haemoglobin", "urine_protein")
NO_DAY = "2000-01-01"
"""The day on which everything entered is true where none is told."""


class Fault(NamedTuple):
    """What is wrong with a field: ``age``, ``creatinine``, ``beside``, ``given`` and so on."""

    field: str
    text: str


class DosingError(ValueError):
    """Entries that cannot be used. ``faults``: all of them, each with what was found, what is expected, a remedy."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(fault.text for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Entered:
    """What was typed, as people write it: ``60``, ``1.2 mg/dL``. What is not known is left out.

    ``values`` are those of :data:`PERSON` and :data:`LABS`. ``dialysis``: one of :data:`DIALYSIS`, :data:`NO_DIALYSIS`
    where there is known to be none, empty where that is not known; ``pregnant`` likewise. ``beside``: other drugs that
    are taken. ``given`` and ``every``: a dose of ``drug`` to check, and its interval. All is true on ``day``.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    dialysis: str = ""
    pregnant: Literal["yes", "no", ""] = ""
    beside: tuple[str, ...] = ()
    drug: str = ""
    given: str = ""
    every: str = ""
    phase: Phase | None = None
    day: str = NO_DAY

    @property
    def case(self) -> dict[str, Any]:
        """The same as a case file. Raises :class:`DosingError` for a dialysis or a dose that cannot be meant."""
        known = (NO_DIALYSIS, *DIALYSIS)
        if self.dialysis and self.dialysis not in known:
            hint = did_you_mean(self.dialysis, known, "Leave it out where it is not known.")
            text = f"found {self.dialysis!r}; expected one of {', '.join(known)}. {hint}"
            raise DosingError([Fault("dialysis", text)])
        drugs: list[dict[str, str]] = [{"drug": name, "start": self.day} for name in self.beside]
        if self.given:
            intent = "maintenance" if self.phase == "maintenance" else "treatment"
            regimen = {"drug": self.drug, "dose": self.given, "every": self.every, "intent": intent}
            drugs.append({**regimen, "start": self.day})
        made: dict[str, Any] = {
            "cmvigil": 1,
            "as_of": self.day,
            "person": {
                **{name: self.values.get(name) for name in PERSON},
                "pregnant": self.pregnant or "unknown",
            },
            "labs": {name: self.values[name] for name in LABS if name in self.values},
            "drugs": drugs,
        }
        running = [{"procedure": self.dialysis, "start": self.day}] if self.dialysis in DIALYSIS else []
        return made | ({"procedures": running} if running else {})

    @property
    def ruled_out(self) -> list[str]:
        """What was said not to be so: ``no dialysis``, ``not pregnant``."""
        said = {"no dialysis": self.dialysis == NO_DIALYSIS, "not pregnant": self.pregnant == "no"}
        return [words for words, is_so in said.items() if is_so]


def antiviral(name: str, program: Program) -> str:
    """The antiviral that a name means. Raises :class:`DosingError`, with near names, where it is none."""
    concept = vocabulary().drug_names.get(plain_name(name), name)
    if concept not in program.antivirals:
        known = ", ".join(program.antivirals)
        text = f"found {name!r}; expected one of {known}. {did_you_mean(name, program.antivirals)}".rstrip()
        raise DosingError([Fault("drug", text)])
    return concept


@dataclass(frozen=True)
class Dose:
    """What is said of one antiviral: all of it, or one ``phase``. A contraindicated drug has no regimen."""

    option: Option
    kidney: Kidney
    phase: Phase | None = None

    @cached_property
    def regimens(self) -> list[Regimen]:
        """The doses that can be given."""
        wanted = ("induction",) if self.phase == "induction" else ("maintenance", "prophylaxis")
        return [regimen for regimen in self.option.regimens if self.phase is None or regimen.phase in wanted]

    @property
    def no_dose(self) -> str:
        """Why there is none; empty where there is one."""
        if self.regimens or self.option.no_dose:
            return self.option.no_dose
        return f"No dose of this phase ({self.phase}): {self.option.label} has none"

    @property
    def contraindications(self) -> list[Item]:
        """What forbids it."""
        return self._said("contraindicated")

    @property
    def cautions(self) -> list[Item]:
        """What speaks against it, or is to be minded."""
        return self._said("avoid", "caution", "against")

    @property
    def not_known(self) -> list[Item]:
        """What matters and cannot be told."""
        return [item for item in self.option.reasons if item.state == "undetermined"]

    def _said(self, *effects: str) -> list[Item]:
        return [item for item in self.option.reasons if item.said and item.effect in effects]


def doses(entered: Entered, program: Program) -> dict[str, Dose]:
    """Every antiviral for what was entered, by name, in the order of the appraisal.

    Raises :class:`DosingError` with everything that is wrong.
    """
    try:
        record = read_record(json.dumps(entered.case))
    except IntakeError as error:
        raise DosingError(
            [Fault(_field_of(p.path), f"found {p.found}; expected {p.expected}. {p.remedy}") for p in error.problems]
        ) from None
    unusable = [issue for issue in record.issues if issue.level != "note"]  # what was typed is judged, or asked back
    if unusable:
        fields = ["beside" if i.level == "unmapped" else _field_of(i.place) for i in unusable]  # a drug without a name
        raise DosingError(
            [Fault(f, f"{i.found}; expected {i.expected}. {i.remedy}") for f, i in zip(fields, unusable, strict=True)]
        )
    advice = assess(record, program, appraise=True)
    assert advice.kidney is not None
    kidney = advice.kidney
    if not entered.dialysis:
        kidney = kidney.model_copy(update={"cautions": [*kidney.cautions, _DIALYSIS_OPEN]})
    return {option.drug: Dose(option, kidney, entered.phase) for option in advice.options}


def _field_of(path: str) -> str:
    """The field behind a place in the case; where there is none, the place itself."""
    for group, names in (("person", PERSON), ("labs", LABS)):
        for name in names:
            if f"{group}.{name}" in path:
                return name
    if path.startswith("drugs") or ".drugs" in path:
        return "beside" if path.endswith("drug") else "given"
    return "age" if path.endswith("person") else path
