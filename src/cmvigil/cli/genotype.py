"""``cmvigil genotype``: a laboratory's sequences, reads or variant files, read and interpreted."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from . import common as c
from . import genotype_options as o

if TYPE_CHECKING:
    from ..genotype import Knowledge
    from ..report.genotype_about import About
    from ..sequencing.batch import Failed
    from ..sequencing.sample import Options, Sample


def genotype_command(
    files: o.Files,
    json: o.Json = None,
    html: o.Html = None,
    pdf: o.Pdf = None,
    csv: o.Csv = None,
    vcf: o.Vcf = None,
    codons: o.Codons = None,
    fhir: o.Fhir = None,
    patient: o.Patient = None,
    specimen_date: o.SpecimenDate = None,
    laboratory: o.Laboratory = None,
    min_fraction: o.MinFraction = None,
    primers: o.Primers = None,
    reference: o.Reference = None,
    copies: o.Copies = None,
    technology: o.Technology = None,
    filtered: o.Filtered = False,
    merge: o.Merge = False,
    single: o.Single = False,
    jobs: o.Jobs = None,
    knowledge: c.Overlays = None,
) -> None:
    """Read sequences of the virus: changes, what they mean for each antiviral, and how good the sequence is.

    A file that cannot be used does not stop the others. Exit codes: 0 all were read; 1 some were not; 2 none.

    Examples:

    cmvigil genotype isolate.fasta

    cmvigil genotype calls.vcf --html report.html --patient M-0417

    cmvigil genotype p_R1.fastq.gz p_R2.fastq.gz --primers assay.bed --copies 900

    cmvigil genotype *.fasta --csv verdicts.csv --json genotype.json
    """
    from ..genotype import read_knowledge
    from ..sequencing.sample import Options

    outputs = _Outputs(json, html, pdf, csv, vcf, codons, fhir)
    once = _once(files)
    outputs.check(once)
    labels = (_label(patient, "--patient"), _day(specimen_date), _label(laboratory, "--laboratory"))
    known = read_knowledge(c.program(knowledge))
    share = _share(min_fraction, known.thresholds.call_floor)
    options = Options(share, _text(primers), _text(reference), filtered, merge, copies, technology)
    found = _read(once, single, jobs, _deciding_from(share, known), options)
    outputs.write(found, labels)
    found.end()


@dataclass(frozen=True)
class _Found:
    """What the inputs gave, and what it was read with."""

    samples: list[Sample]
    failed: list[Failed]
    inputs: int
    knowledge: Knowledge
    options: Options

    def end(self) -> None:
        """End with the exit code of what could not be used."""
        if self.failed:
            of = "the only input" if self.inputs == 1 else f"{len(self.failed)} of {self.inputs} inputs"
            c.stop(f"{of} could not be used", c.FAILED if self.samples else c.BAD_INPUT)


def _read(files: Sequence[Path], single: bool, jobs: int | None, knowledge: Knowledge, options: Options) -> _Found:
    """Read them all; what is wrong with one goes to the error stream."""
    from ..sequencing.batch import Failed, paired, read_all

    inputs = [(path,) for path in files] if single else paired(files)
    with _progress(len(inputs)) as done:
        # The share that decides is in the knowledge by now, once for all files.
        outcomes = read_all(inputs, knowledge, replace(options, min_fraction=None), jobs or os.cpu_count() or 1, done)
    failed = [each for each in outcomes if isinstance(each, Failed)]
    samples = [sample for each in outcomes if not isinstance(each, Failed) for sample in each]
    for problem in (problem for each in failed for problem in each.problems):
        typer.echo(problem, err=True)
    return _Found(samples, failed, len(inputs), knowledge, options)


@dataclass(frozen=True)
class _Outputs:
    """The files that were asked for. All are made before the first is written."""

    json: Path | None
    html: Path | None
    pdf: Path | None
    csv: Path | None
    vcf: Path | None
    codons: Path | None
    fhir: Path | None

    def check(self, inputs: Sequence[Path]) -> None:
        """End where an output would overwrite an input or another output."""
        taken = {path.resolve() for path in inputs}
        outputs = [self.html, self.pdf, self.csv, self.variants, self.vcf, self.codons, self.fhir]
        if _STDOUT in outputs:
            c.stop("only --json prints to -; give each other output a file")
        for path in (path for path in (self.json, *outputs) if path and path != _STDOUT):
            if path.resolve() in taken:
                c.stop(f"{path}: is read or written already; give each output a file of its own")
            taken.add(path.resolve())

    @property
    def variants(self) -> Path | None:
        """Beside ``verdicts.csv`` the changes, as ``verdicts.variants.csv``."""
        return self.csv and self.csv.with_suffix(".variants.csv")

    def write(self, found: _Found, labels: tuple[str, str, str]) -> None:
        """Write the files and print; nothing but JSON and the table of verdicts can be said without a sample.

        ``labels``: patient, day of the specimen, laboratory.
        """
        from ..report.genotype_about import About

        if labels[0] and len(found.samples) > 1:
            c.stop(f"--patient: {len(found.samples)} samples were read; give the file of one, or --merge its amplicons")
        about = About(*labels, found.options)
        made = dict(self.made(found, about))
        printed = made.pop(_STDOUT, None)
        c.write_all(made)
        if printed is not None:
            c.emit(printed)
            return
        if found.samples:
            from ..report.genotype_terminal import print_samples

            print_samples(found.samples, found.knowledge, c.console(), about)
        for path in made:
            typer.echo(f"Written: {path}")

    def made(self, found: _Found, about: About) -> Iterator[tuple[Path, bytes]]:
        """Paths and contents."""
        from .. import __version__ as version

        samples, failed, knowledge = found.samples, found.failed, found.knowledge
        if self.json:
            from ..report.genotype_json import render_json

            yield self.json, render_json(samples, failed, knowledge, version, about)
        if self.csv and self.variants:
            from ..report.genotype_tables import render_changes, render_verdicts

            yield self.csv, render_verdicts(samples, failed, knowledge)
            yield self.variants, render_changes(samples, knowledge)
        if not samples:
            return
        if self.html or self.pdf:
            yield from self.laboratory(found, version, about)
        if self.vcf:
            from ..report.genotype_vcf import render_vcf

            yield self.vcf, render_vcf(samples, knowledge, version)
        if self.codons:
            from ..report.genotype_tables import render_codons

            yield self.codons, render_codons(samples)
        if self.fhir:
            from ..report.genotype_fhir import render_fhir

            yield self.fhir, render_fhir(samples, knowledge, version, about)

    def laboratory(self, found: _Found, version: str, about: About) -> Iterator[tuple[Path, bytes]]:
        """The report for people."""
        from ..report.laboratory import TypesetterMissingError, as_pdf, render

        page = render(found.samples, found.knowledge, version, about, found.failed)
        if self.html:
            yield self.html, page
        if self.pdf:
            try:
                yield self.pdf, as_pdf(page)
            except TypesetterMissingError as error:
                c.stop(f"--pdf: {error}")


_STDOUT = Path("-")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _label(text: str | None, option: str) -> str:
    """A label as it was typed, on one line. Ends with a message where it is blank."""
    plain = " ".join((text or "").split())
    if text is not None and not plain:
        c.stop(f"{option}: is blank; give a text, or leave the option out")
    return plain


def _day(text: str | None) -> str:
    given = c.day(text, "--specimen-date")
    return given.isoformat() if given else ""


def _deciding_from(share: Decimal | None, knowledge: Knowledge) -> Knowledge:
    """The knowledge with another share from which a change decides, where one was given."""
    if share is None:
        return knowledge
    return replace(knowledge, thresholds=replace(knowledge.thresholds, report_floor=share))


def _once(files: Sequence[Path]) -> list[Path]:
    """Each file once, with a word on those that were given again."""
    kept: dict[Path, Path] = {}
    for path in files:
        if path.resolve() in kept:
            typer.echo(f"{path}: given twice, read once", err=True)
        kept.setdefault(path.resolve(), path)
    return list(kept.values())


def _share(text: str | None, lowest: Decimal) -> Decimal | None:
    """A share of the population. Ends with a message where it is none, or one at which artefacts would decide."""
    if text is None:
        return None
    from ..genotype.mutation import percent

    match = re.fullmatch(r"(\d*\.?\d+)(%?)", text.strip(), re.ASCII)
    share = Decimal(match[1]) / (100 if match[2] else 1) if match else Decimal(0)
    if not lowest <= share < 1:
        c.stop(f"--min-fraction: found {text!r}; expected a share from {percent(lowest)} on, such as 2% or 0.02")
    return share


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on the error stream for several files, where a person looks at it; what it gives is called after each."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=total)
        yield lambda: bar.advance(task)
