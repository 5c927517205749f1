"""Wire logs: every byte of a line in files, and what they say when they are decoded again."""
