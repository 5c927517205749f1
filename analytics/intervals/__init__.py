"""Intervals from registers: energy of [start, start + step), stamped with its start. Pure and exact."""
