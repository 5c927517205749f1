"""What a billing cycle stands on, on both levels: captures of moments, the highest in a span, what persons read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from protocols.model import Quality
from protocols.quantities import BY_NAME, HOME
from storage.cycle_reads import HOLE, CycleReads, Highest, Shown
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.errors import AlreadyThere, NotFound, Rejected
from storage.register_reads import NewRead, ReadKind, RegisterReads
from storage.registry import Registry
from storage.writer import Writer
from tests.storage.captures import T0, capture

IMPORT, DEMAND = BY_NAME["active_energy_import"], BY_NAME["active_demand_import_max"]
OCCURRED = BY_NAME["active_demand_import_max_time"]
DAY = timedelta(days=1)


async def registered(conninfo: str) -> list[int]:
    line = NewLine(name="bus", url="tcp://192.0.2.1:1", protocol="dlt645")
    names = ("m1", "m2")
    meters = tuple(NewMeter(name=n, address=n[1], model="dlt645_2007", line="bus", created=T0) for n in names)
    points = tuple(NewUsagePoint(name=f"p{n}", tariff="t") for n in names)
    stays = tuple(NewInstallation(point=f"p{n}", meter=n, start=T0) for n in names)
    async with Registry(conninfo) as known:
        await known.add(Additions(lines=(line,), meters=meters, points=points, installations=stays))
        return [(await known.meter(name)).id for name in names]


async def test_captures_of_very_moments_and_the_highest_of_a_span(database: str) -> None:
    first, second = await registered(database)
    layout = HOME[DEMAND.id][0].id
    doubtful = (Quality.GOOD, Quality.CLOCK_DOUBTFUL)
    async with Writer(database) as writer, CycleReads(database) as reads:
        await writer.write([
            capture(first, T0, values=(100, None, 3)),
            capture(first, T0 + timedelta(seconds=1), values=(101,)),
            capture(second, T0 + 31 * DAY, values=(7, 8), quality=doubtful),
            *[capture(first, T0 + n * DAY, layout, values=(kw,)) for n, kw in enumerate((9, 5, 7, 7))],
        ])  # fmt: skip
        found = await reads.captures([first, second], [T0, T0 + 31 * DAY], [1])
        by_meter = {meter: row for rows in found.values() for meter, row in rows.items()}
        assert by_meter[first] == (100, HOLE, 3, *[HOLE] * 5, 0)
        assert by_meter[second][:2] == (7, 8)
        assert by_meter[second][8] == Quality.CLOCK_DOUBTFUL << 8
        assert await reads.captures([], [T0], [1]) == {}
        spans = [(first, T0, T0 + 3 * DAY), (first, T0 + 3 * DAY, T0 + 9 * DAY), (second, T0, T0 + DAY)]
        highest = await reads.highest(DEMAND, OCCURRED, spans)
        assert highest == [Highest(Shown(T0 + 2 * DAY, DEMAND.value(7), None)), Highest(), Highest()]
        stays = await reads.stays([point.id for point in await reads.points(names=["pm1"])])
        assert [(stay.meter, stay.model, stay.start, stay.end) for stay in stays] == [("m1", "dlt645_2007", T0, None)]


async def test_the_highest_with_its_own_time(database: str) -> None:
    first, second = await registered(database)
    layout, times = HOME[DEMAND.id][0].id, HOME[OCCURRED.id][0].id
    start, end = T0, T0 + 30 * DAY

    def seconds(moment: datetime) -> int:
        return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())

    shown = [  # after how many days, how much, and when it says that was
        (first, 1, 90, start - DAY),
        (first, 2, 90, start - DAY),
        (first, 3, 40, start + 2 * DAY),
        (first, 9, 60, start + 8 * DAY),
        (first, 10, 60, start + 8 * DAY),
        (first, 30, 60, start + 8 * DAY),
        (second, 1, 20, start),  # a period that ended then is of the span before
        (second, 29, 10, None),
        (second, 30, 10, end),
    ]
    rows = [capture(m, start + n * DAY, layout, values=(kw,)) for m, n, kw, _ in shown]
    rows += [capture(m, start + n * DAY, times, values=(seconds(at),)) for m, n, _, at in shown if at is not None]
    async with Writer(database) as writer, CycleReads(database) as reads:
        await writer.write(rows)
        spans = [(first, start, end), (second, start, end), (first, start, start + 2 * DAY)]
        one, other, stale = await reads.highest(DEMAND, OCCURRED, spans)
        assert one.own == Shown(start + 9 * DAY, DEMAND.value(60), start + 8 * DAY)
        assert one.outside == Shown(start + DAY, DEMAND.value(90), start - DAY)
        assert other.own == Shown(end, DEMAND.value(10), end), "of equal ones that whose time is told"
        assert other.outside == Shown(start + DAY, DEMAND.value(20), start)
        assert stale == Highest(None, one.outside)
        doubtful = capture(second, start + 5 * DAY, times, values=(2**62,))
        await writer.write([doubtful, capture(second, start + 5 * DAY, layout, values=(99,))])
        (absurd,) = await reads.highest(DEMAND, OCCURRED, spans[1:2])
        assert absurd.own == Shown(start + 5 * DAY, DEMAND.value(99), None), "a time that no calendar has is none"


async def test_what_persons_read_stands_beside_captures(database: str) -> None:
    first, _ = await registered(database)

    def told(value: str, kind: ReadKind = ReadKind.MANUAL, reason: str = "") -> NewRead:
        return NewRead(first, "m1", IMPORT, T0 + DAY, Decimal(value), kind, "wang", reason)

    async with Writer(database) as writer, RegisterReads(database) as reads, CycleReads(database) as cycle:
        await writer.write([capture(first, T0, values=(1_000_000,)), capture(first, T0 + 2 * DAY, values=(1_200_000,))])
        ((before, after),) = await reads.around([(first, IMPORT, T0 + DAY)])
        assert before is not None
        assert after is not None
        assert (before.time, before.value, after.time, after.value) == (T0, Decimal(100), T0 + 2 * DAY, Decimal(120))
        assert await reads.add([told("110.5")]) == 1
        assert await reads.add([told("110.5")]) == 0
        with pytest.raises(AlreadyThere, match=r"read as 110\.5 already \(number 1\)"):
            await reads.add([told("111")])
        with pytest.raises(Rejected, match="register_read_reason"):
            await reads.add([NewRead(first, "m1", IMPORT, T0, Decimal(1), ReadKind.ESTIMATED, "wang")])
        assert [read.steps for read in await cycle.hand_reads([first], T0, T0 + DAY)] == [1_105_000]
        with pytest.raises(NotFound, match="no register read with number 77"):
            await reads.withdraw(77, "li", "no such")
        gone = await reads.withdraw(1, "li", "misread")
        with pytest.raises(Rejected, match="is a withdrawal itself"):
            await reads.withdraw(gone, "li", "again")
        assert await cycle.hand_reads([first], T0, T0 + DAY) == []
        assert await reads.reads(["m1"]) == []
        (kept,) = await reads.reads(["pm1"], withdrawn=True)
        assert kept.withdrawn is not None
        assert (kept.value, kept.withdrawn.actor, kept.withdrawn.reason) == (Decimal("110.5"), "li", "misread")
        assert await reads.add([told("111")]) == 1
