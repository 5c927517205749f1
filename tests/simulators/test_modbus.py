"""The meter's side of Modbus: PDUs in, PDUs out, held against the values that the meter has."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import models
from protocols.modbus import ModbusModel, RegisterRead, rtu, tcp
from protocols.modbus.pdu import (
    ReadBits,
    ReadRegisters,
    ReadWriteRegisters,
    WriteBit,
    WriteBits,
    WriteRegister,
    WriteRegisters,
)
from protocols.modbus.rtu import RtuFrame
from protocols.modbus.tcp import TcpFrame
from protocols.model import Value
from protocols.quantities import BY_NAME
from simulators.digits import Nameplate
from simulators.modbus import ModbusStation, ModbusStations
from tests.simulators.meters import EVENING, NOON, meter, plate


def station(model: str = "eastron_sdm630", seed: int = 1, **traits: Any) -> ModbusStation:
    return ModbusStation(meter(seed, model, **traits), {28: 1, 29: 2, 30: 3})


def model_of(name: str) -> ModbusModel:
    model = plate(name).model
    assert isinstance(model, ModbusModel)
    return model


def answered(one: ModbusStation, read: RegisterRead, now: datetime = NOON) -> list[Value]:
    return read.decode(read.request.decode_reply(one.answer(read.request.encode(), now)))


@pytest.mark.parametrize("name", ["eastron_sdm630", "sunspec_203", "orno_we516", "abb_b23_b24", "integers"])
@pytest.mark.parametrize("now", [NOON, EVENING])
@given(seed=st.integers(0, 1000))
def test_what_a_plan_reads_is_what_is_so(name: str, now: datetime, seed: int) -> None:
    one = station(name, seed)
    truth = one.meter.values(now)
    model = model_of(name)
    found = {
        value.part.quantity: value.decimal
        for read in model.plan(model.quantities)
        for value in answered(one, read, now)
    }
    assert found == truth


@pytest.mark.parametrize("name", ["eastron_sdm630", "integers"])
def test_every_register_by_itself(name: str) -> None:
    one = station(name)
    truth = one.meter.values(NOON)
    for quantity in model_of(name).quantities:
        (value,) = answered(one, model_of(name).read(quantity.name))
        assert value.decimal == truth[quantity], quantity.name


def test_holes_read_as_zeros_where_the_model_allows_them() -> None:
    one = station()
    reply = one.answer(ReadRegisters(4, 52, 4).encode(), NOON)
    assert reply[0] == 4
    assert len(reply) == 2 + 8
    assert reply[6:] == bytes(4), "input 54 and 55 are no registers of the model"


@pytest.mark.parametrize(
    ("name", "pdu", "code"),
    [
        ("eastron_sdm630", bytes.fromhex("0100000002"), 1),
        ("eastron_sdm630", bytes.fromhex("2B0E0100"), 1),
        ("eastron_sdm630", bytes.fromhex("0400000000"), 3),
        ("eastron_sdm630", bytes.fromhex("040000007E"), 3),
        ("eastron_sdm630", bytes.fromhex("0400000033"), 2),  # 51 registers, where this meter gives 50
        ("eastron_sdm630", bytes.fromhex("0400010002"), 2),  # the middle of two values
        ("eastron_sdm630", bytes.fromhex("0400000001"), 2),  # half a value
        ("eastron_sdm630", bytes.fromhex("0401580002"), 2),  # behind the last
        ("eastron_sdm630", bytes.fromhex("0300000002"), 2),  # the other table
        ("eastron_sdm630", bytes.fromhex("04FFFF0002"), 2),
        ("integers", bytes.fromhex("0300090002"), 2),  # a hole that may not be read
        ("integers", bytes.fromhex("030008000C"), 2),
        ("eastron_sdm630", bytes.fromhex("0600000001"), 2),  # not to be written
        ("eastron_sdm630", bytes.fromhex("10001D00020400010002") + b"", 0),
        ("eastron_sdm630", bytes.fromhex("10001E00020400010002"), 2),  # its second register is none
        ("eastron_sdm630", bytes.fromhex("10001C00020400"), 3),
    ],
)
def test_exceptions(name: str, pdu: bytes, code: int) -> None:
    one = station(name)
    before = dict(one.settings)
    reply = one.answer(pdu, NOON)
    if code:
        assert reply == bytes((pdu[0] | 0x80, code))
        assert one.settings == before
    else:
        assert reply == pdu[:5]


def test_settings_are_written_and_read_back() -> None:
    one = station()
    assert one.answer(WriteRegister(28, 700).encode(), NOON) == WriteRegister(28, 700).encode()
    several = WriteRegisters(29, bytes.fromhex("00090008"))
    assert one.answer(several.encode(), NOON) == several.encode_reply()
    read = ReadRegisters(3, 28, 3)
    assert read.decode_reply(one.answer(read.encode(), NOON)) == bytes.fromhex("02BC00090008")


def test_settings_are_written_and_read_at_once() -> None:
    one = station()
    request = ReadWriteRegisters(28, 3, 29, bytes.fromhex("00090008"))
    assert request.decode_reply(one.answer(request.encode(), NOON)) == bytes.fromhex("000100090008")
    refused = ReadWriteRegisters(28, 4, 29, bytes.fromhex("00010001"))
    assert one.answer(refused.encode(), NOON) == bytes.fromhex("9702")
    assert one.settings == {28: 1, 29: 9, 30: 8}, "what cannot be read is not written either"
    assert ModbusStation(meter(1, "eastron_sdm630")).answer(request.encode(), NOON) == bytes.fromhex("9701")


def test_bits_are_read_and_written() -> None:
    one = ModbusStation(meter(1, "eastron_sdm630"), coils={3: True, 4: False, 5: False}, inputs={0: True, 1: False})
    assert one.answer(ReadBits(1, 3, 3).encode(), NOON) == bytes.fromhex("010101")
    assert one.answer(ReadBits(2, 0, 2).encode(), NOON) == bytes.fromhex("020101")
    assert one.answer(WriteBit(4, on=True).encode(), NOON) == bytes.fromhex("050004FF00")
    assert one.answer(WriteBits(3, 3, b"\x06").encode(), NOON) == bytes.fromhex("0F00030003")
    assert one.coils == {3: False, 4: True, 5: True}
    for pdu, refused in (
        ("0100030004", "8102"),
        ("0200010002", "8202"),
        ("0500060000", "8502"),
        ("0F000200020103", "8F02"),
    ):
        assert one.answer(bytes.fromhex(pdu), NOON) == bytes.fromhex(refused)
    assert one.coils == {3: False, 4: True, 5: True}
    assert station().answer(WriteBit(4, on=True).encode(), NOON) == bytes.fromhex("8501"), "it has no coils at all"


def test_units_and_framings() -> None:
    meters = [meter(n, "eastron_sdm630", address=str(n), name=f"m-{n}") for n in (1, 9)]
    pdu = ReadRegisters(4, 0, 2).encode()
    over_rtu, over_tcp = ModbusStations(meters), ModbusStations(meters, "tcp")
    (raw,) = over_rtu.answers(RtuFrame(9, pdu), NOON)
    assert rtu.decode(raw) == RtuFrame(9, ModbusStation(meters[1]).answer(pdu, NOON))
    (raw,) = over_tcp.answers(TcpFrame(0xBEEF, 9, pdu), NOON)
    assert raw == tcp.encode(0xBEEF, 9, ModbusStation(meters[1]).answer(pdu, NOON))
    for unit in (0, 2, 255):
        assert over_rtu.answers(RtuFrame(unit, pdu), NOON) == []
        assert over_tcp.answers(TcpFrame(1, unit, pdu), NOON) == []


def test_the_broadcast_writes_to_all_and_nobody_answers() -> None:
    meters = [meter(n, "eastron_sdm630", address=str(n)) for n in (1, 9)]
    stations = ModbusStations(meters, "rtu", {28: 1})
    assert stations.answers(RtuFrame(0, WriteRegister(28, 5).encode()), NOON) == []
    assert [stations.station(unit).settings[28] for unit in (1, 9)] == [5, 5]


def test_a_meter_wakes_when_it_is_asked() -> None:
    stations = ModbusStations([meter(1, "eastron_sdm630", address="7")])
    assert stations.station(7) is stations.station(7)
    with pytest.raises(KeyError):
        stations.station(8)


SWITCHED = """
[model]
name = "switched"
title = "A coil that is a relay, and a setting"
maker = "nobody"
protocol = "modbus"
source = "constructed"
[modbus]
function = 4
type = "float32"
[[register]]
quantity = "active_power"
address = 52
unit = "W"
scale = "0.001"
[[write]]
name = "relay"
class = "relay"
function = 5
address = 7
values = { trip = "0", close = "1" }
[[write]]
name = "wide"
class = "parameter"
address = 20
type = "u32"
"""


def switched() -> ModbusStation:
    found = models.parse(SWITCHED, "switched.toml")
    return ModbusStation(replace(meter(1, "eastron_sdm630", load="works"), plate=Nameplate.of(found)))


def test_what_the_model_lets_be_written_is_there_and_its_relay_cuts() -> None:
    one = switched()
    assert (one.settings, one.coils) == ({20: 0, 21: 0}, {7: True})
    assert one.answer(WriteBit(7, on=False).encode(), NOON) == WriteBit(7, on=False).encode()
    assert not one.meter.era(NOON).connected
    assert one.meter.value(BY_NAME["active_power"], NOON) == 0
    one.answer(WriteBit(7, on=True).encode(), NOON + timedelta(seconds=1))
    assert one.meter.era(NOON + timedelta(seconds=1)).connected


@pytest.mark.parametrize(
    ("manner", "done", "answer"),
    [("obey", True, "05"), ("stuck", False, "05"), ("busy", False, "85"), ("silent", True, ""), ("deaf", False, "")],
)
def test_a_meter_may_say_one_thing_and_do_another(manner: Any, done: bool, answer: str) -> None:
    stations = ModbusStations([switched().meter], "rtu")
    unit = int(switched().meter.address)
    stations.station(unit).at_writes = manner
    told = stations.answers(RtuFrame(unit, WriteBit(7, on=False).encode()), NOON)
    assert [raw[1:2].hex() for raw in told] == ([answer] if answer else [])
    assert stations.station(unit).coils[7] is not done
    assert stations.answers(RtuFrame(unit, ReadBits(1, 7, 1).encode()), NOON), "it still can be read"
