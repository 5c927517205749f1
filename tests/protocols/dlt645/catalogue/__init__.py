"""What identifiers hold, restated family by family."""
