"""The days that are answered for: up to five years ahead of the server's clock, whoever names them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.service.conftest import NOW, csrf, example

from cmvigil.record.errors import IntakeError
from cmvigil.service.app import create_app
from cmvigil.service.desk import AHEAD, DayError, Desk
from cmvigil.service.settings import Settings
from cmvigil.service.store.patients import Chart, File

CASE = "cmvigil: 1\npatient: somebody\nas_of: {}\nviral_loads: [{{date: 2026-03-14, value: 1200 IU/mL}}]\n"
FURTHEST = NOW.date() + AHEAD


def file(as_of: object) -> File:
    return File("case.yaml", CASE.format(as_of).encode())


@pytest.mark.parametrize("year", [1999, 2026, 2090])
def test_the_bound_follows_the_clock_that_is_given(desk: Desk, year: int) -> None:
    at = desk.at(lambda: datetime(year, 3, 28, 12, tzinfo=UTC))
    chart = Chart("x", "x", file("2026-03-28"))
    last = date(year, 3, 28) + AHEAD
    assert at.furthest == last
    if year != 1999:
        assert at.advice(chart, last).as_of == last.isoformat()
    with pytest.raises(DayError):
        at.advice(chart, last + timedelta(days=1))


def test_two_desks_share_what_they_keep_and_not_the_time(desk: Desk) -> None:
    one, other = desk.at(lambda: NOW), desk.at(lambda: NOW + timedelta(days=1))
    made = one.kept("x", "a test of ours", object)
    assert other.kept("x", "a test of ours", object) is made
    assert other.furthest - one.furthest == timedelta(days=1)


def test_a_case_may_name_a_day_within_the_bound_and_none_beyond(desk: Desk) -> None:
    at = desk.at(lambda: NOW)
    assert at.read(file(FURTHEST)).as_of == FURTHEST
    with pytest.raises(IntakeError) as caught:
        at.read(file("2199-12-31"))
    [problem] = caught.value.problems
    assert (problem.path, problem.found, problem.expected) == ("as_of", "2199-12-31", f"a day up to {FURTHEST}")


def test_a_page_follows_the_clock_of_its_server(desk: Desk, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path), desk=desk, clock=lambda: NOW - timedelta(days=3 * 365))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        place = example(client)
        assert client.get(place).status_code == 200
        answer = client.get(place, params={"as_of": NOW.date() + timedelta(days=3 * 365)})
        assert answer.status_code == 422
        assert answer.json()["title"] == "Too far ahead"


def test_an_uploaded_case_of_the_far_future_is_refused_at_once_with_what_to_mend(client: TestClient) -> None:
    files = {"file": ("case.yaml", file("2199-12-31").content)}
    answer = client.post("/patients", data={"csrf": csrf(client)}, files=files)
    assert answer.status_code == 422
    assert "case.yaml, as_of: found 2199-12-31; expected a day up to" in answer.text
    assert "somebody" not in client.get("/patients").text
    place = example(client)
    answer = client.post(f"{place}/record", data={"csrf": csrf(client)}, files=files)
    assert (answer.status_code, "as_of" in answer.text) == (422, True)


def test_the_form_says_so_at_the_day_that_is_too_far_ahead(client: TestClient) -> None:
    given = {"frame.as_of": "2199-12-31", "loads.0.date": "2026-03-27", "loads.0.value": "1200"}
    given |= {"defaults.unit": "IU/mL", "defaults.specimen": "plasma"}
    said = client.post("/cases/check", data={"csrf": csrf(client), **given}).json()
    assert said["says"] == []
    [found] = said["found"]
    assert (found["field"], "expected a day up to" in found["text"]) == ("frame.as_of", True)
