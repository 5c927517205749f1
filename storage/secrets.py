"""Sealed secrets of meters: what stands here opens nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from storage.connection import Row, Session
from storage.statements import load

SQL = load("secrets")


@dataclass(frozen=True, slots=True)
class SecretRow:
    """`state`: current, next (what the meter is about to be told) or past. `made_for` an order; empty: brought."""

    id: int
    meter: str
    kind: str
    state: str
    key_id: str
    wrapped: bytes
    data: bytes
    by: str
    at: datetime
    made_for: str


class SecretTable(Session):
    """One connection. Raises `DatabaseUnreachable`."""

    async def get(self, meter: str, kind: str, state: str) -> SecretRow | None:
        found = await self._rows("get", meter=meter, kind=kind, state=state)
        return SecretRow(*found[0]) if found else None

    async def all(self, meters: Collection[str] | None = None) -> list[SecretRow]:
        """By meter, kind and age."""
        names = None if meters is None else list(meters)
        return [SecretRow(*row) for row in await self._rows("all", meters=names)]

    async def put(self, meter: str, kind: str, key_id: str, wrapped: bytes, data: bytes, by: str) -> None:
        """As current; the one before is past."""
        given = {"meter": meter, "kind": kind, "key_id": key_id, "wrapped": wrapped, "data": data, "by": by}
        async with self.transaction() as connection:
            await connection.execute(SQL["retire"], {"meter": meter, "kind": kind})
            await connection.execute(SQL["put"], given)

    async def made(self, meter: str, kind: str, order: str) -> SecretRow | None:
        found = await self._rows("made", meter=meter, kind=kind, made_for=order)
        return SecretRow(*found[0]) if found else None

    async def make(self, meter: str, kind: str, order: str, key_id: str, wrapped: bytes, data: bytes, by: str) -> bool:
        """The next one, for an order that is being sent to the meter. False where it is not, or there is a next one."""
        given = {
            "meter": meter, "kind": kind, "made_for": order, "key_id": key_id, "wrapped": wrapped, "data": data,
            "by": by,
        }  # fmt: skip
        return await self._changed("make", given) > 0

    async def give_up(self, meter: str, kind: str, order: str = "") -> None:
        """What was next, made for `order` or for any, is past."""
        await self._changed("give_up", {"meter": meter, "kind": kind, "made_for": order})

    async def given_up(self, meter: str, kind: str) -> SecretRow | None:
        """The last of those, if nothing has become current since."""
        found = await self._rows("given_up", meter=meter, kind=kind)
        return SecretRow(*found[0]) if found else None

    async def take_up(self, number: int) -> None:
        """What was given up is next again."""
        await self._changed("take_up", {"id": number})

    async def tries(self, order: str, meter: str) -> list[tuple[str, str]]:
        """Which one was tried, and what came of it."""
        return [(of, outcome) for of, outcome in await self._rows("tries", key=order, meter=meter)]

    async def begin_try(self, order: str, meter: str, number: int, of: str) -> None:
        """Raises `AlreadyThere`."""
        await self._changed("begin_try", {"key": order, "meter": meter, "number": number, "of": of})

    async def end_try(self, order: str, meter: str, number: int, outcome: str) -> None:
        await self._changed("end_try", {"key": order, "meter": meter, "number": number, "outcome": outcome})

    async def confirm(self, meter: str, kind: str) -> bool:
        """What was next is current. False where nothing was."""
        async with self.transaction() as connection:
            found = await connection.execute(SQL["has_next"], {"meter": meter, "kind": kind})
            if not found.rowcount:
                return False
            await connection.execute(SQL["retire"], {"meter": meter, "kind": kind})
            await connection.execute(SQL["promote"], {"meter": meter, "kind": kind})
            return True

    async def rewrap(self, number: int, before: str, key_id: str, wrapped: bytes) -> bool:
        """False where it is not sealed by the key `before` any more."""
        given = {"id": number, "before": before, "key_id": key_id, "wrapped": wrapped}
        return await self._changed("rewrap", given) > 0

    async def _changed(self, statement: str, given: Mapping[str, object]) -> int:
        async with self.use() as connection:
            return (await connection.execute(SQL[statement], given)).rowcount

    async def _rows(self, statement: str, **given: object) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
