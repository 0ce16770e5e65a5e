"""Asynchronous events: written down when they are accepted, run later, and settled. What is to be decided is decided in
core/retry.py; whoever is told of the result is reached through `Post`."""
