"""What the case form asks, in the order a clinician thinks: single fields, tables of rows, grids of yes and no.

Each field has its place in the case file; the words and units to choose from are the vocabulary's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from ...record.casefile import json_schema
from ...record.document import Path
from ...record.vocabulary import GENES, Unit, vocabulary
from ...report import words

Kind = Literal["text", "day", "choice", "list", "number"]
"""``list``: several words, with commas between them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the words of a choice, and how it is shown."""

    value: str
    label: str


Choices = tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A field. ``path`` is its place below its row, else its name; ``suggests`` is the list offered while typing."""

    name: str
    label: str
    kind: Kind = "text"
    path: Path = ()
    choices: Choices = ()
    suggests: str = ""
    hint: str = ""
    needed: bool = False
    wide: bool = False

    @property
    def place(self) -> Path:
        """Where it stands, below its row."""
        return self.path or (self.name,)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that are the entries of a list. ``more``: cells that few rows need.

    ``at``: the cell at which a remark on the whole row stands; else the first that must be filled.
    """

    name: str
    path: Path
    one: str
    cells: tuple[Cell, ...]
    more: tuple[Cell, ...] = ()
    at: str = ""

    @property
    def all(self) -> tuple[Cell, ...]:
        """All cells of a row."""
        return self.cells + self.more

    @property
    def anchor(self) -> Cell:
        """The cell at which a remark on the whole row stands."""
        return next(cell for cell in self.all if (cell.name == self.at if self.at else cell.needed))


@dataclass(frozen=True, slots=True)
class Grid:
    """Questions, each with its answer and its day; no answer is "not asked".

    ``answers`` of each question, by ``kind``: a few side by side, many in a list, or one to tick. An answer in
    ``dated`` may bear a day.
    """

    name: str
    kind: Literal["radio", "select", "check"]
    asks: Mapping[str, str]
    answers: Mapping[str, Choices]
    dated: frozenset[str]

    @property
    def widest(self) -> Choices:
        """The answers that any question may have: the heads above them."""
        return max(self.answers.values(), key=len)

    def takes_day(self, ask: str) -> bool:
        """Whether an answer to this question may bear a day."""
        return any(choice.value in self.dated for choice in self.answers[ask])


@dataclass(frozen=True, slots=True)
class Asked:
    """The whole form. ``tests``: the laboratory values that have a row from the start; ``lists``: suggestions."""

    cells: Mapping[str, tuple[Cell, ...]]
    tables: Mapping[str, Table]
    grids: Mapping[str, Grid]
    tests: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]

    @property
    def drugs(self) -> tuple[Table, ...]:
        """The tables whose rows are drugs."""
        return tuple(table for table in self.tables.values() if table.path == ("drugs",))


TESTS = {
    **{name: each.label for name, each in vocabulary().quantities.items() if not each.per_unit},
    "body_weight": "body weight",
}
"""What can be measured, and how it is called."""


def units_of(test: str) -> Choices:
    """The units of a quantity, one spelling of each, the canonical first; none for what is not known."""
    quantity = vocabulary().quantities.get(test)
    if quantity is None:
        return ()
    first: dict[Unit, str] = {quantity.accepts[quantity.unit]: quantity.unit}
    for name, unit in quantity.accepts.items():
        first.setdefault(unit, name)
    if "/uL" in quantity.accepts:  # what counts are often reported in, whatever else means the same
        first[quantity.accepts["/uL"]] = "/uL"
    return tuple(Choice(name, _UNITS.get(name) or words.unit(name)) for name in first.values())


_UNITS = {"/uL": "/µL", "Cel": "°C", "copies/ug DNA": "copies/µg DNA", "copies/10^5 cells": "copies/10⁵ cells"}


def named(text: str, labels: Mapping[str, str]) -> str:
    """The concept that a text names by its label or its own name; else the text as it is, for the reader to judge."""
    plain = " ".join(text.lower().split())
    if plain.replace(" ", "_") in labels:
        return plain.replace(" ", "_")
    return next((name for name, label in labels.items() if label.lower() == plain), text)


def _plain(names: Iterable[str], **labels: str) -> Choices:
    return tuple(Choice(name, labels.get(name, name.replace("_", " "))) for name in names)


def _words(concept: str) -> Choices:
    return _plain(vocabulary().signs[concept].words, atg="ATG", t_replete="T-replete", t_depleted="T-depleted")


def _schema_words(part: str, key: str) -> list[str]:
    """The closed words of a place, from the published schema."""
    found: dict[str, Any] = json_schema()["$defs"][part]["properties"][key]
    while "enum" not in found:
        found = next(each for each in (*found.get("anyOf", ()), found.get("items", {})) if each.get("type") != "null")
    return list(found["enum"])


_YES_NO = _plain(("yes", "no"))
_SEEN = _plain(("yes", "no", "unknown"), unknown="not clear")
_RESULTS = _plain(("positive", "negative", "equivocal", "not_done"), not_done="not done")
_TISSUE = _plain(("positive", "negative", "equivocal"))
_START = Cell("start", "Start", "day", needed=True)
_END = Cell("end", "End", "day", hint="still on")
_REPORTED = Cell("reported_on", "Reported on", "day")
_SITES = _plain(sorted(vocabulary().specimens), csf="CSF", bal="BAL")
_SPECIMENS = _plain(
    ("plasma", "whole_blood", "serum", "bal", "csf", "aqueous", "vitreous", "urine"), csf="CSF", bal="BAL"
)
_ILLNESSES = (
    "haematological_malignancy",
    "hlh",
    "rejection",
    "chronic_kidney_disease",
    "acute_kidney_injury",
    "heart_failure",
    "osteoporosis_or_diabetes",
    "other_immunosuppression",
)
_FINDINGS = (
    "macroscopic_lesion",
    "c_difficile",
    "retinal_lesion",
    "retinal_lesion_near_fovea",
    "lung_infiltrates",
    "bal_cmv",
    "csf_cmv",
    "cns_imaging_or_eeg",
    "other_causes_excluded",
    "rescue_option",
    "multidisciplinary_agreement",
    "surveillance",
    "steroid_dependent_adrenal",
    "myelodysplasia",
    "parvovirus",
)
_COURSE = ("clinical_course", "gut_disease_extent", "prophylaxis_strategy", "cmv_igg", "cmv_cmi")
_TESTS = {
    "body_weight": "Weight",
    "creatinine": "Creatinine",
    "neutrophils": "Neutrophils",
    "lymphocytes": "Lymphocytes",
    "leukocytes": "White cells",
    "platelets": "Platelets",
    "haemoglobin": "Haemoglobin",
    "alt": "ALT",
    "ast": "AST",
    "potassium": "Potassium",
    "calcium": "Calcium",
    "magnesium": "Magnesium",
}
_INTERVALS = ("daily", "12 h", "8 h", "24 h", "48 h", "weekly", "2 weeks", "4 weeks", "8 weeks")
_CALLED = ("ganciclovir", "foscarnet", "cidofovir", "maribavir", "letermovir")


SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "who": ("Who", ("frame", "person")),
    "host": ("Why at risk", ("ibd", "transplants", "hiv", "illnesses", "conditions")),
    "cmv": ("CMV so far", ("episodes", "organs")),
    "load": ("Viral load", ("defaults", "loads")),
    "lab": ("Weight, kidney, counts", ("labs",)),
    "antiviral": ("Antivirals", ("antivirals",)),
    "other-drug": ("Other drugs", ("suppressing", "other_drugs")),
    "seen": ("Symptoms and findings", ("signs", "symptoms", "findings", "course", "said")),
    "biopsy": ("Tissue", ("tissue",)),
    "resistance": ("Genotype", ("genotype", "pending")),
    "done": ("Procedures, dialysis", ("procedures",)),
    "whole": ("What is complete", ("complete", "rest")),
}
"""The sections of the page, their headings and the groups of fields in them."""


@cache
def asked() -> Asked:
    """The form for the vocabulary in force."""
    known = vocabulary()
    tables = (*_cmv_tables(), *_drug_tables(), *_other_tables())
    return Asked(
        cells={"frame": _FRAME, "person": _person(), "ibd": _ibd(), "defaults": _defaults()},
        tables={table.name: table for table in tables},
        grids={grid.name: grid for grid in _grids()},
        tests=_TESTS,
        lists={
            "tests": tuple(TESTS.values()),
            "antivirals": _drugs("anti_cmv"),
            "suppressing": (*_drugs("immunosuppressant"), known.drugs["budesonide"]),
            "other-drugs": tuple(known.drugs.values()),
            "intervals": _INTERVALS,
            "missed": ("none", "2 of 28", "1 per week"),
            "results": ("not detected", "detected"),
            "pcr": ("positive", "negative", "equivocal"),
            "sites": tuple(_schema_words("Episode", "site")),
            "conditions": tuple(known.conditions.values()),
            "signs": tuple(sign.label for name, sign in known.signs.items() if name != "complete"),
            "answers": tuple(dict.fromkeys(["yes", "no", "unknown", *_said_words()])),
        },
    )


def _said_words() -> Iterable[str]:
    return (word.replace("_", " ") for name in _COURSE for word in vocabulary().signs[name].words)


def _drugs(group: str) -> tuple[str, ...]:
    return tuple(vocabulary().drugs[name] for name in vocabulary().sets[group])


_FRAME = (
    Cell("patient", "Label for the patient", hint="not a name"),
    Cell("as_of", "As of: the day on which this is true", "day"),
    Cell("day_zero", "Day zero, if you count days (d14)", "day"),
)


def _person() -> tuple[Cell, ...]:
    return (
        Cell("birth_date", "Born", "day"),
        Cell("age", "or age in years", "number"),
        Cell("sex", "Sex at birth", "choice", choices=_plain(("female", "male"))),
        Cell("pregnant", "Pregnant", "choice", choices=_SEEN),
    )


def _ibd() -> tuple[Cell, ...]:
    diseases = _plain(vocabulary().sets["ibd"], crohns_disease="Crohn's disease", ibd_unclassified="unclassified")
    return (
        Cell("disease", "Disease", "choice", choices=diseases, needed=True),
        Cell("since", "Since", "day", hint="2017-05 or 2017"),
        Cell("extent", "Extent", "choice", choices=_words("ibd_extent")),
        Cell("severity", "Severity now", "choice", choices=_words("colitis_severity")),
        Cell("steroid_response", "Response to steroids", "choice", choices=_words("steroid_response")),
        Cell("date", "Judged on", "day"),
    )


def _defaults() -> tuple[Cell, ...]:
    return (
        Cell("unit", "Unit", "choice", choices=units_of("cmv_load")),
        Cell("specimen", "Specimen", "choice", choices=_SPECIMENS),
        Cell("assay", "Assay", hint="cobas CMV"),
        Cell("laboratory", "Laboratory"),
        Cell("lloq", "Lower limit (LLOQ)", "number", hint="34.5"),
    )


def _cmv_tables() -> tuple[Table, ...]:
    antibodies = _words("donor_cmv_igg")
    return (
        Table(
            "transplants",
            ("host", "transplants"),
            "Transplant",
            (
                Cell("organ", "Organ", "choice", choices=_plain(_schema_words("Transplant", "organ")), needed=True),
                Cell("date", "Date", "day", needed=True),
                Cell("donor_igg", "Donor CMV IgG", "choice", choices=antibodies),
                Cell("recipient_igg", "Recipient IgG before", "choice", choices=antibodies),
                Cell("induction", "Induction", "choice", choices=_words("induction")),
                Cell("rejection", "Rejection, days", "list"),
            ),
            (
                Cell("graft_manipulation", "Graft, GVHD prophylaxis", "choice", choices=_words("graft_manipulation")),
                Cell("gvhd_type", "GVHD", "choice", ("gvhd", "type"), _plain(("acute", "chronic"))),
                Cell("gvhd_since", "GVHD since", "day", ("gvhd", "since")),
                Cell("gvhd_until", "GVHD until", "day", ("gvhd", "until"), hint="still on"),
            ),
        ),
        Table(
            "conditions",
            ("host", "other"),
            "Disease",
            (
                Cell("condition", "Disease", suggests="conditions", needed=True, wide=True),
                Cell("since", "Since", "day"),
                Cell("end", "Until", "day", hint="still on"),
            ),
        ),
        Table(
            "episodes",
            ("cmv", "episodes"),
            "Episode",
            (_START, _END, Cell("site", "Site", "list", suggests="sites", hint="colon", wide=True)),
            (Cell("disease", "or disease", "list", suggests="conditions"), Cell("note", "Note", wide=True)),
        ),
        Table(
            "loads",
            ("viral_loads",),
            "Load",
            (
                Cell("date", "Date", "day", needed=True),
                Cell("value", "Result", suggests="results", hint="12400, <137", needed=True),
            ),
            (
                Cell("unit", "Unit", "choice", choices=units_of("cmv_load")),
                Cell("specimen", "Specimen", "choice", choices=_SPECIMENS),
                Cell("assay", "Assay"),
                Cell("laboratory", "Laboratory"),
                Cell("lloq", "LLOQ", "number"),
                _REPORTED,
            ),
            at="value",
        ),
    )


def _drug_tables() -> tuple[Table, ...]:
    def cells(suggests: str) -> tuple[Cell, ...]:
        return (
            Cell("drug", "Drug", suggests=suggests, needed=True, wide=True),
            Cell("amount", "Dose", "number", ("dose", "amount")),
            Cell("unit", "Unit", "choice", ("dose", "unit"), _plain(vocabulary().dose_units)),
            Cell("every", "Every", suggests="intervals", hint="12 h"),
            Cell("route", "Route", "choice", choices=_plain(("iv", "oral", *sorted(known - {"iv", "oral"})))),
            _START,
            _END,
        )

    known = vocabulary().routes
    intent = Cell("intent", "For", "choice", choices=_plain(("treatment", "maintenance", "prophylaxis", "preemptive")))
    missed = Cell("missed_doses", "Missed doses", suggests="missed", hint="none")
    adequate = Cell("adequate", "Dose right for the kidneys then", "choice", choices=_YES_NO)
    path = ("drugs",)
    return (
        Table("antivirals", path, "Antiviral", (*cells("antivirals"), intent, missed), (adequate,)),
        Table("suppressing", path, "Drug", cells("suppressing"), (intent, missed, adequate)),
        Table("other_drugs", path, "Drug", cells("other-drugs"), (intent, missed, adequate)),
    )


def _other_tables() -> tuple[Table, ...]:
    day = Cell("date", "Specimen of", "day", needed=True)
    genes = [
        (
            Cell(f"{gene}_covered", f"{gene} codons read", "list", ("genes", gene, "covered"), hint="440-645"),
            Cell(
                f"{gene}_changes", f"{gene} changes", "list", ("genes", gene, "changes"), hint="none found", wide=True
            ),
        )
        for gene in dict.fromkeys(("UL97", "UL54", *GENES))
    ]
    calls = [
        Cell(f"call_{drug}", f"{words.sentence(drug)}, as reported", "choice", ("calls", drug), _plain(_CALLS))
        for drug in _CALLED
    ]
    return (
        Table(
            "tissue",
            ("tissue",),
            "Biopsy",
            (
                Cell("date", "Date", "day", needed=True),
                Cell("site", "Site", "choice", choices=_SITES),
                Cell("he", "H&E", "choice", choices=_RESULTS),
                Cell("ihc", "IHC", "choice", ("ihc", "result"), _TISSUE),
                Cell("density", "Cells per section", "number", ("ihc", "density")),
                Cell("pcr", "PCR", "text", ("pcr", "value"), suggests="pcr", hint="250"),
                Cell("pcr_unit", "Unit of PCR", "choice", ("pcr", "unit"), units_of("cmv_tissue_pcr")),
            ),
            (Cell("culture", "Culture or in-situ", "choice", choices=_RESULTS), _REPORTED),
        ),
        Table(
            "genotype",
            ("genotype",),
            "Genotype",
            (
                *(day, _REPORTED, Cell("specimen", "Specimen", "choice", choices=_SPECIMENS)),
                *(Cell("method", "Method", hint="Sanger, NGS"), *genes[0], *genes[1]),
            ),
            (*(cell for pair in genes[2:] for cell in pair), *calls),
        ),
        Table(
            "procedures",
            ("procedures",),
            "Procedure",
            (
                Cell("procedure", "Procedure", "choice", choices=_procedures(), needed=True, wide=True),
                Cell("date", "On one day", "day"),
                Cell("start", "or from", "day"),
                Cell("end", "to", "day", hint="still on"),
            ),
        ),
        Table(
            "said",
            (),
            "Entry",
            (
                Cell("what", "What", suggests="signs", needed=True, wide=True),
                Cell("answer", "Answer", suggests="answers", needed=True),
                Cell("date", "On", "day"),
                Cell("site", "Site", "choice", choices=_SITES),
            ),
        ),
    )


_CALLS = ("susceptible", "possible", "resistant", "not_determined")


def _procedures() -> Choices:
    often = ("haemodialysis", "peritoneal_dialysis", "continuous_renal_replacement", "colectomy", "car_t_cell_therapy")
    known = vocabulary().procedures
    return tuple(Choice(name, known[name]) for name in dict.fromkeys([*often, *known]))


def _grids() -> tuple[Grid, ...]:
    known = vocabulary()
    signs = {name: words.sentence(sign.label) for name, sign in known.signs.items()}
    diseases = {name: words.sentence(label) for name, label in known.conditions.items()}
    symptoms = [name for name, sign in known.signs.items() if sign.group == "symptoms"]
    organs = [name for name in known.conditions if name in known.sets["cmv_disease"] and name != "cmv_episode"]
    no = _plain(("no",))
    yes, every = frozenset(("yes",)), frozenset(("yes", "no", "unknown"))
    illnesses = {**{name: diseases[name] for name in _ILLNESSES}, "gvhd_any": "Graft-versus-host disease of any kind"}
    sites = {"outside_gut": "Anywhere outside the gut", **{name: diseases[name] for name in organs}}
    course = {name: _words(name) for name in _COURSE}
    said = frozenset(choice.value for choices in course.values() for choice in choices)
    ticked = _plain(("complete",))
    return (
        _grid("illnesses", illnesses, _YES_NO, yes, gvhd_any=no),
        _grid("organs", sites, _YES_NO, yes, outside_gut=no),
        _grid("symptoms", {name: signs[name] for name in symptoms}, _SEEN, every),
        _grid("findings", {name: signs[name] for name in _FINDINGS}, _SEEN, every),
        Grid("course", "select", {name: signs[name] for name in _COURSE}, course, said),
        Grid("complete", "check", _LISTS, dict.fromkeys(_LISTS, ticked), frozenset(("complete",))),
    )


_LISTS = {
    "medications": "Drugs: no other drug is taken",
    "symptoms": "Symptoms: no other symptom is there",
    "conditions": "Diseases: no other disease is known",
    "procedures": "Procedures: none but those named",
    "end_organ_disease": "CMV disease of organs: none but those named",
    "viral_loads": "Viral loads: none but those named",
}


def _grid(name: str, asks: Mapping[str, str], usual: Choices, dated: frozenset[str], **own: Choices) -> Grid:
    """Yes or no; ``own``: the answers of questions that take others."""
    return Grid(name, "radio", asks, {ask: own.get(ask, usual) for ask in asks}, dated)
