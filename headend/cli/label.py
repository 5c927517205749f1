"""`headend label`: what kind of customer it is, by rules, with evidence and an end."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from headend.cli.output import Output

_COLUMNS: Final = ("meter", "label", "value", "rule", "version", "evidence", "valid_from", "expires")


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.forecast import source
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    ran = verb("run", "Label customers by their loads and outages; those of the database are kept with their history.")
    source(ran)
    ran.add_argument("--unit", choices=["Wh", "kWh"], help="of the energies in --reported (default: by their size)")
    ran.add_argument("--exports", metavar="FILE", help="energies fed in, a table as --reported")
    ran.add_argument("--outages", metavar="FILE", help="CSV meter_id,start,end")
    ran.add_argument(
        "--calendar", metavar="NAME", help="holidays that are shipped, such as cn; none (default: by zone)"
    )
    ran.add_argument(
        "--holidays", metavar="FILE", help="further holidays: a table of dates, or of times with a column holiday"
    )
    ran.add_argument("--rules", metavar="FILE", help="TOML, in the place of the shipped rules")
    ran.add_argument("--at", metavar="T", help="from when on the labels hold (default: now)")
    ran.add_argument("--by", default="", metavar="WHO", help="who had them given (default: you)")
    ran.add_argument("--dry-run", action="store_true", help="of the database: only say what would be kept")
    ran.add_argument("-o", "--output", metavar="FILE", help="CSV of all labels")
    listed = verb("list", "Labels that hold.")
    listed.add_argument("--label", action="append", metavar="NAME", help="only these")
    listed.add_argument("--point", action="append", metavar="P", help="only of these usage points")
    listed.add_argument("--at", metavar="T", help="at that moment (default: now)")
    shown = verb("show", "A usage point's labels, with evidence and history.")
    shown.add_argument("point", metavar="POINT")
    parser.epilog = "A label is a hint from rules, told with its evidence; it expires unless it is confirmed."


def run(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.errors import FrameUnusable
    from headend.errors import UsageFault

    if arguments.verb != "run":
        return asyncio.run(_stored(arguments, output))
    try:
        return _files(arguments, output) if arguments.reported else asyncio.run(_database(arguments, output))
    except FrameUnusable as error:
        raise UsageFault(f"{arguments.reported or 'database'}: {error}") from None


def _asked(arguments: argparse.Namespace, zone: Any) -> Any:
    from headend.labelling.work import Asked
    from headend.local_time import instant

    at = instant(arguments.at, zone, datetime.now(UTC))
    return Asked(at, arguments.calendar, arguments.holidays, arguments.rules)


def _files(arguments: argparse.Namespace, output: Output) -> int:
    from zoneinfo import ZoneInfo

    from headend.cli.forecast import given
    from headend.labelling.work import from_files, labelled

    series = given(arguments, unit=arguments.unit)
    asked = _asked(arguments, series.zone or ZoneInfo("UTC"))
    found = labelled(series, from_files(series, arguments.exports, arguments.outages), asked)
    _tell([*series.notes, *found.notes], (_spelled(one) for one in found.labels), arguments, output, None)
    return 0


async def _database(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli.forecast import check_source, noticed, span_of
    from headend.config import load
    from headend.errors import UsageFault
    from headend.labelling.work import from_database, keep, labelled, read_rules
    from headend.place import store
    from headend.privacy.access import person

    check_source(arguments)
    for option in ("exports", "outages", "unit"):
        if getattr(arguments, option):
            raise UsageFault(f"--{option} goes with --reported")
    config = load(arguments.config)
    days = span_of(arguments, config.zone)
    asked = _asked(arguments, config.zone)
    async with store(config) as opened:
        await noticed(arguments, config, opened, "label run", days)
        series, further = await from_database(config, opened.conninfo, days, arguments.area, arguments.step, asked.at)
        found = await asyncio.to_thread(labelled, series, further, asked)
        number = None
        if not arguments.dry_run:
            from analytics.labels import shipped

            version = (read_rules(arguments.rules) or shipped()).version
            about = {"from": str(days[0]), "to": str(days[1]), "areas": arguments.area}
            number = await keep(opened.conninfo, found, asked, version, about, arguments.by or person().name)
    _tell([*series.notes, *found.notes], (_spelled(one) for one in found.labels), arguments, output, number)
    return 0


async def _stored(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import HeadendError
    from headend.local_time import instant
    from headend.place import store
    from headend.privacy.access import record
    from storage.labels import Labels

    config = load(arguments.config)
    async with store(config) as opened, Labels(opened.conninfo) as labels:
        points = [arguments.point] if arguments.verb == "show" else arguments.point
        stays = None if points is None else await opened.registry.installations(points)
        meters = None if stays is None else sorted({stay.meter_id for stay in stays})
        await record(config, opened.conninfo, f"label {arguments.verb}", meters)
        if arguments.verb == "list":
            at = instant(arguments.at, config.zone, datetime.now(UTC))
            found = await labels.current(arguments.point, at, arguments.label)
        else:
            if arguments.point not in {point.name for point in await opened.registry.usage_points()}:
                raise HeadendError(f"no usage point named {arguments.point!r}")
            found = await labels.history(arguments.point)
    rows = [
        {
            "point": one.point, "label": one.label, "value": one.value, "rule": one.rule, "version": one.version,
            "evidence": one.evidence, "valid_from": one.valid_from, "expires": one.expires,
            "superseded": one.superseded, "run": one.run,
        }
        for one in found
    ]  # fmt: skip
    if output.as_json:
        output.document({"labels": rows})
    names = ("point", "label", "value", "version", "valid_from", "expires", "superseded", "evidence")
    output.table(names, [[_cell(row[name], config.zone) for name in names] for row in rows])
    return 0


def _spelled(one: Any) -> dict[str, Any]:
    return {
        "meter": one.name, "label": one.label, "value": one.value, "rule": one.rule, "version": one.version,
        "evidence": dict(one.evidence), "valid_from": one.valid_from, "expires": one.expires,
    }  # fmt: skip


def _tell(
    notes: Iterable[str],
    labels: Iterable[dict[str, Any]],
    arguments: argparse.Namespace,
    output: Output,
    number: int | None,
) -> None:
    from collections import Counter

    from headend.forecasting.told import write_csv

    rows, notes = list(labels), list(notes)
    for note in notes:
        print(f"headend: {note}", file=sys.stderr)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8", newline="") as file:
            write_csv(_COLUMNS, (tuple(_cell(row[name], None) for name in _COLUMNS) for row in rows), file)
    if output.as_json:
        output.document({"run": number, "labels": rows, "notes": notes})
    counted = Counter((row["label"], row["value"] if not row["value"][:1].isdigit() else "") for row in rows)
    output.table(["label", "value", "customers>"], [(*key, count) for key, count in sorted(counted.items())])


def _cell(value: Any, zone: Any) -> Any:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={text}" for key, text in value.items())
    if isinstance(value, datetime):
        return (value.astimezone(zone) if zone else value).isoformat(timespec="seconds")
    return value
