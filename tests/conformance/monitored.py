"""What the tests of the monitoring plan share: a patient per drug, and the dates that a rule sets."""

from __future__ import annotations

from typing import Any

from tests.conformance.support import ALLOGRAFT, KIDNEY, TACROLIMUS, Case, answer, changed

FOSCARNET = {
    "drug": "foscarnet",
    "dose": "90 mg/kg",
    "every": "12 h",
    "route": "iv",
    "start": "d-10",
    "intent": "treatment",
}
MINERALS = {
    "ionised_calcium": {"date": "d-1", "value": "1.20 mmol/L"},
    "calcium": {"date": "d-1", "value": "2.3 mmol/L"},
    "magnesium": {"date": "d-1", "value": "0.8 mmol/L"},
    "potassium": {"date": "d-1", "value": "4.0 mmol/L"},
    "phosphate": {"date": "d-1", "value": "1.0 mmol/L"},
}
ON_FOSCARNET = changed(
    KIDNEY,
    {
        "drugs": [TACROLIMUS, FOSCARNET],
        "labs": {
            **MINERALS,
            "creatinine": [{"date": "d-11", "value": "70 umol/L"}, {"date": "d-1", "value": "72 umol/L"}],
        },
    },
)
"""A woman with a kidney graft on day 10 of foscarnet induction, everything measured yesterday and normal."""
ON_MAINTENANCE = changed(
    ON_FOSCARNET, {"drugs": [TACROLIMUS, {**FOSCARNET, "every": "24 h", "start": "d-20", "intent": "maintenance"}]}
)

CIDOFOVIR = {
    "drug": "cidofovir",
    "dose": "5 mg/kg",
    "every": "7 days",
    "route": "iv",
    "start": "d-6",
    "intent": "treatment",
}
ON_CIDOFOVIR = changed(
    KIDNEY,
    {
        "drugs": [TACROLIMUS, CIDOFOVIR],
        "labs": {
            "creatinine": [{"date": "d-7", "value": "70 umol/L"}, {"date": "d-1", "value": "72 umol/L"}],
            "urine_protein": [{"date": "d-7", "value": "0 +"}, {"date": "d-1", "value": "1 +"}],
        },
    },
)
"""The next dose is due tomorrow; creatinine, urine protein and counts are of yesterday."""

MARIBAVIR = {
    "drug": "maribavir",
    "dose": "400 mg",
    "every": "12 h",
    "route": "oral",
    "start": "d-8",
    "intent": "treatment",
    "missed_doses": "none",
}
ON_MARIBAVIR = changed(
    KIDNEY,
    {"drugs": [TACROLIMUS, MARIBAVIR], "labs": {"tacrolimus_level": {"date": "d-2", "value": "7 ug/L"}}},
)

LETERMOVIR = {
    "drug": "letermovir",
    "dose": "480 mg",
    "every": "daily",
    "route": "oral",
    "start": "d-10",
    "intent": "prophylaxis",
}
ON_LETERMOVIR = changed(
    ALLOGRAFT,
    {"drugs": [TACROLIMUS, LETERMOVIR], "labs": {"tacrolimus_level": {"date": "d-2", "value": "7 ug/L"}}},
)


def lab(concept: str, value: str, date: str = "d-1", **more: Any) -> dict[str, Any]:
    """One laboratory result in place of those of its concept."""
    return {"labs": {concept: {"date": date, "value": value, **more}}}


def dates(case: Case, rule: str, what: str) -> list[tuple[str, bool]]:
    """Dates and overdue marks of a rule's tasks whose words begin so."""
    tasks = answer(case).tasks
    return [(task.day, task.overdue) for task in tasks if task.rule == rule and task.what.startswith(what)]
