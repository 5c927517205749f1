"""What a bill is asked for with, and that it was: common to the commands about bills."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from pathlib import Path

    from headend.billing.keeping import Order
    from headend.config import Config
    from headend.place import Store


async def given_away(config: Config, opened: Store, point: str, cycle: str) -> None:
    """Written down before it is shown, where that is asked for."""
    from headend.privacy.access import record

    stays = await opened.registry.installations([point])
    await record(config, opened.conninfo, "bill", sorted({stay.meter_id for stay in stays}), point=point, cycle=cycle)


def tariffs(config: Config) -> Path:
    """The folder of tariffs."""
    return config.folder / config.billing.tariffs


def order_of(arguments: argparse.Namespace, *, final: bool) -> Order:
    """Raises `UsageFault`."""
    from headend.billing.cycles import cycle_of
    from headend.billing.keeping import Order
    from headend.billing.reckoning import Told
    from headend.errors import UsageFault
    from headend.privacy.access import person

    if arguments.cycle is None:
        raise UsageFault("--cycle YYYY-MM is missing")
    if arguments.supersede and arguments.verb != "run" and not final:
        raise UsageFault("--supersede goes with --final")
    told = Told(named(arguments.carried or (), "--carried"), named(arguments.amount or (), "--amount"))
    by = arguments.by or person().name
    return Order(cycle_of(arguments.cycle), by, final, arguments.supersede or "", told)


def named(texts: Sequence[str], option: str) -> dict[str, Decimal]:
    """``NAME=NUMBER`` by name. Raises `UsageFault`."""
    from decimal import Decimal, InvalidOperation

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
