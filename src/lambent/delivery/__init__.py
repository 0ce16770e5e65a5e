"""Asynchronous events: written down when they are accepted, run later, and settled. What is to be decided is decided in
core/retry.py; whoever is told of the result is reached through `Post`.

And event source mappings: supervisor.py keeps a poller for each that is enabled; trigger.py is what pollers share."""
