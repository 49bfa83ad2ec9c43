"""Kidney function, doses as they can be given, checks, interactions: pure functions over the labels."""
