"""Custom runtimes: the function brings its own `bootstrap`, which speaks the Runtime API."""
