"""`headend replay --spool`: a spool's directory, from this machine or another one's disk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from headend.cli.output import Output

_CONFIGURED: Final = ""


def add_source(parser: argparse.ArgumentParser, flags: Any) -> None:
    """As a source of `headend replay`."""
    flags.add_argument(
        "--spool",
        nargs="?",
        const=_CONFIGURED,
        metavar="DIR",
        help="a spool's directory with what was set aside in it, or one segment; default: spool.directory; "
        "its files stay",
    )
    parser.add_argument(
        "--any-database", action="store_true", help="segments of another database, too: meters keep their numbers"
    )


async def replay(arguments: argparse.Namespace, output: Output) -> int:
    """Exit code 1 where something was damaged, foreign or refused."""
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from headend.recording.spooling import directory_of
    from storage.migrate import birth
    from storage.spool.replay import replay as replayed
    from storage.spool.replay import segments
    from storage.writer import Writer, Written

    config = load(arguments.config)
    place = directory_of(config) if arguments.spool == _CONFIGURED else Path(arguments.spool)
    if place is None:
        raise UsageFault(f"{config.path}: spool.directory: there is none; name one: --spool DIR")
    written, captures, misses, damaged = Written(0, 0, 0), 0, 0, 0
    rows = []
    with segments(place) as paths:
        async with store(config) as opened, Writer(opened.conninfo) as writer:
            database = 0 if arguments.any_database else await birth(opened.conninfo)
            async for one in replayed(paths, writer, database):
                written += one.written
                captures, misses, damaged = captures + one.captures, misses + one.misses, damaged + one.damaged
                rows.append((str(one.path), one.captures, one.misses, one.damaged, one.torn, one.problem))
    output.table(["segment", "captures>", "misses>", "damaged>", "torn bytes>", "problem"], rows)
    output.text(
        f"{captures} captures: {written.stored} new, {written.merged} filled a hole, {written.duplicates} were there"
    )
    problems = {path: problem for path, *_, problem in rows if problem}
    if output.as_json:
        output.document(
            {
                "directory": str(place), "segments": len(rows), "captures": captures, "misses": misses,
                "stored": written.stored, "merged": written.merged, "duplicates": written.duplicates,
                "damaged": damaged, "problems": problems,
            }
        )  # fmt: skip
    return 1 if problems else 0
