"""Evidence about supply as it is stored, and outages as they were concluded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from protocols.events import EventSource, MeterEvent, kind
from protocols.model import POSITIONS, Capture, Quality, Source
from protocols.quantities import BY_NAME, HOME
from storage.entries import Additions, NewLine, NewMeter
from storage.errors import Rejected
from storage.events import EventStore
from storage.outages import EvidenceRow, OutageRow, OutageStore
from storage.registry import Registry
from storage.writer import Miss, Writer
from tests.storage.captures import T0

MINUTE = timedelta(minutes=1)
NOW = T0 + 600 * MINUTE
VOLTAGE = HOME[BY_NAME["voltage_l1"].id][0].id
OUT = OutageRow(
    area="A", level="branch", place="a", start=T0, not_before=None, seen=NOW, confidence=Decimal("0.91"),
    meters=("m1", "m2"), evidence={"proven": 2},
)  # fmt: skip


async def one_meter(conninfo: str) -> int:
    async with Registry(conninfo) as registry:
        line = NewLine(name="l", url="tcp://127.0.0.1:1", protocol="dlt645")
        meter = NewMeter(name="m1", address="1", model="dlt645_2007", line="l", created=T0)
        await registry.add(Additions(lines=(line,), meters=(meter,)))
        return (await registry.meter("m1")).id


def capture(meter: int, slot: datetime, layout: int, first: int) -> Capture:
    values = (first, *(None,) * (POSITIONS - 1))
    return Capture(meter, layout, slot, slot + MINUTE, Source.PULL, values, (Quality.GOOD,) * POSITIONS)


async def read(conninfo: str) -> EvidenceRow:
    async with OutageStore(conninfo) as store:
        (row,) = await store.evidence(["m1", "nobody"], T0, NOW)
    return row


async def test_a_meter_of_which_nothing_is_known(database: str) -> None:
    number = await one_meter(database)
    assert await read(database) == EvidenceRow(number, "m1", "l", None, None, None, None, None, None)


async def test_answers_silence_and_a_line_that_went_away(database: str) -> None:
    number = await one_meter(database)
    slots = [T0 + 15 * n * MINUTE for n in range(1, 6)]
    async with Writer(database) as writer:
        await writer.write_misses([Miss(number, 1, slots[0], "no_answer", slots[0])])
        await writer.write([capture(number, slots[1], 1, 5), capture(number, slots[1], VOLTAGE, 231_400)])
        row = await read(database)
        assert (row.answered, row.voltage, row.silent_since) == (slots[1] + MINUTE, Decimal("231.400"), None)
        await writer.write_misses([Miss(number, 1, slot, "no_answer", slot + MINUTE) for slot in slots[2:4]])
        await writer.write_misses([Miss(number, 1, slots[4], "unreachable", slots[4] + MINUTE)])
    row = await read(database)
    assert (row.answered, row.silent_since) == (slots[1] + MINUTE, slots[2] + MINUTE)
    assert row.unreachable == slots[4] + MINUTE


async def test_a_last_gasp_counts_when_it_came_unless_it_was_on_its_way_for_long(database: str) -> None:
    number = await one_meter(database)
    gasp = MeterEvent(number, kind("last_gasp"), T0 + MINUTE, T0 + 3 * MINUTE, EventSource.LAST_GASP)
    async with EventStore(database) as store:
        await store.write([gasp], {}, T0)
        assert (await read(database)).last_gasp == T0 + 3 * MINUTE
        late = replace(gasp, start=T0 + 5 * MINUTE, received=T0 + 300 * MINUTE)
        await store.write([late, replace(late, kind=kind("power_restored"), start=T0 + 9 * MINUTE)], {}, T0)
    row = await read(database)
    assert (row.last_gasp, row.restored) == (T0 + 5 * MINUTE, T0 + 9 * MINUTE)


async def test_an_outage_is_kept_until_it_is_concluded_no_more(database: str) -> None:
    async with OutageStore(database) as store:
        other = replace(OUT, area="B")
        new, gone = await store.keep(["A", "B"], [OUT, other], NOW)
        assert (len(new), gone) == (2, [])
        grown = replace(OUT, start=T0 + MINUTE, meters=("m1", "m2", "m3"), seen=NOW + MINUTE)
        assert await store.keep(["A"], [grown], NOW) == ([], [])
        (held,) = await store.outages(areas=["A"], open=True)
        assert (held.start, held.meters, held.seen) == (T0, ("m1", "m2", "m3"), NOW + MINUTE)
        assert await store.keep(["A"], [], NOW + 2 * MINUTE) == ([], [held.id])
        assert {row.area for row in await store.outages(open=True)} == {"B"}
        (over,) = await store.outages(areas=["A"])
        assert over.restored == NOW + 2 * MINUTE
        assert {row.area for row in await store.outages(since=NOW + 3 * MINUTE)} == {"B"}
        again, _ = await store.keep(["A"], [OUT], NOW + 5 * MINUTE)
        assert again, "the next outage of the same branch is another one"
        assert len(await store.outages(areas=["A"])) == 2


async def test_what_is_no_outage_is_refused(plain_database: str) -> None:
    async with OutageStore(plain_database) as store:
        for wrong in (replace(OUT, level="planet"), replace(OUT, meters=()), replace(OUT, confidence=Decimal(2))):
            with pytest.raises(Rejected):
                await store.keep(["A"], [wrong], NOW)
        assert await store.outages() == []
