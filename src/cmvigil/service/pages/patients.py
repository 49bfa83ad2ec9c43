"""The list of patients, and how one is added: a file, an example."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse

from ..context import Asking, Parts, Services
from ..security.who import Who
from ..store import patients
from ..store.patients import File, NotFoundError
from .layout import show

router = APIRouter(include_in_schema=False)


@router.get("/patients")
def patients_page(request: Request, parts: Parts, who: Asking) -> HTMLResponse:
    """All patients of the organisation."""
    who.must("read")
    with parts.database.reading() as session:
        found = patients.listed(session, who)
    return show(request, "patients.html.jinja", patients=found, examples=titles(), records=bool(parts.settings.ehrs))


@router.post("/patients")
def add_file(parts: Parts, who: Asking, file: UploadFile) -> RedirectResponse:
    """A patient from an uploaded case file or Bundle."""
    who.must("write")
    return _to(admit(parts, who, File(file.filename or "upload", file.file.read()), "upload"))


@router.post("/patients/example")
def add_example(parts: Parts, who: Asking, name: Annotated[str, Form()]) -> RedirectResponse:
    """One of the invented patients."""
    who.must("write")
    folder = examples().get(name)
    if folder is None:
        raise NotFoundError(name)
    record = File(f"{name}.yaml", folder.joinpath("case.yaml").read_bytes())
    return _to(admit(parts, who, record, "example", titles()[name]))


def admit(parts: Services, who: Who, record: File, origin: str, label: str = "") -> str:
    """Read a record, and keep it as a new patient's, under a label of its own or as the record calls the patient.

    Raises IntakeError, and keeps nothing, for what cannot be read.
    """
    read = parts.desk.read(record)
    with parts.database.writing() as session:
        made = patients.add(session, who, label=label or read.patient, record=record, origin=origin, now=parts.now())
    return made.id


@cache
def examples() -> dict[str, Traversable]:
    """The invented patients by name: in the package, or beside it in a checkout."""
    shipped = files("cmvigil").joinpath("examples")
    folder = shipped if shipped.is_dir() else Path(__file__).parents[4] / "examples"
    return (
        {each.name: each for each in folder.iterdir() if each.joinpath("case.yaml").is_file()}
        if folder.is_dir()
        else {}
    )


@cache
def titles() -> dict[str, str]:
    """What each invented patient is about, by name, in the order of the titles: the first line of the case file."""
    found = {}
    for name, folder in examples().items():
        first, _, _ = folder.joinpath("case.yaml").read_text(encoding="utf-8").partition("\n")
        found[name] = first.removeprefix("#").strip() if first.startswith("#") else name
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def _to(patient_id: str) -> RedirectResponse:
    return RedirectResponse(f"/patients/{patient_id}", 303)
