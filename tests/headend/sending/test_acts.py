"""What is ordered is done at a simulated meter by one frame, and the meter shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from headend.frames.spelling import data_of, item_of
from headend.safety.function import Function, ReasonCode
from headend.safety.order import Order, Target
from headend.safety.verification import Seen
from headend.sending.acts import act, is_possible
from headend.sending.look import look
from protocols import models
from protocols.dlt645.services.access import Access
from protocols.errors import CommunicationError, NotPermitted, Refused
from protocols.exchange import Ask
from tests.headend.clock.site import Site, site

HOUR = timedelta(hours=1)
ACCESS = Access(0, bytes(3))


def ordered(one: Site, function: Function, **parameters: str) -> tuple[Order, Target]:
    meter = one.meters[0]
    target = Target(meter.name, meter.address, "line", "p1", "north")
    now = one.now()
    order = Order(
        "o1", function, (target,), ReasonCode.MAINTENANCE, "ada", "", now - HOUR, now + HOUR,
        parameters=tuple(parameters.items()),
    )  # fmt: skip
    return order, target


async def obeyed(one: Site, function: Function, access: Access | None = ACCESS, **parameters: str) -> Seen:
    order, target = ordered(one, function, **parameters)
    meter = one.meters[0]
    done = act(meter, order, target, meter.zone, one.line.wire, access)
    frames: list[bytes] = []

    def permit(ask: Ask[Any]) -> None:
        done.wire.check(ask.data, order, target, meter.zone)
        frames.append(ask.data)

    with one.line.permitting(permit):
        await one.line.run(done.start(), meter.name)
    assert len(frames) == 1
    return await look(one.line, meter, order)


async def test_a_relay_is_opened_and_closed_and_shows_it() -> None:
    async with site() as one:
        tripped = await obeyed(one, Function.TRIP)
        assert (tripped.relay_open, tripped.told_to_trip, tripped.power_w) == (True, True, 0)
        assert one.memory(0).relay.closed is False
        permitted = await obeyed(one, Function.PERMIT_CLOSE)
        assert (permitted.relay_open, permitted.told_to_trip) == (True, False)
        closed = await obeyed(one, Function.CLOSE)
        assert (closed.relay_open, closed.supplied) == (False, True)
        assert one.memory(0).relay.closed is True


async def test_a_stuck_relay_says_done_and_shows_that_nothing_moved() -> None:
    async with site() as one:
        one.memory(0).stick(True, one.now())
        seen = await obeyed(one, Function.TRIP)
        assert (seen.relay_open, seen.told_to_trip, seen.supplied) == (False, True, True)


async def test_alarm_and_keeping_supply() -> None:
    async with site() as one:
        assert (await obeyed(one, Function.ALARM)).alarm is True
        assert (await obeyed(one, Function.ALARM_OFF)).alarm is False
        await obeyed(one, Function.PROTECT)
        with pytest.raises(Refused):
            await obeyed(one, Function.TRIP)
        await obeyed(one, Function.UNPROTECT)
        assert (await obeyed(one, Function.TRIP)).relay_open is True


async def test_an_item_is_written_and_read_back() -> None:
    async with site() as one:
        with pytest.raises(Refused):  # the programming key is not pressed
            await obeyed(one, Function.WRITE_PARAMETER, item="04000103", data="30")
        one.memory(0).press_programming_key(True, one.now())
        assert (await obeyed(one, Function.WRITE_PARAMETER, item="04000103", data="30")).as_written is True
        other, _ = ordered(one, Function.WRITE_PARAMETER, item="04000103", data="15")
        assert (await look(one.line, one.meters[0], other)).as_written is False


async def test_a_table_of_the_tariff_is_written_and_read_back() -> None:
    table = data_of(item_of("04010001", "2007"), ["00:00 1", "08:00 2", *["22:00 1"] * 12]).hex()
    async with site() as one:
        one.memory(0).press_programming_key(True, one.now())
        assert (await obeyed(one, Function.WRITE_PARAMETER, item="04010001", data=table)).as_written is True
        other = data_of(item_of("04010001", "2007"), ["00:00 1"] * 14).hex()
        order, _ = ordered(one, Function.WRITE_PARAMETER, item="04010001", data=other)
        assert (await look(one.line, one.meters[0], order)).as_written is False


async def test_demand_is_reset() -> None:
    async with site() as one:
        one.memory(0).press_programming_key(True, one.now())
        assert (await obeyed(one, Function.RESET_DEMAND)).as_written is True


@pytest.mark.parametrize(
    ("item", "data"),
    [("04000C03", "02000000"), ("0400010C", "0102030405060708"), ("04000401", "111111111111"), ("04000103", "zz")],
)
async def test_no_order_writes_passwords_clocks_or_addresses(item: str, data: str) -> None:
    async with site() as one:
        with pytest.raises(NotPermitted):
            await obeyed(one, Function.WRITE_PARAMETER, item=item, data=data)


async def test_without_its_password_no_meter_is_spoken_to() -> None:
    async with site() as one:
        with pytest.raises(NotPermitted, match="no password is known"):
            await obeyed(one, Function.TRIP, access=None)
        with pytest.raises(CommunicationError):
            await obeyed(one, Function.TRIP, access=Access(2, b"\x01\x02\x03"))
        assert one.memory(0).relay.closed is True


async def test_what_a_kind_of_meter_cannot_be_ordered_is_said_beforehand() -> None:
    async with site() as one:
        order, target = ordered(one, Function.TRIP)
        assert is_possible(one.meters[0], order, target) == ""
    async with site(edition="1997") as one:
        order, target = ordered(one, Function.TRIP)
        assert "no frame for trip" in is_possible(one.meters[0], order, target)
    modbus = models.load("eastron_sdm630")
    assert "no register for trip" in is_possible(replace(one.meters[0], model=modbus), order, target)
