"""`headend forecast`: the load of the days to come, by meter, area and system."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])
        source(made)
        made.add_argument("--temperature", metavar="FILE", help="times and degrees Celsius, the days to forecast too")
        made.add_argument(
            "--calendar", metavar="NAME", help="holidays that are shipped, such as cn; none (default: by zone)"
        )
        made.add_argument(
            "--holidays", metavar="FILE", help="further holidays: a table of dates, or of times with a column holiday"
        )
        made.add_argument("--level", action="append", choices=["meter", "area", "system"], help="default: all")
        made.add_argument(
            "--known-until", metavar="HH:MM", help="how far the day before is known (default: to its end)"
        )
        made.add_argument("-o", "--output", metavar="FILE", help="CSV, or Parquet if named so")
        return made

    ran = verb("run", "Forecast from what is known, with intervals.")
    ran.add_argument("--day", metavar="DATE", help="the first day to forecast (default: the day after the readings)")
    ran.add_argument("--horizon", type=int, default=1, metavar="DAYS", help="how many days (default: 1)")
    tested = verb("backtest", "How well past days would have been forecast, beside the same hour of last week.")
    tested.add_argument("--days", type=int, metavar="N", help="the last N days (default: the later half)")
    tested.add_argument(
        "--every", type=int, metavar="N", help="learn anew every N days (default: 7; 28 of long series)"
    )


def source(parser: argparse.ArgumentParser) -> None:
    """Where series come from: the database, unless files are named."""
    parser.add_argument("--reported", metavar="FILE", help="energies, CSV or Parquet: a column of times, one a meter")
    parser.add_argument("--areas", metavar="FILE", help="CSV meter_id,area")
    parser.add_argument("--meter", action="append", metavar="NAME", help="only these columns of --reported")
    parser.add_argument("--zone", metavar="NAME", help="time zone of the files (default: times are told as they came)")
    parser.add_argument("--utc", action="store_true", help="times of the files are UTC, days are the zone's")
    parser.add_argument("--from", dest="start", metavar="DATE", help="of the database: the first day (default: 92 ago)")
    parser.add_argument(
        "--to", dest="end", metavar="DATE", help="of the database: the day after the last (default: today)"
    )
    parser.add_argument("--area", action="append", metavar="NAME", help="of the database: only these areas")
    parser.add_argument(
        "--step", type=int, choices=[15, 30, 60], help="of the database: minutes (default: as collected)"
    )


def check_source(arguments: argparse.Namespace) -> None:
    """Raises `UsageFault` where options of files and of the database are mixed."""
    from headend.errors import UsageFault

    of_files = {
        "--areas": arguments.areas,
        "--meter": arguments.meter,
        "--zone": arguments.zone,
        "--utc": arguments.utc,
    }
    of_store = {"--from": arguments.start, "--to": arguments.end, "--area": arguments.area, "--step": arguments.step}
    for option, value in (of_store if arguments.reported else of_files).items():
        if value:
            raise UsageFault(f"{option} goes {'without' if arguments.reported else 'with'} --reported")


def given(arguments: argparse.Namespace, **more: Any) -> Any:
    """The series that were asked for."""
    from headend.forecasting.given import from_files

    check_source(arguments)
    if arguments.reported:
        return from_files(arguments.reported, arguments.areas, arguments.meter, arguments.zone, arguments.utc, **more)
    return asyncio.run(_stored(arguments))


async def _stored(arguments: argparse.Namespace) -> Any:
    from headend.config import load
    from headend.forecasting.given import from_store
    from headend.place import store

    config = load(arguments.config)
    days = span_of(arguments, config.zone)
    async with store(config) as opened:
        await noticed(arguments, config, opened, f"forecast {arguments.verb}", days)
        return await from_store(config, opened.conninfo, days, arguments.area, arguments.step)


async def noticed(
    arguments: argparse.Namespace, config: Any, opened: Any, action: str, days: tuple[date, date]
) -> None:
    """Write down whose readings are used."""
    from headend.privacy.access import record
    from storage.topology import Topology

    start, end = (datetime(one.year, one.month, one.day, tzinfo=config.zone) for one in days)
    meters = None
    if arguments.area:
        async with Topology(opened.conninfo) as topology:
            areas = await topology.areas_at(end - timedelta(seconds=1), arguments.area)
        points = [member.point for area in areas for member in area.members]
        meters = sorted({stay.meter_id for stay in await opened.registry.installations(points)})
    await record(config, opened.conninfo, action, meters, start, end)


def span_of(arguments: argparse.Namespace, zone: ZoneInfo) -> tuple[date, date]:
    """The local days that are asked of the database. Raises `UsageFault`."""
    from headend.errors import UsageFault

    end = day(arguments.end, "--to") if arguments.end else datetime.now(zone).date()
    start = day(arguments.start, "--from") if arguments.start else end - timedelta(days=92)
    if start >= end:
        raise UsageFault(f"--from {start} is not before --to {end}")
    return start, end


def day(text: str, option: str) -> date:
    from headend.errors import UsageFault

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"{option} {text!r}, expected a date such as 2026-01-31") from None


def run(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.errors import FrameUnusable
    from headend.errors import UsageFault

    try:
        return (_run if arguments.verb == "run" else _backtest)(arguments, output)
    except FrameUnusable as error:
        raise UsageFault(f"{arguments.reported or 'database'}: {error}") from None


def _asked(arguments: argparse.Namespace, has_areas: bool) -> Any:
    from analytics.forecast import Level
    from headend.errors import UsageFault
    from headend.forecasting.work import Asked

    until = None
    if arguments.known_until:
        try:
            time = datetime.strptime(arguments.known_until, "%H:%M")  # noqa: DTZ007  # a time of any day
        except ValueError:
            raise UsageFault(f"--known-until {arguments.known_until!r}, expected such as 10:00") from None
        until = time.hour * 3600 + time.minute * 60
        if not until:
            raise UsageFault(
                "--known-until 00:00: nothing of that day is known; forecast the day before with --horizon 2"
            )
    levels = [Level(name) for name in arguments.level or [*Level]]
    if Level.AREA in levels and not has_areas:
        if arguments.level:
            raise UsageFault("--level area needs areas: --areas FILE")
        levels.remove(Level.AREA)
    horizon = getattr(arguments, "horizon", 1)
    if not 1 <= horizon <= 31:
        raise UsageFault(f"--horizon {horizon}, expected 1 to 31 days")
    first = getattr(arguments, "day", None)
    return Asked(
        tuple(dict.fromkeys(levels)), horizon, day(first, "--day") if first else None, until, arguments.calendar,
        arguments.holidays, arguments.temperature, arguments.utc,
    )  # fmt: skip


def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.forecasting import told
    from headend.forecasting.work import forecasts

    series = given(arguments)
    notes: list[str] = list(series.notes)
    asked = _asked(arguments, bool(series.membership))
    rows: list[tuple[Any, ...]] = []
    summary = []
    for level, panel, found in forecasts(series, asked, notes):
        rows.extend(told.rows(panel, level, found, series.zone))
        methods = [str(method) for method in found.method]
        summary.append({
            "level": str(level), "series": len(methods), "first_day": str(panel.first_day + int(found.days[0])),
            "days": len(found.days), "methods": {name: methods.count(name) for name in sorted(set(methods))},
        })  # fmt: skip
    _tell(notes)
    if arguments.output:
        told.write(rows, arguments.output)
    if output.as_json:
        shown = [] if arguments.output else [dict(zip(told.COLUMNS, row, strict=True)) for row in rows]
        output.document({"levels": summary, "intervals": shown, "notes": notes})
    elif arguments.output:
        output.table(
            ["level", "series>", "first day", "days>", "methods"],
            [(s["level"], s["series"], s["first_day"], s["days"], str(s["methods"])) for s in summary],
        )
    else:
        told.write_csv(told.COLUMNS, rows, sys.stdout)
    return 0


def _backtest(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.forecast.score import NAMES
    from headend.errors import UsageFault
    from headend.forecasting import told
    from headend.forecasting.work import backtests

    for option in ("days", "every"):
        if getattr(arguments, option) is not None and getattr(arguments, option) < 1:
            raise UsageFault(f"--{option} {getattr(arguments, option)}, expected a number of days")
    series = given(arguments)
    notes: list[str] = list(series.notes)
    asked = _asked(arguments, bool(series.membership))
    levels, rows = [], []
    for level, panel, found, scored in backtests(series, asked, arguments.days, arguments.every, notes):
        mean = {name: None if v is None else round(v, 4) for name, v in scored.mean().items()}
        first = panel.first_day + int(found.days[0])
        levels.append({
            "level": str(level), "series": len(panel.names), "first_day": str(first), "days": len(found.days), **mean,
            "worse_than_last_week": scored.worse(),
        })  # fmt: skip
        for k, name in enumerate(panel.names):
            rows.append((str(level), name, *(told.number(float(scored.values[n][k])) for n in NAMES)))
    _tell(notes)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8", newline="") as file:
            told.write_csv(("level", "name", *NAMES), rows, file)
    if output.as_json:
        output.document({"levels": levels, "notes": notes})
    shown = [
        "mape",
        "naive_mape",
        "mase",
        "naive_mase",
        "relative_mae",
        "pinball",
        "naive_pinball",
        "coverage_80",
        "coverage_90",
    ]
    output.table(
        ["level", "series>", "days>", *(f"{name}>" for name in shown), "worse>"],
        [(e["level"], e["series"], e["days"], *(e[n] for n in shown), e["worse_than_last_week"]) for e in levels],
    )
    return 0


def _tell(notes: list[str]) -> None:
    for note in notes:
        print(f"headend: {note}", file=sys.stderr)
