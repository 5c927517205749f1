"""`headend theft`: which meters an inspector should look at first, and what became of it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from analytics.theft import Evidence, Frame, Outcome, Scan

_FILES = ("area_meter", "areas", "events", "outcomes", "unit")


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common
    from headend.cli.theft_case import add_case

    verbs = parser.add_subparsers(dest="verb", metavar="scan|case", required=True)
    sentence = "One score a meter, with reasons and an estimate of what was not reported."
    scanned = verbs.add_parser("scan", help=sentence, description=sentence, parents=[common()])
    scanned.add_argument("--from", dest="start", metavar="DAY", help="first local day (default: 92 days before --to)")
    scanned.add_argument("--to", dest="end", metavar="DAY", help="the day after the last (default: today)")
    scanned.add_argument("--area", action="append", metavar="A", help="only its meters (again for more)")
    scanned.add_argument("--open", type=int, metavar="N", help="open or update cases of the N worst")
    scanned.add_argument(
        "--reported", metavar="FILE", help="not the database: energies, CSV or Parquet, times and a column a meter"
    )
    scanned.add_argument("--area-meter", metavar="FILE", help="the same of total meters, one column an area")
    scanned.add_argument("--areas", metavar="FILE", help="CSV meter_id,area")
    scanned.add_argument("--events", metavar="FILE", help="CSV meter_id,time,kind: what meters and voltages told")
    scanned.add_argument("--outcomes", metavar="FILE", help="CSV meter_id,date,found: what inspectors found, 0 or 1")
    scanned.add_argument("--unit", choices=["Wh", "kWh"], help="of the files' energies (default: by their size)")
    scanned.add_argument("--seed", type=int, default=1, metavar="N", help="of the thefts that the prior is trained on")
    scanned.add_argument("--area-report", metavar="FILE", help="CSV of each area's energy, loss and unreported energy")
    scanned.add_argument("-o", "--output", metavar="FILE", help="CSV of all meters (default: the worst on stdout)")
    sentence = "Cases of suspicion: who looks at them, and what was found."
    add_case(verbs.add_parser("case", help=sentence, description=sentence, parents=[common()]))
    parser.epilog = "A score is a hint for an inspector, never a reason to switch or to bill."


def run(arguments: argparse.Namespace, output: Output) -> int:
    if arguments.verb == "case":
        from headend.cli.theft_case import run_case

        return run_case(arguments, output)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the areas have the cores already
    if arguments.reported:
        found, notes, wh, only = _from_files(arguments)
    else:
        found, notes, wh, only = asyncio.run(_from_database(arguments))
    _tell(found, notes, wh, only, arguments, output)
    return 0


def _from_files(arguments: argparse.Namespace) -> tuple[Scan, Sequence[str], float, frozenset[str] | None]:
    import numpy as np

    from headend.errors import UsageFault
    from headend.theft import files

    if bool(arguments.area_meter) != bool(arguments.areas):
        raise UsageFault("--area-meter and --areas go together")
    for name in ("start", "end", "area", "open"):
        if getattr(arguments, name) is not None:
            raise UsageFault(f"--{ {'start': 'from', 'end': 'to'}.get(name, name) } is for the database, not for files")
    reported, notes = files.frame(arguments.reported)
    totals = None
    if arguments.area_meter:
        totals, more = files.frame(arguments.area_meter)
        notes += more
    membership = files.membership(arguments.areas) if arguments.areas else []
    events = files.evidence(arguments.events) if arguments.events else []
    outcomes = files.outcomes(arguments.outcomes) if arguments.outcomes else []
    with np.errstate(invalid="ignore"):
        wh = {"Wh": 1.0, "kWh": 1000.0, None: files.size_of_unit(reported)}[arguments.unit]
    return _scanned((reported, totals, membership, events, outcomes), arguments), notes, wh, None


async def _from_database(
    arguments: argparse.Namespace,
) -> tuple[Scan, Sequence[str], float, frozenset[str] | None]:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.place import store
    from headend.privacy.access import person, record
    from headend.theft.cases import suspicions
    from headend.theft.stored import given
    from storage.theft import Cases

    if stray := [f"--{name.replace('_', '-')}" for name in _FILES if getattr(arguments, name)]:
        raise UsageFault(f"{stray[0]} needs --reported")
    if arguments.open is not None and arguments.open < 1:
        raise UsageFault(f"--open is {arguments.open}, expected at least 1")
    config = load(arguments.config)
    until = _day(arguments.end) or datetime.now(UTC).astimezone(config.zone).date()
    first = _day(arguments.start) or until - timedelta(days=92)
    if first >= until:
        raise UsageFault(f"--from {first} is not before --to {until}")
    span = [datetime(d.year, d.month, d.day, tzinfo=config.zone) for d in (first, until)]
    async with store(config) as opened:
        await record(config, opened.conninfo, "theft scan", None, *span, areas=arguments.area)
        read = await given(opened.conninfo, (first, until), config.zone, arguments.area)
        found = _scanned((read.reported, read.totals, read.membership, read.events, read.outcomes), arguments)
        if arguments.open:
            worst = suspicions(found, arguments.open, (first, until), dict(read.membership), read.told, arguments.seed)
            async with Cases(opened.conninfo) as cases:
                await cases.suspect(worst, person().name)
    return found, (), 1.0, read.told


def _scanned(
    given: tuple[Frame, Frame | None, Sequence[tuple[str, str]], Sequence[Evidence], Sequence[Outcome]],
    arguments: argparse.Namespace,
) -> Scan:
    from analytics.errors import FrameUnusable
    from analytics.theft import Settings, scan
    from headend.errors import UsageFault

    try:
        return scan(*given, Settings(seed=arguments.seed))
    except FrameUnusable as error:
        raise UsageFault(f"{arguments.reported or 'the database'}: {error}") from None


def _day(text: str | None) -> date | None:
    from headend.errors import UsageFault

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"{text!r} is no day, expected one such as 2026-11-22") from None


def _tell(
    found: Scan,
    notes: Sequence[str],
    wh: float,
    only: frozenset[str] | None,
    arguments: argparse.Namespace,
    output: Output,
) -> None:
    from headend.theft import files

    for note in (*notes, *found.notes):
        print(f"headend: {note}", file=sys.stderr)
    rows = [row for row in files.told(found, wh) if only is None or row["meter_id"] in only]
    if arguments.area_report:
        with open(arguments.area_report, "w", encoding="utf-8", newline="") as file:
            files.write_areas(found, wh, file)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8", newline="") as file:
            files.write(rows, file)
    if output.as_json:
        output.document({"meters": rows, "areas": files.told_areas(found, wh), "notes": [*notes, *found.notes]})
    elif not arguments.output:
        cells = [
            (r["rank"], r["meter_id"], f"{r['score']:.3f}", r["estimated_kwh"], _why(r)) for r in rows[:20]
        ]  # fmt: skip
        output.table(["rank>", "meter", "score>", "kWh>", "reasons"], cells)


def _why(row: dict[str, Any]) -> str:
    return "; ".join(reason["text"] for reason in row["reasons"])
