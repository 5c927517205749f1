"""Events are stored once, ended later, acknowledged by the first who does, and grouped."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from headend.events.record import record_events
from protocols.errors import ModelError
from protocols.events import EventSource, MeterEvent, Severity, kind
from storage.entries import Additions, NewLine, NewMeter
from storage.errors import NotFound
from storage.events import EventFilter, EventStore
from storage.registry import Registry
from tests.storage.captures import T0

MINUTE = timedelta(minutes=1)
COVER = MeterEvent(
    0, kind("meter_cover_open"), T0, T0 + MINUTE, EventSource.RECORD, T0, False, {"电": "1.50", "x": None}
)
OPEN = MeterEvent(0, kind("overvoltage_l1"), T0, T0 + MINUTE, EventSource.RECORD, None, True, {"start": "a"})


async def meters(conninfo: str, count: int) -> list[int]:
    lines = tuple(
        NewLine(name=f"line {n}", url="tcp://127.0.0.1:1", protocol="dlt645") for n in range(count // 500 + 1)
    )
    new = tuple(
        NewMeter(name=f"m{n:05}", address=f"{n:012}", model="dlt645_2007", line=f"line {n // 500}", created=T0)
        for n in range(count)
    )
    async with Registry(conninfo) as registry:
        await registry.add(Additions(lines=lines, meters=new))
        return [meter.id for meter in await registry.meters()]


async def test_an_event_is_stored_once_and_its_end_is_added(database: str) -> None:
    (one,) = await meters(database, 1)
    cover, lasting = replace(COVER, meter_id=one), replace(OPEN, meter_id=one)
    async with EventStore(database) as store:
        first = await store.write([cover, lasting, cover], {one: {"resume": None}}, T0)
        assert (len(first.new), first.ended, first.repeated) == (2, (), 1)
        again = await store.write([cover, lasting], {}, T0)
        assert (again.new, again.ended, again.repeated) == ((), (), 2)
        over = replace(lasting, end=T0 + MINUTE, is_open=False, received=T0 + 9 * MINUTE, values={"end": "b"})
        ended = await store.write([over], {}, T0)
        assert (ended.new, len(ended.ended)) == ((), 1)
        later = replace(over, end=T0 + 5 * MINUTE)
        assert (await store.write([later, lasting], {}, T0)).repeated == 2, "the first end stays"
        stored = {held.event.kind.code: held for held in await store.events(EventFilter())}
        assert await store.states([one]) == {one: {"resume": None}}
    assert stored["meter_cover_open"].event == cover
    held = stored["overvoltage_l1"]
    assert (held.event.end, held.event.is_open, held.changed) == (T0 + MINUTE, False, T0 + 9 * MINUTE)
    assert (held.event.values, held.event.received) == ({"start": "a", "end": "b"}, lasting.received)


async def test_the_same_moment_from_another_source_is_another_event(plain_database: str) -> None:
    (one,) = await meters(plain_database, 1)
    lasting = replace(OPEN, meter_id=one)
    async with EventStore(plain_database) as store:
        await store.write([lasting, replace(lasting, source=EventSource.STATUS_WORD)], {}, T0)
        assert {held.event.source for held in await store.events(EventFilter())} == {
            EventSource.RECORD, EventSource.STATUS_WORD,
        }  # fmt: skip


async def test_a_meter_that_is_not_there_stores_nothing(plain_database: str) -> None:
    async with EventStore(plain_database) as store:
        with pytest.raises(NotFound):
            await store.write([replace(COVER, meter_id=4711)], {}, T0)
        assert await store.events(EventFilter()) == []


async def test_filters(plain_database: str) -> None:
    one, two = await meters(plain_database, 2)
    async with EventStore(plain_database) as store:
        minor = MeterEvent(two, kind("clock_set"), T0 + MINUTE, T0, EventSource.RECORD)
        await store.write([replace(COVER, meter_id=one), replace(OPEN, meter_id=two), minor], {}, T0)

        async def codes(**given: object) -> list[str]:
            which = EventFilter(**given)  # type: ignore[arg-type]
            return [held.event.kind.code for held in await store.events(which)]

        assert await codes() == ["clock_set", "overvoltage_l1", "meter_cover_open"]
        assert await codes(meters=[two]) == ["clock_set", "overvoltage_l1"]
        assert await codes(kinds=["meter_cover_open"]) == ["meter_cover_open"]
        assert await codes(severity=Severity.CRITICAL) == ["meter_cover_open"]
        assert await codes(since=T0 + MINUTE) == ["clock_set"]
        assert await codes(until=T0 + MINUTE) == ["overvoltage_l1", "meter_cover_open"]
        assert await codes(open=True) == ["overvoltage_l1"]
        assert await codes(limit=1) == ["clock_set"]


async def test_acknowledged_once_by_the_first(plain_database: str) -> None:
    (one,) = await meters(plain_database, 1)
    async with EventStore(plain_database) as store:
        (number,) = (await store.write([replace(COVER, meter_id=one)], {}, T0)).new
        assert await store.acknowledge(T0, "Li", "seal checked", ids=[number]) == 1
        assert await store.acknowledge(T0 + MINUTE, "Wang", ids=[number]) == 0
        (held,) = await store.events(EventFilter(acknowledged=True))
        assert (held.actor, held.acknowledged, held.note) == ("Li", T0, "seal checked")
        assert await store.events(EventFilter(acknowledged=False)) == []
        with pytest.raises(NotFound, match="999"):
            await store.acknowledge(T0, "Li", ids=[999])


async def test_five_thousand_events_are_one_storm_that_is_told_once(plain_database: str) -> None:
    known = await meters(plain_database, 5200)
    down = [MeterEvent(n, kind("power_down"), T0 + timedelta(seconds=n % 60), T0, EventSource.RECORD) for n in known]
    async with EventStore(plain_database) as store:
        first = await record_events(store, down[:5000], {}, T0)
        assert (len(first.written.new), first.alarms, len(first.storms)) == (5000, (), 1)
        (storm,) = await store.storms()
        assert (storm.scope, storm.events, storm.meters) == ("system", 5000, 5000)
        more = await record_events(store, [*down[4000:], *down[:10]], {}, T0 + MINUTE)
        assert (len(more.written.new), more.alarms, more.storms) == (200, (), ())
        (storm,) = await store.storms()
        assert (storm.events, storm.told) == (5200, T0)
        assert len(await store.events(EventFilter(storm=storm.id))) == 5200
        assert await store.acknowledge(T0, "Li", storm=storm.id) == 5200


async def test_storms_of_lines_go_up_in_that_of_the_system(plain_database: str) -> None:
    known = await meters(plain_database, 1600)
    down = [MeterEvent(n, kind("power_down"), T0, T0, EventSource.RECORD) for n in known]
    async with EventStore(plain_database) as store:
        lines = await record_events(store, down[:40] + down[500:540], {}, T0)
        assert len(lines.storms) == 2
        everything = await record_events(store, down, {}, T0)
        assert everything.storms == (), "the operator was told already"
        (storm,) = await store.storms()
        assert (storm.scope, storm.events) == ("system", 1600)


async def test_a_single_warning_is_an_alarm_and_a_notice_is_none(plain_database: str) -> None:
    (one,) = await meters(plain_database, 1)
    notice = MeterEvent(one, kind("programming"), T0, T0, EventSource.RECORD)
    async with EventStore(plain_database) as store:
        told = await record_events(store, [replace(COVER, meter_id=one), notice], {}, T0)
        assert [held.event.kind.code for held in told.alarms] == ["meter_cover_open"]
        assert (await record_events(store, [replace(COVER, meter_id=one)], {}, T0)).alarms == ()


def test_a_kind_that_nobody_knows() -> None:
    with pytest.raises(ModelError, match="gremlins"):
        kind("gremlins")
