"""The Runtime API: session.py is where an event and a runtime meet; server.py puts it on HTTP, beside metadata.py."""
