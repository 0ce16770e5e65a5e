"""Isolation of processes. Knows nothing of Lambda. Start at base.py."""
