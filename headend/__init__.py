"""The operating core: configuration, daemon, collection, command line. It composes everything; nobody imports it."""
