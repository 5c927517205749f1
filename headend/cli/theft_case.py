"""`headend theft case`: what becomes of suspicions."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.config import Config
    from storage.theft import Case, Cases

STATUSES: Final = ("new", "assigned", "inspected-confirmed", "inspected-clear", "closed")


def add_case(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="deed", metavar="list|show|open|set-status|outcome|export", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=sentence, description=sentence, parents=[common()])
        if name not in ("list", "open"):
            made.add_argument("case", type=int, metavar="CASE")
        return made

    listed = verb("list", "All cases, open ones first, the highest score first.")
    listed.add_argument("--status", action="append", choices=STATUSES, help="only these")
    listed.add_argument("--meter", action="append", metavar="M", help="only of these meters")
    verb("show", "One case with its reasons and history.")
    opened = verb("open", "A case that no scan has opened: a hint, or an inspection at random.")
    opened.add_argument("meter", metavar="METER")
    opened.add_argument("--note", default="", metavar="TEXT")
    status = verb("set-status", "Who looks at it, or that it is over.")
    status.add_argument("status", choices=[s for s in STATUSES if not s.startswith("inspected")])
    status.add_argument("--note", default="", metavar="TEXT", help="such as to whom it is assigned")
    found = verb("outcome", "What inspectors found; the next scan learns from it.")
    found.add_argument("--found", choices=["yes", "no"], required=True)
    found.add_argument("--date", metavar="DAY", help="of the inspection (default: today)")
    found.add_argument("--note", default="", metavar="TEXT")
    verb("export", "The case file: case.json, days.png, balance.png.").add_argument(
        "-o", "--output", metavar="DIR", required=True
    )


def run_case(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_run(arguments, output))


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from storage.theft import Cases

    config = load(arguments.config)
    async with store(config) as opened, Cases(opened.conninfo) as cases:
        if arguments.deed == "list":
            await _list(arguments, cases, config, output)
            return 0
        number = await _done(arguments, cases, config)
        case = await cases.case(number)
        if arguments.deed == "export":
            await _export(arguments, opened.conninfo, cases, case, config, output)
        else:
            await _show(cases, case, config, output)
    return 0


async def _done(arguments: argparse.Namespace, cases: Cases, config: Config) -> int:
    """Do what is asked of the case; its number."""
    from headend.errors import UsageFault
    from headend.privacy.access import person
    from storage.theft import CaseStatus

    actor = person().name
    if arguments.deed == "open":
        return await cases.open(arguments.meter, actor, arguments.note)
    if arguments.deed == "set-status":
        await cases.set_status(arguments.case, CaseStatus(arguments.status), actor, arguments.note)
    if arguments.deed == "outcome":
        today = datetime.now(UTC).astimezone(config.zone).date()
        try:
            inspected = today if arguments.date is None else date.fromisoformat(arguments.date)
        except ValueError:
            raise UsageFault(f"--date {arguments.date!r} is no day, expected one such as 2026-11-22") from None
        if inspected > today:
            raise UsageFault(f"--date {inspected} is yet to come")
        await cases.outcome(arguments.case, arguments.found == "yes", inspected, actor, arguments.note)
    number: int = arguments.case
    return number


async def _list(arguments: argparse.Namespace, cases: Cases, config: Config, output: Output) -> None:
    from headend.theft.cases import told
    from storage.theft import CaseStatus

    statuses = None if arguments.status is None else [CaseStatus(status) for status in arguments.status]
    found = await cases.cases(statuses=statuses, meters=arguments.meter)
    for case in found if output.as_json else ():
        output.document(told(case))
    output.table(
        ["case>", "meter", "status", "since", "score>", "kWh>", "first reason"],
        [
            (c.id, c.meter, c.status, f"{c.since.astimezone(config.zone):%Y-%m-%d %H:%M}", *_figures(c))
            for c in found
        ],
    )  # fmt: skip


def _figures(case: Case) -> tuple[Any, Any, str]:
    if case.suspicion is None:
        return None, None, ""
    reasons = case.suspicion.evidence.get("reasons") or [{"text": ""}]
    return f"{case.suspicion.score:.3f}", case.suspicion.estimated_kwh, reasons[0]["text"]


async def _show(cases: Cases, case: Case, config: Config, output: Output) -> None:
    from headend.theft.cases import told, told_history

    history = await cases.history(case.id)
    if output.as_json:
        output.document({**told(case), "history": told_history(history)})
        return
    output.text(f"case {case.id} of {case.meter}: {case.status}")
    if case.suspicion is not None:
        one = case.suspicion
        output.text(f"{one.first} to {one.until}: score {one.score:.3f}, rank {one.rank}, {one.estimated_kwh} kWh")
        for reason in one.evidence.get("reasons", ()):
            output.text(f"  {reason['code']}: {reason['text']}")
    for entry in history:
        moment = f"{entry.at.astimezone(config.zone):%Y-%m-%d %H:%M}"
        what = f"score {entry.score:.3f}" if entry.score is not None else ""
        output.text("  ".join(filter(None, [moment, entry.actor, entry.kind, entry.status, what, entry.note])))


async def _export(
    arguments: argparse.Namespace, conninfo: str, cases: Cases, case: Case, config: Config, output: Output
) -> None:
    from headend.privacy.access import record
    from headend.theft.export import export

    await record(
        config, conninfo, "theft case export", None, case=case.id, meter=case.meter, directory=arguments.output
    )
    history = await cases.history(case.id)
    made = await export(conninfo, case, history, config.zone, Path(arguments.output))
    for path in made:
        output.text(str(path))
    if output.as_json:
        output.document({"case": case.id, "files": [str(path) for path in made]})
