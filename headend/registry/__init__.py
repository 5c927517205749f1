"""Lines, meters, points and areas as files and rows, and as the collector sees them."""
