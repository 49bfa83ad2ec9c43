"""Doses without a record: the label's dose for a kidney, as it can be given. What is entered is kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ...advice import Item
from ...assess.dosing import DIALYSIS, NO_DIALYSIS, Dose, DosingError, Entered, Fault, antiviral, doses
from ...record.vocabulary import vocabulary
from ...report import appraisal, words
from ...report.card import Card, card
from ...report.dose import headline
from ..context import Asking, Parts, Services
from .layout import show

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form. ``units``: to choose from, the most usual first; one alone stands beside its name."""

    name: str
    label: str
    units: tuple[str, ...] = ()


KIDNEY = (
    Field("age", "Age", ("years",)),
    Field("weight", "Weight", ("kg",)),
    Field("height", "Height", ("cm",)),
    Field("creatinine", "Serum creatinine", ("umol/L", "mg/dL")),
    Field("measured_clearance", "Measured clearance, if any", ("mL/min",)),
)
BLOOD = (
    Field("neutrophils", "Neutrophils", ("10*9/L", "/uL")),
    Field("platelets", "Platelets", ("10*9/L", "/uL")),
    Field("haemoglobin", "Haemoglobin", ("g/L", "g/dL")),
    Field("urine_protein", "Urine protein, dipstick"),
)
_LABELS = {
    **{each.name: each.label for each in (*KIDNEY, *BLOOD)},
    "sex": "Sex",
    "dialysis": "Dialysis",
    "drug": "Antiviral",
    "beside": "Other drugs",
    "given": "Dose to check",
}
_WITHOUT_UNIT = ("age", "sex", "urine_protein")
_MOST = 400
"""Letters of one field."""


@dataclass(frozen=True)
class Told:
    """What is said of one antiviral, as the page shows it."""

    dose: Dose

    @property
    def drug(self) -> str:
        """Its name in the knowledge."""
        return self.dose.option.drug

    @cached_property
    def card(self) -> Card:
        """Its dosing card, of the phase that was asked for."""
        return card(self.dose.option.model_copy(update={"regimens": self.dose.regimens, "no_dose": self.dose.no_dose}))

    @property
    def headline(self) -> str:
        """The verdict in words."""
        return words.sentence(headline(self.dose.option, bool(self.dose.cautions)))

    @property
    def said(self) -> list[tuple[str, str, list[Item]]]:
        """What speaks against it under its heading, the gravest first; each with the name of its look."""
        cautions = self.dose.cautions
        parts = [
            ("Contraindicated", "harm", self.dose.contraindications),
            ("Avoid", "harm", [item for item in cautions if item.effect == "avoid"]),
            ("Mind", "", [item for item in cautions if item.effect != "avoid"]),
            ("Not known, and it matters", "open", self.dose.not_known),
        ]
        return [part for part in parts if part[2]]

    @property
    def today(self) -> list[str]:
        """Its first doses in short."""
        return appraisal.doses_today(self.card.option)


@router.get("/dose")
def dose_page(request: Request, parts: Parts, who: Asking) -> HTMLResponse:
    """The empty form."""
    who.must("knowledge")
    return _shown(request, parts, {})


@router.post("/dose")
async def dose_answer(request: Request, parts: Parts, who: Asking) -> HTMLResponse:
    """The doses for what was entered: patient data, so it comes in the body and never in an address."""
    who.must("knowledge")
    form = await request.form()
    given = {name: value.strip()[:_MOST] for name, value in form.items() if isinstance(value, str) and value.strip()}
    return await to_thread.run_sync(_answered, request, parts, given)


def _answered(request: Request, parts: Services, given: Mapping[str, str]) -> HTMLResponse:
    program = parts.desk.program
    try:
        entered = entered_of(given, parts.today())
        chosen = antiviral(given["drug"], program) if "drug" in given else None
        found = doses(entered, program)
    except DosingError as error:
        return _shown(request, parts, given, problems=error.faults)
    told = [Told(dose) for name, dose in found.items() if chosen is None or name == chosen]
    kidney = next(iter(found.values())).kidney
    return _shown(
        request,
        parts,
        given,
        kidney=kidney,
        ruled_out=entered.ruled_out,
        told=[each for each in told if chosen or each.dose.option.verdict != "named"],
        named=[each.dose.option.label for each in told if not chosen and each.dose.option.verdict == "named"],
    )


def entered_of(given: Mapping[str, str], day: date) -> Entered:
    """The fields of the form as they would be typed. Raises DosingError for a dose without interval or drug."""
    faults = []
    if ("given" in given) != ("every" in given):
        faults.append(Fault("given", "expected a dose and its interval; give both, or neither"))
    if "given" in given and "drug" not in given:
        faults.append(Fault("given", "of which drug? Choose one antiviral"))
    if faults:
        raise DosingError(faults)
    named = ("sex", *(each.name for each in (*KIDNEY, *BLOOD)))
    phase, pregnant = given.get("phase"), given.get("pregnant")
    return Entered(
        values={name: _with_unit(name, given) for name in named if name in given},
        dialysis=given.get("dialysis", ""),
        pregnant="yes" if pregnant == "yes" else "no" if pregnant == "no" else "",
        beside=tuple(part.strip() for part in re.split(r"[,;\n]", given.get("beside", "")) if part.strip()),
        drug=given.get("drug", ""),
        given=given.get("given", ""),
        every=given.get("every", ""),
        phase="induction" if phase == "induction" else "maintenance" if phase == "maintenance" else None,
        day=day.isoformat(),
    )


def _with_unit(name: str, given: Mapping[str, str]) -> str:
    """A value with the unit beside it, unless it bears its own."""
    value = given[name]
    bare = name not in _WITHOUT_UNIT and re.fullmatch(r"[<>]?\s*\d*[.,]?\d+", value)
    field = next((each for each in (*KIDNEY, *BLOOD) if each.name == name), None)
    unit = given.get(f"unit.{name}") or (field.units[0] if field and field.units else "")
    return f"{value} {unit}" if bare and unit else value


def _shown(request: Request, parts: Services, given: Mapping[str, str], **answer: object) -> HTMLResponse:
    program = parts.desk.program
    return show(
        request,
        "dose.html.jinja",
        status=422 if answer.get("problems") else 200,
        given=given,
        kidney_fields=KIDNEY,
        blood_fields=BLOOD,
        dialysis=(NO_DIALYSIS, *DIALYSIS),
        labels=_LABELS,
        antivirals=[(name, str(fields["label"])) for name, fields in program.antivirals.items()],
        drugs=sorted(vocabulary().drugs.values()),
        appraisal=appraisal,
        **{"problems": [], "kidney": None, "ruled_out": [], "told": [], "named": [], **answer},
    )
