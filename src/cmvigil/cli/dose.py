"""``cmvigil dose DRUG``: the label's dose for a kidney, as it can be given, without a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from . import common as c

if TYPE_CHECKING:
    from .. import advice as a
    from ..reasoning.model import Program

DAY = "2000-01-01"
"""The day on which everything entered is true; the answer names no date."""

_DIALYSIS = ("haemodialysis", "peritoneal_dialysis", "continuous_renal_replacement")
_PLACES = {
    "person.age": "--age",
    "person.sex": "--sex",
    "person.weight": "--weight",
    "person.height": "--height",
    "labs.creatinine": "--creatinine",
    "labs.measured_clearance": "--measured-clearance",
    "labs.neutrophils": "--neutrophils",
    "labs.platelets": "--platelets",
    "labs.haemoglobin": "--haemoglobin",
    "labs.urine_protein": "--urine-protein",
}


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
            help="haemodialysis, peritoneal_dialysis or continuous_renal_replacement.",
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
    pregnant: Annotated[bool, typer.Option("--pregnant", help="Pregnancy is known.")] = False,
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
    program = c.program(knowledge)
    concept = _antiviral(drug, program)
    labs = {
        "creatinine": creatinine,
        "measured_clearance": measured_clearance,
        "neutrophils": neutrophils,
        "platelets": platelets,
        "haemoglobin": haemoglobin,
        "urine_protein": urine_protein,
    }
    if (given is None) != (every is None):
        c.stop("--given and --every go together: the dose to check and its interval")
    case: dict[str, Any] = {
        "cmvigil": 1,
        "as_of": DAY,
        "person": {
            "age": age,
            "sex": sex,
            "weight": weight,
            "height": height,
            "pregnant": "yes" if pregnant else "unknown",
        },
        "labs": {name: value for name, value in labs.items() if value is not None},
        "drugs": [{"drug": name, "start": DAY} for name in beside or ()],
    }
    if given is not None:
        intent = "maintenance" if phase == "maintenance" else "treatment"
        case["drugs"].append({"drug": concept, "dose": given, "every": every, "start": DAY, "intent": intent})
    if dialysis is not None:
        case["procedures"] = [{"procedure": _dialysis(dialysis), "start": DAY}]
    option, kidney = _appraised(case, concept, program)
    answer = _answer(option, kidney, phase, program)
    if as_json:
        c.emit(json.dumps(answer, ensure_ascii=False, indent=2).encode())
    else:
        _print(option, answer)


def _antiviral(drug: str, program: Program) -> str:
    """The antiviral that a name means. Ends with a message, near names among it, where it is none."""
    from ..record.errors import did_you_mean
    from ..record.vocabulary import plain_name, vocabulary

    concept = vocabulary().drug_names.get(plain_name(drug), drug)
    if concept not in program.antivirals:
        known = ", ".join(program.antivirals)
        c.stop(f"DRUG: found {drug!r}; expected one of {known}. {did_you_mean(drug, program.antivirals)}".rstrip())
    return concept


def _dialysis(word: str) -> str:
    """The way of renal replacement that a word means. Ends with a message for any other procedure."""
    from ..record.errors import did_you_mean

    if word not in _DIALYSIS:
        hint = did_you_mean(word, _DIALYSIS, "Leave it out where there is none.")
        c.stop(f"--dialysis: found {word!r}; expected one of {', '.join(_DIALYSIS)}. {hint}")
    return word


def _appraised(case: dict[str, Any], concept: str, program: Program) -> tuple[a.Option, a.Kidney]:
    """The option and the kidney of what was entered. Ends with all that is wrong with it, by option."""
    from ..assess import assess
    from ..record.errors import IntakeError
    from ..record.read import read_record

    try:
        record = read_record(json.dumps(case))
    except IntakeError as error:
        c.stop([f"{_option_of(p.path)}: found {p.found}; expected {p.expected}. {p.remedy}" for p in error.problems])
    unusable = [issue for issue in record.issues if issue.level in ("rejected", "unusable")]
    if unusable:
        c.stop([f"{_option_of(i.place)}: {i.found}; expected {i.expected}. {i.remedy}" for i in unusable])
    advice = assess(record, program, appraise=True)
    assert advice.kidney is not None
    return next(option for option in advice.options if option.drug == concept), advice.kidney


def _option_of(path: str) -> str:
    """The command-line option behind a place in the case."""
    for place, option in _PLACES.items():
        if place in path:
            return option
    if path.startswith("drugs") or ".drugs" in path:
        return "--with" if path.endswith("drug") else "--given/--every"
    return "--age" if path.endswith("person") else path


def _answer(option: a.Option, kidney: a.Kidney, phase: str | None, program: Program) -> dict[str, Any]:
    """What the command says, as data. A contraindicated drug has no regimen."""
    wanted = ("induction",) if phase == "induction" else ("maintenance", "prophylaxis")
    regimens = [r.model_dump() for r in option.regimens if phase is None or r.phase in wanted]
    said = [i for i in option.reasons if i.said]
    no_dose = option.no_dose
    on_dialysis = kidney.basis not in ("estimated", "measured")  # the estimate stays beside; no dose follows it
    if not regimens and not no_dose:
        no_dose = f"No dose of this phase ({phase}): {option.label} has none"
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
        "verdict": option.verdict,
        "regimens": regimens,
        "no_dose": no_dose,
        "contraindications": [_said(i) for i in said if i.effect == "contraindicated"],
        "cautions": [_said(i) for i in said if i.effect in ("avoid", "caution", "against")],
        "not_known": [_said(i) for i in option.reasons if i.state == "undetermined"],
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
