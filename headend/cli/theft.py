"""`headend theft`: which meters an inspector should look at first."""

from __future__ import annotations

import argparse
import sys

from headend.cli.output import Output


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="scan", required=True)
    sentence = "One score a meter, with reasons and an estimate of what was not reported."
    scanned = verbs.add_parser("scan", help=sentence, description=sentence, parents=[common()])
    scanned.add_argument(
        "--reported", metavar="FILE", required=True, help="energies, CSV or Parquet: a column of times, one a meter"
    )
    scanned.add_argument("--area-meter", metavar="FILE", help="the same of total meters, one column an area")
    scanned.add_argument("--areas", metavar="FILE", help="CSV meter_id,area")
    scanned.add_argument("--events", metavar="FILE", help="CSV meter_id,time,kind: what meters and voltages told")
    scanned.add_argument("--outcomes", metavar="FILE", help="CSV meter_id,date,found: what inspectors found, 0 or 1")
    scanned.add_argument("--unit", choices=["Wh", "kWh"], help="of the energies (default: by their size)")
    scanned.add_argument("--seed", type=int, default=1, metavar="N", help="of the thefts that the prior is trained on")
    scanned.add_argument("--area-report", metavar="FILE", help="CSV of each area's energy, loss and unreported energy")
    scanned.add_argument("-o", "--output", metavar="FILE", help="CSV of all meters (default: the worst on stdout)")
    parser.epilog = "A score is a hint for an inspector, never a reason to switch or to bill."


def run(arguments: argparse.Namespace, output: Output) -> int:
    import numpy as np

    from analytics.errors import FrameUnusable
    from analytics.theft import Settings, scan
    from headend import theft_files as files
    from headend.errors import UsageFault

    if bool(arguments.area_meter) != bool(arguments.areas):
        raise UsageFault("--area-meter and --areas go together")
    reported, notes = files.frame(arguments.reported)
    totals = None
    if arguments.area_meter:
        totals, more = files.frame(arguments.area_meter)
        notes += more
    membership = files.membership(arguments.areas) if arguments.areas else []
    events = files.evidence(arguments.events) if arguments.events else []
    outcomes = files.outcomes(arguments.outcomes) if arguments.outcomes else []
    try:
        found = scan(reported, totals, membership, events, outcomes, Settings(seed=arguments.seed))
    except FrameUnusable as error:
        raise UsageFault(f"{arguments.reported}: {error}") from None
    for note in (*notes, *found.notes):
        print(f"headend: {note}", file=sys.stderr)
    with np.errstate(invalid="ignore"):
        wh = {"Wh": 1.0, "kWh": 1000.0, None: files.size_of_unit(reported)}[arguments.unit]
    rows = list(files.told(found, wh))
    if arguments.area_report:
        with open(arguments.area_report, "w", encoding="utf-8", newline="") as file:
            files.write_areas(found, wh, file)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8", newline="") as file:
            files.write(rows, file)
    if output.as_json:
        output.document({"meters": rows, "areas": files.told_areas(found, wh), "notes": [*notes, *found.notes]})
    elif not arguments.output:
        output.table(
            ["rank>", "meter", "score>", "kWh>", "reasons"],
            [
                (
                    r["rank"],
                    r["meter_id"],
                    f"{r['score']:.3f}",
                    r["estimated_kwh"],
                    "; ".join(w["text"] for w in r["reasons"]),
                )
                for r in rows[:20]
            ],
        )
    return 0
