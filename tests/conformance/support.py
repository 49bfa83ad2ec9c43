"""Small whole patients, and what must hold of each statement: said, not said in a near miss, asked when hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.summary import not_on_top

from cmvigil.advice import Advice, Condition, Item
from cmvigil.assess import assess
from cmvigil.reasoning.loader import BASE, load
from cmvigil.record.read import read_record

Case = Mapping[str, Any]

TODAY = "2026-03-30"
PLASMA = {"unit": "IU/mL", "specimen": "plasma", "assay": "A", "laboratory": "L", "lloq": 34.5}
EVERYTHING = ["medications", "symptoms", "conditions", "procedures", "end_organ_disease"]
STEROID = {"drug": "prednisolone", "dose": "40 mg", "every": "daily", "route": "oral", "start": "d-30"}
GANCICLOVIR = {
    "drug": "ganciclovir",
    "dose": "5 mg/kg",
    "every": "12 h",
    "route": "iv",
    "start": "d-5",
    "intent": "treatment",
}
MYCOPHENOLATE = {"drug": "mycophenolate", "dose": "1 g", "every": "12 h", "route": "oral", "start": "2025-11-01"}
TACROLIMUS = {"drug": "tacrolimus", "dose": "3 mg", "every": "12 h", "route": "oral", "start": "2025-11-01"}

PATIENT: Case = {
    "day_zero": TODAY,
    "as_of": TODAY,
    "person": {
        "age": 44,
        "sex": "female",
        "pregnant": "no",
        "height": 165,
        "weight": {"value": "60 kg", "date": "d-5"},
    },
    "viral_load_defaults": PLASMA,
    "viral_loads": [{"date": "d-5", "value": 5000}, {"date": "d-1", "value": 4000}],
    "labs": {
        "creatinine": [{"date": "d-6", "value": "70 umol/L"}, {"date": "d-1", "value": "72 umol/L"}],
        "leukocytes": {"date": "d-1", "value": "8 10*9/L"},
        "neutrophils": {"date": "d-1", "value": "6 10*9/L"},
        "lymphocytes": {"date": "d-1", "value": "1.2 10*9/L"},
        "platelets": {"date": "d-1", "value": "300 10*9/L"},
        "haemoglobin": {"date": "d-1", "value": "120 g/L"},
        "alt": {"date": "d-1", "value": "20 U/L"},
        "ast": {"date": "d-1", "value": "20 U/L"},
    },
    "complete": EVERYTHING,
}
"""A woman with DNAemia, everything recorded, no host yet."""


def changed(case: Case, *changes: Case) -> dict[str, Any]:
    """The case with changes laid over it: mappings merge, everything else is replaced, None takes away."""
    made = dict(case)
    for change in changes:
        for key, value in change.items():
            before = made.pop(key, None)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                made[key] = changed(before, value)
            elif value is not None:
                made[key] = value
    return made


COLITIS = changed(
    PATIENT,
    {
        "host": {
            "ibd": {
                "disease": "ulcerative colitis",
                "since": "2015",
                "extent": "extensive",
                "severity": "moderate",
                "steroid_response": "refractory",
                "date": "d-2",
            },
            "not": ["hiv", "hlh"],
        },
        "cmv": {"episodes": [{"start": "d-10", "site": "colon"}]},
        "symptoms": {"diarrhoea": {"present": "yes", "date": "d-2"}},
        "findings": {"macroscopic_lesion": {"present": "yes", "date": "d-8"}},
        "tissue": [{"date": "d-8", "site": "colon", "ihc": {"result": "positive", "density": 3}}],
        "drugs": [STEROID, GANCICLOVIR],
    },
)
"""Steroid-refractory ulcerative colitis, first CMV in the colon, ganciclovir for five days, everything recorded."""

KIDNEY = changed(
    PATIENT,
    {
        "host": {
            "transplants": [
                {
                    "organ": "kidney",
                    "date": "2025-11-01",
                    "donor_igg": "positive",
                    "recipient_igg": "negative",
                    "induction": "basiliximab",
                }
            ],
            "not": ["hiv", "hlh", "rejection"],
        },
        "drugs": [MYCOPHENOLATE, TACROLIMUS, GANCICLOVIR],
    },
)
"""Kidney D+/R-, five months after transplantation, DNAemia, ganciclovir for five days, everything recorded."""

ALLOGRAFT = changed(
    PATIENT,
    {
        "host": {
            "transplants": [
                {
                    "organ": "stem_cell",
                    "date": "2025-12-20",
                    "recipient_igg": "positive",
                    "graft_manipulation": "post_transplant_cyclophosphamide",
                    "gvhd": [{"type": "acute", "since": "d-20"}],
                }
            ],
            "not": ["hiv", "hlh"],
        },
        "drugs": [STEROID],
    },
)
"""Stem-cell transplant with GVHD on steroid, DNAemia, no antiviral, everything recorded."""

HIV = changed(
    PATIENT,
    {
        "host": {"hiv": {"since": "2025", "cd4": {"date": "d-5", "value": "30 /uL"}}},
        "cmv": {"episodes": [{"start": "d-10", "site": "retina"}]},
        "findings": {
            "retinal_lesion": {"present": "yes", "date": "d-9"},
            "retinal_lesion_near_fovea": {"present": "yes", "date": "d-9"},
        },
    },
)
"""HIV with 30 CD4 cells and retinitis near the fovea, no drugs at all."""

NO_CMV: Case = {"viral_loads": None, "viral_load_defaults": None, "cmv": None, "tissue": None}


def answer(case: Case, hide: tuple[str, ...] = (), overlay: Path | None = None, appraise: bool = False) -> Advice:
    """The assessment of a case, with facts hidden, with a site's overlay."""
    program = load(BASE, (overlay,)) if overlay else load()
    advice = assess(read_record(json.dumps(case)), program, hide=hide, appraise=appraise)
    assert not_on_top(advice) == [], advice.summary
    return advice


def items(advice: Advice) -> dict[str, Item]:
    """Everything said, by rule; the reasons for and against the options too."""
    reasons = [item for option in advice.options for item in option.reasons]
    return {i.rule: i for i in (*reasons, *advice.causes, *advice.advice, *advice.findings, *advice.abstentions)}


def state(advice: Advice, rule: str) -> str:
    """What became of a rule: applies, provided, undetermined, overridden; silent when it says nothing."""
    found = items(advice).get(rule)
    return found.state if found else "silent"


def true_leaves(condition: Condition, definitions: Mapping[str, Condition]) -> list[Condition]:
    """The conditions at the bottom of a walk-back that are true."""
    parts = condition.below(definitions)
    below = [leaf for part in parts for leaf in true_leaves(part, definitions)]
    return below if parts else [condition] if condition.truth == "true" else []


@dataclass(frozen=True)
class Says:
    """What a rule must do: speak for ``case``; be silent after ``miss``; ask for ``needs`` when ``hide`` is hidden.

    ``hide`` may name several facts, apart by spaces; the first is the one asked for unless ``needs`` says otherwise.
    """

    rule: str
    statement: str
    case: Case
    miss: Case
    hide: str
    needs: str = ""
    words: str = ""

    def hit(self) -> None:
        """It is said, with reasons down to facts, with sources, under its statement's number."""
        advice = answer(self.case, appraise=True)
        assert state(advice, self.rule) == "applies"
        item = items(advice)[self.rule]
        assert item.statement == self.statement
        assert item.sources
        leaves = true_leaves(item.walkback.when, advice.definitions)
        assert any(leaf.facts for leaf in leaves)
        assert all(name in advice.facts for leaf in leaves for name in leaf.facts)
        assert len(item.headline) <= 80
        assert "unknown" not in item.headline
        assert "{" not in item.headline + item.text + item.because
        assert self.words in f"{item.headline} {item.text}"

    def near_miss(self) -> None:
        """One thing is different, and it is not said."""
        assert state(answer(changed(self.case, self.miss), appraise=True), self.rule) == "silent"

    def asks(self) -> None:
        """With the deciding fact hidden it cannot be told, and the answer asks for that fact."""
        hidden = tuple(self.hide.split())
        advice = answer(self.case, hide=hidden, appraise=True)
        assert state(advice, self.rule) == "undetermined"
        assert (self.needs or hidden[0]) in items(advice)[self.rule].needs
        assert (self.needs or hidden[0]) in {fact for q in advice.changes for fact in q.facts}
