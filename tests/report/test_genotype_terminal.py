"""Sequenced samples at the command line: what comes first, what each change says, width 80."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console
from tests.genotype.support import known
from tests.report.laboratory_samples import ALL, call, hostile, sample, severe, unstated, wild_type
from tests.report.sequenced import plain, rich

from cmvigil.report.genotype_terminal import print_samples
from cmvigil.sequencing.sample import Sample


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
    assert lines[1].startswith("  doubtful: UL97 R10*: a stop in a gene that the virus needs.")
    assert lines.index("drug             verdict               fold               grade  rests on") == 4
    assert "  note: The sequence was given as the reverse complement." in lines


def test_each_change_says_its_share_and_what_limits_it() -> None:
    text = " ".join(" ".join(printed(rich())).split())
    assert "UL97 A594V 12.5% (11.0% to 14.0%), depth 800: measured; minority, below 20%" in text
    assert "UL54 P522A: measured; phase unknown; mixture" in text
    assert "UL97 C603W 3.0% (1.5% to 4.5%), depth 600: not interpreted; filtered" in text
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
