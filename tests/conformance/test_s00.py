"""S00: the paragraph on top and the badges; recurrent is not resistant; silence where CMV is no question."""

from __future__ import annotations

from tests.conformance.patients import (
    PLASMA,
    badge,
    colitis,
    drug,
    failing,
    ganciclovir,
    graft,
    loads,
    open_without,
    patient,
    said,
    silent,
    valganciclovir,
)
from tests.conformance.support import TODAY, answer

NOTHING = (
    "No CMV on record: no viral load, no other result, no treatment. "
    "There is nothing to assess until a viral load is entered."
)
SERIES = loads(m60="12000", m46="<34.5", m39="not detected", d20="9000")
RECURRENT = graft("d21", viral_loads=SERIES, drugs=[valganciclovir("d-60", "d-39")])


def test_s00_recurrent_is_not_resistant() -> None:
    item = said(RECURRENT, "recurrent_is_not_resistant", "SOT4")
    assert "says nothing about resistance" in item.text
    assert "This is recurrent CMV, which is not the same as resistant CMV." in answer(RECURRENT).summary
    assert badge(RECURRENT, "recurrent").answer.startswith("yes, episode 2")
    assert badge(RECURRENT, "resistance").answer == "neither shown nor suspected"
    silent(RECURRENT, "after_ganciclovir_resistance")


def test_s00_near_miss_first_episode() -> None:
    first = graft("d21", viral_loads=loads(m30="not detected", d20="9000"))
    silent(first, "recurrent_is_not_resistant")
    assert badge(first, "recurrent").answer == "no, first episode"


def test_s00_unknown_recurrence() -> None:
    open_without(RECURRENT, "recurrent_is_not_resistant", "dnaemia_recurred")


def test_s00_persistence_is_no_recurrence() -> None:
    once_negative = graft(
        "d21", viral_loads=loads(m60="12000", m46="<34.5", d20="9000"), drugs=[valganciclovir("d-60", "d-39")]
    )
    assert not badge(once_negative, "recurrent").answer.startswith("yes")


def test_s00_recurrent_colitis_tapers_and_considers_vedolizumab() -> None:
    flare = colitis(
        "d2",
        host={
            "ibd": {
                "disease": "ulcerative_colitis",
                "severity": "moderate",
                "steroid_response": "refractory",
                "date": "d0",
            },
        },
        cmv={
            "episodes": [
                {"start": "2025-06-01", "end": "2025-07-01", "site": "colon"},
                {"start": "d0", "site": "colon"},
            ]
        },
        drugs=[drug("prednisolone", "d-40", dose="40 mg", every="24 h", route="oral"), ganciclovir("d0")],
        complete=["symptoms"],
    )
    summary = " ".join(answer(flare).summary)
    assert "Taper the steroid and consider vedolizumab" in summary
    assert "foscarnet" not in summary


def test_s00_ganciclovir_resistance_is_foscarnet_with_kidney_watch() -> None:
    resistant = failing(genotype=[{"date": "d35", "calls": {"ganciclovir": "resistant"}}])
    summary = " ".join(answer(resistant).summary)
    assert "The laboratory reports resistance to ganciclovir." in summary
    assert "foscarnet with kidney and electrolytes watched" in summary


def test_s00_under_dosed_course_in_one_sentence() -> None:
    half = graft(
        "d20",
        viral_loads=loads(m1="12000", d7="14000", d19="14000"),
        drugs=[valganciclovir("d0", dose="450 mg")],
        labs={"creatinine": [{"date": day, "value": "80 umol/L"} for day in ("d-2", "d12", "d18")]},
    )
    assert answer(half).summary[0].startswith("Resistance neither shown nor likely yet")
    assert "900 mg every 12 h" in answer(half).summary[1]


def test_s00_subject() -> None:
    assert answer(RECURRENT).subject == "Man, 50, kidney transplant, D+/R-"


def test_s00_every_badge_answers_for_everyone() -> None:
    names = ["recurrent", "refractory", "resistance", "disseminated", "site"]
    seen = loads(d0="not detected")
    for case in (RECURRENT, failing(), colitis("d2", viral_loads=seen), graft("d2", viral_loads=loads(d1="9000"))):
        assert [status.name for status in answer(case).status] == names


def test_s00_silence_without_cmv() -> None:
    for case in (
        colitis("d2", complete=["medications"]),
        graft("d2"),
        patient(as_of="d0", person={"age": 50, "sex": "male"}),
    ):
        advice = answer(case)
        assert not (
            advice.causes or advice.findings or advice.advice or advice.tasks or advice.changes or advice.abstentions
        )
        assert advice.summary == [NOTHING]


def test_s00_an_empty_record_is_told_that_no_load_is_there() -> None:
    advice = answer({"patient": "nobody", "as_of": TODAY})
    assert advice.summary == [
        "No viral load is on record, nor any other sign of CMV.",
        "Enter a viral load, with its date, number and unit; where there is none, take one.",
    ]
    said = " ".join([badge.answer for badge in advice.status] + [question.ask for question in advice.changes])
    assert "no viral load on record" in said
    assert "cannot be used" not in said and "cannot be read" not in said
    assert advice.changes[0].ask == "CMV load in blood, with its date, number and unit"


def test_s00_a_record_of_other_things_holds_no_unreadable_load() -> None:
    negative = {"as_of": TODAY, "viral_loads": [{"date": "2026-03-20", "value": "not detected", "specimen": "plasma"}]}
    assert badge({**negative, "viral_load_defaults": PLASMA}, "recurrent").answer == "no CMV found so far"


def test_s00_a_negative_of_months_ago_does_not_speak_for_today() -> None:
    old = [{"date": "2025-06-01", "value": "9000"}, {"date": "2025-06-20", "value": "not detected"}]
    for seen, day in (
        (old, "negative on 20 Jun 2025"),
        (old[1:], "negative on 20 Jun 2025"),
        (old[:1], "positive on 1 Jun"),
    ):
        case = graft("d29", viral_loads=seen)
        advice = answer(case)
        assert f"CMV in blood was last {day}" in advice.summary[0]
        assert advice.summary[1] == "To tell whether CMV is there now, take a viral load."
        for name in ("disseminated", "site"):
            found = badge(case, name)
            assert (found.answer, found.truth) == ("not known, CMV not looked for in the last 90 days", "unknown")
        assert "CMV load in blood, not older than 14 days" in {question.ask for question in advice.changes}


def test_s00_a_fresh_negative_speaks_for_today() -> None:
    case = graft("d29", viral_loads=loads(m300="9000", d20="not detected"))
    assert answer(case).summary == ["No virus in the latest load, of 21 Mar 2026, and no treatment running."]
    assert badge(case, "site").answer == "no current CMV"


def test_s00_prophylaxis_without_any_test_is_not_called_free_of_cmv() -> None:
    case = graft("d29", drugs=[drug("letermovir", "d0", dose="480 mg", every="24 h", intent="prophylaxis")])
    assert answer(case).summary[0] == "No CMV was found so far, and it was not looked for in the last 90 days."
    diagnosed = graft("d29", cmv={"episodes": [{"start": "2024-01-01", "end": "2024-03-01", "site": "colon"}]})
    assert answer(diagnosed).summary[0].endswith("no viral load tells whether there is virus now.")


def test_s00_untreated_disease_is_told_to_start() -> None:
    fresh = colitis("d2", cmv={"disease": [{"concept": "cmv_colitis", "start": "d0"}]})
    assert any(sentence.startswith("Start ganciclovir by vein") for sentence in answer(fresh).summary)
    treated = {**fresh, "drugs": [drug("ganciclovir", "d1", dose="5 mg/kg", every="12 h", route="iv")]}
    assert not any(sentence.startswith("Start") for sentence in answer(treated).summary)
    before = graft("d2", viral_loads=loads(d0="9000"))
    assert "Start treatment before this DNAemia becomes disease." in answer(before).summary


def test_s00_tissue_without_blood_is_not_called_cleared() -> None:
    tissue = [{"date": "d0", "site": "colon", "ihc": "positive"}]
    found = colitis("d2", viral_loads=loads(d0="not detected"), tissue=tissue)
    assert answer(found).summary[0].startswith("CMV")
    assert "No virus" not in " ".join(answer(found).summary)


def test_s00_an_empty_drug_list_makes_no_calm_badge() -> None:
    sparse = graft("d2", viral_loads=loads(d0="12000"))
    assert badge(sparse, "refractory").answer == "not determined, earlier antivirals not known"
    assert badge(sparse, "resistance").answer == "not determined, earlier antivirals not known"
    listed = {**sparse, "complete": ["medications"]}
    assert badge(listed, "refractory").answer == "no treatment on record"
    assert badge(listed, "resistance").answer == "neither shown nor suspected"


def test_s00_a_wild_type_leaves_first_line_treatment_for_a_recurrence() -> None:
    genes = {"UL97": {"covered": "335-645", "changes": []}, "UL54": {"covered": "300-1000", "changes": []}}
    said(
        {**RECURRENT, "genotype": [{"date": "d10", "specimen": "plasma", "genes": genes}]}, "recurrent_is_not_resistant"
    )
    changed = {"UL97": {"covered": "335-645", "changes": ["M460V"]}}
    silent(
        {**RECURRENT, "genotype": [{"date": "d10", "specimen": "plasma", "genes": changed}]},
        "recurrent_is_not_resistant",
    )


def test_s00_low_counts_stand_in_the_summary_before_any_dose() -> None:
    low = graft(
        "d20",
        viral_loads=loads(m1="12000", d7="14000", d19="900"),
        drugs=[valganciclovir("d0", dose="450 mg")],
        labs={"neutrophils": [{"date": "d19", "value": "0.3 10*9/L"}]},
    )
    summary = " ".join(answer(low).summary)
    assert "Hold ganciclovir" in summary and "Label dose" not in summary


def test_s00_first_episode_needs_a_complete_history() -> None:
    stated = graft("d2", viral_loads=loads(d1="9000"), complete=["conditions"])
    assert badge(stated, "recurrent").answer == "no, first episode"
    one_dated = colitis("d2", cmv={"episodes": [{"start": "d0", "site": "colon"}]}, viral_loads=loads(d1="9000"))
    assert badge(one_dated, "recurrent").answer == "none known before"
