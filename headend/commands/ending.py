"""What ends commands that were not sent yet: a stop, a payment, a cancellation, the end of their time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from headend.safety.command import State
from storage import commands
from storage.audit import append
from storage.commands import Move, OpenRow
from storage.connection import Session
from storage.errors import AlreadyThere, NotFound

UNSENT: Final = frozenset({State.DRAFT, State.APPROVED, State.QUARANTINED, State.RELEASED})
STOPPABLE: Final = UNSENT - {State.DRAFT}


async def end(
    session: Session, rows: Collection[OpenRow], after: State, *, by: str, at: datetime, action: str, why: str
) -> int:
    """Order by order, each in a transaction of its own; how many. One that a sender has just claimed stays."""
    done = 0
    by_order: dict[str, list[OpenRow]] = {}
    for row in rows:
        by_order.setdefault(row.key, []).append(row)
    for key, mine in by_order.items():
        try:
            done += await _end(session, key, mine, after, by, at, action, why)
        except (AlreadyThere, NotFound):
            for row in mine:  # some have gone on meanwhile: the others end one by one
                try:
                    done += await _end(session, key, [row], after, by, at, action, why)
                except (AlreadyThere, NotFound):
                    continue
    return done


async def _end(
    session: Session, key: str, rows: list[OpenRow], after: State, by: str, at: datetime, action: str, why: str
) -> int:
    async with session.transaction() as connection:
        moves = [Move(row.key, row.meter, row.number, row.version, row.state) for row in rows]
        count = await commands.move(connection, moves, after, by=by, at=at, why=why)
        body: dict[str, Any] = {"state": after, "why": why, "meters": [row.meter for row in rows]}
        await append(connection, by, action, key, body=body)
        return count
