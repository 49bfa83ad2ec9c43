"""The CMV history: episodes and disease of organs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cmvigil.record.casefile.shapes import Many, Part, Shorthand, in_order, keyed
from cmvigil.record.casefile.values import FirstDay, LastDay, Text
from cmvigil.record.casefile.words import ConditionName, ConditionOrSet, OneOf

_SITES = {
    "colon": "cmv_colitis",
    "small_bowel": "cmv_enteritis",
    "stomach": "cmv_gastritis",
    "oesophagus": "cmv_oesophagitis",
    "lung": "cmv_pneumonia",
    "retina": "cmv_retinitis",
    "brain": "cmv_encephalitis",
    "liver": "cmv_hepatitis",
    "pancreas": "cmv_pancreatitis",
    "kidney": "cmv_nephritis",
    "skin": "cmv_skin",
}
Site = Annotated[str, OneOf(lambda: _SITES, "a site of disease")]


class Episode(Part):
    """A CMV episode as a clinician dates it, with its sites or diseases."""

    start: FirstDay
    end: LastDay = None
    site: Many[Site] = Field([])
    disease: Many[ConditionName] = Field([])
    note: Text | None = None

    @model_validator(mode="after")
    def _order(self) -> Episode:
        in_order(self.start, self.end, "end")
        return self

    @property
    def diseases(self) -> list[str]:
        """The diseases named, by site or by name."""
        return list(dict.fromkeys([*(_SITES[site] for site in self.site), *self.disease]))


class CmvDisease(Part):
    """CMV disease of an organ."""

    concept: ConditionName
    start: FirstDay | None = None
    end: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> CmvDisease:
        in_order(self.start, self.end, "end")
        return self


class Cmv(Part):
    """The CMV history. ``no_disease`` names diseases (or sets of them) stated absent."""

    episodes: Many[Episode] = Field([])
    disease: Many[Annotated[CmvDisease, Shorthand(keyed("concept"), {"type": "string"})]] = Field([])
    no_disease: Many[ConditionOrSet] = Field([])
