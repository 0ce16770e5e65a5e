"""Lambent: AWS Lambda on your own machines. Start reading at app.py; the rooms are drawn in docs/architecture.md."""

__version__ = "0.1.0"
