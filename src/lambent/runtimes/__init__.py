"""What runs in a sandbox: the Runtime API, and a folder per language. Start at base.py."""
