"""The command line: one module a command, each with `add(parser)` and `run(arguments, output) -> exit code`."""
