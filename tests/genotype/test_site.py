"""What a site has laid over the knowledge: its overlays, the numbers that it set otherwise, the risks it accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.genotype.support import known
from tests.support.small_knowledge import write

from cmvigil.genotype import Knowledge, check, read_knowledge
from cmvigil.genotype.model import Number, Site
from cmvigil.reasoning.loader import BASE, load
from cmvigil.reasoning.source import read_folders


def number(value: object) -> dict[str, object]:
    return {"value": value, "is": "our number", "sources": ["DESIGN"], "verification": "recalled"}


def laid_over(folder: Path, **numbers: object) -> Path:
    given = {name: number(value) for name, value in numbers.items()}
    return write(folder / "north", resistance__thresholds={**given, "accept_risk": "our assay"})


def at(folder: Path, **numbers: object) -> Knowledge:
    return read_knowledge(load(overlays=(laid_over(folder, **numbers),)))


def test_as_shipped_no_site_has_changed_anything() -> None:
    assert known().site == Site()


def test_overlay_numbers_and_risk_are_told(tmp_path: Path) -> None:
    site = at(tmp_path, low_from=3, caps={"maribavir": 300, "letermovir": 9300}).site
    assert site.overlays == ("north",)
    assert site.risks == ("thresholds: our assay (north)",)
    assert site.thresholds == (Number("low_from", "2", "3"), Number("caps maribavir", "250", "300"))
    assert [str(each) for each in site.thresholds] == ["low_from 2 -> 3", "caps maribavir 250 -> 300"]


def test_an_overlay_that_sets_no_number_otherwise_is_named_all_the_same(tmp_path: Path) -> None:
    assert at(tmp_path, low_from=2).site == Site(("north",), ("thresholds: our assay (north)",))


def test_merged_folders_tell_it_too(tmp_path: Path) -> None:
    raw = read_folders(BASE, [laid_over(tmp_path, high_from=20)])
    assert read_knowledge(raw).site.thresholds == (Number("high_from", "15", "20"),)


@pytest.mark.parametrize(("low_from", "said"), [("2.2", False), ("3", True)])
def test_a_gene_that_a_sites_bands_leave_without_a_resistant_change_is_a_warning(
    tmp_path: Path, low_from: str, said: bool
) -> None:
    """Of UL89 the highest fold for letermovir lies below 3: its codons are needed no more, and that is said."""
    faults = check(at(tmp_path, low_from=float(low_from)))
    text = "needs no codon of UL89: no change there is resistant by the site's thresholds (low_from 2 -> 3)"
    expected = f"warning: resistance/genes.yaml: letermovir: {text}"
    assert [str(fault) for fault in faults] == ([expected] if said else [])
