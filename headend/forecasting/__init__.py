"""Forecasts: where their series come from, and how they are told."""
