"""Addresses, baud rates, the terminal, and how makes of meters differ from the book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from protocols import models
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item as standard_item
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.address import read_address, write_address
from protocols.dlt645.services.baud import ChangeBaud
from protocols.dlt645.services.read import Read, read_item
from protocols.dlt645.services.terminal import Output, SetTerminal
from protocols.dlt645.services.write import Write
from protocols.dlt645.wire import Wire
from protocols.errors import BadAnswer, Refused
from protocols.quantities import BY_NAME
from simulators.bus import Bus, Late, Manners
from simulators.digits import Nameplate
from simulators.dlt645 import Dlt645Stations, Quirks
from tests.simulators.dlt645.lab import OWN, Lab, lab
from tests.simulators.meters import NOON, meter

ENERGY = bytes.fromhex("00000100")


@asynccontextmanager
async def three(quirks: Quirks | None = None, **setup: Any) -> AsyncIterator[Lab]:
    meters = [meter(n, address=f"26000000{n:04d}", word_3=8) for n in (16, 17, 116)]
    async with lab(quirks, meters=meters, **setup) as line:
        yield line


def asked(to: str = OWN, control: int = 0x11, data: bytes = ENERGY) -> Frame:
    (found,) = FrameReader().feed(encode(addresses.to_wire(to), control, data))
    assert isinstance(found, Frame)
    return found


def frames(answer: bytes | Late) -> list[Frame]:
    found = FrameReader().feed(answer.data if isinstance(answer, Late) else answer)
    assert all(isinstance(one, Frame) for one in found)
    return [one for one in found if isinstance(one, Frame)]


async def test_a_meter_answers_from_its_new_address() -> None:
    async with lab() as line:
        await line.run(write_address("123456789012"))
        assert await line.run(read_address()) == "123456789012"
        assert await line.one("04000401") == "123456789012"
        line.is_silent(read_item(OWN, standard_item("00010000")))
        await line.order(Write("04000401", bytes.fromhex("010000000000")))
        assert await line.one("00010000") == line.meter.value(BY_NAME["active_energy_import"], line.now)
        assert line.station.address == "000000000001"


async def test_without_the_key_it_keeps_its_address() -> None:
    async with lab(key_pressed=False) as line:
        line.is_silent(write_address("123456789012"))
        assert line.station.address == OWN


async def test_only_the_meter_whose_key_is_pressed_takes_an_address() -> None:
    async with three(key_pressed=False) as line:
        line.happen("programming_key")
        await line.run(write_address("260000000017"))
        assert len(line.stations.answers(asked("260000000017"), line.now)) == 2, "two of one address collide"
        assert line.stations.answers(asked("260000000016"), line.now) == []


async def test_a_baud_rate_is_taken_and_told() -> None:
    async with lab(Quirks(most_baud=9600)) as line:
        assert await line.do(ChangeBaud(9600)) == 9600
        assert await line.one("04000703") == 0x20
        with pytest.raises(Refused) as refusal:
            await line.do(ChangeBaud(19200))
        assert refusal.value.code == "08"


@pytest.mark.parametrize("output", list(Output))
async def test_the_terminal(output: Output) -> None:
    async with lab() as line:
        await line.do(SetTerminal(output))  # raises unless the answer repeats it
        assert line.driver.counters.answers == 1


async def test_the_number_of_records_makes_no_sense_elsewhere() -> None:
    async with lab() as line:
        with pytest.raises(Refused):
            await line.do(Read("00010000", 1))


async def test_some_ignore_wildcards() -> None:
    async with lab(Quirks(ignores_wildcard=True)) as line:
        for to in (addresses.WILDCARD, "AAAAAAAAAA16"):
            line.is_silent(read_item(to, standard_item("00010000")))
        assert await line.one("00010000") > 0


async def test_some_are_silent_about_what_they_lack() -> None:
    async with lab(Quirks(unavailable="silence")) as line:
        line.is_silent(line.reading("00150000"))
        assert await line.one("00010000") > 0


async def test_some_answer_without_data() -> None:
    async with lab(Quirks(unavailable="empty")) as line:
        with pytest.raises(BadAnswer, match="without data"):
            await line.one("00150000")


@pytest.mark.parametrize(("control", "data"), [(0x1F, b""), (0x13, b"\x01"), (0x15, bytes(6)), (0x01, b"\x10\x90")])
def test_some_refuse_instead_of_silence(control: int, data: bytes) -> None:
    quiet = Dlt645Stations([meter(1)])
    assert quiet.answers(asked(control=control, data=data), NOON) == []
    loud = Dlt645Stations([meter(1)], Quirks(refuses_instead_of_silence=True))
    (answer,) = loud.answers(asked(control=control, data=data), NOON)
    (only,) = frames(answer)
    assert (only.control, only.data) == (control | 0xC0, b"\x01")
    assert loud.answers(asked(addresses.BROADCAST, control, data), NOON) == []
    assert loud.answers(asked("260000000099", control, data), NOON) == []


async def test_some_answer_twice() -> None:
    async with lab(Quirks(doubled=1.0)) as line:
        for _ in range(3):
            line.wait(seconds=1)
            energy = await line.one("00010000")
            assert energy == line.meter.value(BY_NAME["active_energy_import"], line.now)
        assert line.driver.counters.strays >= 2
        (answer,) = line.stations.answers(asked(), line.now)
        first, second = frames(answer)
        assert first == second


@pytest.mark.parametrize("alone", [True, False])
async def test_before_some_a_neighbour_answers(alone: bool) -> None:
    async with lab(Quirks(neighbour=1.0)) if alone else three(Quirks(neighbour=1.0)) as line:
        assert await line.one("00010000") == line.meter.value(BY_NAME["active_energy_import"], line.now)
        assert line.driver.counters.strays == 1
        (answer,) = line.stations.answers(asked(), line.now)
        other, own = frames(answer)
        assert (other.address != own.address, addresses.from_wire(own.address)) == (True, OWN)
        assert other.data[:4] == ENERGY


async def test_some_take_their_time() -> None:
    stations = Dlt645Stations([meter(1)], Quirks(late=0.5, late_s=3.0))
    answers = [answer for _ in range(100) for answer in stations.answers(asked(), NOON)]
    late = [answer for answer in answers if isinstance(answer, Late)]
    assert 30 < len(late) < 70
    assert {answer.seconds for answer in late} == {3.0}
    bus = Bus(Dlt645Stations([meter(1)], Quirks(late=1.0, late_s=3.0)), Manners(turnaround_s=0.25))
    ((delay, _),) = bus.line().receive(asked().raw, NOON)
    assert delay == 3.25


@pytest.mark.parametrize("name", ["late", "neighbour", "doubled"])
@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_are_shares(name: str, share: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {share}, expected a share"):
        Quirks(**{name: share})  # type: ignore[arg-type]


async def test_digits_of_another_make() -> None:
    text = """
[model]
name = "finer"
title = "A meter with a digit more"
maker = "nobody"
protocol = "dlt645"
source = "made up for tests"

[dlt645]
items = ["00010000", "02010100"]

[[format]]
item = "00010000"
bytes = 4
decimals = 4

[[format]]
item = "02010100"
bytes = 3
decimals = 2
"""
    model = models.parse(text, "finer.toml")
    held = meter(1, load="home", plate=Nameplate.of(model))
    async with lab(meters=[held]) as line:
        for name in ("active_energy_import", "voltage_l1"):
            (value,) = await line.run(model.read(name).exchange(OWN, Wire()))
            assert value.decimal == held.value(BY_NAME[name], line.now)
        assert value.part.decimals == 2
        assert held.value(BY_NAME["active_energy_import"], line.now).as_tuple().exponent == -4  # type: ignore[union-attr]
