"""The answer: one typed model that every face (terminal, JSON, Markdown, HTML; later FHIR and cards) shows.

It knows nobody: no engine, no record, no clock. ``schema()`` is published as ``docs/schemas/advice.schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = "2.0"

Truth = Literal["true", "false", "unknown"]
State = Literal["known", "absent", "missing", "stale", "conflicting", "unusable"]
Verification = Literal["verified", "secondary", "recalled"]
Strength = Literal["strong", "conditional", "good-practice"]
Certainty = Literal["high", "moderate", "low", "very-low"]


Effect = Literal["contraindicated", "avoid", "prefer", "for", "against", "caution"]


SAID = ("applies", "provided")
"""States of what is said; what is undetermined or overridden is shown, not said."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Model):
    """Where a statement comes from. ``verification``: how far *we* have checked its wording."""

    key: str
    title: str
    locator: str = ""  # doi, PMID, set id
    verification: Verification
    note: str = ""


class Event(_Model):
    """A row that carries a fact: where a person can go and look."""

    source: str  # Observation/abc, viral_loads[3]
    day: str  # ISO date
    text: str  # "<137 IU/mL (plasma, Roche, central lab)"


class Fact(_Model):
    """A fact as it was used: value, unit, date, state, and the events behind it."""

    name: str
    label: str
    value: str | None = None  # formatted for people, without unit
    unit: str = ""
    day: str | None = None
    state: State
    why: str = ""  # for states other than known: what is wrong or lacking
    events: list[Event] = []


class Condition(_Model):
    """A node of the walk-back: a readable condition, its truth, the facts it looked at, and its parts.

    A named condition stands in many walk-backs; what it is made of stands once, in ``definitions`` under its name.
    """

    text: str
    truth: Truth
    facts: list[str] = []  # names into Advice.facts
    parts: list[Condition] = []
    name: str = ""  # into Advice.definitions

    def below(self, definitions: Mapping[str, Condition]) -> list[Condition]:
        """The conditions it is made of, a named one opened."""
        return [definitions[self.name]] if self.name else self.parts


class Walkback(_Model):
    """Why a rule said what it said. ``when`` made it apply; ``unless`` would have held it back."""

    when: Condition
    unless: Condition | None = None


class Item(_Model):
    """One thing to say: a finding, a cause, an advice, an abstention.

    ``state``: ``applies``; ``provided`` (applies, provided something unknown is not so: ``needs``);
    ``undetermined`` (cannot be said: ``needs``); ``overridden`` (by ``overridden_by``).
    """

    rule: str
    statement: str = ""  # S17, D, E4 ...
    topic: str
    headline: str
    text: str
    because: str = ""
    state: Literal["applies", "provided", "undetermined", "overridden"]
    strength: Strength | None = None
    certainty: Certainty | None = None
    verification: Verification
    evidence: Literal["consistent", "conflicting", ""] = ""
    severity: Literal["harm", "act", "note"] = "act"
    needs: list[str] = []  # names into Advice.facts
    overridden_by: str = ""
    sources: list[Source] = []
    walkback: Walkback
    effect: Effect | None = None  # of a reason for or against an option, else None

    @property
    def said(self) -> bool:
        """Whether it is said, with its text, and not only shown."""
        return self.state in SAID


class Quantity(_Model):
    """A number that was computed, with the way it was computed."""

    value: str | None  # None: cannot be computed; ``why`` says why
    unit: str
    how: str = ""  # "(140 - 60) x 80 kg / (72 x 1.2 mg/dL)"
    why: str = ""


class Kidney(_Model):
    """Kidney function of the day, as the doses use it. ``basis`` names which figure the doses follow.

    ``cautions``: unstable creatinine, dialysis, a body size at which another weight gives another band.
    """

    crcl: Quantity  # Cockcroft-Gault, actual weight, mL/min
    crcl_per_kg: Quantity  # foscarnet's form, mL/min/kg
    crcl_adjusted: Quantity | None = None  # with the adjusted weight, from a body mass index of 30
    egfr: Quantity  # CKD-EPI 2021, mL/min/1.73 m2: shown beside, never used for a dose
    measured: Quantity | None = None  # measured creatinine clearance, mL/min
    measured_per_kg: Quantity | None = None  # the same divided by the weight, for foscarnet
    basis: Literal["estimated", "measured", "haemodialysis", "none"]
    weight: str | None = None  # "80 kg, actual, 27 Mar 2026"
    creatinine: str | None = None  # "106 µmol/L (1.20 mg/dL), 27 Mar 2026"
    cautions: list[str] = []


class Step(_Model):
    """One step of giving a dose: saline, probenecid, the infusion; ``at`` in minutes from the start of the infusion."""

    what: str
    at: int | None = None
    minutes: int | None = None
    sources: list[str] = []


class Regimen(_Model):
    """A dose that can be given, for the kidney function of the day."""

    phase: Literal["induction", "maintenance", "prophylaxis"]
    scheme: str  # "90 mg/kg every 12 h"
    per_kg: str | None = None  # "5 mg/kg"; None: the dose is in mg
    dose_mg: float
    exact_mg: str  # before rounding
    interval_h: int
    rhythm: str  # "every 12 h", "three times a week, after haemodialysis"
    form: str  # "8 mL of the 50 mg/mL concentrate", "2 tablets of 450 mg"
    volume_ml: float | None = None  # of the concentrate
    final_volume_ml: float | None = None  # the least volume that is dilute enough
    infusion_min: int | None = None  # the least time
    band: str  # "70 and above"
    band_unit: str  # "mL/min", "mL/min/kg"
    daily_mg: float
    sodium_mg: float | None = None  # in the drug itself, a day
    steps: list[Step] = []
    notes: list[str] = []
    verification: Verification
    sources: list[str] = []


class Check(_Model):
    """A regimen that is being given, against the table."""

    given: str  # "900 mg every 24 h"
    called_for: str
    finding: Literal[
        "right", "under-dose", "over-dose", "wrong interval", "wrong phase", "not to be given", "cannot be judged"
    ]
    share: str | None = None  # given over called for, per cent
    text: str


class Watch(_Model):
    """What is watched under a drug: a test, when, and what each threshold calls for."""

    test: str
    before: bool
    induction: str
    maintenance: str
    thresholds: list[str] = []
    verification: Verification
    sources: list[str] = []


class Interaction(_Model):
    """Two drugs together: what happens and what to do."""

    drug: str
    other: str
    level: Literal["contraindicated", "avoid", "caution", "monitor"]
    effect: str
    action: str
    verification: Verification
    sources: list[str] = []


class Option(_Model):
    """A treatment appraised for one patient: the verdict, why, and how it would be given today.

    ``verdict``: ``preferred``, ``acceptable``, ``undetermined`` (``needs`` decide it), ``avoid``, ``contraindicated``;
    ``named``: known here by name only, without a dose.
    """

    drug: str
    label: str
    rank: int
    verdict: Literal["preferred", "acceptable", "undetermined", "avoid", "contraindicated", "named"]
    running: bool
    why: str  # the deciding reason, in one sentence
    reasons: list[Item] = []  # for and against, the deciding ones first
    needs: list[str] = []  # names into Advice.facts
    regimens: list[Regimen] = []
    no_dose: str = ""  # why there is no regimen
    checks: list[Check] = []
    interactions: list[Interaction] = []  # with what the patient takes
    watch: list[Watch] = []
    handling: list[str] = []
    counselling: list[str] = []
    sources: list[Source] = []  # what doses, steps, watching and interactions cite, by key


class Status(_Model):
    """One badge: recurrent, refractory, resistance, disseminated, site ... with the word that answers it."""

    name: str
    label: str  # "Refractory"
    answer: str  # "probable, day 15", "no", "not determined"
    truth: Truth
    tone: Literal["harm", "watch", "calm", "unknown"]
    rule: str


class Question(_Model):
    """A missing piece, and what it would decide. Ranked: the first decides most.

    Facts that one look settles (a list of symptoms, the medication list) make one question.
    """

    fact: str  # the first of ``facts``
    facts: list[str]
    ask: str  # "absolute neutrophil count, not older than 14 days"
    state: State
    decides: list[str]  # headlines of the rules it could change
    rules: list[str]
    weight: int


class Task(_Model):
    """A dated thing to do: a test, a check, a decision.

    ``repeats`` stands with the last of a series that goes on: "then every 7 days until 14 Jun 2026".
    """

    day: str
    therapy_day: int | None = None
    what: str
    why: str
    rule: str
    overdue: bool = False
    repeats: str = ""
    topic: str = ""  # of the rule: one of TOPICS


class QualityIssue(_Model):
    """One remark of intake."""

    level: Literal["rejected", "unmapped", "unusable", "note"]
    place: str
    found: str
    expected: str
    remedy: str


class DataQuality(_Model):
    """What came in, what was not used, and why.

    ``read`` counts the whole file; an issue that has a date stands in the answers from that day on.
    """

    read: dict[str, int]
    rejected: int
    unmapped: int
    unusable: int
    issues: list[QualityIssue]


class Load(_Model):
    """A viral load on the timeline. ``low``/``high`` bound the value; equal when quantified."""

    day: str
    stream: str
    specimen: str
    unit: str
    low: float
    high: float | None
    form: Literal["quantified", "below", "above", "not_detected", "detected_below_lloq"]
    lloq: float | None = None
    reported: str
    source: str


class Bar(_Model):
    """A drug on the timeline. ``share`` is given dose over the dose the kidney called for (None: not computable)."""

    drug: str
    label: str
    group: Literal["antiviral", "immunosuppressant", "steroid", "other"]
    start: str
    end: str  # as_of when still running
    running: bool
    dose: str
    share: float | None = None
    source: str


class LabPoint(_Model):
    """A laboratory value on the timeline (small multiples)."""

    concept: str
    label: str
    unit: str
    day: str
    low: float
    high: float | None
    source: str


class Band(_Model):
    """A shaded stretch or a flag on the timeline: an episode, a course, a verdict at day 7, 14, 21."""

    kind: Literal["episode", "course", "verdict"]
    label: str
    start: str
    end: str


class Timeline(_Model):
    """Everything the picture needs; sorted by day."""

    loads: list[Load] = []
    bars: list[Bar] = []
    labs: list[LabPoint] = []
    bands: list[Band] = []


class Provenance(_Model):
    """What made this answer: same input + same knowledge + same software = same bytes."""

    software: str
    knowledge_version: str
    knowledge_hash: str
    overlays: list[str]
    accepted_risks: list[str]
    input_hash: str
    schema_version: str = SCHEMA_VERSION
    recalled_rules: int


class Advice(_Model):
    """The whole answer for one patient at one date."""

    patient: str
    as_of: str
    subject: str  # "Woman, 54, ulcerative colitis" - no name, no identifier
    summary: list[str]  # the decisive thing first
    status: list[Status]
    causes: list[Item]  # why it came back, ranked
    findings: list[Item]
    advice: list[Item]  # ordered by topic, then by severity and strength
    options: list[Option] = []  # every antiviral, appraised; the first is the first choice
    kidney: Kidney | None = None
    changes: list[Question]
    abstentions: list[Item]
    tasks: list[Task]
    facts: dict[str, Fact]
    definitions: dict[str, Condition] = {}
    timeline: Timeline
    quality: DataQuality
    provenance: Provenance


TOPICS: dict[str, str] = {
    "antiviral": "Antiviral treatment",
    "immunosuppression": "Immunosuppression",
    "diagnostics": "Diagnostics",
    "monitoring": "What to watch",
    "supportive": "Supportive care",
    "escalation": "Escalation and outlook",
    "counselling": "Counselling",
}
"""Topics of advice, in the order of every face."""


def schema() -> dict[str, Any]:
    """The published JSON Schema of :class:`Advice` (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:cmvigil:advice:{SCHEMA_VERSION}",
        **Advice.model_json_schema(),
    }


class Explanation(_Model):
    """Why one rule speaks or is silent for one patient at one date (``cmvigil explain``)."""

    rule: str
    statement: str
    headline: str
    as_of: str
    state: Literal["applies", "provided", "undetermined", "overridden", "silent"]
    overridden_by: str
    needs: list[str]
    walkback: Walkback
    facts: dict[str, Fact]
    definitions: dict[str, Condition] = {}
    sources: list[Source]
