"""`headend recollect`: what is missing is asked for once more, by the daemons."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from datetime import UTC, datetime

from headend.cli.output import Output

EPILOG = """\
What was given up or tried in vain is open again, however long ago it is; a running daemon notices within seconds and
asks the meters' memories as it has time. What has come meanwhile is left alone.

example:
  headend recollect METER-0001 --from 2026-11-01 --to 2026-11-03
"""


def add(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("meters", nargs="*", metavar="METER", help="only these (default: all)")
    parser.add_argument("--from", dest="start", metavar="T", required=True, help="first moment, ISO 8601")
    parser.add_argument("--to", dest="end", metavar="T", help="the moment after the last, ISO 8601 (default: now)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_recollect(arguments, output))


async def _recollect(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.requests.asking import lives
    from storage.ledger import State
    from storage.requests import RequestTable

    config = load(arguments.config)
    now = datetime.now(UTC)
    end = instant(arguments.end, config.zone, now)
    start = instant(arguments.start, config.zone, now)
    if start >= end:
        raise UsageFault(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    async with store(config) as opened:
        known = {meter.name: meter.id for meter in await opened.registry.meters()}
        if unknown := sorted(set(arguments.meters) - known.keys()):
            raise UsageFault(f"no meter named {unknown[0]!r} in the registry (see headend meter list)")
        meters = [known[name] for name in arguments.meters] or None
        reopened = await opened.ledger.reopen(start, end, meters)
        left = (await opened.ledger.balance(start, end, meters)).states[State.OPEN]
        told = {"reopened": reopened, "open": left, "meters": arguments.meters}
        async with RequestTable(opened.conninfo) as table:
            number = await table.recollect(start, end, getpass.getuser(), told)
        alive = await lives(opened)
    if output.as_json:
        output.document({"id": number, "from": start, "to": end, **told, "daemon": alive})
    output.text(f"{reopened} were given up or tried before and are open again; {left} are open in that span")
    if not alive:
        output.text("no daemon lives: they are asked for when one runs")
    return 0
