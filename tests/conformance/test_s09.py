"""S09: response on an adequately dosed course at day 14 or later, same assay and specimen; an early rise is watched."""

from __future__ import annotations

from tests.conformance.patients import badge, colitis, failing, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import answer, items, state

RISEN = graft("d20", viral_loads=loads(m1="1500", d7="1800", d19="60000"), drugs=[valganciclovir("d0")])
UNCHANGED = failing()
LITTLE = graft("d20", viral_loads=loads(m1="60000", d7="30000", d19="9000"), drugs=[valganciclovir("d0")])
GOOD = graft("d20", viral_loads=loads(m1="60000", d7="9000", d19="900"), drugs=[valganciclovir("d0")])


def test_s09_hit_refractory_names_the_comparator() -> None:
    item = said(RISEN, "response_refractory", "DEF19")
    assert "60,000 IU/mL" in item.text and "1,800 IU/mL on day 7" in item.text
    status = badge(RISEN, "refractory")
    assert status.answer == "yes, day 19" and status.tone == "harm"


def test_s09_hit_probable_refractory() -> None:
    said(UNCHANGED, "response_probable_refractory", "SOT4")
    said(UNCHANGED, "resistance_is_suspected", "SOT4")
    assert badge(UNCHANGED, "refractory").answer == "probable, day 41"


def test_s09_hit_insufficient_fall_is_its_own_state() -> None:
    said(LITTLE, "response_insufficient_fall", "SOT4")
    silent(LITTLE, "response_probable_refractory")
    assert badge(LITTLE, "refractory").answer.startswith("not yet")


def test_s09_near_miss_responding() -> None:
    said(GOOD, "response_good")
    for rule in ("response_refractory", "response_probable_refractory", "response_insufficient_fall"):
        silent(GOOD, rule)


def test_s09_near_miss_day_13_has_no_verdict() -> None:
    early = graft("d13", viral_loads=loads(m1="1500", d12="60000"), drugs=[valganciclovir("d0")])
    said(early, "response_too_early")
    silent(early, "response_refractory")
    assert badge(early, "refractory").answer == "not assessable yet, day 13"


def test_s09_unknown_response() -> None:
    open_without(RISEN, "response_refractory", "load_rose_one_log")
    open_without(UNCHANGED, "response_probable_refractory", "line_taken")
    open_without(LITTLE, "response_insufficient_fall", "load_fell_one_log_at_most")


def test_s09_unsaid_intake_leaves_the_verdict_open() -> None:
    unsaid = failing(
        drugs=[{"drug": "valganciclovir", "dose": "900 mg", "every": "12 h", "route": "oral", "start": "d0"}]
    )
    item = items(answer(unsaid))["response_probable_refractory"]
    assert item.state == "undetermined" and item.needs == ["line_taken"]
    assert badge(unsaid, "refractory").tone == "unknown"


def test_s09_early_rise_hit_near_miss_unknown() -> None:
    rise = graft("d9", viral_loads=loads(d0="1500", d8="9000"), drugs=[valganciclovir("d0")])
    noise = graft("d9", viral_loads=loads(d0="1500", d8="2000"), drugs=[valganciclovir("d0")])
    said(rise, "early_rise_is_watched", "PARK11")
    assert state(answer(rise), "send_genotype") == "silent"
    silent(noise, "early_rise_is_watched")
    open_without(rise, "early_rise_is_watched", "early_rise")


def test_s09_crash_is_the_only_verdict_before_day_14() -> None:
    crash = graft(
        "d9",
        viral_loads=loads(d0="1500", d8="9000"),
        drugs=[valganciclovir("d0")],
        symptoms={"organ_failure": {"present": "yes", "date": "d9"}},
        words={"clinical_course": {"value": "worsening", "date": "d9"}},
    )
    said(crash, "crash_before_day_14")
    steady = {**crash, "words": {"clinical_course": {"value": "improving", "date": "d9"}}}
    silent(steady, "crash_before_day_14")
    open_without(crash, "crash_before_day_14", "organ_failure")


def test_s09_organ_disease_can_fail_with_a_negative_blood_load() -> None:
    worse = colitis(
        "d21",
        viral_loads=loads(d0="<34.5", d20="not detected"),
        drugs=[valganciclovir("d0")],
        cmv={"disease": [{"concept": "cmv_colitis", "start": "d-2"}]},
        words={"clinical_course": {"value": "worsening", "date": "d20"}},
        labs={"creatinine": [{"date": "d-2", "value": "60 umol/L"}, {"date": "d12", "value": "60 umol/L"}]},
    )
    said(worse, "organ_disease_refractory", "DEF19")
    same = {**worse, "words": {"clinical_course": {"value": "unchanged", "date": "d20"}}}
    said(same, "organ_disease_probably_refractory", "DEF19")
    better = {**worse, "words": {"clinical_course": {"value": "improving", "date": "d20"}}}
    silent(better, "organ_disease_refractory")
    open_without(worse, "organ_disease_refractory", "clinical_course")


def test_s09_slow_response_at_day_21() -> None:
    slow = graft("d23", viral_loads=loads(d0="60000", d14="30000", d22="9000"), drugs=[valganciclovir("d0")])
    said(slow, "still_positive_at_day_21")
    silent(GOOD, "still_positive_at_day_21")
