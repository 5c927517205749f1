"""What the rules of clocks have against telling meters the time, as far as it is known before their clocks are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from headend.clock.known import TOLD_DAYS, offset_at
from headend.clock.policy import ClockPolicy
from headend.clock.rules import Known, lasting
from headend.safety.function import Function
from headend.safety.order import Order, Target
from storage import commands
from storage.commands import Connection
from storage.statements import load

SQL: Final = load("world")


async def time_rules(
    connection: Connection,
    order: Order,
    targets: Collection[Target],
    zones: Mapping[str, ZoneInfo | None],
    policy: ClockPolicy,
    now: datetime,
) -> dict[str, tuple[str, ...]] | None:
    """By meter, what no wait within the order's time helps against. None for other orders; a meter whose area has no
    zone is left out, which refuses it."""
    if order.function is not Function.SET_TIME:
        return None
    start = max(now, order.not_before or now)
    end = max(start, order.expires or start)
    meters = [target.meter for target in targets]
    rows = await commands.rows(connection, SQL["time_told"], meters=meters, since=(now - TOLD_DAYS).date())
    known = {name: (offset_at(at, offset, unsure), frozenset(days)) for name, at, offset, unsure, days in rows}
    found: dict[str, tuple[str, ...]] = {}
    for target in targets:
        zone = zones.get(target.area)
        if zone is not None and target.meter in known:
            one = Known(target.meter, zone, *known[target.meter])
            found[target.meter] = tuple(f"{broken.rule}: {broken.why}" for broken in lasting(one, policy, start, end))
    return found
