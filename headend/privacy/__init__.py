"""Who was given readings, and points that are forgotten."""
