"""`headend outages`: what is without supply, concluded from what meters said and did not say."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from analytics.outages import LineFault
    from headend.events.outage_watch import Assessed
    from storage.outages import OutageRow


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|show|ping", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    listed = verb("list", "Conclude anew from what is stored, and show what is out.")
    listed.add_argument("--area", action="append", metavar="A", help="of this area (again for more; default: all)")
    listed.add_argument("--since", metavar="T", help="those too that were over since: a span or a moment")
    shown = verb("show", "One outage with its meters.")
    shown.add_argument("id", type=int, metavar="ID")
    pinged = verb("ping", "Ask every meter of an area now, then conclude.")
    pinged.add_argument("area", metavar="AREA")
    pinged.add_argument("--direct", action="store_true", help="open the lines here, although a daemon may work them")
    pinged.add_argument("--wait", metavar="TIME", default="60s", help="for the daemon's answers (default: 60s)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    verbs = {"list": _list, "show": _show, "ping": _ping}
    return asyncio.run(verbs[arguments.verb](arguments, output))


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli.events import since
    from headend.config import load
    from headend.events.outage_watch import assess, keep_outages
    from headend.place import store
    from storage.outages import OutageStore
    from storage.topology import Topology

    now = datetime.now(UTC)
    async with (
        store(load(arguments.config)) as opened,
        Topology(opened.conninfo) as topology,
        OutageStore(opened.conninfo) as outages,
    ):
        concluded = await assess(topology, outages, now, arguments.area)
        await keep_outages(outages, concluded, now)
        found = await outages.outages(areas=list(concluded), open=True)
        if arguments.since:
            found = await outages.outages(areas=list(concluded), since=since(arguments.since))
    return _tell(output, found, concluded)


async def _show(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import HeadendError
    from headend.place import store
    from storage.outages import OutageStore

    async with store(load(arguments.config)) as opened, OutageStore(opened.conninfo) as outages:
        found = await outages.outages(ids=[arguments.id])
    if not found:
        raise HeadendError(f"no outage {arguments.id}")
    document = _told(found[0])
    if output.as_json:
        output.document(document)
    for key, value in document.items():
        output.text(f"{key + ':':12} {', '.join(value) if isinstance(value, list) else value}")
    return 0


async def _ping(arguments: argparse.Namespace, output: Output) -> int:
    from headend.asked_ping import ask_ping
    from headend.collection.line import Line
    from headend.collection.poller import utc_now
    from headend.config import load
    from headend.events.outage_watch import assess, district_of, keep_outages
    from headend.events.ping import ping
    from headend.place import store
    from headend.registry.known import by_line
    from headend.requests.asking import lives, patience
    from storage.outages import OutageStore
    from storage.topology import Topology

    config = load(arguments.config)
    waiting = patience(arguments.wait)
    async with (
        store(config) as opened,
        Topology(opened.conninfo) as topology,
        OutageStore(opened.conninfo) as outages,
    ):
        (area,) = await topology.areas_at(utc_now(), [arguments.area])
        members = district_of(area).members
        known = await opened.registry.meters(members)
        lines = [(path, meters) for path, meters in by_line(await opened.registry.lines(), known) if meters]
        if not arguments.direct and await lives(opened):
            polled = {meter.id for _, meters in lines for meter in meters}
            heard = await ask_ping(opened.conninfo, [meter for meter in known if meter.id in polled], waiting)
        else:
            asked = [
                (Line(path, getattr(config.timing, path.protocol).timing(path.bits_per_second, path.pause)), meters)
                for path, meters in lines
            ]
            heard = await ping(asked, utc_now)
        now = utc_now()
        concluded = await assess(topology, outages, now, [arguments.area], heard)
        await keep_outages(outages, concluded, now)
        found = await outages.outages(areas=[arguments.area], open=True)
    answered = sum(said.answered is not None for said in heard.values())
    output.text(f"{answered} of {len(members)} meters answer")
    return _tell(output, found, concluded, {"area": arguments.area, "meters": len(members), "answered": answered})


def _tell(
    output: Output, found: list[OutageRow], concluded: dict[str, Assessed], ping: dict[str, Any] | None = None
) -> int:
    faults = [fault for one in concluded.values() for fault in one.conclusion.faults]
    if output.as_json:
        if ping is not None:
            output.document({"ping": ping})
        for row in found:
            output.document(_told(row))
        for fault in faults:
            output.document({"line_fault": _told_fault(fault)})
        return 0
    columns = ["id>", "area", "level", "place", "start", "restored", "meters>", "confidence>"]
    rows = [(o.id, o.area, o.level, o.place, o.start, o.restored, len(o.meters), o.confidence) for o in found]
    output.table(columns, rows)
    if faults:
        lines = [(f.line, f.reason, f.since, len(f.meters)) for f in faults]
        output.table(["line", "fault", "since", "meters>"], lines, title="lines, no outages")
    return 0


def _told(row: OutageRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "area": row.area,
        "level": row.level,
        "place": row.place,
        "start": row.start,
        "not_before": row.not_before,
        "seen": row.seen,
        "restored": row.restored,
        "confidence": row.confidence,
        "meters": list(row.meters),
        **row.evidence,
    }


def _told_fault(fault: LineFault) -> dict[str, Any]:
    return {"line": fault.line, "reason": fault.reason, "since": fault.since, "meters": list(fault.meters)}
