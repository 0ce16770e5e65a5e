"""The Lambda API, a file per noun. Start at functions.py."""
