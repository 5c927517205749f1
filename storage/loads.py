"""What meters are thought to draw, in watts: what an order for them is counted with."""

from __future__ import annotations

from datetime import datetime

from storage.connection import Session
from storage.statements import load

SQL = load("loads")


class Loads(Session):
    async def estimate(self, now: datetime) -> int:
        """Of all meters whose power is collected, by what they drew at most of late; of how many."""
        async with self.use() as connection:
            return (await connection.execute(SQL["estimate"], {"now": now})).rowcount
