"""The options of ``cmvigil genotype``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def _out(flag: str, what: str) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(flag, metavar="OUT", dir_okay=False, help=what)
    return made


def _text(flag: str, metavar: str, what: str) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(flag, metavar=metavar, help=what)
    return made


def _file(flag: str, metavar: str, what: str) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(flag, metavar=metavar, exists=True, dir_okay=False, help=what)
    return made


def _number(flag: str, what: str) -> typer.models.OptionInfo:
    made: typer.models.OptionInfo = typer.Option(flag, metavar="N", min=1, help=what)
    return made


Files = Annotated[
    list[Path],
    typer.Argument(
        help="FASTA, FASTQ, VCF, BAM or CRAM files, tables of codon counts, lists of changes; gzip too. What a "
        "file is, its content says. Two FASTQ files that differ in _R1 and _R2 are read pairs, so are those that "
        "end in _1 and _2 where their reads are named as mates.",
        show_default=False,
    ),
]
Json = Annotated[
    Path | None, _out("--json", "Write the answer as JSON (docs/schemas/genotype.schema.json); - prints it.")
]
Html = Annotated[Path | None, _out("--html", "Write the laboratory report as one HTML file.")]
Pdf = Annotated[Path | None, _out("--pdf", "Write the laboratory report as PDF.")]
Csv = Annotated[
    Path | None, _out("--csv", "Write the verdicts for a spreadsheet, and beside them the changes as .variants.csv.")
]
Vcf = Annotated[Path | None, _out("--vcf", "Write the changes as VCF 4.3 on NC_006273.2.")]
Codons = Annotated[Path | None, _out("--codons", "Write how often each codon was counted (TSV).")]
Fhir = Annotated[Path | None, _out("--fhir", "Write a FHIR R4 Bundle (Genomics Reporting 3.0.0).")]
Patient = Annotated[
    str | None,
    _text("--patient", "LABEL", "Whose specimen it was, as the reports show it. FHIR: Patient/1 becomes a reference."),
]
SpecimenDate = Annotated[str | None, _text("--specimen-date", "DATE", "The day the specimen was taken (YYYY-MM-DD).")]
Laboratory = Annotated[str | None, _text("--laboratory", "NAME", "Who tested it, as the reports show it.")]
MinFraction = Annotated[
    str | None,
    _text(
        "--min-fraction",
        "SHARE",
        "Share of the population from which a change decides: 2% or 0.02. Default: what the knowledge says.",
    ),
]
Primers = Annotated[Path | None, _file("--primers", "BED", "Primers, places on NC_006273.2.")]
Reference = Annotated[Path | None, _file("--reference", "FASTA", "What a CRAM was written against.")]
Copies = Annotated[int | None, _number("--copies", "Genomes that went into the test: they limit what it sees.")]
Technology = Annotated[
    Literal["illumina", "nanopore"] | None,
    typer.Option("--technology", help="Machine that wrote the reads. Default: by their names, lengths and qualities."),
]
Filtered = Annotated[
    bool, typer.Option("--filtered", help="Interpret records too that did not pass the filters of their VCF.")
]
Merge = Annotated[bool, typer.Option("--merge", help="The records of each FASTA file are amplicons of one sample.")]
Single = Annotated[bool, typer.Option("--single", help="Read each FASTQ file by itself; none is a pair.")]
Jobs = Annotated[int | None, _number("--jobs", "Files read at a time. Default: one for each processor.")]
