"""Registers that persons read, with who and when, beside captures. What was wrong is withdrawn, not changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from protocols.model import Quantity
from protocols.quantities import BY_ID, HOME
from storage.connection import Row, Session
from storage.errors import AlreadyThere, NotFound, Rejected
from storage.statements import load

SQL = load("register_reads")


class ReadKind(StrEnum):
    """Who read it, and how."""

    MANUAL = "manual"
    """A person, from the display."""
    HAND_HELD = "hand-held"
    """A terminal, at the meter."""
    CUSTOMER = "customer"
    """The customer told it."""
    ESTIMATED = "estimated"
    """Nobody: it was estimated in the office."""


@dataclass(frozen=True, slots=True)
class NewRead:
    """A register as the meter shows it, before the multiplier."""

    meter_id: int
    meter: str
    quantity: Quantity
    time: datetime
    value: Decimal
    kind: ReadKind
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    id: int
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """As it is stored. `point`: where the meter stood then."""

    id: int
    meter_id: int
    meter: str
    point: str | None
    quantity: Quantity
    time: datetime
    value: Decimal
    kind: ReadKind
    actor: str
    reason: str
    entered: datetime
    withdrawn: Withdrawal | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A meter, where it stood at a moment."""

    meter_id: int
    meter: str
    model: str
    multiplier: Decimal
    point: str
    capacity_kw: Decimal | None


@dataclass(frozen=True, slots=True)
class Known:
    """A register at a moment, in the quantity's unit."""

    time: datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a meter is to be read, and why it did not answer: the last miss up to then, in a month."""

    meter_address: str
    line: str
    address: str | None
    area: str | None
    reason: str | None
    tried: datetime | None


class RegisterReads(Session):
    """One connection. Times carry a zone."""

    async def add(self, reads: Sequence[NewRead]) -> int:
        """All of them or none; how many were not there yet. Raises `AlreadyThere` where another value was read then."""
        given = {
            "meters": [read.meter_id for read in reads],
            "quantities": [read.quantity.id for read in reads],
            "times": [read.time for read in reads],
        }
        async with self.transaction() as connection:
            await connection.execute(SQL["lock"], given)
            there = set()
            for number, id_, steps in await (await connection.execute(SQL["same"], given)).fetchall():
                read = reads[number - 1]
                if read.quantity.steps(read.value) != steps:
                    raise AlreadyThere(
                        f"meter {read.meter}, {read.quantity.name} at {read.time.isoformat()}: "
                        f"read as {read.quantity.text(steps)} already (number {id_}): withdraw it if it is wrong"
                    )
                there.add(number - 1)
            fresh = [read for number, read in enumerate(reads) if number not in there]
            async with connection.cursor() as cursor, cursor.copy(SQL["add"]) as copy:
                for r in fresh:
                    steps = r.quantity.steps(r.value)
                    await copy.write_row((r.meter_id, r.quantity.id, r.time, steps, str(r.kind), r.actor, r.reason))
        return len(fresh)

    async def withdraw(self, number: int, actor: str, reason: str) -> int:
        """The number of the row that says so. Raises `NotFound`, `Rejected`."""
        given = {"id": number, "actor": actor, "reason": reason}
        async with self.transaction() as connection:
            done = await (await connection.execute(SQL["withdraw"], given)).fetchone()
            if done is not None:
                return int(done[0])
            found = await (await connection.execute(SQL["one"], given)).fetchone()
        if found is None:
            raise NotFound(f"no register read with number {number}")
        what = "is a withdrawal itself" if found[0] is not None else f"was withdrawn already (number {found[1]})"
        raise Rejected(f"register read {number} {what}")

    async def reads(
        self,
        names: Collection[str] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        withdrawn: bool = False,
        limit: int = 1000,
    ) -> list[RegisterRead]:
        """Of meters or points, the latest first."""
        given = {
            "names": None if names is None else list(names), "since": since, "until": until, "withdrawn": withdrawn,
            "limit": limit,
        }  # fmt: skip
        return [_read(row) for row in await self._rows("listed", given)]

    async def standing(self, of: str, names: Sequence[str], times: Sequence[datetime]) -> list[list[Standing]]:
        """For each name (`of` ``point`` or ``meter``) and its moment: the meters that stood there then."""
        found: list[list[Standing]] = [[] for _ in names]
        rows = await self._rows("standing", {"of": of, "names": list(names), "times": list(times)})
        for number, *rest in rows:
            found[number - 1].append(Standing(*rest))
        return found

    async def known(self, names: Collection[str]) -> tuple[dict[str, tuple[int, str]], set[str]]:
        """Meters by name with id and model, and usage points."""
        given = {"names": list(names)}
        meters = {name: (number, model) for number, name, model in await self._rows("known_meters", given)}
        return meters, {name for (name,) in await self._rows("known_points", given)}

    async def around(self, asked: Sequence[tuple[int, Quantity, datetime]]) -> list[tuple[Known | None, Known | None]]:
        """For each meter, quantity and moment: the last known register up to it, and the next after it."""
        given = {
            "meters": [meter for meter, _, _ in asked],
            "quantities": [quantity.id for _, quantity, _ in asked],
            "times": [time for _, _, time in asked],
        }

        def known(quantity: Quantity, time: datetime | None, steps: int | None) -> Known | None:
            return None if time is None or steps is None else Known(time, quantity.value(steps))

        return [
            (known(quantity, row[1], row[2]), known(quantity, row[3], row[4]))
            for (_, quantity, _), row in zip(asked, await self._rows("around", given), strict=True)
        ]

    async def places(self, wanted: Sequence[tuple[int, int, Quantity, datetime]], tolerance: timedelta) -> list[Place]:
        """For each usage point, meter, quantity and moment."""
        given = {
            "points": [point for point, *_ in wanted],
            "meters": [meter for _, meter, *_ in wanted],
            "layouts": [HOME[quantity.id][0].id for _, _, quantity, _ in wanted],
            "times": [time for *_, time in wanted],
            "tolerance": tolerance,
        }
        return [Place(*row) for row in await self._rows("places", given)]

    async def _rows(self, statement: str, given: Mapping[str, object]) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()


def _read(row: Row) -> RegisterRead:
    number, meter_id, meter, point, quantity_id, time, steps, kind, actor, reason, entered, *withdrawal = row
    quantity = BY_ID[quantity_id]
    return RegisterRead(
        number, meter_id, meter, point, quantity, time, quantity.value(steps), ReadKind(kind), actor, reason, entered,
        None if withdrawal[0] is None else Withdrawal(*withdrawal),
    )  # fmt: skip
