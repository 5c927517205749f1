"""One module a resource: `router` is what it serves."""
