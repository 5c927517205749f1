"""Theft scoring for people: out of files or the database, cases of what is suspected, and their files."""
