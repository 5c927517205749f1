"""The recorder: a batch is kept until the database has it, and leaves the queue only then."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from headend.pending import Pending
from headend.recorder import Recorder
from protocols.model import POSITIONS, Capture, Quality, Source
from storage.errors import DatabaseUnreachable, Rejected, ServerError
from storage.writer import Miss
from tests.headend.memory_writer import MemoryWriter
from tests.headend.virtual_time import START, virtually

AWAY = DatabaseUnreachable("away")


def capture(slot: int, meter: int = 1) -> Capture:
    values = (slot, *[None] * (POSITIONS - 1))
    return Capture(meter, 1, START + timedelta(minutes=slot), START, Source.PULL, values, (Quality.GOOD,) * POSITIONS)


def miss(slot: int) -> Miss:
    return Miss(1, 4, START + timedelta(minutes=slot), "no_answer", START)


@virtually
async def test_captures_and_misses_go_in_batches() -> None:
    writer, pending = MemoryWriter(), Pending(100)
    recorder = Recorder(writer, pending, 4, 0.2)
    await pending.put([capture(1), miss(1), capture(2), capture(3), capture(3), capture(4)])
    await pending.close()
    await recorder.run()
    assert writer.batches == [[capture(1), capture(2), capture(3)], [capture(3), capture(4)]]
    assert writer.misses == [miss(1)]
    counters = recorder.counters
    assert (counters.batches, counters.captures, counters.stored, counters.duplicates) == (2, 5, 4, 1)
    assert (counters.misses, counters.merged, counters.unreachable) == (1, 0, 0)
    assert len(pending) == 0


@virtually
async def test_a_batch_outlives_a_database_that_is_away() -> None:
    writer, pending = MemoryWriter(), Pending(3)
    writer.failures = [AWAY] * 8
    recorder = Recorder(writer, pending, 2, 0.1)
    running = asyncio.create_task(recorder.run())
    await pending.put([capture(1), capture(2), capture(3)])
    full = asyncio.create_task(pending.put([capture(4)]))
    await asyncio.sleep(10)
    assert recorder.waiting
    assert (len(pending), full.done(), writer.rows) == (3, False, {}), "held, and who has more is held back"
    await asyncio.sleep(20)
    assert full.done()
    assert not recorder.waiting
    await pending.close()
    await running
    assert [c.values[0] for c in writer.rows.values()] == [1, 2, 3, 4]
    assert (recorder.counters.unreachable, recorder.counters.stored) == (8, 4)


@virtually
async def test_a_database_that_is_away_is_asked_again_and_again_with_pauses_up_to_five_seconds() -> None:
    writer, pending = MemoryWriter(), Pending(3)
    writer.failures = [AWAY] * 1000
    running = asyncio.create_task(Recorder(writer, pending, 2, 0).run())
    await pending.put([capture(1)])
    await asyncio.sleep(3600)
    assert 3600 / 5 <= writer.calls <= 3600 / 5 + 5
    running.cancel()


@virtually
async def test_misses_that_fail_do_not_have_the_captures_counted_twice() -> None:
    writer, pending = MemoryWriter(), Pending(9)
    writer.failures = [None, AWAY, AWAY]
    recorder = Recorder(writer, pending, 9, 0)
    await pending.put([capture(1), miss(1)])
    await pending.close()
    await recorder.run()
    assert (recorder.counters.stored, recorder.counters.duplicates, recorder.counters.unreachable) == (1, 0, 2)
    assert writer.misses == [miss(1)]


@pytest.mark.parametrize("at", [0, 1])
@virtually
async def test_what_the_database_refuses_ends_the_recorder_and_stays_in_the_queue(at: int) -> None:
    writer, pending = MemoryWriter(), Pending(9)
    writer.failures = [*[None] * at, Rejected("no such meter")]
    await pending.put([capture(1), miss(1)])
    with pytest.raises(Rejected, match="no such meter"):
        await Recorder(writer, pending, 9, 0).run()
    assert await pending.batch(9, 0) == [capture(1), miss(1)]


@virtually
async def test_an_embedded_database_is_brought_back() -> None:
    writer, pending = MemoryWriter(), Pending(9)
    writer.failures = [AWAY] * 1000
    tries = 0

    async def revive() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ServerError("no room on the disk")
        writer.failures.clear()

    await pending.put([capture(1)])
    await pending.close()
    await Recorder(writer, pending, 9, 0, revive).run()
    assert (tries, len(writer.rows), len(pending)) == (3, 1, 0)
