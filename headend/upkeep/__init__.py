"""What keeps the store in order: rollups and retention."""
