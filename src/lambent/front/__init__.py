"""The HTTP edge. Start at server.py."""
