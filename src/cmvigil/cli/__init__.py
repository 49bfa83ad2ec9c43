"""The command line: one module per command, each short; heavy imports happen inside the commands."""
