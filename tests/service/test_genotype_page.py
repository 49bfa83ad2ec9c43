"""The genotype page: files in, the laboratory's report out; nothing is kept unless it is added to a patient."""

from __future__ import annotations

import base64
import gzip
import html
import io
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from tests.genotype.support import known
from tests.service.browser import browser
from tests.service.conftest import NOW, csrf, example, served

from cmvigil.genotype import Knowledge, interpret
from cmvigil.report.genotype_about import About
from cmvigil.sequencing.batch import Outcome, paired, read_all
from cmvigil.sequencing.errors import SequenceError
from cmvigil.sequencing.sample import Note, Options, Sample, Sequenced
from cmvigil.service.app import create_app
from cmvigil.service.context import Services
from cmvigil.service.desk import Desk
from cmvigil.service.pages import genotype, genotype_adding, genotype_reading
from cmvigil.service.pages.genotype_form import Asked
from cmvigil.service.security.who import Who
from cmvigil.service.settings import Settings
from cmvigil.service.store.patients import file_of
from cmvigil.service.store.tables import AuditEntry, Document

EXAMPLES = Path(__file__).parents[2] / "examples" / "genotype"
KNOWN = known()
LIST = "UL97:A594V@23%\ncovered: UL97:440-645, UL54:255-1028\n"


@pytest.fixture(autouse=True)
def read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in this process, which is quicker; one test reads in another, as the server does."""

    def here(
        files: Sequence[Path], knowledge: Knowledge, options: Options, *, turn: Path, single: bool
    ) -> list[Outcome]:
        assert turn.name == "genotype.turn"
        return read_all([(path,) for path in files] if single else paired(files), knowledge, options)

    if "apart" not in request.node.name:
        monkeypatch.setattr(genotype, "read_apart", here)


def read(client: TestClient, *names: str, status: int = 200, fields: Mapping[str, str] | None = None) -> str:
    """The page for some of the example files and fields."""
    files = [("files", (name, (EXAMPLES / name).read_bytes())) for name in names]
    answer = client.post("/genotype", data={**(fields or {}), "csrf": csrf(client)}, files=files or None)
    assert answer.status_code == status, answer.text
    text: str = answer.text
    return text


def hidden(page: str) -> dict[str, list[str]]:
    """The hidden fields of the form that adds the first thing."""
    form = page.split('action="/genotype/add"')[1].split("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="([\w.-]+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(html.unescape(value))
    return found


def taken(page: str, name: str) -> bytes:
    """A file that the page carries along."""
    data = re.search(rf'href="data:[^;]+;base64,([^"]+)" download="{re.escape(name)}"', page)
    assert data is not None
    return base64.b64decode(html.unescape(data[1]))


def kept(app: FastAPI) -> list[Document]:
    services: Services = app.state.services
    with services.database.reading() as session:
        return list(session.scalars(select(Document).where(Document.kind == "sequence")))


def test_typed_changes_are_interpreted(client: TestClient) -> None:
    page = read(client, fields={"changes": "UL97:A594V@23%", "covered": "UL97:440-645, UL54:255-1028"})
    assert "UL97 A594V" in page and "Resistant" in page


def test_several_files_of_all_kinds_are_read_and_a_bad_one_does_not_stop_them(client: TestClient) -> None:
    files = ["sanger-ul97.fasta", "calls.vcf"]
    broken = [
        *(("files", (name, (EXAMPLES / name).read_bytes())) for name in files),
        ("files", ("notes.txt", b"hello")),
    ]
    page = client.post("/genotype", data={"csrf": csrf(client)}, files=broken).text
    assert "2\N{NO-BREAK SPACE}samples" in page
    assert "1\N{NO-BREAK SPACE}input could not be used" in page and "notes.txt" in page


def test_reads_are_paired_and_counted(client: TestClient) -> None:
    page = read(client, "amplicon_R1.fastq.gz", "amplicon_R2.fastq.gz", fields={"copies": "900"})
    assert "read together as read pairs" in page
    assert taken(page, "codons.tsv").startswith(b"sample\t")


def test_only_bad_files_say_what_is_wrong(client: TestClient) -> None:
    answer = client.post("/genotype", data={"csrf": csrf(client)}, files=[("files", ("notes.txt", b"hello"))])
    assert answer.status_code == 422
    assert "notes.txt" in answer.text and "expected FASTA" in answer.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Nothing to read"),
        ({"changes": "UL97:A594V", "min-fraction": "0.0001"}, "Share that decides"),
        ({"changes": "UL97:A594V", "min-fraction": "many"}, "Share that decides"),
        ({"changes": "UL97:A594V", "copies": "-3"}, "Genomes in the test"),
        ({"changes": "UL97:A594V", "technology": "abacus"}, "Technology"),
        ({"changes": "UL97:A594V", "specimen-date": "2031-01-01"}, "Specimen taken"),
        ({"changes": "UL97:A594V", "specimen-date": "soon"}, "Specimen taken"),
        ({"changes": "U" * 20_001}, "Changes: more than"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_and_kept_in_the_form(
    client: TestClient, fields: dict[str, str], said: str
) -> None:
    page = read(client, status=422, fields=fields)
    assert said in page
    assert fields.get("changes", "") in page


def test_more_files_than_may_be_are_refused(client: TestClient) -> None:
    files = [("files", (f"{n}.txt", b"UL97:A594V")) for n in range(25)]
    answer = client.post("/genotype", data={"csrf": csrf(client)}, files=files)
    assert answer.status_code == 422 and "expected at most 24" in answer.text


def test_the_share_that_decides_is_that_of_the_form(client: TestClient) -> None:
    typed = {"changes": "UL97:A594V@8%", "covered": "UL97:440-645"}
    assert "Resistant to ganciclovir" in read(client, fields=typed)
    assert "Resistant to ganciclovir" not in read(client, fields={**typed, "min-fraction": "10"})


def test_the_head_names_what_was_told(client: TestClient) -> None:
    told = {"patient": "M-0417", "specimen-date": "2026-03-20", "laboratory": "Virology <2>"}
    page = read(client, "sanger-ul97.fasta", fields=told)
    assert "M-0417" in page and "Virology &lt;2&gt;" in page


def test_no_patient_is_named_over_several_samples(client: TestClient) -> None:
    page = read(client, "sanger-ul97.fasta", "calls.vcf", fields={"patient": "M-0417"})
    assert "M-0417" not in page and "name is left out" in page


def test_every_file_is_carried_along(client: TestClient) -> None:
    page = read(client, "calls.vcf", fields={"pdf": "on"})
    assert taken(page, "report.pdf").startswith(b"%PDF")
    assert taken(page, "changes.vcf").startswith(b"##fileformat=VCFv4")
    assert b"Bundle" in taken(page, "genotype.fhir.json")
    assert taken(page, "genotype.json").startswith(b"{")
    assert b"ganciclovir" in taken(page, "verdicts.csv")
    assert b"<!doctype html>" in taken(page, "report.html")
    assert taken(page, "changes.csv")


def test_the_page_has_no_style_of_its_own(client: TestClient) -> None:
    page = read(client, "calls.vcf")
    assert "<style" not in page and " style=" not in page and "<script" not in page


def test_uploads_leave_no_trace(
    client: TestClient, app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = sorted(tmp_path.iterdir())
    read(client, "calls.vcf")
    read(client, "calls.vcf", status=422, fields={"copies": "none"})
    assert sorted(tmp_path.iterdir()) == before
    assert kept(app) == []


def test_a_name_of_a_file_stays_in_its_folder(client: TestClient) -> None:
    files = [("files", ("../../etc/passwd", LIST.encode())), ("files", ("passwd", LIST.encode()))]
    page = client.post("/genotype", data={"csrf": csrf(client)}, files=files).text
    assert "2\N{NO-BREAK SPACE}samples" in page


def test_what_is_no_sequence_but_an_archive_is_refused(client: TestClient) -> None:
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("a.fasta", "A" * 1000)
    answer = client.post("/genotype", data={"csrf": csrf(client)}, files=[("files", ("a.zip", packed.getvalue()))])
    assert answer.status_code == 422


# -- its turn and its time -------------------------------------------------------------------------------------------
@contextmanager
def another_worker_reads(turn: Path) -> Iterator[None]:
    """A process of its own that holds the turn."""
    code = (
        "import pathlib, sys\nfrom cmvigil.service.pages.genotype_reading import our_turn\n"
        "with our_turn(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(turn)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == b"held\n"
        yield
        worker.kill()


def test_while_another_worker_has_read_apart_one_is_told_to_wait_and_not_when_it_was_killed(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genotype_reading, "WAITS_FOR", 0.01)
    token = csrf(client)
    turn = app.state.services.settings.data / "genotype.turn"
    with another_worker_reads(turn):
        answer = client.post("/genotype", data={"changes": "UL97:A594V", "csrf": token})
    assert answer.status_code == 503
    assert "Other sequences are being read" in answer.text and "UL97:A594V" in answer.text
    with genotype_reading.our_turn(turn):
        pass


def test_what_is_read_apart_and_takes_too_long_is_ended(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(LIST)
    with pytest.raises(SequenceError, match=r"not read within 0\.01 seconds"):
        genotype_reading.read_apart([path], desk.knowledge, Options(), turn=tmp_path / "turn", seconds=0.01)


# -- with a patient --------------------------------------------------------------------------------------------------
def test_a_sequence_that_was_added_is_in_the_answer(client: TestClient, app: FastAPI) -> None:
    address = example(client)
    before = client.get(address).text
    page = read(client, "calls.vcf")
    fields = {**hidden(page), "patient": address.rpartition("/")[2], "day": "2026-03-10"}
    answer = client.post("/genotype/add", data=fields, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    (document,) = kept(app)
    assert (document.name, document.day.isoformat()) == ("calls.vcf", "2026-03-10")  # type: ignore[union-attr]
    after = client.get(address).text
    assert "UL56 C325Y" not in before.replace("\N{NO-BREAK SPACE}", " ")
    assert "UL56" in after and "C325Y" in after


def test_the_patients_own_address_takes_it_too(client: TestClient, app: FastAPI) -> None:
    address = example(client)
    fields = {**hidden(read(client, "calls.vcf")), "day": "2026-03-10"}
    assert client.post(f"{address}/genotype", data=fields, follow_redirects=False).status_code == 303
    assert len(kept(app)) == 1


def test_of_a_pair_of_files_the_list_is_kept_with_what_was_read(client: TestClient, app: FastAPI) -> None:
    address = example(client)
    page = read(client, "amplicon_R1.fastq.gz", "amplicon_R2.fastq.gz")
    assert "The list of changes" in page
    client.post(f"{address}/genotype", data={**hidden(page), "day": "2026-03-10"})
    (document,) = kept(app)
    lines = file_of(document).content.decode().splitlines()
    assert any(line.startswith("UL97:A594V@") for line in lines)
    assert any(line.startswith("covered: UL97:") for line in lines)


def test_a_large_file_is_kept_as_its_list(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    example(client)
    monkeypatch.setattr(genotype_adding, "LIMIT", 100)
    page = read(client, "calls.vcf")
    assert "The list of changes" in page
    (name,) = hidden(page)["name"]
    assert name == "breakthrough.changes.txt"


def test_a_file_of_several_samples_asks_whose_it_is(client: TestClient, app: FastAPI) -> None:
    address = example(client)
    reference = (EXAMPLES / "sanger-ul97.fasta").read_text()
    two = reference + reference.replace(">", ">other-", 1)
    page = client.post("/genotype", data={"csrf": csrf(client)}, files=[("files", ("two.fasta", two.encode()))]).text
    assert "Which sample is the patient" in page
    fields = {**hidden(page), "day": "2026-03-10", "sample": "nobody's"}
    answer = client.post(f"{address}/genotype", data=fields)
    assert answer.status_code == 422 and "nothing to add" in answer.text
    assert kept(app) == []


def listed(*notes: Note, stated: bool = True) -> genotype_adding.Addition:
    """What can be added of a sample without a file of its own."""
    coverage = {"UL97": ((440, 450),)} if stated else {}
    sample = Sequenced("p1", "a + b", "FASTQ", "0" * 64, (), coverage, stated=stated, notes=notes)
    asked = Asked((), KNOWN, About(), single=False, pdf=False)
    (made,) = genotype_adding.additions(asked, [Sample(sample, interpret([], coverage, KNOWN))])
    return made


def test_a_doubtful_sample_is_not_kept_as_a_list() -> None:
    assert listed(Note("warning", "depth", "shallow")).content.endswith(b"covered: UL97:440-450\n")
    doubtful = listed(Note("severe", "mixture", "two strains"))
    assert (doubtful.content, "doubtful" in doubtful.refused) == (b"", True)


def test_a_sample_that_shows_nothing_is_not_kept() -> None:
    assert "neither a change" in listed(stated=False).refused


def test_primers_are_read_beside_the_files(client: TestClient) -> None:
    files = [
        ("files", ("amplicon_R1.fastq.gz", (EXAMPLES / "amplicon_R1.fastq.gz").read_bytes())),
        ("primers", ("assay.bed", b"NC_006273.2\t141900\t141920\tleft\n")),
    ]
    page = client.post("/genotype", data={"csrf": csrf(client)}, files=files).text
    assert "assay.bed: their bases are left out" in page


@pytest.mark.parametrize("day", ["", "tomorrow", "2026-03-29"])
def test_a_specimen_needs_its_day(client: TestClient, app: FastAPI, day: str) -> None:
    address = example(client)
    answer = client.post(f"{address}/genotype", data={**hidden(read(client, "calls.vcf")), "day": day})
    assert answer.status_code == 422 and "expected a day up to today" in answer.text
    assert kept(app) == []


@pytest.mark.parametrize(
    "content",
    ["", "!!!", base64.b64encode(b"no zlib").decode(), base64.b64encode(gzip.compress(b"x", mtime=0)).decode()],
)
def test_content_that_did_not_arrive_whole_is_refused(client: TestClient, app: FastAPI, content: str) -> None:
    address = example(client)
    fields = {**hidden(read(client, "calls.vcf")), "content": [content], "day": "2026-03-10"}
    assert client.post(f"{address}/genotype", data=fields).status_code == 422
    assert kept(app) == []


def test_content_that_unpacks_to_more_than_may_be_kept_is_refused() -> None:
    bomb = genotype_adding.Addition("a", b"A" * (genotype_adding.LIMIT + 1)).pieces
    with pytest.raises(SequenceError, match="at most 5 MB"):
        genotype_adding.unpacked(bomb)


def test_content_goes_through_the_page_unchanged() -> None:
    content = bytes(range(256)) * 8000
    assert genotype_adding.unpacked(genotype_adding.Addition("a", content).pieces) == content


# -- who may ---------------------------------------------------------------------------------------------------------
def become(monkeypatch: pytest.MonkeyPatch, role: str, organisation: str = "local") -> None:
    """From now on the one user has this role alone."""
    who = Who("local", "you", organisation, frozenset({role}))
    monkeypatch.setattr("cmvigil.service.security.middleware.LOCAL", who)


def test_a_laboratory_adds_by_the_address_that_it_was_given(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = example(client)
    token = csrf(client)
    become(monkeypatch, "laboratory")
    answer = client.post("/genotype", data={"csrf": token}, files=[("files", ("list.txt", LIST.encode()))])
    assert "Address of the patient" in answer.text and "relapse" not in answer.text
    fields = {
        **hidden(answer.text),
        "day": "2026-03-10",
        "patient": f"https://cmv.example.org{address}?as_of=2026-03-11",
    }
    added = client.post("/genotype/add", data=fields, follow_redirects=False)
    assert (added.status_code, added.headers["location"]) == (303, "/genotype?said=saved")
    assert len(kept(app)) == 1
    assert client.get(address).status_code == 403
    with app.state.services.database.reading() as session:
        (line,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "sequence.write"))
    assert line.entity == f"patient/{address.rpartition('/')[2]}"
    assert "list.txt" not in line.detail


@pytest.mark.parametrize("named", ["", "relapse-on-azathioprine", "00000000-0000-4000-8000-000000000000"])
def test_a_patient_whom_nobody_has_is_not_found(client: TestClient, named: str) -> None:
    example(client)
    fields = {**hidden(read(client, "calls.vcf")), "day": "2026-03-10", "patient": named}
    assert client.post("/genotype/add", data=fields).status_code == 404


def test_a_pharmacist_reads_and_adds_nothing(client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    address = example(client)
    fields = {**hidden(read(client, "calls.vcf")), "day": "2026-03-10"}
    become(monkeypatch, "pharmacist")
    page = client.get("/genotype")
    assert page.status_code == 200
    assert 'id="add"' not in read_again(client, fields["csrf"][0])
    assert client.post(f"{address}/genotype", data=fields).status_code == 403
    assert client.post("/genotype/add", data={**fields, "patient": address}).status_code == 403
    assert kept(app) == []


def read_again(client: TestClient, token: str) -> str:
    text: str = client.post("/genotype", data={"changes": "UL97:A594V", "csrf": token}).text
    return text


def test_nobody_adds_to_a_patient_of_another_organisation(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = example(client)
    fields = {**hidden(read(client, "calls.vcf")), "day": "2026-03-10"}
    become(monkeypatch, "laboratory", "elsewhere")
    assert client.post(f"{address}/genotype", data=fields).status_code == 404
    assert kept(app) == []


def test_a_form_without_its_token_is_not_read(client: TestClient) -> None:
    assert client.post("/genotype", data={"changes": "UL97:A594V"}).status_code == 403


# -- in a browser ----------------------------------------------------------------------------------------------------
def test_files_are_dropped_named_read_apart_and_saved(desk: Desk, tmp_path: Path) -> None:
    application = create_app(Settings(data=tmp_path, requests_per_minute=60_000), desk=desk, clock=lambda: NOW)
    with served(application) as base, browser() as started:
        page = started.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{base}/genotype")
        page.evaluate(
            """text => {
                const carried = new DataTransfer();
                carried.items.add(new File([text], "list.txt"));
                const drop = document.querySelector("#drop");
                drop.dispatchEvent(new DragEvent("dragover", {dataTransfer: carried, cancelable: true}));
                drop.dispatchEvent(new DragEvent("drop", {dataTransfer: carried, cancelable: true}));
            }""",
            LIST,
        )
        assert "list.txt" in (page.text_content("#chosen") or "")
        page.click("button.main")
        page.wait_for_selector("text=Verdicts (CSV)")
        with page.expect_download() as download:
            page.click("text=Verdicts (CSV)")
        saved = Path(download.value.path()).read_bytes()
        assert download.value.suggested_filename == "verdicts.csv"
        assert b"ganciclovir" in saved
        assert complaints == []


def test_a_packed_file_is_not_kept_as_it_is(client: TestClient, app: FastAPI) -> None:
    """It would be unpacked again with every answer, whatever it unpacks to."""
    packed = base64.b64encode(zlib.compress(gzip.compress(LIST.encode(), mtime=0))).decode()
    fields = {"csrf": csrf(client), "day": "2026-03-10", "name": "list.txt.gz", "content": packed}
    answer = client.post(f"{example(client)}/genotype", data=fields, follow_redirects=False)
    assert answer.status_code == 422
    assert "unpack it" in answer.text
    assert kept(app) == []
