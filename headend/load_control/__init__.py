"""Load control out of the database: whom a programme would call, what was delivered, which accounts want something."""
