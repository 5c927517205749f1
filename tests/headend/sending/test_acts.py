"""What is ordered is done at a simulated meter by one frame, and the meter shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from headend.collection.line import Line, LinePath
from headend.frames.spelling import data_of, item_of
from headend.safety.function import Function, ReasonCode
from headend.safety.order import Order, Target
from headend.safety.verification import Seen
from headend.sending.acts import act
from headend.sending.look import look
from headend.sending.ways import is_possible
from protocols import models
from protocols.dlt645.model import Dlt645Model, Relay
from protocols.dlt645.services.access import Access
from protocols.errors import CommunicationError, NotPermitted, Refused
from protocols.exchange import Ask
from tests.headend.bus import Bus
from tests.headend.clock.site import TIMING, Site, site

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
        kept = await obeyed(one, Function.PROTECT)
        assert (kept.kept, kept.has_kept) == (True, None)
        with pytest.raises(Refused):
            await obeyed(one, Function.TRIP)
        assert (await obeyed(one, Function.UNPROTECT)).kept is False
        assert (await obeyed(one, Function.TRIP)).relay_open is True


@pytest.mark.parametrize(("raw", "kept"), [(b"\xff\xff", None), (b"\x00\x10", True), (b"\x50\x00", False)])
async def test_a_status_word_of_nothing_but_ones_is_none(raw: bytes, kept: bool | None) -> None:
    async with site() as one:
        order, target = ordered(one, Function.PROTECT)
        with Bus({target.address: {"04000503": raw}}).on_tcp() as url:
            line = Line(LinePath("line", url, "dlt645"), TIMING)
            seen = await look(line, one.meters[0], order)
            await line.close()
    assert (seen.kept, seen.relay_open) == (kept, None if kept is None else not kept)


async def test_a_freeze_moves_those_before_it_down() -> None:
    async with site() as one:
        order, _ = ordered(one, Function.FREEZE)
        assert (await look(one.line, one.meters[0], order)).frozen == ()
        first = await obeyed(one, Function.FREEZE)
        assert first.frozen == (one.now().astimezone(one.meters[0].zone).strftime("%Y-%m-%dT%H:%M"),)
        second = await obeyed(one, Function.FREEZE)
        assert second.frozen == first.frozen * 2
        one.memory(0).freezes.erase(one.now())
        assert (await look(one.line, one.meters[0], order)).frozen == (), "it refuses to tell"


def limited(one: Site) -> None:
    """Its model says that its relay acts on the limit."""
    model = one.meters[0].model
    assert isinstance(model, Dlt645Model)
    one.meters = [replace(one.meters[0], model=replace(model, relay=Relay(limit=True)))]


async def test_a_load_limit_is_written_where_the_model_says_that_the_relay_acts_on_it() -> None:
    async with site() as one:
        one.memory(0).press_programming_key(True, one.now())
        order, target = ordered(one, Function.LIMIT_LOAD, kw="5.5")
        assert "[dlt645.relay] limit" in is_possible(one.meters[0], order, target)
        with pytest.raises(NotPermitted):
            await obeyed(one, Function.LIMIT_LOAD, kw="5.5")
        limited(one)
        assert is_possible(one.meters[0], order, target) == ""
        seen = await obeyed(one, Function.LIMIT_LOAD, kw="5.5")
        assert (seen.limit_kw, seen.as_written) == (Decimal("5.5"), True)
        assert one.memory(0).number("active_power_import_limit", "04000E01") == 55000
        other, _ = ordered(one, Function.RAISE_LIMIT, kw="6")
        assert (await look(one.line, one.meters[0], other)).as_written is False


@pytest.mark.parametrize("kw", ["0", "-1", "100", "5.55555", "NaN", "much", ""])
async def test_no_limit_is_written_that_the_item_does_not_hold(kw: str) -> None:
    async with site() as one:
        limited(one)
        with pytest.raises(NotPermitted):
            await obeyed(one, Function.LIMIT_LOAD, kw=kw)
        with pytest.raises(NotPermitted):
            await obeyed(one, Function.LIMIT_LOAD, kw="5", n2="1")


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
    [
        ("04000C03", "02000000"),
        ("0400010C", "0102030405060708"),
        ("04000401", "111111111111"),
        ("04000103", "zz"),
        ("04000E01", "000005"),
        ("04000E02", "000005"),
        ("04001003", "00000000"),
        ("04001401", "0100"),
    ],
)
async def test_no_parameter_is_a_password_a_clock_an_address_or_a_way_to_cut(item: str, data: str) -> None:
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
        order, target = ordered(one, Function.SET_TIME)
        assert is_possible(one.meters[0], order, target) == "", "08H is alike in both editions"
        given = replace(order, parameters=(("operator", "00000007"),))
        assert "such parameters" in is_possible(one.meters[0], given, target)
    modbus = replace(one.meters[0], model=models.load("eastron_sdm630"))
    assert "declares no clock" in is_possible(modbus, order, target)
    order, target = ordered(one, Function.TRIP)
    assert "no register for trip" in is_possible(modbus, order, target)
