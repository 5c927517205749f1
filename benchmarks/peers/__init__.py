"""Scripts that run in the environments of foreign implementations."""
