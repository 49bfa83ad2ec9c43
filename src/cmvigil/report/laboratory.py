"""The laboratory report of sequenced samples: one HTML file without script or request, and the same as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from cmvigil.genotype import Knowledge
from cmvigil.report import laboratory_words as lw
from cmvigil.report import words
from cmvigil.report.laboratory_coverage import gene_rows, pictures
from cmvigil.report.laboratory_methods import Methods
from cmvigil.report.laboratory_sample import SampleReport
from cmvigil.report.page import style, template
from cmvigil.sequencing.sample import Sample


class TypesetterMissingError(RuntimeError):
    """PDF was asked for, and WeasyPrint (or a library it draws with) is not installed."""


def render(samples: Sequence[Sample], knowledge: Knowledge, version: str) -> bytes:
    """All samples as one HTML document, in the order given; several of them under a table of all.

    ``knowledge`` is what they were interpreted with, ``version`` that of cmvigil. The same input gives the same bytes.
    """
    page = template("laboratory.html.jinja").render(
        reports=[SampleReport(sample, knowledge, number) for number, sample in enumerate(samples, 1)],
        methods=Methods(samples, knowledge, version),
        gene_rows=gene_rows,
        pictures=pictures,
        style=style("style.css", "laboratory.css"),
        words=words,
        lw=lw,
    )
    return page.encode()


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
