"""The command line: main.py has the table of commands, each in a file of its own.

Only serve.py and doctor.py import the app; the others are clients of the public API.
"""
