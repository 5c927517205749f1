"""`headend point contract`: what is agreed with a point's customer, from when on."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from decimal import Decimal

from headend.cli.output import Output


def add_verb(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--from", dest="start", metavar="T", help="agree on something from then on, ISO 8601")
    verb.add_argument("--capacity-kva", metavar="N", help="of the transformers, for charges by capacity")
    verb.add_argument("--contract-kw", metavar="N", help="the agreed demand")
    verb.add_argument("--basic-charge", metavar="WORD", default="", help="which basic charge was chosen")
    verb.add_argument("--reason", metavar="TEXT", default="")
    verb.add_argument("--by", metavar="NAME", default="", help="(default: who you are)")
    verb.epilog = "Without --from the contracts are listed. What is not stated is not agreed from then on."


async def run(arguments: argparse.Namespace, output: Output) -> int:
    from headend.config import load
    from headend.errors import UsageFault
    from headend.local_time import instant
    from headend.place import store
    from headend.privacy.access import person
    from storage.bills import Bills, ContractRow
    from storage.errors import NotFound

    config = load(arguments.config)
    now = datetime.now(UTC)
    stated = (arguments.capacity_kva, arguments.contract_kw, arguments.basic_charge)
    if arguments.start is None and any(stated):
        raise UsageFault("--from is missing: from when on is it agreed?")
    async with store(config) as opened, Bills(opened.conninfo) as bills:
        if arguments.point not in {point.name for point in await opened.registry.usage_points()}:
            raise NotFound(f"no usage point named {arguments.point!r}")
        if arguments.start is not None:
            start = instant(arguments.start, config.zone, now)
            kva = _above_0(arguments.capacity_kva, "--capacity-kva")
            kw = _above_0(arguments.contract_kw, "--contract-kw")
            by = arguments.by or person().name
            row = ContractRow(start, kva, kw, arguments.basic_charge, by, arguments.reason, now)
            await bills.agree(arguments.point, row)
        found = await bills.agreed(arguments.point)
    for each in found if output.as_json else ():
        told = {"point": arguments.point, "from": each.start, "capacity_kva": each.capacity_kva}
        told |= {"contract_kw": each.contract_kw, "basic_charge": each.basic_charge, "by": each.actor}
        output.document(told | {"reason": each.reason, "entered": each.entered})

    def cells(row: ContractRow) -> tuple[object, ...]:
        start = row.start.astimezone(config.zone)
        return start, row.capacity_kva, row.contract_kw, row.basic_charge, row.actor, row.reason

    output.table(["from", "kVA>", "kW>", "basic charge", "by", "reason"], map(cells, found))
    return 0


def _above_0(text: str | None, option: str) -> Decimal | None:
    from decimal import InvalidOperation

    from headend.errors import UsageFault

    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found <= 0:
        raise UsageFault(f"{option} {text!r}, expected a number above 0")
    return found
