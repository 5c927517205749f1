"""`headend register-read`: registers that persons read, with who and when, and what is still to be read."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.billing.hand_reads import Checked, Told
    from headend.config import Config
    from storage.register_reads import RegisterRead

KINDS = ("manual", "hand-held", "customer", "estimated")


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="add|import|list|withdraw|missing", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])

    added = verb("add", "Enter what a meter's registers showed.")
    added.add_argument("name", metavar="METER|POINT")
    added.add_argument("--of", choices=["meter", "point"], default="", help="which of the two has that name")
    added.add_argument("--time", metavar="T", required=True, help="when it was read, ISO 8601")
    added.add_argument(
        "--quantity", metavar="Q=VALUE", action="append", required=True,
        help="as the meter shows it, such as active_energy_import=1234.56; may be repeated",
    )  # fmt: skip
    added.add_argument("--kind", choices=KINDS, default="manual", help="(default: manual)")
    added.add_argument("--reason", metavar="TEXT", default="", help="needed for what is estimated or forced")
    added.add_argument("--force", action="store_true", help="take it although it is doubtful")
    imported = verb("import", "Enter reads from a CSV file: all of them, or none and every bad row is told.")
    imported.add_argument("file", type=Path, metavar="FILE")
    imported.add_argument(
        "--kind", choices=KINDS, default="hand-held", help="of rows that say none (default: hand-held)"
    )
    imported.epilog = (
        "columns: quantity,time,value, meter or point, and perhaps by,kind,reason,force (yes|no); times ISO 8601 with "
        "offset; rows without value are left out, so that the list of `register-read missing` goes in as it is"
    )
    for each in (added, imported):
        each.add_argument("--by", metavar="NAME", default="", help="who read it (default: who you are)")
        each.add_argument("--dry-run", action="store_true", help="check and change nothing")
    listed = verb("list", "What persons read, the latest first.")
    listed.add_argument("names", nargs="*", metavar="METER|POINT")
    listed.add_argument("--from", dest="start", metavar="T")
    listed.add_argument("--to", dest="end", metavar="T")
    listed.add_argument("--withdrawn", action="store_true", help="those that were withdrawn, too")
    listed.add_argument("--limit", type=int, default=1000, metavar="N", help="at most so many (default: 1000)")
    missing = verb("missing", "What is to be read: registers whose bound of a month no source tells.")
    missing.add_argument("--cycle", metavar="YYYY-MM", required=True)
    missing.add_argument("--area", metavar="A", action="append", help="of points in this area now (again for more)")
    missing.add_argument("--point", metavar="P", action="append", help="of this point (again for more)")
    missing.add_argument("--csv", action="store_true", help="as a file to be filled in for `register-read import`")
    withdrawn = verb("withdraw", "Say that a read was wrong: it counts no more, and stays with the reason.")
    withdrawn.add_argument("id", type=int, metavar="NUMBER")
    withdrawn.add_argument("--reason", metavar="TEXT", required=True)
    withdrawn.add_argument("--by", metavar="NAME", default="", help="(default: who you are)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.cli import register_read_missing

    missing = register_read_missing.run
    verbs = {"add": _add, "import": _import, "list": _list, "withdraw": _withdraw, "missing": missing}
    return asyncio.run(verbs[arguments.verb](arguments, output))


async def _add(arguments: argparse.Namespace, output: Output) -> int:
    from headend.billing.hand_reads import Told
    from headend.billing.read_files import number
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.privacy.access import person
    from headend.registry.cells import WrongCell
    from protocols.quantities import quantity
    from storage.register_reads import ReadKind

    config = load(arguments.config)
    now = datetime.now(UTC)
    time = instant(arguments.time, config.zone, now)
    told = []
    for text in arguments.quantity:
        name, _, value = text.partition("=")
        try:
            read = (quantity(name), time, number(value), ReadKind(arguments.kind), arguments.by or person().name)
        except WrongCell:
            raise UsageFault(f"--quantity {text!r}, expected such as active_energy_import=1234.56") from None
        told.append(Told(arguments.name, *read, arguments.reason, arguments.of, arguments.force))
    found, count = await _kept(config, told, keep=not arguments.dry_run)
    if count is None:
        problems = [f"{t.quantity.name}: {key}: {p}" for t, c in zip(told, found, strict=True) for key, p in c.problems]
        raise UsageFault("; ".join(dict.fromkeys(problems)))
    _say(told, found, count, arguments.dry_run, output)
    return 0


async def _import(arguments: argparse.Namespace, output: Output) -> int:
    from headend.billing.read_files import read_sheet
    from headend.config import load
    from headend.privacy.access import person
    from headend.registry.tables import BadRegistry, BadRow
    from storage.register_reads import ReadKind

    config = load(arguments.config)
    bad: list[BadRow] = []
    sheet = read_sheet(arguments.file, arguments.by or person().name, ReadKind(arguments.kind), bad)
    told = [each for _, each in sheet.rows]
    found, count = await _kept(config, told, keep=not bad and not arguments.dry_run)
    for (row, _), each in zip(sheet.rows, found, strict=True):
        bad += [BadRow(str(arguments.file), row, key, problem) for key, problem in each.problems]
    if bad:
        bad.sort(key=lambda one: one.row)
        rows = [{"file": r.file, "row": r.row, "key": r.key, "problem": r.problem} for r in bad]
        output.failure(str(BadRegistry(bad)), "usage", rows=rows)
        return 2
    _say(told, found, count or 0, arguments.dry_run, output, empty=sheet.empty)
    return 0


async def _kept(config: Config, told: list[Told], *, keep: bool) -> tuple[list[Checked], int | None]:
    """What was found of each, and how many were added: None where something is wrong with one."""
    from headend.billing.hand_reads import checked
    from headend.place import store
    from storage.register_reads import RegisterReads

    async with store(config) as opened, RegisterReads(opened.conninfo) as reads:
        found = await checked(reads, told, config.billing, datetime.now(UTC))
        sound = [each.read for each in found if each.read is not None]
        if len(sound) < len(told):
            return found, None
        return found, await reads.add(sound) if keep else 0


def _say(told: list[Told], found: list[Checked], count: int, dry_run: bool, output: Output, *, empty: int = 0) -> None:
    doubts = [
        {"name": t.name, "quantity": t.quantity.name, "time": t.time, "doubt": doubt}
        for t, each in zip(told, found, strict=True)
        for doubt in each.doubts
    ]
    for doubt in doubts:
        output.text(f"taken although doubtful: {doubt['name']}, {doubt['quantity']}: {doubt['doubt']}")
    output.text(f"read {len(told)}, {empty} without value; added {count}")
    if output.as_json:
        output.document({"read": len(told), "empty": empty, "added": count, "doubts": doubts, "dry_run": dry_run})


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.local_time import instant
    from headend.place import store
    from headend.privacy.access import record
    from storage.register_reads import RegisterReads

    config = load(arguments.config)
    now = datetime.now(UTC)
    since = instant(arguments.start, config.zone, now) if arguments.start else None
    until = instant(arguments.end, config.zone, now) if arguments.end else None
    async with store(config) as opened, RegisterReads(opened.conninfo) as reads:
        found = await reads.reads(
            arguments.names or None, since=since, until=until, withdrawn=arguments.withdrawn, limit=arguments.limit
        )
        meters = sorted({read.meter_id for read in found})
        await record(config, opened.conninfo, "register-read list", meters, since, until)
    for read in found if output.as_json else ():
        output.document(_content(read))
    rows = [
        (r.id, r.time.astimezone(config.zone), r.meter, r.point, r.quantity.name, r.value, r.quantity.unit, r.kind,
         r.actor, r.reason, "" if r.withdrawn is None else f"{r.withdrawn.actor}: {r.withdrawn.reason}")
        for r in found
    ]  # fmt: skip
    heading = ["number>", "time", "meter", "point", "quantity", "value>", "unit", "kind", "by", "reason", "withdrawn"]
    output.table(heading, rows)
    return 0


def _content(read: RegisterRead) -> dict[str, Any]:
    gone = read.withdrawn
    return {
        "id": read.id, "meter": read.meter, "point": read.point, "quantity": read.quantity.name, "time": read.time,
        "value": read.value, "unit": str(read.quantity.unit), "kind": str(read.kind), "by": read.actor,
        "reason": read.reason, "entered": read.entered,
        "withdrawn": None if gone is None else {"id": gone.id, "by": gone.actor, "reason": gone.reason, "at": gone.at},
    }  # fmt: skip


async def _withdraw(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.privacy.access import person
    from storage.register_reads import RegisterReads

    by = arguments.by or person().name
    async with store(load(arguments.config)) as opened, RegisterReads(opened.conninfo) as reads:
        number = await reads.withdraw(arguments.id, by, arguments.reason)
    output.text(f"register read {arguments.id} is withdrawn by {by} (number {number})")
    if output.as_json:
        output.document({"id": arguments.id, "withdrawn": number, "by": by, "reason": arguments.reason})
    return 0
