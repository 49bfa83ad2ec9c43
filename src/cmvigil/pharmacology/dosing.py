"""Today's doses of an antiviral: the label's row for this kidney, in milligrams that can be given, and how."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Literal, cast

from .. import advice as a
from ..reasoning.model import Program
from .bands import Row, row_of
from .kidney import Body, Clearance
from .label import Form, Infusion, Label
from .rounding import Given, given, plain

PHASES = ("treatment", "maintenance")
DOSES = "kidney_doses"
_WORST_CASE_MINUTES = 5  # infusion times are rounded up to this step


@dataclass(frozen=True, slots=True)
class Doses:
    """Regimens that can be given, and in words why a phase has none."""

    regimens: tuple[a.Regimen, ...]
    none: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Called:
    """What the label calls for: a row and the dose in milligrams before rounding (None: no weight)."""

    phase: str
    scheme: str
    row: Row
    exact_mg: Fraction | None

    @property
    def interval_h(self) -> Decimal:
        """Hours from dose to dose."""
        return cast(Decimal, self.row["interval_h"])

    @property
    def daily_mg(self) -> Fraction | None:
        """Milligrams a day, before rounding."""
        return None if self.exact_mg is None else self.exact_mg * 24 / Fraction(self.interval_h)


def doses(program: Program, label: Label, body: Body, kidney: Clearance, beside: Collection[str] = ()) -> Doses:
    """Every regimen of the label for this body. ``beside``: other drugs or findings that change the dose.

    A drug with a contraindicating row, or without the figures it needs, has no regimen and says why.
    """
    if label.named:
        return Doses((), ("No dose is held here: named as an option only",))
    made: list[a.Regimen] = []
    none: dict[str, None] = {}
    for phase in PHASES:
        schemes = _schemes(program, label.drug, phase)
        if not schemes and phase in label.no_dose:
            none[label.no_dose[phase]] = None
        for scheme in schemes:
            found = called_for(program, label, phase, scheme, body, kidney, beside)
            if isinstance(found, str):
                none[found] = None
            elif found.exact_mg is None:
                none["Not known: weight"] = None
            else:
                other = list(_other_weight(program, label, found, body, kidney))
                forms = label.made_of(dialysis=body.dialysis == "haemodialysis")
                made += [_regimen(program, label, found, found.exact_mg, body, form, other) for form in forms]
    return Doses(tuple(made), tuple(none))


def called_for(
    program: Program,
    label: Label,
    phase: str,
    scheme: str,
    body: Body,
    kidney: Clearance,
    beside: Collection[str] = (),
) -> Called | str:
    """The label's dose of one phase and scheme, or in words why there is none."""
    if body.dialysis not in ("none", "haemodialysis"):
        return "Continuous renal replacement and peritoneal dialysis: no label gives a dose"
    value = kidney.on(label.clearance)
    keys = {"drug": label.drug, "phase": phase, "scheme": scheme, "dialysis": body.dialysis}
    found = [row for word in sorted(beside) if (row := row_of(program, DOSES, {**keys, "beside": word}, value))]
    row = _strictest(found) or row_of(program, DOSES, {**keys, "beside": "none"}, value)
    if not row:
        if body.dialysis == "haemodialysis":
            return label.no_dose.get("haemodialysis", "No label gives a dose for haemodialysis")
        return f"Not known: {_lacking(body, label)}"
    if row["dose"] is None:
        beside_words = "" if row["beside"] == "none" else f"With {str(row['beside']).replace('_', ' ')}: "
        band = "" if label.clearance == "none" else f" ({row['label_band']} {label.clearance})"
        return f"{beside_words}{row['note']}{band}"
    dose = Fraction(cast(Decimal, row["dose"]))
    if row["flat"] is None:
        return Called(phase, scheme, row, None if body.weight is None else dose * Fraction(body.weight))
    return Called(phase, scheme, row, dose)


def _strictest(rows: list[Row]) -> Row:
    """Of several changes of the dose the one that forbids it, else the largest dose (inducers add nothing to it)."""
    if not rows:
        return {}
    return max(rows, key=lambda row: (row["dose"] is None, row["dose"] or 0))


def _schemes(program: Program, drug: str, phase: str) -> list[str]:
    rows = program.tables[DOSES].rows
    return list(dict.fromkeys(str(r["scheme"]) for r in rows if r["drug"] == drug and r["phase"] == phase))


def _lacking(body: Body, label: Label) -> str:
    needed = {"age": body.age, "sex": body.sex, "creatinine": body.creatinine}
    if label.clearance == "mL/min":
        needed["weight"] = body.weight
    words = [name for name, value in needed.items() if value is None]
    return ", ".join(words) or "a clearance"


def _other_weight(program: Program, label: Label, called: Called, body: Body, kidney: Clearance) -> Iterator[str]:
    """In a large body: what the adjusted weight would change (decision 12)."""
    if kidney.adjusted is None or body.dialysis != "none":
        return
    if label.clearance == "mL/min/kg":
        yield "large body: which weight the dose per kg should take is not known; the actual weight is taken here"
    if label.clearance != "mL/min" or kidney.basis != "estimated":
        return
    row = row_of(
        program,
        DOSES,
        {
            "drug": label.drug,
            "phase": called.phase,
            "scheme": called.scheme,
            "dialysis": body.dialysis,
            "beside": str(called.row["beside"]),
        },
        kidney.adjusted,
    )
    if row and row["label_band"] != called.row["label_band"]:
        dose = "no dose" if row["dose"] is None else f"{row['dose']} {row['dose_unit']} every {row['interval_h']} h"
        yield (
            f"caution: with the adjusted weight the clearance is {plain(kidney.adjusted, 1)} mL/min, another band "
            f"({row['label_band']}: {dose}); decide, and measure the clearance if you can"
        )


def _regimen(
    program: Program,
    label: Label,
    called: Called,
    exact: Fraction,
    body: Body,
    form: Form,
    other_weight: Collection[str],
) -> a.Regimen:
    row = called.row
    per_kg = row["flat"] is None
    dose = Fraction(cast(Decimal, row["dose"]))
    out = given(exact, form)
    infusion = label.infusion if form.tablet_mg is None else None
    interval = int(called.interval_h)
    minutes = None if infusion is None else _minutes(infusion, called.phase, dose, out.mg, body)
    words = str(
        row_of(program, "dose_rhythm", {"interval_h": called.interval_h, "dialysis": body.dialysis}).get("rhythm")
        or f"every {interval} h"
    )
    return a.Regimen(
        phase=_phase(label, called.phase),
        scheme=called.scheme if called.scheme != "label" else _plain_scheme(row, words),
        per_kg=f"{plain(dose)} mg/kg" if per_kg else None,
        dose_mg=float(out.mg),
        exact_mg=plain(exact),
        interval_h=interval,
        rhythm=words,
        form=out.words,
        volume_ml=None if out.volume_ml is None else round(float(out.volume_ml), 3),
        final_volume_ml=_final_volume(infusion, out),
        infusion_min=minutes,
        band=str(row["label_band"]),
        band_unit="" if label.clearance == "none" or body.dialysis != "none" else label.clearance,
        daily_mg=round(float(out.mg * 24 / interval), 1),
        sodium_mg=_sodium(label, out, interval),
        steps=list(_steps(label, dose)) if infusion is not None else [],
        notes=[*_notes(row, label, infusion, out), *other_weight],
        verification=cast(a.Verification, row["verification"]),
        sources=[str(row["source"])],
    )


def _phase(label: Label, phase: str) -> Literal["induction", "maintenance", "prophylaxis"]:
    if phase == "treatment":
        return "induction"
    return "prophylaxis" if "treatment" in label.no_dose else "maintenance"


def _plain_scheme(row: Row, rhythm: str) -> str:
    return f"{plain(Fraction(cast(Decimal, row['dose'])))} {row['dose_unit']} {rhythm}"


def _minutes(infusion: Infusion, phase: str, dose: Fraction, mg: Fraction, body: Body) -> int:
    """The shortest infusion: the label's floor, and the highest rate for this dose and weight, rounded up."""
    if infusion.minutes is not None:
        return infusion.minutes
    floor = next(
        f.minutes
        for f in infusion.floors
        if f.phase == phase and (f.upto_mg_per_kg is None or dose <= Fraction(f.upto_mg_per_kg))
    )
    assert infusion.max_mg_per_kg_min is not None
    per_kg = dose if body.weight is None else mg / Fraction(body.weight)
    needed = ceil(per_kg / Fraction(infusion.max_mg_per_kg_min) / _WORST_CASE_MINUTES) * _WORST_CASE_MINUTES
    return max(floor, needed)


def _final_volume(infusion: Infusion | None, out: Given) -> float | None:
    """The least volume that is dilute enough (for foscarnet: for a peripheral vein)."""
    if infusion is None:
        return None
    strength = infusion.peripheral_mg_per_ml or infusion.max_mg_per_ml
    least = Fraction(0) if strength is None else out.mg / Fraction(strength)
    volume = max(least, Fraction(infusion.usual_volume_ml or 0))
    return round(float(volume), 1)


def _sodium(label: Label, out: Given, interval: int) -> float | None:
    if label.sodium_mg_per_ml is None or out.volume_ml is None:
        return None
    return round(float(out.volume_ml * Fraction(label.sodium_mg_per_ml.value) * 24 / interval), 0)


def _steps(label: Label, dose: Fraction) -> Iterator[a.Step]:
    for timed in label.schedule:
        yield a.Step(what=timed.what, at=timed.at, minutes=timed.minutes, sources=list(timed.sources))
    for saline in label.hydration:
        over = saline.above_mg_per_kg is None or dose > Fraction(saline.above_mg_per_kg)
        under = saline.upto_mg_per_kg is None or dose <= Fraction(saline.upto_mg_per_kg)
        if over and under:
            low, high = saline.ml
            volume = f"{low} mL" if low == high else f"{low} to {high} mL"
            yield a.Step(what=f"Saline 0.9 % (or glucose 5 %) {volume}, {saline.when}", sources=list(saline.sources))


def _notes(row: Row, label: Label, infusion: Infusion | None, out: Given) -> Iterator[str]:
    if row["note"]:
        yield str(row["note"])
    if infusion is not None and infusion.peripheral_mg_per_ml is not None:
        central = plain(Fraction(infusion.central_mg_per_ml or 0))
        dilute = plain(Fraction(infusion.peripheral_mg_per_ml))
        volume = plain(out.mg / Fraction(infusion.peripheral_mg_per_ml), 0)
        yield f"central vein undiluted ({central} mg/mL); peripheral vein at most {dilute} mg/mL, {volume} mL or more"
    if infusion is not None:
        yield infusion.how
    if label.hydration_note is not None and infusion is not None:
        yield label.hydration_note.text
