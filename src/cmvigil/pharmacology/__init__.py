"""Kidney function, doses as they can be given, checks of what is given, interactions: pure functions over the labels."""
