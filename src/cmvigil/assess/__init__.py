"""Composes record and reasoning into an :class:`~cmvigil.advice.Advice`: ``assess(record) -> Advice``."""

from .compose import assess

__all__ = ["assess"]
