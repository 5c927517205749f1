"""Usage points at which a meter stood."""

from __future__ import annotations

from datetime import datetime

from headend.batches.gather import IMPORT
from storage.registers import Of, Registers


async def standing(conninfo: str, start: datetime, end: datetime) -> list[str]:
    """Their names, of any part of [start, end)."""
    async with Registers(conninfo) as registers:
        return sorted({stay.key for stay in await registers.stays(Of.POINT, None, IMPORT, start, end)})
