"""Virtual patients: records as a hospital would export them, with the truth behind them. Nothing of it is real."""
