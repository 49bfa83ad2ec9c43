"""A typed drug name is a known drug, a slip of the pen for one, or a drug that is not known; never confused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from random import Random
from string import ascii_lowercase

import pytest
from tests.record.full_case import content
from tests.support.twin import bundle_bytes

from cmvigil.assess import assess
from cmvigil.record import drug_names
from cmvigil.record.errors import IntakeError
from cmvigil.record.read import read_record
from cmvigil.record.tables import Observation, Record
from cmvigil.record.vocabulary import plain_name, vocabulary

KNOWN = vocabulary()
GUARDED = {*KNOWN.sets["anti_cmv"], *KNOWN.sets["immunosuppressant"], "budesonide", "leflunomide"}
NAMES = sorted(name for name, concept in KNOWN.drug_names.items() if concept in GUARDED)
UNKNOWN = [
    *("posaconazole", "amlodipine", "itraconazole", "isavuconazole", "metformin", "insulin glargine", "aspirin"),
    *("paracetamol", "bisoprolol", "ramipril", "valsartan", "torasemide", "apixaban", "enoxaparin", "allopurinol"),
    *("levothyroxine", "famotidine", "meropenem", "piperacillin-tazobactam", "linezolid", "doxycycline", "isoniazid"),
    *("atovaquone", "remdesivir", "entecavir", "dolutegravir", "darunavir", "atazanavir", "levetiracetam", "valproate"),
    *("diazepam", "zolpidem", "sertraline", "quetiapine", "morphine", "oxycodone", "hydrocodone", "etanercept"),
    *("secukinumab", "natalizumab", "eculizumab", "ibrutinib", "cyclophosphamide", "fludarabine", "teriflunomide"),
    *(
        "fludrocortisone",
        "salbutamol",
        "montelukast",
        "ferrous sulfate",
        "folic acid",
        "vitamin D",
        "calcium carbonate",
    ),
    *("hydroxyzine", "methylphenidate", "Norvasc", "Plavix", "Lantus", "Noxafil"),
]
HEAD = "as_of: 2026-03-15\n"


def one_slip(name: str) -> Iterator[str]:
    """Every name with one letter left out, or swapped with the next; one added or changed at each place."""
    pick = Random(name)
    for i in range(len(name)):
        yield name[:i] + name[i + 1 :]
        yield name[:i] + name[i + 1 : i + 2] + name[i] + name[i + 2 :]
        yield name[:i] + pick.choice(ascii_lowercase) + name[i + 1 :]
        yield name[:i] + pick.choice(ascii_lowercase) + name[i:]


def two_slips(name: str, number: int = 40) -> Iterator[str]:
    """Names with two such slips, at two places that lie apart."""
    pick = Random(name)
    for _ in range(number):
        half = pick.randint(2, len(name) - 2)
        yield pick.choice([*one_slip(name[:half])]) + pick.choice([*one_slip(name[half:])])


def slips(name: str) -> set[str]:
    """Misspellings of a name; a short one has one letter wrong, which may make it another's."""
    made = {*one_slip(name), *(two_slips(name) if sum(map(str.isalpha, name)) > 5 else ())}
    return {each for each in made if drug_names.known(each) is None and plain_name(each) not in KNOWN.other_drugs}


def complete(record: Record) -> bool:
    """Whether the medications are taken as complete."""
    return any(isinstance(row, Observation) and row.text == "medications" for row in record.rows["observation"])


def test_what_is_guarded_is_every_antiviral_and_immunosuppressant() -> None:
    groups = {"ganciclovir", "foscarnet", "maribavir", "letermovir", "tacrolimus", "mycophenolate", "prednisolone"}
    assert groups <= GUARDED and len(NAMES) > 100


@pytest.mark.parametrize("name", NAMES)
def test_no_misspelling_is_taken_for_an_unknown_drug(name: str) -> None:
    assert [each for each in sorted(slips(name)) if drug_names.unreadable(each) is None] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("ganciclovr", "ganciclovir"), ("GCV", "ganciclovir"), ("IV GCV", "ganciclovir"), ("VGCV", "valganciclovir")),
        *(("FOS", "foscarnet"), ("FK-506", "tacrolimus"), ("6-MP", "mercaptopurine"), ("MTX", "methotrexate")),
        *(("MMF/TAC", "mycophenolate"), ("tacro", "tacrolimus"), ("methylpred 1 g", "methylprednisolone")),
        *(("ganciclovir 5 mg/kg", "ganciclovir"), ("Ganciclovir®", "ganciclovir"), ("gancicl0vir", "ganciclovir")),
        *(("gancyklowir", "ganciclovir"), ("micofenolato", "mycophenolate"), ("Mycophenolsäure", "mycophenolate")),
        *(("gan ciclo vir", "ganciclovir"), ("prednisolone acetate", "prednisolone"), ("Cymevan", "cymeven")),
        ("foscarnet or ganciclovr", "foscarnet"),
    ],
)
def test_an_abbreviation_a_part_and_another_spelling_are_asked_back(typed: str, meant: str) -> None:
    assert drug_names.known(typed) is None
    found = drug_names.unreadable(typed)
    assert found is not None and f"Did you mean '{meant}'?" in found[1]


@pytest.mark.parametrize("typed", ["ganc", "iron", "x", "", "--", "123", "ганцикловир", "a" * 81, "a,b,c,d,e,f,g"])
def test_what_is_no_whole_name_is_refused(typed: str) -> None:
    assert drug_names.known(typed) is None and drug_names.unreadable(typed) is not None


@pytest.mark.parametrize("typed", [*UNKNOWN, *sorted(KNOWN.other_drugs)])
def test_another_drug_is_not_taken_for_a_known_one(typed: str) -> None:
    assert drug_names.known(typed) is None and drug_names.unreadable(typed) is None


@pytest.mark.parametrize("typed", sorted(KNOWN.other_drugs))
def test_only_a_name_that_would_be_asked_back_is_told_apart(typed: str) -> None:
    assert drug_names.unreadable(f"{typed} tablet") is not None


def test_an_abbreviation_is_no_name() -> None:
    assert not KNOWN.drug_abbreviations.keys() & {*KNOWN.drug_names, *KNOWN.other_drugs}


# --- in a case file --------------------------------------------------------------------------------------


CASE = HEAD + (
    "drugs:\n- {drug: ganciclovir, start: 2026-03-01}\n"
    "- {drug: amlodipine, dose: 5 mg, every: once daily, start: 2026-03-04}\ncomplete: [medications, symptoms]\n"
)


def test_a_drug_that_is_not_known_is_said_and_the_file_is_read() -> None:
    record = read_record(CASE)
    assert [row.source for row in record.rows["exposure"]] == ["drugs[0]"]
    (issue,) = [issue for issue in record.issues if issue.level == "unmapped"]
    assert issue.place == "line 4: drugs[1]" and "amlodipine" in issue.found and issue.known_on == date(2026, 3, 4)
    assert record.counts["read.drugs"] == 2


def test_beside_an_unknown_drug_the_medications_are_not_complete() -> None:
    assert not complete(read_record(CASE)) and complete(read_record(CASE.replace("amlodipine", "azathioprine")))
    assert [getattr(row, "text", None) for row in read_record(CASE).rows["observation"]] == ["symptoms"]


def test_the_answer_shows_it_from_its_first_day_on() -> None:
    record = read_record(CASE)
    said = {
        day: [
            issue.place for issue in assess(record, as_of=date(2026, 3, day)).quality.issues if "amlod" in issue.found
        ]
        for day in (3, 4)
    }
    assert said == {3: [], 4: ["line 4: drugs[1]"]}


def test_the_case_and_its_twin_agree() -> None:
    """The twin holds the same statement and the same drug, whose name it does not know either."""
    case = read_record(CASE)
    whole = read_record(CASE.replace("amlodipine", "azathioprine"))
    bundle = json.loads(bundle_bytes(whole))
    for entry in bundle["entry"]:
        resource = entry["resource"]
        coded = resource.get("medicationCodeableConcept")
        if coded is not None and "azathioprine" in json.dumps(coded):
            resource["medicationCodeableConcept"] = {"text": "amlodipine"}
    twin = read_record(json.dumps(bundle).encode())
    assert content(twin) == content(case) == content(read_record(bundle_bytes(case)))
    assert [issue.level for issue in twin.issues].count("unmapped") == 1 and not complete(twin)


@pytest.mark.parametrize("typed", ["ganciclovr", "GCV", "valgancyclovir", "FOS"])
def test_a_slip_refuses_the_file_at_its_place(typed: str) -> None:
    with pytest.raises(IntakeError) as refused:
        read_record(f"{HEAD}drugs: [{{drug: {typed}, start: 2026-03-01}}]\n")
    (problem,) = refused.value.problems
    assert (problem.path, problem.line) == ("drugs[0].drug", 2) and "Did you mean" in problem.remedy


def test_a_call_is_for_a_drug_that_is_known() -> None:
    with pytest.raises(IntakeError, match="the name of a drug that cmvigil knows"):
        read_record(f"{HEAD}genotype: [{{date: 2026-03-01, calls: {{amlodipine: resistant}}}}]\n")


@pytest.mark.parametrize(("text", "meant"), [("val ganciclovir", "valganciclovir"), ("val aciclovir", "valaciclovir")])
def test_a_name_in_two_words_is_asked_back_whole(text: str, meant: str) -> None:
    found = drug_names.unreadable(text)
    assert found is not None
    assert f"'{meant}'" in found[1]
