"""The reference engine: one patient, one day, plain Python. Kept short and obvious; it is what explains an answer."""

from .engine import run

__all__ = ["run"]
