"""Conformance runs: a table of checks against a meter that is really there, a report of what it did."""
