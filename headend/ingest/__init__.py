"""The push path: from the broker to the database, acknowledged after the commit."""
