"""From the queue of what was received to the database, or to the spool while it is away."""
