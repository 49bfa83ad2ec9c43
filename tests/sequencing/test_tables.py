"""Tables of codon counts and lists of typed changes."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.genotype.support import known

from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.files import Source
from cmvigil.sequencing.intervals import jeffreys
from cmvigil.sequencing.power import detectable, templates
from cmvigil.sequencing.read import read_samples
from cmvigil.sequencing.reference import CODONS, reference
from cmvigil.sequencing.sample import Call, Options, Sequenced
from cmvigil.sequencing.tables import read_changes, read_codons

HEADER = "gene\tcodon\tbases\tcount\n"
EVENTS = "gene\tcodon\tbases\tcount\tevent_depth\n"
any_input = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def source(folder: Path, text: str, name: str = "p1.tsv") -> Source:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return Source(folder / name)


def table(folder: Path, text: str, **options: int) -> list[Sequenced]:
    return read_codons(source(folder, text), known(), Options(**options))


def counted(folder: Path, *rows: str) -> Sequenced:
    """The sample of a table in long form."""
    (sample,) = table(folder, HEADER + "".join(row.replace(" ", "\t") + "\n" for row in rows))
    return sample


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SequenceError) as caught:
        table(folder, text)
    return caught.value.problems


def listed(folder: Path, text: str) -> Sequenced:
    (sample,) = read_changes(source(folder, text, "p1.txt"), known(), Options())
    return sample


def unlisted(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SequenceError) as caught:
        listed(folder, text)
    return caught.value.problems


def shares(sample: Sequenced) -> list[tuple[str, Decimal | None]]:
    return [(call.mutation.name, call.mutation.fraction) for call in sample.calls]


# -- counts of codons --------------------------------------------------------------------------------------------------


def test_synonymous_codons_are_added_up(tmp_path: Path) -> None:
    sample = counted(tmp_path, "UL97 594 GCG 900", "UL97 594 GTG 60", "UL97 594 GTC 40")
    low, high = jeffreys(100, 1000)
    (call,) = sample.calls
    assert call == Call(call.mutation, low, high, 1000)
    assert (str(call.mutation), call.mutation.mixed) == ("UL97:A594V@10%", False)
    assert sample.depths["UL97"][592:595] == [0, 1000, 0]
    assert sample.detectable["UL97"][592:595] == [1.0, 0.1, 1.0]
    assert sample.counts == {("UL97", 594): {"GCG": 900, "GTC": 40, "GTG": 60}}
    assert (sample.name, sample.format, sample.coverage) == ("p1", "codon counts", {"UL97": ((594, 594),)})


@pytest.mark.parametrize(
    ("changed", "wild", "called"), [(8, 700, True), (7, 100, False), (8, 793, False), (8, 792, True)]
)
def test_the_floor_of_calls(tmp_path: Path, changed: int, wild: int, called: bool) -> None:
    sample = counted(tmp_path, f"UL97 594 GCG {wild}", f"UL97 594 GTG {changed}")
    assert bool(sample.calls) is called


@pytest.mark.parametrize(("depth", "covered"), [(63, True), (61, False)])
def test_a_codon_is_covered_where_sanger_would_have_seen_a_change(tmp_path: Path, depth: int, covered: bool) -> None:
    assert bool(counted(tmp_path, f"UL97 594 GCG {depth}").coverage) is covered


def test_what_can_be_seen_of_a_shallow_codon(tmp_path: Path) -> None:
    assert counted(tmp_path, "UL97 594 GCG 70").detectable["UL97"][593] == detectable(70)


def test_few_copies_limit_what_is_covered(tmp_path: Path) -> None:
    text = HEADER + "UL97\t594\tGCG\t5000\n"
    (many,), (few,) = table(tmp_path, text, copies=1000), table(tmp_path, text, copies=10)
    assert few.detectable["UL97"][593] == templates(10, 3)
    assert (bool(many.coverage), bool(few.coverage)) == (True, False)


def test_codons_lost_beside_each_other_are_one_deletion(tmp_path: Path) -> None:
    rows = [
        f"UL97 {codon} {what} {n}" for codon in range(595, 604) for what, n in (("del", 100 + codon % 3), ("AAA", 900))
    ]
    sample = counted(tmp_path, *rows, "UL97 594 GCG 1000", "UL97 604 GCG 1000")
    (lost,) = [call for call in sample.calls if call.mutation.kind == "deletion"]
    assert (lost.mutation.change, lost.mutation.fraction) == ("del595_603", Decimal("0.1"))


def test_losses_at_other_shares_are_two_deletions(tmp_path: Path) -> None:
    sample = counted(tmp_path, "UL97 598 del 100", "UL97 598 GGC 900", "UL97 599 del 500", "UL97 599 AAG 500")
    assert shares(sample) == [("UL97 del598", Decimal("0.1")), ("UL97 del599", Decimal("0.5"))]


def test_codons_that_are_lost_do_not_tell_an_in_frame_deletion(tmp_path: Path) -> None:
    """A shift of the frame loses them too: what stands there is not known, so no drug of the gene is judged by it."""
    path = tmp_path / "p1.tsv"
    rows = [f"UL97\t{codon}\t{reference().codon('UL97', codon)}\t500\n" for codon in range(1, 708)]
    path.write_text(HEADER + "".join(rows) + "".join(f"UL97\t{codon}\tdel\t500\n" for codon in range(595, 604)))
    (found,) = read_samples([path], known())
    (lost,) = found.read.calls
    assert (lost.flags, lost.interpreted) == (("phase unknown", "possible"), False)
    assert found.read.coverage == {"UL97": ((1, 594), (604, 707))}
    ganciclovir = found.interpretation.drugs[0]
    assert ganciclovir.verdict == "not_determined" and "UL97 codons not read: 595-603" in ganciclovir.reasons
    table = next(note for note in found.read.notes if note.code == "table")
    assert table.level == "warning" and "nor are deletions, which may shift the reading frame" in table.text


@pytest.mark.parametrize(("changed", "interpreted"), [(99, False), (100, True)])
def test_what_few_laboratories_report_is_listed_and_not_interpreted(
    tmp_path: Path, changed: int, interpreted: bool
) -> None:
    (call,) = counted(tmp_path, f"UL97 594 GCG {1000 - changed}", f"UL97 594 GTG {changed}").calls
    assert call.interpreted is interpreted


def test_a_sensitive_verdict_from_a_table_says_what_was_not_interpreted(tmp_path: Path) -> None:
    path = tmp_path / "p1.tsv"
    rows = [
        f"{gene}\t{codon}\t{reference().codon(gene, codon)}\t920\n"
        for gene in ("UL54", "UL97")
        for codon in range(1, len(known().proteins[gene]) + 1)
    ]
    path.write_text(HEADER + "".join(rows) + "UL97\t594\tGTG\t80\n")
    (found,) = read_samples([path], known())
    assert [call.interpreted for call in found.read.calls] == [False]
    assert found.interpretation.drugs[0].verdict == "susceptible"
    depth = [note.text for note in found.read.notes if note.code == "depth"]
    assert depth[0].startswith("ganciclovir: a share below 10% may not have been seen at ")


def test_indels_are_read_as_the_events_that_rows_count(tmp_path: Path) -> None:
    text = (
        "UL97\t595\tTTG\t900\t\nUL97\t595\tdel\t100\t\nUL97\t595\tevent:del595_603\t30\t600\n"
        "UL54\t884\tevent:ins884S\t9\t10\nUL54\t885\tevent:T885fs\t1\t90000\n"
    )
    (sample,) = table(tmp_path, EVENTS + text)
    low, high = jeffreys(30, 600)
    lost = sample.calls[-1]
    assert lost == Call(lost.mutation, low, high, 600)
    assert shares(sample) == [
        ("UL54 ins884S", Decimal("0.9")),
        ("UL54 T885fs", Decimal("0.0001")),
        ("UL97 del595_603", Decimal("0.05")),
    ]
    assert sample.coverage == {"UL97": ((595, 595),)}
    assert [note.code for note in sample.notes] == ["table"] and "nor are deletions" not in sample.notes[0].text


def test_shifts_are_called_and_insertions_told(tmp_path: Path) -> None:
    sample = counted(tmp_path, "UL54 884 ins 300", "UL54 884 TCC 700", "UL54 885 fs 50", "UL54 885 ACG 950")
    assert shares(sample) == [("UL54 T885fs", Decimal("0.05"))]
    (note,) = [note for note in sample.notes if note.code == "insertion"]
    assert note.text.startswith("UL54 codon 884: 300 of 1000 fragments hold an insertion; its residues are not told")


def test_the_wide_form_says_the_same(tmp_path: Path) -> None:
    (wide,) = table(tmp_path, "gene,codon,GCG,gug,del,depth\nUL97,594,90,10,,100\nUL97,595,,,0,0\n")
    long = counted(tmp_path, "UL97 594 GCG 90", "UL97 594 GTG 10")
    assert (wide.calls, wide.coverage) == (long.calls, long.coverage)
    assert ("columns", "columns not used: depth") in [(note.code, note.text) for note in wide.notes]


def test_samples_remarks_residues_and_unclear_bases(tmp_path: Path) -> None:
    text = (
        "# made for a test\n#Sample;Gene;Codon;Bases;Count;Residue\n"
        "b;ul97;594;GTG;80;V\n\n# a remark\na;UL97;594;gcg;80;A\na;UL97;594;GNG;3;X\n;UL97;594;GCG;80;A\n"
    )
    samples = table(tmp_path, text)
    assert [(each.name, shares(each)) for each in samples] == [
        ("b", [("UL97 A594V", Decimal(1))]),
        ("a", []),
        ("p1", []),
    ]
    assert samples[1].notes[1].text == "3 fragments with an unclear base in their codon are not counted"


def test_every_codon_of_merlin_is_no_change(tmp_path: Path) -> None:
    rows = [
        f"{gene} {codon} {reference().codon(gene, codon)} 200"
        for gene, protein in known().proteins.items()
        for codon in range(1, len(protein) + 1)
    ]
    sample = counted(tmp_path, *rows)
    assert sample.calls == ()
    assert sample.coverage == {gene: ((1, len(protein)),) for gene, protein in known().proteins.items()}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("position\tcount\n1\t2\n", "p1.tsv: no header; expected the columns gene, codon, bases and count"),
        ("gene\tcodon\n", "p1.tsv:1: no column holds counts"),
        ("gene\tcodon\tcodon\tAAA\n", "p1.tsv:1: the column codon stands twice"),
        ("gene\tcodon\tbases\tcount\t" + "x" * 200_000, "p1.tsv: its header cannot be read (field larger"),
        (HEADER, "p1.tsv: holds no counts below its header"),
        (HEADER + "UL98\t594\tGCG\t1\n", "p1.tsv:2: gene: found 'UL98'; expected one of UL27, UL51"),
        (HEADER + "UL97\t708\tGCG\t1\n", "p1.tsv:2: codon: found 708; UL97 has codons 1 to 707"),
        (HEADER + "UL97\tx\tGCG\t1\n", "p1.tsv:2: codon: found 'x'; expected a whole number"),
        (HEADER + "UL97\t594\tGC\t1\n", "p1.tsv:2: bases: found 'GC'; expected three bases, or del, ins or fs"),
        (HEADER + "UL97\t594\tGCG\t-1\n", "p1.tsv:2: count: found '-1'; expected a whole number"),
        (HEADER + "UL97\t594\tGCG\n", "p1.tsv:2: count: found ''; expected a whole number"),
        (
            HEADER + "UL97\t594\tGCG\t1\nUL97\t594\tgcg\t1\n",
            "p1.tsv:3: UL97 codon 594: GCG stands twice; add its counts",
        ),
        (HEADER + "UL97\t595\tevent:del595\t1\n", "p1.tsv:2: event_depth: found ''; expected a whole number"),
        (EVENTS + "UL97\t595\tevent:del\t1\t9\n", "p1.tsv:2: 'UL97:del': not readable"),
        (EVENTS + "UL97\t594\tevent:A594V\t1\t9\n", "p1.tsv:2: bases: found 'A594V' as an event; expected an indel"),
        (EVENTS + "UL97\t595\tevent:del595\t9\t8\n", "p1.tsv:2: UL97 del595: found 9 of 8 fragments; expected 1 to 8"),
        (EVENTS + "UL97\t595\tevent:del595\t0\t8\n", "p1.tsv:2: UL97 del595: found 0 of 8 fragments"),
        (
            EVENTS + "UL97\t595\tevent:del595\t1\t8\n" * 2,
            "p1.tsv:3: UL97 del595 stands twice; add its counts",
        ),
    ],
)
def test_faults_name_line_and_remedy(tmp_path: Path, text: str, fault: str) -> None:
    (problem,) = faults(tmp_path, text)
    assert problem.startswith(fault)


def test_no_more_than_twenty_faults_are_named(tmp_path: Path) -> None:
    assert len(faults(tmp_path, HEADER + "UL97\t594\tGCG\t\n" * 50)) == 20
    assert len(unlisted(tmp_path, "UL97:A594\n" * 50)) == 20


@any_input
@given(st.text(alphabet="\t,;\n\"' #geneUL97codonbasescount0123456789ACGT-", max_size=200), st.booleans())
def test_any_table_is_read_or_refused(tmp_path: Path, text: str, headed: bool) -> None:
    try:
        assert table(tmp_path, (HEADER if headed else "x") + text)
    except SequenceError as error:
        assert error.problems


@any_input
@given(st.integers(0, 1 << 30))
def test_shares_are_those_that_were_written(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    rows, expected = [], {}
    for codon in choose.sample(range(10, 600), 5):
        counts = {bases: choose.randint(0, 400) for bases in choose.sample(sorted(CODONS), 3)}
        depth = sum(counts.values())
        rows += [f"UL97 {codon} {bases} {count}" for bases, count in counts.items()]
        for residue in {CODONS[bases] for bases in counts} - {known().proteins["UL97"][codon - 1]}:
            hits = sum(count for bases, count in counts.items() if CODONS[bases] == residue)
            if hits >= max(8, depth * known().thresholds.call_floor):
                expected[codon, residue] = (round(Decimal(hits) / depth, 4), depth)
    found = {
        (each.mutation.first, each.mutation.residue): (each.mutation.fraction, each.depth)
        for each in counted(tmp_path, *rows).calls
    }
    assert found == expected


# -- typed changes -----------------------------------------------------------------------------------------------------


def test_a_list_with_its_coverage(tmp_path: Path) -> None:
    text = (
        "# typed by hand\nUL97:A594V@12%, UL97:L595LS   # a mixture\n\nUL54:del981-982\n"
        "covered: UL97:440-645,UL54:255-1028\nCOVERED: UL97:400-450\n"
    )
    sample = listed(tmp_path, text)
    assert [str(call.mutation) for call in sample.calls] == ["UL54:del981_982", "UL97:A594V@12%", "UL97:L595LS"]
    assert sample.coverage == {"UL54": ((255, 1028),), "UL97": ((400, 645),)}
    assert (sample.name, sample.format, sample.notes) == ("p1", "typed changes", ())


def test_a_list_without_coverage_says_so(tmp_path: Path) -> None:
    sample = listed(tmp_path, "UL97:A594V\n")
    assert sample.coverage == {}
    assert [(note.level, note.code) for note in sample.notes] == [("warning", "coverage")]


def test_no_change_in_what_was_covered_is_a_sample(tmp_path: Path) -> None:
    assert listed(tmp_path, "covered: UL97\n").coverage == {"UL97": ((1, 707),)}


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("UL97:A594V\nUL97:L594V\n", ["p1.txt:2: 'UL97:L594V': codon 594 of UL97 is A in Merlin"]),
        ("UL97:x, UL99:A1V\ncovered: UL97:900\n", ["p1.txt:1: ", "p1.txt:1: ", "p1.txt:2: 'UL97:900'"]),
        ("# nothing\n", ["p1.txt: holds no change"]),
        ("covered:\n", ["p1.txt:1: no codons named"]),
        ("UL97:A594V," * 2000, ["p1.txt:1: a line of 22000 letters"]),
    ],
)
def test_faults_of_a_list(tmp_path: Path, text: str, faults: list[str]) -> None:
    problems = unlisted(tmp_path, text)
    assert len(problems) == len(faults)
    assert all(problem.startswith(fault) for problem, fault in zip(problems, faults, strict=True))


@any_input
@given(st.text(alphabet="UL9745:,;#@%covered \nAVdelins*-_p.", max_size=120))
def test_any_list_is_read_or_refused(tmp_path: Path, text: str) -> None:
    try:
        assert listed(tmp_path, "x" + text)
    except SequenceError as error:
        assert error.problems
