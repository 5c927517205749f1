"""`headend lineloss`: what areas and feeders lose, day by day, and why."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from headend.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from analytics.lineloss import Input, Place, Report

EPILOG = """\
line loss (台区线损) is what a total meter counted, less what the members' meters took; technical loss is what a
model of lines and transformer explains of it. Without --reported the database is asked.

examples:
  headend lineloss report --from 2026-11-01 --to 2026-12-01 --chart november.png
  headend lineloss report --feeder F12 --csv -o f12.csv
  headend lineloss report --reported meters.parquet --area-meter totals.parquet --areas areas.csv
"""


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="report", required=True)
    sentence = "The worst areas and feeders with reasons; every day with --csv or --json."
    made = verbs.add_parser(
        "report", help=sentence, description=sentence, parents=[common()], epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--from", dest="start", metavar="DAY", help="first local day (default: a month before --to)")
    made.add_argument("--to", dest="end", metavar="DAY", help="the day after the last (default: today)")
    made.add_argument("--reported", metavar="FILE", help="members' import, CSV or Parquet: times, one column a meter")
    made.add_argument("--area-meter", metavar="FILE", help="total meters' import, one column an area or feeder")
    made.add_argument("--areas", metavar="FILE", help="CSV meter_id,area[,from,to]")
    made.add_argument("--feeders", metavar="FILE", help="CSV area,feeder")
    made.add_argument("--exported", metavar="FILE", help="members' feed-in: their export registers")
    made.add_argument("--area-exported", metavar="FILE", help="total meters' export registers")
    made.add_argument("--unit", choices=["Wh", "kWh"], help="of the files' energies (default: by their size)")
    made.add_argument("--feeder", metavar="F", help="only this feeder and its areas")
    made.add_argument("--area", metavar="A", help="only this area")
    made.add_argument("--worst", type=int, default=20, metavar="N", help="so many places in the table (default: 20)")
    made.add_argument("--csv", action="store_true", help="a row a place and day")
    made.add_argument("--chart", metavar="FILE", help="draw the worst places as a PNG, too")
    made.add_argument("-o", "--output", metavar="FILE", help="write csv or json here instead of stdout")


def run(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.errors import FrameUnusable
    from analytics.lineloss import line_loss
    from headend.errors import UsageFault

    if arguments.worst < 1:
        raise UsageFault(f"--worst is {arguments.worst}, expected at least 1")
    if arguments.output and not (arguments.csv or output.as_json):
        raise UsageFault("-o FILE needs --csv or --json")
    if arguments.chart:
        from headend.quality.chart import require

        require()
    notes: tuple[str, ...] = ()
    wh = 1.0
    try:
        if arguments.reported:
            given, notes, wh = _from_files(arguments)
            found = line_loss(given)
        else:
            found = asyncio.run(_from_database(arguments))
    except FrameUnusable as error:
        raise UsageFault(str(error)) from None
    for note in (*notes, *found.notes):
        print(f"headend: {note}", file=sys.stderr)
    places = _chosen(found, arguments.feeder, arguments.area)
    if arguments.chart:
        from headend.lineloss.chart import draw

        for note in draw(places, Path(arguments.chart)):
            print(f"headend: {note}", file=sys.stderr)
    _tell(places, wh, (*notes, *found.notes), arguments, output)
    return 0


def _from_files(arguments: argparse.Namespace) -> tuple[Input, tuple[str, ...], float]:
    from headend.errors import UsageFault
    from headend.lineloss.files import Paths, given

    if not (arguments.area_meter and arguments.areas):
        raise UsageFault("--reported needs --area-meter and --areas")
    first, last = (_day(text) for text in (arguments.start, arguments.end))
    found, notes, wh = given(
        Paths(
            arguments.reported, arguments.area_meter, arguments.areas, arguments.exported, arguments.area_exported,
            arguments.feeders,
        ),
        None if first is None else _naive(first),
        None if last is None else _naive(last),
    )  # fmt: skip
    return found, notes, {"Wh": 1.0, "kWh": 1000.0, None: wh}[arguments.unit]


async def _from_database(arguments: argparse.Namespace) -> Report:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.lineloss.stored import report
    from headend.place import store
    from headend.privacy.access import record

    files = ("area_meter", "areas", "feeders", "exported", "area_exported", "unit")
    if stray := [f"--{name.replace('_', '-')}" for name in files if getattr(arguments, name)]:
        raise UsageFault(f"{stray[0]} needs --reported")
    config = load(arguments.config)
    last = (_day(arguments.end) or datetime.now(UTC).astimezone(config.zone)).date()
    start = _day(arguments.start)
    first = last - timedelta(days=30) if start is None else start.date()
    if first >= last:
        raise UsageFault(f"--from {first} is not before --to {last}")
    span = [datetime(day.year, day.month, day.day, tzinfo=config.zone) for day in (first, last)]
    async with store(config) as opened:
        await record(config, opened.conninfo, "line loss", None, *span, area=arguments.area, feeder=arguments.feeder)
        return await report(opened.conninfo, (first, last), config.zone)


def _day(text: str | None) -> datetime | None:
    """A local day as its midnight; the zone is that of the readings, whichever it is."""
    from headend.errors import UsageFault

    if text is None:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), datetime.min.time(), UTC)
    except ValueError:
        raise UsageFault(f"{text!r} is no day, expected one such as 2026-11-22") from None


def _naive(day: datetime) -> np.datetime64:
    import numpy as np

    return np.datetime64(day.replace(tzinfo=None), "s")


def _chosen(found: Report, feeder: str | None, area: str | None) -> list[Place]:
    from headend.errors import UsageFault

    places = [
        place
        for place in found.places
        if (feeder is None or place.feeder == feeder) and (area is None or (place.level, place.name) == ("area", area))
    ]
    if not places and (feeder or area):
        raise UsageFault(f"no line loss of {' '.join(filter(None, [feeder, area]))}: not there, or no total meter")
    return places


def _tell(
    places: Sequence[Place], wh: float, notes: Sequence[str], arguments: argparse.Namespace, output: Output
) -> None:
    from contextlib import nullcontext

    from headend.lineloss.told import daily, summary, write_csv

    if arguments.csv or output.as_json:
        path = arguments.output
        with open(path, "w", encoding="utf-8", newline="") if path else nullcontext(sys.stdout) as file:
            if arguments.csv:
                write_csv(daily(places, wh), file)
            else:
                told = {"places": [summary(p, wh) for p in places], "days": list(daily(places, wh))}
                Output(as_json=True, file=file).document({**told, "notes": list(notes)})
        return
    rows = [summary(place, wh) for place in places[: arguments.worst]]
    output.table(
        ["level", "name", "supplied kWh>", "loss kWh>", "loss %>", "technical %>", "beyond kWh>"],
        [
            (r["level"], r["name"], r["supplied_kwh"], r["loss_kwh"], r["loss_percent"], r["technical_percent"],
             r["unexplained_kwh"])
            for r in rows
        ],
    )  # fmt: skip
    for row in rows:
        for one in row["anomalies"]:
            output.text(f"{row['name']}: {one['code']}: {one['text']}")
