"""The only way from a command to a meter: claimed, permitted, sent once, read back, settled."""
