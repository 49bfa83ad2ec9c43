"""Small whole patients for the statements on response, resistance, dose and follow-up, and what must hold of them.

Days count from 1 March 2026: ``d14`` is 15 March.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.support import answer, items, state, true_leaves

from cmvigil.advice import Advice, Item, Status

Patient = dict[str, Any]

PLASMA = {"unit": "IU/mL", "specimen": "plasma", "assay": "cobas", "laboratory": "central", "lloq": "34.5"}


def patient(**parts: Any) -> Patient:
    """A case file whose day zero is 1 March 2026."""
    return {"cmvigil": 1, "day_zero": "2026-03-01", **parts}


def said(case: Patient, rule: str, *sources: str, verdict: str = "applies") -> Item:
    """The rule speaks: with true reasons down to facts, citing these sources, with no gap in its words."""
    advice = answer(case, appraise=True)
    assert state(advice, rule) == verdict, f"{rule} is {state(advice, rule)}"
    item = items(advice)[rule]
    leaves = [leaf for leaf in true_leaves(item.walkback.when, advice.definitions) if leaf.facts]
    assert item.walkback.when.truth == "true" and leaves
    assert all(name in advice.facts for leaf in leaves for name in leaf.facts)
    assert item.sources and set(sources) <= {source.key for source in item.sources}
    assert len(item.headline) <= 80
    assert "unknown" not in f"{item.headline} {item.text}", item.text
    assert "{" not in f"{item.headline} {item.text} {item.because}"
    return item


def silent(case: Patient, rule: str) -> Advice:
    """The rule says nothing about this patient."""
    advice = answer(case, appraise=True)
    assert state(advice, rule) == "silent", f"{rule} is {state(advice, rule)}"
    return advice


def open_without(case: Patient, rule: str, fact: str) -> Item:
    """With this fact hidden the rule is undetermined and names it, and the question is asked."""
    advice = answer(case, hide=(fact,), appraise=True)
    assert state(advice, rule) == "undetermined", f"{rule} is {state(advice, rule)} without {fact}"
    item = items(advice)[rule]
    assert fact in item.needs, f"{rule} needs {item.needs}"
    assert any(rule in question.rules for question in advice.changes)
    return item


def badge(case: Patient, name: str) -> Status:
    """The status of this name."""
    return next(status for status in answer(case).status if status.name == name)


def loads(**by_day: str) -> list[dict[str, Any]]:
    """Viral loads by day: ``loads(d0="12000", d14="<34.5")``."""
    return [{"date": day.replace("m", "d-"), "value": value} for day, value in by_day.items()]


def drug(name: str, start: str, end: str | None = None, **more: Any) -> dict[str, Any]:
    """One regimen; ``end`` None: still running."""
    return {"drug": name, "start": start, **({"end": end} if end else {}), **more}


def valganciclovir(start: str, end: str | None = None, **more: Any) -> dict[str, Any]:
    """The full treatment dose of a normal kidney, every dose taken."""
    return drug(
        "valganciclovir",
        start,
        end,
        **{"dose": "900 mg", "every": "12 h", "route": "oral", "missed_doses": "none", **more},
    )


def ganciclovir(start: str, end: str | None = None, **more: Any) -> dict[str, Any]:
    """The full intravenous treatment dose of a normal kidney."""
    return drug("ganciclovir", start, end, **{"dose": "5 mg/kg", "every": "12 h", "route": "iv", **more})


def creatinines(*days: str) -> dict[str, Any]:
    """A normal creatinine on each day: clearance about 97 mL/min for the man below."""
    return {"creatinine": [{"date": day, "value": "80 umol/L"} for day in days]}


def graft(as_of: str, *, organ: str = "kidney", host: Patient | None = None, **parts: Any) -> Patient:
    """A man of 50 with an organ graft, D+/R-, of half a year ago; normal kidney function unless told otherwise."""
    transplant = {"organ": organ, "date": "2025-09-01", "donor_igg": "positive", "recipient_igg": "negative"}
    labs = {**creatinines("d-60", "d-31", "d-2", "d12", "d26", "d40", "d68", "d96"), **parts.pop("labs", {})}
    labs["creatinine"] = [c for c in labs["creatinine"] if _days(c["date"]) <= _days(as_of)]
    return patient(
        as_of=as_of,
        person={"age": 50, "sex": "male", "weight": [{"date": day, "value": "70 kg"} for day in ("d-60", as_of)]},
        host=host or {"transplants": [transplant]},
        viral_load_defaults=PLASMA,
        labs=labs,
        **parts,
    )


def colitis(as_of: str, *, host: Patient | None = None, **parts: Any) -> Patient:
    """A woman of 60 with ulcerative colitis; no transplant on record."""
    labs = {**creatinines("d-2", "d12", "d26", "d40"), **parts.pop("labs", {})}
    labs["creatinine"] = [c for c in labs["creatinine"] if _days(c["date"]) <= _days(as_of)]
    return patient(
        as_of=as_of,
        person={"age": 60, "sex": "female", "weight": [{"date": "d-2", "value": "62 kg"}]},
        host=host or {"ibd": {"disease": "ulcerative_colitis", "since": "2015"}},
        viral_load_defaults=PLASMA,
        labs=labs,
        **parts,
    )


def failing(as_of: str = "d42", **parts: Any) -> Patient:
    """Full-dose valganciclovir for six weeks, every dose taken, load unchanged: probable refractory."""
    parts = {
        "viral_loads": loads(m1="12000", d7="14000", d14="13000", d28="15000", d41="16000"),
        "drugs": [valganciclovir("d0")],
        **parts,
    }
    return graft(as_of, **parts)


def _days(day: str) -> int:
    return int(day.removeprefix("d"))
