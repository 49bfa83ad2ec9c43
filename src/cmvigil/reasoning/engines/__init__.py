"""One module per engine. ``python`` is the reference and explains; ``duckdb`` answers for many patients at once."""
