"""`headend bill run`: final bills of a cycle for all points; what is refused or changed is told with its reason."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from headend.cli.bill_order import order_of, tariffs
from headend.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Collection

    from headend.billing.keeping import Outcome
    from storage.cycle_reads import BilledPoint

STATES = ("billed", "unchanged", "superseded", "changed", "refused")


async def run(arguments: argparse.Namespace, output: Output) -> int:
    """1 where a bill was refused, or is changed and not superseded."""
    from headend.billing.run import Site, bill_all
    from headend.config import load
    from headend.place import store

    config = load(arguments.config)
    order = order_of(arguments, final=not arguments.dry_run)
    count: Counter[str] = Counter()
    sums: dict[str, Decimal] = {}
    told: list[Outcome] = []
    estimated = 0
    async with store(config) as opened:
        points, without = await points_of(opened.conninfo, arguments.points, arguments.tariff_area)
        site = Site(opened.conninfo, tariffs(config), config.billing.tolerance)
        wanted = [(point.id, str(point.tariff)) for point in points]
        async for outcomes in bill_all(site, wanted, order):
            for each in outcomes:
                count[each.state] += 1
                estimated += each.estimated
                if each.total is not None and each.state != "changed":
                    sums[each.currency] = sums.get(each.currency, Decimal(0)) + each.total
                if each.state in ("refused", "changed", "superseded"):
                    told.append(each)
                    _tell(each, output)
    rows = [(e.point, e.state, e.before, e.total, e.reason or _why(e)) for e in sorted(told, key=lambda e: e.point)]
    if rows:
        output.table(["point", "state", "kept>", "now>", "reason"], rows)
    if output.as_json:
        output.document(
            {"cycle": arguments.cycle, "points": len(points), **{state: count[state] for state in STATES},
             "estimated": estimated, "without_tariff": without, "totals": sums, "dry_run": arguments.dry_run}
        )  # fmt: skip
    output.table(["state", "bills>"], [(state, count[state]) for state in STATES])
    output.text(f"{estimated} rest on estimates; {without} points without a tariff are not billed")
    for currency, total in sorted(sums.items()):
        output.text(f"total: {total:f} {currency}{' (nothing was kept)' if arguments.dry_run else ''}")
    return 1 if count["refused"] or count["changed"] else 0


def _tell(each: Outcome, output: Output) -> None:
    if output.as_json:
        content = {"point": each.point, "state": each.state, "reason": each.reason, "total": each.total}
        output.document(content | {"version": each.version, "before": each.before, "difference": each.difference})


def _why(each: Outcome) -> str:
    """What a changed bill differs by, shortly."""
    found = each.difference or {"registers": [], "lines": []}
    moved = [f"{use['meter']} {use['register']}" for use in found["registers"]]
    return f"changed: {', '.join(moved) or ', '.join(line['label'] for line in found['lines'])}; --supersede REASON"


async def points_of(
    conninfo: str, names: Collection[str] | None, areas: Collection[str] | None
) -> tuple[list[BilledPoint], int]:
    """Named ones, those in areas now, or all: those with a tariff, and how many have none. Raises `NotFound`."""
    from storage.cycle_reads import CycleReads
    from storage.errors import NotFound
    from storage.topology import Topology

    async with CycleReads(conninfo) as reads, Topology(conninfo) as topology:
        found = await reads.points(names=names or None)
        lacking = set(names or ()) - {point.name for point in found}
        if lacking:
            raise NotFound(f"no usage point named {min(lacking)!r}")
        if areas:
            there = {m.point for area in await topology.areas_at(datetime.now(UTC), areas) for m in area.members}
            found = [point for point in found if point.name in there]
    billed = [point for point in found if point.tariff]
    return billed, len(found) - len(billed)
