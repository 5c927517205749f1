"""What people ask of a running daemon."""
