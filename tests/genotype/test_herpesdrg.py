"""HerpesDRG-DB as downloaded: what is ours is taken as ours, what is new with its limits, nothing in silence."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.genotype.support import known

from cmvigil.genotype import read_knowledge
from cmvigil.genotype.herpesdrg import LARGEST, Taken, overlay, read_herpesdrg
from cmvigil.genotype.model import Measurement
from cmvigil.reasoning.loader import BASE
from cmvigil.reasoning.source import KnowledgeError, read_folders

DRUGS = (
    *("Ganciclovir", "Aciclovir", "Cidofovir", "Foscarnet", "Brincidofovir", "Letermovir", "Brivudine", "Penciclovir"),
    *("Tomeglovir", "Maribavir", "Cyclopropavir", "Amenamevir", "Pritelivir"),
)
COLUMNS = (
    *("mutation_id", "virus", "genotype", "gene", "aa_change", *DRUGS, "ref_title", "ref_link", "ref_doi"),
    *("strain_generation", "test_method", "co_gene", "co_aa", "created_date", "created_by", "note", "control_strain"),
    "status",
)
"""The header of the public table, as seen in its repository."""
GENERATION = {
    "recombinant": "Recombinant BAC ",
    "marker_transfer": "Marker Transfer ",
    "in_vitro_selected": "Lab derived mutant ",
    "clinical_isolate": "Isolated strain ",
    "": "",
}
WRONG_DOI = "10.1080/14656566.2019.1637418"


def line(**fields: str) -> list[str]:
    """A row on a recombinant virus with a change that ours has not, in columns of the database."""
    given = {
        "mutation_id": "1",
        "virus": "HCMV",
        "genotype": "AD169",
        "gene": "UL97",
        "aa_change": "A442T",
        "ref_title": 'A "title',
        "ref_doi": "doi.org/10.9999/NEW.1",
        "strain_generation": "Recombinant BAC ",
        "test_method": " PRA",
        "created_date": "31/10/2024",
        "status": "A",
    }
    return [{**given, **fields}.get(name, "") for name in COLUMNS]


def table(*rows: list[str], header: tuple[str, ...] = COLUMNS) -> bytes:
    """The table with tabs."""
    return "".join("\t".join(cells) + "\n" for cells in (header, *rows)).encode()


def taken(*rows: list[str]) -> Taken:
    return read_herpesdrg(table(*rows), known())


def one(**fields: str) -> Measurement:
    """The only value of a row."""
    (found,) = taken(line(**fields)).rows
    return found


def skipped(**fields: str) -> str:
    """Why a row is left out, beside one that is taken."""
    found = taken(line(Ganciclovir="30"), line(**fields))
    (why,) = found.skipped
    assert len(found.rows) == 1
    return why


def printed(row: Measurement) -> list[str]:
    """One of our rows as the database prints it, before our corrections."""
    remarks = dict(row.remarks)
    others = list(row.others)
    if "co_change_corrected" in remarks or "co_gene_corrected" in remarks:
        wrong = remarks.get("co_gene_corrected", "").partition(">")[0]
        change = remarks.get("co_change_corrected", "").partition(">")[0]
        others = [(wrong or gene, change or name) for gene, name in others]
    fold = row.qualitative.title() if row.low is None else f"{row.low}"
    genes = sorted({gene for gene, _ in others})
    return line(
        genotype=row.strain,
        gene=row.gene,
        aa_change=row.change,
        **{row.drug.title(): fold if row.low == row.high else f"{row.low}-{row.high}"},
        ref_link=f"https://pubmed.ncbi.nlm.nih.gov/{remarks['pmid']}/" if "pmid" in remarks else "",
        ref_doi=f"doi.org/{remarks.get('doi_corrected', row.doi)}" if row.doi else "",
        strain_generation=GENERATION[row.method],
        test_method=row.assay,
        co_gene=genes[0] if len(genes) == 1 else ";".join(gene for gene, _ in others),
        co_aa="; ".join(change for _, change in others),
        control_strain=row.control_strain,
        status="A" if row.active else "O",
    )


# -- what is ours ------------------------------------------------------------------------------------------------------


def test_all_of_ours_as_the_database_prints_it_is_ours_and_corrected() -> None:
    found = taken(*map(printed, known().measurements))
    assert (found.read, found.as_ours, found.skipped) == (1496, 1496, ())
    assert [row.finding for row in found.rows] == [row.finding for row in known().measurements]
    text = "\n".join(found.corrected)
    assert text.count(f"DOI 10.1016/j.antiviral.2019.104549, not {WRONG_DOI}") == 56
    assert text.count("measured with UL54:Q783R, not UL54:Q738R") == 3
    assert text.count("measured with UL54:D588E, not UL54:D558E") == 3
    assert text.count("measured with UL97:A594V, not UL54:A594V") == 6
    assert text.count("does not count, its residue before the change is not Merlin's") == 8


def test_what_the_database_has_mended_meanwhile_is_ours_too() -> None:
    of_study = {"co_gene": "UL54", "co_aa": "Q783R", "ref_doi": "doi.org/10.1016/j.antiviral.2016.12.003"}
    found = taken(line(gene="UL54", aa_change="N495K", Foscarnet="3.5", **of_study))
    assert (found.as_ours, found.corrected) == (1, ())


@pytest.mark.parametrize(
    "fields",
    [
        {"ref_doi": "https://dx.doi.org/10.1128%2FJCM.02205-14"},
        {"ref_doi": "DOI: 10.1128/jcm.02205-14."},
        {"ref_doi": "doi.org/10.1128/JCM.02205-14.h8003286"},
        {"ref_doi": ""},
        {"ref_doi": "www.sciencedirect.com/science/article/pii/S1"},
    ],
)
def test_a_doi_is_recognised_however_it_is_written(fields: dict[str, str]) -> None:
    found = taken(line(gene="UL54", aa_change="V526L", Ganciclovir="5.5", test_method="GLuc reporter assay", **fields))
    assert found.as_ours == 1
    assert found.rows[0].doi == "10.1128/jcm.02205-14"


def test_without_a_doi_a_virus_made_otherwise_is_another_measurement() -> None:
    fields = {"gene": "UL54", "aa_change": "V526L", "Ganciclovir": "5.5", "strain_generation": "Isolated strain"}
    assert taken(line(**fields, ref_doi="")).as_ours == 0
    assert taken(line(**fields, ref_doi="10.1128/jcm.02205-14")).as_ours == 1


def test_of_two_alike_the_one_whose_virus_was_made_alike_is_meant() -> None:
    fields = {"gene": "UL54", "aa_change": "D413A", "Ganciclovir": "6.5", "ref_doi": "10.1016/j.jcv.2006.11.005"}
    found = taken(line(**fields, strain_generation="Marker Transfer"), line(**fields))
    assert [row.method for row in found.rows] == ["marker_transfer", "recombinant"]


# -- what is new -------------------------------------------------------------------------------------------------------


def test_a_new_row_has_a_value_for_each_drug() -> None:
    found = taken(line(Ganciclovir="30", Foscarnet="0.5-1.5", Cidofovir="Polymorphism"))
    assert (len(found.rows), found.as_ours, found.corrected, found.latest) == (3, 0, (), "2024-10-31")
    gcv, cdv, fos = found.rows
    assert (gcv.key, gcv.drug, gcv.low, gcv.high, gcv.doi) == (
        ("UL97", "A442T"),
        "ganciclovir",
        30,
        30,
        "10.9999/new.1",
    )
    assert (gcv.method, gcv.assay, gcv.strain, gcv.active, gcv.counts) == ("recombinant", "PRA", "AD169", True, True)
    assert (cdv.drug, cdv.qualitative, cdv.low) == ("cidofovir", "polymorphism", None)
    assert (str(fos.low), str(fos.high)) == ("0.5", "1.5")


@pytest.mark.parametrize(
    ("gene", "written", "change"),
    [
        ("UL97", "A442T ", "A442T"),
        ("UL97", "p.Ala442Thr", "A442T"),
        ("UL97", "del600", "del600"),
        ("UL54", "del 681-688", "del681_688"),
        ("UL54", "S884Insert T", "ins884T"),
        ("UL27", "E22stop", "E22*"),
    ],
)
def test_changes_are_named_as_ours_are(gene: str, written: str, change: str) -> None:
    assert one(gene=gene, aa_change=written, Foscarnet="1.1").change == change


@pytest.mark.parametrize(
    ("genes", "changes", "others"),
    [
        ("UL97", "A594V", (("UL97", "A594V"),)),
        ("UL54", "T700A;P522S", (("UL54", "P522S"), ("UL54", "T700A"))),
        ("UL97; ul54", "A594V, P522S", (("UL54", "P522S"), ("UL97", "A594V"))),
    ],
)
def test_what_else_was_changed(genes: str, changes: str, others: tuple[tuple[str, str], ...]) -> None:
    assert one(Ganciclovir="30", co_gene=genes, co_aa=changes).others == others


@pytest.mark.parametrize(
    ("fields", "remarks"),
    [
        ({"Foscarnet": "2"}, (("mechanism_implausible", ""),)),
        ({"Foscarnet": "1.9"}, ()),
        ({"Foscarnet": "Resistant"}, (("mechanism_implausible", ""),)),
        ({"Foscarnet": "9", "co_gene": "UL54", "co_aa": "T700A"}, ()),
        ({"Tomeglovir": "9"}, ()),
        ({"Ganciclovir": "9", "ref_doi": "10.1128/CMR.00009-10"}, (("secondary_source", ""),)),
        (
            {"Ganciclovir": "9", "ref_doi": "", "ref_link": "https://pubmed.ncbi.nlm.nih.gov/1234567/"},
            (("pmid", "1234567"),),
        ),
        ({"Ganciclovir": "9", "ref_doi": "PMID: 1234567"}, (("pmid", "1234567"),)),
        ({"Ganciclovir": "9", "ref_doi": "", "ref_link": "in print"}, (("source_not_stated", ""),)),
    ],
)
def test_what_limits_a_new_row_is_remarked_as_in_ours(
    fields: dict[str, str], remarks: tuple[tuple[str, str], ...]
) -> None:
    found = one(**fields)
    assert found.remarks == remarks
    assert found.counts == all(known().remarks[code].counts for code, _ in remarks)


def test_a_row_that_stands_twice_counts_once() -> None:
    found = taken(line(Ganciclovir="30"), line(Ganciclovir="30"), line(Ganciclovir="30", test_method="SEAP"))
    assert [row.remarks for row in found.rows] == [(), (("exact_duplicate", ""),), ()]
    assert [row.counts for row in found.rows] == [True, False, True]


def test_the_year_is_that_of_the_study_where_ours_has_it() -> None:
    assert one(Ganciclovir="30", ref_doi="10.1128/jcm.02205-14").year == "2015"
    assert one(Ganciclovir="30").year == ""


# -- what is left out --------------------------------------------------------------------------------------------------


def test_other_viruses_are_counted() -> None:
    found = taken(line(Ganciclovir="30"), line(virus="HSV1"), line(virus="HSV1", status=""), line(virus="", gene="x"))
    assert (found.read, found.others, found.skipped) == (4, {"HSV1": 2, "not named": 1}, ())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"Ganciclovir": ">10"}, "line 3, Ganciclovir: found '>10'; expected a fold, a range (2-4), Resistant or Poly"),
        ({"Ganciclovir": "3-1"}, "line 3, Ganciclovir: found '3-1'"),
        ({"Ganciclovir": "0"}, "line 3, Ganciclovir: found '0'"),
        ({"Brivudine": "3"}, "line 3, Brivudine: found '3' for a drug of which ours has no measurement"),
        ({}, "line 3: holds no value"),
        (
            {"Ganciclovir": "3", "aa_change": "G442T"},
            "line 3, Ganciclovir: 'UL97:G442T': codon 442 of UL97 is A in",
        ),
        ({"Ganciclovir": "3", "aa_change": "A442AT"}, "line 3, Ganciclovir: UL97 A442AT is a mixture"),
        ({"Ganciclovir": "3", "aa_change": "A442GT"}, "line 3, Ganciclovir: UL97 A442GT is a mixture"),
        ({"Ganciclovir": "3", "aa_change": "frame lost"}, "line 3, Ganciclovir: 'UL97:frame lost': not readable"),
        ({"Ganciclovir": "3", "gene": "UL44"}, "line 3, Ganciclovir: 'UL44:A442T': UL44 is no gene of resistance"),
        (
            {"Ganciclovir": "3", "co_gene": "UL54", "co_aa": "A1T"},
            "line 3, Ganciclovir: 'UL54:A1T': codon 1 of UL54 is",
        ),
        ({"Ganciclovir": "3", "co_gene": "UL54"}, "line 3: co_gene 'UL54' and co_aa ''"),
        ({"Ganciclovir": "3", "co_aa": "P522S"}, "line 3: co_gene '' and co_aa 'P522S'"),
        ({"Ganciclovir": "3", "co_gene": "UL54;UL97", "co_aa": "P522S"}, "expected one gene, or a gene for each"),
        ({"Ganciclovir": "3", "status": "E"}, "line 3: status 'E' is neither A (active) nor O (observational)"),
        (
            {"Ganciclovir": "3", "strain_generation": "Cell-free"},
            "line 3: strain_generation 'Cell-free': expected rec",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(fields: dict[str, str], why: str) -> None:
    assert why in skipped(**fields)


def test_a_row_of_another_length_is_named() -> None:
    found = taken(line(Ganciclovir="30"), [*line(Ganciclovir="9"), "x"], line(Ganciclovir="8")[:-1])
    assert found.skipped == (
        "line 3: has more cells than the header has names",
        "line 4: status '' is neither A (active) nor O (observational)",
    )


# -- the file ----------------------------------------------------------------------------------------------------------


def test_with_commas_cells_are_quoted_and_a_column_may_be_missing() -> None:
    names = [name for name in (*COLUMNS, "") if name != "control_strain"]
    cells = dict(zip(COLUMNS, line(Ganciclovir="30", ref_title="two\nlines, quoted"), strict=True))
    out = StringIO()
    csv.writer(out).writerows([names, [cells.get(name, "") for name in names], [], [""] * len(names)])
    (found,) = read_herpesdrg(b"\xef\xbb\xbf" + out.getvalue().encode("utf-8"), known()).rows
    assert (found.change, found.control_strain) == ("A442T", "")


def test_lines_may_end_in_any_way_and_letters_may_be_latin() -> None:
    text = table(line(Ganciclovir="30", ref_title="161\x96182")).decode().replace("\n", "\r\n").encode("latin-1")
    assert len(read_herpesdrg(text, known()).rows) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column virus, genotype, gene"),
        (b"gene,change,drug\nUL97,A594V,ganciclovir\n", "has no column virus"),
        (table(), "no value on HCMV in 0 rows"),
        (table(line(virus="HSV1")), "no value on HCMV in 1 rows; expected the table of HerpesDRG-DB"),
        (table(line(status="E")), "line 2: status 'E' is neither"),
        (table(line(ref_title="x" * 200_000)), "line 2: field larger than field limit"),
        (b"a" * (LARGEST + 1), "has more than 50 MB"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(KnowledgeError, match="HerpesDRG-DB") as raised:
        read_herpesdrg(content, known())
    assert said in str(raised.value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(max_size=12), min_size=len(COLUMNS), max_size=len(COLUMNS)), max_size=4))
def test_whatever_stands_in_it_is_taken_counted_or_named(rows: list[list[str]]) -> None:
    plain = [[cell.translate({9: "", 10: "", 13: "", 0: ""}) for cell in cells] for cells in rows]
    plain = [["1", "HCMV", *cells[2:]] for cells in plain]
    found = taken(line(Ganciclovir="30"), *plain)
    assert found.read == 1 + len(plain)
    lines = {text.split(":")[0].split(",")[0] for text in found.skipped}
    assert len(found.rows) > 1 or len(lines) == len(plain)


def test_an_unknown_day_is_none() -> None:
    assert taken(line(Ganciclovir="30", created_date="last year")).latest == ""


# -- the overlay -------------------------------------------------------------------------------------------------------


def written(folder: Path, found: Taken, accept_risk: str) -> Path:
    for path, content in overlay(found, "herpesdrg-db.tsv", "ab12", "of 1 May", accept_risk).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def test_the_overlay_is_read_and_adds_what_is_new(tmp_path: Path) -> None:
    found = taken(*map(printed, known().measurements), line(Ganciclovir="30", co_gene="UL54", co_aa="P522S;T700A"))
    own = read_knowledge(read_folders(BASE, [written(tmp_path / "drg", found, "looked at")]))
    (database,) = own.databases
    assert str(database) == "HerpesDRG-DB of 1 May (MIT): 1 of 1497 rows added to ours"
    (new,) = own.measurements[len(known().measurements) :]
    assert new.finding == found.rows[-1].finding and new.remarks == found.rows[-1].remarks


def test_the_overlay_says_what_was_read_and_waits_for_the_risk(tmp_path: Path) -> None:
    found = taken(line(Ganciclovir="30", Foscarnet="x"), line(virus="VZV"))
    folder = written(tmp_path / "drg", found, "")
    about = yaml.safe_load((folder / "resistance" / "measurements.yaml").read_text())
    assert (about["name"], about["licence"], about["file"], about["sha256"]) == (
        "HerpesDRG-DB",
        "MIT",
        "herpesdrg-db.tsv",
        "ab12",
    )
    assert "10.1186/s12859-024-05885-5" in about["cite"]
    assert about["rows"] == {"read": 2, "of_other_viruses": {"VZV": 1}}
    assert about["values"] == {"taken": 1, "as_ours": 0} and len(about["skipped"]) == 1
    with pytest.raises(KnowledgeError, match="accept_risk"):
        read_folders(BASE, [folder])
    assert read_folders(BASE, [folder], trial=True).overlays == ["drg HerpesDRG-DB of 1 May (MIT)"]
