"""`headend access`: who was given which meters' readings."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|forgotten", required=True)
    about = "Who was given which meters' readings, newest first."
    listing = verbs.add_parser("list", help=about, description=about, parents=[common()])
    listing.add_argument("--meter", metavar="M", help="accesses to this meter's readings")
    listing.add_argument("--by", metavar="NAME", help="of this person or operating system's user")
    listing.add_argument("--from", dest="start", metavar="T", help="from this moment on, ISO 8601")
    listing.add_argument("--to", dest="end", metavar="T", help="before this moment, ISO 8601")
    listing.add_argument("--most", metavar="N", type=int, default=1000, help="at most so many (default: 1000)")
    listing.epilog = "It is kept with `access_log = true` in [privacy], see docs/privacy.md."
    about = "Usage points whose personal data were blanked."
    verbs.add_parser("forgotten", help=about, description=about, parents=[common()])


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run({"list": _list, "forgotten": _forgotten}[arguments.verb](arguments, output))


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from storage.privacy import AccessLog

    config = load(arguments.config)
    if arguments.most < 1:
        raise UsageFault("--most: is at least 1")
    now = datetime.now(UTC)
    start, end = (text and instant(text, config.zone, now) for text in (arguments.start, arguments.end))
    async with store(config) as opened, AccessLog(opened.conninfo) as log:
        if arguments.meter:
            await opened.registry.meter(arguments.meter)
        found = await log.list(since=start, until=end, actor=arguments.by, meter=arguments.meter, limit=arguments.most)
    for one in found if output.as_json else ():
        output.document({
            "id": one.id, "at": one.at, "by": one.actor, "os_user": one.os_user, "host": one.host,
            "action": one.action, "meters": one.meters, "from": one.start, "to": one.end, "detail": one.detail,
        })  # fmt: skip
    rows: list[list[Any]] = [
        [
            one.at.astimezone(config.zone), one.actor, one.os_user, one.host, one.action,
            "all" if one.meters is None else " ".join(one.meters),
            one.start and one.start.astimezone(config.zone), one.end and one.end.astimezone(config.zone),
        ]
        for one in found
    ]  # fmt: skip
    output.table(["at", "by", "user", "host", "action", "meters", "from", "to"], rows)
    if not config.privacy.access_log:
        output.text("accesses are not written down: privacy.access_log is false")
    return 0


async def _forgotten(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.privacy import Points

    config = load(arguments.config)
    async with store(config) as opened, Points(opened.conninfo) as points:
        found = await points.forgotten()
    for one in found if output.as_json else ():
        output.document({
            "point": one.point, "at": one.at, "by": one.actor, "reason": one.reason,
            "deleted_before": one.deleted, "captures": one.captures,
        })  # fmt: skip
    zone = config.zone
    output.table(
        ["at", "point", "by", "reason", "readings deleted before", "captures>"],
        [
            (one.at.astimezone(zone), one.point, one.actor, one.reason, one.deleted and one.deleted.astimezone(zone),
             one.captures)
            for one in found
        ],
    )  # fmt: skip
    return 0
