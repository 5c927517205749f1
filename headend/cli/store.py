"""`headend store`: what the database holds, its rollups, and what may go."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from headend.cli.output import Output
from headend.cli.readings import moment


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    rollup = verb("rollup", "roll up what is over and has been told, now")
    rollup.add_argument("--from", dest="start", metavar="T", help="reckon anew all that is stored from here on")
    rollup.add_argument("--to", dest="end", metavar="T", help="until here (default: now)")
    rollup.add_argument("--restart", action="store_true", help="forget all rollups first: for another time zone")
    retention = verb("retention", "drop what is older than the configuration keeps")
    retention.add_argument("--dry-run", action="store_true", help="only say what would go")
    verb("partitions", "the days of captures and the parts of rollups, with their size")
    verb("size", "bytes on disk by table")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_run(arguments, output))


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store

    config = load(arguments.config)
    async with store(config) as opened:
        return await _VERBS[arguments.verb](arguments, output, config, opened.conninfo)


async def _rollup(arguments: argparse.Namespace, output: Output, config: Any, conninfo: str) -> int:
    from headend.duration import seconds
    from headend.errors import HeadendError, UsageFault
    from storage.rollups import Roller

    now = datetime.now(UTC)
    start = moment(arguments.start, config.zone, now) if arguments.start else None
    end = moment(arguments.end, config.zone, now)
    if arguments.end and not start:
        raise UsageFault("--to needs --from")
    if start and start >= end:
        raise UsageFault(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    async with Roller(conninfo, config.zone, timedelta(seconds=seconds(config.rollup.delay))) as roller:
        if arguments.restart:
            await roller.restart()
        if start:
            await roller.mark(start, end)
        rolled = await roller.roll(now)
    if rolled is None:
        raise HeadendError("rollups are being reckoned at this moment, by a daemon perhaps: try again")
    found = {name: getattr(rolled, name) for name in ("hours", "days", "months", "frozen")}
    if output.as_json:
        output.document(found)
    output.table([f"{name}>" for name in found], [tuple(found.values())])
    return 0


async def _retention(arguments: argparse.Namespace, output: Output, config: Any, conninfo: str) -> int:
    from headend.errors import HeadendError
    from storage.retention import Retention

    async with Retention(conninfo) as retention:
        dropped = await retention.drop(config.retention.keep, datetime.now(UTC), dry_run=arguments.dry_run)
    if dropped is None:
        raise HeadendError("rollups are being reckoned at this moment, by a daemon perhaps: try again")
    if output.as_json:
        names = ("kind", "name", "until", "bytes", "rows", "refused")
        rows = [{name: getattr(one, name) for name in names} for one in dropped]
        output.document({"dry_run": arguments.dry_run, "dropped": rows})
    cells = [(d.kind, d.name, d.until.astimezone(config.zone), d.bytes, d.rows, d.refused or "") for d in dropped]
    output.table(["kind", "name", "until", "bytes>", "rows>", "refused"], cells)
    return 1 if any(d.refused for d in dropped) else 0


async def _partitions(arguments: argparse.Namespace, output: Output, config: Any, conninfo: str) -> int:
    from storage.retention import Retention

    async with Retention(conninfo) as retention:
        parts = await retention.parts()
    if output.as_json:
        names = ("kind", "name", "start", "end", "bytes")
        output.document({"partitions": [{name: getattr(part, name) for name in names} for part in parts]})
    cells = [(p.kind, p.name, p.start.astimezone(config.zone), p.end.astimezone(config.zone), p.bytes) for p in parts]
    output.table(["kind", "name", "from", "to", "bytes>"], cells)
    return 0


async def _size(arguments: argparse.Namespace, output: Output, config: Any, conninfo: str) -> int:
    from storage.retention import Retention

    async with Retention(conninfo) as retention:
        sizes = await retention.sizes()
    if output.as_json:
        output.document(sizes)
    output.table(["table", "bytes>"], list(sizes.items()))
    return 0


_VERBS: Final[dict[str, Callable[[argparse.Namespace, Output, Any, str], Awaitable[int]]]] = {
    "rollup": _rollup,
    "retention": _retention,
    "partitions": _partitions,
    "size": _size,
}
