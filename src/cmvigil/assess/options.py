"""The appraisal of therapy options: every antiviral with its verdict, the reasons, today's dose and what to watch.

The verdict follows from the reasons in one documented order (``docs/options.md``), never from a score:

1. a contraindication that holds: *contraindicated*;
2. a reason to avoid that holds: *avoid*;
3. one of these that cannot be told: *undetermined*, and the facts that decide it;
4. a preference that holds: *preferred*, the lowest order first;
5. else *acceptable*.

Options of one verdict stand in the order of their labels; a drug that runs, or that a preference speaks for,
and cannot be judged stands before those merely acceptable; options known by name only come last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, get_args

from .. import advice as a
from ..pharmacology import interactions
from ..pharmacology.bands import row_of
from ..pharmacology.check import Regimen, check
from ..pharmacology.dosing import doses
from ..pharmacology.kidney import Body, Clearance, clearance, mg_dl
from ..pharmacology.label import Label, labels
from ..pharmacology.rounding import plain
from ..reasoning.model import Program, Rule
from ..reasoning.outcome import Outcome
from ..record.tables import Exposure, Record
from . import wording as w

Verdict = Literal["preferred", "acceptable", "undetermined", "avoid", "contraindicated", "named"]
_VERDICTS: tuple[Verdict, ...] = ("preferred", "acceptable", "undetermined", "avoid", "contraindicated", "named")
_EFFECTS: tuple[a.Effect, ...] = ("contraindicated", "avoid", "prefer", "for", "against", "caution")
_STATES = ("applies", "provided", "undetermined", "overridden")


def worth_showing(outcome: Outcome) -> bool:
    """Whether the record asks for an appraisal: an antiviral runs, or CMV is current and not known to be quiet."""
    values = outcome.values
    current = values.get("cmv_current") is True and values.get("cmv_active") is not False
    return current or values.get("antiviral_now") is True


@dataclass(frozen=True, slots=True)
class Patient:
    """What the appraisal knows of the patient beside the reasons.

    ``taken``: drugs running, each with its regimens; ``findings``: words of dose tables that hold
    (``creatinine_risen``), ``open``: those that cannot be told; ``withheld``: why no dose is given at all; ``unsafe``:
    why none is given from creatinine.
    """

    body: Body
    kidney: Clearance
    taken: Mapping[str, Sequence[Exposure]]
    findings: frozenset[str]
    open: frozenset[str]
    withheld: str
    unsafe: str


def patient_of(program: Program, outcome: Outcome, record: Record) -> Patient:
    """The dosing facts of a snapshot; what is stale or missing there is missing here."""
    values = outcome.values
    body = Body(
        age=_number(values.get("age")),
        sex=values.get("sex"),
        weight=_number(values.get("weight")),
        height=_number(values.get("height")),
        creatinine=_number(values.get("creatinine")),
        measured=_number(values.get("crcl_measured")),
        dialysis=_dialysis(values),
        unstable=values.get("creatinine_unstable"),
    )
    risen = values.get("cidofovir_creatinine_risen", False)
    return Patient(
        body=body,
        kidney=clearance(program, body),
        taken=_taken(outcome, record),
        findings=frozenset({"creatinine_risen"} if risen else ()),
        open=frozenset({"creatinine_risen"} if risen is None else ()),
        withheld=_withheld(values),
        unsafe=_unsafe(values, body),
    )


def appraise(program: Program, patient: Patient, item_of: Callable[[Rule], a.Item | None]) -> list[a.Option]:
    """Every option, in order. ``item_of`` words a reason, or gives None where it is silent."""
    reasons: dict[str, list[tuple[Rule, a.Item]]] = {drug: [] for drug in program.antivirals}
    for rule in program.rules.values():
        if rule.kind == "reason" and (item := item_of(rule)) is not None:
            for drug in rule.options:
                reasons[drug].append((rule, item))
    found = [_option(program, label, reasons[drug], patient) for drug, label in labels(program).items()]
    found.sort(key=lambda pair: pair[0])
    return [option.model_copy(update={"rank": place}) for place, (_, option) in enumerate(found, 1)]


def kidney_shown(patient: Patient, outcome: Outcome) -> a.Kidney:
    """Kidney function as people read it: every figure with the way it was computed."""
    body, kidney = patient.body, patient.kidney
    lacking = [name for name in ("age", "sex", "creatinine") if getattr(body, name) is None]
    no_weight = [*lacking, *(["weight"] if body.weight is None else [])]
    formula = _formula(body)
    return a.Kidney(
        crcl=_quantity(kidney.estimated, "mL/min", formula and f"{formula} × {_kg(body)}", no_weight),
        crcl_per_kg=_quantity(kidney.estimated_per_kg, "mL/min/kg", formula, lacking, places=3),
        crcl_adjusted=None
        if kidney.adjusted is None or kidney.adjusted_weight is None
        else _quantity(kidney.adjusted, "mL/min", f"adjusted weight {plain(kidney.adjusted_weight, 1)} kg", []),
        egfr=_quantity(
            None if kidney.egfr is None else Fraction(kidney.egfr),
            "mL/min/1.73 m²",
            "CKD-EPI 2021, not used for doses",
            lacking or ["an equation of adults"],
            places=0,
        ),
        measured=None if kidney.basis != "measured" else _quantity(kidney.measured, "mL/min", "measured", []),
        measured_per_kg=None
        if kidney.basis != "measured"
        else _quantity(kidney.per_kg, "mL/min/kg", f"measured / {_kg(body)}", ["weight"], places=3),
        basis=kidney.basis,
        weight=_dated(outcome, "weight", "actual weight"),
        creatinine=_creatinine(outcome, body),
        cautions=_cautions(patient),
    )


# -- one option --------------------------------------------------------------------------------------------------------
def _option(
    program: Program, label: Label, reasons: list[tuple[Rule, a.Item]], patient: Patient
) -> tuple[tuple[int, int, int, str], a.Option]:
    verdict, why, needs = _verdict(label, reasons)
    order = min((rule.order for rule, item in reasons if rule.effect == "prefer" and item.said), default=99)
    beside = _beside(program, label.drug, patient)
    partners = interactions.with_everything(program, label.drug, sorted(patient.taken))
    no_dose, regimens = _regimens(program, label, verdict, why, patient, beside)
    running = patient.taken.get(label.drug, ())
    option = a.Option(
        drug=label.drug,
        label=label.label,
        rank=0,
        verdict=verdict,
        running=bool(running),
        why=why,
        reasons=sorted((item for _, item in reasons), key=_place),
        needs=needs,
        regimens=regimens,
        no_dose=no_dose,
        checks=_checks(program, label, running, patient, beside, verdict, why),
        interactions=partners,
        watch=list(label.watch),
        sources=_sources(program, regimens, label.watch, partners),
        handling=[note.text for note in (*label.course, *label.handling)],
        counselling=[note.text for note in label.counselling],
    )
    preferred = order if verdict == "preferred" else 99
    place = _VERDICTS.index(verdict)
    if verdict == "undetermined" and (running or order < 99):
        # nothing that is merely acceptable seems to replace what runs, or what is right once a count is known
        place, preferred = _VERDICTS.index("acceptable"), 0 if running else 1
    return (place, preferred, label.order, label.drug), option


def _verdict(label: Label, reasons: list[tuple[Rule, a.Item]]) -> tuple[Verdict, str, list[str]]:
    """Verdict, the deciding reason in words, and the facts that would decide it where it is open."""

    def first(effect: str) -> a.Item | None:
        speaking = [(rule, item) for rule, item in reasons if rule.effect == effect and item.said]
        ranked = sorted(speaking, key=lambda pair: (pair[0].order, _place(pair[1])))
        return ranked[0][1] if ranked else None

    barred, avoided = first("contraindicated"), first("avoid")
    if label.named:
        speaks = barred or avoided or first("for") or first("against") or first("caution")
        return "named", speaks.headline if speaks else "An option by name; no dose is held here", []
    if barred is not None:
        return "contraindicated", barred.headline, []
    if avoided is not None:
        return "avoid", avoided.headline, []
    open_ones = [i for r, i in reasons if r.effect in ("contraindicated", "avoid") and i.state == "undetermined"]
    if open_ones:
        needs = list(dict.fromkeys(name for item in open_ones for name in item.needs))
        return "undetermined", open_ones[0].headline, needs
    chosen = first("prefer")
    if chosen is not None:
        return "preferred", chosen.headline, []
    speaks = first("for")
    return "acceptable", speaks.headline if speaks else "Nothing that decides speaks against it", []


def _place(item: a.Item) -> tuple[int, int, str]:
    assert item.effect is not None
    return _STATES.index(item.state), _EFFECTS.index(item.effect), item.rule


def _regimens(
    program: Program, label: Label, verdict: Verdict, why: str, patient: Patient, beside: list[str]
) -> tuple[str, list[a.Regimen]]:
    """Why there is no dose (empty where there is one), and the regimens. What is contraindicated has none."""
    if verdict == "contraindicated":
        return why, []
    if patient.withheld:
        return patient.withheld, []
    if patient.unsafe and label.clearance != "none":
        return patient.unsafe, []
    if label.drug in patient.taken and _tells(program, label.drug) & patient.open:
        return "Not known: creatinine at the start of the drug; a rise since then lowers the dose", []
    found = doses(program, label, patient.body, patient.kidney, beside)
    return "" if found.regimens else "; ".join(found.none), list(found.regimens)


def _sources(
    program: Program,
    regimens: Sequence[a.Regimen],
    watch: Sequence[a.Watch],
    partners: Sequence[a.Interaction],
) -> list[a.Source]:
    """What doses, their steps, watching and interactions cite, each once; the weakest verification speaks."""
    found: dict[str, list[a.Verification]] = {}
    cited = [
        *((part.sources, part.verification) for part in regimens),
        *((step.sources, part.verification) for part in regimens for step in part.steps),
        *((part.sources, part.verification) for part in watch),
        *((part.sources, part.verification) for part in partners),
    ]
    for keys, verification in cited:
        for key in keys:
            found.setdefault(key, []).append(verification)
    words = get_args(a.Verification)
    return [
        a.Source(
            key=key,
            title=program.sources[key]["title"],
            locator=program.sources[key].get("locator", ""),
            verification=max(found[key], key=words.index),
        )
        for key in sorted(found)
    ]


def _beside(program: Program, drug: str, patient: Patient) -> list[str]:
    """What the patient takes, or has, that changes this drug's dose."""
    return sorted(_tells(program, drug) & {*patient.taken, *patient.findings})


def _tells(program: Program, drug: str) -> set[str]:
    """The companions and findings that a drug's dose rows tell apart."""
    return {str(row["beside"]) for row in program.tables["kidney_doses"].rows if row["drug"] == drug}


def _checks(
    program: Program,
    label: Label,
    running: Sequence[Exposure],
    patient: Patient,
    beside: list[str],
    verdict: Verdict,
    why: str,
) -> list[a.Check]:
    """What runs against the table: nothing contraindicated is right, and of two regimens neither is."""
    if label.named or patient.withheld:
        return []
    made = [_check(program, label, given, patient, beside) for given in running]
    if verdict == "contraindicated":
        return [one.model_copy(update={"finding": "not to be given", "called_for": "", "text": why}) for one in made]
    if len(made) > 1:
        given = " and ".join(one.given for one in made)
        text = "Two regimens of it run at once on the record: end the one that is no longer given"
        return [a.Check(given=given, called_for=made[-1].called_for, finding="cannot be judged", text=text)]
    return made


def _check(program: Program, label: Label, given: Exposure, patient: Patient, beside: list[str]) -> a.Check:
    regimen = Regimen(given.dose, given.dose_unit, given.interval_h, _phase(program, given))
    if patient.unsafe and label.clearance != "none":
        words = check(program, label, regimen, Body(weight=patient.body.weight), clearance(program, Body()), beside)
        return words.model_copy(update={"finding": "cannot be judged", "text": patient.unsafe, "called_for": ""})
    return check(program, label, regimen, patient.body, patient.kidney, beside)


def _phase(program: Program, given: Exposure) -> str:
    """The phase that an intent calls for; without a recorded intent a drug counts as treatment."""
    return str(row_of(program, "treatment_phase", {"intent": given.intent or "treatment"}).get("phase", "treatment"))


# -- the patient -------------------------------------------------------------------------------------------------------
def _number(value: Any) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _dialysis(values: Mapping[str, Any]) -> str:
    for fact, word in (
        ("continuous_recorded", "continuous_renal_replacement"),
        ("peritoneal_recorded", "peritoneal_dialysis"),
        ("haemodialysis_recorded", "haemodialysis"),
    ):
        if values.get(fact) is True:
            return word
    return "none"


def _taken(outcome: Outcome, record: Record) -> dict[str, list[Exposure]]:
    """Drugs running on the day with their regimens; injections into the eye apart.

    On the day on which one regimen of a drug ends and another begins, the new one runs.
    """
    as_of = outcome.as_of
    running = [
        row
        for row in record.rows["exposure"]
        if isinstance(row, Exposure)
        and max(row.day, row.known_on) <= as_of
        and (row.end is None or row.end >= as_of)
        and row.route != "intravitreal"
    ]
    found: dict[str, list[Exposure]] = {}
    for row in sorted(running, key=lambda r: (r.day, r.event)):
        found.setdefault(row.concept, []).append(row)
    for drug, rows in found.items():
        found[drug] = [row for row in rows if row.end is None or row.end > as_of] or rows[-1:]
    return found


def _withheld(values: Mapping[str, Any]) -> str:
    """Why no dose at all is given here (decision 9)."""
    for fact, words in (
        ("under_age", "Younger than 18: no dose is given here"),
        ("pregnancy_recorded", "Pregnancy: no dose is given here"),
        ("continuous_recorded", "Continuous renal replacement: no dose is given here"),
        ("peritoneal_recorded", "Peritoneal dialysis: no dose is given here"),
    ):
        if values.get(fact) is True:
            return words
    return ""


def _unsafe(values: Mapping[str, Any], body: Body) -> str:
    """Why a dose from creatinine is unsafe; a measured clearance and dialysis do not rest on it."""
    if body.measured is not None or body.dialysis != "none":
        return ""
    if values.get("kidney_injury_recorded") is True or body.unstable is True:
        return "Kidney function unstable: a dose from creatinine is unsafe; measure the clearance, review daily"
    return ""


# -- words for the kidney ----------------------------------------------------------------------------------------------
def _quantity(value: Fraction | None, unit: str, how: str, lacking: list[str], places: int = 2) -> a.Quantity:
    if value is None:
        return a.Quantity(value=None, unit=unit, why=f"not known: {', '.join(lacking)}")
    return a.Quantity(value=plain(value, places), unit=unit, how=how)


def _formula(body: Body) -> str:
    if body.age is None or body.creatinine is None or body.sex is None:
        return ""
    female = " × 0.85" if body.sex == "female" else ""
    return f"(140 − {plain(Fraction(body.age))}) / (72 × {plain(mg_dl(body.creatinine), 2)} mg/dL){female}"


def _kg(body: Body) -> str:
    return "weight" if body.weight is None else f"{plain(Fraction(body.weight))} kg"


def _dated(outcome: Outcome, name: str, what: str) -> str | None:
    fact = outcome.facts[name]
    if fact.value is None:
        return None
    day = "" if fact.day is None else f", {w.day(fact.day)}"
    return f"{w.value(fact.value)} kg, {what}{day}"


def _creatinine(outcome: Outcome, body: Body) -> str | None:
    if body.creatinine is None:
        return None
    fact = outcome.facts["creatinine"]
    day = "" if fact.day is None else f", {w.day(fact.day)}"
    return f"{w.number(body.creatinine)} µmol/L ({plain(mg_dl(body.creatinine), 2)} mg/dL){day}"


def _cautions(patient: Patient) -> list[str]:
    body, kidney = patient.body, patient.kidney
    made = [words for words in (patient.withheld, patient.unsafe) if words]
    if body.dialysis == "haemodialysis":
        made.append("Haemodialysis: a clearance from creatinine says nothing; label doses after the session")
    if body.creatinine is not None and body.unstable is None and kidney.basis == "estimated":
        made.append("One creatinine only, or none before it: whether the kidney is stable is not known")
    if kidney.basis == "estimated" and kidney.bmi is not None and kidney.adjusted is not None:
        made.append(
            f"Body mass index {plain(kidney.bmi, 1)}: with the adjusted weight the clearance is "
            f"{plain(kidney.adjusted, 1)} mL/min; doses here follow the actual weight"
        )
    if kidney.basis == "measured" and kidney.estimated is not None:
        made.append(f"Doses follow the measured clearance; estimated it is {plain(kidney.estimated, 1)} mL/min")
    return made
