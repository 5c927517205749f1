"""The REST API: what the daemon tells and takes over HTTP. See docs/api.md."""
