"""``cmvigil dose DRUG``: the label's dose for a kidney, as it can be given, without a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import common as c

if TYPE_CHECKING:
    from .. import advice as a
    from ..assess.dosing import Dose, Entered
    from ..reasoning.model import Program

_OPTIONS = {"beside": "--with", "given": "--given/--every"}
"""Options that are not called like their fields."""


def dose_command(
    drug: Annotated[str, typer.Argument(help="An antiviral, by any name the vocabulary knows.", show_default=False)],
    age: Annotated[str | None, typer.Option("--age", help="Completed years.", show_default=False)] = None,
    sex: Annotated[str | None, typer.Option("--sex", help="female or male, at birth.", show_default=False)] = None,
    weight: Annotated[str | None, typer.Option("--weight", help="Actual weight, kg.", show_default=False)] = None,
    height: Annotated[str | None, typer.Option("--height", help="cm; tells a large body.", show_default=False)] = None,
    creatinine: Annotated[
        str | None, typer.Option("--creatinine", help='With its unit: "1.2 mg/dL", "106 umol/L".', show_default=False)
    ] = None,
    measured_clearance: Annotated[
        str | None, typer.Option("--measured-clearance", help='Of the last week: "62 mL/min".', show_default=False)
    ] = None,
    dialysis: Annotated[
        str | None,
        typer.Option(
            "--dialysis",
            help="none, haemodialysis, peritoneal_dialysis or continuous_renal_replacement; left out: not known.",
            show_default=False,
        ),
    ] = None,
    neutrophils: Annotated[
        str | None, typer.Option("--neutrophils", help='"1.1 10*9/L", "450 /uL".', show_default=False)
    ] = None,
    platelets: Annotated[str | None, typer.Option("--platelets", help='"80 10*9/L".', show_default=False)] = None,
    haemoglobin: Annotated[str | None, typer.Option("--haemoglobin", help='"9.5 g/dL".', show_default=False)] = None,
    urine_protein: Annotated[
        str | None, typer.Option("--urine-protein", help="Dipstick grade: 2+ or negative.", show_default=False)
    ] = None,
    beside: Annotated[
        list[str] | None, typer.Option("--with", metavar="DRUG", help="Another drug that is taken; may be repeated.")
    ] = None,
    pregnant: Annotated[
        bool | None,
        typer.Option("--pregnant/--not-pregnant", help="Left out: not known.", show_default=False),
    ] = None,
    given: Annotated[str | None, typer.Option("--given", help='A dose to check: "900 mg".', show_default=False)] = None,
    every: Annotated[str | None, typer.Option("--every", help='Its interval: "24 h".', show_default=False)] = None,
    phase: Annotated[
        Literal["induction", "maintenance"] | None,
        typer.Option("--phase", help="Only this phase; maintenance holds prophylaxis too.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    knowledge: c.Overlays = None,
) -> None:
    """Doses of an antiviral for a kidney: what the label calls for, what can be given, how, and what forbids it."""
    from ..assess.dosing import DosingError, Entered, antiviral, doses

    program = c.program(knowledge)
    try:
        concept = antiviral(drug, program)
    except DosingError as error:
        c.stop([f"DRUG: {fault.text}" for fault in error.faults])
    if (given is None) != (every is None):
        c.stop("--given and --every go together: the dose to check and its interval")
    values = {
        "age": age,
        "sex": sex,
        "weight": weight,
        "height": height,
        "creatinine": creatinine,
        "measured_clearance": measured_clearance,
        "neutrophils": neutrophils,
        "platelets": platelets,
        "haemoglobin": haemoglobin,
        "urine_protein": urine_protein,
    }
    entered = Entered(
        values={name: value for name, value in values.items() if value is not None},
        dialysis=dialysis or "",
        pregnant="" if pregnant is None else "yes" if pregnant else "no",
        beside=tuple(beside or ()),
        drug=concept,
        given=given or "",
        every=every or "",
        phase=phase,
    )
    try:
        dose = doses(entered, program)[concept]
    except DosingError as error:
        c.stop([f"{_option_of(fault.field)}: {fault.text}" for fault in error.faults])
    answer = _answer(dose, entered, program)
    if as_json:
        c.emit(json.dumps(answer, ensure_ascii=False, indent=2).encode())
    else:
        _print(dose.option, answer)


def _option_of(field: str) -> str:
    """The command-line option of a field; a place that is none stands for itself."""
    from ..assess.dosing import LABS, PERSON

    if field in (*PERSON, *LABS, "dialysis"):
        return f"--{field.replace('_', '-')}"
    return _OPTIONS.get(field, field)


def _answer(dose: Dose, entered: Entered, program: Program) -> dict[str, Any]:
    """What the command says, as data."""
    option, kidney = dose.option, dose.kidney
    on_dialysis = kidney.basis not in ("estimated", "measured")  # the estimate stays beside; no dose follows it
    return {
        "drug": option.drug,
        "renal": {
            "crcl_ml_min": None if on_dialysis else _figure(kidney.measured or kidney.crcl),
            "crcl_ml_min_kg": None if on_dialysis else _per_kg(kidney),
            "basis": kidney.basis,
            "estimated": kidney.crcl.model_dump(),
            "estimated_per_kg": kidney.crcl_per_kg.model_dump(),
            "adjusted_weight": None if kidney.crcl_adjusted is None else kidney.crcl_adjusted.model_dump(),
            "egfr_ckd_epi_2021": kidney.egfr.model_dump(),
            "cautions": kidney.cautions,
        },
        "stated": {"dialysis": entered.dialysis or "not known", "pregnant": entered.pregnant or "not known"},
        "ruled_out": entered.ruled_out,
        "verdict": option.verdict,
        "regimens": [regimen.model_dump() for regimen in dose.regimens],
        "no_dose": dose.no_dose,
        "contraindications": [_said(item) for item in dose.contraindications],
        "cautions": [_said(item) for item in dose.cautions],
        "not_known": [_said(item) for item in dose.not_known],
        "checks": [check.model_dump() for check in option.checks],
        "interactions": [one.model_dump() for one in option.interactions],
        "knowledge": {"version": program.version, "hash": program.hash},
    }


def _figure(quantity: a.Quantity) -> float | None:
    return None if quantity.value is None else float(quantity.value.replace(",", ""))


def _per_kg(kidney: a.Kidney) -> float | None:
    """mL/min/kg as the doses use it: a measured clearance divided by the weight, else the estimate."""
    if kidney.measured is None:
        return _figure(kidney.crcl_per_kg)
    return None if kidney.measured_per_kg is None else _figure(kidney.measured_per_kg)


def _said(item: a.Item) -> dict[str, Any]:
    return {
        "rule": item.rule,
        "effect": item.effect,
        "headline": item.headline,
        "text": item.text,
        "needs": item.needs,
        "verification": item.verification,
        "sources": [source.key for source in item.sources],
    }


def _print(option: a.Option, answer: dict[str, Any]) -> None:
    from ..report.dose import render

    c.console().print(render(option, answer), markup=False, highlight=False, soft_wrap=True)
