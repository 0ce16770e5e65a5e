"""Durable state behind four small protocols. Start at base.py."""
