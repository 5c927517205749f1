"""What the recorder puts on the local disk while the database is away. The format stands in docs/storage.md."""
