"""What surrounds the code: documents, pins, targets."""
