"""The collector: what was received is stored, whatever ends it; and what ended it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headend.collection.collector import Collector
from headend.config import parse
from headend.daemon import prepare
from headend.place import store
from headend.registry.files import one_meter
from headend.registry.known import plans_of
from headend.wire.rows import read_rows
from protocols.links.base import Link
from protocols.links.open import SCHEMES
from storage.entries import Additions
from storage.errors import DatabaseUnreachable, Rejected
from storage.reader import Reader
from storage.registry import Registry
from tests.headend.bus import ENERGY, VOLTAGE, Bus, data, meter, path
from tests.headend.conftest import Plug, configuration
from tests.headend.memory_writer import MemoryWriter
from tests.headend.virtual_time import Clock, virtually
from tests.servers import wait_until

AWAY = DatabaseUnreachable("away")


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> MemoryWriter:
    found = MemoryWriter()
    monkeypatch.setattr("headend.collection.collector.Writer", lambda _conninfo: found)
    return found


def three_meters() -> Bus:
    bus = Bus({f"{m:012}": {**ENERGY, VOLTAGE: data(VOLTAGE, 2301)} for m in (1, 2, 3)})
    bus.delay_s = dict.fromkeys(bus.meters, 0.05)
    return bus


@pytest.fixture
def buses(plug: Plug) -> list[Bus]:
    """Two lines with three meters each, which think for a while."""
    found = [three_meters(), three_meters()]
    for number, bus in enumerate(found, start=1):
        plug(f"line{number}", bus)
    return found


class Beats(list[dict[str, Any]]):
    """The signs of life; `failure` is what giving one ends with."""

    failure: Exception | None = None

    async def __call__(self, collector: Collector) -> None:
        self.append(collector.counters)
        if self.failure:
            raise self.failure


def collector_of(beats: Beats | None = None, more: str = "", tables: str = "") -> Collector:
    """Every ten seconds, both lines."""
    text = configuration("dbname=nowhere", every="10s").replace("[queue]\n", f"[queue]\n{more}\n")
    config = parse(f"{text}\n{tables}", "test.toml")
    lines = [(path(f"line{n}"), [meter(m, n) for m in (1, 2, 3)]) for n in (1, 2)]
    return Collector(config, lines, plans_of(config), "dbname=nowhere", beat=beats, now=Clock())


def received(collector: Collector) -> int:
    return sum(poller.counters.readings for poller in collector.pollers)


def assert_ended(collector: Collector, writer: MemoryWriter) -> None:
    assert writer.closed
    assert not any(poller.line.is_open for poller in collector.pollers)
    left = [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()} if "_serve" not in repr(task)]
    assert left == []


@virtually
async def test_told_to_stop_it_stores_what_was_received(writer: MemoryWriter, buses: list[Bus]) -> None:
    beats = Beats()
    collector = collector_of(beats)
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(100.2)  # the second meter of the eleventh slot is asked
    assert (beats[-1]["stopped"], beats[-1]["lines"], beats[-1]["lines_open"]) == (False, 2, 2)
    collector.stop()
    await running
    assert received(collector) == writer.values == 2 * (3 * 3 * 10 + 2 * 3)
    assert len(collector.pending) == 0
    assert_ended(collector, writer)
    last = beats[-1]
    assert (last["stopped"], last["pending"], last["lines_open"]) == (True, 0, 0)
    assert last["poller"]["readings"] == writer.values
    assert last["recorder"]["captures"] == len(writer.rows)
    assert last["line"]["answers"] == last["line"]["requests"] == writer.values


@virtually
async def test_stopped_while_the_database_is_away_it_waits_for_it(writer: MemoryWriter, buses: list[Bus]) -> None:
    beats = Beats()
    collector = collector_of(beats, "captures = 5")
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(15)
    writer.failures = [AWAY] * 20
    await asyncio.sleep(15)
    assert beats[-1]["database_away"]
    assert len(collector.pending) in (4, 5), "a meter's two captures go together"
    collector.stop()
    await running
    assert received(collector) == writer.values
    assert not beats[-1]["database_away"]
    assert_ended(collector, writer)


@pytest.mark.parametrize("captures", [1, 10_000])
@virtually
async def test_a_row_that_the_database_refuses_ends_it(writer: MemoryWriter, buses: list[Bus], captures: int) -> None:
    collector = collector_of(more=f"captures = {captures}")
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(15)
    writer.failures = [AWAY] * 8 + [Rejected("no such meter")]
    async with asyncio.timeout(3600):
        with pytest.raises(Rejected, match="no such meter"):
            await running
    assert_ended(collector, writer)


@virtually
async def test_a_fault_of_ours_in_a_poller_ends_it_and_the_rest_is_stored(
    writer: MemoryWriter, buses: list[Bus], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_url: str, _defaults: Mapping[str, str]) -> Link:
        await asyncio.sleep(35)
        raise ZeroDivisionError

    monkeypatch.setitem(SCHEMES, "line2", broken)
    beats = Beats()
    collector = collector_of(beats)
    with pytest.raises(ExceptionGroup) as ended:
        await collector.run()
    assert ended.group_contains(ZeroDivisionError)
    assert received(collector) == writer.values == 4 * 3 * 3
    assert len(collector.pending) == 0
    assert_ended(collector, writer)
    assert beats[-1]["stopped"], "who died says so"


@virtually
async def test_no_sign_of_life_can_be_given_while_the_database_is_away(writer: MemoryWriter, buses: list[Bus]) -> None:
    beats = Beats()
    beats.failure = AWAY
    collector = collector_of(beats)
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(15)
    assert len(beats) > 100
    collector.stop()
    await running
    assert received(collector) == writer.values > 0


@virtually
async def test_a_fault_of_ours_in_the_sign_of_life_ends_it_in_order(writer: MemoryWriter, buses: list[Bus]) -> None:
    beats = Beats()
    collector = collector_of(beats)
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(15)
    beats.failure = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await running
    assert received(collector) == writer.values > 0
    assert_ended(collector, writer)


@virtually
async def test_a_line_without_meters_is_not_polled(writer: MemoryWriter) -> None:
    config = parse(configuration("dbname=nowhere"), "test.toml")
    collector = Collector(config, [(path("line1"), [])], plans_of(config), "dbname=nowhere", now=Clock())
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(10)
    collector.stop()
    await running
    assert (collector.pollers, collector.counters["lines"], writer.calls) == ([], 0, 0)


async def test_into_a_real_database(plain_database: str) -> None:
    """Two lines over TCP, a slot a second: what was received is what is stored, exactly."""
    config = parse(configuration(plain_database, every="1s"), "test.toml")
    buses = [three_meters(), three_meters()]
    buses[1].meters["000000000002"][VOLTAGE] = b"\xff\xff"
    del buses[1].meters["000000000003"]
    with buses[0].on_tcp() as first, buses[1].on_tcp() as second:
        async with store(config) as opened:
            for line, url in (("line1", first), ("line2", second)):
                for number in (1, 2, 3):
                    known = Additions(lines=tuple(await opened.registry.lines()))
                    cells = {"address": str(number), "model": "dlt645_2007", "line": line, "link": url, "framing": ""}
                    await opened.registry.add(one_meter(known, f"{line}-{number}", cells))
            collector = await prepare(config, opened)
            running = asyncio.create_task(collector.run())
            await asyncio.to_thread(wait_until, lambda: collector.recorder.counters.captures >= 20, "captures")
            collector.stop()
            await running
            (daemon,) = await opened.registry.daemons()
    counters = collector.counters
    async with Reader(plain_database) as reader, Registry(plain_database) as known_now:
        began, ended = collector.started.replace(microsecond=0), daemon.seen
        totals = await reader.totals(began, ended)
        ids = {m.name: m.id for m in await known_now.meters()}
        readings = await reader.readings(list(ids.values()), began, ended)
        gaps = await reader.gaps(began, ended)
    assert (totals.captures, totals.values) == (counters["poller"]["captures"], counters["poller"]["readings"])
    assert counters["recorder"]["stored"] == totals.captures
    assert {(r.quantity.name, str(r.value), r.quality.name) for r in readings} == {
        ("active_energy_import", "123456.7800", "GOOD"),
        ("active_energy_export", "1.0000", "GOOD"),
        ("voltage_l1", "230.100", "GOOD"),
        ("voltage_l1", "None", "NOT_AVAILABLE"),
    }
    assert {r.meter_id for r in readings if r.value is None} == {ids["line2-2"]}
    assert ids["line2-3"] not in {r.meter_id for r in readings}
    assert gaps.missing["no_answer"] >= 2
    assert gaps.received == totals.captures
    assert daemon.counters["stopped"]
    assert daemon.counters["recorder"] == counters["recorder"]


@virtually
async def test_what_goes_over_the_lines_is_written_down_where_that_is_wanted(
    writer: MemoryWriter, buses: list[Bus], tmp_path: Path
) -> None:
    collector = collector_of(tables=f'[wire_log]\ndirectory = "{tmp_path}"\nlines = ["line2"]\n')
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(25)
    collector.stop()
    await running
    (file,) = tmp_path.iterdir()  # noqa: ASYNC240 - two files of a test
    assert file.name == "line2.jsonl"
    directions = [row.request for row in read_rows(file)]
    assert directions == [True, False] * (received(collector) // 2)
