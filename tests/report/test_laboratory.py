"""The laboratory report: everything is said, the decisive first, and nothing in a file can break the page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import html as lxml_html
from tests.genotype.support import known
from tests.report import laboratory_samples as samples
from tests.report.laboratory_samples import call, covered, sample
from tests.support import typesetter

from cmvigil.genotype import words as verdict_words
from cmvigil.genotype.coverage import required_codons, stretches_text, unread
from cmvigil.genotype.model import Database, Number, Site
from cmvigil.report import laboratory, words
from cmvigil.report.genotype_about import About
from cmvigil.report.laboratory_methods import link
from cmvigil.report.laboratory_sample import SampleReport
from cmvigil.sequencing.batch import Failed
from cmvigil.sequencing.sample import Note, Options, Sample

ROOT = Path(__file__).parents[2]
VERSION = "9.8.7"


def page(*of: Sample) -> lxml_html.HtmlElement:
    return lxml_html.fromstring(laboratory.render(of, known(), VERSION).decode())


def spaced(text: str) -> str:
    return " ".join(text.replace(words.NBSP, " ").replace(words.THIN, " ").split())


def shown(node: lxml_html.HtmlElement) -> str:
    """What a reader sees: without style, and without what only a screen reader hears."""
    return spaced(" ".join(node.xpath(".//text()[not(ancestor::style or ancestor::title or ancestor::desc)]")))


def summary(of: Sample) -> str:
    return spaced(page(of).find_class("summary")[0].text_content())


def section(node: lxml_html.HtmlElement, heading: str) -> str:
    (found,) = node.xpath(f".//section[h2='{heading}' or h3='{heading}']")
    return shown(found)


def drug_row(of: Sample, drug: str) -> str:
    rows = page(of).xpath("//table[contains(@class, 'verdicts')]/tbody/tr")
    return next(text for row in rows if (text := shown(row)).startswith(drug))


def test_the_sentence_says_which_drugs_and_by_which_changes() -> None:
    assert summary(samples.two_genes()) == (
        "Resistant to ganciclovir and valganciclovir (high: UL97 A594V at 23 % and UL54 P522S at 97 %) and cidofovir "
        "(low: UL54 P522S at 97 %); possible resistance to maribavir (low: UL97 A594V at 23 %); not determined for "
        "foscarnet and letermovir (needed codons not read)."
    )
    assert summary(samples.wild_type()) == (
        "Sensitive to ganciclovir, valganciclovir, foscarnet, cidofovir, maribavir and letermovir."
    )


def test_the_sentence_names_three_changes_and_counts_the_rest() -> None:
    assert "UL97 L595S, UL97 M460V, UL97 C603W and 2 more)" in summary(samples.sanger())


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (samples.nothing(), "needed codons not read"),
        (samples.unstated(), "coverage not stated"),
        (sample(call("UL54:L501F@3%")), "a change too rare to decide"),
        (sample(call("UL97:R593A@80%")), "UL97 R593A at 80 %, effect not known"),
    ],
)
def test_the_sentence_says_why_a_drug_is_not_determined(of: Sample, why: str) -> None:
    assert f"({why})" in summary(of)


@pytest.mark.parametrize("make", samples.ALL)
def test_every_drug_change_note_and_number_is_said(make: Callable[[], Sample]) -> None:
    of = make()
    read, found = of.read, of.interpretation
    said = shown(page(of))
    wanted = [words.clean(read.name), words.clean(read.file), read.format, read.input_sha256, read.strain, *found.notes]
    for drug in found.drugs:
        wanted += [words.sentence(drug.drug), *drug.stands_for, verdict_words(drug.verdict, drug.level)]
        wanted += [
            *drug.drivers,
            *("conflict" for _ in range(drug.conflict)),
            *("minority" for _ in range(drug.minority)),
        ]
        wanted += [*drug.sources, *drug.dois]
    for each in found.variants:
        wanted += [each.mutation.change, *each.flags, *each.comments]
        wanted += [reason for drug in each.drugs if not drug.fold for reason in drug.reasons]
        wanted += [why for drug in each.drugs for why in drug.conflicts]
    wanted += [each.mutation.name for each in read.calls if not each.interpreted]
    wanted += [words.sentence(note.text) for note in read.notes]
    assert [text for text in wanted if spaced(text) not in said] == []


def test_the_verdict_on_ganciclovir_holds_for_valganciclovir_and_says_what_it_rests_on() -> None:
    row = drug_row(samples.two_genes(), "Ganciclovir")
    for part in ("holds for valganciclovir", "▲ Resistant (high)", "estimated", "conflict", "22.7 (8.3 to 68.1)"):
        assert part in row
    assert "UL97 A594V, 23 % (21.5–24.5 %)" in row
    assert "minority" in drug_row(samples.severe(), "Maribavir")


def test_a_drug_that_is_not_determined_names_the_codons_and_the_long_list_stands_under_quality() -> None:
    assert "Needed and not read: UL54 290" in drug_row(samples.two_genes(), "Foscarnet")
    assert "UL51 (all); UL56 (all); UL89 (all)" in drug_row(samples.two_genes(), "Letermovir")
    of = sample(coverage=covered("UL54:300-500"))
    assert re.search(r"\d+ and \d+ more, see Quality", drug_row(of, "Ganciclovir"))
    needed = required_codons(known().drugs["foscarnet"], known())["UL54"]
    assert stretches_text(unread(needed, ((300, 500),))) in section(page(of), "Quality")


def test_a_verdict_carries_a_shape_beside_its_word() -> None:
    signs = {"Resistant": "▲", "Possible resistance": "◆", "Not determined": "?", "Sensitive": "○"}
    for make in samples.ALL:
        for each in page(make()).find_class("verdict"):
            sign, word = spaced(each.text_content()).split(" ", 1)
            assert sign == signs[word.partition(" (")[0]]


def test_the_most_resistant_changes_stand_first_and_one_reading_of_several_drugs_is_said_once() -> None:
    rows = page(samples.crowded()).xpath("//table[contains(@class, 'changes-of')]/tbody/tr")
    signs = [shown(row)[0] for row in rows]
    assert signs == sorted(signs, key="▲◆■●".index)
    (row,) = (text for row in rows if "UL54 F300A" in (text := shown(row)))
    assert row.count("ganciclovir, foscarnet and cidofovir not determined") == 1


def test_polymorphisms_unknown_and_filtered_changes_have_places_of_their_own() -> None:
    changes = page(samples.two_genes()).xpath("//section[h3='Changes']")[0]
    table = shown(changes.xpath(".//table")[0])
    assert "A1108T" not in table and "D605E" not in table
    assert "A1108T 99.4 %" in shown(changes.xpath(".//h4[.='Polymorphisms']/following-sibling::dl[1]")[0])
    assert "UL97 D605E 4 % · filtered: strand bias" in shown(changes.find_class("aside")[0])
    assert "L144G 88 %" in section(page(sample(call("UL27:L144G@88%"))), "Changes")


def test_the_matrix_holds_each_change_against_each_drug_and_the_verdicts() -> None:
    matrix = page(samples.two_genes()).xpath("//section[h3='Cross-resistance']//table")[0]
    rows = {row.xpath("string(th)"): [shown(cell) for cell in row.findall("td")] for row in matrix.xpath(".//tbody/tr")}
    assert rows["UL97 A594V"] == ["▲ R", "·", "·", "◆ P", "·"]
    assert rows["All together"] == ["▲ R", "?", "▲ R", "◆ P", "?"]
    assert "A1108T" not in shown(matrix)


def test_a_severe_finding_stands_above_the_sentence_and_first_under_quality() -> None:
    (head,) = page(samples.severe()).xpath("//article/header")
    said = shown(head)
    assert said.index("The result is doubtful.") < said.index("UL97 R10*: a stop") < said.index("Resistant to")
    quality = section(page(samples.severe()), "Quality")
    assert quality.index("Severe") < quality.index("Warning") < quality.index("Note")
    assert "doubtful" not in shown(page(samples.two_genes()))


def test_codons_that_a_note_calls_uncovered_are_left_to_the_table() -> None:
    of = sample(coverage=covered("UL97"), notes=[Note("warning", "uncovered", "foscarnet: UL54 not read")])
    assert "foscarnet: UL54 not read" not in shown(page(of))
    assert "GCV, FOS and CDV: all" in section(page(of), "Quality")


def test_depth_and_what_would_have_been_seen_are_told_where_they_are_known() -> None:
    deep, flat = (section(page(of), "Quality") for of in (samples.letermovir(), samples.sanger()))
    assert re.search(r"Fragments \(median\).*lowest", deep) and re.search(r"Share seen from.*at worst", deep)
    assert "Fragments" not in flat and "Share seen from" not in flat


def test_a_coverage_that_nobody_stated_is_not_called_unread() -> None:
    said = shown(page(samples.unstated()))
    assert "Which codons were read is not stated." in said
    assert "all read" not in said and "Needed and not read" not in said


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (samples.wild_type(), "None found in what was read."),
        (samples.nothing(), "None found."),
        (
            sample(call("UL54:A1108T")),
            "None whose phenotype is known, that is described, or that lies in a region of resistance.",
        ),
    ],
)
def test_no_change_is_said(of: Sample, said: str) -> None:
    assert said in section(page(of), "Changes")


def test_methods_name_versions_cut_offs_sources_and_studies() -> None:
    methods = section(page(samples.two_genes()), "Methods and limits")
    for part in ("NC_006273.2", VERSION, known().version, known().hash, "it orders nothing", "cell culture"):
        assert part in methods
    for part in (
        "from 15-fold resistant, high recalled, not checked",
        "from 10 % most laboratories report it verified",
    ):
        assert part in methods
    assert known().sources["SOT3"]["title"] in methods
    links = page(samples.two_genes()).xpath("//section[@class='methods']//a/@href")
    assert "https://doi.org/10.1128/jcm.02205-14" in links


def test_the_cut_off_that_was_used_and_a_database_that_a_site_added_are_named() -> None:
    database = Database("HerpesDRG-DB", "2026-07-05", "MIT", "site-overlay", 1496, 3)
    other = replace(known(), databases=(database,))
    other = replace(other, thresholds=replace(known().thresholds, report_floor=Decimal("0.02")))
    text = shown(lxml_html.fromstring(laboratory.render([samples.wild_type()], other, VERSION).decode()))
    assert "from 2 % decides" in text
    assert f"site-overlay: {database}" in text


@pytest.mark.parametrize(
    ("locator", "address"),
    [
        ("doi:10.1128/JCM.01605-13", "https://doi.org/10.1128/JCM.01605-13"),
        ("PMID 9123456", "https://pubmed.ncbi.nlm.nih.gov/9123456/"),
        ("https://hivdb.stanford.edu", "https://hivdb.stanford.edu"),
        ("javascript:alert(1)", None),
        ("source not stated", None),
    ],
)
def test_only_addresses_of_publications_become_links(locator: str, address: str | None) -> None:
    assert link(locator) == address


def test_names_from_files_cannot_become_markup() -> None:
    text = laboratory.render([samples.hostile()], known(), VERSION).decode()
    tree = lxml_html.fromstring(text)
    assert not tree.xpath("//script | //img | //b")
    assert "<script>alert(1)</script>" in tree.find_class("name")[0].text_content()
    assert "\u202e" not in text


@pytest.mark.parametrize("make", samples.ALL)
def test_the_page_asks_for_nothing_from_outside(make: Callable[[], Sample]) -> None:
    tree = page(make(), samples.wild_type())
    assert not tree.xpath("//script | //link | //iframe | //object | //*[@src] | //@*[starts-with(name(), 'on')]")
    assert all(re.match(r"https://|#", link) for link in tree.xpath("//@href"))
    assert "url(" not in tree.xpath("string(//style)") and "@import" not in tree.xpath("string(//style)")
    assert "default-src 'none'" in tree.xpath("string(//meta[@http-equiv]/@content)")


def test_several_samples_stand_under_a_table_of_all() -> None:
    found = [make() for make in samples.ALL]
    tree = page(*found)
    rows = tree.xpath("//section[@class='index']//tbody/tr")
    assert len(rows) == len(tree.xpath("//article")) == len(found)
    cells = [shown(cell) for cell in rows[3].findall("td")]
    assert cells == ["▲ R", "?", "▲ R", "▲ R", "?"]
    assert ["Severe" in shown(row) for row in rows] == [bool(SampleReport(of, known(), 1).severe) for of in found]
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in tree.xpath("//section[@class='index']//a/@href")} <= set(ids)
    assert max(len(name) for name in tree.xpath("//section[@class='index']//a/text()")) <= 60


def test_one_sample_needs_no_table_of_all_and_none_is_said() -> None:
    assert not page(samples.wild_type()).xpath("//section[@class='index']")
    assert "Nothing was read." in shown(page())


def test_every_picture_has_a_title_and_a_description_with_the_changes() -> None:
    pictures = page(samples.two_genes()).xpath("//*[local-name()='svg']")
    assert len(pictures) == len(known().genes)
    for picture in pictures:
        title, description = picture.get("aria-labelledby").split()
        assert picture.xpath(f"string(.//*[@id='{title}'])")
        assert picture.xpath(f"string(.//*[@id='{description}'])")
    assert "Changes: A594V 23\N{NARROW NO-BREAK SPACE}%." in pictures[0].xpath("string(.//*[local-name()='desc'])")


def test_the_report_has_the_same_bytes_every_time() -> None:
    code = (
        "import hashlib; from tests.genotype.support import known; from tests.report import laboratory_samples as s; "
        "from cmvigil.report.laboratory import render; "
        "print(hashlib.sha256(render([make() for make in s.ALL], known(), '1')).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_parts_of_the_sentence_that_speak_of_resistance_are_marked() -> None:
    parts = SampleReport(samples.two_genes(), known(), 1).summary
    assert [strong for strong, _ in parts] == [True, True, False]


def test_pdf_is_four_pages_at_most_for_one_sample_and_the_same_every_time() -> None:
    typesetter.needed()
    import weasyprint

    made = laboratory.render([samples.two_genes()], known(), VERSION)
    pdf = laboratory.as_pdf(made)
    assert pdf.startswith(b"%PDF")
    assert pdf == laboratory.as_pdf(made)
    assert len(weasyprint.HTML(string=made.decode()).render().pages) <= 4


def test_without_weasyprint_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(laboratory.TypesetterMissingError, match=re.escape("install cmvigil[pdf]")):
        laboratory.as_pdf(b"<p>")


def test_labels_are_shown_and_those_not_given_leave_a_line_on_paper() -> None:
    tree = lxml_html.fromstring(
        laboratory.render([samples.two_genes()], known(), VERSION, About("<i>M-0417", laboratory="Ulm")).decode()
    )
    (head,) = tree.find_class("labels")
    assert [shown(each) for each in head] == ["Patient <i>M-0417", "Specimen taken", "Laboratory Ulm"]
    assert [each.get("class") for each in head] == [None, "blank", None]
    on_paper = tree.xpath("string(//style)").rpartition("@media print")[2]
    assert ".labels .blank dd { border-bottom" in on_paper


def test_methods_tell_how_the_sequence_was_made_and_read() -> None:
    options = Options(min_fraction=Decimal("0.02"), primers="/home/x/assay.bed", reference="/x/ref.fa", copies=1200)
    about = About(options=replace(options, filtered=True, merge=True))
    text = laboratory.render([samples.wild_type(), samples.sanger()], known(), VERSION, about).decode()
    methods = section(lxml_html.fromstring(text), "Methods and limits")
    for part in (
        "Short reads, codons counted whole. Not called: changes below 1%",
        "Consensus sequence. Minorities below about 20% of the population were not looked for",
        "from 2%, set for this run",
        "Genomes in the test 1,200",
        "assay.bed: their bases are left out",
        "ref.fa",
        "interpreted too",
        "amplicons of one sample",
    ):
        assert part in methods
    assert "/home/x" not in text
    plain = section(page(samples.wild_type()), "Methods and limits")
    for part in ("as the knowledge says", "Genomes in the test not stated", "Primers none named"):
        assert part in plain
    assert "interpreted too" not in plain


def test_what_a_site_has_changed_stands_under_methods() -> None:
    site = Site(("north 3",), ("thresholds: <our> noise (north)",), (Number("low_from", "2", "3"),))
    text = laboratory.render([samples.two_genes()], replace(known(), site=site), VERSION).decode()
    methods = section(lxml_html.fromstring(text), "Methods and limits")
    for part in ("Overlays of the site: north 3", "low_from 2 -> 3", "accepted by the site: thresholds: <our> noise"):
        assert part in methods


def test_files_that_failed_are_named_beside_the_table_of_all() -> None:
    failed = [Failed("bad.fasta", ("bad.fasta: is <empty>; give a file with a sequence",))]
    text = laboratory.render([samples.two_genes()], known(), VERSION, failed=failed).decode()
    index = lxml_html.fromstring(text).xpath("//section[@class='index']")[0]
    assert "1 input could not be used bad.fasta: is <empty>; give a file with a sequence" in shown(index)


def test_many_changes_that_nobody_described_stand_above_the_sentence() -> None:
    note = Note("warning", "unusual", "31 substitutions that were never described; check the sequence")
    (head,) = page(sample(notes=[note])).xpath("//article/header")
    said = shown(head)
    (row, _) = page(sample(notes=[note]), samples.wild_type()).xpath("//section[@class='index']//tbody/tr/th")
    assert shown(row).endswith("Warning")
    assert said.index("Check the sample before the result is used.") < said.index("Sensitive to")
    assert "31 substitutions that were never described" in said
    assert "(it suggests a divergent strain, a mixed sample, or errors of sequencing)" in said


def test_a_finding_that_begins_with_the_name_of_a_file_keeps_it() -> None:
    notes = [Note("note", "read pairs", "a_R1.fastq and a_R2.fastq were read"), Note("note", "mates", "mates differ")]
    quality = section(page(sample(notes=notes)), "Quality")
    assert "Note a_R1.fastq and" in quality and "Note Mates differ" in quality


def test_a_gene_of_which_no_codon_is_needed_is_not_called_missing() -> None:
    numbers = replace(known().thresholds, low_from=Decimal(3))
    report = SampleReport(sample(coverage=covered("UL97")), replace(known(), thresholds=numbers), 1)
    letermovir = next(row for row in report.drugs if row.of.drug == "letermovir")
    assert letermovir.missing == ["UL51 (all)", "UL56 (all)"]


def test_a_cut_off_that_a_site_has_set_says_so() -> None:
    cited = tuple(each for each in known().cited if not each[0].endswith(": report_floor"))
    site = replace(known(), cited=(*cited, ("resistance/thresholds.yaml: report_floor", (), "")))
    assert "set by the site" in laboratory.render([samples.two_genes()], site, VERSION).decode()
