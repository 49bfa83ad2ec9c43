"""An answer as a FHIR Bundle: valid R4, nothing ordered, unknown stays unknown, and no harm when it is read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.cases.test_examples import comparable
from tests.cli.run import CASE, real
from tests.report import sample
from tests.support import fhir_r4

from cmvigil.advice import Advice, Option, Question
from cmvigil.assess import assess
from cmvigil.record.codes import OWN, shipped
from cmvigil.record.read import read_record
from cmvigil.record.tables import Record
from cmvigil.report import fhir, words
from cmvigil.report.fhir_requirement import LOINC, requirement

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/case.yaml"))
FILES = [f"{name}/{file}" for name in NAMES for file in ("case.yaml", "bundle.json")]
SAMPLES: list[Callable[[], Advice]] = [sample.empty, sample.typical, sample.worst]
_CHOICE = "Antivirals, appraised"
_OPEN = "Not determined"


@cache
def record_of(file: str) -> Record:
    return read_record(EXAMPLES / file)


@cache
def advice_of(file: str) -> Advice:
    return assess(record_of(file))


def of_kind(made: dict[str, Any], kind: str) -> list[Any]:
    return [each["resource"] for each in made["entry"] if each["resource"]["resourceType"] == kind]


def leaves(actions: list[Any]) -> Iterator[Any]:
    for action in actions:
        yield from leaves(action["action"]) if "action" in action else [action]


def group(made: dict[str, Any], title: str) -> list[str]:
    """Titles of the actions in a group of the proposals."""
    (proposal,) = of_kind(made, "RequestGroup")
    return [part["title"] for each in proposal.get("action", ()) if each["title"] == title for part in each["action"]]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from strings(each)
    if isinstance(value, str):
        yield value


def faults(content: bytes) -> list[str]:
    return [*fhir_r4.problems(content), *fhir_r4.narratives(content)]


# -- it is valid -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("file", FILES)
def test_every_example_makes_valid_fhir(file: str) -> None:
    content = fhir.render(advice_of(file))
    assert faults(content) == []
    assert content.endswith(b"}\n")


@pytest.mark.parametrize("made", SAMPLES)
def test_any_answer_makes_valid_fhir(made: Callable[[], Advice]) -> None:
    assert faults(fhir.render(made())) == []


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_day_and_any_hidden_fact_make_valid_fhir_that_proposes_nothing_barred(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(FILES))
    record, last = record_of(file), record_of(file).last_day()
    assert last is not None
    day = last + timedelta(days=data.draw(st.integers(-400, 60)))
    hidden = data.draw(st.sets(st.sampled_from(sorted(advice_of(file).facts)), max_size=5))
    advice = assess(record, as_of=day, hide=hidden)
    content = fhir.render(advice)
    assert faults(content) == []
    nothing_is_ordered(json.loads(content))
    nothing_barred_is_proposed(advice, json.loads(content))


# -- nothing is ordered ------------------------------------------------------------------------------------------------
def nothing_is_ordered(made: dict[str, Any]) -> None:
    for kind in ("RequestGroup", "Task", "CarePlan"):
        assert {(each["status"], each["intent"]) for each in of_kind(made, kind)} <= {("draft", "proposal")}
    assert {each["status"] for each in of_kind(made, "Communication")} == {"preparation"}
    kinds = {each["resource"]["resourceType"] for each in made["entry"]}
    assert not [kind for kind in kinds if kind.startswith("Medication") or kind == "ServiceRequest"]


def nothing_barred_is_proposed(advice: Advice, made: dict[str, Any]) -> None:
    def titled(option: Option) -> str:
        return option.label[:1].upper() + option.label[1:] + (", running" if option.running else "")

    by_verdict = {
        each.verdict: {titled(o) for o in advice.options if o.verdict == each.verdict} for each in advice.options
    }
    choice = set(group(made, _CHOICE))
    assert choice == by_verdict.get("preferred", set()) | by_verdict.get("acceptable", set())
    open_ = {f"{_OPEN}: {title}" for title in by_verdict.get("undetermined", ())}
    assert open_ <= set(group(made, _OPEN))
    issues = {each["code"]["text"] for each in of_kind(made, "DetectedIssue")}
    for verdict in ("contraindicated", "avoid"):
        assert {f"{title}: {verdict}" for title in by_verdict.get(verdict, ())} <= issues


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_ordered_and_nothing_barred_is_proposed(name: str) -> None:
    advice = advice_of(f"{name}/bundle.json")
    nothing_is_ordered(fhir.bundle(advice))
    nothing_barred_is_proposed(advice, fhir.bundle(advice))


def test_of_the_antivirals_one_at_most_is_chosen() -> None:
    (proposal,) = of_kind(fhir.bundle(sample.typical()), "RequestGroup")
    (choice,) = [each for each in proposal["action"] if each["title"] == _CHOICE]
    assert choice["selectionBehavior"] == "at-most-one"
    assert [each["title"] for each in choice["action"]] == ["Ganciclovir, running", "Foscarnet", "Cidofovir"]


# -- what is said ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_each_advice_that_is_said_is_an_action_with_its_sources(name: str) -> None:
    advice = advice_of(f"{name}/bundle.json")
    made = fhir.bundle(advice)
    (proposal,) = of_kind(made, "RequestGroup")
    tasks = {f"urn:uuid:{each['id']}": each for each in of_kind(made, "Task")}
    actions = {each["title"]: each for each in leaves(proposal["action"])}
    for item in advice.advice:
        if not item.said:
            assert item.headline not in actions
            continue
        action = actions[item.headline]
        assert action["priority"] == ("urgent" if item.severity == "harm" else "routine")
        assert [each["label"] for each in action["documentation"]] == [source.key for source in item.sources]
        task = tasks[action["resource"]["reference"]]
        assert task["code"]["text"] == item.headline
        assert task["businessStatus"]["coding"][0]["code"] == item.state


def test_a_source_has_its_address() -> None:
    made = fhir.bundle(sample.typical())
    cited = [
        each
        for action in leaves(of_kind(made, "RequestGroup")[0]["action"])
        for each in action.get("documentation", ())
    ]
    assert {each["url"] for each in cited if each["label"] == "ECCO21"} == {"https://doi.org/10.1093/ecco-jcc/jjab052"}


@pytest.mark.parametrize("name", NAMES)
def test_every_date_stands_in_the_care_plan(name: str) -> None:
    advice = advice_of(f"{name}/bundle.json")
    told = [
        (day, each["detail"]["code"]["text"])
        for plan in of_kind(fhir.bundle(advice), "CarePlan")
        for each in plan["activity"]
        for day in each["detail"]["scheduledTiming"]["event"]
    ]
    assert sorted(told) == sorted((task.day, task.what) for task in advice.tasks)


def test_a_series_is_one_activity_that_says_how_it_goes_on() -> None:
    (plan,) = of_kind(fhir.bundle(advice_of("kidney-d-plus-r-minus-refractory/bundle.json")), "CarePlan")
    loads = [each["detail"] for each in plan["activity"] if each["detail"]["code"]["text"].startswith("CMV load")]
    assert len(loads) == 1
    assert loads[0]["scheduledTiming"]["code"]["text"].endswith("then weekly until 30 Oct 2026")


def test_what_is_overdue_keeps_its_day_and_says_so() -> None:
    overdue = of_kind(fhir.bundle(sample.typical()), "CarePlan")[0]["activity"][0]["detail"]
    assert (overdue["scheduledTiming"]["event"], overdue["statusReason"]["text"]) == (["2026-03-26"], "Overdue")


def test_safety_doses_and_interactions_are_issues() -> None:
    issues = {each["code"]["text"]: each for each in of_kind(fhir.bundle(sample.typical()), "DetectedIssue")}
    assert len(issues) == 7
    low = issues["Ganciclovir: Under-dose, 50 % of the label's"]
    assert low["code"]["coding"][0]["code"] == "DOSEL"
    assert low["implicated"]
    together = issues["Maribavir with ganciclovir: contraindicated"]
    assert together["severity"] == "high"
    assert together["detail"] == "Maribavir is not running. Each undoes the other. Never together. verified · LAB-MBV"
    assert issues["Ganciclovir with azathioprine: caution"]["severity"] == "moderate"
    assert issues["Letermovir: contraindicated"]["evidence"]
    # R4: a mitigation has been taken or is committed; nobody has done either.
    assert not [issue for issue in issues.values() if "mitigation" in issue]


def test_only_of_an_antiviral_that_does_not_run_it_is_said_that_it_does_not() -> None:
    """What else the patient takes need not stand on the timeline."""
    issues = of_kind(fhir.bundle(advice_of("valganciclovir-neutropenia/bundle.json")), "DetectedIssue")
    told = {issue["code"]["text"]: issue["detail"] for issue in issues}
    assert "not running" not in told["Valganciclovir with co-trimoxazole: caution"]
    assert told["Ganciclovir with co-trimoxazole: caution"].startswith("Ganciclovir is not running. Marrow")


def test_an_issue_refers_to_what_carried_its_facts() -> None:
    advice = advice_of("resistant-on-foscarnet/bundle.json")
    known = {event.source for fact in advice.facts.values() for event in fact.events}
    issues = of_kind(fhir.bundle(advice), "DetectedIssue")
    found = {each["reference"] for issue in issues for one in issue.get("evidence", ()) for each in one["detail"]}
    assert found and found <= known
    running = {bar.source for bar in advice.timeline.bars if bar.running}
    assert {each["reference"] for issue in issues for each in issue.get("implicated", ())} <= running


def test_the_badges_are_assessments_in_words() -> None:
    advice = advice_of("kidney-d-plus-r-minus-refractory/bundle.json")
    found = {each["code"]["text"]: each for each in of_kind(fhir.bundle(advice), "RiskAssessment")}
    assert found.keys() == {status.label for status in advice.status}
    (prediction,) = found["Refractory"]["prediction"]
    assert prediction["qualitativeRisk"]["text"] == "yes, day 28"
    assert "Refractory: load up by more than 1 log10" in prediction["rationale"]
    assert found["Refractory"]["basis"]
    assert "probability" not in json.dumps([each["prediction"] for each in found.values()])


# -- unknown stays unknown ---------------------------------------------------------------------------------------------
def test_what_is_not_determined_says_so() -> None:
    advice = advice_of("sparse-record/bundle.json")
    made = fhir.bundle(advice)
    for status, risk in zip(advice.status, of_kind(made, "RiskAssessment"), strict=True):
        assert risk["status"] == ("preliminary" if status.truth == "unknown" else "final")
        assert ("note" in risk) == (status.truth == "unknown")
    assert "unknown" in {status.truth for status in advice.status}
    undetermined = [item for item in advice.advice if item.state == "undetermined"]
    open_ = group(made, _OPEN)
    assert undetermined
    assert {f"{_OPEN}: {item.headline}" for item in undetermined} <= set(open_)
    tasks = {each["code"]["text"]: each for each in of_kind(made, "Task")}
    assert {tasks[title]["priority"] for title in open_} == {"routine"}
    for item in undetermined:
        waits = tasks[f"{_OPEN}: {item.headline}"]["statusReason"]["text"]
        assert all(advice.facts[name].label in waits for name in item.needs)
    for issue in of_kind(made, "DetectedIssue"):
        assert (issue["status"] == "preliminary") or _OPEN not in issue["code"]["text"]


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ("after-treatment/case.yaml", "success"),
        ("first-episode-uc/case.yaml", "data-requested"),
    ],
)
def test_the_status_tells_whether_more_data_would_help(file: str, status: str) -> None:
    (response,) = of_kind(fhir.bundle(advice_of(file)), "GuidanceResponse")
    assert response["status"] == status


def test_where_nothing_can_be_said_data_are_required() -> None:
    bare = sample.typical().model_copy(update={"advice": [], "causes": [], "options": []})
    (response,) = of_kind(fhir.bundle(bare), "GuidanceResponse")
    assert response["status"] == "data-required"


@pytest.mark.parametrize("name", NAMES)
def test_every_question_is_told_and_asked_in_codes_where_codes_are_known(name: str) -> None:
    advice = advice_of(f"{name}/case.yaml")
    (response,) = of_kind(fhir.bundle(advice), "GuidanceResponse")
    told = " ".join(each["text"] for each in response.get("note", ()))
    for number, question in enumerate(advice.changes, 1):
        assert (
            f"Question {number}, {words.STATE[question.state]}: {' '.join(question.ask.split())}. It decides: " in told
        )
    wanted = [made for question in advice.changes if (made := requirement(question))]
    assert all(each in response["dataRequirement"] for each in wanted)


@pytest.mark.parametrize("concept", LOINC)
def test_codes_that_are_asked_for_are_codes_that_we_read(concept: str) -> None:
    read = concept.removeprefix("genomics:")
    for key in [(OWN, concept), *(("http://loinc.org", code) for code in LOINC[concept])]:
        assert read in [target.concept.removeprefix("genomics:") for target in shipped()[key]]


def test_a_question_without_codes_is_only_told() -> None:
    asked = Question(fact="steroids_stated", facts=[], ask="x", state="missing", decides=[], rules=[], weight=1)
    assert requirement(asked) is None
    sex = requirement(asked.model_copy(update={"fact": "sex"}))
    assert sex == {"type": "Patient", "mustSupport": ["gender"]}


def test_what_was_not_used_or_not_covered_is_an_outcome() -> None:
    (outcome,) = of_kind(fhir.bundle(sample.typical()), "OperationOutcome")
    assert [each["code"] for each in outcome["issue"]] == ["invalid", "code-invalid", "value"]
    (pregnant,) = of_kind(fhir.bundle(advice_of("pregnant/case.yaml")), "OperationOutcome")
    assert [(each["severity"], each["code"]) for each in pregnant["issue"]] == [("warning", "not-supported")]
    (sparse,) = of_kind(fhir.bundle(advice_of("sparse-record/case.yaml")), "OperationOutcome")
    assert {each["severity"] for each in sparse["issue"]} == {"information"}
    assert of_kind(fhir.bundle(sample.empty()), "OperationOutcome") == []


# -- who, and made by what ---------------------------------------------------------------------------------------------
def test_the_patient_of_a_bundle_is_referred_to_and_nobody_else_is_named() -> None:
    from_bundle = fhir.bundle(advice_of("pregnant/bundle.json"))
    assert of_kind(from_bundle, "CarePlan") == []
    assert of_kind(from_bundle, "GuidanceResponse")[0]["subject"] == {"reference": "Patient/pregnant"}
    case = advice_of("relapse-on-azathioprine/case.yaml").model_copy(update={"patient": "MRN-4711"})
    assert b"MRN-4711" not in fhir.render(case)
    (plan,) = of_kind(fhir.bundle(case), "CarePlan")
    assert plan["subject"] == {"display": "Woman, 54, ulcerative colitis"}


def test_ids_follow_from_the_input_the_day_and_the_knowledge() -> None:
    advice = sample.typical()

    def ids(changed: Advice) -> list[str]:
        return [each["fullUrl"] for each in fhir.bundle(changed)["entry"]]

    assert ids(advice) == ids(advice)
    for change in ({"input_hash": "sha256:0"}, {"knowledge_hash": "sha256:0"}):
        other = advice.model_copy(update={"provenance": advice.provenance.model_copy(update=change)})
        assert not set(ids(advice)) & set(ids(other))
    assert not set(ids(advice)) & set(ids(advice.model_copy(update={"as_of": "2026-03-29"})))


def test_the_provenance_names_knowledge_overlays_and_accepted_risks() -> None:
    base = sample.typical()
    changed = {"overlays": ["north 2026-03"], "accepted_risks": ["too_early: trial X (trial)"]}
    made = fhir.bundle(base.model_copy(update={"provenance": base.provenance.model_copy(update=changed)}))
    (provenance,) = of_kind(made, "Provenance")
    told = [each["what"]["identifier"]["value"] for each in provenance["entity"]]
    assert told == ["sha256:99ad31", "sha256:4b1f0c", "north 2026-03", "too_early: trial X (trial)"]
    assert (provenance["recorded"], len(provenance["target"])) == ("2026-03-28T00:00:00Z", len(made["entry"]) - 2)
    (response,) = of_kind(made, "GuidanceResponse")
    assert response["moduleCanonical"] == "urn:cmvigil:knowledge|2026.11"
    assert {"text": "Accepted risk: too_early: trial X (trial)"} in response["note"]


def test_hostile_text_stays_text() -> None:
    made = fhir.bundle(sample.worst())
    for each in made["entry"]:
        div = etree.fromstring(each["resource"]["text"]["div"])
        assert {etree.QName(node).localname for node in div.iter()} <= {"div", "p", "b"}
    assert not [text for text in strings(made) if "\x1b" in text or "\N{RIGHT-TO-LEFT OVERRIDE}" in text]


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_command_writes_it_beside_the_answer_and_the_same_bytes(tmp_path: Path, seed: str) -> None:
    file = tmp_path / "new" / "answer.json"
    shown = real("assess", CASE, "--fhir", file, PYTHONHASHSEED=seed)
    assert shown.returncode == 0
    assert shown.stdout.endswith(f"Written: {file}\n")
    assert file.read_bytes() == fhir.render(advice_of("relapse-on-azathioprine/case.yaml"))


# -- read back ---------------------------------------------------------------------------------------------------------
def with_answer(name: str, folder: Path) -> Record:
    """The record of an example, read from its Bundle with the answer's resources in it."""
    bundle = json.loads((EXAMPLES / name / "bundle.json").read_bytes())
    bundle["entry"] += fhir.bundle(advice_of(f"{name}/bundle.json"))["entry"]
    path = folder / "bundle.json"
    path.write_text(json.dumps(bundle), encoding="utf-8")
    return read_record(path)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_that_holds_the_answer_is_the_same_record(name: str, tmp_path: Path) -> None:
    record, before = with_answer(name, tmp_path), record_of(f"{name}/bundle.json")
    assert record.rows == before.rows
    assert record.issues == before.issues


def test_a_bundle_that_holds_the_answer_gives_the_same_answer(tmp_path: Path) -> None:
    again = assess(with_answer("relapse-on-azathioprine", tmp_path))
    assert comparable(again) == comparable(advice_of("relapse-on-azathioprine/bundle.json"))
