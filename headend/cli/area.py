"""`headend area`: transformer districts and feeders, with their total meters and points, as they were at a moment."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from storage.topology import AreaAt


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|show|tree|move", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])
        made.add_argument("--at", metavar="T", help="as it was then, ISO 8601 (default: now)")
        return made

    verb("list", "All areas with feeder, total meters and numbers of points and meters.")
    verb("show", "One area with its points, their phases, branches and meters.").add_argument("area", metavar="AREA")
    verb("tree", "Feeders, their areas, the areas' points and meters.")
    moved = verb("move", "From then on an area is fed by another feeder.")
    moved.add_argument("area", metavar="AREA")
    moved.add_argument("feeder", metavar="FEEDER")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_run(arguments, output))


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.local_time import instant
    from headend.place import store
    from storage.topology import Topology
    from storage.topology_entries import AreaFeeder

    config = load(arguments.config)
    at = instant(arguments.at, config.zone, datetime.now(UTC))
    async with store(config) as opened, Topology(opened.conninfo) as topology:
        if arguments.verb == "move":
            await topology.move_area(AreaFeeder(area=arguments.area, feeder=arguments.feeder, start=at))
            output.text(f"{arguments.area} is fed by {arguments.feeder} from {at.isoformat()}")
            if output.as_json:
                output.document({"area": arguments.area, "feeder": arguments.feeder, "from": at})
            return 0
        areas = await topology.areas_at(at, [arguments.area] if arguments.verb == "show" else None)
        totals = {total.feeder: total.meter for total in await topology.totals(at=at) if total.feeder}
        feeders = [feeder.name for feeder in await topology.feeders()]
    if arguments.verb == "list":
        _list(areas, output)
    elif arguments.verb == "show":
        _show(areas[0], output)
    else:
        _tree(areas, feeders, totals, output)
    return 0


def _list(areas: list[AreaAt], output: Output) -> None:
    for area in areas if output.as_json else ():
        told = _told(area)
        output.document(told | {"points": len(area.members), "meters": _meters(area)})
    output.table(
        ["area", "feeder", "total meters", "points>", "meters>", "time zone"],
        [
            (a.area.name, a.feeder, ", ".join(a.totals), len(a.members), _meters(a), a.area.timezone)
            for a in areas
        ],
    )  # fmt: skip


def _show(area: AreaAt, output: Output) -> None:
    if output.as_json:
        output.document(_told(area) | {"options": area.area.options})
        return
    for key, value in _told(area).items():
        if key != "points":
            output.text(f"{key + ':':10} {', '.join(value) if isinstance(value, list) else value or ''}")
    rows = [(m.point, m.phase, m.branch, ", ".join(s.name for s in m.meters)) for m in area.members]
    output.table(["usage point", "phase", "branch", "meters"], rows)


def _tree(areas: list[AreaAt], feeders: list[str], totals: dict[str, str], output: Output) -> None:
    by_feeder: dict[str | None, list[AreaAt]] = {name: [] for name in feeders}
    for area in areas:
        by_feeder.setdefault(area.feeder, []).append(area)
    for feeder, fed in by_feeder.items():
        total = totals.get(feeder or "")
        if output.as_json:
            output.document({"feeder": feeder, "total": total, "areas": [_told(area) for area in fed]})
        output.text(f"{feeder or '(no feeder)'}{f'  [total {total}]' if total else ''}")
        for area in fed:
            output.text(f"  {area.area.name}" + (f"  [total {', '.join(area.totals)}]" if area.totals else ""))
            for member in area.members:
                place = " ".join(filter(None, [member.branch, member.phase]))
                meters = ", ".join(standing.name for standing in member.meters) or "(no meter)"
                output.text(f"    {member.point}{f'  {place}' if place else ''}  {meters}")


def _told(area: AreaAt) -> dict[str, Any]:
    return {
        "name": area.area.name,
        "feeder": area.feeder,
        "timezone": area.area.timezone,
        "address": area.area.address,
        "totals": list(area.totals),
        "points": [
            {
                "name": member.point,
                "phase": None if member.phase is None else str(member.phase),
                "branch": member.branch,
                "meters": [standing.name for standing in member.meters],
            }
            for member in area.members
        ],
    }


def _meters(area: AreaAt) -> int:
    return sum(len(member.meters) for member in area.members)
