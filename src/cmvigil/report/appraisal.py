"""The appraisal as people read it: verdicts, today's dose, reasons for and against, kidney, what is given wrongly."""

from __future__ import annotations

from dataclasses import dataclass

from cmvigil.advice import Advice, Check, Interaction, Item, Kidney, Option, Quantity, Regimen
from cmvigil.report import words

CARDS = 3
"""So many dosing cards, and one for each drug that runs."""

ORDER = (
    "The verdicts in order: preferred, what runs or would be preferred and cannot be judged, acceptable, "
    "undetermined, avoid, contraindicated. An order by named reasons, not a score."
)
NOTHING_CHOSEN = "No dosing card: no antiviral is running or preferred."
INFORMS = "It informs, it never orders. Checked by ______________________ on ______________"

_PARTNERS = 3
_FOR, _AGAINST = ("prefer", "for"), ("contraindicated", "avoid", "against")
_LEVELS = ("contraindicated", "avoid", "caution", "monitor")
_WRONG = ("under-dose", "over-dose", "wrong interval", "wrong phase", "not to be given")
_BASIS = {
    "estimated": "Doses follow the estimated clearance (Cockcroft-Gault, actual weight).",
    "measured": "Doses follow the measured clearance.",
    "haemodialysis": "Doses follow haemodialysis, not a clearance.",
    "none": "No clearance to dose by.",
}


def appraised(advice: Advice) -> list[Option]:
    """The options that can be given a verdict, in rank order."""
    return [option for option in advice.options if option.verdict != "named"]


def by_name(advice: Advice) -> list[Option]:
    """The options known by name only."""
    return [option for option in advice.options if option.verdict == "named"]


def chosen(advice: Advice) -> list[Option]:
    """The options that get a dosing card: what runs; what is preferred where nothing that runs may go on as it is.

    What is contraindicated has no dose and so no card, even while it runs: its row in the table says so.
    """
    running = [option for option in appraised(advice) if option.running and option.verdict != "contraindicated"]
    preferred = [option for option in advice.options if option.verdict == "preferred" and not option.running]
    goes_on = any(option.verdict in ("preferred", "acceptable") for option in running)
    return [*running, *([] if goes_on else preferred[: max(CARDS - len(running), 0)])]


# -- one option --------------------------------------------------------------------------------------------------------
def name(option: Option) -> str:
    """``Ganciclovir, running``."""
    return words.sentence(option.label) + (", running" if option.running else "")


def milligrams(mg: float) -> str:
    """``305 mg``, ``2,736 mg``, ``307.5 mg``: every digit that is given; a comma between thousands, for no gap."""
    return f"{f'{mg:,.3f}'.rstrip('0').rstrip('.')}{words.NBSP}mg"


def dose(regimen: Regimen) -> str:
    """``350 mg every 12 h (5 mg/kg)``."""
    per_kg = f" ({regimen.per_kg.replace(' ', words.NBSP)})" if regimen.per_kg else ""
    return f"{milligrams(regimen.dose_mg)} {regimen.rhythm}{per_kg}"


def doses_today(option: Option) -> list[str]:
    """The first phase's doses in short, each once; a phase other than induction is named."""
    if not option.regimens:
        return []
    phase = option.regimens[0].phase
    said = [dose(regimen) for regimen in option.regimens if regimen.phase == phase]
    return list(dict.fromkeys(line if phase == "induction" else f"{phase}: {line}" for line in said))


def no_dose(option: Option) -> str:
    """Why there is no dose, in short; empty where there is one."""
    if option.regimens:
        return ""
    return "none" if option.no_dose in ("", option.why) else f"none; {option.no_dose[:1].lower()}{option.no_dose[1:]}"


def pro(option: Option) -> list[Item]:
    """What speaks for it, beside the deciding reason."""
    return _reasons(option, _FOR)


def contra(option: Option) -> list[Item]:
    """What speaks against it, beside the deciding reason."""
    return _reasons(option, _AGAINST)


def cautions(option: Option) -> list[Item]:
    """What to mind."""
    return _reasons(option, ("caution",))


def shown_against(option: Option) -> list[Item]:
    """What stands in the table against it; of what is barred only what bars it, the rest one step away."""
    if option.verdict in ("avoid", "contraindicated"):
        return [item for item in contra(option) if item.effect in ("contraindicated", "avoid")]
    return [*contra(option), *cautions(option)]


def hidden(option: Option) -> int:
    """So many reasons that are said stand only one step away."""
    return len(contra(option)) + len(cautions(option)) - len(shown_against(option))


def unknown(option: Option) -> list[Item]:
    """Reasons that cannot be told yet."""
    return [item for item in option.reasons if item.state == "undetermined"]


def _reasons(option: Option, effects: tuple[str, ...]) -> list[Item]:
    return [i for i in option.reasons if i.effect in effects and i.said and i.headline != option.why]


def decides_for(option: Option) -> bool:
    """Whether the deciding reason speaks for the option."""
    return option.verdict in ("preferred", "acceptable")


def partner(option: Option, found: Interaction) -> str:
    """The drug at the other end of an interaction."""
    return found.drug if found.other.lower() in (option.label.lower(), option.drug.lower()) else found.other


def beside(option: Option) -> list[str]:
    """Interactions in short, the gravest first: ``contraindicated with ganciclovir``, ``caution with a, b, c +4``.

    What forbids or should be avoided is always named; of what is to be minded the first three.
    """
    lines = []
    for level in _LEVELS:
        names = [partner(option, found) for found in option.interactions if found.level == level]
        most = len(names) if level in ("contraindicated", "avoid") else _PARTNERS
        more = f" +{len(names) - most}" if len(names) > most else ""
        lines += [f"{level} with {', '.join(names[:most])}{more}"] if names else []
    return lines


def is_wrong(check: Check) -> bool:
    """Whether what is given may harm: too little, too much, too seldom, the wrong phase, not to be given."""
    return check.finding in _WRONG


def finding(check: Check) -> str:
    """``Under-dose, 50 % of the label's``, ``As called for``."""
    if check.finding == "right":
        return "As called for"
    share = f", {check.share}{words.THIN}% of the label's" if check.share else ""
    return words.sentence(check.finding) + share


def given(check: Check) -> str:
    """What is given, and what the table says of it."""
    return f"Given: {check.given}. {words.sentence(check.text)}."


def check_line(check: Check) -> str:
    """``Under-dose, 50 % of the label's. Given: 175 mg every 12 h. Below 90 % of the label's dose: ...``"""
    return f"{finding(check)}. {given(check)}"


def in_full(option: Option) -> str:
    """What stands one step away: ``2 reasons, 1 interaction, 4 doses in full``."""
    counted = [
        (len(option.reasons), "reason", ""),
        (len(option.interactions), "interaction", ""),
        (len(option.regimens), "dose", " in full"),
    ]
    return ", ".join(words.count(n, what) + more for n, what, more in counted if n)


def against_running(option: Option) -> str:
    """A sentence for what runs though it should not; empty otherwise."""
    if option.running and option.verdict in ("avoid", "contraindicated"):
        return f"Running, though {'to be avoided' if option.verdict == 'avoid' else 'contraindicated'}"
    return ""


# -- the kidney --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Figure:
    """One figure of kidney function: what it is, its value, how it was computed or what it lacks."""

    what: str
    value: str
    how: str


def clearance(kidney: Kidney) -> str:
    """``Creatinine clearance 74 mL/min, per kg 1.21 mL/min/kg``: the figures that doses use."""
    measured = kidney.measured if kidney.measured is not None and kidney.measured.value is not None else None
    if kidney.basis == "haemodialysis":
        said = "Haemodialysis"
    elif measured is not None and measured.value is not None:
        said = f"Measured creatinine clearance {words.quantity(measured.value, measured.unit)}"
    elif kidney.crcl.value is not None:
        said = f"Creatinine clearance {words.quantity(kidney.crcl.value, kidney.crcl.unit)}"
    else:
        said = f"Creatinine clearance {kidney.crcl.why or 'not known'}"
    by_weight = kidney.measured_per_kg if measured is not None else None
    per_kg = by_weight if by_weight is not None and by_weight.value is not None else kidney.crcl_per_kg
    if per_kg.value is None or kidney.basis == "haemodialysis":
        return said
    estimated = "estimated " if measured is not None and per_kg is kidney.crcl_per_kg else ""
    return f"{said}, {estimated}per kg {words.quantity(per_kg.value, per_kg.unit)}"


def beside_clearance(kidney: Kidney) -> list[str]:
    """What stands beside the clearance: weight and creatinine, unless it said that they lack, and a known eGFR."""
    egfr = kidney.egfr
    lacking = "" if kidney.crcl.value is not None else kidney.crcl.why
    said = [
        f"{name} {found or 'not known'}"
        for name, found in (("weight", kidney.weight), ("creatinine", kidney.creatinine))
        if found or name not in lacking
    ]
    if egfr.value is not None:
        unit = egfr.unit.replace(" ", words.NBSP)
        said.append(f"eGFR {words.quantity(egfr.value, unit)}, not used for doses")
    return said


def figures(kidney: Kidney) -> list[Figure]:
    """Every figure with the way it was computed."""
    named: list[tuple[str, Quantity | None]] = [
        ("Measured clearance", kidney.measured),
        ("Measured clearance per kg (for foscarnet)", kidney.measured_per_kg),
        ("Creatinine clearance (Cockcroft-Gault, actual weight)", kidney.crcl),
        (f"Clearance per kg{'' if kidney.measured_per_kg else ' (for foscarnet)'}", kidney.crcl_per_kg),
        ("Creatinine clearance with the adjusted weight", kidney.crcl_adjusted),
        ("eGFR", kidney.egfr),
    ]
    return [
        Figure(what, it.why or "not known", "")
        if it.value is None
        else Figure(what, words.quantity(it.value, it.unit), it.how)
        for what, it in named
        if it is not None
    ]


def basis(kidney: Kidney) -> str:
    """Which figure the doses follow."""
    return _BASIS[kidney.basis]
