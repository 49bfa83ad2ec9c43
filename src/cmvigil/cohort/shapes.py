"""What the readers make of a code, a unit and limits, decided once for all results that share them.

A hospital's millions of results have a few thousand shapes. For each shape the reader of single records is asked
about one example of it, so what a code or a unit means stands in one place only.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import orjson

from ..record.codes import Codes
from ..record.fhir import observation
from ..record.fhir.bundle import ODD
from ..record.fhir.intake import Intake, Place, names_cmv
from ..record.tables import Measurement
from ..record.units import tidy

Fate = Literal["plain", "rest", "unmapped"]
FACTOR_SCALE = 10
_PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Shape:
    """What becomes of the results of one shape. ``plain`` ones are a number times ``factor`` in the range given.

    ``spelled`` is the unit as results of it are shown.
    """

    fate: Fate
    concept: str | None = None
    unit: str | None = None
    spelled: str | None = None
    factor: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    upper_normal: Decimal | None = None
    lower_normal: Decimal | None = None
    specimen: str | None = None


REST = Shape("rest")
UNMAPPED = Shape("unmapped")


class Shapes:
    """Asks the readers, with one site's codes."""

    def __init__(self, codes: Codes) -> None:
        self.intake = Intake(_PROBE, codes)

    def concept(self, text: str | None, *, drugs: bool = False) -> Fate:
        """Whether a CodeableConcept (as JSON) means anything here: ``rest`` (a reader must look) or ``unmapped``."""
        concept = _loaded(text)
        try:
            known = self.intake.targets(concept) or (drugs and self.intake.drug(concept)) or names_cmv(concept)
        except ODD:
            return "rest"  # no CodeableConcept: the reader says so, line by line
        return "rest" if known else "unmapped"

    def result(self, code: str | None, unit: str | None, unit_code: str | None, limits: str | None) -> Shape:
        """The shape of a result with a number. Code and limits are JSON text as they stand in the resource, or None."""
        concept = _loaded(code)
        try:
            targets = self.intake.targets(concept)
            if not targets:
                return REST if names_cmv(concept) else UNMAPPED
        except ODD:
            return REST
        quantities = self.intake.words.quantities
        target = targets[0]
        if len(targets) > 1 or target.concept not in quantities:
            return REST
        quantity = quantities[target.concept]
        known = quantity.accepts.get(unit_code or "") or quantity.accepts.get(unit or "")
        if known is None or known.factor is None or quantity.per_unit or not _fits(known.factor):
            return REST
        number = tidy((quantity.low + quantity.high) / 2 / known.factor)
        row = self._row(concept, unit, unit_code, _loaded(limits), number)
        if row is None or row.reported is None:
            return REST
        said = row.reported.removeprefix(f"{number}")
        expected = tidy(number * known.factor)
        if row.value is None or not row.value.low == row.value.high == expected or row.stream != row.concept:
            return REST
        return Shape(
            "plain",
            row.concept,
            row.unit,
            said.removeprefix(" "),
            known.factor,
            quantity.low,
            quantity.high,
            row.upper_normal,
            row.lower_normal,
            row.specimen,
        )

    def _row(self, concept: Any, unit: Any, coded: Any, limits: Any, number: Decimal) -> Measurement | None:
        """The one row that the reader makes of such a result, without a remark; None where it makes anything else."""
        quantity = {"value": str(number), "unit": unit, "code": coded}
        resource = {
            "resourceType": "Observation",
            "id": _PROBE,
            "status": "final",
            "code": concept,
            "effectiveDateTime": "2024-01-01",
            "valueQuantity": {key: value for key, value in quantity.items() if value is not None},
        }
        if limits is not None:
            resource["referenceRange"] = limits
        before = len(self.intake.record.issues)
        try:
            observation.read(self.intake, Place(resource, f"Observation/{_PROBE}", _PROBE))
        except ODD:
            return None
        finally:
            rows = [row for table in self.intake.rows.values() for row in table]
            for table in self.intake.rows.values():
                table.clear()
        remarked = len(self.intake.record.issues) > before
        del self.intake.record.issues[before:]
        row = rows[0] if len(rows) == 1 else None
        return None if remarked or not isinstance(row, Measurement) or row.problem else row


def first_coding(text: str | None) -> tuple[str, str, str]:
    """System, code and words of a CodeableConcept (as JSON), as unknown codes are counted."""
    concept = _loaded(text)
    if not isinstance(concept, dict):
        return "", "", ""
    codings = concept.get("coding")
    coding = next((c for c in codings if isinstance(c, dict)), {}) if isinstance(codings, list) else {}
    words = str(coding.get("display") or concept.get("text") or "")
    return str(coding.get("system") or ""), str(coding.get("code") or ""), words


def _loaded(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _fits(factor: Decimal) -> bool:
    exponent = factor.as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= FACTOR_SCALE and factor < 10**9
