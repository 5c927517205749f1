"""The writer: whatever comes, in whatever parts and order, the table holds it once and holds the first value."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.model import POSITIONS, Capture, Quality
from storage.columns import CaptureColumns
from storage.errors import DatabaseUnreachable, SchemaMismatch
from storage.writer import Miss, Writer, Written
from tests.conftest import Servers
from tests.storage.captures import GOOD, NA, T0, Key, capture, halves, merge, slots, stored
from tests.storage.cutting_proxy import cutting_proxy


def expected(*batches: list[Capture]) -> dict[Key, Capture]:
    found: dict[Key, Capture] = {}
    for batch in batches:
        merge(found, batch)
    return found


async def test_a_batch_is_stored_cell_by_cell(database: str) -> None:
    batch = [
        *slots(5, 4),
        capture(9, values=(-1, 0, 2**63 - 1, -(2**63), None, None, None, None), quality=(GOOD,) * 4 + (NA,)),
        capture(9, layout=4, values=(None,) * 7 + (49_987,), quality=(Quality.OUT_OF_RANGE,) * 7),
        capture(
            9, time=T0 + timedelta(microseconds=1), values=(None,) * 7, quality=(GOOD,) * 7 + (Quality.OUT_OF_RANGE,)
        ),
    ]
    async with Writer(database) as writer:
        assert await writer.write(batch) == Written(23, 0, 0)
    assert stored(database) == expected(batch)


async def test_a_replay_changes_nothing(database: str) -> None:
    batch = slots(10, 8)
    async with Writer(database) as writer:
        await writer.write(batch)
        changed = [capture(c.meter_id, c.time, values=[-1] * 7, received=T0 + timedelta(days=1)) for c in batch]
        assert await writer.write(batch) == Written(0, 0, 80)
        assert await writer.write(changed) == Written(0, 0, 80)
    assert stored(database) == expected(batch)


async def test_a_replay_writes_no_row_versions(database: str) -> None:
    """A blind DO UPDATE would rewrite the rows, and decompress chunks, without changing a value."""
    batch = slots(3, 3)
    where = "SELECT tableoid::regclass::text, ctid::text FROM capture ORDER BY meter_id, time"
    async with Writer(database) as writer:
        await writer.write([halves(c, 3)[0] for c in batch])
        with psycopg.connect(database) as connection:
            before = connection.execute(where).fetchall()
            await writer.write([halves(c, 3)[0] for c in batch])
            assert connection.execute(where).fetchall() == before


async def test_a_long_replay_leaves_no_dead_rows(database: str) -> None:
    """Each COPY that fails leaves some; so after the first one known rows are asked for."""
    batch = slots(50, 20)
    size = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relname ~ '^(capture_2|_hyper_.*_chunk$)'"
    async with Writer(database) as writer:
        await writer.write(batch)
        await writer.write(batch)
        with psycopg.connect(database, autocommit=True) as connection:
            before = connection.execute(size).fetchone()
            for _ in range(3):
                assert await writer.write(batch) == Written(0, 0, 1000)
            assert connection.execute(size).fetchone() == before
        assert await writer.write(slots(60, 20)) == Written(200, 0, 1000)
        assert await writer.write(slots(10, 1, T0 - timedelta(hours=1))) == Written(10, 0, 0)
    assert stored(database) == expected(slots(60, 20), slots(10, 1, T0 - timedelta(hours=1)))


async def test_halves_fill_each_other(database: str) -> None:
    batch = slots(6, 4)
    first, second = zip(*(halves(c, 4) for c in batch), strict=True)
    async with Writer(database) as writer:
        assert await writer.write(first) == Written(24, 0, 0)
        assert await writer.write([*second[:12], *slots(6, 1, T0 + timedelta(hours=9))]) == Written(6, 12, 0)
        assert await writer.write(second) == Written(0, 12, 12)
    assert stored(database) == expected(batch, slots(6, 1, T0 + timedelta(hours=9)))


async def test_parts_in_one_batch_are_one_row(database: str) -> None:
    batch = slots(4, 2)
    parts = [part for c in batch for part in halves(c, 2)]
    async with Writer(database) as writer:
        assert await writer.write([*parts, *parts[:3]]) == Written(8, 8, 3)
    assert stored(database) == expected(batch)


async def test_a_value_beats_the_meters_no_which_beats_a_hole(database: str) -> None:
    hole, nothing, value = (None,), (None,), (7,)
    async with Writer(database) as writer:
        assert await writer.write([capture(values=hole)]) == Written(1, 0, 0)
        assert await writer.write([capture(values=nothing, quality=(NA,))]) == Written(0, 1, 0)
        assert await writer.write([capture(values=nothing, quality=(Quality.OUT_OF_RANGE,))]) == Written(0, 0, 1)
        assert stored(database)[1, T0, 1].quality[0] == NA
        assert await writer.write([capture(values=value)]) == Written(0, 1, 0)
        assert await writer.write([capture(values=nothing, quality=(NA,))]) == Written(0, 0, 1)
    after = stored(database)[1, T0, 1]
    assert (after.values[0], after.quality[0]) == (7, GOOD)


@pytest.mark.parametrize("seed", range(2))
async def test_two_writers_of_the_same_halves_at_once(database: str, seed: int) -> None:
    batch = slots(40, 12)
    parts = [part for c in batch for part in halves(c, 3)]

    async def write(order: random.Random, size: int) -> Written:
        mine = order.sample(parts, len(parts))
        total = Written(0, 0, 0)
        async with Writer(database) as writer:
            for start in range(0, len(mine), size):
                total += await writer.write(mine[start : start + size])
        return total

    one, other = await asyncio.gather(write(random.Random(seed), 125), write(random.Random(seed + 100), 170))
    assert one.stored + other.stored == len(batch)
    total = one + other
    assert total.stored + total.merged + total.duplicates == 2 * len(parts)
    found = stored(database)
    assert {key: c.values for key, c in found.items()} == {key: c.values for key, c in expected(batch).items()}


keys = st.tuples(st.integers(1, 2), st.sampled_from([T0, T0 + timedelta(days=40)]), st.sampled_from([1, 4]))
places = st.one_of(
    st.just((None, GOOD)), st.just((None, NA)), st.tuples(st.integers(-5, 5), st.sampled_from([GOOD, NA]))
)


@st.composite
def parts_of_captures(draw: st.DrawFn) -> Capture:
    meter_id, time, layout = draw(keys)
    cells = draw(st.lists(places, min_size=POSITIONS, max_size=POSITIONS))
    return capture(meter_id, time, layout, [value for value, _ in cells], [quality for _, quality in cells])


batches = st.lists(st.lists(parts_of_captures(), max_size=6), max_size=5)


@settings(max_examples=60, deadline=None)
@given(batches)
def test_merging_columns_is_the_rule(given_batches: list[list[Capture]]) -> None:
    flat = [c for batch in given_batches for c in batch]
    merged = CaptureColumns.from_captures(flat).merged()
    assert len(merged.columns) + merged.added + merged.repeated == len(flat)
    assert _captures(merged.columns) == expected(flat)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
async def test_any_batches_end_as_the_rule_says(database: str, given_batches: list[list[Capture]]) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("TRUNCATE capture")
    total = Written(0, 0, 0)
    async with Writer(database) as writer:
        for batch in given_batches:
            written = await writer.write(batch)
            assert written.stored + written.merged + written.duplicates == len(batch)
            total += written
    model = expected(*given_batches)
    assert stored(database) == model
    assert total.stored == len(model)


async def test_late_and_future_times_find_their_partition(database: str) -> None:
    days = [
        datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2031, 5, 5, tzinfo=UTC),
    ]
    batch = [capture(time=day) for day in days]
    async with Writer(database) as writer:
        assert await writer.write([capture()]) == Written(1, 0, 0)
        assert await writer.write([*batch, capture()]) == Written(3, 0, 1)
    assert stored(database) == expected([capture(), *batch])


async def test_a_dropped_partition_comes_back(servers: Servers, plain_database: str) -> None:
    async with Writer(plain_database) as writer:
        await writer.prepare([date(2026, 3, 1), date(2026, 3, 2)])
        await writer.write([capture()])
        with psycopg.connect(plain_database) as connection:
            connection.execute("DROP TABLE capture_20260301")
        assert await writer.write([capture()]) == Written(1, 0, 0)
    with psycopg.connect(plain_database) as connection:
        tables = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'capture'::regclass"
        )
        assert sorted(name for (name,) in tables) == ["capture_20260301", "capture_20260302"]


async def test_misses_keep_the_last_reason(database: str) -> None:
    def miss(meter_id: int, reason: str) -> Miss:
        return Miss(meter_id, 1, T0, reason, T0 + timedelta(minutes=1))

    async with Writer(database) as writer:
        assert await writer.write_misses([miss(1, "no_answer"), miss(2, "refused"), miss(1, "late")]) == 2
        assert await writer.write_misses([miss(2, "no_answer")]) == 1
        assert await writer.write_misses([]) == 0
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT meter_id, reason FROM miss ORDER BY meter_id").fetchall()
    assert rows == [(1, "late"), (2, "no_answer")]


async def test_a_lost_connection_is_said_and_mended(database: str) -> None:
    async with Writer(database) as writer:
        await writer.write([capture(1)])
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'headend'"
            )
        with pytest.raises(DatabaseUnreachable):
            await writer.write([capture(2)])
        assert await writer.write([capture(2)]) == Written(1, 0, 0)


async def test_a_commit_whose_answer_is_lost_may_be_given_again(database: str) -> None:
    """The server has committed and nobody on our side can know."""
    async with cutting_proxy(database) as proxy, Writer(proxy.conninfo) as writer:
        await writer.prepare([T0.date()])  # its COMMIT is not the one
        for given in ([capture(1)], [capture(1), capture(2)]):
            proxy.armed = "COMMIT"
            with pytest.raises(DatabaseUnreachable):
                await writer.write(given)
            assert not proxy.armed
            assert await writer.write(given) == Written(0, 0, len(given))
    assert proxy.cuts == 2
    assert stored(database) == expected([capture(1), capture(2)])


async def test_a_database_without_tables_is_named(plain_empty: str) -> None:
    async with Writer(plain_empty) as writer:
        with pytest.raises(SchemaMismatch, match="not migrated"):
            await writer.write([capture()])


async def test_nobody_listening_is_unreachable() -> None:
    async with Writer("host=127.0.0.1 port=1 dbname=x") as writer:
        with pytest.raises(DatabaseUnreachable):
            await writer.write([capture()])


async def test_a_cancelled_write_leaves_a_usable_writer(database: str) -> None:
    batch = slots(200, 20)
    async with Writer(database) as writer:
        await writer.write(batch[:1])
        task = asyncio.create_task(writer.write(batch))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        written = await writer.write(batch)
    assert written.stored + written.duplicates == len(batch)
    assert stored(database) == expected(batch)


def test_a_number_beyond_64_bits_is_our_bug() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        CaptureColumns.from_captures([capture(values=[2**63])])


def test_columns_of_unequal_length_are_refused() -> None:
    columns = CaptureColumns.from_captures([capture()])
    with pytest.raises(ValueError, match="layout"):
        CaptureColumns(**{**vars(columns), "layout": np.zeros(2, dtype=np.int16)})


def _captures(columns: CaptureColumns) -> dict[Key, Capture]:
    """Columns back to objects, for comparison."""
    from storage.columns import from_us, unpack

    found: dict[Key, Capture] = {}
    for row in range(len(columns)):
        values = [int(v) if p else None for v, p in zip(columns.values[row], columns.present[row], strict=True)]
        time = from_us(int(columns.time_us[row]))
        quality = [Quality(int(byte)) for byte in unpack(columns.quality[row : row + 1])[0]]
        meter_id, layout = int(columns.meter_id[row]), int(columns.layout[row])
        found[meter_id, time, layout] = capture(
            meter_id, time, layout, values, quality, from_us(int(columns.received_us[row]))
        )
    assert list(found) == sorted(found)
    return found
