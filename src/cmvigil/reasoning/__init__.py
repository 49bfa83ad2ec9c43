"""The pathway language: a small typed model, its grammar and linter, and engines that agree."""
