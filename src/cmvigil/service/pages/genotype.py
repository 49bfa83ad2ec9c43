"""The genotype page: a laboratory's files or typed changes in, its report out. Kept only where somebody adds it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from ... import __version__
from ...genotype import Knowledge
from ...report import laboratory, words
from ...report.genotype_about import About
from ...report.genotype_fhir import render_fhir
from ...report.genotype_json import render_json
from ...report.genotype_tables import render_changes, render_codons, render_verdicts
from ...report.genotype_vcf import render_vcf
from ...sequencing.batch import Failed
from ...sequencing.errors import SequenceError
from ...sequencing.sample import Sample
from ..context import Asking, Parts, Services
from ..security.who import Who
from ..store.patients import listed
from ..store.tables import Patient
from .genotype_adding import LIMIT, add, additions, patient_named
from .genotype_form import TECHNOLOGIES, Asked, FormError, asked_of, given_of
from .genotype_reading import BusyError, read_apart
from .layout import show

router = APIRouter(include_in_schema=False)

SAMPLES_AT_MOST = 40
"""Samples of one page; the command takes any number."""
CARRIED = 1_400_000
"""Bytes of a file that the page carries along: browsers follow no address of more than two million letters."""

_HOW = frozenset({"min-fraction", "copies", "technology", "merge", "single", "filtered"})
"""Fields that stand folded away."""


@dataclass(frozen=True, slots=True)
class Take:
    """A result as a file that the page carries along: its address holds its content."""

    name: str
    label: str
    kind: str
    content: bytes

    @property
    def address(self) -> str:
        """A data address."""
        return f"data:{self.kind};base64,{base64.b64encode(self.content).decode()}"


@router.get("/genotype")
def genotype_page(request: Request, parts: Parts, who: Asking) -> HTMLResponse:
    """The form."""
    who.must("knowledge")
    return _form(request, parts, {})


@router.post("/genotype")
async def genotype_report(request: Request, parts: Parts, who: Asking) -> HTMLResponse:
    """The report of what was given, or what is wrong with it."""
    who.must("knowledge")
    form = await request.form()
    return await to_thread.run_sync(_reported, request, parts, who, form)


@router.post("/patients/{patient_id}/genotype")
async def add_to(request: Request, parts: Parts, who: Asking, patient_id: str) -> RedirectResponse:
    """Keep a sequence with this patient."""
    return await to_thread.run_sync(_added, parts, who, patient_id, await request.form())


@router.post("/genotype/add")
async def add_to_named(request: Request, parts: Parts, who: Asking) -> RedirectResponse:
    """Keep a sequence with the patient that the form names: chosen from a list, or by an address that one was given."""
    form = await request.form()
    who.must("genotype")
    return await to_thread.run_sync(_added, parts, who, patient_named(given_of(form).get("patient", "")), form)


def _added(parts: Services, who: Who, patient_id: str, form: FormData) -> RedirectResponse:
    pieces = [each for each in form.getlist("content") if isinstance(each, str)]
    add(parts, who, patient_id, given_of(form), pieces)
    return RedirectResponse(f"/patients/{patient_id}" if who.may("read") else "/genotype?said=saved", 303)


def _reported(request: Request, parts: Services, who: Who, form: FormData) -> HTMLResponse:
    given = given_of(form)
    with TemporaryDirectory(prefix="cmvigil-") as folder:  # ours alone, and gone whatever happens
        try:
            asked = asked_of(form, Path(folder), parts.desk.knowledge, parts.today())
            return _read(request, parts, who, asked)
        except BusyError:
            said = "Other sequences are being read. Send yours again in a minute."
            return _form(request, parts, given, [said], status=503)
        except (FormError, SequenceError) as error:
            return _form(request, parts, given, list(error.problems), status=422)


def _read(request: Request, parts: Services, who: Who, asked: Asked) -> HTMLResponse:
    options = replace(asked.about.options, min_fraction=None)  # the knowledge bears it by now
    turn = parts.settings.data / "genotype.turn"
    outcomes = read_apart(asked.files, asked.knowledge, options, turn=turn, single=asked.single)
    failed = [each for each in outcomes if isinstance(each, Failed)]
    samples = [sample for each in outcomes if not isinstance(each, Failed) for sample in each]
    if len(samples) > SAMPLES_AT_MOST:
        raise SequenceError(
            f"{len(samples)} samples; this page shows at most {SAMPLES_AT_MOST}, `cmvigil genotype` any number"
        )
    about, remarks = asked.about, []
    if about.patient and len(samples) > 1:
        remarks.append(f"The patient's name is left out: {len(samples)} samples were read, and they may be of several.")
        about = replace(about, patient="")
    takes = list(_takes(samples, failed, asked.knowledge, about)) if samples else []
    if samples and asked.pdf:
        try:
            takes.insert(1, Take("report.pdf", "Report (PDF)", "application/pdf", laboratory.as_pdf(takes[0].content)))
        except laboratory.TypesetterMissingError as error:
            remarks.append(words.sentence(f"{error}."))
    large = [each.name for each in takes if len(each.content) > CARRIED]
    if large:
        remarks.append(f"Too large for this page: {', '.join(large)}. `cmvigil genotype` writes them.")
    theirs: Sequence[Patient] = ()
    if who.may("genotype") and who.may("read"):
        with parts.database.reading() as session:
            theirs = listed(session, who)
    return show(
        request,
        "genotype_report.html.jinja",
        status=200 if samples else 422,
        **laboratory.shown(samples, asked.knowledge, __version__, about, failed),
        remarks=remarks,
        takes=[each for each in takes if each.name not in large],
        additions=list(additions(asked, samples)) if who.may("genotype") else [],
        patients=theirs,
        today=parts.today(),
    )


def _takes(samples: list[Sample], failed: list[Failed], knowledge: Knowledge, about: About) -> Iterator[Take]:
    """The result as every file that the command writes too; the report comes first."""
    version = __version__
    page = laboratory.render(samples, knowledge, version, about, failed)
    everything = render_json(samples, failed, knowledge, version, about)
    bundle = render_fhir(samples, knowledge, version, about)
    yield Take("report.html", "Report, one file", "text/html", page)
    yield Take("verdicts.csv", "Verdicts (CSV)", "text/csv", render_verdicts(samples, failed, knowledge))
    yield Take("changes.csv", "Changes (CSV)", "text/csv", render_changes(samples, knowledge))
    yield Take("changes.vcf", "Changes (VCF)", "text/plain", render_vcf(samples, knowledge, version))
    yield Take("genotype.json", "Everything (JSON)", "application/json", everything)
    yield Take("genotype.fhir.json", "FHIR R4 Bundle", "application/fhir+json", bundle)
    if any(sample.read.counts for sample in samples):
        yield Take("codons.tsv", "Codon counts (TSV)", "text/tab-separated-values", render_codons(samples))


def _form(
    request: Request, parts: Services, given: Mapping[str, str], problems: Sequence[str] = (), status: int = 200
) -> HTMLResponse:
    thresholds = parts.desk.knowledge.thresholds
    return show(
        request,
        "genotype.html.jinja",
        status=status,
        given=given,
        problems=problems,
        opened=not _HOW.isdisjoint(given),
        technologies=TECHNOLOGIES,
        floor=thresholds.report_floor,
        lowest=thresholds.call_floor,
        limit=parts.settings.upload_limit,
        kept=LIMIT,
        genes=parts.desk.knowledge.genes,
        typesetter=find_spec("weasyprint") is not None,
        today=parts.today(),
    )
