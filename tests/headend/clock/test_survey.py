"""Clocks of simulated meters, read over a line: around midnight, too, and on days of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from headend.clock.survey import NO_CLOCK, NO_TIME, survey_clock
from headend.collection.line import Line
from headend.collection.survey import MeterPath
from protocols import models
from protocols.dlt645.clock_reading import shown
from protocols.dlt645.items import item
from protocols.errors import BadAnswer, ModelError, NoAnswer
from tests.headend.bus import Bus, data, meter, path
from tests.headend.clock.site import TIMING, site
from tests.headend.conftest import Plug

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("edition", ["2007", "1997"])
async def test_how_far_clocks_are_off(edition: str) -> None:
    off = {0: 0.0, 1: 7.4, 2: -211.0, 3: 86_400.0 * 40}
    async with site(4, edition=edition, off=off) as one:
        for number, found in enumerate(await one.survey()):
            assert found.offset is not None
            assert abs(found.offset.offset.total_seconds() - one.is_off(number)) <= (
                found.offset.uncertainty.total_seconds()
            )
            assert found.offset.uncertainty < timedelta(seconds=2)
            assert (found.weekday, found.fault) == (None, None)


async def test_drift_is_found() -> None:
    async with site(1) as one:
        memory = one.memory(0)
        stretch = memory.dial.stretches[-1]
        memory.dial.stretches[-1] = type(stretch)(stretch.at, stretch.shown, 100)
        one.now.wait(days=10)
        (found,) = await one.survey()
        assert found.offset is not None
        assert abs(found.offset.offset - timedelta(seconds=86.4)) <= found.offset.uncertainty


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 59, 58, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 0, 2, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("off", [-4.0, 4.0])
async def test_on_days_of_23_and_25_hours(start: datetime, off: float) -> None:
    """The meter's clock shows what a clock of Berlin shows that is off by so much."""
    async with site(1, zone=BERLIN, start=start) as one:
        moment = one.now()
        own = (moment + timedelta(seconds=off)).astimezone(BERLIN).replace(tzinfo=None)
        one.memory(0).dial.set(moment, own)
        (found,) = await one.survey()
        assert found.offset is not None
        assert abs(found.offset.offset - timedelta(seconds=off)) <= found.offset.uncertainty


class Stepping(Bus):
    """A meter whose clock goes on by a second with every answer; 0400010C is refused."""

    def __init__(self, start: datetime) -> None:
        super().__init__({"000000000011": {}})
        self.clock = start

    def replies(self, frames):  # type: ignore[no-untyped-def]
        own = self.clock
        self.meters["000000000011"] = {
            "04000101": data("04000101", own.date().isoformat()),
            "04000102": data("04000102", own.time().isoformat()),
        }
        if frames:
            self.clock += timedelta(seconds=1)
        yield from super().replies(frames)


@pytest.mark.parametrize("before_s", [0, 1, 2, 3, 4])
async def test_midnight_between_date_and_time(plug: Plug, before_s: int) -> None:
    start = datetime.fromisoformat("2026-11-22T23:59:59") - timedelta(seconds=before_s)
    slow = Stepping(start)
    plug("line1", slow)
    read_at = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    one = MeterPath(1, "m", "000000000011", models.load("dlt645_2007"), ZoneInfo("Asia/Shanghai"))
    line = Line(path("line1"), TIMING)
    found = await survey_clock(line, one, lambda: read_at)
    await line.close()
    assert found.offset is not None
    assert abs(found.offset.offset) < timedelta(seconds=10)
    asked = [code for _, code in slow.asked]
    assert asked[:3] == ["0400010C", "04000101", "04000102"]


CLOCK = "0400010C"


async def read(plug: Plug, answers: dict[str, bytes | int]) -> tuple[object, ...]:
    one = Bus({"000000000001": answers})
    plug("line1", one)
    line = Line(path("line1"), TIMING)
    found = await survey_clock(line, meter(1, 1), lambda: datetime(2026, 11, 23, tzinfo=UTC))
    await line.close()
    return found.fault, found.weekday, found.offset is None


async def test_what_is_no_time(plug: Plug) -> None:
    assert await read(plug, {}) == (NO_CLOCK, None, True)
    assert await read(plug, {CLOCK: bytes(7)}) == (NO_TIME, None, True)
    assert await read(plug, {CLOCK: b"\xff" * 7}) == (NO_TIME, None, True)
    assert await read(plug, {CLOCK: bytes.fromhex("00 00 00 01 31 02 26")}) == (NO_TIME, None, True)
    assert await read(plug, {CLOCK: bytes.fromhex("00 00 24 01 23 11 26")}) == (NO_TIME, None, True)
    assert await read(plug, {CLOCK: data(CLOCK, "2026-11-23T00:00:00")}) == (None, None, False)


async def test_a_wrong_weekday_is_told(plug: Plug) -> None:
    """2026-11-23 is a Monday, 22 a Sunday, which some meters write as 7."""
    assert await read(plug, {CLOCK: bytes.fromhex("00 00 00 03 23 11 26")}) == (None, 3, False)
    assert await read(plug, {CLOCK: bytes.fromhex("00 00 00 07 22 11 26")}) == (None, None, False)


async def test_silence_says_nothing_of_the_clock(plug: Plug) -> None:
    plug("line1", Bus({}))
    line = Line(path("line1"), TIMING)
    with pytest.raises(NoAnswer):
        await survey_clock(line, meter(1, 1), lambda: datetime(2026, 11, 23, tzinfo=UTC))
    await line.close()
    modbus = MeterPath(1, "m", "1", models.load("eastron_sdm630"))
    with pytest.raises(ModelError):
        await survey_clock(line, modbus, lambda: datetime(2026, 11, 23, tzinfo=UTC))


def test_a_clock_of_another_length_is_no_clock() -> None:
    with pytest.raises(BadAnswer):
        shown("04000102", bytes(4))
    assert shown("04000102", item("04000102").encode(["15:30:45"])).time is not None
