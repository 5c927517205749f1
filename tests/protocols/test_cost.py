"""What conversations cost: time, bytes and faults, put down to the line and to whoever was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from protocols.dlt645.reader import FrameReader
from protocols.driver import Driver, MeterCounters
from protocols.errors import NoAnswer
from protocols.exchange import Noise
from protocols.links.memory import memory_pair
from protocols.modbus.rtu import RtuReader
from protocols.timing import Timing
from tests.headend.virtual_time import virtually
from tests.protocols.test_driver import GOOD, read

ASKED = 20  # bytes of a read, the preamble among them
TIMING = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=1, late=0.6)
Script = Sequence[bytes | float]


async def costs(timing: Timing, *turns: tuple[MeterCounters, Sequence[Script]], echo: bool = False) -> Driver[Any]:
    """Ask once a turn; each request is answered by the turn's next script: chunks, and pauses in seconds."""
    near, far = memory_pair()
    driver: Driver[Any] = Driver(near, FrameReader(), timing, echo=echo)

    async def serve(scripts: list[Script]) -> None:
        for script in scripts:
            asked = await far.receive()
            if echo:
                await far.send(asked)
            for step in script:
                if isinstance(step, bytes):
                    await far.send(step)
                    await asyncio.sleep(0)
                else:
                    await asyncio.sleep(step)

    async with asyncio.TaskGroup() as group:
        group.create_task(serve([script for _, scripts in turns for script in scripts]))
        for cost, _ in turns:
            try:
                await driver.run(read(), cost)
            except NoAnswer:
                assert cost.timeouts == 2
    return driver


@virtually
async def test_turnaround_is_from_the_last_byte_asked_to_the_first_answered() -> None:
    rate = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=0, bits_per_second=2400)
    cost = MeterCounters()
    wire = rate.on_wire(ASKED)
    driver = await costs(
        rate, (cost, [[wire + 0.07 + rate.on_wire(5), GOOD[:5], rate.on_wire(len(GOOD) - 5), GOOD[5:]]])
    )
    assert cost.turnaround_s == pytest.approx(0.07)
    assert cost.turnaround_max_s == driver.counters.turnaround_s == cost.turnaround_s
    assert cost.busy_s == pytest.approx(0.07 + rate.on_wire(ASKED + len(GOOD)))
    assert (driver.counters.sent_bytes, driver.counters.received_bytes) == (ASKED, len(GOOD))


@virtually
async def test_turnaround_begins_behind_the_echo() -> None:
    cost = MeterCounters()
    await costs(TIMING, (cost, [[0.2, GOOD]]), echo=True)
    assert cost.turnaround_s == pytest.approx(0.2)


@virtually
async def test_each_meter_bears_its_own_and_together_they_are_the_line() -> None:
    good, dead, noisy = MeterCounters(), MeterCounters(), MeterCounters()
    damaged = GOOD[:-2] + bytes([GOOD[-2] ^ 0xFF]) + GOOD[-1:]
    driver = await costs(
        TIMING, (good, [[0.1, GOOD]]), (dead, [[], []]), (noisy, [[0.1, damaged], [0.1, GOOD]]), (good, [[0.3, GOOD]])
    )
    line = driver.counters
    assert (good.requests, good.answers, good.timeouts, good.retries, good.checksums) == (2, 2, 0, 0, 0)
    assert (dead.requests, dead.answers, dead.timeouts, dead.retries, dead.checksums) == (2, 0, 2, 1, 0)
    assert (noisy.requests, noisy.answers, noisy.timeouts, noisy.retries, noisy.checksums) == (2, 1, 1, 1, 1)
    assert good.turnaround_max_s == pytest.approx(0.3)
    assert good.turnaround_s == pytest.approx(0.4)
    for name in ("requests", "answers", "timeouts", "retries", "checksums", "busy_s", "turnaround_s"):
        assert sum(getattr(cost, name) for cost in (good, dead, noisy)) == pytest.approx(getattr(line, name))
    assert line.sent_bytes == 6 * ASKED


@virtually
async def test_a_conversation_that_still_runs_counts_when_asked() -> None:
    near, _far = memory_pair()
    driver: Driver[Any] = Driver(near, FrameReader(), TIMING)
    asking = asyncio.create_task(driver.run(read()))
    await asyncio.sleep(0.25)
    driver.settle()
    assert driver.counters.busy_s == pytest.approx(0.25)
    with pytest.raises(NoAnswer):
        await asking
    assert driver.counters.busy_s == pytest.approx(1.0)
    driver.settle()
    assert driver.counters.busy_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("reader", "raw", "damaged"),
    [
        (FrameReader, GOOD[:-2] + b"\x00" + GOOD[-1:], True),
        (FrameReader, b"hello", False),
        (RtuReader, bytes.fromhex("0103020030B8FF"), True),
        (RtuReader, bytes.fromhex("FFFF"), False),
    ],
)
def test_wrong_check_sums_are_told_from_other_noise(reader: Any, raw: bytes, damaged: bool) -> None:
    made = reader()
    noises = [event for event in (*made.feed(raw), *made.flush()) if isinstance(event, Noise)]
    assert noises
    assert any(noise.is_damaged for noise in noises) is damaged
