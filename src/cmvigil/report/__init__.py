"""The faces of an :class:`~cmvigil.advice.Advice`: terminal, Markdown, JSON, HTML. One voice, one order."""
