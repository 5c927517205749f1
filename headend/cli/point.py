"""`headend point`: usage points, what stood there, where they belonged, and what was used."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any

from headend.cli import point_contract, point_vacant
from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="show|move|use|contract|vacant|forget", required=True)
    sentences = {
        "show": "One usage point: its data, the meters that stood there, the areas that it belonged to.",
        "move": "From then on a usage point belongs to another area.",
        "use": "What was used at a point between two moments, by register, over exchanges and multipliers.",
        "contract": "What is agreed with a usage point's customer: capacity, demand, basic charge, from when on.",
        "vacant": "When nobody has a contract at a usage point: said, ended, withdrawn, by whom and when.",
        "forget": "Blank a usage point's address and options; if asked for, delete the readings of its meters there.",
    }
    made = {
        name: verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])
        for name, sentence in sentences.items()
    }
    for each in made.values():
        each.add_argument("point", metavar="POINT")
    point_contract.add_verb(made["contract"])
    point_vacant.add_verb(made["vacant"])
    made["move"].add_argument("area", metavar="AREA")
    made["move"].add_argument("--at", metavar="T", help="ISO 8601 (default: now)")
    made["move"].add_argument("--phase", choices=["L1", "L2", "L3", "three-phase"])
    made["move"].add_argument("--branch", metavar="NAME")
    made["forget"].add_argument("--reason", metavar="TEXT", required=True, help="why; it is kept")
    made["forget"].add_argument(
        "--readings",
        choices=["keep", "delete"],
        required=True,
        help="of its meters, of the time in which they stood there, with their rollups",
    )
    made["forget"].add_argument("--until", metavar="T", help="delete readings from before only (default: now)")
    made["forget"].add_argument("--rename", metavar="NAME", help="another name, where the name tells a person")
    made["forget"].epilog = "It cannot be undone. Backups and files that were written before hold the data still."
    made["use"].add_argument("--from", dest="start", metavar="T", required=True, help="ISO 8601")
    made["use"].add_argument("--to", dest="end", metavar="T", required=True, help="ISO 8601")
    made["use"].add_argument("--quantity", metavar="Q", default="active_energy_import", help="a name or OBIS code")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(
        {
            "show": _show, "move": _move, "use": _use, "forget": _forget, "contract": point_contract.run,
            "vacant": point_vacant.run,
        }[arguments.verb](arguments, output)
    )  # fmt: skip


async def _show(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.errors import NotFound
    from storage.topology import Topology

    config = load(arguments.config)
    async with store(config) as opened, Topology(opened.conninfo) as topology:
        points = {point.name: point for point in await opened.registry.usage_points()}
        if arguments.point not in points:
            raise NotFound(f"no usage point named {arguments.point!r}")
        point = points[arguments.point]
        stays = await opened.registry.installations([point.name])
        areas = await topology.area_points(points=[point.name])
    document: dict[str, Any] = {
        "name": point.name,
        "address": point.address,
        "tariff": point.tariff,
        "category": point.category,
        "capacity_kw": point.capacity_kw,
        "rated_current_a": point.rated_current_a,
        "options": point.options,
        "meters": [{"name": s.meter, "from": s.start, "to": s.end} for s in stays],
        "areas": [
            {"name": a.area, "from": a.start, "to": a.end, "phase": a.phase and str(a.phase), "branch": a.branch}
            for a in areas
        ],
    }
    if output.as_json:
        output.document(document)
        return 0
    for key, value in document.items():
        if key not in ("meters", "areas"):
            output.text(f"{key + ':':16} {value if value not in (None, {}) else ''}")
    zone = config.zone
    output.table(["meter", "from", "to"], [(s.meter, _at(s.start, zone), _at(s.end, zone)) for s in stays])
    rows = [(a.area, _at(a.start, zone), _at(a.end, zone), a.phase, a.branch) for a in areas]
    output.table(["area", "from", "to", "phase", "branch"], rows)
    return 0


def _at(time: datetime | None, zone: Any) -> datetime | None:
    return None if time is None else time.astimezone(zone)


async def _move(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.local_time import instant
    from headend.place import store
    from storage.topology import Topology
    from storage.topology_entries import AreaPoint, Phase

    config = load(arguments.config)
    at = instant(arguments.at, config.zone, datetime.now(UTC))
    phase = None if arguments.phase is None else Phase(arguments.phase)
    membership = AreaPoint(point=arguments.point, area=arguments.area, start=at, phase=phase, branch=arguments.branch)
    async with store(config) as opened, Topology(opened.conninfo) as topology:
        await topology.move_point(membership)
    output.text(f"{arguments.point} belongs to {arguments.area} from {at.isoformat()}")
    if output.as_json:
        output.document({"point": arguments.point, "area": arguments.area, "from": at})
    return 0


async def _forget(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.privacy.access import person
    from storage.privacy import Points

    config = load(arguments.config)
    if not arguments.reason.strip():
        raise UsageFault("--reason: is empty")
    if arguments.until and arguments.readings == "keep":
        raise UsageFault("--until goes with --readings delete")
    now = datetime.now(UTC)
    until = min(now, instant(arguments.until, config.zone, now)) if arguments.readings == "delete" else None
    async with store(config) as opened, Points(opened.conninfo) as points:
        gone = await points.forget(
            arguments.point, person().name, arguments.reason,
            zone=config.zone, rename=arguments.rename, delete_until=until,
        )  # fmt: skip
    name = arguments.rename or arguments.point
    output.text(f"{name}: address and options are blank; {gone} captures were deleted")
    if output.as_json:
        output.document({"point": name, "readings": arguments.readings, "until": until, "captures": gone})
    return 0


async def _use(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.errors import AnalyticsError
    from analytics.registers import consumption
    from headend.config import load
    from headend.errors import HeadendError, UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.privacy.access import record
    from protocols.model import Kind
    from protocols.quantities import quantity
    from storage.errors import NotFound
    from storage.topology import Topology

    config = load(arguments.config)
    now = datetime.now(UTC)
    start, end = (instant(text, config.zone, now) for text in (arguments.start, arguments.end))
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        raise UsageFault(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    what = quantity(arguments.quantity)
    if what.kind is not Kind.CUMULATIVE:
        raise UsageFault(f"{what.name} is no register that counts up: it is {what.kind}")
    async with store(config) as opened, Topology(opened.conninfo) as topology:
        if arguments.point not in {point.name for point in await opened.registry.usage_points()}:
            raise NotFound(f"no usage point named {arguments.point!r}")
        stays = await opened.registry.installations([arguments.point])
        there = {stay.meter_id for stay in stays if stay.start < end and (stay.end is None or stay.end > start)}
        asked = {"point": arguments.point, "quantity": what.name}
        await record(config, opened.conninfo, "point use", sorted(there), start, end, **asked)
        segments = await topology.segments(arguments.point, what, start, end)
    try:
        used = consumption(segments, start, end, signed=what.name.endswith("_combined"))
    except AnalyticsError as error:
        raise HeadendError(str(error)) from error
    parts = [
        {
            "meter": segment.meter, "from": segment.start, "to": segment.end, "initial": segment.initial,
            "final": segment.final, "multiplier": segment.multiplier, "value": part.energy,
        }
        for segment, part in zip(sorted(segments, key=lambda s: (s.start, s.meter)), used.parts, strict=True)
    ]  # fmt: skip
    if output.as_json:
        unmeasured = [{"from": since, "to": until} for since, until in used.unmeasured]
        document = {"point": arguments.point, "quantity": what.name, "from": start, "to": end, "value": used.energy}
        output.document(document | {"unit": str(what.unit), "segments": parts, "unmeasured": unmeasured})
        return 0
    output.table(
        ["meter", "from", "to", "initial>", "final>", "multiplier>", str(what.unit) + ">"],
        [[v.astimezone(config.zone) if isinstance(v, datetime) else v for v in part.values()] for part in parts],
    )
    output.text(f"{what.name}: {used.energy:f} {what.unit}")
    for since, until in used.unmeasured:
        output.text(f"no meter from {since.astimezone(config.zone)} to {until.astimezone(config.zone)}")
    return 0
