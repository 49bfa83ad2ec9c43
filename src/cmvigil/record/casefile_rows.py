"""A case file's rows: each entry becomes rows of the event tables; its place in the file is their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from cmvigil.record import units
from cmvigil.record.casefile import NAMED, Case, parse_case, readable_part
from cmvigil.record.casefile.case import Act
from cmvigil.record.casefile.drugs import Drug
from cmvigil.record.casefile.genotype import Gene, Genotype
from cmvigil.record.casefile.results import Measure, Seen
from cmvigil.record.checks import check
from cmvigil.record.document import Document, Path, spell
from cmvigil.record.errors import IntakeError, Problem, shown
from cmvigil.record.tables import (
    Condition,
    Coverage,
    Exposure,
    Issue,
    Measurement,
    Observation,
    Person,
    Procedure,
    Record,
    Susceptibility,
    Variant,
)
from cmvigil.record.vocabulary import vocabulary


def case_record(document: Document, file: str = "") -> Record:
    """The record of a case file. Raises IntakeError with every problem."""
    problems: list[Problem] = []
    try:
        case = parse_case(document, file)
    except IntakeError as error:
        problems += error.problems
        part = readable_part(document)
        if part is None:
            raise
        document, case = part, parse_case(part, file)
    writer = _Writer(case, document, file)
    writer.write()
    problems += writer.problems
    if problems:  # what else cannot be used is said with it, so that the file is mended in one go
        problems += writer.unusable
        raise IntakeError(sorted(problems, key=lambda problem: (problem.line or 0, problem.path)))
    return writer.record


class _Writer:
    """Writes one case into a record. Events are numbered in the order of the file."""

    def __init__(self, case: Case, document: Document, file: str) -> None:
        self.case = case
        self.record = Record(patient=case.patient, as_of=case.as_of)
        self.problems: list[Problem] = []
        self.unusable: list[Problem] = []
        self._document = document
        self._file = file
        self._unknown_drugs: list[str] = []
        self._numbers = count(1)
        self._read: Counter[str] = Counter()

    def write(self) -> None:
        self._host()
        self._cmv()
        self._signs()
        self._loads()
        self._tissue()
        for name, entries in self.case.labs.items():
            self._measures(name, entries, ("labs", self._written("labs", name)))
        for index, drug in enumerate(self.case.drugs):
            if drug.known:
                self._drug(drug, ("drugs", index))
            else:
                self._unknown_drug(drug, ("drugs", index))
        for index, genotype in enumerate(self.case.genotype):
            self._genotype(genotype, ("genotype", index))
        if self.case.genotype_pending:
            for concept in ("genotype_sent", "genotype_pending"):
                self._observe(concept, self.case.genotype_pending.sent, ("genotype_pending",), present=True)
        for index, act in enumerate(self.case.procedures):
            self._act(act, ("procedures", index))
        for index, statement in enumerate(self.case.complete):
            path = ("complete", index)
            self._observe("complete", statement.date or self._now(path), path, text=statement.list)
        self._person()
        check(self.record, {"medications": self._unknown_drugs} if self._unknown_drugs else None)
        for table, rows in self.record.rows.items():
            if rows:
                self.record.counts[f"rows.{table}"] = len(rows)
        for section, number in self._read.items():
            self.record.counts[f"read.{section}"] = number

    # --- how rows are made

    def _now(self, path: Path) -> date:
        """The day of a statement that has none of its own: as_of. Without as_of this is a problem."""
        if self.case.as_of is None:
            self.problems.append(
                Problem(
                    "no date",
                    "a date here, or as_of at the top",
                    "Add 'as_of:' with the day on which this case was written.",
                    spell(path),
                    self._document.line(path),
                    self._file,
                )
            )
            return date.min
        return self.case.as_of

    def _base(self, day: date, path: Path, known_on: date | None = None) -> dict[str, Any]:
        self._read[str(path[0])] += 1
        return {
            "patient": self.record.patient,
            "event": f"{next(self._numbers):05d}",
            "day": day,
            "known_on": known_on or day,
            "source": spell(path),
        }

    def _issue(
        self, level: Any, path: Path, found: str, expected: str, remedy: str, known_on: date | None = None
    ) -> None:
        line = self._document.line(path)
        place = f"line {line}: {spell(path)}" if line else spell(path)
        if level == "unusable":
            self.unusable.append(Problem(found, expected, remedy, spell(path), line, self._file))
        self.record.issues.append(Issue(level, place, found, expected, remedy, known_on))

    def _observe(self, concept: str, day: date, path: Path, known_on: date | None = None, **content: Any) -> None:
        self.record.add(Observation(**self._base(day, path, known_on), concept=concept, **content))

    def _condition(self, concept: str, day: date, path: Path, **content: Any) -> None:
        self.record.add(Condition(**self._base(day, path), concept=concept, **content))

    def _absent(self, names: Iterable[str], path: Path) -> None:
        for name in names:
            for concept in vocabulary().expand(name):
                self._condition(concept, self._now(path), path, present=False)

    def _measures(self, concept: str, entries: Iterable[Measure], path: Path) -> None:
        for index, entry in enumerate(entries):
            here = self._item(path, index)
            self._measure(
                concept,
                entry.date or self._now(here),
                here,
                entry.value,
                entry.unit,
                upper=entry.upper_normal,
                lower=entry.lower_normal,
                known_on=entry.reported_on,
            )

    def _written(self, section: str, concept: str) -> str:
        """The key of a section that spells a concept: ``wbc`` where the file says so for leukocytes."""
        keys: dict[str, Any] = self._document.content[section]
        return next(key for key in keys if NAMED[section].find(key) == concept)

    def _item(self, path: Path, index: int) -> Path:
        """The path of an entry: its index is written only where the file has a list."""
        content = self._document.content
        for step in path:
            content = content[step]
        return (*path, index) if isinstance(content, list) else path

    def _measure(
        self,
        concept: str,
        day: date,
        path: Path,
        value: str,
        unit: str | None,
        *,
        known_on: date | None = None,
        specimen: str | None = None,
        assay: str | None = None,
        laboratory: str | None = None,
        lloq: Decimal | None = None,
        upper: Decimal | None = None,
        lower: Decimal | None = None,
        unusable: tuple[str, str] | None = None,
    ) -> None:
        quantity = vocabulary().quantities[concept]
        result = units.result(value)
        if result is not None and unit is None:
            unit = result.unit
        measured = units.measure(quantity, result, unit, lloq=lloq, upper=upper, lower=lower, found=value)
        if unusable is not None:
            measured = measured._replace(value=None, problem=unusable[0], remedy=unusable[1])
        reported = units.reported_text(value, unit, result)
        if measured.problem:
            self._issue("unusable", path, measured.problem, f"{quantity.label} in {quantity.unit}", measured.remedy)
        for found, expected, remedy in units.remarks(measured, reported):
            self._issue("note", path, found, expected, remedy)
        self.record.add(
            Measurement(
                **self._base(day, path, known_on),
                concept=concept,
                value=measured.value,
                form=measured.form,
                unit=measured.unit,
                reported=reported,
                specimen=specimen,
                assay=assay,
                laboratory=laboratory,
                lloq=measured.lloq,
                upper_normal=measured.upper_normal,
                lower_normal=measured.lower_normal,
                stream=units.stream(specimen, measured.unit, assay, laboratory, log=measured.log)
                if quantity.per_unit
                else concept,
                problem=measured.problem,
            )
        )

    # --- the sections

    def _host(self) -> None:
        host = self.case.host
        if host is None:
            return
        if host.ibd is not None:
            path: Path = ("host", "ibd")
            ibd = host.ibd
            self._condition(ibd.disease, ibd.since or self._now((*path, "since")), path)
            for concept, word in (
                ("ibd_extent", ibd.extent),
                ("colitis_severity", ibd.severity),
                ("steroid_response", ibd.steroid_response),
            ):
                if word is not None:
                    self._observe(concept, ibd.date or self._now(path), path, text=word)
        for index, transplant in enumerate(host.transplants):
            path = self._item(("host", "transplants"), index)
            self.record.add(
                Procedure(**self._base(transplant.date, path), concept=transplant.procedure, end=transplant.date)
            )
            for concept, word in (
                ("donor_cmv_igg", transplant.donor_igg),
                ("recipient_cmv_igg", transplant.recipient_igg),
                ("induction", transplant.induction),
                ("graft_manipulation", transplant.graft_manipulation),
            ):
                if word is not None:
                    self._observe(concept, transplant.date, path, text=word)
            for rejection in transplant.rejection:
                self._condition("rejection", rejection.date, (*path, "rejection"), end=rejection.end)
            for gvhd in transplant.gvhd:
                here = (*path, "gvhd")
                concept = f"gvhd_{gvhd.type}" if gvhd.type else "gvhd"
                self._condition(concept, gvhd.since or self._now(here), here, end=gvhd.until)
        if host.hiv is not None:
            path = ("host", "hiv")
            present = host.hiv.present
            self._condition("hiv", host.hiv.since or self._now(path), path, present=present)
            self._measures("cd4", host.hiv.cd4, (*path, "cd4"))
        for index, illness in enumerate(host.other):
            path = self._item(("host", "other"), index)
            self._condition(illness.condition, illness.since or self._now(path), path, end=illness.end)
        self._absent(host.stated_absent, ("host", "not"))

    def _cmv(self) -> None:
        cmv = self.case.cmv
        if cmv is None:
            return
        for index, episode in enumerate(cmv.episodes):
            path = self._item(("cmv", "episodes"), index)
            for concept in ("cmv_episode", *episode.diseases):
                text = episode.note if concept == "cmv_episode" else None
                self._condition(concept, episode.start, path, end=episode.end, text=text)
        for index, disease in enumerate(cmv.disease):
            path = self._item(("cmv", "disease"), index)
            self._condition(disease.concept, disease.start or self._now(path), path, end=disease.end)
        self._absent(cmv.no_disease, ("cmv", "no_disease"))

    def _signs(self) -> None:
        for section, signs in (("symptoms", self.case.symptoms), ("findings", self.case.findings)):
            for concept, entries in signs.items():
                for index, entry in enumerate(entries):
                    path = self._item((section, self._written(section, concept)), index)
                    self._seen(concept, entry, path)
        for concept, said in self.case.words.items():
            for index, word in enumerate(said):
                path = self._item(("words", self._written("words", concept)), index)
                self._word(concept, word.value, word.date, path)

    def _seen(self, concept: str, entry: Seen, path: Path) -> None:
        self._observe(concept, entry.date or self._now(path), path, present=entry.present, site=entry.site)

    def _word(self, concept: str, value: str, day: date | None, path: Path) -> None:
        known = vocabulary().signs[concept].words
        text = "_".join(value.lower().replace("-", " ").split())
        if text not in known:
            line = self._document.line(path)
            self.problems.append(Problem(f"'{value}'", f"one of {', '.join(known)}", "", spell(path), line, self._file))
            return
        self._observe(concept, day or self._now(path), path, text=text)

    def _loads(self) -> None:
        defaults = self.case.viral_load_defaults
        for index, load in enumerate(self.case.viral_loads):
            given: dict[str, Any] = {
                key: getattr(load, key) if getattr(load, key) is not None else getattr(defaults, key, None)
                for key in ("unit", "specimen", "assay", "laboratory", "lloq")
            }
            if load.lloq is None and defaults is not None and given["unit"] != defaults.unit:
                given["lloq"] = None  # the limit was given in another unit
            concept, problem, remedy = units.load_concept(given["specimen"])
            self._measure(
                concept,
                load.date,
                ("viral_loads", index),
                load.value,
                known_on=load.reported_on,
                unusable=(problem, remedy) if problem else None,
                **given,
            )

    def _tissue(self) -> None:
        for index, biopsy in enumerate(self.case.tissue):
            path: Path = ("tissue", index)
            findings = {"tissue_inclusions": biopsy.he, "tissue_culture": biopsy.culture}
            given = biopsy.model_fields_set
            for concept, key in (("tissue_inclusions", "he"), ("tissue_culture", "culture")):
                if key in given:
                    self._observe(
                        concept,
                        biopsy.date,
                        path,
                        biopsy.reported_on,
                        present=findings[concept],
                        site=biopsy.site,
                    )
            specimen = f"tissue:{biopsy.site}" if biopsy.site else "tissue"
            if biopsy.ihc is not None:
                self._observe(
                    "tissue_ihc",
                    biopsy.date,
                    path,
                    biopsy.reported_on,
                    present=biopsy.ihc.result,
                    site=biopsy.site,
                )
                if biopsy.ihc.density is not None:
                    self._measure(
                        "ihc_density",
                        biopsy.date,
                        (*path, "ihc"),
                        biopsy.ihc.density,
                        "/section",
                        known_on=biopsy.reported_on,
                        specimen=specimen,
                    )
            if biopsy.pcr is not None:
                pcr = biopsy.pcr
                if pcr.value is not None:
                    self._measure(
                        "cmv_tissue_pcr",
                        biopsy.date,
                        (*path, "pcr"),
                        pcr.value,
                        pcr.unit,
                        known_on=biopsy.reported_on,
                        specimen=specimen,
                    )
                else:
                    self._observe(
                        "tissue_pcr",
                        biopsy.date,
                        path,
                        biopsy.reported_on,
                        present=pcr.result,
                        site=biopsy.site,
                    )

    def _drug(self, drug: Drug, path: Path) -> None:
        amount = unit = None
        if drug.dose is not None:
            amount, unit = units.dose(drug.dose.amount, drug.dose.unit, vocabulary().dose_units) or (
                None,
                None,
            )
        self.record.add(
            Exposure(
                **self._base(drug.start, path),
                concept=drug.drug,
                end=drug.last,
                dose=amount,
                dose_unit=unit,
                interval_h=drug.every,
                route=drug.route,
                intent=drug.intent,
                taken=self._taken(drug, path),
                adequate=drug.adequate,
                stated_on=self._told(drug) if drug.missed_doses is not None or drug.adequate is not None else None,
            )
        )

    def _unknown_drug(self, drug: Drug, path: Path) -> None:
        """Nothing is concluded from it; that a list which names it holds every medication is not concluded either."""
        self._read[str(path[0])] += 1
        self._unknown_drugs.append(f"{spell(path)} {shown(drug.drug)}")
        remedy = "Not judged: what it does to the kidneys, the blood or beside an antiviral is not known here."
        self._issue("unmapped", path, f"the drug {shown(drug.drug)}", "a drug that cmvigil knows", remedy, drug.start)

    def _told(self, drug: Drug) -> date | None:
        """The day up to which a regimen can have been told of: its end, or the day of the case if earlier."""
        known = [day for day in (drug.last, self.case.as_of) if day is not None]
        return min(known) if known else None

    def _taken(self, drug: Drug, path: Path) -> Decimal | None:
        """The share of doses taken, where what was said allows it to be computed."""
        missed = drug.missed_doses
        if missed is None:
            return None
        if missed.count == 0:
            return Decimal(1)
        total = missed.of
        if total is None and drug.every is not None:
            if missed.per_week:
                total = Decimal(168) / drug.every
            elif (end := self._told(drug)) is not None and end >= drug.start:
                total = ((end - drug.start).days + 1) * Decimal(24) / drug.every
        if not total or missed.count > total:
            self.problems.append(
                Problem(
                    f"{missed.count} missed doses of {'an unknown number' if not total else round(total, 1)}",
                    "a number of missed doses that the doses given allow",
                    "Write '2 of 28', or add 'every:' and 'end:'.",
                    spell((*path, "missed_doses")),
                    self._document.line((*path, "missed_doses")),
                    self._file,
                )
            )
            return None
        return units.tidy(1 - missed.count / total)

    def _genotype(self, genotype: Genotype, path: Path) -> None:
        for name, gene in genotype.genes.items():
            self._gene(genotype, name, gene, (*path, "genes", name))
        for drug, call in genotype.calls.items():
            base = self._base(genotype.date, (*path, "calls"), genotype.reported_on)
            self.record.add(Susceptibility(**base, concept=drug, call=call, method=genotype.method))

    def _gene(self, genotype: Genotype, name: str, gene: Gene, path: Path) -> None:
        spans: list[tuple[Decimal | None, Decimal | None]] = [(span.first, span.last) for span in gene.covered]
        for first, last in spans or [(None, None)]:
            base = self._base(genotype.date, path, genotype.reported_on)
            self.record.add(Coverage(**base, gene=name, first=first, last=last, method=genotype.method))
        for change in gene.changes:
            base = self._base(genotype.date, path, genotype.reported_on)
            self.record.add(
                Variant(
                    **base,
                    gene=name,
                    change=change.change,
                    fraction=change.share,
                    specimen=genotype.specimen,
                    method=genotype.method,
                )
            )

    def _act(self, act: Act, path: Path) -> None:
        day = act.day if act.day is not None else self._now(path)
        # A single date is a single day; a start without an end is still going on.
        end = act.date if act.date is not None and act.end is None else act.end
        self.record.add(Procedure(**self._base(day, path), concept=act.procedure, end=end))

    def _person(self) -> None:
        person = self.case.person
        if person is None:
            return
        self._measures("body_weight", person.weight, ("person", "weight"))
        self._measures("body_height", person.height, ("person", "height"))
        if person.pregnant is not None:
            path = ("person", "pregnant")
            self._condition("pregnancy", self._now(path), path, present=person.pregnant)
        if person.birth_date is None and person.age is None and person.sex is None:
            return
        days = [row.day for rows in self.record.rows.values() for row in rows]
        if person.birth_date is not None:
            day = person.birth_date
        elif person.age is not None:
            # Earlier snapshots know the patient too, as far back as the age can be no more than a year out.
            today = self._now(("person", "age"))
            day = min([today, *(day for day in days if (today - day).days <= 365)])
        else:
            day = min(days) if days else self._now(("person",))
        base = self._base(day, ("person",))
        self.record.add(Person(**base, birth_date=person.birth_date, age=person.age, sex=person.sex))
