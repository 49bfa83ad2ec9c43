"""The laboratory report of sequenced samples: one HTML file without script or request, and the same as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from cmvigil.genotype import Knowledge
from cmvigil.report import genotype_words as gw
from cmvigil.report import laboratory_words as lw
from cmvigil.report import words
from cmvigil.report.genotype_about import About
from cmvigil.report.laboratory_coverage import gene_rows, pictures
from cmvigil.report.laboratory_methods import Methods
from cmvigil.report.laboratory_sample import SampleReport
from cmvigil.report.page import style, template
from cmvigil.sequencing.batch import Failed
from cmvigil.sequencing.sample import Sample


class TypesetterMissingError(RuntimeError):
    """PDF was asked for, and WeasyPrint (or a library it draws with) is not installed."""


def render(
    samples: Sequence[Sample],
    knowledge: Knowledge,
    version: str,
    about: About | None = None,
    failed: Sequence[Failed] = (),
) -> bytes:
    """All samples as one HTML document, in the order given; several of them under a table of all.

    ``knowledge`` is what they were interpreted with, ``version`` that of cmvigil; inputs that ``failed`` are named. The
    same input gives the same bytes.
    """
    values = shown(samples, knowledge, version, about or About(), failed)
    page = template("laboratory.html.jinja").render(**values, style=style("style.css", "laboratory.css"))
    return page.encode()


def shown(
    samples: Sequence[Sample], knowledge: Knowledge, version: str, about: About, failed: Sequence[Failed]
) -> dict[str, Any]:
    """What the report shows, by the names that its template knows."""
    return {
        "reports": [SampleReport(sample, knowledge, number) for number, sample in enumerate(samples, 1)],
        "failed": failed,
        "about": about,
        "methods": Methods(samples, knowledge, version, about),
        "gene_rows": gene_rows,
        "pictures": pictures,
        "words": words,
        "lw": lw,
        "gw": gw,
    }


def as_pdf(html: bytes) -> bytes:
    """A report of :func:`render` on A4. Raises :class:`TypesetterMissingError` with the remedy."""
    try:
        from weasyprint import HTML  # type: ignore[import-untyped]
    except (ImportError, OSError) as error:  # OSError: the package is there, the Pango library is not
        raise TypesetterMissingError(f"no PDF without WeasyPrint ({error}); install cmvigil[pdf]") from None
    made: bytes = HTML(string=html.decode(), url_fetcher=_refuse).write_pdf()
    return made


def _refuse(url: str, *_: object, **__: object) -> NoReturn:
    """A report asks for nothing from outside."""
    raise ValueError(f"{url}: not fetched")
