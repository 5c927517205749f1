"""Trip, close, permission, protection, expiry: what the relay does, what is read of it, what flows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from protocols.dlt645.services.control import Command
from protocols.errors import Refused
from protocols.model import Quantity
from protocols.quantities import BY_NAME
from simulators.dlt645 import Quirks
from tests.simulators.dlt645.lab import Lab, lab

OPEN, TOLD, ALARM, KEY, KEPT = 1 << 4, 1 << 6, 1 << 7, 1 << 3, 1 << 12


async def word(line: Lab) -> int:
    return int(await line.one("04000503")) & ~KEY


def values(line: Lab) -> dict[Quantity, Decimal | None]:
    return dict(line.meter.values(line.now))


async def test_a_trip_opens_and_a_close_closes() -> None:
    async with lab() as line:
        assert await word(line) == 0
        await line.control(Command.TRIP, operator="0000CAFE")
        assert await word(line) == OPEN | TOLD
        line.wait(minutes=10)
        await line.control(Command.CLOSE, operator="0000BEEF")
        assert await word(line) == 0
        assert (await line.one("1D000001"), await line.one("1E000001")) == (1, 1)
        trip, close = await line.read("1D00FF01"), await line.read("1E00FF01")
        assert (trip["start"], trip["operator"]) == ("2026-11-22T12:30:07", "0000CAFE")
        assert (close["start"], close["operator"]) == ("2026-11-22T12:40:07", "0000BEEF")
        assert trip["active_energy_import"] == close["active_energy_import"] == await line.one("00010000")
        assert await line.one("1E000201") == "0000BEEF"


async def test_while_it_is_open_nothing_flows_and_energy_stands_still() -> None:
    async with lab() as line:
        before = values(line)
        await line.control(Command.TRIP)
        line.wait(minutes=47, seconds=13)
        names = {"current_l1", "active_power", "active_power_l2", "reactive_power", "apparent_power_l3"}
        for name in names:
            assert line.meter.value(BY_NAME[name], line.now) == 0
        assert await line.one("02030000") == 0
        assert (await line.read("0202FF00"))["current_l1"] == 0
        assert await line.one("02010100") > 200, "the mains side still has voltage"
        opened = values(line)
        for quantity in opened:
            if quantity.name.startswith(("active_energy", "reactive_energy", "apparent_energy")):
                assert opened[quantity] == before[quantity], quantity.name
        assert await line.one("02800004") == 0, "no demand in the last whole quarter of an hour"
        await line.control(Command.CLOSE)
        assert values(line)[BY_NAME["active_energy_import"]] == before[BY_NAME["active_energy_import"]]
        assert await line.one("02030000") > 0
        line.wait(minutes=30)
        gained = line.meter.counters("import", line.meter.second(line.now))
        lost = line.meter.load.taken
        begin, end = (line.meter.second(line.now - timedelta(minutes=m)) for m in (30, 0))
        flowed = sum(lost.energies(end)) - sum(lost.energies(begin))
        counted = sum(gained) - sum(line.meter.counters("import", begin))
        assert counted == flowed > 0


async def test_a_permission_waits_for_a_hand() -> None:
    async with lab() as line:
        await line.control(Command.TRIP)
        await line.control(Command.PERMIT_CLOSE)
        line.wait(minutes=5)
        assert await word(line) == OPEN
        line.happen("close_key")
        assert await word(line) == 0


async def test_a_key_without_permission_does_nothing() -> None:
    async with lab() as line:
        await line.control(Command.TRIP)
        line.happen("close_key")
        assert await word(line) == OPEN | TOLD
        await line.control(Command.PERMIT_CLOSE)
        await line.control(Command.TRIP)
        line.happen("close_key")
        assert await word(line) == OPEN | TOLD


async def test_protection_refuses_trips_until_it_is_lifted() -> None:
    async with lab() as line:
        await line.control(Command.PROTECT)
        for command in (Command.TRIP, Command.TRIP_RECLOSE, Command.TRIP_RECLOSE_SILENTLY):
            with pytest.raises(Refused):
                await line.control(command, n2=1)
        assert await word(line) == KEPT
        assert await line.one("1D000001") == 0
        await line.control(Command.UNPROTECT)
        await line.control(Command.TRIP)
        assert await word(line) == OPEN | TOLD


async def test_not_every_meter_tells_that_it_keeps_supply() -> None:
    async with lab(quirks=Quirks(tells_kept=False)) as line:
        await line.control(Command.PROTECT)
        assert await word(line) == 0
        with pytest.raises(Refused):
            await line.control(Command.TRIP)


async def test_what_is_expired_by_the_meter_s_own_clock_is_refused() -> None:
    async with lab() as line:
        own = line.meter.clock(line.now)
        with pytest.raises(Refused, match="other error"):
            await line.control(Command.TRIP, until=(own - timedelta(seconds=1)).isoformat())
        assert await word(line) == 0
        await line.control(Command.TRIP, until=own.isoformat())
        assert await word(line) == OPEN | TOLD
        line.station.memory(line.now).set_clock(own + timedelta(days=1), "00000000", line.now)
        with pytest.raises(Refused):
            await line.control(Command.CLOSE, until=(own + timedelta(hours=1)).isoformat())
        assert await word(line) == OPEN | TOLD


@pytest.mark.parametrize(
    ("until", "accepted"), [("000000000000", True), ("999999999999", False), ("0" * 11 + "1", False)]
)
async def test_an_end_that_is_no_moment(until: str, accepted: bool) -> None:
    async with lab() as line:
        if accepted:
            await line.control(Command.TRIP, until=until)
        else:
            with pytest.raises(Refused):
                await line.control(Command.TRIP, until=until)
        assert bool(await word(line) & OPEN) is accepted


async def test_alarm_on_and_off() -> None:
    async with lab() as line:
        await line.control(Command.ALARM)
        assert await word(line) == ALARM
        await line.control(Command.ALARM_OFF)
        assert await word(line) == 0
        assert line.meter.era(line.now).connected


async def test_a_stuck_relay_acknowledges_and_does_not_move() -> None:
    async with lab() as line:
        line.happen("relay_stuck", seconds=600)
        await line.control(Command.TRIP)
        assert await word(line) == TOLD
        assert await line.one("02030000") > 0
        assert await line.one("1D000001") == 0
        line.wait(minutes=10)
        assert await word(line) == OPEN | TOLD, "freed, it goes where it was told to"
        assert await line.one("02030000") == 0


async def test_a_stuck_relay_stays_open_too() -> None:
    async with lab() as line:
        await line.control(Command.TRIP)
        line.happen("relay_stuck")
        await line.control(Command.CLOSE)
        assert await word(line) == OPEN
        assert await line.one("02030000") == 0


@pytest.mark.parametrize("command", [Command.TRIP_RECLOSE, Command.TRIP_RECLOSE_SILENTLY])
async def test_a_trip_that_closes_again_by_itself(command: Command) -> None:
    async with lab() as line:
        await line.control(command, n2=3)
        line.wait(minutes=14, seconds=59)
        assert await word(line) == OPEN | TOLD
        line.wait(hours=3)
        assert await word(line) == 0
        assert (await line.read("1E00FF01"))["start"] == "2026-11-22T12:45:07"
        assert [at.minute for _, at in line.changes] == [30, 45], "told at the moment itself"


async def test_another_order_takes_the_place_of_closing_again() -> None:
    async with lab() as line:
        await line.control(Command.TRIP_RECLOSE, n2=1)
        await line.control(Command.TRIP)
        line.wait(minutes=6)
        assert await word(line) == OPEN | TOLD
        with pytest.raises(Refused):
            await line.control(Command.TRIP_RECLOSE, n2=0)


async def test_an_unknown_command_is_refused() -> None:
    async with lab() as line:
        with pytest.raises(Refused):
            await line.control(0x55)
        assert await word(line) == 0
