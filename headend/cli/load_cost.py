"""`headend load balance|notice|accounts`: cost control."""

from __future__ import annotations

import argparse
import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from headend.cli.output import Output


async def balance(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from storage.load_control import LoadControl

    config = load(arguments.config)
    rows, problems, now = [], [], datetime.now(UTC)
    reader = csv.DictReader(arguments.text.splitlines())
    if reader.fieldnames is None or set(reader.fieldnames) != {"point", "balance", "at"}:
        raise UsageFault(f"{arguments.file}: expected the columns point, balance, at")
    for number, row in enumerate(reader, 2):
        try:
            amount = Decimal(row["balance"] or "")
            at = instant(row["at"] or "", config.zone, now)
            if not amount.is_finite() or at > now + timedelta(minutes=5) or not row["point"]:
                raise ValueError
        except (InvalidOperation, ValueError, UsageFault):
            problems.append(f"line {number}: expected a point, a balance and a time that is not to come")
            continue
        rows.append((row["point"], amount, at))
    if problems:
        raise UsageFault(f"{arguments.file}: {'; '.join(problems[:20])}")
    if not arguments.dry_run:
        async with store(config) as opened, LoadControl(opened.conninfo) as kept:
            await kept.add_balances(rows, arguments.by)
    output.text(f"{len(rows)} balances{' would be' if arguments.dry_run else ''} stored")
    if output.as_json:
        output.document({"balances": len(rows), "stored": not arguments.dry_run})
    return 0


async def notice(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from storage.load_control import LoadControl

    config, now = load(arguments.config), datetime.now(UTC)
    at = instant(arguments.at, config.zone, now) if arguments.at else now
    if at > now:
        raise UsageFault(f"--at: {at.isoformat()} is to come")
    if not arguments.proof.strip():
        raise UsageFault("--proof: expected a reference")
    async with store(config) as opened, LoadControl(opened.conninfo) as kept:
        await kept.add_notice(arguments.point, arguments.kind, arguments.proof, at, arguments.by)
    output.text(f"{arguments.point}: {arguments.kind} at {at.isoformat()}, {arguments.proof}")
    if output.as_json:
        output.document({"point": arguments.point, "kind": arguments.kind, "at": at, "proof": arguments.proof})
    return 0


async def accounts(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.load_control.programme import ProgrammeFault
    from headend.api.client import Client
    from headend.cli.load_events import draft, programme_of
    from headend.config import load
    from headend.duration import seconds
    from headend.errors import UsageFault
    from headend.load_control.accounts import orders, wants
    from headend.place import store
    from storage.load_control import LoadControl

    config, now = load(arguments.config), datetime.now(UTC)
    try:
        fresh = timedelta(seconds=seconds(arguments.fresh))
    except ValueError as error:
        raise UsageFault(f"--fresh: {error}") from error
    drafted = []
    async with store(config) as opened, LoadControl(opened.conninfo) as kept:
        try:
            programme = await programme_of(kept, arguments.programme)
            found = await wants(kept, programme, now, fresh)
        except ProgrammeFault as error:
            raise UsageFault(str(error)) from error
        if arguments.propose:
            async with Client.of(config, url=arguments.api, token_file=arguments.token_file) as api:
                drafted = await draft(api, orders(found, now))
    if output.as_json:
        output.document({
            "programme": programme.name,
            "accounts": [
                {"point": w.point, "meter": w.meter, "wants": w.wants, "balance": w.balance, "of": w.of,
                 "proof": w.proof, "why_not": w.why_not}
                for w in found
            ],
            "orders": [{"id": o["id"], "state": o["state"], "needs": o["needs"]} for o in drafted],
        })  # fmt: skip
    output.table(
        ["point", "wants", "balance>", "of", "notice", "not because"],
        [(w.point, w.wants, w.balance, w.of.astimezone(config.zone), w.proof, w.why_not) for w in found],
    )
    if drafted:
        output.table(["order", "state", "needs"], [(o["id"], o["state"], " ".join(o["needs"])) for o in drafted])
    return 0
