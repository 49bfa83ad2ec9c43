"""What may be kept of a sequence: the file as it came, or the list of changes that was read in it.

Between the report and the wish to keep it nothing lies on the server: the page itself carries it there and back.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ...sequencing.errors import SequenceError
from ...sequencing.sample import Sample, Sequenced
from ..context import Services
from ..desk import safe_name
from ..security.who import Who
from ..store import patients
from ..store.patients import File, NotFoundError
from .genotype_form import Asked

LIMIT = 5_000_000
"""Bytes of a file that is kept as it came."""
_PIECE = 500_000
"""Letters of one hidden field; a form takes no more than a million in one."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Addition:
    """One thing that can be added to a patient. ``samples``: to choose one of; empty where it holds no more than one.

    ``as_list``: the changes as a list instead of the file. ``refused``: why it cannot be added; then it is empty.
    """

    name: str
    content: bytes = b""
    samples: tuple[str, ...] = ()
    as_list: bool = False
    refused: str = ""

    @property
    def pieces(self) -> list[str]:
        """The content, packed, for hidden fields; :func:`unpacked` undoes it."""
        packed = base64.b64encode(zlib.compress(self.content)).decode()
        return [packed[at : at + _PIECE] for at in range(0, len(packed), _PIECE)]


def unpacked(pieces: Sequence[str]) -> bytes:
    """What hidden fields carried. Raises :class:`SequenceError` for anything that :attr:`Addition.pieces` is not."""
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(base64.b64decode("".join(pieces), validate=True), LIMIT + 1)
    except (binascii.Error, zlib.error, ValueError):
        raise SequenceError("the sequence did not arrive whole; read the file again") from None
    if not content or len(content) > LIMIT or not unpacking.eof:
        raise SequenceError(f"expected a sequence of at most {LIMIT // 10**6} MB; read the file again")
    return content


def additions(asked: Asked, samples: Sequence[Sample]) -> Iterator[Addition]:
    """What can be added: each file that says all by itself and is not too large; of others, each sample as a list."""
    files = {path.name: path for path in asked.files}
    by_file: dict[str, list[Sequenced]] = {}
    for sample in samples:
        by_file.setdefault(sample.read.file, []).append(sample.read)
    for name, reads in by_file.items():
        path = files.get(name)
        if path is not None and asked.as_they_are and path.stat().st_size <= LIMIT and not _is_packed(path):
            choice = tuple(read.name for read in reads) if len(reads) > 1 else ()
            yield Addition(name, path.read_bytes(), choice)
        else:
            yield from map(_as_list, reads)


def _as_list(read: Sequenced) -> Addition:
    """One sample as a list. A doubtful one is refused: a list would not say that it is."""
    name = f"{safe_name(read.name)}.changes.txt"
    if any(note.level == "severe" for note in read.notes):
        return Addition(
            name, refused="The result is doubtful, and a list of changes would not say so. Repeat it first."
        )
    lines = list(_lines(read))
    if not lines:
        return Addition(name, refused="It holds neither a change that is interpreted nor codons that were read.")
    head = f"# read by cmvigil from {read.file}, sample {read.name}, sha256 {read.input_sha256}"
    return Addition(name, "\n".join([" ".join(head.split()), *lines, ""]).encode(), as_list=True)


def _lines(read: Sequenced) -> Iterator[str]:
    for gene, stretches in sorted(read.coverage.items()) if read.stated else ():
        yield from (f"covered: {gene}:{first}-{last}" for first, last in stretches)
    yield from (str(call.mutation) for call in read.calls if call.interpreted)


_GZIP = b"\x1f\x8b"


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def patient_named(text: str) -> str:
    """The id in what was typed or pasted: an address of a patient's page, or the id. Raises NotFoundError for none."""
    found = _ID.findall(text.lower())
    if not found:
        raise NotFoundError(text)
    return str(found[-1])


def add(parts: Services, who: Who, patient_id: str, given: Mapping[str, str], pieces: Sequence[str]) -> None:
    """Keep a sequence with a patient, once the record is read with it.

    Raises SequenceError or IntakeError where it cannot be read, NotFoundError for a patient who is not theirs; then
    nothing is kept.
    """
    who.must("genotype")
    day = _day(given.get("day", ""), parts.today())
    file = File(safe_name(given.get("name", "")), unpacked(pieces), day, given.get("sample") or None)
    if file.content.startswith(_GZIP):  # read again with every answer: what it unpacks to has no bound that is small
        raise SequenceError(f"{file.name}: is packed (gzip); unpack it, then add it")
    with parts.database.reading() as session:
        chart = patients.chart(session, who, patient_id)
    before, after = (parts.desk.record(each) for each in (chart, replace(chart, sequences=(*chart.sequences, file))))
    if all(len(after.rows[table]) == len(before.rows[table]) for table in ("variant", "coverage")):
        raise SequenceError(f"{file.name}: neither a change nor a codon that was read; nothing to add")
    with parts.database.writing() as session:
        patients.attach(session, who, patient_id, file, kind="sequence", now=parts.now())


def _day(text: str, today: date) -> date:
    """The day of the specimen. Raises :class:`SequenceError` where none is given, or one to come."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if day > today:
        raise SequenceError("the day on which the specimen was taken: expected a day up to today")
    return day
