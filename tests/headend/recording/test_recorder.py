"""The recorder: a batch is kept until the database has it, and leaves the queue only then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from headend.recording.pending import Pending
from headend.recording.recorder import Recorder, Spooling
from protocols.model import POSITIONS, Capture, Quality, Source
from storage.errors import DatabaseUnreachable, Rejected, ServerError
from storage.spool.batch import Batch
from storage.spool.spool import Spool
from storage.writer import Miss, Written
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


def spool_in(folder: Path, limit: int = 10_000_000) -> Spool:
    return Spool(folder, limit, 1, lambda: 0)


async def until(condition: Callable[[], bool]) -> None:
    """A spool's thread runs in real time: the loop is given turns until it has."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never held")


async def test_the_spool_takes_over_and_all_of_it_comes_back(tmp_path: Path) -> None:
    writer, pending, spool = MemoryWriter(), Pending(1000), spool_in(tmp_path)
    writer.failures = [AWAY] * 10_000
    recorder = Recorder(writer, pending, 10, 0, spooling=Spooling(spool, 0.05))
    running = asyncio.create_task(recorder.run())
    given = [capture(slot) for slot in range(100)]
    await pending.put([*given, miss(5)])
    await until(lambda: len(pending) == 0)
    assert recorder.waiting
    assert (spool.counters.captures, spool.counters.misses, writer.rows) == (100, 1, {})
    writer.failures.clear()
    await until(lambda: not spool.waiting)
    assert list(writer.rows.values()) == given
    assert writer.misses == [miss(5)]
    assert (recorder.waiting, spool.state.bytes) == (False, 0)
    await pending.put([capture(200)])
    await pending.close()
    await running
    assert len(writer.rows) == 101


async def test_an_end_in_order_leaves_all_in_the_spool_and_the_next_run_stores_it(tmp_path: Path) -> None:
    writer, pending, spool = MemoryWriter(), Pending(1000), spool_in(tmp_path)
    writer.failures = [AWAY] * 10_000
    running = asyncio.create_task(Recorder(writer, pending, 10, 0, spooling=Spooling(spool, 3600)).run())
    await pending.put([capture(slot) for slot in range(35)])
    await pending.close()
    await running
    assert (len(pending), spool.counters.captures, writer.rows) == (0, 35, {})
    spool.close()
    writer.failures.clear()
    pending = Pending(1000)
    left = spool_in(tmp_path)
    running = asyncio.create_task(Recorder(writer, pending, 10, 0, spooling=Spooling(left, 3600)).run())
    await until(lambda: not left.waiting)
    await pending.close()
    await running
    assert sorted(c.values[0] or 0 for c in writer.rows.values()) == list(range(35))


async def test_a_write_that_hangs_counts_as_away(tmp_path: Path) -> None:
    class Hanging(MemoryWriter):
        async def write(self, captures: Sequence[Capture]) -> Written:
            await released.wait()
            return await super().write(captures)

    released = asyncio.Event()
    writer, pending, spool = Hanging(), Pending(1000), spool_in(tmp_path)
    recorder = Recorder(writer, pending, 10, 0, spooling=Spooling(spool, 0.05))
    running = asyncio.create_task(recorder.run())
    await pending.put([capture(slot) for slot in range(30)])
    await until(lambda: len(pending) == 0)
    assert spool.counters.captures == 30
    released.set()
    await until(lambda: not spool.waiting)
    assert len(writer.rows) == 30
    assert recorder.counters.duplicates == 10, "the batch that hung came twice, and was stored once"
    await pending.close()
    await running


async def test_a_spool_that_is_full_holds_the_queue_and_nothing_is_lost(tmp_path: Path) -> None:
    writer, pending, spool = MemoryWriter(), Pending(300), spool_in(tmp_path, 10_000)
    writer.failures = [AWAY] * 10_000
    recorder = Recorder(writer, pending, 50, 0, spooling=Spooling(spool, 0))
    running = asyncio.create_task(recorder.run())
    await pending.put([capture(slot) for slot in range(300)])
    await until(lambda: spool.counters.refused > 0)
    assert (spool.counters.captures, len(pending)) == (100, 200)
    assert "full" in spool.state.refusing
    full = asyncio.create_task(pending.put([capture(slot) for slot in range(300, 420)]))
    await asyncio.sleep(0.05)
    assert not full.done()
    writer.failures.clear()
    await until(lambda: not spool.waiting and not len(pending) and full.done())
    assert sorted(c.values[0] or 0 for c in writer.rows.values()) == list(range(420))
    await pending.close()
    await running


async def test_live_readings_go_before_spooled_ones(tmp_path: Path) -> None:
    earlier = spool_in(tmp_path)
    earlier.append(Batch.of([capture(slot) for slot in range(5)], []))
    writer, pending = MemoryWriter(), Pending(100)
    await pending.put([capture(slot) for slot in range(100, 130)])
    running = asyncio.create_task(Recorder(writer, pending, 10, 0, spooling=Spooling(earlier, 1)).run())
    await until(lambda: len(writer.rows) == 35)
    assert [batch[0].values[0] for batch in writer.batches] == [100, 110, 120, 0]
    await pending.close()
    await running


async def test_what_the_database_refuses_of_the_spool_is_set_aside(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append(Batch.of([capture(1)], []))
    writer, pending = MemoryWriter(), Pending(100)
    writer.failures = [Rejected("no such meter")]
    running = asyncio.create_task(Recorder(writer, pending, 10, 0, spooling=Spooling(spool, 1)).run())
    await until(lambda: not spool.waiting)
    assert spool.counters.set_aside == 1
    await pending.put([capture(2)])
    await pending.close()
    await running
    assert [c.values[0] for c in writer.rows.values()] == [2]
