"""The case form: a new patient, or a newer record of a known one. Drafts are kept as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from operator import attrgetter
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, HTTPException, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from ...record.document import read_document
from ...record.errors import IntakeError, Problem
from ..context import Asking, Parts, Services
from ..security.who import Who
from ..store import patients
from ..store.patients import Chart, File, NotFoundError
from . import case_form_drafts as drafts
from .case_form_check import Found, Judged, judge, missing_most, preview
from .case_form_drafts import ChangedError
from .case_form_fields import SECTIONS, TESTS, asked, named, units_of
from .case_form_fill import fields_of
from .case_form_read import case_text, plain_text, pruned, read
from .case_form_rows import view_of, with_pasted, without
from .layout import show
from .patient import opened
from .patients import admit
from .problems import wants_json

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the page sent. ``fields`` are those of the form.

    ``draft`` and ``seen``: the draft that it belongs to and the change of it that the page knew. ``base``: the hash of
    the record that is being edited. ``confirmed``: the hash of a file whose unusable entries were shown and accepted.
    ``do``: which button. ``pasted``: a table of loads. ``patient``: whose record it is, where it is not a new one's.
    """

    fields: Mapping[str, str]
    draft: str | None = None
    seen: int = 0
    base: str = ""
    confirmed: str = ""
    do: str = ""
    pasted: str = ""
    patient: str | None = None


async def sent(request: Request) -> Sent:
    """The fields of a form, sent as one or, by our script, as JSON without those that are empty."""
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body: Any = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            raise HTTPException(400, "Not JSON") from None
    else:
        body = dict(await request.form())
    if not isinstance(body, dict):
        raise HTTPException(400, "Not a form")
    given = {name: text for name, text in body.items() if isinstance(text, str)}
    seen = given.get("seen", "")
    return Sent(
        {name: text for name, text in given.items() if "." in name or name == "rest"},
        given.get("draft") or None,
        int(seen) if seen.isdecimal() and len(seen) < 10 else 0,
        given.get("base", ""),
        given.get("confirmed", ""),
        given.get("do", ""),
        given.get("pasted", ""),
        given.get("patient") or None,
    )


Form = Annotated[Sent, Depends(sent)]


@router.get("/cases/new")
def new_case(request: Request, parts: Parts, who: Asking, draft: str | None = None) -> HTMLResponse:
    """An empty form, or a draft to go on with."""
    who.must("write")
    if draft is None:
        return _page(request, parts, who, Sent(fields_of({"as_of": parts.today().isoformat()})))
    with parts.database.writing() as session:
        found = drafts.find(session, who, draft, parts.now())
    chart = opened(parts, who, found.patient) if found.patient else None
    form = Sent(found.fields, found.id, found.number, found.base, patient=found.patient)
    return _page(request, parts, who, form, chart)


@router.get("/patients/{patient_id}/edit")
def edit(request: Request, parts: Parts, who: Asking, patient_id: str) -> HTMLResponse:
    """The record of a patient in the form, where it is a case file."""
    who.must("write")
    chart = opened(parts, who, patient_id)
    fields = fields_of(_case_file(chart.record))
    return _page(request, parts, who, Sent(fields, base=chart.record.sha256, patient=patient_id), chart)


@router.post("/cases/new")
def save_new(request: Request, parts: Parts, who: Asking, form: Form) -> Response:
    """Keep the case as a new patient's record; or say what must be mended first."""
    who.must("write")
    judged = judge(form.fields, parts.desk)
    if held := _held(judged, form):
        return _refused(request, parts, who, form, judged, held)
    assert judged.record is not None
    file = File("case.yaml", judged.reading.text.encode())
    with parts.database.writing() as session:
        label = judged.record.patient
        made = patients.add(session, who, label=label, record=file, origin="form", now=parts.now())
        _done_with(session, who, form, parts)
    return _to(request, f"/patients/{made.id}")


@router.post("/patients/{patient_id}/edit")
def save_edited(request: Request, parts: Parts, who: Asking, patient_id: str, form: Form) -> Response:
    """Keep the case as a newer version of the record, unless somebody else was faster."""
    who.must("write")
    chart = opened(parts, who, patient_id)
    judged = judge(form.fields, parts.desk)
    if held := _held(judged, form):
        return _refused(request, parts, who, form, judged, held, chart)
    assert judged.record is not None
    named = judged.record.patient
    label = "" if named == _named_in(chart.record, parts) else named
    file = File("case.yaml", judged.reading.text.encode())
    with parts.database.writing() as session:
        newest = patients.chart(session, who, patient_id).record.sha256
        overtaken = newest not in (form.base, file.sha256)
        if not overtaken:
            patients.attach(session, who, patient_id, file, kind="record", now=parts.now(), label=label)
            _done_with(session, who, form, parts)
    if overtaken:
        again = Sent(form.fields, form.draft, form.seen, newest, form.confirmed, patient=patient_id)
        return _refused(request, parts, who, again, judged, _OVERTAKEN, chart, status=409)
    return _to(request, f"/patients/{patient_id}")


@router.post("/cases/rows")
def rows(request: Request, parts: Parts, who: Asking, form: Form) -> HTMLResponse:
    """Where no script runs: the same form with a row more or less, or with the loads of a table."""
    who.must("write")
    what, _, which = form.do.partition(".")
    fields = form.fields
    if what == "remove":
        fields = without(fields, which)
    elif what == "paste":
        fields = with_pasted(fields, form.pasted)
    chart = opened(parts, who, form.patient) if form.patient else None
    return _page(request, parts, who, replace(form, fields=fields), chart, more=which if what == "add" else "")


@router.post("/cases/check")
def check(parts: Parts, who: Asking, form: Form) -> JSONResponse:
    """What our reader says of the form, and what the answer would be. Nothing is kept."""
    who.must("write")
    judged = judge(form.fields, parts.desk)
    advice = preview(judged, parts.desk, parts.today())
    return JSONResponse(
        {
            "found": [asdict(each) for each in judged.found],
            "says": advice.summary if advice else [],
            "missing": missing_most(advice) if advice else [],
        }
    )


@router.post("/cases/draft")
def keep_draft(request: Request, parts: Parts, who: Asking, form: Form) -> Response:
    """Keep the form as it stands; 409 where the draft was changed in another tab since."""
    who.must("write")
    try:
        with parts.database.writing() as session:
            kept = drafts.keep(
                session,
                who,
                form.fields,
                parts.now(),
                draft=form.draft,
                seen=form.seen,
                patient=form.patient,
                base=form.base,
            )
    except ChangedError as error:
        said = _CHANGED.format(time=_time(error.at))
        if wants_json(request):
            return JSONResponse({"changed": said, "draft": form.draft}, 409)
        chart = opened(parts, who, form.patient) if form.patient else None
        return _page(request, parts, who, replace(form, draft=None, seen=0), chart, held=said, status=409)
    if wants_json(request):
        return JSONResponse({"draft": kept.id, "seen": kept.number, "time": _time(kept.saved)})
    return RedirectResponse(f"/cases/new?draft={kept.id}", 303)


@router.post("/cases/draft/drop")
def drop_draft(parts: Parts, who: Asking, form: Form) -> RedirectResponse:
    """Throw a draft away."""
    who.must("write")
    if form.draft is None:
        raise NotFoundError("draft")
    with parts.database.writing() as session:
        drafts.drop(session, who, form.draft, parts.now())
    return RedirectResponse("/cases/new", 303)


@router.post("/cases/import")
def import_file(parts: Parts, who: Asking, file: UploadFile) -> RedirectResponse:
    """A case file fills the form, as a draft; a Bundle has no form and is kept as a new patient's record."""
    who.must("write")
    came = File(file.filename or "upload", file.file.read())
    if is_fhir(came.content):
        return RedirectResponse(f"/patients/{admit(parts, who, came, 'upload')}", 303)
    fields = fields_of(_case_file(came))
    with parts.database.writing() as session:
        kept = drafts.keep(session, who, fields, parts.now())
    return RedirectResponse(f"/cases/new?draft={kept.id}", 303)


@router.post("/cases/file")
def case_file(who: Asking, form: Form) -> Response:
    """The form as a case file to take along, whether it is finished or not."""
    who.must("write")
    text = case_text(pruned(read(form.fields).content))
    headers = {"content-disposition": 'attachment; filename="case.yaml"', "content-security-policy": "sandbox"}
    return Response(text, media_type="application/yaml", headers=headers)


_OVERTAKEN = (
    "Somebody replaced this record while you were writing. Look at the newer one on its Record page; "
    "saving again puts yours in its place, and the other stays among the older versions."
)
_CHANGED = (
    "This draft was changed in another tab or window at {time}. Nothing was written over: "
    "what stands here is kept as a draft of its own when you keep it."
)
_NOT_USED = "Some entries would be kept but not used. Mend them, or save all the same."


def _held(judged: Judged, form: Sent) -> str:
    """Why a form is not saved yet; empty where it can be."""
    if judged.errors:
        number = len(judged.errors)
        return f"Not saved: {'one place' if number == 1 else f'{number} places'} to mend."
    return _NOT_USED if judged.unusable and form.confirmed != _hash(judged) else ""


def _named_in(record: File, parts: Services) -> str:
    """What a record calls the patient; empty where it cannot be read."""
    try:
        return parts.desk.read(record).patient
    except IntakeError:
        return ""


def _hash(judged: Judged) -> str:
    return sha256(judged.reading.text.encode()).hexdigest()


def _refused(
    request: Request,
    parts: Services,
    who: Who,
    form: Sent,
    judged: Judged,
    held: str,
    chart: Chart | None = None,
    status: int = 422,
) -> Response:
    confirm = _hash(judged) if judged.unusable and not judged.errors else ""
    if wants_json(request):
        found = [asdict(each) for each in judged.found]
        return JSONResponse({"held": held, "found": found, "confirm": confirm, "base": form.base}, status)
    return _page(request, parts, who, form, chart, judged=judged, held=held, confirm=confirm, status=status)


def _to(request: Request, address: str) -> Response:
    return JSONResponse({"to": address}) if wants_json(request) else RedirectResponse(address, 303)


def _done_with(session: Session, who: Who, form: Sent, parts: Services) -> None:
    """A case that is saved needs no draft any more."""
    if form.draft is not None and any(each.id == form.draft for each in patients.drafts(session, who)):
        drafts.drop(session, who, form.draft, parts.now())


def _page(
    request: Request,
    parts: Services,
    who: Who,
    form: Sent,
    chart: Chart | None = None,
    *,
    judged: Judged | None = None,
    held: str = "",
    confirm: str = "",
    more: str = "",
    status: int = 200,
) -> HTMLResponse:
    days = timedelta(days=parts.settings.draft_days)
    with parts.database.reading() as session:
        mine = [each for each in drafts.listed(session, who) if each.id != form.draft]
    found: dict[str, list[Found]] = {}
    for each in judged.found if judged else ():
        found.setdefault(each.field, []).append(each)
    return show(
        request,
        "case_form.html.jinja",
        status=status,
        asked=asked(),
        sections={name: title for name, (title, _) in SECTIONS.items()},
        given=form.fields,
        form=form,
        view=view_of([*form.fields, *found], more),
        chart=chart,
        drafts=[
            (each, _time(each.saved), each.saved + days) for each in mine if chart is None or each.patient == chart.id
        ],
        found=found,
        said=sorted(judged.found if judged else (), key=attrgetter("level")),
        held=held,
        confirm=confirm,
        kept=_kept_words(form.fields),
        units_of=units_of,
        tests=TESTS,
        named=named,
    )


def _kept_words(fields: Mapping[str, str]) -> list[str]:
    """What has no field here, as it stands in the case file."""
    parts = [read_document(text).content for name, text in fields.items() if name.rpartition(".")[2] == "rest"]
    return [plain_text(part) for part in parts]


def _time(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M")


def is_fhir(content: bytes) -> bool:
    """Whether a record came as FHIR, which the form does not show."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and "resourceType" in found


def _case_file(file: File) -> dict[str, Any]:
    """The content of a case file, right or wrong in its values. Raises IntakeError for any other file."""
    if is_fhir(file.content):
        remedy = "Give a newer Bundle on the patient's Record page; the form shows case files only."
        raise IntakeError([Problem("a record that came as FHIR", "a case file", remedy, file=file.name)])
    try:
        content = read_document(file.content.decode("utf-8-sig")).content
    except UnicodeDecodeError:
        remedy = "Save the file as UTF-8 text."
        problem = Problem("a file that is not text", "a case file or a Bundle", remedy, file=file.name)
        raise IntakeError([problem]) from None
    if not isinstance(content, dict):
        expected = "a case file: keys such as person, host, viral_loads"
        raise IntakeError([Problem("text without keys", expected, "See the case file's format.", file=file.name)])
    return content
