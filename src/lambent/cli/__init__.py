"""The command line, a file per command. Only serve.py imports the app."""
