"""The Bundles that are measured are what their names say."""

from __future__ import annotations

from benchmarks.bundle import ENTRIES, bundle, mapped

from cmvigil.record.read import read_record


def test_in_one_most_entries_are_of_no_use_and_in_the_other_none() -> None:
    hospital, used = read_record(bundle()), read_record(mapped())
    for record in (hospital, used):
        assert sum(n for what, n in record.counts.items() if what.startswith("read.")) == ENTRIES
    assert 0.5 < hospital.counts["unmapped"] / ENTRIES < 0.7
    assert used.counts["unmapped"] == 0
    assert [issue for issue in used.issues if issue.level != "note"] == []
    infusions = [row for row in used.rows["exposure"] if row.source.startswith("MedicationAdministration")]
    assert used.counts["read.MedicationAdministration"] > 100
    assert len(infusions) == 1  # one course, merged
