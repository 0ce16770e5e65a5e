"""Nouns and rules. Pure: no I/O, no clock, no randomness. Start at function.py."""
