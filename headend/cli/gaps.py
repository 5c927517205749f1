"""`headend gaps`: what the plans expect, what came, and what is missing with its reason."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headend.cli.output import Output

if TYPE_CHECKING:
    from headend.place import Store
    from storage.ledger import Balance

STATES = ("received", "recovered", "estimated", "unrecoverable", "open")
EPILOG = """\
Every expected capture is in exactly one state: received, recovered (it was missed, and had from the meter's memory
later), estimated, unrecoverable (the meter has not kept it or keeps nothing, or its plan's horizon has passed), open.
They add up to what is expected.

examples:
  headend gaps                                        the balance of the last day
  headend gaps --from 2026-11-01 --by day
  headend gaps --by meter --state open                the worst meters first
  headend gaps METER-0001 --state unrecoverable --state open --list
"""


def add(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("meters", nargs="*", metavar="METER", help="only these (default: all)")
    parser.add_argument("--from", dest="start", metavar="T", help="first moment, ISO 8601 (default: a day before --to)")
    parser.add_argument("--to", dest="end", metavar="T", help="the moment after the last, ISO 8601 (default: now)")
    parser.add_argument("--by", choices=["day", "meter", "reason", "line", "area"], help="a row each")
    parser.add_argument(
        "--state", action="append", choices=STATES, metavar="S", help="only rows that have some of it (again for more)"
    )
    parser.add_argument("--list", action="store_true", help="the slots themselves, newest first")
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="at most so many rows (default: 1000)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_gaps(arguments, output))


async def _gaps(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store

    config = load(arguments.config)
    end = instant(arguments.end, config.zone, datetime.now(UTC))
    start = instant(arguments.start, config.zone, end - timedelta(days=1))
    if start >= end:
        raise UsageFault(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    if arguments.list and arguments.by:
        raise UsageFault("--list and --by exclude each other")
    if arguments.state and not (arguments.list or arguments.by):
        raise UsageFault("--state chooses among the rows of --by or --list")
    if arguments.limit < 1:
        raise UsageFault(f"--limit is {arguments.limit}, expected at least 1")
    async with store(config) as opened:
        known = {meter.name: meter for meter in await opened.registry.meters()}
        if unknown := sorted(set(arguments.meters) - known.keys()):
            raise UsageFault(f"no meter named {unknown[0]!r} in the registry (see headend meter list)")
        meters = [known[name].id for name in arguments.meters] or None
        if arguments.list:
            return await _slots(arguments, output, opened, (start, end), {m.id: m.name for m in known.values()})
        total = await opened.ledger.balance(start, end, meters)
        rows = await _rows(arguments.by, opened, config.timezone, (start, end), meters)
    wanted = arguments.state or STATES
    rows = [(name, one) for name, one in rows if any(one.counts[state] for state in wanted)][: arguments.limit]
    document: dict[str, Any] = {"from": start, "to": end, **total.counts, "reasons": dict(total.reasons)}
    if arguments.by:
        document["by"] = arguments.by
        document["rows"] = [{arguments.by: name, **one.counts} for name, one in rows]
    if output.as_json:
        output.document(document)
    if arguments.by:
        columns = [arguments.by, *(f"{name}>" for name in total.counts)]
        output.table(columns, [(name, *one.counts.values()) for name, one in rows])
    output.text(", ".join(f"{name} {count}" for name, count in total.counts.items()))
    if total.reasons and not arguments.by:
        told = sorted(total.reasons.items(), key=lambda reason: -reason[1])
        output.text("missing: " + ", ".join(f"{reason} {count}" for reason, count in told))
    return 0


async def _rows(
    by: str | None, opened: Store, zone: str, span: tuple[datetime, datetime], meters: list[int] | None
) -> list[tuple[str, Balance]]:
    """By day in order of time, else those with most that is missing first."""
    from storage.ledger import Balance, State

    if by is None:
        return []
    if by == "day":
        days = await opened.ledger.by_day(*span, zone, meters)
        return [(day.isoformat(), Balance(states, {})) for day, states in sorted(days.items())]
    found: dict[str, Balance] = {}
    if by == "reason":
        found = await opened.ledger.by_reason(*span, meters)
    else:
        names = await _names(by, opened, span[1])
        for meter_id, balance in (await opened.ledger.by_meter(*span, meters)).items():
            for name in names.get(meter_id, ("",)):
                found[name] = found[name] + balance if name in found else balance

    def missing(row: tuple[str, Balance]) -> tuple[int, str]:
        return -(row[1].states[State.OPEN] + row[1].states[State.UNRECOVERABLE]), row[0]

    return sorted(found.items(), key=missing)


async def _names(by: str, opened: Store, at: datetime) -> dict[int, tuple[str, ...]]:
    """Meter to what it is counted under; a meter that measures an area is counted there, too."""
    if by == "area":
        return {meter: tuple(sorted(areas)) or ("",) for meter, (areas, _) in (await opened.ledger.places(at)).items()}
    return {m.id: (m.name if by == "meter" else m.line,) for m in await opened.registry.meters()}


async def _slots(
    arguments: argparse.Namespace,
    output: Output,
    opened: Store,
    span: tuple[datetime, datetime],
    names: dict[int, str],
) -> int:
    from headend.collection.recovery import lacking
    from storage.ledger import State

    states = [State(state) for state in arguments.state or ("open", "unrecoverable")]
    ids = {name: number for number, name in names.items()}
    meters = [ids[name] for name in arguments.meters] or None
    rows = []
    for slot in await opened.ledger.slots(*span, meters, states, limit=arguments.limit):
        quantities = [quantity.name for quantity in lacking(slot.layout, slot.lacking)]
        told = {
            "meter": names[slot.meter_id], "time": slot.time, "state": str(slot.state), "reason": slot.reason,
            "tries": slot.tries, "tried": slot.tried, "lacking": quantities,
        }  # fmt: skip
        if output.as_json:
            output.document(told)
        rows.append((*(told[key] for key in ("meter", "time", "state", "reason", "tries")), " ".join(quantities)))
    output.table(["meter", "time", "state", "reason", "tries>", "lacking"], rows)
    return 0
