"""Passwords of meters and codes of operators: sealed where they are kept, opened just before a frame."""
