"""Meters are asked for once, and again when the registry has changed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from headend.ingest.meters import REFRESH_S, RETRY_S, SUSPENDED, UNKNOWN, Meters
from protocols.push.arrivals import MeterKey
from storage.entries import MeterState
from storage.meter_keys import Found, MeterKeys
from storage.registry import Registry
from tests.headend.ingest.site import address_of, register

pytestmark = pytest.mark.postgres


class Counted(MeterKeys):
    """How many keys were asked for."""

    asked = 0

    async def find(self, names: Sequence[str], places: Sequence[tuple[str, str]], addresses: Sequence[str]) -> Found:
        self.asked += len(names) + len(places) + len(addresses)
        return await super().find(names, places, addresses)


def place(meter: int) -> MeterKey:
    return MeterKey("", address_of(meter), "dtu")


async def test_what_is_known_is_asked_again_only_when_the_registry_has_changed(plain_database: str) -> None:
    await register(plain_database, [1, 2])
    now = 1000.0
    async with Counted(plain_database) as source, Registry(plain_database) as registry:
        meters = Meters(source, lambda: now)
        first = await meters.look_up([place(1), place(2)])
        assert len(set(first)) == 2
        for _ in range(3):
            now += REFRESH_S + 1
            assert await meters.look_up([place(2), place(1)]) == first[::-1]
        assert source.asked == 2
        await registry.set_meter_state("m1", MeterState.SUSPENDED)
        assert await meters.look_up([place(1)]) == first[:1]
        now += REFRESH_S + 1
        assert await meters.look_up([place(1), place(2)]) == [SUSPENDED, first[1]]
        assert source.asked == 4


async def test_a_meter_that_was_not_there_is_found_soon(plain_database: str) -> None:
    await register(plain_database, [1])
    now = 1000.0
    async with Counted(plain_database) as source:
        meters = Meters(source, lambda: now)
        known, lacking = await meters.look_up([place(1), place(2)])
        assert lacking == UNKNOWN
        await register(plain_database, [2])
        assert await meters.look_up([place(2)]) == [UNKNOWN]
        now += RETRY_S
        found = await meters.look_up([place(1), place(2)])
        assert found[0] == known
        assert isinstance(found[1], int)
        assert source.asked == 3


async def test_every_kind_of_change_is_another_revision(plain_database: str) -> None:
    await register(plain_database, [1])
    async with MeterKeys(plain_database) as source, Registry(plain_database) as registry:
        seen = [await source.revision()]
        assert await source.revision() == seen[0]
        await register(plain_database, [2])
        seen.append(await source.revision())
        await registry.set_meter_state("m2", MeterState.REMOVED)
        seen.append(await source.revision())
        await register(plain_database, [3], line="other")
        seen.append(await source.revision())
    assert len(set(seen)) == len(seen)
