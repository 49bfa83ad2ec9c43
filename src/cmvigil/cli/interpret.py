"""``cmvigil interpret``: what typed changes of the virus mean for each antiviral."""

from __future__ import annotations

from typing import Annotated

import typer

from . import common as c


def interpret_command(
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Changes against the strain Merlin: UL97:A594V, UL97:p.Ala594Val, UL54:del981-982, a mixture "
            "UL97:A594AV, a share of the population UL97:A594V@12%.",
            show_default=False,
        ),
    ] = None,
    covered: Annotated[
        list[str] | None,
        typer.Option(
            "--covered",
            metavar="CODONS",
            help="The codons that were read: UL97:440-645,UL54:255-1028. Without it a drug without a finding is not "
            "determined.",
        ),
    ] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Every codon of the six genes was read.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    knowledge: c.Overlays = None,
) -> None:
    """Interpret changes of the virus: resistance to ganciclovir, foscarnet, cidofovir, maribavir and letermovir.

    Examples:

    cmvigil interpret UL97:A594V --covered UL97:440-645,UL54:255-1028

    cmvigil interpret UL97:A594V@12% UL54:P522S --complete
    """
    from .. import genotype as g

    known = g.read_knowledge(c.program(knowledge))
    if covered and complete:
        c.stop("--covered and --complete: say one of them")
    try:
        variants = g.parse_list(changes or (), known.proteins, known.known)
        coverage = g.complete(known) if complete else g.parse_coverage(covered, known) if covered else None
    except g.MutationError as error:
        c.stop([*error.problems, f"{c.count(len(error.problems), 'problem')}; nothing was interpreted."])
    if not variants and coverage is None:
        c.stop("nothing to interpret; type changes such as UL97:A594V, or say with --covered what was read")
    found = g.interpret(variants, coverage, known)
    if json:
        from ..report.genotype_json import render_interpretation

        c.emit(render_interpretation(found, known))
        return
    from ..report.genotype_terminal import print_interpretation

    print_interpretation(found, known, c.console())
