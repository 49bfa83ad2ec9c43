"""What a change of the virus means for each antiviral: measurements, levels, conflicts, several changes together.

It knows no patient. ``interpret`` takes typed changes and the codons that were read; what it says follows from the
knowledge under ``knowledge/resistance/``.
"""

from .coverage import complete, parse_coverage
from .interpret import interpret
from .knowledge import Knowledge, read_knowledge
from .levels import words
from .lint import check
from .mutation import Mutation, MutationError, parse, parse_list
from .result import Cross, DrugReading, DrugVerdict, Fold, Interpretation, VariantReading

__all__ = [
    "Cross",
    "DrugReading",
    "DrugVerdict",
    "Fold",
    "Interpretation",
    "Knowledge",
    "Mutation",
    "MutationError",
    "VariantReading",
    "check",
    "complete",
    "interpret",
    "parse",
    "parse_coverage",
    "parse_list",
    "read_knowledge",
    "words",
]
