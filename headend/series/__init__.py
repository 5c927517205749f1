"""Energies by interval for analyses: out of the database, and out of files."""
