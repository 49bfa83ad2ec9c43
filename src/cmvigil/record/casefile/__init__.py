"""The case file: what a clinician types, as a typed model with a published JSON Schema.

Every value arrives as text (see ``document``) and is read by what its place means. Nothing has a default that states a
clinical fact. Places that take a short form (``A594V``, ``80 umol/L``) also take the long one.
"""

from .case import NAMED, VERSION, Case, json_schema
from .reading import parse_case, readable_part

__all__ = ["NAMED", "VERSION", "Case", "json_schema", "parse_case", "readable_part"]
