"""The one door: a case file or a FHIR Bundle goes in, a Record comes out.

What it is, is seen from its content. Only the reader that is needed is imported.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import orjson

from cmvigil.record.errors import IntakeError, Problem
from cmvigil.record.tables import Person, Record

MAX_BYTES = 200_000_000
_TYPED = "Type its content into a case file: cmvigil case new."
_AS_UTF8 = "Save the file as UTF-8."
_OTHER_FILES = (  # by their first bytes
    (b"%PDF", "a PDF", _TYPED),
    (b"PK\x03\x04", "a zip archive (a Word or Excel file is one)", "Unpack it, or type its content into a case file."),
    (b"\xd0\xcf\x11\xe0", "an old Word or Excel file", _TYPED),
    (b"\x1f\x8b", "a gzip archive", "Unpack it."),
    (b"\xff\xfe", "text in UTF-16", _AS_UTF8),
    (b"\xfe\xff", "text in UTF-16", _AS_UTF8),
)


def read_record(
    source: Path | bytes | str, *, name: str = "", mapping: Path | None = None, patient: str | None = None
) -> Record:
    """One patient's record.

    ``source`` is a path, or the content itself as bytes; a str is content where it has a line break or begins with
    ``{``, else a path. ``name`` is what messages call it. ``mapping`` is a site's CSV of local codes (FHIR only);
    ``patient`` chooses one id from a Bundle that holds several. Raises IntakeError with every problem found.
    """
    content, name = _load(source, name)
    digest = "sha256:" + sha256(content).hexdigest()
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content[:1000].lstrip()[:1] in (b"{", b"["):
        record = _read_json(content, name, mapping, patient)
    else:
        record = _read_case(content, name)
    record.input_hash = digest
    _someone(record)
    return record


def _someone(record: Record) -> None:
    """A record is always about a person: where none is described, a row says so and nothing more."""
    days = [min(row.day, row.known_on) for rows in record.rows.values() for row in rows]
    if days and not record.rows["person"]:
        day = min(days)
        source = "the record itself"
        record.add(Person(patient=record.patient, event="person", day=day, known_on=day, source=source))


def _load(source: Path | bytes | str, name: str) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, name
    if isinstance(source, str) and ("\n" in source or source.lstrip()[:1] == "{"):
        return source.encode("utf-8", "surrogatepass"), name
    path = Path(source)
    name = name or str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _refused(f"{path.stat().st_size} bytes", f"at most {MAX_BYTES}", "Give one patient's record.", name)
        return path.read_bytes(), name
    except (OSError, ValueError) as error:
        if isinstance(error, IntakeError):
            raise
        reason = getattr(error, "strerror", None) or "no such file"
        raise _refused(f"no readable file ({reason})", "a file", "Check the path.", name) from None


def _read_json(content: bytes, name: str, mapping: Path | None, patient: str | None) -> Record:
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if b'"resourceType"' in content:
            found = f"text that is not JSON ({error.msg})"
            raise IntakeError(
                [
                    Problem(
                        found,
                        "a FHIR resource as JSON",
                        "Check the file is whole.",
                        line=error.lineno,
                        file=name,
                    )
                ]
            ) from None
        return _read_case(content, name)
    if isinstance(data, dict) and "resourceType" in data:
        from cmvigil.record.fhir.bundle import bundle_record

        return bundle_record(data, name=name, mapping=mapping, patient=patient)
    if isinstance(data, list):
        raise _refused("a JSON list", "a case file or a FHIR Bundle", "Put the resources into a Bundle.", name)
    return _read_case(content, name)


def _read_case(content: bytes, name: str) -> Record:
    from cmvigil.record.casefile_rows import case_record
    from cmvigil.record.document import read_document

    for start, kind, remedy in _OTHER_FILES:
        if content.startswith(start):
            raise _refused(kind, "a case file (text) or a FHIR Bundle (JSON)", remedy, name)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"a byte that is not UTF-8 (line {line})"
        raise _refused(found, "UTF-8 text", "Save the file as UTF-8.", name) from None
    try:
        document = read_document(text)
    except IntakeError as error:
        from dataclasses import replace

        raise IntakeError([replace(problem, file=name) for problem in error.problems]) from None
    return case_record(document, name)


def _refused(found: str, expected: str, remedy: str, name: str) -> IntakeError:
    return IntakeError([Problem(found, expected, remedy, file=name)])
