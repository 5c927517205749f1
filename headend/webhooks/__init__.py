"""Webhooks: what happened is told to programs over HTTP, signed, at least once."""
