"""Whether what the registry says of lines and meters has changed since one looked, without reading it all."""

from __future__ import annotations

from storage.connection import Session
from storage.statements import load

SQL = load("stamp")


class Stamp(Session):
    """One connection. Raises `DatabaseUnreachable`."""

    async def now(self) -> str:
        """Differs from another one if a line or a meter was added, changed or removed between the two."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["stamp"])).fetchone()
        assert row is not None
        return str(row[0])
