"""`headend quality`: how much of what the plans expect was collected, and where it was not."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.quality.report import ClockShare, Report

DIMENSIONS = ("day", "area", "feeder", "model", "maker", "line", "meter")
EPILOG = """\
success (采集成功率) is received / expected, completeness (采集完整率) is (received + recovered) / expected,
in per cent, rounded down. Slots that have not come to their end yet count as open: only a span that is over is judged
rightly.

examples:
  headend quality                                     the last day
  headend quality --from 2026-11-01 --to 2026-12-01 --by day --chart november.png
  headend quality --by area --by model --format csv -o quality.csv
  headend quality --worst 20                          the meters that lack most, and why
"""


def add(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--from", dest="start", metavar="T", help="first moment, ISO 8601 (default: a day before --to)")
    parser.add_argument("--to", dest="end", metavar="T", help="the moment after the last, ISO 8601 (default: now)")
    parser.add_argument(
        "--by",
        action="append",
        choices=DIMENSIONS,
        help="a row each; again for more (default: day, of the worst meter)",
    )
    parser.add_argument("--worst", type=int, metavar="N", help="only the N rows that are least complete, worst first")
    parser.add_argument("--format", choices=["table", "csv", "json"], help="default: table, or json with --json")
    parser.add_argument("-o", "--output", metavar="FILE", help="write csv or json here instead of stdout")
    parser.add_argument("--chart", metavar="FILE", help="draw the rows as a PNG, too")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_quality(arguments, output))


async def _quality(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.quality.report import clock_share, report
    from storage.clocks import ClockStore
    from storage.quality import Counts

    kind = arguments.format or ("json" if output.as_json else "table")
    if kind == "table" and arguments.output:
        raise UsageFault("-o FILE needs --format csv or json")
    if arguments.worst is not None and arguments.worst < 1:
        raise UsageFault(f"--worst is {arguments.worst}, expected at least 1")
    if arguments.chart:
        from headend.quality.chart import require

        require()
    config = load(arguments.config)
    end = instant(arguments.end, config.zone, datetime.now(UTC)).astimezone(config.zone)
    start = instant(arguments.start, config.zone, end - timedelta(days=1)).astimezone(config.zone)
    if start >= end:
        raise UsageFault(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    by = list(dict.fromkeys(arguments.by or ["meter" if arguments.worst else "day"]))
    async with (
        store(config) as opened,
        Counts(opened.conninfo) as counts,
        ClockStore(opened.conninfo) as clock_store,
    ):
        found = await report(counts, start, end, config.zone, by, arguments.worst)
        clocks = clock_share(await clock_store.latest(datetime.now(UTC)), config.clock.policy)
    if arguments.chart:
        from headend.quality.chart import draw

        for note in draw(found, Path(arguments.chart)):
            print(f"headend: {note}", file=sys.stderr)
    _tell(found, clocks, kind, arguments.output)
    return 0


def _tell(found: Report, clocks: ClockShare, kind: str, path: str | None) -> None:
    from headend.clock.policy import Standing
    from headend.quality.report import COLUMNS, document, told, write_csv

    if kind == "table":
        shown = Output(as_json=False)
        flush = [name if name == "reason" else f"{name}>" for name in COLUMNS]
        rows = [
            [*("-" if part is None else part for part in group.key), *told(group).values()] for group in found.groups
        ]
        shown.table([*found.by, *flush], rows)
        total = told(found.total)
        shown.text(", ".join(f"{name} {total[name]}" for name in COLUMNS if total[name] is not None))
        if clocks.read:
            in_class = clocks.standings[Standing.OK]
            shown.text(f"clocks in class: {in_class} of {clocks.read} that were read, {clocks.in_class} %")
        return
    with open(path, "w", encoding="utf-8", newline="") if path else nullcontext(sys.stdout) as file:
        if kind == "csv":
            write_csv(found, file)
        else:
            Output(as_json=True, file=file).document(document(found, clocks))
