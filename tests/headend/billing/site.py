"""What tests of billing are given: registers that a meter showed, and a tariff."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from protocols.model import Capture
from protocols.quantities import BY_NAME, HOME
from storage.registry import Registry
from storage.writer import Writer
from tests.storage.captures import capture

TARIFF = """
name = "step"
currency = "CNY"
zone = "Asia/Shanghai"
[[version]]
valid_from = 2025-01-01
rates = { t2 = "peak", t4 = "valley" }
residual = "valley"
[[version.energy]]
prices = { peak = 0.6, valley = 0.3 }
[[version.tiers]]
accumulates = "year"
steps = [{ upto = 1000, price = 0 }, { price = 0.1 }]
"""
RATES = ("active_energy_import", "active_energy_import_t2", "active_energy_import_t4")


def read(conninfo: str, meter: str, time: str, *values: str, names: tuple[str, ...] = RATES) -> None:
    """Values that the meter showed: total, T2, T4, or those of `names`."""

    async def store() -> None:
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            meter_id = (await known.meter(meter)).id
            at = datetime.fromisoformat(time).astimezone(UTC)
            rows: dict[int, list[int | None]] = {}
            for name, value in zip(names, values, strict=True):
                layout, position = HOME[BY_NAME[name].id]
                rows.setdefault(layout.id, [None] * 8)[position] = int(float(value) * 10 ** BY_NAME[name].decimals)
            made: list[Capture] = [capture(meter_id, at, layout, values=row) for layout, row in rows.items()]
            await writer.write(made)

    asyncio.run(store())
