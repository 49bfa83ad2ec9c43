"""Reads ``knowledge/resistance/`` into the typed model. The CSV files are read here, when they are needed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..reasoning.loader import BASE
from ..reasoning.model import Program
from ..reasoning.source import MEASUREMENTS, KnowledgeError, Raw, read_yaml
from . import model as m
from .lint import row_faults
from .thresholds import numbers

__all__ = ["Knowledge", "read_knowledge"]

Knowledge = m.Knowledge
_T = TypeVar("_T")
_FILES = ("genes", "named", "reference", "remarks", "strains", "thresholds")


def read_knowledge(program: Program | Raw, base: Path = BASE) -> Knowledge:
    """The resistance knowledge of a program (its YAML with overlays laid over) and of the tables in ``base``.

    Merged folders (:class:`Raw`) do as well: of another version, whose pathway this one could not parse. Raises
    :class:`KnowledgeError` that names the entry or the line that cannot be used.
    """
    return _read(_Same(program), base)


class _Same:
    """A program as the key of a cache: the object itself, which cannot be hashed by content."""

    def __init__(self, program: Program | Raw) -> None:
        self.program = program

    def __hash__(self) -> int:
        return id(self.program)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.program is self.program


@lru_cache(maxsize=8)
def _read(same: _Same, base: Path) -> Knowledge:
    program = same.program
    missing = [name for name in _FILES if name not in program.resistance]
    if missing:
        raise KnowledgeError([f"resistance/{name}.yaml: is missing" for name in missing])
    return _Reader(program, base / "resistance").read()


class _Reader:
    def __init__(self, program: Program | Raw, folder: Path) -> None:
        self.program = program
        self.files = program.resistance
        self.folder = folder
        self.cited: list[tuple[str, tuple[str, ...], str]] = []

    def read(self) -> Knowledge:
        genes, named = self.files["genes"], self.files["named"]
        remarks = self.each("remarks", "remarks", self.remark)
        self.cite("remarks.yaml", self.files["remarks"])
        for part in ("genes", "regions", "drugs"):
            self.cite(f"genes.yaml: {part}", genes, f"{part}_")
        self.cite("named.yaml: natural_indels", named, "natural_indels_")
        known = {each.code: each for each in remarks}
        thresholds = self.thresholds()
        shipped = Knowledge(
            version=self.program.version,
            hash=self.program.hash,
            proteins=self.proteins(),
            accessions=dict(sorted(self.each("reference", "proteins", lambda _, name, f: (name, f["accession"])))),
            genes={each.name: each for each in self.each("genes", "genes", self.gene)},
            regions=tuple(self.each("genes", "regions", self.region)),
            drugs={each.name: each for each in self.each("genes", "drugs", self.drug)},
            thresholds=thresholds,
            remarks=known,
            measurements=self.measurements(self.folder / "measurements.csv", MEASUREMENTS, known),
            polymorphisms={
                (each.gene, each.change): each
                for each in _rows(
                    self.folder / "polymorphisms.csv", "resistance/polymorphisms.csv", lambda _, row: _polymorphism(row)
                )
            },
            variants=self.statements("variants"),
            at_most=self.statements("at_most"),
            overruled=self.statements("overruled"),
            doubtful=self.statements("doubtful"),
            lists=tuple(self.each("named", "lists", self.list_)),
            deletion_classes=tuple(self.each("named", "deletion_classes", self.deletion_class)),
            truncations=tuple(self.each("named", "truncations", self.truncation)),
            natural_indels=tuple(self.each("named", "natural_indels", self.natural_indel)),
            cleared=tuple(self.each("named", "cleared", self.clear)),
            comments=tuple(self.each("named", "comments", self.comment)),
            strains={each.name: each for each in self.each("strains", "strains", self.strain)},
            sources=self.program.sources,
            cited=tuple(self.cited),
            site=self.site(thresholds),
        )
        return self.added_to(shipped) if self.program.databases else shipped

    def added_to(self, shipped: Knowledge) -> Knowledge:
        """The knowledge with the measurements that overlays add: checked like ours, and none is counted twice."""
        rows, databases, problems = list(shipped.measurements), [], []
        drugs = shipped.drugs.keys() | {row.drug for row in rows}
        known = {row.finding for row in rows}
        for fields in self.program.databases:
            file = f"{fields['overlay']}: {MEASUREMENTS}"
            own = self.measurements(fields["path"], file, shipped.remarks)
            new = [row for row in own if row.finding not in known]
            for row in new:
                place = f"{row.file}:{row.line}"
                problems += [f"{fault.place}: {fault.text}" for fault in row_faults(shipped, row)]
                if row.drug not in drugs:
                    problems.append(f"{place}: no drug {row.drug!r}; there are {', '.join(sorted(drugs))}")
            known.update(row.finding for row in new)
            rows += new
            if not isinstance(fields.get("sources", []), list):
                place = f"{fields['overlay']}: resistance/measurements.yaml: sources"
                problems.append(f"{place}: found {fields['sources']}; expected a list of names of sources")
                continue
            self.cite(f"measurements.yaml of {fields['overlay']}", fields)
            name, version, licence = (str(fields[part]) for part in ("name", "version", "licence"))
            databases.append(m.Database(name, version, licence, fields["overlay"], len(own), len(new)))
        if problems:
            raise KnowledgeError(problems)
        return replace(shipped, measurements=tuple(rows), databases=tuple(databases), cited=tuple(self.cited))

    def measurements(self, path: Path, file: str, remarks: Mapping[str, m.Remark]) -> tuple[m.Measurement, ...]:
        """The rows of a table of measurements."""
        return tuple(_rows(path, file, lambda line, row: _measurement(file, line, row, remarks)))

    def each(self, file: str, part: str, make: Callable[[str, str, Mapping[str, Any]], _T]) -> list[_T]:
        """Make each entry of a part (a list, or names with fields); an entry that cannot be made is named."""
        entries = self.files[file].get(part)
        made, problems = [], []
        for place, name, fields in _entries(f"{file}.yaml: {part}", entries):
            try:
                made.append(make(place, name, fields))
            except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
                problems.append(f"resistance/{place}: {_wrong(error)}")
        if problems:
            raise KnowledgeError(problems)
        return made

    def cite(self, place: str, fields: Mapping[str, Any], prefix: str = "") -> tuple[tuple[str, ...], str]:
        """Note where sources are named, and give them back with their verification."""
        sources = tuple(fields.get(f"{prefix}sources", ()))
        verification = str(fields.get(f"{prefix}verification", ""))
        self.cited.append((f"resistance/{place}", sources, verification))
        return sources, verification

    def proteins(self) -> dict[str, str]:
        self.cite("reference.yaml", self.files["reference"])
        found = self.each("reference", "proteins", lambda _, name, f: (name, "".join(f["residues"].split())))
        return dict(sorted(found))

    def thresholds(self) -> m.Thresholds:
        file = self.files["thresholds"]
        values: dict[str, Any] = {}
        for name in m.Thresholds.__dataclass_fields__:
            fields = file.get(name)
            if not isinstance(fields, Mapping) or "value" not in fields:
                raise KnowledgeError([f"resistance/thresholds.yaml: {name}: expected a mapping with its value"])
            self.cite(f"thresholds.yaml: {name}", fields)
            wanted = Mapping if name in ("weights", "combinations", "caps") else Decimal
            if not isinstance(fields["value"], wanted):
                raise KnowledgeError([f"resistance/thresholds.yaml: {name}: found {fields['value']!r} as its value"])
            values[name] = fields["value"]
        return m.Thresholds(**values)

    def site(self, used: m.Thresholds) -> m.Site:
        """What overlays have changed; the numbers as shipped are read again, from below the overlays."""
        if not self.program.overlays:
            return m.Site()
        file = read_yaml(self.folder / "thresholds.yaml")
        shipped = m.Thresholds(**{name: file[name]["value"] for name in m.Thresholds.__dataclass_fields__})
        return m.Site(tuple(self.program.overlays), tuple(self.program.accepted_risks), tuple(numbers(shipped, used)))

    def gene(self, _: str, name: str, fields: Mapping[str, Any]) -> m.Gene:
        return m.Gene(name, int(fields["length"]), fields["product"], bool(fields["essential"]))

    def region(self, _: str, __: str, fields: Mapping[str, Any]) -> m.Region:
        return m.Region(
            fields["gene"], fields["name"], int(fields["first"]), int(fields["last"]), tuple(fields["drugs"])
        )

    def drug(self, _: str, name: str, fields: Mapping[str, Any]) -> m.Drug:
        required, wanted = (tuple(self.needed(each) for each in fields[part]) for part in ("required", "wanted"))
        return m.Drug(name, tuple(fields["stands_for"]), tuple(fields["genes"]), required, wanted)

    def needed(self, fields: Mapping[str, Any]) -> m.Needed:
        length = self.files["genes"]["genes"][fields["gene"]]["length"]
        if fields["codons"] not in ("all", "measured"):
            raise ValueError(f"codons: found {fields['codons']!r}; expected all or measured")
        first, last = int(fields.get("first", 1)), int(fields.get("last", length))
        return m.Needed(fields["gene"], fields["codons"] == "all", first, last, fields.get("because", ""))

    def remark(self, _: str, name: str, fields: Mapping[str, Any]) -> m.Remark:
        return m.Remark(name, fields["is"], bool(fields["counts"]))

    def statements(self, part: str) -> tuple[m.Statement, ...]:
        return tuple(self.each("named", part, self.statement))

    def statement(self, place: str, _: str, fields: Mapping[str, Any]) -> m.Statement:
        sources, verification = self.cite(place, fields)
        word, level = fields.get("verdict", ""), fields.get("level", "")
        if word not in ("", "possible", "resistant") or level not in ("", "low", "moderate", "high"):
            raise ValueError(f"found {word!r}, {level!r}; expected possible or resistant, and low, moderate or high")
        return m.Statement(
            gene=fields["gene"],
            change=fields["change"],
            drug=fields["drug"],
            text=fields["text"],
            sources=sources,
            verification=verification,
            verdict=word,
            level=level,
            grade=fields.get("grade", ""),
            conflict=bool(fields.get("conflict", False)),
        )

    def list_(self, place: str, name: str, fields: Mapping[str, Any]) -> m.VariantList:
        sources, verification = self.cite(place, fields)
        says = {
            _key(text): word for word in ("polymorphism", "suspected", "resistant") for text in fields.get(word, ())
        }
        return m.VariantList(
            name, fields["is"], bool(fields["stands"]), tuple(fields["drugs"]), says, sources, verification
        )

    def deletion_class(self, place: str, _: str, fields: Mapping[str, Any]) -> m.DeletionClass:
        sources, verification = self.cite(place, fields)
        first, last, shortest, longest = (int(fields[name]) for name in ("first", "last", "shortest", "longest"))
        return m.DeletionClass(
            fields["gene"],
            first,
            last,
            shortest,
            longest,
            fields["drug"],
            fields["level"],
            Decimal(fields["fold_low"]),
            fields.get("fold_high"),
            fields["text"],
            sources,
            verification,
        )

    def truncation(self, place: str, _: str, fields: Mapping[str, Any]) -> m.Truncation:
        return m.Truncation(fields["gene"], fields["drug"], fields["text"], *self.cite(place, fields))

    def natural_indel(self, _: str, __: str, fields: Mapping[str, Any]) -> m.NaturalIndel:
        first, last = int(fields["first"]), int(fields["last"])
        return m.NaturalIndel(fields["gene"], fields["kind"], first, last, fields["residue"], fields["text"])

    def clear(self, place: str, _: str, fields: Mapping[str, Any]) -> m.Cleared:
        changes = frozenset(map(_key, fields["changes"]))
        return m.Cleared(changes, fields["drug"], fields["text"], *self.cite(place, fields))

    def comment(self, place: str, _: str, fields: Mapping[str, Any]) -> m.Comment:
        return m.Comment(frozenset(map(_key, fields["changes"])), fields["text"], *self.cite(place, fields))

    def strain(self, place: str, name: str, fields: Mapping[str, Any]) -> m.Strain:
        for number, held in enumerate(fields["contigs"], 1):
            self.cite(f"{place}: contigs: {number}", held)
        markers = fields.get("markers")
        if markers is not None:
            self.cite(f"{place}: markers", markers)
        return m.Strain(
            name=name,
            contigs=tuple(each for held in fields["contigs"] for each in held["names"]),
            markers=frozenset(map(_key, markers["changes"] if markers else ())),
            rare=frozenset(map(_key, markers["rare"] if markers else ())),
            bases=int(fields["bases"]) if "bases" in fields else None,
        )


def _rows(path: Path, place: str, make: Callable[[int, Mapping[str, str]], _T]) -> Iterator[_T]:
    """Rows of a table, each made into its record; one that cannot be made is named by its line."""
    if not path.is_file():
        raise KnowledgeError([f"{place}: is missing"])
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            for row in reader:
                yield make(reader.line_num, row)
        except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation, csv.Error) as error:
            raise KnowledgeError([f"{place}:{reader.line_num}: {_wrong(error)}"]) from None


def _measurement(file: str, line: int, row: Mapping[str, str], remarks: Mapping[str, m.Remark]) -> m.Measurement:
    found = tuple((code, detail) for code, _, detail in (each.partition(":") for each in _listed(row["qc"])))
    unknown = [code for code, _ in found if code not in remarks]
    if unknown:
        raise ValueError(f"no remark {unknown[0]!r} in remarks.yaml")
    low, high = (Decimal(row[name]) if row[name] else None for name in ("fold_low", "fold_high"))
    if (low is None) != (high is None) or (low is None) == (not row["qualitative"]):
        raise ValueError("expected either fold_low and fold_high, or a word in qualitative")
    if low is not None and high is not None and not 0 < low <= high < Decimal("Infinity"):
        raise ValueError(f"found {low} to {high}; expected a fold above 0, and fold_low not above fold_high")
    if not any(letter.isdecimal() for letter in row["change"]):
        raise ValueError(f"found {row['change']!r}; expected a change such as A594V")
    return m.Measurement(
        line=line,
        gene=row["gene"],
        change=row["change"],
        drug=row["drug"],
        low=low,
        high=high,
        qualitative=row["qualitative"],
        method=row["method"],
        assay=row["assay"],
        control_strain=row["control_strain"],
        strain=row["strain"],
        others=tuple(map(_key, _listed(row["co_variants"]))),
        doi=row["doi"],
        year=row["year"],
        status=row["status"],
        remarks=found,
        counts=all(remarks[code].counts for code, _ in found),
        file=file,
    )


def _polymorphism(row: Mapping[str, str]) -> m.Polymorphism:
    having, covering = int(row["sequences_with"]), int(row["sequences_covering"])
    return m.Polymorphism(row["gene"], row["change"], having, covering)


def _entries(place: str, entries: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Entries of a part with their places: a list counts from 1, names stand for themselves."""
    if isinstance(entries, Mapping):
        pairs = [(str(name), fields) for name, fields in entries.items()]
    elif isinstance(entries, list):
        pairs = [(str(number), fields) for number, fields in enumerate(entries, 1)]
    else:
        raise KnowledgeError([f"resistance/{place}: expected a list or names with fields"])
    for name, fields in pairs:
        yield f"{place}: {name}", name, fields


def _key(text: str) -> m.Key:
    gene, _, change = text.partition(":")
    return gene, change


def _listed(text: str) -> list[str]:
    return [part for part in text.split(";") if part]


def _wrong(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"has no {error.args[0]}"
    return str(error) if type(error) is ValueError else "cannot be read; check its fields"
