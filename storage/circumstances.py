"""What is known of usage points besides their registers: connections, kinds of meters, clocks, outages, earlier use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from protocols.model import Quantity
from storage.connection import Row, Session
from storage.errors import NotFound
from storage.reader import array
from storage.statements import load
from storage.topology_entries import Phase

SQL = load("circumstances")

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Point:
    """A usage point with what its connection can carry; None: not known."""

    id: int
    name: str
    category: str
    capacity_kw: Decimal | None
    rated_current_a: Decimal | None
    phase: Phase | None


class Circumstances(Session):
    """One connection. Spans are half-open. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def points(self, names: Sequence[str] | None, span: Span) -> list[Point]:
        """At which a meter stood in the span, by id; `names` None: all. Raises `NotFound` for names of no point."""
        given = {"names": None if names is None else list(names), "start": span[0], "end": span[1]}
        if names is not None:
            unknown = await self._rows("unknown_points", given)
            if unknown:
                raise NotFound(f"no usage point named {unknown[0][0]!r}")
        return [
            Point(i, name, category, kw, ampere, None if phase is None else Phase(phase))
            for i, name, category, kw, ampere, phase in await self._rows("points", given)
        ]

    async def models(self, meters: Collection[int]) -> dict[int, str]:
        """Meter to its model's name."""
        return dict(await self._rows("models", {"meters": array(meters)}))

    async def clock_offsets(
        self, meters: Collection[int], span: Span, beyond_ms: int
    ) -> list[tuple[int, datetime, int]]:
        """Meter, when, and by how many milliseconds its clock was off, where that was more than `beyond_ms`."""
        given = {"meters": array(meters), "start": span[0], "end": span[1], "beyond_ms": beyond_ms}
        return [(meter, at, offset) for meter, at, offset in await self._rows("clock_offsets", given)]

    async def outages(self, meters: Collection[int], span: Span) -> list[tuple[int, datetime, datetime]]:
        """Meter, start and end of what was without supply in the span; of what lasts, as far as it was seen."""
        given = {"meters": array(meters), "start": span[0], "end": span[1]}
        return [(meter, start, end) for meter, start, end in await self._rows("outages", given)]

    async def vacant(self, points: Collection[int], span: Span) -> list[tuple[int, datetime, datetime | None]]:
        """Usage point, from when and to when nobody had a contract there; None: it goes on."""
        given = {"points": array(points), "start": span[0], "end": span[1]}
        return [(point, start, end) for point, start, end in await self._rows("vacant", given)]

    async def relays(self, meters: Collection[int], until: datetime) -> list[tuple[int, datetime, int]]:
        """Meter, when, and what its relay showed before `until`, as `analytics.vee.relay.Shown` numbers it."""
        given = {"meters": array(meters), "until": until}
        return [(meter, at, shown) for meter, at, shown in await self._rows("relays", given)]

    async def read_by_persons(
        self, meters: Collection[int], quantity: Quantity, span: Span
    ) -> list[tuple[int, datetime, int]]:
        """Meter, when, and the register as it showed it, in steps."""
        given = {"meters": array(meters), "quantity": quantity.id, "start": span[0], "end": span[1]}
        return [(meter, at, steps) for meter, at, steps in await self._rows("read_by_persons", given)]

    async def used(self, points: Collection[int], quantity: Quantity, span: Span) -> dict[int, Decimal]:
        """Point to what it used, in steps, multiplied; only where registers of both ends tell."""
        given = {"points": array(points), "quantity": quantity.id, "start": span[0], "end": span[1]}
        return dict(await self._rows("used", given))

    async def _rows(self, statement: str, given: Mapping[str, object]) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
