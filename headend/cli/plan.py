"""`headend plan`: the configured plans, and what is due of them."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headend.collection.line import LinePath
    from headend.collection.survey import MeterPath
    from headend.config import Config
    from headend.place import Store

EPILOG = """\
What is due follows from the time, the plans and the registry; what is left of it, from the ledger. No daemon is asked,
and another time may be named: what was due then, or will be.
"""


def add(parser: argparse.ArgumentParser) -> None:
    from headend.cli.main import common

    verbs = parser.add_subparsers(dest="verb", metavar="list|due", required=True)

    def verb(name: str, sentence: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=sentence,
            description=sentence,
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common()],
        )

    verb("list", "The plans, how many meters each means, and its next slot.")
    wanted = verb("due", "What may be asked for now, by line and plan.")
    wanted.add_argument("--at", metavar="T", help="at that moment, ISO 8601 (default: now)")
    wanted.add_argument("--line", action="append", metavar="LINE", help="of this line (again for more; default: all)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run({"list": _list, "due": _due}[arguments.verb](arguments, output))


async def _list(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.place import store
    from headend.registry.known import plans_of
    from headend.work.under_way import selected

    config, now = load(arguments.config), datetime.now(UTC)
    async with store(config) as opened:
        lines = await _lines(config, opened)
    rows = []
    for table, plan in zip(config.plan, plans_of(config), strict=True):
        told: dict[str, Any] = {
            "plan": plan.name,
            "kind": str(plan.kind),
            "when": next(f"{key} {text}" for key in ("every", "daily", "monthly") if (text := getattr(table, key))),
            "priority": plan.priority.name.lower(),
            "quantities": [quantity.name for quantity in plan.quantities],
            "meters": sum(len(selected(plan, line, meters)) for line, meters in lines),
            "next": plan.schedule.next(now),
        }
        if output.as_json:
            output.document(told)
        rows.append(
            (*(told[key] for key in ("plan", "kind", "when", "priority")), len(plan.quantities), told["meters"],
             told["next"].astimezone(config.zone))
        )  # fmt: skip
    output.table(["plan", "kind", "when", "priority", "quantities>", "meters>", "next slot"], rows)
    return 0


async def _due(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.registry.known import plans_of
    from headend.work.under_way import due_at

    config = load(arguments.config)
    now = instant(arguments.at, config.zone, datetime.now(UTC))
    rows = []
    async with store(config) as opened:
        lines = await _lines(config, opened)
        if unknown := sorted(set(arguments.line or ()) - {line.name for line, _ in lines}):
            raise UsageFault(f"no line named {unknown[0]!r} that is polled (see headend meter list)")
        wanted = [pair for pair in lines if not arguments.line or pair[0].name in arguments.line]
        for due in due_at(plans_of(config), wanted, now):
            left: int | None = None
            if due.plan.kind.is_expected:
                left = 0
                for slot in due.slots:
                    there = await opened.ledger.balance(slot, slot + timedelta(microseconds=1), due.meters)
                    left += sum(there.reasons.values())
            told: dict[str, Any] = {
                "line": due.line, "plan": due.plan.name, "kind": str(due.plan.kind), "meters": len(due.meters),
                "slots": len(due.slots), "first": due.slots[0], "last": due.slots[-1], "expires": due.expires,
                "left": left,
            }  # fmt: skip
            if output.as_json:
                output.document(told)
            moments = (told[key].astimezone(config.zone) for key in ("first", "last", "expires"))
            rows.append((due.line, due.plan.name, str(due.plan.kind), len(due.meters), len(due.slots), *moments, left))
    output.table(["line", "plan", "kind", "meters>", "slots>", "first", "last", "expires", "captures left>"], rows)
    return 0


async def _lines(config: Config, opened: Store) -> Sequence[tuple[LinePath, Sequence[MeterPath]]]:
    from headend.registry.known import by_line

    places = await opened.ledger.places(datetime.now(UTC))
    return by_line(await opened.registry.lines(), await opened.registry.meters(), config.zone, places)
