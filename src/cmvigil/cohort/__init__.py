"""Many patients at once: bulk intake, the rules over a whole hospital, back-tests, differences between versions."""
