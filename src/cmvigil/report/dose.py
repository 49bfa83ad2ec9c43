"""A dose in words, for the command line: kidney, what forbids or cautions, the regimens, how to give them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from cmvigil.advice import Option, Regimen

WIDTH = 80


def render(option: Option, answer: Mapping[str, Any]) -> str:
    """The answer of ``cmvigil dose`` as plain text, 80 columns wide."""
    return "\n".join(line for block in _blocks(option, answer) for line in [*_wrapped(block), ""]).rstrip()


def _wrapped(block: list[tuple[int, str]]) -> Iterator[str]:
    """Lines no longer than the width; those after the first stand two further in."""
    for indent, text in block:
        lines = _fold(text, WIDTH - indent)
        for n, line in enumerate(lines):
            yield " " * (indent + (2 if n else 0)) + line


def _fold(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width - 2, break_on_hyphens=False) or [""]


def _blocks(option: Option, answer: Mapping[str, Any]) -> Iterator[list[tuple[int, str]]]:
    renal = answer["renal"]
    ruled_out = [(2, f"Stated: {', '.join(answer['ruled_out'])}")] if answer["ruled_out"] else []
    yield [(0, f"{option.label}: {headline(option, bool(answer['cautions']))}"), *_kidney(renal), *ruled_out]
    for title, key, effects in _SAID:
        said = [one for one in answer[key] if one["effect"] in effects]
        if said:
            yield [(0, title), *((2, f"- {_ended(one['headline'])} {one['text']}".rstrip()) for one in said)]
    if answer["no_dose"]:
        yield [(0, f"No dose: {answer['no_dose']}")]
    regimens = [Regimen.model_validate(one) for one in answer["regimens"]]
    for phase in dict.fromkeys(r.phase for r in regimens):
        of_phase = [r for r in regimens if r.phase == phase]
        yield [(0, phase.capitalize()), *(line for alike in _alike(of_phase) for line in _regimen(alike))]
    if answer["checks"]:
        checks = answer["checks"]
        yield [
            (0, "Checked"),
            *((2, f"{one['given']}: {one['finding']}{_share(one)}. {one['text']}") for one in checks),
        ]
    if answer["interactions"]:
        pairs = answer["interactions"]
        yield [
            (0, "Interactions"),
            *(
                (2, f"- {one['level']}: with {one['other']}. {_ended(one['effect'])} {_ended(one['action'])}")
                for one in pairs
            ),
        ]
    if option.handling and regimens:
        yield [(0, "Giving it"), *((2, f"- {text}") for text in option.handling)]
    if answer["not_known"]:
        yield [(0, "Not known, and it matters"), *((2, f"- {one['headline']}") for one in answer["not_known"])]
    yield [(0, f"It informs; it never orders. Knowledge {answer['knowledge']['version']}.")]


def headline(option: Option, cautioned: bool) -> str:
    """The verdict in words; what is said below does not contradict it."""
    if option.verdict in ("preferred", "acceptable"):
        if any(one.level in ("contraindicated", "avoid") for one in option.interactions):
            return "not beside all that is taken, see the interactions"
        if cautioned:
            return "nothing entered forbids it; mind the cautions"
    return _VERDICT[option.verdict]


_SAID = (
    ("Contraindicated", "contraindications", ("contraindicated",)),
    ("Avoid", "cautions", ("avoid",)),
    ("Caution", "cautions", ("caution", "against")),
)
_VERDICT = {
    "preferred": "nothing entered speaks against it",
    "acceptable": "nothing entered speaks against it",
    "undetermined": "not all that decides is known",
    "avoid": "avoid, see below",
    "contraindicated": "contraindicated, no dose",
    "named": "known by name only",
}


def _ended(text: str) -> str:
    """The text as a sentence: a full stop, unless it asks."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _kidney(renal: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for key, name in (("estimated", "Clearance (Cockcroft-Gault)"), ("estimated_per_kg", "Clearance per kilogram")):
        one = renal[key]
        value = f"{one['value']} {one['unit']} = {one['how']}" if one["value"] else one["why"]
        yield 2, f"{name}: {value}"
    if renal["basis"] == "measured":
        per_kg = renal["crcl_ml_min_kg"]
        by_weight = "" if per_kg is None else f", {per_kg:g} mL/min/kg"
        yield 2, f"Doses follow the measured clearance: {renal['crcl_ml_min']:g} mL/min{by_weight}"
    egfr = renal["egfr_ckd_epi_2021"]
    if egfr["value"]:
        yield 2, f"eGFR: {egfr['value']} {egfr['unit']} ({egfr['how']})"
    for caution in renal["cautions"]:
        yield 2, f"! {caution}"


def _alike(regimens: list[Regimen]) -> list[list[Regimen]]:
    """Regimens that differ in nothing but the scheme they come from, together."""
    found: dict[str, list[Regimen]] = {}
    for regimen in regimens:
        found.setdefault(regimen.model_dump_json(exclude={"scheme"}), []).append(regimen)
    return list(found.values())


def _regimen(alike: list[Regimen]) -> Iterator[tuple[int, str]]:
    regimen = alike[0]
    said = (regimen.per_kg or f"{regimen.dose_mg:,g} mg", regimen.rhythm)
    schemes = [one.scheme for one in alike if not one.scheme.startswith(said)]
    scheme = f" [{' or '.join(schemes)}]" if schemes else ""
    per_kg = f" ({regimen.per_kg})" if regimen.per_kg else ""
    yield 2, f"{regimen.dose_mg:,g} mg {regimen.rhythm}{per_kg}{scheme}"
    unit = f" {regimen.band_unit}" if regimen.band_unit else ""
    yield 4, f"band {regimen.band}{unit}; {regimen.form}; {regimen.daily_mg:,g} mg a day on average"
    if regimen.infusion_min is not None:
        volume = "" if regimen.final_volume_ml is None else f", in {regimen.final_volume_ml:g} mL or more"
        sodium = "" if regimen.sodium_mg is None else f"; sodium {regimen.sodium_mg:,g} mg a day"
        yield 4, f"over {regimen.infusion_min} min or longer{volume}{sodium}"
    for step in regimen.steps:
        yield 4, f"· {_when(step.at)}{step.what}"
    for note in regimen.notes:
        yield 4, f"· {note}"
    yield 4, f"{', '.join(regimen.sources)} ({regimen.verification})"


def _when(minutes: int | None) -> str:
    if minutes is None:
        return ""
    hours, rest = divmod(abs(minutes), 60)
    clock = f"{hours} h" + (f" {rest} min" if rest else "")
    return "at the start: " if minutes == 0 else f"{clock} {'before' if minutes < 0 else 'after'} the start: "


def _share(check: Mapping[str, Any]) -> str:
    return f" ({check['share']} % of the label's dose)" if check["share"] else ""
