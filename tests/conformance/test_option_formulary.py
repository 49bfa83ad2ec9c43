"""A site says which drugs it cannot give. Nothing is assumed until it does, and the formulary is its own to set."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.support import KIDNEY, answer, changed, items, state

from cmvigil.reasoning.loader import BASE, load
from cmvigil.reasoning.source import KnowledgeError

RULES = {
    "ganciclovir": "ganciclovir_off_formulary",
    "valganciclovir": "valganciclovir_off_formulary",
    "foscarnet": "foscarnet_off_formulary",
    "cidofovir": "cidofovir_off_formulary",
    "maribavir": "maribavir_off_formulary",
    "letermovir": "letermovir_off_formulary",
    "cmv_immunoglobulin": "cmv_immunoglobulin_off_formulary",
    "virus_specific_t_cells": "virus_specific_t_cells_off_formulary",
    "leflunomide": "leflunomide_off_formulary",
    "brincidofovir": "brincidofovir_off_formulary",
}
LOST = changed(KIDNEY, {"genotype": [{"date": "d-4", "calls": {"ganciclovir": "resistant"}}]})


def overlay(folder: Path, **settings: str) -> Path:
    """A site's folder that sets the formulary: ``maribavir="false"``."""
    site = folder / "north"
    (site / "pathway").mkdir(parents=True)
    (site / "version.yaml").write_text('version: "2026-03"\n')
    lines = [f"  {drug}_on_formulary: {{value: {value}}}" for drug, value in settings.items()]
    (site / "pathway" / "formulary.yaml").write_text("\n".join(["settings:", *lines, ""]))
    return site


def test_every_option_can_be_taken_off() -> None:
    program = load()
    assert set(RULES) == set(program.antivirals)
    assert all(program.rules[rule].options == (drug,) for drug, rule in RULES.items())


@pytest.mark.parametrize("drug", RULES)
def test_nothing_is_said_until_the_site_says_it(drug: str) -> None:
    assert state(answer(KIDNEY), RULES[drug]) == "silent"


@pytest.mark.parametrize("drug", RULES)
def test_a_drug_that_cannot_be_had_is_avoided(drug: str, tmp_path: Path) -> None:
    advice = answer(KIDNEY, overlay=overlay(tmp_path, **{drug: "false"}))
    item = items(advice)[RULES[drug]]
    assert (item.state, item.effect, item.statement) == ("applies", "avoid", "site")
    verdict = next(option.verdict for option in advice.options if option.drug == drug)
    assert verdict in ("avoid", "contraindicated", "named")
    others = {rule for other, rule in RULES.items() if other != drug}
    assert not others & items(advice).keys()


@pytest.mark.parametrize("drug", RULES)
def test_a_drug_that_can_be_had_is_not(drug: str, tmp_path: Path) -> None:
    assert state(answer(KIDNEY, overlay=overlay(tmp_path, **{drug: "true"})), RULES[drug]) == "silent"


def test_the_next_option_takes_the_lead(tmp_path: Path) -> None:
    assert answer(LOST).options[0].drug == "maribavir"
    without = answer(LOST, overlay=overlay(tmp_path, maribavir="false"))
    assert without.options[0].drug == "foscarnet"
    assert next(o.why for o in without.options if o.drug == "maribavir") == "Not on this site's formulary"


def test_no_risk_has_to_be_accepted_for_it(tmp_path: Path) -> None:
    advice = answer(LOST, overlay=overlay(tmp_path, maribavir="false"))
    assert advice.provenance.overlays == ["north 2026-03"]
    assert advice.provenance.accepted_risks == []


@pytest.mark.parametrize("word", ["0", "maybe"])
def test_anything_but_true_and_false_is_refused(word: str, tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"maribavir_on_formulary: value is .*; expected true or false"):
        load(BASE, (overlay(tmp_path, maribavir=word),))
