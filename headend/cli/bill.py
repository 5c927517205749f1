"""`headend bill`: what a usage point owes for a month, every line explained. Computed and printed, not kept."""

from __future__ import annotations

import argparse
import asyncio
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from headend.cli.output import Output

if TYPE_CHECKING:
    from datetime import datetime

    from analytics.billing.bill import Carried
    from analytics.billing.tariff import Tariff


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("point", metavar="POINT")
    parser.add_argument("--cycle", metavar="YYYY-MM", required=True, help="a month in the tariff's time zone")
    parser.add_argument("--tariff", metavar="FILE", help="default: the point's tariff, from the folder billing.tariffs")
    parser.add_argument(
        "--carried", metavar="NAME=KWH", action="append", default=[],
        help="where yearly or monthly steps stand, where the registers do not tell; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--amount", metavar="NAME=AMOUNT", action="append", default=[],
        help="an amount of the account or an index that the tariff asks for; may be repeated",
    )  # fmt: skip


def run(arguments: argparse.Namespace, output: Output) -> int:
    return asyncio.run(_bill(arguments, output))


async def _bill(arguments: argparse.Namespace, output: Output) -> int:
    from analytics.billing.context import Context
    from analytics.billing.determinants_file import content, registers
    from analytics.billing.errors import TariffFault
    from analytics.billing.rating import rate
    from analytics.errors import AnalyticsError
    from headend.billing.determinants import carried, contract, determinants, month, tariff_of
    from headend.cli.tariff import show
    from headend.config import load
    from headend.errors import HeadendError, UsageFault
    from headend.place import store
    from storage.errors import NotFound
    from storage.topology import Topology

    config = load(arguments.config)
    amounts = _named(arguments.amount, "--amount")
    async with store(config) as opened, Topology(opened.conninfo) as topology:
        points = {point.name: point for point in await opened.registry.usage_points()}
        if arguments.point not in points:
            raise NotFound(f"no usage point named {arguments.point!r}")
        point = points[arguments.point]
        try:
            tariff = tariff_of(point, arguments.tariff, config.folder / config.billing.tariffs)
            span = month(arguments.cycle, tariff.zone)
            given = await determinants(point, span, tariff, topology, opened.reader)
            told = _positions(_named(arguments.carried, "--carried"), span[0], tariff)
            context = Context(
                carried=await carried(point, span, tariff, topology) | told, choice=contract(point).choice,
                amounts=amounts, indices=amounts,
            )  # fmt: skip
            bill = rate(given, tariff, context)
        except TariffFault as error:
            raise UsageFault(str(error)) from error
        except AnalyticsError as error:
            raise HeadendError(f"point {point.name}, {arguments.cycle}: {error}") from error
    if not output.as_json:
        output.table(
            ["register", "band", "meter", "start>", "stop>", "multiplier>", "kWh>"],
            [
                (u.register, u.band, u.meter, u.start.value, u.stop.value, u.multiplier, u.energy)
                for u in given.registers
            ],
        )
    show(bill, output, determinants=content(given), registers=registers(given))
    return 0


def _positions(told: dict[str, Decimal], start: datetime, tariff: Tariff) -> dict[str, Carried]:
    from analytics.billing.bill import Carried

    day = start.astimezone(tariff.zone).date()
    version = tariff.rules_on(day).version
    monthly = {tiers.id for tiers in version.tiers if tiers.accumulates == "month"}
    monthly |= {f"{e.id}.{band}" for e in version.energy if e.accumulates == "month" for band in e.prices}
    return {n: Carried(day.replace(day=1) if n in monthly else tariff.year_of(day), kwh) for n, kwh in told.items()}


def _named(texts: list[str], option: str) -> dict[str, Decimal]:
    from headend.errors import UsageFault

    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name] = Decimal(value)
        except InvalidOperation:
            found[name] = Decimal("NaN")
        if not name or not found[name].is_finite():
            raise UsageFault(f"{option} {text!r}, expected NAME=NUMBER")
    return found
