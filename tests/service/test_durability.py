"""A power cut in the middle of writes: what was acknowledged is there, whole, and nothing is there by half."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import httpx
from sqlalchemy import select
from tests.service.process import Browser, serving

from cmvigil.service.desk import Desk
from cmvigil.service.security.who import LOCAL
from cmvigil.service.store import audit, patients
from cmvigil.service.store.database import Database
from cmvigil.service.store.tables import Document

WRITERS, ACKNOWLEDGED = 4, 25


class Writer(threading.Thread):
    """Adds patients one after the other, deletes some, until the server is gone; knows what it was promised."""

    def __init__(self, address: str, number: int) -> None:
        super().__init__(daemon=True)
        self.browser, self.number = Browser(address), number
        self.promised: list[str] = []
        self.tried: list[str] = []
        self.removed: list[str] = []

    def run(self) -> None:
        while True:
            label = f"patient-{self.number}-{len(self.tried)}"
            self.tried.append(label)
            try:
                answer = self.browser.add(label)
            except httpx.HTTPError:
                return
            if answer.status_code != 303:
                continue
            if len(self.tried) % 3:
                self.promised.append(label)
            elif not self.removes(answer.headers["location"]):
                return

    def removes(self, place: str) -> bool:
        """Delete every third again. False where the server is gone."""
        data = {"csrf": self.browser.csrf, "sure": "yes"}
        try:
            answer = self.browser.client.post(f"{place}/delete", data=data)
        except httpx.HTTPError:
            return False
        if answer.status_code == 303:
            self.removed.append(place)
        return True


def test_nothing_acknowledged_is_lost_and_nothing_is_there_by_half(
    database_url: str, desk: Desk, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    environment = {"CMVIGIL_DATABASE": database_url}
    with serving(folder, **environment) as server:
        writers = [Writer(server.address, number) for number in range(WRITERS)]
        for each in writers:
            each.start()
        until = time.monotonic() + 30
        while sum(len(each.promised) for each in writers) < ACKNOWLEDGED and time.monotonic() < until:
            time.sleep(0.005)
        server.kill()
        for each in writers:
            each.join(30)
    promised = {label for each in writers for label in each.promised}
    assert len(promised) >= ACKNOWLEDGED
    heads = re.findall(r'"hash": "([0-9a-f]{64})".*?"number": ([0-9]+)', server.said())

    with serving(folder, **environment) as again:
        shown = set(re.findall(r"patient-[0-9]+-[0-9]+", Browser(again.address).patients()))
        assert promised <= shown <= {label for each in writers for label in each.tried}
        assert Browser(again.address).add("after").status_code == 303

    database = Database(database_url)
    with database.reading() as session:
        there = {each.id for each in patients.listed(session, LOCAL)}
        for each in patients.listed(session, LOCAL):
            chart = patients.chart(session, LOCAL, each.id)
            assert desk.read(chart.record).patient == each.label
        noted = {int(number): newest for newest, number in heads if int(number)}
        assert noted
        assert audit.verify(audit.entries(session), noted) is None
        created, deleted = (
            {
                line.entity.removeprefix("patient/")
                for line in audit.entries(session)
                if line.action == f"patient.{deed}"
            }
            for deed in ("create", "delete")
        )
        assert there == created - deleted
        assert deleted >= {place.rpartition("/")[2] for each in writers for place in each.removed} != set()
        assert {each.patient_id for each in session.scalars(select(Document))} == there
    database.close()
