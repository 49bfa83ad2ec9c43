"""E1, S16: valganciclovir without a recorded purpose: prophylaxis presumed, in doubt, or taken as treatment."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.patients import Patient, drug, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import answer, changed, state

from cmvigil.advice import Advice

UNSTATED = {"every": "24 h", "missed_doses": None}
FIRM = (
    "valganciclovir_once_daily",
    "dose_too_low_today",
    "dose_cannot_be_judged",
    "count_is_due",
    "ganciclovir_creatinine_due",
    "ganciclovir_watch",
    "load_on_days_7_14_21",
    "consider_secondary_prophylaxis",
    "surveillance_high_risk",
    "surveillance_any_risk",
    "keep_maintenance_steroid",
    "reduce_first_in_organ",
    "send_genotype",
    "adherence_unknown",
)
"""What is said of CMV that is treated, and nobody wants to hear of on prophylaxis."""
STEROID = drug("prednisolone", "d-5", dose="5 mg", every="24 h", route="oral")
MYCOPHENOLATE = drug("mycophenolate", "d-5", dose="1 g", every="12 h", route="oral")


def host(organ: str = "kidney", day: str = "d-5") -> Patient:
    """A transplant of that day, D+/R-."""
    return {"transplants": [{"organ": organ, "date": day, "donor_igg": "positive", "recipient_igg": "negative"}]}


def tablets(start: str = "d0", end: str | None = None, **more: Any) -> Patient:
    """Valganciclovir 900 mg once a day for which no purpose is recorded."""
    given = valganciclovir(start, end, **{**UNSTATED, **more})
    return {key: value for key, value in given.items() if value is not None}


def recipient(as_of: str = "d60", *drugs: Patient, **parts: Any) -> Patient:
    """Transplanted on 24 February; tablets from 1 March; loads looked for and not detected."""
    parts = {
        "host": host(),
        "viral_loads": loads(m3="not detected", d20="not detected", d40="<34.5"),
        **parts,
    }
    return graft(as_of, drugs=[*(drugs or (tablets(),)), STEROID, MYCOPHENOLATE], **parts)


def spoken(advice: Advice) -> set[str]:
    """Which of the firm rules of treatment speak, outright or with a proviso."""
    return {rule for rule in FIRM if state(advice, rule) in ("applies", "provided")}


PRESUMED = {
    "kidney": recipient(),
    "450 mg": recipient("d60", tablets(dose="450 mg")),
    "twice a week": recipient("d60", tablets(dose="450 mg", every="84 h")),
    "begun on day 10": recipient("d60", host=host(day="d-10")),
    "to day 200": recipient("d200"),
    "lung, day 300": recipient("d300", host=host("lung")),
    "renewed each month": recipient("d60", tablets("d0", "d29"), tablets("d30")),
    "ended": recipient("d70", tablets("d0", "d60")),
    "looked for before": recipient(viral_loads=loads(m3="not detected")),
    "looked for late": recipient(viral_loads=loads(d50="not detected")),
    "CMV after it": recipient("d90", tablets("d0", "d60"), viral_loads=loads(d20="not detected", d80="300")),
}


@pytest.mark.parametrize("case", PRESUMED.values(), ids=PRESUMED)
def test_e1_prophylaxis_is_presumed(case: Patient) -> None:
    """It appears: said as an assumption."""
    assert "An assumption" in said(case, "purpose_presumed", "US-VGCV").text
    silent(case, "purpose_in_doubt")


@pytest.mark.parametrize("name", [name for name in PRESUMED if name != "CMV after it"])
def test_e1_presumed_prophylaxis_is_not_read_as_treatment(name: str) -> None:
    advice = answer(PRESUMED[name])
    assert spoken(advice) == set()
    stated = [
        {**given, "intent": "prophylaxis"} if given["drug"] == "valganciclovir" else given
        for given in PRESUMED[name]["drugs"]
    ]
    same = answer({**PRESUMED[name], "drugs": stated})
    assert advice.summary == same.summary  # as if it had been recorded


DOUBT = {
    "no load": recipient(viral_loads=[]),
    "loads before only": recipient(viral_loads=loads(m40="not detected")),
    "a load cannot be read": recipient(
        viral_loads=[*loads(m3="not detected", d20="not detected"), {"date": "d40", "value": "700", "unit": "furlongs"}]
    ),
    "begun on day 11": recipient(host=host(day="d-11")),
    "beyond day 200": recipient("d201"),
    "lung beyond a year": recipient("d366", host=host("lung")),
    "no interval": recipient("d60", tablets(every=None)),
    "ended, not looked for": recipient("d70", tablets("d0", "d60"), viral_loads=[]),
}


@pytest.mark.parametrize("case", DOUBT.values(), ids=DOUBT)
def test_e1_a_purpose_in_doubt_is_asked_for(case: Patient) -> None:
    """What hangs on it is unknown: no firm card, and nothing taken for granted."""
    assert "TWICE" in said(case, "purpose_in_doubt", "US-VGCV").text
    silent(case, "purpose_presumed")
    advice = answer(case)
    assert spoken(advice) == set()
    assert any("treatment or prophylaxis" in question.ask for question in advice.changes)


@pytest.mark.parametrize("name", ["no load", "a load cannot be read", "begun on day 11", "beyond day 200"])
def test_s16_once_daily_is_unknown_in_doubt(name: str) -> None:
    open_without(DOUBT[name], "valganciclovir_once_daily", "antiviral_now")


TREATED = {
    "positive before": recipient(viral_loads=loads(m3="900", d20="not detected", d40="<34.5")),
    "positive during": recipient(viral_loads=loads(m3="not detected", d20="not detected", d40="90")),
    "positive long ago": recipient(viral_loads=loads(m300="5000", m3="not detected", d20="not detected")),
    "detected below the limit": recipient(viral_loads=loads(m3="not detected", d20="detected <34.5")),
    "disease": recipient(cmv={"disease": [{"concept": "cmv_colitis", "start": "d10"}]}),
    "episode": recipient(cmv={"episodes": [{"start": "d-60", "end": "d-20"}]}),
    "tissue": recipient(tissue=[{"date": "d30", "site": "colon", "ihc": "positive"}]),
    "measured in tissue": recipient(tissue=[{"date": "d30", "site": "colon", "pcr": "250 copies/mg"}]),
    "change": recipient(genotype=[{"date": "d30", "genes": {"UL97": {"changes": ["A594V"]}}}]),
    "codons read": recipient(genotype=[{"date": "d30", "genes": {"UL97": {"covered": "440-645", "changes": []}}}]),
    "call": recipient(genotype=[{"date": "d30", "calls": {"ganciclovir": "susceptible"}}]),
    "genotype": recipient(genotype_pending={"sent": "d40"}),
    "treated before": recipient("d60", tablets("d0", "d13", every="12 h"), tablets("d14")),
    "stated treatment before": recipient("d60", tablets("d0", "d13", intent="preemptive"), tablets("d14")),
    "by vein": recipient(
        "d60", drug("ganciclovir", "d0", "d6", dose="5 mg/kg", every="12 h", route="iv"), tablets("d7")
    ),
    "twice daily": recipient("d60", tablets(every="12 h")),
    "stated": recipient("d60", tablets(intent="treatment")),
    "no organ graft": recipient(host={"ibd": {"disease": "ulcerative_colitis", "since": "2015"}}),
    "stem cells": recipient(host={"transplants": [{"organ": "stem_cell", "date": "d-5"}]}),
    "positive in the last month of several": recipient(
        "d60", tablets("d0", "d29"), tablets("d30"), viral_loads=loads(m3="not detected", d20="<34.5", d40="90")
    ),
}
"""With any sign of CMV, or where prophylaxis is not usual, the drug is taken as treatment."""


@pytest.mark.parametrize("case", TREATED.values(), ids=TREATED)
def test_s16_with_any_sign_of_cmv_it_is_treatment(case: Patient) -> None:
    """A near miss: nothing is presumed, and the watch over treatment is not silenced."""
    silent(case, "purpose_presumed")
    silent(case, "purpose_in_doubt")
    said(case, "ganciclovir_watch")
    assert spoken(answer(case)) & {"count_is_due", "dose_cannot_be_judged", "valganciclovir_once_daily"}


@pytest.mark.parametrize(
    "name", ["positive before", "positive during", "disease", "stated", "positive in the last month of several"]
)
def test_s16_once_daily_is_never_silenced_where_cmv_was_found(name: str) -> None:
    fresh = {
        "labs": {"creatinine": [{"date": day, "value": "80 umol/L"} for day in ("d-2", "d12", "d26", "d40", "d59")]}
    }
    said(changed(TREATED[name], fresh), "valganciclovir_once_daily", "US-VGCV")


def test_e1_unknown_when_hidden() -> None:
    open_without(recipient(), "purpose_presumed", "presumed_prophylaxis_recorded")
    open_without(DOUBT["no load"], "purpose_in_doubt", "purpose_in_doubt_recorded")


def test_f_presumed_prophylaxis_ends_like_a_stated_one() -> None:
    ended = recipient("d70", tablets("d0", "d60"))
    said(ended, "surveillance_after_prophylaxis", "EID10")
    said(recipient(), "during_prophylaxis", "SOT4")
    silent(recipient("d70", tablets("d0", "d60"), viral_loads=[]), "surveillance_after_prophylaxis")


@pytest.mark.parametrize("last", ["d8", "d13", "d14"])
def test_f_the_load_of_the_week_after_prophylaxis(last: str) -> None:
    """A card where a load is due, silence where it was done."""
    ended = graft(
        "d20",
        viral_loads=loads(**{last: "not detected"}),
        drugs=[valganciclovir("d-90", "d0", every="24 h", intent="prophylaxis")],
    )
    done = last == "d14"
    (silent if done else said)(ended, "load_due_after_prophylaxis")
    assert said(ended, "surveillance_after_prophylaxis").severity == "note"
    if not done:
        open_without(ended, "load_due_after_prophylaxis", "recipient_igg")


def test_f_nothing_is_due_in_the_first_week_after_prophylaxis() -> None:
    given = [valganciclovir("d-90", "d0", every="24 h", intent="prophylaxis")]
    silent(graft("d6", drugs=given), "load_due_after_prophylaxis")
    assert "weekly" in said(graft("d7", drugs=given), "load_due_after_prophylaxis", "SOT4").text


BROKEN = [valganciclovir("d-60", every="24 h", intent="prophylaxis")]


def test_s10_a_breakthrough_that_cleared_is_over() -> None:
    now = graft("d30", viral_loads=loads(d4="3000"), drugs=BROKEN)
    said(now, "breakthrough_is_suspicious", "SOT3")
    said(now, "send_genotype")
    once = loads(d4="3000", d12="not detected")
    said({**now, "viral_loads": once}, "breakthrough_is_suspicious")
    close = loads(d4="3000", d12="not detected", d16="not detected")  # less than 5 days apart
    said({**now, "viral_loads": close}, "breakthrough_is_suspicious")
    cleared = loads(d4="3000", d12="not detected", d17="not detected")
    silent({**now, "viral_loads": cleared}, "breakthrough_is_suspicious")
    silent({**now, "viral_loads": cleared}, "send_genotype")
    again = loads(d4="3000", d12="not detected", d17="not detected", d28="400")
    said({**now, "viral_loads": again}, "breakthrough_is_suspicious")
    other = [*loads(d4="3000"), *({**load, "assay": "other"} for load in loads(d12="not detected", d17="not detected"))]
    said({**now, "viral_loads": other}, "breakthrough_is_suspicious")


def test_s10_a_breakthrough_of_long_ago_is_history() -> None:
    case = graft("d93", viral_loads=loads(d4="3000"), drugs=BROKEN)
    said(case, "send_genotype")
    silent({**case, "as_of": "d94"}, "send_genotype")


def test_s17_no_word_on_the_steroid_once_the_virus_is_gone() -> None:
    blip = graft("d20", viral_loads=loads(m40="200", d6="not detected", d18="not detected"), drugs=[STEROID])
    silent(blip, "keep_maintenance_steroid")
    assert state(answer({**blip, "viral_loads": loads(m40="200", d18="900")}), "keep_maintenance_steroid") != "silent"
