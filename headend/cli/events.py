"""`headend events`: what happened to meters, and who has seen it."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headend.cli import at_link
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.events.survey import EventSurvey
    from storage.events import EventFilter

SEVERITIES = ("info", "notice", "warning", "critical")


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|show|ack|read|storms|catalogue", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    listed = verb("list", "Stored events, the latest first.")
    listed.add_argument("--meter", action="append", metavar="M", help="of this meter (again for more)")
    listed.add_argument("--area", metavar="A", help="of the meters that stand in this area now")
    listed.add_argument("--kind", action="append", metavar="K", help="of this kind (see headend events catalogue)")
    listed.add_argument("--severity", choices=SEVERITIES, help="that or worse")
    listed.add_argument("--since", metavar="T", help="a span (2h, 7d) or a moment with its offset (default: 7d)")
    listed.add_argument("--open", action="store_true", help="that last still")
    listed.add_argument("--unacknowledged", action="store_true", help="that nobody has acknowledged")
    listed.add_argument("--storm", type=int, metavar="ID", help="of this storm")
    listed.add_argument("--limit", type=int, default=1000, metavar="N", help="at most so many (default: 1000)")
    shown = verb("show", "One event with all that the meter wrote down.")
    shown.add_argument("id", type=int, metavar="ID")
    acked = verb("ack", "Say that you have seen events, or all of a storm.")
    acked.add_argument("ids", type=int, nargs="*", metavar="ID")
    acked.add_argument("--storm", type=int, metavar="ID")
    acked.add_argument("--note", default="", metavar="TEXT")
    acked.add_argument("--by", metavar="WHO", help="(default: the account's name)")
    read = verb("read", "Read a meter's events now: what is new, from the registry; all that is kept, by its link.")
    read.add_argument("meter", nargs="?", metavar="METER", help="of the registry; what comes is stored")
    at_link.add_options(read)
    read.add_argument("--address", metavar="A", help="with --link: 12 digits")
    read.add_argument("--edition", choices=["2007", "1997"], help="with --link (default: 2007)")
    read.add_argument("--timezone", metavar="Z", help="with --link: of the meter's clock (default: Asia/Shanghai)")
    read.add_argument("--kind", action="append", metavar="K", help="only this kind (again for more)")
    read.add_argument("--direct", action="store_true", help="open the line here, although a daemon may be working it")
    read.add_argument("--wait", metavar="TIME", default="60s", help="for the daemon's answer (default: 60s)")
    read.set_defaults(protocol="dlt645")
    stormed = verb("storms", "Many events of a kind at once, told as one.")
    stormed.add_argument("--since", metavar="T", help="a span or a moment (default: 7d)")
    verb("catalogue", "The kinds of events.")


def run(arguments: argparse.Namespace, output: Output) -> int:
    verbs = {"list": _list, "show": _show, "ack": _ack, "read": _read, "storms": _storms}
    if arguments.verb == "catalogue":
        return _catalogue(output)
    return asyncio.run(verbs[arguments.verb](arguments, output))


def _catalogue(output: Output) -> int:
    from protocols.events import KINDS

    rows = []
    for kind in KINDS.values():
        row = (kind.code, kind.name, kind.name_zh, kind.severity.name.lower(), str(kind.category), kind.cosem)
        rows.append(row)
        if output.as_json:
            output.document(dict(zip(("code", "name", "name_zh", "severity", "category", "cosem"), row, strict=True)))
    output.table(["kind", "name", "名称", "severity", "category", "COSEM>"], rows)
    return 0


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.events.told import told
    from headend.place import store
    from storage.events import EventStore

    config = load(arguments.config)
    async with store(config) as opened, EventStore(opened.conninfo) as events:
        which = await _filter(arguments, opened.conninfo, opened.registry)
        found = await events.events(which)
    for held in found if output.as_json else ():
        output.document(told(held))
    rows = [
        (h.id, h.event.start, h.meter, h.event.kind.code, h.severity.name.lower(), h.event.source.name.lower(),
         h.event.end or ("lasts" if h.event.is_open else None), h.storm_id, h.actor)
        for h in found
    ]  # fmt: skip
    output.table(["id>", "start", "meter", "kind", "severity", "source", "end", "storm>", "acknowledged"], rows)
    return 0


async def _filter(arguments: argparse.Namespace, conninfo: str, registry: Any) -> EventFilter:
    """Raises `NotFound`, `ModelError`, `UsageFault`."""
    from protocols.events import Severity, kind
    from storage.events import EventFilter
    from storage.topology import Topology

    meters: set[int] | None = None
    if arguments.meter:
        meters = {(await registry.meter(name)).id for name in arguments.meter}
    if arguments.area:
        async with Topology(conninfo) as topology:
            await topology.areas_at(datetime.now(UTC), [arguments.area])
            standing = {meter.id for meter in await topology.meters_at(datetime.now(UTC), area=arguments.area)}
        meters = standing if meters is None else meters & standing
    return EventFilter(
        meters=meters,
        kinds=[kind(code).code for code in arguments.kind] if arguments.kind else None,
        severity=Severity[arguments.severity.upper()] if arguments.severity else None,
        since=None if arguments.storm else since(arguments.since or "7d"),
        open=True if arguments.open else None,
        acknowledged=False if arguments.unacknowledged else None,
        storm=arguments.storm,
        limit=arguments.limit,
    )


def since(text: str) -> datetime:
    """A span back from now, or a moment. Raises `UsageFault`."""
    from headend.duration import seconds
    from headend.errors import UsageFault

    if text[-1:] == "d" and text[:-1].isdigit():
        return datetime.now(UTC) - timedelta(days=int(text[:-1]))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return datetime.now(UTC) - timedelta(seconds=seconds(text))
        except ValueError:
            raise UsageFault(f"--since {text!r}: expected a span such as 2h or 7d, or a moment") from None
    if moment.tzinfo is None:
        raise UsageFault(f"--since {text!r}: the moment has no offset, such as +08:00")
    return moment


async def _show(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import HeadendError
    from headend.events.told import told
    from headend.place import store
    from storage.events import EventFilter, EventStore

    async with store(load(arguments.config)) as opened, EventStore(opened.conninfo) as events:
        found = await events.events(EventFilter(ids=[arguments.id]))
    if not found:
        raise HeadendError(f"no event {arguments.id}")
    document = told(found[0])
    if output.as_json:
        output.document(document)
        return 0
    values = document.pop("values")
    for key, value in document.items():
        output.text(f"{key + ':':14} {'' if value is None else value}")
    output.table(["part", "value>"], values.items())
    return 0


async def _ack(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from storage.events import EventStore

    if not arguments.ids and arguments.storm is None:
        raise UsageFault("name the ids of events, or --storm ID")
    actor = arguments.by or getpass.getuser()
    async with store(load(arguments.config)) as opened, EventStore(opened.conninfo) as events:
        ids = arguments.ids or None
        count = await events.acknowledge(datetime.now(UTC), actor, arguments.note, ids=ids, storm=arguments.storm)
    if output.as_json:
        output.document({"acknowledged": count, "by": actor})
    output.text(f"{count} acknowledged by {actor}")
    return 0


async def _storms(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.events import EventStore, StormRow

    async with store(load(arguments.config)) as opened, EventStore(opened.conninfo) as events:
        found = await events.storms(since(arguments.since or "7d"))
    for storm in found if output.as_json else ():
        output.document({name: getattr(storm, name) for name in StormRow.__slots__})
    rows = [(s.id, s.kind, s.scope, s.place, s.first, s.last, s.events, s.meters) for s in found]
    output.table(["id>", "kind", "scope", "place", "first", "last", "events>", "meters>"], rows)
    return 0


async def _read(arguments: argparse.Namespace, output: Output) -> int:
    from headend.errors import UsageFault
    from headend.events.told import told_event
    from protocols.events import kind

    kinds = {kind(code).code for code in arguments.kind} if arguments.kind else None
    if arguments.link:
        if not arguments.address:
            raise UsageFault("--link needs --address")
        result = await _read_at_link(arguments, kinds)
    elif arguments.meter:
        result = await _read_known(arguments, kinds)
    else:
        raise UsageFault("name a METER of the registry, or give --link and --address")
    if not result.answered and result.errors:
        raise result.errors[0]
    for event in result.events if output.as_json else ():
        output.document(told_event(event))
    rows = [
        (e.start, e.kind.code, e.kind.name_zh, e.kind.severity.name.lower(), e.source.name.lower(),
         e.end or ("lasts" if e.is_open else None))
        for e in sorted(result.events, key=lambda event: event.start, reverse=True)
    ]  # fmt: skip
    output.table(["start", "kind", "名称", "severity", "source", "end"], rows)
    for error in result.errors:
        output.failure(str(error), error.label)
    return 1 if result.errors else 0


async def _read_at_link(arguments: argparse.Namespace, kinds: set[str] | None) -> EventSurvey:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from headend.collection.poller import utc_now
    from headend.collection.survey import MeterPath
    from headend.errors import UsageFault
    from headend.events.survey import survey_events
    from headend.metering.adhoc import address_for, model_for
    from protocols.dlt645.events.state import EventState

    try:
        zone = ZoneInfo(arguments.timezone or "Asia/Shanghai")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageFault(f"--timezone {arguments.timezone!r} is no time zone") from None
    model = model_for("dlt645", None, arguments.edition)
    assert model is not None
    meter = MeterPath(0, arguments.address, address_for(model, arguments.address), model)
    line = at_link.line_of(arguments, "dlt645")
    try:
        return await survey_events(line, meter, EventState(), utc_now, zone, kinds=kinds)
    finally:
        await line.close()


async def _read_known(arguments: argparse.Namespace, kinds: set[str] | None) -> EventSurvey:
    """A meter of the registry: only what is new, and it is stored. While a daemon lives it reads, all kinds; what of
    `kinds` is new by then is told."""
    from headend.collection.poller import utc_now
    from headend.config import load
    from headend.events.record import record_events
    from headend.events.survey import EventSurvey, survey_events
    from headend.place import store
    from headend.registry.known import meter_path
    from headend.requests.asking import ask, patience
    from protocols.dlt645.events.state import EventState
    from storage.events import EventFilter, EventStore

    config = load(arguments.config)
    path, meter, _ = await meter_path(arguments.config, arguments.meter)
    async with store(config) as opened, EventStore(opened.conninfo) as events:
        if not arguments.direct:
            which = EventFilter(meters=[meter.id], kinds=kinds)
            before = {(one.id, one.changed) for one in await events.events(which)}
            if await ask(arguments.config, arguments.meter, [], patience(arguments.wait), "events") is not None:
                fresh = [one.event for one in await events.events(which) if (one.id, one.changed) not in before]
                return EventSurvey(EventState(), fresh, answered=1)
        line = at_link.line_at(path, arguments)
        known = EventState.from_json((await events.states([meter.id])).get(meter.id))
        try:
            result = await survey_events(line, meter, known, utc_now, config.zone, kinds=kinds)
        finally:
            await line.close()
        await record_events(events, result.events, {meter.id: result.state.to_json()}, utc_now())
    return result
