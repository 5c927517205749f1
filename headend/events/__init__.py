"""Meters' events and outages: surveyed, pushed, recorded, concluded."""
