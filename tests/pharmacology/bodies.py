"""Bodies for the tests of dosing, and the doses that cmvigil gives them."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction
from typing import Any

from cmvigil.pharmacology.dosing import PHASES, Called, Doses, called_for, doses
from cmvigil.pharmacology.kidney import Body, clearance
from cmvigil.pharmacology.label import labels
from cmvigil.reasoning.loader import load


def body(**parts: Any) -> Body:
    """A man of 60 years, 80 kg and 1.2 mg/dL (106.08 umol/L), with parts changed; numbers as text."""
    made: dict[str, Any] = {"age": "60", "sex": "male", "weight": "80", "creatinine": "106.08", **parts}
    numbers = ("age", "weight", "height", "creatinine", "measured")
    return Body(**{k: Decimal(v) if k in numbers and v is not None else v for k, v in made.items()})


def given(drug: str, patient: Body, beside: Collection[str] = ()) -> Doses:
    """Every regimen of a drug for a body."""
    program = load()
    return doses(program, labels(program)[drug], patient, clearance(program, patient), beside)


def called(drug: str, phase: str, scheme: str, patient: Body, beside: Collection[str] = ()) -> Called | str:
    """The label's dose of one phase and scheme."""
    program = load()
    return called_for(program, labels(program)[drug], phase, scheme, patient, clearance(program, patient), beside)


def schemes(drug: str) -> list[tuple[str, str]]:
    """Phases and schemes of a drug, as the table holds them."""
    rows = load().tables["kidney_doses"].rows
    found = [(str(r["phase"]), str(r["scheme"])) for r in rows if r["drug"] == drug]
    return sorted(set(found), key=lambda pair: (PHASES.index(pair[0]), pair[1]))


def of_clearance(crcl: Fraction) -> Body:
    """A body whose measured clearance is this; only whole hundred-thousandths can be told."""
    return body(measured=str(Decimal(crcl.numerator) / Decimal(crcl.denominator)), weight="1")
