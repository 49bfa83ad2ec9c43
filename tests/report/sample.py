"""Advice made by hand: an empty one, a typical one, the worst we can imagine. The content is made up."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from cmvigil.advice import (
    Advice,
    Band,
    Bar,
    Check,
    Condition,
    DataQuality,
    Event,
    Fact,
    Interaction,
    Item,
    Kidney,
    LabPoint,
    Load,
    Option,
    Provenance,
    QualityIssue,
    Quantity,
    Question,
    Regimen,
    Source,
    Status,
    Step,
    Task,
    Timeline,
    Walkback,
    Watch,
)

PROVENANCE = Provenance(
    software="cmvigil 0.1.0",
    knowledge_version="2026.11",
    knowledge_hash="sha256:4b1f0c",
    overlays=[],
    accepted_risks=[],
    input_hash="sha256:99ad31",
    recalled_rules=7,
)
ECCO = Source(
    key="ECCO21",
    title="ECCO guidelines on opportunistic infections in inflammatory bowel disease",
    locator="doi:10.1093/ecco-jcc/jjab052",
    verification="verified",
)
DEF = Source(
    key="DEF19",
    title="Definitions of resistant and refractory cytomegalovirus infection",
    locator="10.1093/cid/ciy696",
    verification="secondary",
    note="the wording through a later consensus",
)
LABEL = Source(key="LBL-GCV", title="Ganciclovir, prescribing information", locator="PMID 123", verification="recalled")


def empty() -> Advice:
    """A record with a person and nothing else."""
    return Advice(
        patient="p0",
        as_of="2026-03-28",
        subject="Adult",
        summary=["No CMV results and no antiviral drugs in the record."],
        status=[],
        causes=[],
        findings=[],
        advice=[],
        changes=[],
        abstentions=[],
        tasks=[],
        facts={},
        timeline=Timeline(),
        quality=DataQuality(read={"person": 1, "measurement": 12}, rejected=0, unmapped=0, unusable=0, issues=[]),
        provenance=PROVENANCE,
    )


def condition(text: str, truth: Any, *facts: str, parts: tuple[Condition, ...] = ()) -> Condition:
    """A node of a walk-back."""
    return Condition(text=text, truth=truth, facts=list(facts), parts=list(parts))


def item(rule: str, headline: str, text: str, **given: Any) -> Item:
    """An item that applies, unless told otherwise."""
    fields: dict[str, Any] = {
        "statement": "S17",
        "topic": "antiviral",
        "because": "",
        "state": "applies",
        "verification": "secondary",
        "sources": [ECCO],
        "walkback": Walkback(when=condition("recurrent and takes a systemic steroid", "true", "steroid_dose")),
    }
    return Item(rule=rule, headline=headline, text=text, **{**fields, **given})


def load(day: str, value: float, stream: str = "plasma, Roche, central laboratory", **given: Any) -> Load:
    """A quantified load in IU/mL, unless told otherwise."""
    fields: dict[str, Any] = {
        "specimen": "plasma",
        "unit": "IU/mL",
        "low": value,
        "high": value,
        "form": "quantified",
        "lloq": 137.0,
        "reported": f"{value:,.0f}".replace(",", " "),
        "source": f"viral_loads[{day}]",
    }
    return Load(day=day, stream=stream, **{**fields, **given})


def reason(rule: str, headline: str, effect: Any, **given: Any) -> Item:
    """A reason for or against an option."""
    return item(rule, headline, f"{headline}, in whole sentences.", **{"effect": effect, "severity": "note", **given})


def regimen(mg: float, **given: Any) -> Regimen:
    """An infusion every 12 h in induction, unless told otherwise."""
    fields: dict[str, Any] = {
        "phase": "induction",
        "scheme": "5 mg/kg every 12 h",
        "per_kg": "5 mg/kg",
        "exact_mg": f"{mg:g}",
        "interval_h": 12,
        "rhythm": "every 12 h",
        "form": "7 mL of the 50 mg/mL concentrate",
        "volume_ml": 7.0,
        "final_volume_ml": 100.0,
        "infusion_min": 60,
        "band": "70 and above",
        "band_unit": "mL/min",
        "daily_mg": 2 * mg,
        "notes": ["over 1 hour into a vein with good flow"],
        "verification": "verified",
        "sources": ["LBL-GCV"],
    }
    return Regimen(dose_mg=mg, **{**fields, **given})


def option(drug: str, verdict: Any, why: str, **given: Any) -> Option:
    """An option that is not running, without reasons or doses, unless told otherwise."""
    return Option(drug=drug, label=given.pop("label", drug), rank=1, verdict=verdict, why=why, running=False, **given)


def kidney(**given: Any) -> Kidney:
    """A kidney with a clearance of 72 mL/min, unless told otherwise."""
    fields: dict[str, Any] = {
        "crcl": Quantity(value="72", unit="mL/min", how="(140 − 54) / (72 × 1.02 mg/dL) × 0.85 × 70 kg"),
        "crcl_per_kg": Quantity(value="1.03", unit="mL/min/kg", how="(140 − 54) / (72 × 1.02 mg/dL) × 0.85"),
        "egfr": Quantity(value="66", unit="mL/min/1.73 m²", how="CKD-EPI 2021, not used for doses"),
        "basis": "estimated",
        "weight": "70 kg, actual weight, 4 Jan 2026",
        "creatinine": "90 µmol/L (1.02 mg/dL), 27 Mar 2026",
        "cautions": ["one creatinine only: whether the kidney is stable is not known"],
    }
    return Kidney(**{**fields, **given})


def ganciclovir() -> Option:
    """Preferred and running, at half the dose."""
    return option(
        "ganciclovir",
        "preferred",
        "First line as long as no resistance is suspected",
        reasons=[
            reason("gcv_first", "First line as long as no resistance is suspected", "prefer"),
            reason("gcv_gut", "Absorption does not matter by vein", "for"),
            reason("gcv_counts", "neutrophils 0.9: counts daily", "against", severity="act"),
            reason("gcv_licence", "Licence: retinitis only, in the US", "caution"),
            reason("gcv_pregnant", "Could she be pregnant?", "caution", state="undetermined", needs=["weight"]),
            reason("gcv_old", "Ganciclovir failed years ago", "against", state="overridden", overridden_by="newer"),
        ],
        regimens=[
            regimen(350),
            regimen(350, phase="maintenance", scheme="5 mg/kg every 24 h", interval_h=24, rhythm="every 24 h"),
        ],
        checks=[
            Check(
                given="175 mg every 12 h",
                called_for="5 mg/kg every 12 h",
                finding="under-dose",
                share="50",
                text="below 90 % of the label's dose for this kidney: 5 mg/kg every 12 h",
            )
        ],
        interactions=[
            Interaction(
                drug="ganciclovir",
                other="azathioprine",
                level="caution",
                effect="Marrow toxicity adds up",
                action="Full counts often; lower the other drug first",
                verification="secondary",
                sources=["LBL-GCV"],
            )
        ],
        watch=[
            Watch(
                test="Full blood count",
                before=True,
                induction="every second day",
                maintenance="weekly",
                thresholds=["neutrophils below 0.5: hold", "never halve the dose"],
                verification="verified",
                sources=["LBL-GCV"],
            )
        ],
        handling=["Handle as a cytotoxic"],
        counselling=["Fever or bleeding: call the same day"],
        sources=[LABEL],
    ).model_copy(update={"running": True})


def cidofovir() -> Option:
    """With a clock round the infusion."""
    return option(
        "cidofovir",
        "acceptable",
        "Nothing on record speaks against it",
        reasons=[reason("cdv_kidney", "Behind the others: kidney damage", "against")],
        regimens=[
            regimen(
                367.5,
                scheme="once a week",
                interval_h=168,
                rhythm="once a week",
                form="4.9 mL of the 75 mg/mL concentrate",
                daily_mg=52.5,
                band="above 55",
                sources=["LAB-CDV"],
                steps=[
                    Step(what="Probenecid 2 g by mouth", at=-180, sources=["LAB-CDV"]),
                    Step(what="Saline 1,000 mL", at=-60, minutes=60, sources=["LAB-CDV"]),
                    Step(what="Cidofovir", at=0, minutes=60, sources=["LAB-CDV"]),
                    Step(what="Probenecid 1 g", at=180, sources=["LAB-CDV"]),
                    Step(what="Drink plenty", sources=["LAB-CDV"]),
                ],
            )
        ],
    )


def options() -> list[Option]:
    """One of every verdict, ranked."""
    made = [
        ganciclovir(),
        option(
            "foscarnet",
            "acceptable",
            "Nothing on record speaks against it",
            regimens=[
                regimen(4900, scheme="90 mg/kg every 12 h", per_kg="70 mg/kg", sodium_mg=1960.0, sources=["LAB-FOS"]),
                regimen(3150, scheme="60 mg/kg every 8 h", per_kg="45 mg/kg", interval_h=8, rhythm="every 8 h"),
            ],
        ),
        cidofovir(),
        option(
            "valganciclovir",
            "undetermined",
            "Clearance unknown: no tablets below 10 mL/min",
            needs=["weight", "genotype"],
            no_dose="Not known: weight",
            reasons=[
                reason("vgcv_kidney", "Clearance unknown", "contraindicated", state="undetermined", needs=["weight"])
            ],
        ),
        option(
            "maribavir",
            "avoid",
            "Not for a first infection: nothing has failed yet",
            reasons=[
                reason("mbv_early", "Not for a first infection: nothing has failed yet", "avoid"),
                reason("mbv_marrow", "Spares the marrow", "for"),
                reason("mbv_liver", "Ask: severe liver disease?", "caution"),
            ],
            regimens=[regimen(400, per_kg=None, scheme="400 mg every 12 h", form="2 tablets of 200 mg")],
            interactions=[
                Interaction(
                    drug="maribavir",
                    other="ganciclovir",
                    level="contraindicated",
                    effect="Each undoes the other",
                    action="Never together",
                    verification="verified",
                    sources=["LAB-MBV"],
                )
            ],
        ),
        option(
            "letermovir",
            "contraindicated",
            "liver failure (Child-Pugh C)",
            no_dose="liver failure (Child-Pugh C)",
            reasons=[reason("lmv_liver", "liver failure (Child-Pugh C)", "contraindicated", severity="harm")],
        ),
        option(
            "leflunomide",
            "named",
            "An option by name",
            no_dose="No dose is held here",
            interactions=[
                Interaction(
                    drug="ganciclovir",
                    other="leflunomide",
                    level="caution",
                    effect="Both lower the counts",
                    action="Counts often",
                    verification="recalled",
                    sources=["LAB-LEF"],
                )
            ],
        ),
    ]
    return [one.model_copy(update={"rank": place}) for place, one in enumerate(made, 1)]


def _facts() -> dict[str, Fact]:
    neutrophils = Event(source="Observation/anc-7", day="2026-03-27", text="0.9 10*9/L")
    weight = Event(source="Observation/weight-1", day="2026-01-04", text="62 kg")
    return {
        "neutrophils": Fact(
            name="neutrophils",
            label="absolute neutrophil count",
            value="0.9",
            unit="10*9/L",
            day="2026-03-27",
            state="known",
            events=[neutrophils],
        ),
        "weight": Fact(
            name="weight",
            label="body weight",
            value="62",
            unit="kg",
            day="2026-01-04",
            state="stale",
            why="older than 30 days",
            events=[weight],
        ),
        "genotype": Fact(
            name="genotype", label="UL97 and UL54 genotype", state="missing", why="no result in the record"
        ),
        "steroid_dose": Fact(
            name="steroid_dose",
            label="steroid, prednisone-equivalent",
            value="40",
            unit="mg/d",
            day="2026-03-28",
            state="known",
            events=[Event(source="MedicationRequest/pred", day="2026-02-20", text="prednisolone 40 mg once daily")],
        ),
        "retinitis": Fact(name="retinitis", label="retinitis", state="absent", day="2026-03-20"),
    }


def typical() -> Advice:
    """Relapse of ulcerative colitis with CMV, under-dosed ganciclovir, day 15."""
    start = date(2026, 3, 13)
    loads = [
        load("2026-02-24", 0, low=0.0, high=137.0, form="below", reported="<137"),
        load("2026-03-06", 2300),
        load("2026-03-12", 12400),
        load("2026-03-20", 21800),
        load("2026-03-27", 9100),
    ]
    bars = [
        Bar(
            drug="ganciclovir",
            label="ganciclovir IV",
            group="antiviral",
            start="2026-03-13",
            end="2026-03-21",
            running=False,
            dose="175 mg q12h",
            share=0.5,
            source="MedicationAdministration/g1",
        ),
        Bar(
            drug="ganciclovir",
            label="ganciclovir IV",
            group="antiviral",
            start="2026-03-23",
            end="2026-03-28",
            running=True,
            dose="350 mg q12h",
            share=1.0,
            source="MedicationAdministration/g2",
        ),
        Bar(
            drug="azathioprine",
            label="azathioprine",
            group="immunosuppressant",
            start="2019-05-02",
            end="2026-03-28",
            running=True,
            dose="150 mg once daily",
            source="MedicationRequest/aza",
        ),
        Bar(
            drug="prednisolone",
            label="prednisolone",
            group="steroid",
            start="2026-02-20",
            end="2026-03-14",
            running=False,
            dose="60 mg once daily",
            source="MedicationRequest/pred0",
        ),
        Bar(
            drug="prednisolone",
            label="prednisolone",
            group="steroid",
            start="2026-03-14",
            end="2026-03-28",
            running=True,
            dose="40 mg once daily",
            source="MedicationRequest/pred",
        ),
    ]
    labs = [
        LabPoint(
            concept=concept,
            label=label,
            unit=unit,
            day=str(start + timedelta(days=7 * n)),
            low=value,
            high=value,
            source=f"Observation/{concept}-{n}",
        )
        for concept, label, unit, values in (
            ("neutrophils", "neutrophils", "10*9/L", (3.1, 1.6, 0.9)),
            ("platelets", "platelets", "10*9/L", (240.0, 190.0, 171.0)),
            ("creatinine", "creatinine", "umol/L", (88.0, 97.0, 104.0)),
        )
        for n, value in enumerate(values)
    ]
    bands = [
        Band(kind="episode", label="episode 1", start="2026-03-06", end="2026-03-28"),
        Band(kind="course", label="course 1", start="2026-03-13", end="2026-03-28"),
        Band(kind="verdict", label="day 7: rise, watched", start="2026-03-20", end="2026-03-20"),
        Band(kind="verdict", label="day 14: no fall of 1 log", start="2026-03-27", end="2026-03-27"),
    ]
    refractory = condition(
        "probable refractory infection",
        "unknown",
        parts=(
            condition("load on day 14 within 1 log of the baseline", "true"),
            condition("course adequately dosed", "false", "weight"),
            condition("genotype shows resistance", "unknown", "genotype"),
        ),
    )
    return Advice(
        patient="uc-07",
        as_of="2026-03-28",
        subject="Woman, 54, ulcerative colitis, on azathioprine and prednisolone",
        summary=[
            "Resistance neither shown nor likely yet: the first eight days were under-dosed.",
            "Give the label dose for today's kidney, ganciclovir 350 mg every 12 h; next load on 29 March; "
            "UL97 and UL54 if it has not fallen by then.",
        ],
        status=[
            Status(
                name="recurrent",
                label="Recurrent",
                answer="yes",
                truth="true",
                tone="watch",
                rule="recurrent",
            ),
            Status(
                name="refractory",
                label="Refractory",
                answer="probable, day 15",
                truth="unknown",
                tone="harm",
                rule="refractory",
            ),
            Status(
                name="resistance",
                label="Resistance",
                answer="not determined",
                truth="unknown",
                tone="unknown",
                rule="resistance",
            ),
            Status(name="site", label="Colon only", answer="", truth="true", tone="calm", rule="site"),
        ],
        causes=[
            item(
                "cause_underdosed",
                "The first course was too weak",
                "Ganciclovir 175 mg every 12 h from 13 to 21 March is half of the dose that a creatinine "
                "clearance of 72 mL/min calls for; two days were missed.",
                statement="S03",
                evidence="consistent",
                certainty="moderate",
            ),
            item(
                "cause_thiopurine",
                "Azathioprine and a high steroid dose",
                "Both are independent predictors of colonic reactivation.",
                statement="S01",
                evidence="conflicting",
                certainty="low",
                verification="verified",
                sources=[ECCO, DEF],
            ),
            item(
                "cause_resistance",
                "Resistant virus",
                "Cannot be told without a genotype.",
                statement="S09",
                state="undetermined",
                needs=["genotype"],
                walkback=Walkback(when=refractory),
            ),
        ],
        findings=[
            item(
                "immune_control",
                "Immune control is weak",
                "Lymphocytes 0.6 ×10⁹/L; IgG and CMV-specific cell immunity have not been measured.",
                topic="immune",
                severity="note",
                statement="S02",
                sources=[],
            )
        ],
        advice=[
            item(
                "dose_ganciclovir",
                "Ganciclovir 350 mg IV every 12 h",
                "The label dose for today's kidney. Do not halve it for the neutrophils; add G-CSF below 0.5 ×10⁹/L.",
                because="the course so far gave half of it, and subtherapeutic exposure breeds resistance.",
                strength="strong",
                certainty="moderate",
                severity="harm",
                statement="S22",
                needs=["weight"],
                sources=[LABEL, DEF],
                walkback=Walkback(
                    when=condition(
                        "ganciclovir runs and its dose is below the band",
                        "true",
                        "weight",
                        parts=(condition("creatinine clearance 72 mL/min", "true"),),
                    ),
                    unless=condition("dose reduction ordered for neutrophils < 0.5", "false", "neutrophils"),
                ),
            ),
            item(
                "foscarnet",
                "Foscarnet instead of ganciclovir",
                "Only with resistance shown, or no fall on an adequate dose.",
                state="undetermined",
                strength="conditional",
                certainty="low",
                needs=["genotype", "weight"],
                statement="S11",
                walkback=Walkback(when=refractory),
            ),
            item(
                "taper_steroids",
                "Taper the steroid",
                "Reduce prednisolone from 40 mg by 5 to 10 mg a week; watch for adrenal insufficiency.",
                topic="immunosuppression",
                strength="conditional",
                certainty="low",
                verification="verified",
                because="steroids predict reactivation; the colitis has a rescue option.",
            ),
            item(
                "vedolizumab",
                "Vedolizumab for the colitis",
                "May be considered once CMV is treated.",
                topic="immunosuppression",
                state="provided",
                overridden_by="stop_all",
                needs=["retinitis"],
                strength="conditional",
                certainty="very-low",
                statement="S05",
            ),
            item(
                "keep_all",
                "Keep the immunosuppression unchanged",
                "To hold the remission.",
                topic="immunosuppression",
                state="overridden",
                overridden_by="taper_steroids",
                statement="S18",
            ),
            item(
                "genotype_now",
                "Send UL97 and UL54 if the load on 29 March has not fallen",
                "EDTA plasma, at least 1 000 IU/mL.",
                topic="diagnostics",
                strength="good-practice",
                verification="recalled",
                statement="S10",
                sources=[DEF],
            ),
        ],
        changes=[
            Question(
                fact="genotype",
                facts=["genotype"],
                ask="UL97 and UL54 genotype",
                state="missing",
                decides=["Foscarnet instead of ganciclovir", "Resistant virus"],
                rules=["foscarnet", "cause_resistance"],
                weight=5,
            ),
            Question(
                fact="weight",
                facts=["weight"],
                ask="body weight, not older than 30 days",
                state="stale",
                decides=["Ganciclovir 350 mg IV every 12 h"],
                rules=["dose_ganciclovir"],
                weight=3,
            ),
        ],
        abstentions=[],
        options=options(),
        kidney=kidney(),
        tasks=[
            Task(
                day="2026-03-26",
                therapy_day=13,
                what="Blood count with neutrophils",
                why="twice a week under ganciclovir",
                rule="watch_counts",
                overdue=True,
            ),
            Task(
                day="2026-03-29",
                therapy_day=16,
                what="Viral load, same laboratory and specimen",
                why="verdict on seven days at the full dose",
                rule="watch_load",
            ),
            Task(day="2026-04-13", what="Colonoscopy with biopsies", why="end of therapy", rule="endoscopy"),
        ],
        facts=_facts(),
        timeline=Timeline(loads=loads, bars=bars, labs=labs, bands=bands),
        quality=DataQuality(
            read={"person": 1, "measurement": 31, "exposure": 5, "condition": 2},
            rejected=1,
            unmapped=1,
            unusable=1,
            issues=[
                QualityIssue(
                    level="rejected",
                    place="labs[3].unit",
                    found="K/L",
                    expected="10*9/L or 10*3/uL",
                    remedy="correct the unit and read the file again",
                ),
                QualityIssue(
                    level="unmapped",
                    place="Observation/x9 code",
                    found="local code 4711",
                    expected="a code of the vocabulary",
                    remedy="add it to the mapping file of the site",
                ),
                QualityIssue(
                    level="unusable",
                    place="Observation/vl-old",
                    found="5.1 without a unit",
                    expected="IU/mL, copies/mL or log10 of either",
                    remedy="ask the laboratory",
                ),
            ],
        ),
        provenance=PROVENANCE,
    )


def worst() -> Advice:
    """Ten years of weekly loads, two assays, two units, forty drugs, long names, hostile text."""
    base = typical()
    first = date(2016, 4, 4)
    loads: list[Load] = []
    for n in range(520):
        day = str(first + timedelta(days=7 * n))
        height = (n * 37) % 101 / 100 + (3.2 if n % 130 > 100 else 1.4)
        value = round(10**height)
        stream = (
            "plasma, Roche cobas CMV, central laboratory" if n < 300 or n % 2 else "plasma, Abbott RealTime, outside"
        )
        if value < 137:
            bound = {"low": 0.0, "high": 137.0, "reported": "<137"}
            loads.append(load(day, 0, stream, form="below" if n % 3 else "not_detected", **bound))
        else:
            loads.append(load(day, value, stream))
    for n, form in enumerate(("quantified", "above", "detected_below_lloq", "not_detected")):
        high = None if form == "above" else 400.0
        loads.append(
            load(
                str(date(2026, 2, 1) + timedelta(days=14 * n)),
                90_000,
                "whole blood, in-house PCR of the laboratory of the referring hospital in another country",
                specimen="whole blood",
                unit="copies/mL",
                form=form,
                low=0.0 if high and form != "quantified" else 90_000.0,
                high=90_000.0 if form == "quantified" else high,
                lloq=400.0,
                reported=f"{form} value",
            )
        )
    bars = list(base.timeline.bars)
    for n in range(40):
        start = date(2025, 6, 1) + timedelta(days=7 * n)
        bars.append(
            Bar(
                drug=f"drug-{n}",
                label=f"a drug with an unreasonably long name, number {n}",
                group=("antiviral", "immunosuppressant", "steroid", "other")[n % 4],  # type: ignore[arg-type]
                start=str(start),
                end=str(start + timedelta(days=30 + n)),
                running=False,
                dose="1 000 mg every 8 h by continuous infusion over 24 h",
                share=None if n % 3 else 1.7,
                source=f"MedicationStatement/{n}",
            )
        )
    bands = list(base.timeline.bands)
    for n in range(1, 9):
        start = date(2016, 4, 4) + timedelta(days=420 * n)
        bands.append(Band(kind="episode", label=f"episode {n + 1}", start=str(start), end=str(start + timedelta(60))))
        bands.append(
            Band(
                kind="verdict",
                label=f"day 7 of course {n}: early rise, watched",
                start=str(start),
                end=str(start),
            )
        )
    hostile = '<script>alert("x")</script> & **bold** | pipe \x1b[31m ‮ </svg> {{ 7*7 }}'
    many = [
        item(
            f"rule_{n}",
            f"Advice number {n} with a headline that goes on for longer than a headline should be allowed to",
            "A text of ordinary length, in whole sentences. " * 4,
            topic=("antiviral", "monitoring", "supportive", "escalation", "counselling", "odd topic")[n % 6],
            state=("applies", "undetermined", "overridden", "provided")[n % 4],
            needs=["genotype", "weight", "a_fact_the_advice_does_not_hold"] if n % 2 else [],
            overridden_by="rule_0",
            strength=("strong", "conditional", "good-practice")[n % 3],
            certainty=("high", "moderate", "low", "very-low")[n % 4],
        )
        for n in range(24)
    ]
    facts = dict(base.facts)
    for n in range(30):
        facts[f"fact_{n}"] = Fact(
            name=f"fact_{n}",
            label=f"fact number {n} with a long label that explains what it means in full",
            value=None if n % 2 else "12 400",
            unit="IU/mL",
            state=("missing", "known", "conflicting", "unusable", "stale")[n % 5],  # type: ignore[arg-type]
            why="two values on one day disagree",
            events=[Event(source=f"Observation/{n}-{k}", day="2026-03-20", text="12 400 IU/mL") for k in range(6)],
        )
    facts["hostile"] = Fact(name="hostile", label=hostile, value=hostile, unit=hostile, state="known")
    return base.model_copy(
        update={
            "subject": hostile,
            "options": [*base.options, *_hostile_options(hostile)],
            "kidney": kidney(cautions=[hostile] * 3, weight=hostile, measured=Quantity(value="9.5", unit="mL/min")),
            "advice": [*base.advice, *many],
            "findings": [*base.findings, item("hostile", hostile, hostile, because=hostile, topic="x")],
            "abstentions": [
                item(
                    "continuous_dialysis",
                    "Doses under continuous renal replacement",
                    "cmvigil knows no doses for it.",
                    topic="scope",
                )
            ],
            "facts": facts,
            "timeline": Timeline(
                loads=sorted(loads, key=lambda x: (x.day, x.stream)),
                bars=bars,
                labs=base.timeline.labs,
                bands=bands,
            ),
        }
    )


def _hostile_options(hostile: str) -> list[Option]:
    """Nobody holds so many reasons, nor such names; a face must hold them all the same."""
    alike = reason("hostile_reason", hostile, "against", because=hostile, needs=["hostile"], state="undetermined")
    shared = [
        alike,
        *(reason(f"reason_{n}", f"Reason number {n} that goes on for a line or so", "for") for n in range(9)),
    ]
    made = ganciclovir().model_copy(
        update={
            "label": hostile,
            "why": hostile,
            "verdict": "avoid",
            "reasons": shared,
            "handling": [hostile],
            "counselling": [hostile],
            "interactions": [
                Interaction(
                    drug=hostile,
                    other=f"a drug with an unreasonably long name, number {n}",
                    level=("contraindicated", "avoid", "caution", "monitor")[n % 4],  # type: ignore[arg-type]
                    effect=hostile,
                    action=hostile,
                    verification="recalled",
                    sources=["LAB-X", hostile],
                )
                for n in range(40)
            ],
        }
    )
    second = made.model_copy(
        update={"drug": "second", "label": "second", "verdict": "undetermined", "needs": ["hostile"]}
    )
    return [made, second]
