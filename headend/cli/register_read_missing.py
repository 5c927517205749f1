"""`headend register-read missing`: the not-read list for field work; as a CSV it goes in again filled in."""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headend.cli.bill_run import points_of
from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.billing.not_read import NotRead
    from headend.config import Config

COLUMNS = (
    "point", "meter", "quantity", "time", "value", "by", "reason", "boundary", "address", "area", "meter_address",
    "line", "last_time", "last_value", "misses",
)  # fmt: skip
"""Columns of the file; time, value, by and reason are filled in by who reads."""


async def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.billing.cycles import cycle_of
    from headend.billing.not_read import not_read
    from headend.billing.run import pieces
    from headend.billing.tariffs import load_folder
    from headend.cli.bill_order import tariffs
    from headend.config import load
    from headend.place import store

    config = load(arguments.config)
    cycle = cycle_of(arguments.cycle)
    folder = load_folder(tariffs(config))
    found: list[NotRead] = []
    async with store(config) as opened:
        points, _ = await points_of(opened.conninfo, arguments.point, arguments.area)
        by_id = {point.id: point for point in points}
        for piece in pieces([(point.id, str(point.tariff)) for point in points]):
            some = [by_id[number] for number in piece.points]
            tariff = folder.files[piece.tariff].tariff if piece.tariff in folder.files else None
            asked = (cycle, config.zone, config.billing.tolerance, datetime.now(UTC))
            found += await not_read(opened.conninfo, some, tariff, *asked)
    found.sort(key=lambda each: (each.place.area or "", each.point, each.boundary, each.quantity.id))
    rows = [_cells(each, config) for each in found]
    if arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
        return 0
    for row in rows if output.as_json else ():
        output.document({key: cell or None for key, cell in zip(COLUMNS, row, strict=True) if key not in _FILLED_IN})
    shown = [key for key in COLUMNS if key not in _FILLED_IN]
    output.table(shown, [[c for k, c in zip(COLUMNS, row, strict=True) if k not in _FILLED_IN] for row in rows])
    output.text(f"{len(rows)} registers of {len({each.point for each in found})} points are to be read")
    return 0


_FILLED_IN = ("time", "value", "by", "reason")


def _cells(each: NotRead, config: Config) -> list[str]:
    place, last = each.place, each.last
    told = {
        "point": each.point,
        "meter": each.meter,
        "quantity": each.quantity.name,
        "boundary": each.boundary.astimezone(config.zone).isoformat(),
        "address": place.address or "",
        "area": place.area or "",
        "meter_address": place.meter_address,
        "line": place.line,
        "last_time": "" if last is None else last.time.astimezone(config.zone).isoformat(),
        "last_value": "" if last is None else format(last.value, "f"),
        "misses": place.reason or "",
    }
    return [told.get(column, "") for column in COLUMNS]
