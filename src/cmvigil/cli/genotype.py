"""``cmvigil genotype``: a laboratory's sequences, reads or variant files, read and interpreted."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import common as c

if TYPE_CHECKING:
    from ..genotype import Knowledge
    from ..sequencing.batch import Failed
    from ..sequencing.sample import Sample

_Out = Path | None


def _out(flag: str, what: str) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(flag, metavar="OUT", dir_okay=False, help=what)
    return made


def genotype_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="FASTA, FASTQ, VCF, BAM or CRAM files, tables of codon counts, lists of changes; gzip too. What a "
            "file is, its content says. Two FASTQ files that differ in _R1 and _R2 are read pairs, so are those that "
            "end in _1 and _2 where their reads are named as mates.",
            show_default=False,
        ),
    ],
    json: Annotated[
        _Out, _out("--json", "Write the answer as JSON (docs/schemas/genotype.schema.json); - prints it.")
    ] = None,
    html: Annotated[_Out, _out("--html", "Write the laboratory report as one HTML file.")] = None,
    pdf: Annotated[_Out, _out("--pdf", "Write the laboratory report as PDF.")] = None,
    csv: Annotated[
        _Out, _out("--csv", "Write the verdicts for a spreadsheet, and beside them the changes as .variants.csv.")
    ] = None,
    vcf: Annotated[_Out, _out("--vcf", "Write the changes as VCF 4.3 on NC_006273.2.")] = None,
    codons: Annotated[_Out, _out("--codons", "Write how often each codon was counted (TSV).")] = None,
    fhir: Annotated[_Out, _out("--fhir", "Write a FHIR R4 Bundle (Genomics Reporting 3.0.0).")] = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", metavar="REF", help="For --fhir: the patient's reference, such as Patient/1."),
    ] = None,
    collected: Annotated[
        str | None,
        typer.Option("--collected", metavar="DATE", help="For --fhir: the day the specimen was taken (YYYY-MM-DD)."),
    ] = None,
    min_fraction: Annotated[
        str | None,
        typer.Option(
            "--min-fraction",
            metavar="SHARE",
            help="Share of the population from which a change decides: 2% or 0.02. Default: what the knowledge says.",
        ),
    ] = None,
    primers: Annotated[
        Path | None,
        typer.Option("--primers", metavar="BED", exists=True, dir_okay=False, help="Primers, places on NC_006273.2."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference", metavar="FASTA", exists=True, dir_okay=False, help="What a CRAM was written against."
        ),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option("--copies", metavar="N", min=1, help="Genomes that went into the test: they limit what it sees."),
    ] = None,
    filtered: Annotated[
        bool, typer.Option("--filtered", help="Interpret records too that did not pass the filters of their VCF.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="The records of each FASTA file are amplicons of one sample.")
    ] = False,
    single: Annotated[bool, typer.Option("--single", help="Read each FASTQ file by itself; none is a pair.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Files read at a time. Default: one for each processor."),
    ] = None,
    knowledge: c.Overlays = None,
) -> None:
    """Read sequences of the virus: changes, what they mean for each antiviral, and how good the sequence is.

    A file that cannot be used does not stop the others. Exit codes: 0 all were read; 1 some were not; 2 none.
    """
    from ..genotype import read_knowledge
    from ..sequencing.batch import Failed, paired, read_all
    from ..sequencing.sample import Options

    outputs = _Outputs(json, html, pdf, csv, vcf, codons, fhir, patient, c.day(collected, "--collected"))
    once = _once(files)
    outputs.check(once)
    known = read_knowledge(c.program(knowledge))
    share = _share(min_fraction, known.thresholds.call_floor)
    if share is not None:
        known = replace(known, thresholds=replace(known.thresholds, report_floor=share))
    options = Options(primers=_text(primers), reference=_text(reference), filtered=filtered, merge=merge, copies=copies)
    inputs = [(path,) for path in once] if single else paired(once)
    with _progress(len(inputs)) as done:
        outcomes = read_all(inputs, known, options, jobs or os.cpu_count() or 1, done)
    failed = [each for each in outcomes if isinstance(each, Failed)]
    samples = [sample for each in outcomes if not isinstance(each, Failed) for sample in each]
    for problem in (problem for each in failed for problem in each.problems):
        typer.echo(problem, err=True)
    outputs.write(samples, failed, known)
    if failed:
        of = "the only input" if len(inputs) == 1 else f"{len(failed)} of {len(inputs)} inputs"
        c.stop(f"{of} could not be used", c.FAILED if samples else c.BAD_INPUT)


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
    patient: str | None
    collected: date | None

    def check(self, inputs: Sequence[Path]) -> None:
        """End where an output would overwrite an input or another output, or where an option has no use."""
        if (self.patient or self.collected) and not self.fhir:
            c.stop("--patient and --collected go into the FHIR Bundle; say with --fhir where to write it")
        if self.patient is not None and (not self.patient or any(map(str.isspace, self.patient))):
            c.stop(f"--patient: found {self.patient!r}; expected a reference such as Patient/1")
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

    def write(self, samples: Sequence[Sample], failed: Sequence[Failed], knowledge: Knowledge) -> None:
        """Write the files and print; nothing but JSON and the table of verdicts can be said without a sample."""
        if self.patient and len(samples) > 1:
            c.stop(f"--patient: {len(samples)} samples were read; give the file of one, or --merge its amplicons")
        made = dict(self.made(samples, failed, knowledge))
        printed = made.pop(_STDOUT, None)
        c.write_all(made)
        if printed is not None:
            c.emit(printed)
            return
        if samples:
            from ..report.genotype_terminal import print_samples

            print_samples(samples, knowledge, c.console())
        for path in made:
            typer.echo(f"Written: {path}")

    def made(
        self, samples: Sequence[Sample], failed: Sequence[Failed], knowledge: Knowledge
    ) -> Iterator[tuple[Path, bytes]]:
        """Paths and contents."""
        from .. import __version__ as version

        if self.json:
            from ..report.genotype_json import render_json

            yield self.json, render_json(samples, failed, knowledge, version)
        if self.csv and self.variants:
            from ..report.genotype_tables import render_changes, render_verdicts

            yield self.csv, render_verdicts(samples, failed, knowledge)
            yield self.variants, render_changes(samples, knowledge)
        if not samples:
            return
        if self.html or self.pdf:
            yield from self.laboratory(samples, knowledge, version)
        if self.vcf:
            from ..report.genotype_vcf import render_vcf

            yield self.vcf, render_vcf(samples, knowledge, version)
        if self.codons:
            from ..report.genotype_tables import render_codons

            yield self.codons, render_codons(samples)
        if self.fhir:
            from ..report.genotype_fhir import render_fhir

            day = self.collected.isoformat() if self.collected else None
            yield self.fhir, render_fhir(samples, knowledge, version, self.patient, day)

    def laboratory(self, samples: Sequence[Sample], knowledge: Knowledge, version: str) -> Iterator[tuple[Path, bytes]]:
        """The report for people."""
        from ..report.laboratory import TypesetterMissingError, as_pdf, render

        page = render(samples, knowledge, version)
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
