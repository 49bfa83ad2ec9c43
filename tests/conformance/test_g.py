"""Section G: laboratories and specimens never mix (G2, G3), blips (G4), negative blood does not clear an organ (G5)."""

from __future__ import annotations

from typing import Any

from tests.conformance.patients import badge, colitis, graft, loads, open_without, said, silent, valganciclovir
from tests.conformance.support import answer, state


def on(series: list[dict[str, Any]], **more: str) -> list[dict[str, Any]]:
    """The same series from another assay, specimen or laboratory."""
    return [{**row, **more} for row in series]


SWITCHED = graft(
    "d20",
    viral_loads=[*loads(m1="2000", d7="2500"), *on(loads(d19="60000"), specimen="whole_blood")],
    drugs=[valganciclovir("d0")],
)
ONE = graft("d20", viral_loads=loads(m1="2000", d7="2500", d19="60000"), drugs=[valganciclovir("d0")])


def test_g2_a_changed_assay_gives_no_verdict() -> None:
    said(SWITCHED, "response_assays_changed", "PANG09")
    assert state(answer(SWITCHED), "response_refractory") == "undetermined"
    assert badge(SWITCHED, "refractory").tone == "unknown"
    silent(ONE, "response_assays_changed")
    said(ONE, "response_refractory")
    open_without(SWITCHED, "response_assays_changed", "response_assays_mixed")


def test_g3_streams_are_told_apart() -> None:
    said(SWITCHED, "loads_of_several_assays", "PANG09")
    silent(ONE, "loads_of_several_assays")
    copies = graft(
        "d20", viral_loads=[*loads(m1="2000"), *on(loads(d19="60000"), unit="copies/mL")], drugs=[valganciclovir("d0")]
    )
    said(copies, "loads_of_several_assays")
    assert state(answer(copies), "response_refractory") == "undetermined"
    open_without(SWITCHED, "loads_of_several_assays", "load_streams")


def test_g4_a_low_single_positive_is_repeated_first() -> None:
    low = graft("d5", viral_loads=loads(m20="<34.5", d4="150"), complete=["medications"])
    said(low, "repeat_possible_blip", "LODDING18")
    assert "2026-03-12" in {task.day for task in answer(low).tasks}
    silent({**low, "viral_loads": loads(m20="<34.5", d4="1500")}, "repeat_possible_blip")
    silent({**low, "viral_loads": loads(d1="120", d4="150")}, "repeat_possible_blip")
    open_without(low, "repeat_possible_blip", "load_in_iu")


def test_g5_negative_blood_does_not_clear_the_gut() -> None:
    gut = colitis(
        "d5", viral_loads=loads(d4="not detected"), cmv={"disease": [{"concept": "cmv_colitis", "start": "d0"}]}
    )
    said(gut, "negative_blood_is_not_enough", "DURAND13")
    silent({**gut, "viral_loads": loads(d4="3000")}, "negative_blood_is_not_enough")
    open_without(gut, "negative_blood_is_not_enough", "latest_load_negative")
