"""Meters told by where they are instead of by name, and made into the list that is shown, hashed and approved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from headend.commands.errors import Unknown
from headend.errors import UsageFault
from storage import commands
from storage.commands import Connection
from storage.statements import load

SQL: Final = load("world")
MOST: Final = 20_000
"""Meters of an order."""
_NAMED: Final = ("area", "feeder", "line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Active meters for which all that is told holds; where nothing is, none. `tariff`: of their usage point."""

    area: str = ""
    feeder: str = ""
    line: str = ""
    model: str = ""
    tariff: str = ""

    def __bool__(self) -> bool:
        return any(asdict(self).values())


async def resolved(connection: Connection, meters: tuple[str, ...], where: Where, now: datetime) -> tuple[str, ...]:
    """`meters`, and by name those that are there now. Raises `Unknown`, and `UsageFault` for too many."""
    if not where:
        return meters
    told = asdict(where)
    rows = await commands.rows(connection, SQL["places"], **{name: told[name] for name in _NAMED})
    for name, is_there in zip(_NAMED, rows[0], strict=True):
        if told[name] and not is_there:
            raise Unknown(f"no {name} named {told[name]!r}")
    found = [meter for (meter,) in await commands.rows(connection, SQL["where"], now=now, limit=MOST + 1, **told)]
    there = set(meters)
    every = meters + tuple(meter for meter in found if meter not in there)
    if len(every) > MOST:
        raise UsageFault(f"more than {MOST} meters: make several orders of it")
    return every
