"""What is supposed, in short: the headline never stands without what the same answer forbids."""

from __future__ import annotations

from fastapi.testclient import TestClient
from lxml import html
from tests.service.conftest import csrf, example


def test_the_supposed_answer_in_short_stands_beside_what_it_forbids(client: TestClient) -> None:
    place = example(client, "kidney-d-plus-r-minus-refractory")
    given = {"quantity.creatinine": "310", "unit.creatinine": "umol/L", "as_of": "2026-05-29", "csrf": csrf(client)}
    page = html.fromstring(client.post(f"{place}/what-if", data=given).text)
    (short,) = page.find_class("in-short")
    assert [" ".join(li.text_content().split()) for li in short.find_class("harm")] == [
        "✕ Foscarnet: contraindicated. Clearance below 0.4 mL/min per kg: foscarnet is not given.",
        "✕ Cidofovir: contraindicated. Kidney too weak: creatinine above 1.5 mg/dL or clearance 55 or less.",
    ]
    assert page.find_class("summary")[0].getnext() is short
