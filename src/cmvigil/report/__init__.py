"""The faces of an :class:`~cmvigil.advice.Advice`: terminal, Markdown, JSON and HTML, all in the same words and order."""
