"""A stop by who owns the database, when no daemon answers."""

from __future__ import annotations

from headend.commands.ending import STOPPABLE, end
from headend.commands.errors import Unknown
from headend.place import account
from headend.safety.command import State
from headend.safety.world import EVERYWHERE
from storage import commands, rules
from storage.audit import append
from storage.connection import Session


async def stop_here(conninfo: str, area: str, why: str) -> int:
    """The number of the stop, which two persons release as any other. Raises `Unknown` for no area of ours."""
    by = account()
    async with Session(conninfo) as session:
        async with session.transaction() as connection:
            if area != EVERYWHERE and not await commands.rows(connection, rules.SQL["has_area"], area=area):
                raise Unknown(f"no area named {area!r}")
            row = await rules.add_stop(connection, area, why, by)
            await append(connection, by, "stop", area, body={"stop": row.id, "why": why, "local": True})
        async with session.use() as connection:
            found = await commands.open_commands(connection, STOPPABLE, area=area)
            now = await commands.now(connection)
        await end(session, found, State.STOPPED, by=by, at=now, action="stopped", why="a stop")
        return row.id
