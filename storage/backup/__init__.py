"""The whole database into a directory and back, from any level into any other. The format stands in docs/storage.md."""
