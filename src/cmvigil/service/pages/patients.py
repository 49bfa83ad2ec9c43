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
    return show(
        request, "patients.html.jinja", patients=found, examples=sorted(examples()), records=bool(parts.settings.ehrs)
    )


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
    return _to(admit(parts, who, File(f"{name}.yaml", folder.joinpath("case.yaml").read_bytes()), "example"))


def admit(parts: Services, who: Who, record: File, origin: str) -> str:
    """Read a record, and keep it as a new patient's. Raises IntakeError, and keeps nothing, for what cannot be read."""
    label = parts.desk.read(record).patient
    with parts.database.writing() as session:
        made = patients.add(session, who, label=label, record=record, origin=origin, now=parts.now())
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


def _to(patient_id: str) -> RedirectResponse:
    return RedirectResponse(f"/patients/{patient_id}", 303)
