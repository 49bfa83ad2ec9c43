"""HerpesDRG-DB, as a site downloads it, made into an overlay of measurements.

The database (github.com/ojcharles/herpesdrg-db) is one table, with tabs or commas: a row for each virus measured in a
study, and between ``aa_change`` and ``ref_title`` a column for each drug. A cell holds a fold (``8.3``), a range
(``2-4``), ``Resistant`` or ``Polymorphism``. It is the main source of our own measurements: a row that is one of ours
as the database prints it is written as ours, with what we corrected in it. Nothing is left out without being told.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from io import StringIO
from itertools import zip_longest
from urllib.parse import unquote

import yaml

from ..reasoning.source import ABOUT_MEASUREMENTS, MEASUREMENTS, KnowledgeError
from .model import Key, Knowledge, Measurement
from .mutation import MutationError, parse

NAME, LICENCE, CITE = "HerpesDRG-DB", "MIT", "(c) 2021 O.J. Charles, doi:10.1186/s12859-024-05885-5"
_NEEDED = (
    *("virus", "genotype", "gene", "aa_change", "ref_title", "ref_link", "ref_doi", "strain_generation"),
    *("test_method", "co_gene", "co_aa", "created_date", "status"),
)
LARGEST = 50 << 20
"""Bytes of a file that is read; the database has less than one million."""
_STATUS = {"A": "active", "O": "observational"}
_METHODS = {
    "": "",
    "recombinant bac": "recombinant",
    "marker transfer": "marker_transfer",
    "lab derived mutant": "in_vitro_selected",
    "lab induced strain": "in_vitro_selected",
    "isolated strain": "clinical_isolate",
}
_FOLD = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:\s*[-–]\s*(\d{1,9}(?:\.\d{1,9})?))?", re.ASCII)
_DOI = re.compile(r"10\.\d{4,9}/\S+", re.ASCII)
_PMID = re.compile(r"(?:pubmed(?:\.ncbi\.nlm\.nih\.gov)?/|pmid:?\s*)(\d{5,9})", re.ASCII | re.IGNORECASE)
_INSERTED = re.compile(r"[A-Z]?(\d+)\s*insert\s*([A-Z]+)", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII)

Finding = tuple[Key, frozenset[Key], str, Decimal | None, Decimal | None, str]
"""Change, what else was changed, drug, fold from and to, word."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a download holds. ``others`` counts the rows of other viruses, by virus, of all that were ``read``.

    A row of the database gives one of ``rows`` for each drug with a value; ``as_ours`` of them are ours already.
    ``corrected`` and ``skipped`` name the lines of which something was read otherwise than it is written, or not read.
    ``latest``: the newest day of entry, empty where none is stated.
    """

    read: int
    others: Mapping[str, int]
    rows: tuple[Measurement, ...]
    as_ours: int
    corrected: tuple[str, ...]
    skipped: tuple[str, ...]
    latest: str


def read_herpesdrg(content: bytes, knowledge: Knowledge) -> Taken:
    """The rows on cytomegalovirus of a download. Raises :class:`KnowledgeError` where it is no such file."""
    return _Reader(knowledge).read(content)


def overlay(taken: Taken, file: str, sha256: str, version: str, accept_risk: str = "") -> dict[str, bytes]:
    """The files of an overlay folder, by path. Without ``accept_risk`` it cannot be used until someone says why."""
    table = StringIO()
    rows = [_written(row) for row in taken.rows]
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    about = {
        "name": NAME,
        "version": version,
        "licence": LICENCE,
        "cite": CITE,
        "file": file,
        "sha256": sha256,
        "sources": ["HDB"],
        "verification": "secondary",
        "rows": {"read": taken.read, "of_other_viruses": dict(taken.others)},
        "values": {"taken": len(rows), "as_ours": taken.as_ours},
        "corrected": list(taken.corrected),
        "skipped": list(taken.skipped),
        **({"accept_risk": accept_risk} if accept_risk else {}),
    }
    ask = "" if accept_risk else "# accept_risk: <why this site adds these measurements>\n"
    files = {
        "version.yaml": _yaml({"version": f"{NAME} {version} ({LICENCE})"}),
        MEASUREMENTS: table.getvalue(),
        ABOUT_MEASUREMENTS: _yaml(about) + ask,
    }
    return {path: text.encode() for path, text in files.items()}


def _yaml(content: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)


class _UnreadableError(ValueError):
    """A row or value that cannot be taken, and why."""


class _Reader:
    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        ours = knowledge.measurements
        self.drugs = knowledge.drugs.keys() | {row.drug for row in ours}
        self.years = {row.doi: row.year for row in ours}
        self.secondary = {row.doi for row in ours if "secondary_source" in dict(row.remarks)}
        self.printed: dict[Finding, list[Measurement]] = {}
        for row in ours:
            for others in {frozenset(row.others), _others_as_printed(row)}:
                self.printed.setdefault(_finding(row, others), []).append(row)
        self.rows: list[Measurement] = []
        self.seen: set[Measurement] = set()
        self.as_ours = 0
        self.corrected: list[str] = []
        self.skipped: list[str] = []

    def read(self, content: bytes) -> Taken:
        count, latest = 0, ""
        others: Counter[str] = Counter()
        for line, fields in _table(content):
            count, latest = count + 1, max(latest, _day(fields["created_date"]))
            if fields["virus"].upper() != "HCMV":
                others[fields["virus"] or "not named"] += 1
                continue
            try:
                self.take(line, fields)
            except _UnreadableError as error:
                self.skipped.append(f"line {line}: {error}")
        if not self.rows:
            raise KnowledgeError([f"no value on HCMV in {count} rows; expected the table of {NAME}", *self.skipped])
        return Taken(
            read=count,
            others=dict(sorted(others.items())),
            rows=tuple(self.rows),
            as_ours=self.as_ours,
            corrected=tuple(dict.fromkeys(self.corrected)),
            skipped=tuple(self.skipped),
            latest=latest,
        )

    def take(self, line: int, fields: Mapping[str, str]) -> None:
        """All values of one row of the database."""
        row = self.row(line, fields)
        names = list(fields)
        drugs = [name for name in names[names.index("aa_change") + 1 : names.index("ref_title")] if fields[name]]
        if not drugs:
            raise _UnreadableError("holds no value")
        for drug in drugs:
            try:
                self.add(self.with_value(row, drug.lower(), fields[drug]))
            except _UnreadableError as error:
                self.skipped.append(f"line {line}, {drug}: {error}")

    def row(self, line: int, fields: Mapping[str, str]) -> Measurement:
        """A row without its values. Names that cannot be read stand as they are: they may be ours all the same."""
        if fields[""]:
            raise _UnreadableError("has more cells than the header has names")
        status, method = fields["status"], fields["strain_generation"]
        if status not in _STATUS:
            raise _UnreadableError(f"status {status!r} is neither A (active) nor O (observational)")
        if method.lower() not in _METHODS:
            raise _UnreadableError(f"strain_generation {method!r}: expected {', '.join(filter(None, _METHODS))}")
        doi = _DOI.search(unquote(fields["ref_doi"]))
        pmid = _PMID.search(f"{fields['ref_doi']} {fields['ref_link']}")
        gene = fields["gene"].upper()
        return Measurement(
            line=line,
            gene=gene,
            change=self.named(gene, fields["aa_change"]),
            drug="",
            low=None,
            high=None,
            qualitative="",
            method=_METHODS[method.lower()],
            assay=fields["test_method"],
            control_strain=fields.get("control_strain", ""),
            strain=fields["genotype"],
            others=self.others(fields["co_gene"].upper(), fields["co_aa"]),
            doi=doi[0].rstrip(".,;").lower() if doi else "",
            year="",
            status=_STATUS[status],
            remarks=(("pmid", pmid[1]),) if pmid and not doi else (),
            counts=True,
        )

    def others(self, genes: str, changes: str) -> tuple[Key, ...]:
        """What else was changed in the virus: one gene for all changes, or a gene for each."""
        of, named = ([part.strip() for part in re.split("[;,]", text) if part.strip()] for text in (genes, changes))
        of = of * len(named) if len(of) == 1 else of
        if len(of) != len(named) or bool(genes) != bool(changes):
            raise _UnreadableError(f"co_gene {genes!r} and co_aa {changes!r}: expected one gene, or a gene for each")
        return tuple(sorted((gene, self.named(gene, change)) for gene, change in zip(of, named, strict=True)))

    def named(self, gene: str, change: str) -> str:
        """A change as ours are written, where it can be read."""
        try:
            return self.read_change(gene, change)
        except _UnreadableError:
            return change

    def read_change(self, gene: str, change: str) -> str:
        """A change as ours are written, its residue before the change being Merlin's."""
        typed = _INSERTED.sub(r"ins\1\2", change)
        try:
            found = parse(f"{gene}:{typed}", self.knowledge.proteins)
        except MutationError as error:
            raise _UnreadableError(error.problems[0]) from None
        if len(found) > 1 or found[0].mixed:
            raise _UnreadableError(f"{gene} {change} is a mixture; expected one change")
        return found[0].change

    def with_value(self, row: Measurement, drug: str, cell: str) -> Measurement:
        """The row with what was found for one drug."""
        if drug not in self.drugs:
            raise _UnreadableError(f"found {cell[:40]!r} for a drug of which ours has no measurement")
        if cell.lower() in ("resistant", "polymorphism"):
            return replace(row, drug=drug, qualitative=cell.lower())
        match = _FOLD.fullmatch(cell)
        low, high = (Decimal(match[1]), Decimal(match[2] or match[1])) if match else (Decimal(0), Decimal(0))
        if not 0 < low <= high:
            raise _UnreadableError(f"found {cell[:40]!r}; expected a fold, a range (2-4), Resistant or Polymorphism")
        return replace(row, drug=drug, low=low, high=high)

    def add(self, row: Measurement) -> None:
        """One value: ours where it is one of ours, else a new row."""
        ours = self.ours(row)
        if ours:
            self.as_ours += 1
            self.corrected += _told(row, ours)
        made = replace(ours or self.new(row), line=0)
        if made in self.seen:
            made = replace(made, remarks=(*made.remarks, ("exact_duplicate", "")), counts=False)
        self.seen.add(made)
        self.rows.append(made)

    def ours(self, row: Measurement) -> Measurement | None:
        """The row of ours that it is. Where the database names no DOI, the way the virus was made agrees instead."""
        found = self.printed.get(_finding(row, frozenset(row.others)), ())
        same = [each for each in found if (_same_doi(row, each) if row.doi else row.method == each.method)]
        like = ("doi", "method", "strain")
        return max(same, key=lambda each: [getattr(each, name) == getattr(row, name) for name in like], default=None)

    def new(self, row: Measurement) -> Measurement:
        """A row that ours does not have: every change must be Merlin's, and what limits it is remarked as in ours."""
        for gene, change in (row.key, *row.others):
            self.read_change(gene, change)
        remarks = (*row.remarks, *((code, "") for code in self.remarks(row)))
        counts = all(self.knowledge.remarks[code].counts for code, _ in remarks)
        return replace(row, year=self.years.get(row.doi, ""), remarks=remarks, counts=counts)

    def remarks(self, row: Measurement) -> Iterator[str]:
        drug = self.knowledge.drugs.get(row.drug)
        resistant = row.qualitative == "resistant" or (
            row.low is not None and row.value >= self.knowledge.thresholds.low_from
        )
        if drug and resistant and {gene for gene, _ in row.members}.isdisjoint(drug.genes):
            yield "mechanism_implausible"
        if row.doi in self.secondary:
            yield "secondary_source"
        if not row.doi and not row.remarks:
            yield "source_not_stated"


def _table(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of the file, with the line on which each ends. What has no name in the header stands under ``""``."""
    if len(content) > LARGEST:
        raise KnowledgeError([f"has more than {LARGEST >> 20} MB; the table of {NAME} has less than one"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    tabs = "\t" in re.split(r"[\r\n]", text, maxsplit=1)[0]
    lines = StringIO(text, newline="")
    # With tabs a quotation mark is part of a title; with commas it encloses cells.
    reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else csv.reader(lines)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in _NEEDED if name not in header]
        if missing:
            raise KnowledgeError([f"has no column {', '.join(missing)}; expected the table of {NAME}"])
        for cells in reader:
            pairs = [(name, cell.strip()) for name, cell in zip_longest(header, cells, fillvalue="")]
            if any(cell for _, cell in pairs):
                rest = "".join(cell for name, cell in pairs if not name)
                yield reader.line_num, {**dict(pairs), "": rest}
    except csv.Error as error:
        raise KnowledgeError([f"line {reader.line_num}: {error}; expected the table of {NAME}"]) from None


def _day(text: str) -> str:
    """``31/10/2024`` as ``2024-10-31``; empty where it is no date."""
    match = _DAY.fullmatch(text)
    return f"{match[3]}-{match[2]}-{match[1]}" if match else ""


def _finding(row: Measurement, others: frozenset[Key]) -> Finding:
    return (row.key, others, row.drug, row.low, row.high, row.qualitative)


def _others_as_printed(row: Measurement) -> frozenset[Key]:
    """What else was changed, before we corrected it."""
    others = set(row.others)
    for code, detail in row.remarks:
        printed, _, right = detail.partition(">")
        if code == "co_gene_corrected":
            others = {(printed if gene == right else gene, change) for gene, change in others}
        elif code == "co_change_corrected":
            others = {(gene, printed if change == right else change) for gene, change in others}
    return frozenset(others)


def _same_doi(row: Measurement, ours: Measurement) -> bool:
    """Whether the DOI is that of ours, the one we corrected, or either is cut off before the other ends."""
    known = [doi for doi in (ours.doi, dict(ours.remarks).get("doi_corrected")) if doi]
    return any(row.doi.startswith(doi) or doi.startswith(row.doi) for doi in known)


def _told(row: Measurement, ours: Measurement) -> Iterator[str]:
    """What of a row was read as ours has it."""
    said = []
    if set(row.others) != set(ours.others):
        said.append(f"measured with {_named(ours.others)}, not {_named(row.others)}")
    if row.doi != ours.doi:
        said.append(f"DOI {ours.doi}, " + (f"not {row.doi}" if row.doi else "which it leaves out"))
    if "not_merlin" in dict(ours.remarks):
        said.append("does not count, its residue before the change is not Merlin's")
    if said:
        yield f"line {row.line}: {row.gene} {row.change}: {'; '.join(said)}"


def _named(keys: Iterable[Key]) -> str:
    return ";".join(f"{gene}:{change}" for gene, change in sorted(keys))


def _written(row: Measurement) -> dict[str, str]:
    """A row in the columns of measurements.csv."""
    return {
        "gene": row.gene,
        "change": row.change,
        "drug": row.drug,
        "fold_low": "" if row.low is None else f"{row.low:f}",
        "fold_high": "" if row.high is None else f"{row.high:f}",
        "qualitative": row.qualitative,
        "method": row.method,
        "assay": row.assay,
        "control_strain": row.control_strain,
        "strain": row.strain,
        "co_variants": ";".join(map(":".join, row.others)),
        "doi": row.doi,
        "year": row.year,
        "status": row.status,
        "qc": ";".join(code + (f":{detail}" if detail else "") for code, detail in row.remarks),
    }
