"""Who the patient is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cmvigil.record.casefile.results import Height, Weight
from cmvigil.record.casefile.shapes import Many, Part
from cmvigil.record.casefile.values import Day, Number, YesNoUnknown, refuse
from cmvigil.record.casefile.words import OneOf

Sex = Annotated[str, OneOf(lambda: ("female", "male"), "female or male", {"f": "female", "m": "male"})]


class Person(Part):
    """Who the patient is. ``age`` is in completed years on ``as_of``."""

    birth_date: Day | None = None
    age: Number | None = None
    sex: Sex | None = None
    weight: Many[Weight] = Field([])
    height: Many[Height] = Field([])
    pregnant: YesNoUnknown = None

    @model_validator(mode="after")
    def _one_age(self) -> Person:
        if self.birth_date is not None and self.age is not None:
            refuse("birth_date and age", "one of the two", "Keep birth_date.")
        if self.age is not None and self.age > 120:
            refuse(f"age {self.age}", "an age in years up to 120", "Check the number.")
        return self
