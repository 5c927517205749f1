"""One module a kind of charge; each adds its lines to a `Work`."""
