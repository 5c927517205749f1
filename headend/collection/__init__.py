"""The pull path: what is due, whose turn it is, what came of it, and what is missing."""
