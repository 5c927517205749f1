"""`headend backup`: the whole database into a directory."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from headend.cli.output import Output

_SILENCE_S: Final = 2.0


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="made if it is not there; must be empty")
    parser.epilog = "One moment of everything, while the daemon runs. What is in the spool is not in it."


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_backup(arguments, output))


async def _backup(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.privacy.access import record
    from storage.backup.dump import backup

    config = load(arguments.config)
    async with store(config) as opened:
        await record(config, opened.conninfo, "backup", None, directory=arguments.directory)
        made = await backup(opened.conninfo, Path(arguments.directory), progress(output))
    output.text(f"{made.rows} rows of {len(made.tables)} tables in {made.bytes} bytes")
    if output.as_json:
        output.document(told(made, arguments.directory))
    return 0


def progress(output: Output) -> Callable[[str, int, int], None]:
    """A line for people now and then: at least two seconds lie between two of them."""
    said = time.monotonic()

    def say(table: str, rows: int, size: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _SILENCE_S:
            output.text(f"{table}: {rows} rows, {size} bytes so far")
            said = time.monotonic()

    return say


def told(manifest: Any, directory: str) -> dict[str, Any]:
    """A backup as JSON says it."""
    return {
        "directory": directory,
        "created": manifest.created,
        "level": manifest.level,
        "schema": manifest.migrations[-1].version,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "tables": {table.name: table.rows for table in manifest.tables},
    }
