"""The three services as discovery tells them: when they are called, and what of the record they ask for ahead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...record.codes import OWN, Codes

PATIENT = "{{context.patientId}}"
_PLAIN = re.compile(r"[A-Za-z0-9.\-]+")
_NEWEST = 200
"""Resources of one kind that are asked for ahead; a record that has more gives them page by page."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service. ``needs``: keys of its prefetch without which it says nothing, since its answer would mislead."""

    id: str
    hook: str
    title: str
    description: str
    needs: frozenset[str]

    @property
    def orders(self) -> bool:
        """Whether it appraises orders."""
        return self.hook != "patient-view"


SERVICES: Mapping[str, Service] = {
    each.id: each
    for each in (
        Service(
            "cmvigil-patient-view",
            "patient-view",
            "CMV: what is due, and what may harm",
            "For a patient with cytomegalovirus infection: whether treatment works, what is to be done and by when. "
            "Silent where there is nothing to say.",
            frozenset({"patient", "loads", "medications"}),
        ),
        Service(
            "cmvigil-order-select",
            "order-select",
            "CMV: an antiviral, or a drug beside one, is being chosen",
            "Appraises the selected drug orders: dose and interval for this kidney, resistance, contraindications, and "
            "interactions with what the patient takes. Silent where an order is right.",
            frozenset({"patient", "laboratory", "medications"}),
        ),
        Service(
            "cmvigil-order-sign",
            "order-sign",
            "CMV: an antiviral, or a drug beside one, is being signed",
            "Appraises all drug orders about to be signed: dose and interval for this kidney, resistance, "
            "contraindications, and interactions with what the patient takes. Silent where an order is right.",
            frozenset({"patient", "laboratory", "medications"}),
        ),
    )
}

REQUIREMENTS = (
    "Every call bears a signed token (JWT) of a registered issuer. Data that are not prefetched are read from the "
    "fhirServer of the call where the site has registered it; without them the answer is 412."
)


def templates(codes: Codes) -> dict[str, str]:
    """What is asked for ahead, by key. ``codes``: what has a meaning here, a site's own codes among them."""
    newest = f"&_count={_NEWEST}"
    results = f"Observation?patient={PATIENT}&code="
    return {
        "patient": f"Patient/{PATIENT}",
        "loads": f"{results}{_listed(codes, 'cmv_load')}&_sort=-date{newest}",
        "laboratory": f"{results}{_listed(codes, 'measurement')}&_sort=-date{newest}",
        "findings": f"{results}{_listed(codes, 'other')}&_sort=-date{newest}",
        "conditions": f"Condition?patient={PATIENT}{newest}",
        "procedures": f"Procedure?patient={PATIENT}{newest}",
        "medications": f"MedicationRequest?patient={PATIENT}&_sort=-authoredon{newest}",
        "statements": f"MedicationStatement?patient={PATIENT}{newest}",
        "administrations": f"MedicationAdministration?patient={PATIENT}&_sort=-effective-time{newest}",
    }


def discovery(asked: Mapping[str, str]) -> dict[str, Any]:
    """The answer of discovery."""
    return {
        "services": [
            {
                "id": each.id,
                "hook": each.hook,
                "title": each.title,
                "description": each.description,
                "prefetch": dict(asked),
                "usageRequirements": REQUIREMENTS,
            }
            for each in SERVICES.values()
        ]
    }


def _listed(codes: Codes, group: str) -> str:
    """The codes of one group, as a search names them. Our own code system is left out: no record has it."""
    found = {
        code
        for (system, code), targets in codes.items()
        if system != OWN and _PLAIN.fullmatch(code) and any(_group(t.kind, t.concept) == group for t in targets)
    }
    return ",".join(sorted(found))


def _group(kind: str, concept: str) -> str | None:
    if kind == "measurement":
        return "cmv_load" if concept in ("cmv_load", "cmv_load_site") else "measurement"
    return "other" if kind in ("observation", "susceptibility", "genomics") else None
