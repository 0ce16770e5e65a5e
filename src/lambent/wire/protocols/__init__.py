"""The AWS protocols, one file each; base.py says what a protocol is. values.py has what they share."""
