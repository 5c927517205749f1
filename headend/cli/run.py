"""`headend run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import gc
from pathlib import Path
from typing import Final

from headend.cli.output import Output

COLLECT: Final = (20_000, 20, 20)
"""Thresholds of Python's garbage collector. What thousands of waiting conversations hold is not garbage; by default it
is looked through so often that reading 5,000 lines at once costs half as much again (docs/performance.md)."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "SIGTERM or SIGINT ends it in order: what was received is stored first. Logs go to stderr."
    parser.add_argument(
        "--log", choices=["debug", "info", "warning", "error"], help="default: daemon.log of the configuration"
    )
    parser.add_argument("--wire-log", metavar="DIR", help="every byte of the lines into files there")


def run(arguments: argparse.Namespace, output: Output) -> int:
    from msgspec.structs import replace

    from headend import daemon, logs
    from headend.config import load

    config = load(arguments.config)
    if arguments.wire_log:
        table = replace(config.wire_log, directory=str(Path(arguments.wire_log).absolute()))
        config = replace(config, wire_log=table)
    logs.set_up(arguments.log or config.daemon.log, config.daemon.log_format, config.log_file)
    gc.set_threshold(*COLLECT)
    work = asyncio.run(daemon.run(config))
    if output.as_json:
        output.document(work.counters)
    return 0
