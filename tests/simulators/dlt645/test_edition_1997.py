"""A meter of the 1997 edition, by our own conversations of that edition."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.address import write_address
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.clear import ClearDemand1997
from protocols.dlt645.services.clock import set_time
from protocols.dlt645.services.password import ChangePassword1997
from protocols.dlt645.services.read_1997 import read_item_1997
from protocols.dlt645.services.write import Write1997
from protocols.errors import NotPermitted, Refused
from protocols.model import Quality
from protocols.quantities import BY_NAME
from simulators.dlt645 import Dlt645Stations, Quirks
from tests.simulators.dlt645.lab import OWN, Lab, access, lab
from tests.simulators.meters import EVENING, NOON, meter, plate
from tests.simulators.reading import exact

MODEL: Any = plate("dlt645_1997").model


def catalogue() -> list[str]:
    assert isinstance(MODEL, Dlt645Model)
    return list(MODEL.reads)


def one_1997(**traits: Any) -> Any:
    return meter(1, "dlt645_1997", load="roof", word_3=8, **traits)


@pytest.mark.parametrize("now", [NOON, EVENING])
async def test_every_item_of_the_model_is_answered_with_what_is_so(now: Any) -> None:
    async with lab(edition="1997", meters=[one_1997()]) as line:
        line.now = now
        truth = line.meter.values(now)
        told = set()
        for code in catalogue():
            for value in await line.values(code):
                if value.part.quantity is not None:
                    had = truth[value.part.quantity]
                    assert value.quality is (Quality.NOT_AVAILABLE if had is None else Quality.GOOD)
                    assert exact(value, now) == had, code
                    told.add(value.part.quantity)
        assert told == set(truth)


async def test_blocks_are_closed_by_aa() -> None:
    stations = Dlt645Stations([one_1997()])
    for code, data, sizes in (
        ("901F", "1F90", [20]),
        ("90FF", "FF90", [20, 20]),
        ("B61F", "1FB6", [6]),
        ("91FF", "FF91", [4] * 6),
    ):
        (answer,) = stations.answers(_frame(0x01, bytes.fromhex(data)), NOON)
        assert isinstance(answer, bytes)
        raw = _only(answer).data
        assert raw[:2] == bytes.fromhex(data)
        assert raw.endswith(b"\xaa")
        assert [len(block) for block in raw[2:-1].split(b"\xaa")] == sizes, code


def _frame(control: int, data: bytes, to: str = OWN) -> Frame:
    return _only(encode(addresses.to_wire(to), control, data))


def _only(raw: bytes) -> Frame:
    (found,) = FrameReader().feed(raw)
    assert isinstance(found, Frame)
    return found


async def test_it_knows_nothing_of_the_other_edition() -> None:
    stations = Dlt645Stations([one_1997()])
    for control in (0x11, 0x12, 0x13, 0x14, 0x16, 0x1C):
        assert stations.answers(_frame(control, bytes.fromhex("00000100")), NOON) == []
    newer = Dlt645Stations([meter(1)])
    for control in (0x01, 0x02, 0x04, 0x0A, 0x0C, 0x0F, 0x10):
        assert newer.answers(_frame(control, bytes.fromhex("1090")), NOON) == []
    assert newer.answers(_frame(0x03, b""), NOON) != [], "a refusal: it takes it for its security service"


@pytest.mark.parametrize("to", [addresses.WILDCARD, addresses.BROADCAST, "AAAAAAAAAA16", OWN])
async def test_who_is_alone_is_reached_by_anything(to: str) -> None:
    async with lab(edition="1997") as line:
        (value,) = await line.run(read_item_1997(to, standard_item("9010", "1997")))
        assert value.decimal == line.meter.value(BY_NAME["active_energy_import"], line.now)
        (answer,) = line.stations.answers(_frame(0x01, bytes.fromhex("1090"), to), line.now)
        assert isinstance(answer, bytes)
        assert addresses.from_wire(_only(answer).address) == OWN


async def test_a_short_address_is_padded_with_aa() -> None:
    address = MODEL.check_address("123456")
    async with lab(edition="1997", meters=[one_1997(address=address)]) as line:
        (value,) = await line.run(read_item_1997(address, standard_item("9010", "1997")))
        assert value.decimal == line.meter.value(BY_NAME["active_energy_import"], line.now)
        assert await line.one("C032") == "000000123456"
        line.is_silent(read_item_1997("000000123456", standard_item("9010", "1997")))


async def test_long_answers_come_in_pieces() -> None:
    async with lab(edition="1997") as line:
        whole = await line.values("90FF")
    assert len(whole) == 10
    for most in (44, 43, 30, 9, 8):
        async with lab(Quirks(most_data=most), edition="1997") as line:
            assert await line.values("90FF") == whole


async def test_the_last_frame_once_more() -> None:
    stations = Dlt645Stations([one_1997()], Quirks(most_data=12))

    def ask(control: int, data: bytes) -> Frame:
        (answer,) = stations.answers(_frame(control, data), NOON)
        assert isinstance(answer, bytes)
        return _only(answer)

    di = bytes.fromhex("1F90")
    assert (ask(0x03, b"").control, ask(0x02, di).control) == (0xC3, 0xC2)
    first, second = ask(0x01, di), ask(0x02, di)
    again = ask(0x03, b"")
    assert (first.control, second.control, again.control) == (0xA1, 0xA2, 0xA3)
    assert second.data == again.data != first.data
    third = ask(0x02, di)
    assert (third.control, third.data) == (0x82, di + b"\xaa"), "20 bytes and AA in pieces of 10"
    assert ask(0x03, b"").control == 0x83
    assert ask(0x02, di).control == 0xC2


@pytest.mark.parametrize("code", ["9015", "9030", "D000", "C212", "EEEE", "9410"])
async def test_what_it_has_not_is_refused(code: str) -> None:
    stations = Dlt645Stations([one_1997()])
    (answer,) = stations.answers(_frame(0x01, bytes.fromhex(code)[::-1]), NOON)
    assert isinstance(answer, bytes)
    assert (_only(answer).control, _only(answer).data) == (0xC1, b"\x02")


def written(code: str, *values: int | str | None, **more: Any) -> Write1997:
    return Write1997(code, standard_item(code, "1997").encode(list(values)), **more)


async def refused(line: Lab, request: Any) -> str:
    with pytest.raises(Refused) as refusal:
        await line.do(request)
    return refusal.value.code


async def test_writes_change_what_is_read_back() -> None:
    async with lab(edition="1997", passwords={4: "444444"}) as line:
        await line.do(written("C111", 30))
        assert await line.one("C111") == 30
        await line.do(written("C331", "06:30 2", access=access(4, "444444")))
        await line.do(written("C332", "22:00 4"))
        block = await line.values("C33F")
        assert [value.text for value in block][:3] == ["06:30 2", "22:00 4", None]
        assert await refused(line, written("C111", 60, access=access(4, "000000"))) == "04"
        assert await refused(line, Write1997("9010", bytes(4))) == "02"
        assert await line.one("C111") == 30
        assert (await line.one("B212"), await line.one("B210")) == (3, "11-22T12:30")


async def test_a_block_is_written_as_a_whole() -> None:
    async with lab(edition="1997") as line:
        lines = [f"{hour:02d}:00 {1 + hour % 4}" for hour in range(10)]
        await line.do(written("C34F", *lines))
        assert await line.one("C343") == "02:00 3"
        assert [value.text for value in await line.values("C34F")] == lines


async def test_without_the_key_nothing_is_written() -> None:
    async with lab(edition="1997", key_pressed=False) as line:
        for request in (
            written("C111", 30),
            written("C111", 30, access=access()),
            ClearDemand1997(),
            ChangePassword1997(access(), access(4, "111111")),
        ):
            assert await refused(line, request) == "04"
        line.is_silent(write_address("000000000001", "1997"))
        assert line.station.address == OWN


async def test_passwords() -> None:
    async with lab(edition="1997") as line:
        await line.do(ChangePassword1997(access(4), access(4, "123456")))
        assert await refused(line, written("C111", 30, access=access(4))) == "04"
        await line.do(written("C111", 30, access=access(4, "123456")))
        for _ in range(3):
            await refused(line, ClearDemand1997(access(4)))
        assert await refused(line, ClearDemand1997(access(4, "123456"))) == "04"
        line.wait(hours=24)
        await line.do(ClearDemand1997(access(4, "123456")))


async def test_demand_is_cleared() -> None:
    async with lab(edition="1997") as line:
        assert await line.one("A010") > 0
        await line.do(ClearDemand1997())
        assert (await line.one("A010"), await line.one("B010")) == (Decimal(0), None)
        assert (await line.one("B213"), await line.one("B211")) == (1, "11-22T12:30")


async def test_time_and_address() -> None:
    async with lab(edition="1997") as line:
        await line.run(set_time("2026-11-22T12:33:00"))
        assert await line.one("C011") == "12:33:00"
        await line.do(written("C010", "2026-12-24"))
        assert await line.one("C010") == "2026-12-24"
        await line.run(write_address("AAAA00001234", "1997"))
        assert line.station.address == "AAAA00001234"
        assert await line.one("C111") == 15
        line.is_silent(read_item_1997(OWN, standard_item("9010", "1997")))


async def test_baud_rates_and_their_own_way_to_refuse() -> None:
    async with lab(Quirks(most_baud=4800), edition="1997") as line:
        for rate in (300, 600, 1200, 2400, 4800):
            assert await line.do(ChangeBaud(rate, "1997")) == rate
        assert await refused(line, ChangeBaud(9600, "1997")) == "FF"
        (answer,) = line.stations.answers(_frame(0x0C, b"\x40"), line.now)
        assert isinstance(answer, bytes)
        assert (_only(answer).control, _only(answer).data) == (0x8C, b"\xff")


async def test_what_acts_goes_out_with_a_permit_only() -> None:
    async with lab(edition="1997") as line:
        driver = type(line.driver)(line.driver.link, FrameReader(), line.driver.timing)
        with pytest.raises(NotPermitted):
            await driver.run(write_address("000000000001", "1997"))
        assert line.station.address == OWN
