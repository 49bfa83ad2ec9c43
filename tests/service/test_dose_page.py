"""The dose page: the same answer as the command, from a form, and nothing of it is kept."""

from __future__ import annotations

from fastapi.testclient import TestClient
from lxml import html
from sqlalchemy import func, select
from tests.service.conftest import csrf

from cmvigil.assess.dosing import Entered, doses
from cmvigil.report import appraisal
from cmvigil.service.desk import Desk
from cmvigil.service.store.tables import Base

KIDNEY = {"age": "60", "sex": "male", "weight": "80", "creatinine": "140", "unit.creatinine": "umol/L"}


def asked(client: TestClient, **more: str) -> str:
    answer = client.post("/dose", data={**KIDNEY, **more, "csrf": csrf(client)})
    assert answer.status_code == 200, answer.text
    text: str = answer.text
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_form_names_a_unit_beside_each_field(client: TestClient) -> None:
    page = client.get("/dose").text
    assert "Weight, kg" in page
    assert 'aria-label="Unit of Serum creatinine"' in page


def test_all_antivirals_are_answered_at_once(client: TestClient, desk: Desk) -> None:
    page = asked(client)
    dosed = [name for name, fields in desk.program.antivirals.items() if not fields.get("named")]
    assert len(dosed) > 4
    assert [name for name in dosed if f'id="{name}"' not in page] == []


def test_the_page_says_the_dose_that_the_command_says(client: TestClient, desk: Desk) -> None:
    entered = Entered(values={"age": "60", "sex": "male", "weight": "80", "creatinine": "140 umol/L"})
    option = doses(entered, desk.program)["ganciclovir"].option
    (said,) = appraisal.doses_today(option)
    assert said.replace("\N{NO-BREAK SPACE}", " ") in asked(client, drug="ganciclovir")


def test_another_unit_gives_another_kidney(client: TestClient) -> None:
    assert "Creatinine clearance 56.13 mL/min" in asked(client)
    assert "Creatinine clearance 74.07 mL/min" in asked(client, creatinine="1.2", **{"unit.creatinine": "mg/dL"})


def test_a_value_with_its_own_unit_keeps_it(client: TestClient) -> None:
    assert "Creatinine clearance 74.07 mL/min" in asked(client, creatinine="1.2 mg/dL")


def test_one_phase_is_shown_alone(client: TestClient) -> None:
    page = asked(client, drug="ganciclovir", phase="maintenance")
    assert "Maintenance" in page and "Induction</td>" not in page


def test_low_neutrophils_are_said_first(client: TestClient) -> None:
    page = asked(client, drug="ganciclovir", neutrophils="0.4")
    assert page.index("Neutrophils 0.4") < page.index("Dose for this kidney")


def test_what_is_taken_beside_is_checked(client: TestClient) -> None:
    assert '<td role="cell" data-head="Level">contraindicated' in asked(client, drug="maribavir", beside="ganciclovir")


def test_a_dose_that_is_given_is_checked(client: TestClient) -> None:
    page = asked(client, drug="valganciclovir", given="450 mg", every="48 h")
    assert "Given: 450 mg every 48 h" in page


def test_nothing_about_dialysis_and_pregnancy_is_taken_for_granted(client: TestClient) -> None:
    form = html.fromstring(client.get("/dose").text)
    for name, first in (("dialysis", ["not known", "none"]), ("pregnant", ["not known", "no"])):
        (field,) = form.xpath(f"//select[@name='{name}']")
        assert field.value == ""
        assert [option.text for option in field.xpath("./option")][:2] == first
    assert "Dialysis not known" in asked(client)
    answered = asked(client, dialysis="none", pregnant="no")
    assert "Stated: no dialysis, not pregnant." in answered
    assert "Dialysis not known" not in answered
    assert "<option selected>no</option>" in answered
    assert "no dose is given here" in asked(client, pregnant="yes", sex="female")


def test_every_entry_that_cannot_be_used_is_named(client: TestClient) -> None:
    given = {"age": "old", "weight": "8000", "dialysis": "", "beside": "tacrolimuss", "csrf": csrf(client)}
    answer = client.post("/dose", data=given)
    assert answer.status_code == 422
    assert "<strong>Age</strong>" in answer.text and "<strong>Other drugs</strong>" in answer.text
    assert 'value="tacrolimuss"' in answer.text


def test_a_dose_to_check_needs_its_interval_and_its_drug(client: TestClient) -> None:
    answer = client.post("/dose", data={"given": "900 mg", "csrf": csrf(client)})
    assert answer.status_code == 422
    assert "its interval" in answer.text and "of which drug?" in answer.text


def test_nothing_is_asked_by_address(client: TestClient) -> None:
    assert "Creatinine clearance" not in client.get("/dose?age=60&weight=80&creatinine=140").text


def test_nothing_is_kept(client: TestClient) -> None:
    asked(client)
    with client.app.state.services.database.reading() as session:  # type: ignore[attr-defined]
        kept = {
            table.name
            for table in Base.metadata.sorted_tables
            if session.scalar(select(func.count()).select_from(table))
        }
    assert kept <= {"organisation", "login_session"}
