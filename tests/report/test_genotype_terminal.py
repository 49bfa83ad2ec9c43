"""Sequenced samples at the command line: what comes first, what each change says, width 80."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console
from tests.genotype.support import known
from tests.report.laboratory_samples import ALL, call, covered, hostile, sample, severe, unstated, wild_type
from tests.report.sequenced import plain, rich

from cmvigil.report.genotype_terminal import print_samples
from cmvigil.sequencing.sample import Note, Sample


def printed(*samples: Sample) -> list[str]:
    out = io.StringIO()
    print_samples(samples, known(), Console(file=out, width=80, no_color=True, highlight=False))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("made", [*ALL, rich, plain])
def test_every_sample_fits_80_columns(made: Callable[[], Sample]) -> None:
    lines = printed(made(), plain())
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_what_makes_it_doubtful_comes_before_the_verdicts() -> None:
    lines = printed(severe())
    assert lines[0] == "repeat 3 (FASTA, repeat 3.fasta; looks like the strain AD169)"
    assert lines[1] == "  consensus sequence; SHA-256 0123456789ab..."
    assert lines[2].startswith("  doubtful: UL97 R10*: a stop in a gene that the virus needs.")
    heads = lines.index("drug             verdict               fold               grade  rests on")
    assert heads > max(n for n, line in enumerate(lines) if "check the sample: " in line)
    assert "  note: The sequence was given as the reverse complement." in lines


def test_each_change_says_its_share_and_what_limits_it() -> None:
    text = " ".join(" ".join(printed(rich())).split())
    assert "UL97 A594V 12.5% (11% to 14%), depth 800: phenotype known; minority, below 20%" in text
    assert "UL54 P522A: phenotype known; phase unknown; mixture" in text
    assert "UL97 C603W 3% (1.5% to 4.5%), depth 600: not interpreted; filtered" in text
    assert "UL56 1-300, 310-850" in text


def test_what_holds_for_all_samples_stands_once_at_the_end() -> None:
    lines = printed(rich(), plain(), wild_type())
    assert sum("levels: low from" in line for line in lines) == 1
    decide = [n for n, line in enumerate(lines) if "changes from 5% of the population decide" in line]
    assert len(decide) == 1 and decide[0] < lines.index("plain (FASTA, plain.fasta)")
    assert lines.count("Read with") == 1


def test_codons_that_nobody_stated_are_not_called_read() -> None:
    made = unstated()
    lines = printed(replace(made, read=replace(made.read, stated=False)))
    assert lines[lines.index("Codons read") + 1] == "  not stated"


def test_that_no_codon_was_read_is_not_called_unstated() -> None:
    lines = printed(sample(coverage={}))
    assert lines[lines.index("Codons read") + 1] == "  none"


def test_a_sensitive_verdict_says_what_it_may_have_missed() -> None:
    """Twenty codons of UL97 were read too thinly to see a share that decides."""
    made = sample(name="thin")
    shares = {gene: [0.01] * each.length for gene, each in known().genes.items()}
    shares["UL97"][590:600] = [0.112] * 10
    limit = "    - a share below 12% may not have been seen at 10 of its codons"
    thin = replace(made, read=replace(made.read, detectable=shares))
    assert printed(thin).count(limit) == 2  # ganciclovir and maribavir
    resistant = replace(thin, interpretation=sample(call("UL97:T409M"), call("UL97:A594V")).interpretation)
    assert limit not in printed(resistant)


def test_a_name_cannot_steer_the_terminal() -> None:
    text = " ".join(" ".join(printed(hostile())).split())
    assert '<script>alert(1)</script> & "quoted" ?xxx' in text and "\u202e" not in text


def test_codons_are_told_with_the_share_that_would_have_been_seen() -> None:
    one = sample(coverage={"UL97": ((440, 515), (516, 516), (520, 645))})
    assert "  UL97 440-515, 516, 520-645" in printed(one)
    shares = {"UL97": [1.0] * 515 + [0.125] + [0.0234] * 191}
    counted = replace(one, read=replace(one.read, detectable=shares, coverage={"UL97": ((516, 645),)}))
    line = "UL97 516-645: changes seen from 2.3% of the population, 12.5% at the worst codon"
    assert line in " ".join(" ".join(printed(counted)).split())
    even = replace(counted, read=replace(counted.read, coverage={"UL97": ((520, 645),)}))
    assert "  UL97 520-645: changes seen from 2.3% of the population" in printed(even)


def test_what_a_file_of_its_kind_cannot_show_is_told() -> None:
    fasta, reads = (" ".join(" ".join(printed(made())).split()) for made in (plain, wild_type))
    assert "minorities below about 20% of the population were not looked for" in fasta
    assert "not called: changes below 1%, what one direction of reading shows alone below 4%" in reads
    long = wild_type()
    long = replace(long, read=replace(long.read, notes=(Note("note", "long-reads", "long reads"),)))
    said = " ".join(" ".join(printed(long)).split())
    assert "long reads, aligned with gaps" in said
    assert "not called: changes below 3%, shifts of the frame below 20%, what one direction" in said


def test_reasons_are_not_said_again_under_quality() -> None:
    notes = [
        Note("warning", "uncovered", "foscarnet: UL54 not read"),
        Note("note", "mates", "12 codons differ between mates"),
    ]
    lines = printed(sample(coverage=covered("UL97"), notes=notes))
    quality = lines[lines.index("Quality") : lines.index("Read with")]
    assert quality[1] == "  note: 12 codons differ between mates" and not any("UL54" in line for line in quality)


def test_many_changes_that_nobody_described_stand_above_the_verdicts() -> None:
    note = Note("warning", "unusual", "31 substitutions that were never described; check the sequence")
    lines = printed(sample(notes=[note]))
    assert lines[2].startswith("  check the sample: 31 substitutions that were never described")
    said = " ".join(" ".join(lines).split())
    assert said.count("31 substitutions") == 1
    assert "(it suggests a divergent strain, a mixed sample, or errors of sequencing)" in said


def test_what_limits_a_verdict_stands_below_it_and_not_beside_the_drug_it_holds_for_too() -> None:
    lines = printed(sample(call("UL97:A594V")))
    row = next(n for n, line in enumerate(lines) if line.startswith("ganciclovir"))
    assert [line.split() for line in lines[row + 1 : row + 3]] == [
        ["conflict"],
        ["valganciclovir", "as", "ganciclovir"],
    ]


def test_without_a_change_that_means_something_there_is_no_matrix() -> None:
    assert "Cross-resistance" in printed(sample(call("UL97:A594V")))
    assert "Cross-resistance" not in printed(sample(call("UL27:L144G")))
