"""Why the patient is at risk: bowel disease, transplants, HIV and other illnesses."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from cmvigil.record.casefile.results import Lab
from cmvigil.record.casefile.shapes import Many, Part, Shorthand, in_order, keyed
from cmvigil.record.casefile.values import DATE, Day, FirstDay, LastDay, YesNo
from cmvigil.record.casefile.words import ConditionName, ConditionOrSet, OneOf
from cmvigil.record.vocabulary import vocabulary

GvhdType = Annotated[str, OneOf(lambda: ("acute", "chronic"), "acute or chronic")]

_WORDS = {"pos": "positive", "neg": "negative"}


def _word(concept: str) -> OneOf:
    return OneOf(
        lambda: vocabulary().signs[concept].words, f"{concept.replace('_', ' ')} in a word that is known", _WORDS
    )


IbdExtent = Annotated[str, _word("ibd_extent")]
Severity = Annotated[str, _word("colitis_severity")]
SteroidResponse = Annotated[str, _word("steroid_response")]
Induction = Annotated[str, _word("induction")]
Graft = Annotated[str, _word("graft_manipulation")]
DonorIgg = Annotated[str, _word("donor_cmv_igg")]
RecipientIgg = Annotated[str, _word("recipient_cmv_igg")]
Disease = Annotated[
    str,
    OneOf(
        lambda: vocabulary().sets["ibd"],
        "an inflammatory bowel disease",
        {"uc": "ulcerative_colitis", "crohn": "crohns_disease", "crohn's_disease": "crohns_disease"},
    ),
]


class Ibd(Part):
    """Inflammatory bowel disease; extent, severity and steroid response as they were on ``date``."""

    disease: Disease
    since: FirstDay | None = None
    extent: IbdExtent | None = None
    severity: Severity | None = None
    steroid_response: SteroidResponse | None = None
    date: Day | None = None


class Gvhd(Part):
    """Graft-versus-host disease."""

    type: GvhdType | None = None
    since: FirstDay | None = None
    until: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> Gvhd:
        in_order(self.since, self.until, "until")
        return self


class Rejection(Part):
    """A rejection, by the day it was diagnosed."""

    date: Day
    end: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> Rejection:
        in_order(self.date, self.end, "end")
        return self


_ORGANS = {
    "kidney": "kidney_transplant",
    "liver": "liver_transplant",
    "heart": "heart_transplant",
    "lung": "lung_transplant",
    "pancreas": "pancreas_transplant",
    "intestine": "intestine_transplant",
    "other": "other_organ_transplant",
    "stem_cell": "stem_cell_transplant",
    "autologous_stem_cell": "autologous_stem_cell_transplant",
}


class Transplant(Part):
    """One transplantation and what belongs to it."""

    organ: Annotated[str, OneOf(lambda: _ORGANS, "an organ")]
    date: FirstDay
    donor_igg: DonorIgg | None = None
    recipient_igg: RecipientIgg | None = None
    induction: Induction | None = None
    graft_manipulation: Graft | None = None
    rejection: Many[Annotated[Rejection, Shorthand(keyed("date"), DATE)]] = Field([])
    gvhd: Many[Gvhd] = Field([])

    @property
    def procedure(self) -> str:
        """The procedure concept."""
        return _ORGANS[self.organ]


class Hiv(Part):
    """HIV infection; ``present: no`` states its absence."""

    present: YesNo = True
    since: FirstDay | None = None
    cd4: Many[Lab] = Field([])


class Illness(Part):
    """A disease from ``since`` to ``end``."""

    condition: ConditionName
    since: FirstDay | None = None
    end: LastDay = None

    @model_validator(mode="after")
    def _order(self) -> Illness:
        in_order(self.since, self.end, "end")
        return self


def _hiv(value: Any) -> Any:
    return {"present": value} if isinstance(value, str) else value


class Host(Part):
    """Why the patient is at risk. ``not`` names conditions (or sets of them) stated absent."""

    ibd: Ibd | None = None
    transplants: Many[Transplant] = Field([])
    hiv: Annotated[Hiv, Shorthand(_hiv, {"enum": ["yes", "no", True, False]})] | None = None
    other: Many[Annotated[Illness, Shorthand(keyed("condition"), {"type": "string"})]] = Field([])
    stated_absent: Many[ConditionOrSet] = Field([], alias="not")
