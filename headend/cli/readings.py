"""`headend readings`: what is stored of a meter."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("meter", metavar="METER", help="its name")
    parser.add_argument("--from", dest="start", metavar="T", help="first moment, ISO 8601 (default: a day before --to)")
    parser.add_argument("--to", dest="end", metavar="T", help="the moment after the last, ISO 8601 (default: now)")
    parser.add_argument("--quantity", action="append", metavar="Q", help="a name or OBIS code; may be repeated")
    parser.add_argument("--level", choices=["hour", "day", "month"], help="what was rolled up, not the readings")
    parser.add_argument(
        "--format", choices=["table", "csv", "json", "parquet"], help="default: table, or json with --json"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write here instead of stdout (parquet needs it)")
    parser.epilog = "A time without offset is in the configuration's time zone. Values are the meter's own, exact."


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_readings(arguments, output))


def moment(text: str | None, zone: ZoneInfo, default: datetime) -> datetime:
    """A time as a person wrote it. Raises `UsageFault`."""
    from headend.errors import UsageFault

    if text is None:
        return default
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"{text!r} is no time, expected ISO 8601 such as 2026-11-22T00:00:00+08:00") from None
    if not 1970 <= parsed.year < 9999:
        raise UsageFault(f"{text!r} is no time of a reading, expected a year from 1970 on")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)


async def _readings(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from headend.privacy.access import record
    from headend.stored import parquet, told, write_csv
    from protocols.quantities import quantity

    config = load(arguments.config)
    kind = arguments.format or ("json" if output.as_json else "table")
    if kind == "parquet" and not arguments.output:
        raise UsageFault("--format parquet needs -o FILE")
    if kind == "table" and arguments.output:
        raise UsageFault("-o FILE needs --format csv, json or parquet")
    end = moment(arguments.end, config.zone, datetime.now(UTC))
    start = moment(arguments.start, config.zone, end - timedelta(days=1))
    if start >= end:
        raise UsageFault(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    if arguments.level and kind == "parquet":
        raise UsageFault("--level goes with --format table, csv or json")
    quantities = [quantity(text) for text in arguments.quantity] if arguments.quantity else None
    async with store(config) as opened:
        meter = await opened.registry.meter(arguments.meter)
        asked = {"level": arguments.level, "quantities": arguments.quantity, "file": arguments.output}
        await record(config, opened.conninfo, "readings", [meter.id], start, end, format=kind, **asked)
        if arguments.level:
            return await _rolled(arguments, kind, (opened.conninfo, config.zone), meter, (start, end, quantities))
        found = await opened.reader.readings([meter.id], start, end, quantities)
    if kind == "parquet":
        parquet(found, {meter.id: meter.name}, arguments.output)
    elif kind == "table":
        rows = [told(reading, meter.name, config.zone) for reading in found]
        cells = [
            (r["time"].astimezone(config.zone), *(r[key] for key in ("quantity", "value", "unit", "quality")))
            for r in rows
        ]
        output.table(["time", "quantity", "value>", "unit", "quality"], cells)
    else:
        _write([told(reading, meter.name) for reading in found], kind, arguments.output, write_csv)
    return 0


async def _rolled(arguments: argparse.Namespace, kind: str, where: Any, meter: Any, asked: Any) -> int:
    from headend.upkeep.rolled import rolled, write_csv
    from storage.buckets import Span
    from storage.rollup_reader import Rollups

    start, end, quantities = asked
    async with Rollups(*where) as rollups:
        span = Span[arguments.level.upper()]
        rows = await rolled(rollups, meter.id, meter.name, start, end, span, quantities)
    if kind == "table":
        _, zone = where
        columns = ("quantity", "energy", "unknown", "first", "last", "count", "low", "high", "unit")
        cells = [(r["start"].astimezone(zone), *("" if r[c] is None else r[c] for c in columns)) for r in rows]
        marks = [f"{c}>" if c in {"energy", "first", "last", "count", "low", "high"} else c for c in columns]
        Output(as_json=False).table(["start", *marks], cells)
    else:
        _write(rows, kind, arguments.output, write_csv)
    return 0


def _write(rows: list[dict[str, Any]], kind: str, path: str | None, write_csv: Any) -> None:
    with open(path, "w", encoding="utf-8", newline="") if path else nullcontext(sys.stdout) as file:
        if kind == "csv":
            write_csv(rows, file)
            return
        lines = Output(as_json=True, file=file)
        for row in rows:
            lines.document(row)
