"""Where a line is: a device that stands here, a DTU that has dialled in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from headend.cluster.keeper import Tenure
from headend.cluster.membership import KeeperCounters, Membership
from headend.cluster.presence import Presence
from headend.collection.line import LinePath
from protocols.errors import LeaseLost
from protocols.links.listen import close_listeners
from protocols.links.open import open_link
from storage.leases import Lease
from tests.headend.cluster.daemons import TERMS
from tests.headend.cluster.memory_leases import Shared, Way
from tests.ports import free_port


def line(url: str) -> LinePath:
    return LinePath("line", url, "dlt645")


@pytest.mark.parametrize("url", ["tcp://h:1", "mqtt://h/a?down=b", "faulty+tcp://h:1?faults=seed:1", "other://x", "?"])
async def test_what_everybody_can_reach_is_bound_to_nobody(url: str) -> None:
    presence = Presence()
    assert not presence.bound(line(url))
    assert await presence.here(line(url))
    assert presence.last_heard(line(url)) is None


@pytest.mark.parametrize("prefix", ["", "faulty+"])
async def test_a_serial_line_is_where_its_device_is(tmp_path: Path, prefix: str) -> None:
    presence, device = Presence(), tmp_path / "ttyUSB0"
    assert presence.bound(line(f"{prefix}serial://{device}"))
    assert not await presence.here(line(f"{prefix}serial://{device}"))
    device.touch()
    assert await presence.here(line(f"{prefix}serial://{device}"))


async def test_a_dtu_is_where_it_has_dialled_in_until_we_hang_up() -> None:
    presence, port = Presence(), free_port()
    dtu_line = line(f"tcp-listen://127.0.0.1:{port}?register=DTU-1")
    assert presence.bound(dtu_line)
    assert not await presence.here(dtu_line)
    dtu = await open_link(f"tcp://127.0.0.1:{port}")
    await dtu.send(b"DTU-1")
    async with asyncio.timeout(60):
        while not await presence.here(dtu_line):  # noqa: ASYNC110 - what a socket brings sets no event
            await asyncio.sleep(0.005)
    assert presence.last_heard(dtu_line) is not None
    presence.hang_up(dtu_line)
    async with asyncio.timeout(60):
        while await presence.here(dtu_line):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
    await dtu.close()
    await close_listeners()


async def test_the_guard_looks_at_the_clock_and_waits_for_no_timer() -> None:
    now = 100.0
    way = Way(Shared())
    membership = Membership("a", TERMS, lambda: now, KeeperCounters())
    tenure = Tenure(membership, Lease(1, 1))
    with pytest.raises(LeaseLost):
        tenure()
    assert await membership.renew(way)
    now = 100.0 + TERMS.ttl - TERMS.margin - 0.001
    tenure()
    now += 0.001
    with pytest.raises(LeaseLost):
        tenure()
    assert await membership.renew(way)
    tenure()
    tenure.over = True
    with pytest.raises(LeaseLost):
        tenure()
