"""Who the virtual patients are: inflammatory bowel disease, transplants, HIV, ordinary ones; and what they take.

Shares, drugs and rhythms are design values; doses of drugs that are no antivirals are usual ones, recalled.
"""

from __future__ import annotations

from dataclasses import dataclass

from .chart import SNOMED
from .doses import Dose

Code = tuple[str, str, str]
Drug = tuple[str, str]

TACROLIMUS, MYCOPHENOLATE, PREDNISOLONE = (
    ("L04AD02", "tacrolimus"),
    ("L04AA06", "mycophenolate"),
    ("H02AB06", "prednisolone"),
)
AZATHIOPRINE, MESALAZINE = ("L04AX01", "azathioprine"), ("A07EC02", "mesalazine")
INFLIXIMAB, VEDOLIZUMAB = ("L04AB02", "infliximab"), ("L04AG05", "vedolizumab")
BASILIXIMAB, THYMOGLOBULIN = ("L04AC02", "basiliximab"), ("L04AA04", "antithymocyte globulin")
CICLOSPORIN, LETERMOVIR, ACICLOVIR = ("L04AD01", "ciclosporin"), ("J05AX18", "letermovir"), ("J05AB01", "aciclovir")
COTRIMOXAZOLE = ("J01EE01", "co-trimoxazole")
GANCICLOVIR, VALGANCICLOVIR = ("J05AB06", "ganciclovir"), ("J05AB14", "valganciclovir")
FOSCARNET, MARIBAVIR = ("J05AD01", "foscarnet"), ("J05AX10", "maribavir")
ANTIVIRALS = {each[1]: each for each in (GANCICLOVIR, VALGANCICLOVIR, FOSCARNET, MARIBAVIR)}
ANTIRETROVIRALS = ("J05AR", "antiretroviral therapy")

ORDINARY_DRUGS: tuple[tuple[Drug, Dose], ...] = (
    (("H03AA01", "levothyroxine"), Dose(0.1, False, 24)),
    (("N02BE01", "paracetamol"), Dose(1000, False, 8)),
    (("B03BB01", "folic acid"), Dose(5, False, 24)),
    (("R06AE07", "cetirizine"), Dose(10, False, 24)),
    (("A11CC05", "colecalciferol"), Dose(0.025, False, 24)),
)
"""Drugs that cmvigil does not know."""
ORDINARY_CONDITIONS: tuple[Code, ...] = (
    (SNOMED, "38341003", "Hypertensive disorder"),
    (SNOMED, "44054006", "Type 2 diabetes mellitus"),
    (SNOMED, "55822004", "Hyperlipidaemia"),
    (SNOMED, "239873007", "Osteoarthritis of knee"),
)


@dataclass(frozen=True, slots=True)
class Host:
    """A kind of patient. ``visits``: days between two visits; ``clearance``: usual creatinine clearance, mL/min."""

    name: str
    share: float
    age: tuple[int, int]
    clearance: float
    visits: tuple[int, int]
    tests: tuple[str, ...]
    threshold: float  # IU/mL at which CMV is treated
    diagnoses: tuple[Code, ...] = ()
    transplants: tuple[Code, ...] = ()
    disease: tuple[Code, ...] = ()  # CMV disease, where there is any


_COUNTS = ("neutrophils", "lymphocytes", "platelets", "haemoglobin")
SYNDROME = (SNOMED, "28944009", "Cytomegalovirus infection")
"""Illness without disease of an organ."""
COLITIS = (SNOMED, "235749000", "Cytomegaloviral colitis")
_PNEUMONIA = (SNOMED, "7678002", "Cytomegaloviral pneumonia")
_RETINITIS = (SNOMED, "22455005", "Cytomegaloviral retinitis")

IBD = Host(
    "ibd",
    0.30,
    (18, 75),
    100,
    (45, 80),
    ("creatinine", *_COUNTS, "alt"),
    500,
    diagnoses=((SNOMED, "64766004", "Ulcerative colitis"), (SNOMED, "34000006", "Crohn's disease")),
    disease=(COLITIS,),
)
KIDNEY = Host(
    "kidney",
    0.20,
    (22, 72),
    58,
    (28, 42),
    ("creatinine", *_COUNTS, "potassium", "tacrolimus_level"),
    1000,
    diagnoses=((SNOMED, "709044004", "Chronic kidney disease"),),
    transplants=((SNOMED, "70536003", "Transplant of kidney"),),
    disease=(SYNDROME, COLITIS),
)
ORGAN = Host(
    "organ",
    0.10,
    (22, 70),
    75,
    (28, 42),
    ("creatinine", *_COUNTS, "potassium", "alt", "tacrolimus_level"),
    1000,
    transplants=(
        (SNOMED, "18027006", "Transplantation of liver"),
        (SNOMED, "32413006", "Transplantation of heart"),
        (SNOMED, "88039007", "Transplant of lung"),
    ),
    disease=(SYNDROME, COLITIS, _PNEUMONIA),
)
STEM_CELL = Host(
    "stem-cell",
    0.10,
    (20, 70),
    88,
    (20, 30),
    ("creatinine", *_COUNTS, "potassium", "magnesium"),
    500,
    diagnoses=((SNOMED, "91861009", "Acute myeloid leukaemia"),),
    transplants=((SNOMED, "425843001", "Allogeneic peripheral blood stem cell transplant"),),
    disease=(_PNEUMONIA, COLITIS),
)
HIV = Host(
    "hiv",
    0.10,
    (22, 65),
    98,
    (40, 70),
    ("creatinine", *_COUNTS, "cd4"),
    500,
    diagnoses=((SNOMED, "86406008", "Human immunodeficiency virus infection"),),
    disease=(_RETINITIS, COLITIS),
)
ORDINARY = Host("ordinary", 0.20, (18, 90), 90, (50, 90), ("creatinine", "haemoglobin", "glucose"), 0)

HOSTS = {each.name: each for each in (IBD, KIDNEY, ORGAN, STEM_CELL, HIV, ORDINARY)}
MIX = "mix"
