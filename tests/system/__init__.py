"""The whole chain as processes: simulators, daemon, database; killed, stopped, cut off; held against the truth."""
