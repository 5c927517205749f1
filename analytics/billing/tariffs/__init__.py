"""Sample tariffs, each with its source: to be copied and brought up to date, never billed by as they are."""
