"""STS: who am I, and temporary credentials. Nothing is stored: a session is in its token. Start at sessions.py."""
