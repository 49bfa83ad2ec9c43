"""S19: watchful waiting only when every precondition is known and met; the tissue cut-off is the site's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.support import COLITIS, GANCICLOVIR, STEROID, Case, answer, changed, items, state, true_leaves

RULE = "watchful_waiting"
WATCHFUL = changed(
    COLITIS,
    {
        "host": {"ibd": {"severity": "moderate", "steroid_response": "responsive"}},
        "viral_loads": [{"date": "d-8", "value": "not detected"}, {"date": "d-2", "value": "not detected"}],
        "tissue": [
            {
                "date": "d-8",
                "site": "colon",
                "ihc": {"result": "positive", "density": 1},
                "pcr": {"value": "40", "unit": "copies/mg"},
            }
        ],
        "drugs": [STEROID],
    },
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The overlay of a site that has set its cut-off for copies per mg of tissue."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "pathway").mkdir()
    (folder / "pathway" / "site.yaml").write_text("settings:\n  tissue_copies_per_mg_low: {value: 100}\n")
    return folder


def test_s19_is_said_when_all_is_known_and_met(site: Path) -> None:
    advice = answer(WATCHFUL, overlay=site)
    item = items(advice)[RULE]
    assert (item.state, item.statement, item.certainty) == ("applies", "S19", "very-low")
    assert item.sources
    leaves = true_leaves(item.walkback.when, advice.definitions)
    assert {"tissue_copies_per_mg"} <= {f for leaf in leaves for f in leaf.facts}


def test_s19_without_a_cut_off_it_is_undetermined() -> None:
    item = items(answer(WATCHFUL))[RULE]
    assert item.state == "undetermined"
    assert "tissue_copies_per_mg_low" in item.needs


@pytest.mark.parametrize(
    "change",
    [
        {
            "tissue": [
                {
                    "date": "d-8",
                    "site": "colon",
                    "ihc": {"result": "positive", "density": 6},
                    "pcr": {"value": "40", "unit": "copies/mg"},
                }
            ]
        },
        {"viral_loads": [{"date": "d-2", "value": "900"}]},
        {"host": {"ibd": {"severity": "acute_severe"}}},
        {"host": {"ibd": {"steroid_response": "refractory"}}},
        {"cmv": {"episodes": [{"start": "d-10", "site": ["colon", "lung"]}]}},
        {"drugs": [STEROID, GANCICLOVIR]},
    ],
    ids=["dense", "virus in blood", "acute severe", "steroid-refractory", "disease elsewhere", "treated already"],
)
def test_s19_one_precondition_fails_and_it_is_silent(change: Case, site: Path) -> None:
    assert state(answer(changed(WATCHFUL, change), overlay=site), RULE) == "silent"


def test_s19_a_load_above_the_cut_off_is_not_low(site: Path) -> None:
    high = changed(
        WATCHFUL,
        {
            "tissue": [
                {
                    "date": "d-8",
                    "site": "colon",
                    "ihc": {"result": "positive", "density": 1},
                    "pcr": {"value": "400", "unit": "copies/mg"},
                }
            ]
        },
    )
    item = items(answer(high, overlay=site)).get(RULE)
    assert item is None or item.state == "undetermined"
    assert item is None or "tissue_copies_per_mg" not in item.needs


@pytest.mark.parametrize(
    "fact", ["latest_load_negative", "steroid_response", "colitis_severity", "organ_failure", "disease_outside_gut"]
)
def test_s19_asks_for_each_hidden_precondition(fact: str, site: Path) -> None:
    advice = answer(WATCHFUL, hide=(fact,), overlay=site)
    assert state(advice, RULE) == "undetermined"
    assert fact in items(advice)[RULE].needs
    assert fact in {fact for q in advice.changes for fact in q.facts}


def test_s19_other_denominators_are_never_converted(site: Path) -> None:
    per_ug = changed(
        WATCHFUL,
        {
            "tissue": [
                {
                    "date": "d-8",
                    "site": "colon",
                    "ihc": {"result": "positive", "density": 1},
                    "pcr": {"value": "5", "unit": "copies/ug DNA"},
                }
            ]
        },
    )
    item = items(answer(per_ug, overlay=site))[RULE]
    assert item.state == "undetermined"
    assert "tissue_copies_per_ug_low" in item.needs


def test_s19_is_asked_for_only_where_tissue_was_measured() -> None:
    unmeasured = changed(WATCHFUL, {"tissue": [{"date": "d-8", "site": "colon", "ihc": "negative"}]})
    assert state(answer(unmeasured), RULE) == "silent"


def test_s19_stands_above_treating_the_recurrence(site: Path) -> None:
    again = {
        "cmv": {
            "episodes": [
                {"start": "2025-06-01", "end": "2025-06-30", "site": "colon"},
                {"start": "d-10", "site": "colon"},
            ]
        }
    }
    said = answer(changed(WATCHFUL, again), overlay=site)
    assert state(said, RULE) == "applies"
    assert state(said, "recurrent_is_not_resistant") in ("overridden", "silent")
