"""Tools that would make sense in any project."""
