"""A line's window: that many of its meters are surveyed side by side, and everything else is as on a narrow line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from headend.collection.line import Line, LinePath
from headend.collection.poller import Poller
from headend.recording.pending import Pending, Record
from headend.registry.known import line_path
from protocols.links.open import SCHEMES
from protocols.model import Capture
from protocols.timing import Timing
from storage.entries import NewLine
from storage.writer import Miss
from tests.headend.gateway import Gateway
from tests.headend.plans import every
from tests.headend.virtual_time import START, Clock, virtually

PATIENT = Timing(response=20.0, latency=0.0, gap=0.1, pause=0.0, retries=0, late=1.0)
QUICK = Timing(response=0.5, latency=0.0, gap=0.1, pause=0.0, retries=0, late=1.0)
PLAN = every("seconds", 2, "active_energy_import", "voltage_l1")


def values(records: Sequence[Record]) -> list[tuple[object, ...]]:
    """What was captured, in the meters' order, whoever came first."""
    return sorted((r.meter_id, r.layout, r.values, r.quality) for r in records if isinstance(r, Capture))


async def one_slot(window: int, count: int = 9) -> tuple[Gateway, list[Record]]:
    """One slot of a real gateway's meters; the first answer comes when the window is full."""
    gateway, pending = Gateway(count, together=window, thinks_s=0.005), Pending(10**6)
    async with gateway.on_tcp() as url:
        line = Line(LinePath("gate", url, "modbus", window=window), PATIENT)
        poller = Poller(line, gateway.meters, [PLAN], pending, lambda: START)
        running = asyncio.create_task(poller.run())
        records = await pending.batch(2 * count, 30.0)
        poller.stop()
        await running
    assert (poller.counters.surveys, poller.counters.misses, gateway.connections) == (count, 0, 1)
    return gateway, records


async def test_several_transactions_in_flight_on_one_connection_give_what_one_at_a_time_gives() -> None:
    narrow, one_by_one = await one_slot(1)
    wide, at_once = await one_slot(4)
    assert (narrow.most, wide.most) == (1, 4)
    assert narrow.asked == sorted(narrow.asked)
    assert values(at_once) == values(one_by_one)
    assert {r.meter_id for r in at_once} == set(range(1, 10))


class Watched:
    """A poller in virtual time on a wide line to a gateway in memory."""

    def __init__(self, patch: pytest.MonkeyPatch, gateway: Gateway, limit: int = 10**6, window: int = 4) -> None:
        patch.setitem(SCHEMES, "gate", gateway.open)
        path = LinePath("gate", "gate://x", "modbus", "tcp", window=window)
        self.pending = Pending(limit)
        self.poller = Poller(Line(path, QUICK), gateway.meters, [PLAN], self.pending, Clock())
        self.running = asyncio.create_task(self.poller.run())

    async def stop(self) -> None:
        self.poller.stop()
        await self.running
        assert not self.poller.line.is_open

    @property
    def records(self) -> list[Record]:
        return list(self.pending._records)

    def captured(self, slot_s: float) -> set[int]:
        slot = START + timedelta(seconds=slot_s)
        return {r.meter_id for r in self.records if isinstance(r, Capture) and r.time == slot}

    def missed(self, slot_s: float) -> dict[int, str]:
        slot = START + timedelta(seconds=slot_s)
        return {r.meter_id: r.reason for r in self.records if isinstance(r, Miss) and r.time == slot}


@virtually
async def test_a_silent_meter_costs_one_place_of_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(8, thinks_s=0.1)
    gateway.silent = {2}
    watched = Watched(monkeypatch, gateway)
    await asyncio.sleep(1.9)
    await watched.stop()
    assert watched.captured(0) == {1, 3, 4, 5, 6, 7, 8}
    assert watched.missed(0) == {2: "no_answer"}
    assert watched.poller.failures == {"m2": 1}
    assert watched.poller.line.opened == 1


@virtually
async def test_a_lost_link_is_opened_again_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(8, thinks_s=0.1)
    watched = Watched(monkeypatch, gateway)
    await asyncio.sleep(0.15)  # the first four are asked
    assert (gateway.most, gateway.connections) == (4, 1)
    await gateway.unplug()
    await asyncio.sleep(0.1)
    assert watched.poller.line.failures == 1, "four conversations ended, one link was lost"
    assert watched.missed(0) == dict.fromkeys(range(1, 5), "link_closed") | dict.fromkeys(range(5, 9), "unreachable")
    gateway.unplugged = False
    await asyncio.sleep(2.5)
    await watched.stop()
    assert watched.captured(2) == set(range(1, 9))
    assert (gateway.connections, watched.poller.line.opened) == (2, 2)


@virtually
async def test_stopped_in_mid_slot_what_is_under_way_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(8, thinks_s=0.1)
    watched = Watched(monkeypatch, gateway)
    await asyncio.sleep(0.15)
    await watched.stop()
    assert watched.captured(0) == {1, 2, 3, 4} == set(gateway.asked)
    assert watched.missed(0) == {}


@virtually
async def test_what_is_not_reached_in_time_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(20, thinks_s=0.4)
    watched = Watched(monkeypatch, gateway)
    await asyncio.sleep(2.4)
    await watched.stop()
    done = watched.captured(0)
    assert done == set(range(1, len(done) + 1))
    assert 4 <= len(done) <= 16
    assert set(watched.missed(0).values()) == {"late"}
    assert done | set(watched.missed(0)) == set(range(1, 21))


@virtually
async def test_a_full_queue_holds_them_all_back_and_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(8)
    watched = Watched(monkeypatch, gateway, limit=4)
    await asyncio.sleep(1)
    assert len(watched.records) == 4
    assert set(gateway.asked) == set(range(1, 7)), "two are queued, four wait with what they have"
    seen = set()
    for _ in range(4):
        seen |= {r.meter_id for r in watched.records}
        await watched.pending.done(len(watched.records))
        await asyncio.sleep(0.01)
    await watched.stop()
    assert seen == set(range(1, 9))


@virtually
async def test_a_fault_of_ours_ends_all_and_closes_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, Gateway(8))
    watched.poller._keeping.pending = None  # type: ignore[assignment]
    await asyncio.wait({watched.running})
    fault = watched.running.exception()
    assert isinstance(fault, AttributeError)
    assert not watched.poller.line.is_open


def test_a_wide_line_without_numbers_is_worked_one_meter_at_a_time() -> None:
    assert LinePath("x", "tcp://192.0.2.1:502", "modbus", window=4).side_by_side == 4
    assert LinePath("x", "tcp://192.0.2.1:502", "modbus", "rtu", window=4).side_by_side == 1
    assert LinePath("x", "tcp://192.0.2.1:502", "modbus", "", echo=True, window=4).side_by_side == 1
    assert LinePath("x", "tcp://192.0.2.1:502", "dlt645", window=4).side_by_side == 1


def test_a_line_stored_before_there_were_windows_has_one_of_one() -> None:
    old = NewLine(name="x", url="tcp://192.0.2.1:502", protocol="modbus", options={"framing": "", "echo": False})
    assert line_path(old).window == 1
    new = NewLine(name="x", url="tcp://192.0.2.1:502", protocol="modbus", options={"window": 16})
    assert line_path(new).window == 16
