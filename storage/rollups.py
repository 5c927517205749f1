"""Hours, days and months out of captures, kept right by late data.

Who stores captures says in the same transaction which meters and hours they touch (table `dirty`). A roll takes what
is told and committed, reckons those buckets anew from all there is, and passes the word on to their days and months.
A transaction that commits later is told later: there is no watermark that could miss it. Reckoning a bucket again
changes nothing, so a roll that was broken off is simply done again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from protocols.model import POSITIONS, Kind
from storage import rolling
from storage.buckets import HOUR, Bucket, Calendar, Span
from storage.columns import Flags, Ints, from_us, time_us
from storage.connection import Row, Session
from storage.copy_rows import NONE, decode, encode
from storage.errors import StorageError
from storage.statements import load

SQL = load("rollup")
_WORK: Final = 8_000
"""Meters times hours that are reckoned at once: it bounds the memory."""
_SUMMED: Final = (Kind.INSTANTANEOUS, Kind.DEMAND)
_Connection = psycopg.AsyncConnection[Row]


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a roll did: buckets of meters that were reckoned, by span; `frozen` are those whose captures are dropped."""

    hours: int = 0
    days: int = 0
    months: int = 0
    frozen: int = 0


class Roller(Session):
    """One at a time in a database; another one's `roll` returns None meanwhile.

    `delay`: how long after a bucket's end it is first rolled.
    """

    def __init__(self, conninfo: str, zone: ZoneInfo, delay: timedelta = timedelta(minutes=2)) -> None:
        super().__init__(conninfo)
        self._calendar = Calendar(zone)
        self._delay = delay
        self._partitions: set[tuple[str, str]] = set()
        self._kinds: dict[bool, dict[int, Flags]] = {}

    async def roll(self, now: datetime) -> Rolled | None:
        """All that has been told and is over; None where another one is at it.

        Raises `StorageError` where the stored rollups are of another time zone.
        """
        async with self._alone() as connection:
            if connection is None:
                return None
            await self._ready(connection)
            self._partitions.clear()  # one may have been dropped, or its making was taken back
            row = await (await connection.execute(SQL["kept_since"])).fetchone()
            since = row[0] if row else None
            over = now - self._delay
            hours = frozen = 0
            windows = await (await connection.execute(SQL["dirty_windows"], (over - HOUR,))).fetchall()
            for (window,) in windows:
                done, dropped = await self._window(connection, window, over - HOUR, since)
                hours, frozen = hours + done, frozen + dropped
            days = await self._larger(connection, Span.DAY, over)
            months = await self._larger(connection, Span.MONTH, over)
            return Rolled(hours, days, months, frozen)

    async def mark(self, start: datetime, end: datetime) -> None:
        """Have all captures in [start, end) rolled again at the next roll."""
        async with self.use() as connection:
            await connection.execute(SQL["mark_captures"], {"start": start, "end": end})

    async def restart(self) -> None:
        """Forget all rollups, and mark all captures that are kept: for another time zone.

        Raises `StorageError` while another one rolls.
        """
        async with self._alone() as connection:
            if connection is None:
                raise StorageError("rollups are being reckoned at this moment, try again")
            async with connection.transaction():
                await connection.execute(SQL["restart"])
                row = await (await connection.execute(SQL["first_capture"])).fetchone()
                if row and row[0]:
                    whole = {"start": row[0], "end": datetime.max.replace(tzinfo=row[0].tzinfo)}
                    await connection.execute(SQL["mark_captures"], whole)

    # ------------------------------------------------------------------------------------------------------------

    async def _prepare(self, connection: _Connection) -> None:
        await super()._prepare(connection)
        await connection.execute(SQL["by_index"])

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[_Connection | None]:
        async with self.use() as connection:
            row = await (await connection.execute(SQL["lock"])).fetchone()
            if not (row and row[0]):
                yield None
                return
            try:
                yield connection
            finally:
                if not connection.closed:
                    await connection.execute(SQL["unlock"])

    async def _ready(self, connection: _Connection) -> None:
        name = self._calendar.zone.key
        await connection.execute(SQL["keep_zone"], (name,))
        row = await (await connection.execute(SQL["zone"])).fetchone()
        assert row is not None
        if row[0] != name:
            raise StorageError(
                f"the rollups' days are those of {row[0]}, not of {name}: "
                "`headend store rollup --restart` makes them anew"
            )
        for summed in (False, True):
            found: dict[int, Flags] = defaultdict(lambda: np.zeros(POSITIONS, dtype=np.bool_))
            for layout, position, kind in await (await connection.execute(SQL["cumulative"])).fetchall():
                if kind in _SUMMED if summed else kind == Kind.CUMULATIVE:
                    found[layout][position - 1] = True
            self._kinds[summed] = dict(found)

    async def _window(
        self, connection: _Connection, window: datetime, before: datetime, since: datetime | None
    ) -> tuple[int, int]:
        """The hours that were told of one UTC day; returns how many buckets were reckoned, and were left frozen."""
        until = min(before, window + timedelta(days=1))
        ids = [row[0] for row in await _all(connection, "dirty_ids", (Span.HOUR, window, until))]
        told = {"ids": ids, "window": window}
        meters, bits = decode(("i4", "i8"), await _copy_out(connection, SQL["dirty_hours"], told))
        by_day: dict[date, dict[Bucket, list[Ints]]] = defaultdict(lambda: defaultdict(list))
        frozen = 0
        for number in range(24):
            touched = meters[(bits >> number) & 1 != 0]
            if not len(touched):
                continue
            for day, bucket in self._calendar.overlapping(window + number * HOUR):
                if since is not None and bucket.start < since:
                    frozen += len(touched)
                else:
                    by_day[day][bucket].append(touched)
        done = 0
        for day in sorted(by_day):
            buckets = sorted(by_day[day])
            done += await self._hours(connection, day, buckets, [np.concatenate(by_day[day][b]) for b in buckets])
        await connection.execute(SQL["unmark"], (ids,))
        return done, frozen

    async def _hours(
        self, connection: _Connection, day: date, buckets: Sequence[Bucket], touched: Sequence[Ints]
    ) -> int:
        """Some hours of a local day, each of some meters."""
        meters = np.unique(np.concatenate(touched))
        masks = np.zeros(len(meters), dtype=np.int64)
        for index, some in enumerate(touched):
            masks[np.searchsorted(meters, np.unique(some))] |= 1 << index
        order = np.argsort(masks, kind="stable")
        meters, masks = meters[order], masks[order]
        share = max(1, _WORK // len(buckets))
        done = 0
        for at in range(0, len(meters), share):
            some, mask = meters[at : at + share], int(np.bitwise_or.reduce(masks[at : at + share]))
            wanted = [bucket for index, bucket in enumerate(buckets) if mask >> index & 1]
            starts, ends = _edges(wanted)
            span = {"meters": some.tolist(), "start": wanted[0].start, "end": wanted[-1].end}
            kinds = ("i4", "i2", "time", *["i8"] * POSITIONS)
            meter_id, layout, time, *values = decode(kinds, await _copy_out(connection, SQL["captures"], span))
            captures = rolling.Captures(meter_id, layout, time, np.column_stack(values))
            registers = await asyncio.to_thread(rolling.registers_of, self._only(captures, summed=False), starts, ends)
            statistics = await asyncio.to_thread(rolling.values_of, self._only(captures, summed=True), starts, ends)
            async with connection.transaction():
                await self._replace(connection, Span.HOUR, wanted, some, registers, statistics)
                mark = (Span.DAY, self._calendar.midnight(day), some.tolist())
                await connection.execute(SQL["mark"], mark)
            done += len(some) * len(wanted)
        return done

    async def _larger(self, connection: _Connection, span: Span, over: datetime) -> int:
        """Days out of hours, or months out of days, that were told and are over."""
        part = Span(span - 1)
        done = 0
        for (start,) in await _all(connection, "dirty_starts", (span, over)):
            whole = self._calendar.bucket(span, start)
            if whole.end > over:
                break
            parts = list(self._calendar.buckets(part, whole.start, whole.end))
            ids = [row[0] for row in await _all(connection, "dirty_ids", (span, whole.start, whole.end))]
            (meters,) = decode(("i4",), await _copy_out(connection, SQL["dirty_meters"], {"ids": ids}))
            share = max(1, _WORK * 8 // len(parts))
            for at in range(0, len(meters), share):
                await self._put_together(connection, span, whole, parts, meters[at : at + share])
            await connection.execute(SQL["unmark"], (ids,))
            done += len(meters)
        return done

    async def _put_together(
        self, connection: _Connection, span: Span, whole: Bucket, parts: Sequence[Bucket], meters: Ints
    ) -> None:
        part = Span(span - 1)
        starts, ends = _edges([whole])
        part_starts, part_ends = _edges(parts)
        asked = {"level": int(part), "starts": [one.start for one in parts], "meters": meters.tolist()}
        kinds = ("time", "i4", "i2", "i4", "time", "time")
        found = decode((*kinds, "i8", *["i8"] * 16), await _copy_out(connection, SQL["register_parts"], asked))
        registers = rolling.Registers(*_tables(found, 7))
        until = part_ends[np.searchsorted(part_starts, registers.start)]
        found = decode(
            (*kinds, *["i4"] * 8, *["i8"] * 16, *["time"] * 8, *["i8"] * 8),
            await _copy_out(connection, SQL["value_parts"], asked),
        )
        statistics = rolling.Values(*_tables(found, 6))
        async with connection.transaction():
            await self._replace(
                connection, span, [whole], meters,
                rolling.registers_from(registers, until, starts, ends),
                rolling.values_from(statistics, starts, ends),
            )  # fmt: skip
            if span is Span.DAY:
                month = self._calendar.bucket(Span.MONTH, whole.start)
                await connection.execute(SQL["mark"], (Span.MONTH, month.start, meters.tolist()))
                await connection.execute(SQL["mark_validation"], (whole.start, meters.tolist()))

    def _only(self, captures: rolling.Captures, *, summed: bool) -> rolling.Captures:
        """The captures' positions of one kind; rows of layouts that have none are left out."""
        kinds = self._kinds[summed]
        rows = captures.take(np.isin(captures.layout, list(kinds)))
        values = rows.values.copy()
        for layout, positions in kinds.items():
            values[np.ix_(rows.layout == layout, ~positions)] = NONE
        return rolling.Captures(rows.meter_id, rows.layout, rows.time, values)

    async def _replace(
        self,
        connection: _Connection,
        span: Span,
        buckets: Sequence[Bucket],
        meters: Ints,
        registers: rolling.Registers,
        statistics: rolling.Values,
    ) -> None:
        old = {"level": int(span), "starts": [bucket.start for bucket in buckets], "meters": meters.tolist()}
        for table, rows in (("register", registers), ("value", statistics)):
            await connection.execute(SQL[f"forget_{table}s"], old)
            if len(rows):
                await self._make_partitions(connection, f"rollup_{table}_{span.name.lower()}", span, rows.start)
                await _copy_in(connection, SQL[f"copy_{table}s"], encode(list(_columns(span, rows))))

    async def _make_partitions(self, connection: _Connection, parent: str, span: Span, starts: Ints) -> None:
        for start in np.unique(starts).tolist():
            moment = from_us(start)
            key = (parent, moment.strftime({Span.HOUR: "%Y%m%d", Span.DAY: "%Y%m", Span.MONTH: "%Y"}[span]))
            if key not in self._partitions:
                await connection.execute(SQL["make_partition"], (parent, moment))
                self._partitions.add(key)


def _columns(span: Span, rows: rolling.Registers | rolling.Values) -> Iterable[tuple[str, Any]]:
    """As the statements `copy_registers` and `copy_values` name them."""
    yield from (("time", rows.start), ("i4", rows.meter_id), ("i2", rows.layout), ("i2", np.full(len(rows), span)))
    yield from (("i4", rows.captures), ("time", rows.first_time), ("time", rows.last_time))
    if isinstance(rows, rolling.Registers):
        yield ("i8", rows.flags)
        wide: list[tuple[str, Ints]] = [("i8", rows.first), ("i8", rows.last)]
    else:
        count = np.where(rows.count == 0, NONE, rows.count)
        wide = [("i4", count), ("i8", rows.low), ("i8", rows.high), ("time", rows.high_at), ("i8", rows.total)]
    for kind, numbers in wide:
        yield from ((kind, numbers[:, position]) for position in range(POSITIONS))


def _tables(columns: Sequence[Ints], narrow: int) -> list[Ints]:
    """The first ones as they are, the others by position, eight to a table."""
    wide = range(narrow, len(columns), POSITIONS)
    return [*columns[:narrow], *(np.column_stack(columns[at : at + POSITIONS]) for at in wide)]


def _edges(buckets: Sequence[Bucket]) -> tuple[Ints, Ints]:
    starts = np.array([time_us(bucket.start) for bucket in buckets], dtype=np.int64)
    return starts, np.array([time_us(bucket.end) for bucket in buckets], dtype=np.int64)


async def _all(connection: _Connection, statement: str, given: Sequence[object]) -> list[Row]:
    return await (await connection.execute(SQL[statement], given)).fetchall()


async def _copy_out(connection: _Connection, statement: bytes, given: dict[str, Any]) -> bytes:
    async with connection.cursor().copy(statement, given) as copy:
        return b"".join([bytes(part) async for part in copy])


async def _copy_in(connection: _Connection, statement: bytes, stream: bytes) -> None:
    async with connection.cursor().copy(statement) as copy:
        await copy.write(stream)
