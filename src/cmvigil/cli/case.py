"""``cmvigil case``: write a case file by answering questions, check one, print its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import common as c

if TYPE_CHECKING:
    from ..record.tables import Issue

app = typer.Typer(no_args_is_help=True)


@app.command(cls=c.Command)
def check(file: c.FileArgument, mapping: c.Mapping = None, patient: c.Patient = None) -> None:
    """Read a case file or Bundle and say what is in it and what cannot be used; assess nothing."""
    from ..assess.compose import day_of

    record = c.read(file, mapping, patient)
    rows = {table: len(found) for table, found in record.rows.items() if found}
    if not rows:
        day_of(record)  # a file without a single dated entry is refused as assess refuses it
    entries = ", ".join(_counted(n, table) for table, n in rows.items())
    typer.echo(f"{file}: readable. {entries or 'no entries'}")
    for issue in record.issues:
        typer.echo(f"{file}: {_issue(issue)}")
    lost = sum(issue.level in ("rejected", "unusable") for issue in record.issues)
    if lost:
        c.stop(f"{file}: {_counted(lost, 'entry')} cannot be used", c.FAILED)


# What a table's rows are called, one and several.
_WORDS = {
    "person": ("person", "persons"),
    "measurement": ("result", "results"),
    "observation": ("finding or statement", "findings or statements"),
    "exposure": ("drug regimen", "drug regimens"),
    "condition": ("condition", "conditions"),
    "procedure": ("procedure", "procedures"),
    "variant": ("resistance change", "resistance changes"),
    "coverage": ("stretch of codons read", "stretches of codons read"),
    "susceptibility": ("call for a drug", "calls for drugs"),
    "entry": ("entry", "entries"),
}


def _counted(number: int, what: str) -> str:
    return f"{number} {_WORDS[what][number != 1]}"


@app.command(cls=c.Command)
def schema() -> None:
    """Print the JSON Schema of a case file, for editors that complete and check as you type."""
    import orjson

    from ..record.casefile import json_schema

    c.emit(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))


@app.command(cls=c.Command)
def new(
    file: Annotated[Path, typer.Argument(help="Where to write the case file.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Answer questions, get a case file. Enter alone leaves a question open: nothing is assumed."""
    import yaml

    from ..record.errors import IntakeError
    from ..record.read import read_record

    if file.exists() and not force:
        c.stop(f"{file}: exists already; choose another name or give --force")
    typer.echo("Enter alone leaves a question open. Dates: 2026-03-01, or d14 counted from day zero.\n")
    answers: dict[str, Any] = {"cmvigil": 1}
    known: list[str] = []
    for ask in (_frame, _person, _host, _episodes, _loads, _labs, _drugs, _symptoms, _complete):
        while True:
            given = {**answers}
            try:
                ask(given)
            except typer.Abort:
                _keep(file, answers)
                raise
            text = yaml.safe_dump(_pruned(given), sort_keys=False, allow_unicode=True)
            try:
                issues = [_issue(issue) for issue in read_record(text.encode(), name=file.name).issues]
            except IntakeError as error:
                _tell(map(str, error.problems))
                typer.echo("  Please answer this part again.", err=True)
                continue
            _tell(issue for issue in issues if issue not in known)
            if set(issues) <= set(known) or not _yes("  Answer this part again?"):
                answers, known = given, issues
                break
    c.write(file, text.encode())
    typer.echo(f"Written: {file}. Next: cmvigil assess {file}")
    typer.echo(f"Not asked, and not known until you write it in (docs/case-file.md): {_NOT_ASKED}.")


_NOT_ASKED = "tissue results, CMV disease, eye findings, genotype, procedures, other laboratory values and diseases"


def _keep(file: Path, answers: dict[str, Any]) -> None:
    """Answers that end early stay: the parts that were finished, beside the place of the file."""
    import yaml

    kept = _pruned(answers)
    if set(kept) <= {"cmvigil"}:
        return
    partial = file.with_name(file.name + ".partial")
    c.write(partial, yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).encode())
    typer.echo(f"\nStopped. The parts answered so far are in {partial}", err=True)


def _issue(issue: Issue) -> str:
    return f"{issue.level}: {issue.place}: found {issue.found}; expected {issue.expected}. {issue.remedy}"


def _tell(problems: Iterable[str]) -> None:
    for problem in problems:
        typer.echo(f"  {problem}", err=True)


def _ask(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False)).strip()


_ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


def _yes(question: str) -> bool:
    return _known(question, "y/N") is True


def _known(question: str, choice: str = "y/n, Enter: not known") -> bool | None:
    """Yes, no, or None for Enter alone; anything else is asked again."""
    while True:
        answer = _ask(f"{question} ({choice})").lower()
        if not answer or answer in _ANSWERS:
            return _ANSWERS.get(answer)
        typer.echo(f"  found '{answer}'; expected y, n or Enter alone.", err=True)


def _each(question: str, section: str, ask: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of a section; one that cannot be read is asked again by itself."""
    found: list[dict[str, Any]] = []
    while _yes(question if not found else "Another one?"):
        entry = ask()
        while entry and (problems := _refused(section, entry)):
            _tell(problems)
            typer.echo("  Please answer this entry again.", err=True)
            entry = ask()
        found.append(entry)
    return found


def _refused(section: str, entry: dict[str, Any]) -> list[str]:
    """Why an entry of ``section`` (``host.transplants``) cannot be read, judged by itself."""
    import yaml

    from ..record.errors import IntakeError
    from ..record.read import read_record

    content: Any = [_pruned(entry)]
    for key in reversed(section.split(".")):
        content = {key: content}
    # Any day will do: what an entry means by d14 is seen when its part is complete.
    text = yaml.safe_dump({"day_zero": "2000-01-01", "as_of": "2000-01-01", **content}, allow_unicode=True)
    try:
        read_record(text.encode())
    except IntakeError as error:
        return [f"found {each.found}; expected {each.expected}. {each.remedy}".rstrip() for each in error.problems]
    return []


def _some(**fields: str) -> dict[str, Any]:
    return {key: text for key, text in fields.items() if text}


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: kept for k, v in value.items() if (kept := _pruned(v)) not in ("", None, {}, [])}
    return [_pruned(v) for v in value] if isinstance(value, list) else value


def _frame(answers: dict[str, Any]) -> None:
    answers.update(
        _some(
            patient=_ask("A label for the patient (no name)"),
            day_zero=_ask("Day zero, for dates such as d14 (for instance the start of treatment)"),
            as_of=_ask("The day to assess"),
        )
    )


def _person(answers: dict[str, Any]) -> None:
    answers["person"] = _some(
        age=_ask("Age (years)"),
        sex=_ask("Sex (female, male)"),
        weight=_ask("Weight, such as 62 kg"),
        height=_ask("Height, such as 168 cm"),
        pregnant=_ask("Pregnant (yes, no, unknown)"),
    )


def _host(answers: dict[str, Any]) -> None:
    host: dict[str, Any] = {}
    if _yes("Inflammatory bowel disease?"):
        host["ibd"] = _some(
            disease=_ask("  Disease (ulcerative_colitis, crohns_disease, ibd_unclassified)"),
            severity=_ask("  Severity (remission, mild, moderate, severe, acute_severe, fulminant)"),
            steroid_response=_ask("  Response to steroids (responsive, refractory, dependent)"),
        )
    host["transplants"] = _each(
        "A transplant?",
        "host.transplants",
        lambda: _some(
            organ=_ask("  Organ (kidney, liver, heart, lung, pancreas, intestine, stem_cell ...)"),
            date=_ask("  Date"),
            donor_igg=_ask("  Donor CMV IgG (positive, negative, unknown)"),
            recipient_igg=_ask("  Recipient CMV IgG before transplant (positive, negative, unknown)"),
            induction=_ask("  Induction (none, basiliximab, atg, alemtuzumab, other)"),
        ),
    )
    infected = _known("HIV?")
    if infected:
        host["hiv"] = _some(cd4=_ask("  CD4 count with unit, such as 40 /uL")) or {"present": True}
    elif infected is not None:
        host["hiv"] = {"present": False}
    answers["host"] = host


def _episodes(answers: dict[str, Any]) -> None:
    answers["cmv"] = {
        "episodes": _each(
            "A CMV episode so far (this one included)?",
            "cmv.episodes",
            lambda: _some(start=_ask("  Start"), end=_ask("  End"), site=_ask("  Site, such as colon")),
        )
    }


def _loads(answers: dict[str, Any]) -> None:
    if not _yes("Viral loads?"):
        return
    answers["viral_load_defaults"] = _some(
        unit=_ask("  Unit (IU/mL, copies/mL, log10 IU/mL)"),
        specimen=_ask("  Specimen (plasma, whole_blood, serum)"),
        assay=_ask("  Assay"),
        lloq=_ask("  Lower limit of quantification"),
    )
    answers["viral_loads"] = _each(
        "  A result?",
        "viral_loads",
        lambda: _some(date=_ask("    Date"), value=_ask("    Value, such as 12400, <137 or not detected")),
    )


def _labs(answers: dict[str, Any]) -> None:
    labs: dict[str, Any] = {}
    for concept, example in (
        ("creatinine", "88 umol/L"),
        ("neutrophils", "1.2 10*9/L"),
        ("platelets", "140 10*9/L"),
        ("lymphocytes", "0.6 10*9/L"),
    ):
        found = _ask(f"{concept.capitalize()}, latest, with unit, such as {example}")
        if found:
            labs[concept] = [{"value": found, **_some(date=_ask("  Date"))}]
    answers["labs"] = labs


def _drugs(answers: dict[str, Any]) -> None:
    answers["drugs"] = _each(
        "A drug (antivirals, steroids, immunosuppressants: past and present)?",
        "drugs",
        lambda: _some(
            drug=_ask("  Drug"),
            dose=_ask("  Dose, such as 900 mg or 5 mg/kg"),
            every=_ask("  How often, such as 12 h, once daily"),
            route=_ask("  Route (oral, iv ...)"),
            start=_ask("  Start"),
            end=_ask("  End (open: still given)"),
            missed_doses=_ask("  Missed doses (none, 2 of 28, 3 per week)"),
        ),
    )


def _symptoms(answers: dict[str, Any]) -> None:
    symptoms = {}
    for concept in (
        "fever",
        "malaise",
        "diarrhoea",
        "severe_diarrhoea",
        "rectal_bleeding",
        "dyspnoea",
        "visual_symptoms",
    ):
        symptoms[concept] = _ask(f"{concept.replace('_', ' ').capitalize()} (yes, no)")
    answers["symptoms"] = symptoms


def _complete(answers: dict[str, Any]) -> None:
    lists = ("medications", "conditions", "procedures", "end_organ_disease", "symptoms")
    answers["complete"] = [
        name
        for name in lists
        if _yes(f"Is the list of {name.replace('_', ' ')} complete, so that what is not listed is not there?")
    ]
