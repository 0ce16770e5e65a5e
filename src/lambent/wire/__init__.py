"""The AWS protocols, driven by AWS's own models. Knows no service by name. Start at service.py."""
