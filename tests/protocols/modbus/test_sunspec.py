"""SunSpec devices: found by marker and chain, read by their own scale factors."""

from __future__ import annotations

import struct

import pytest

from protocols.modbus import ModbusModel, RtuWire
from protocols.modbus.pdu import ReadRegisters
from protocols.modbus.sunspec import METER_POINTS, SunSpecDevice, discover, meter_of
from protocols.modbus.sunspec import Link as Model
from protocols.models import load
from protocols.models.sunspec_json import points, points_of
from tests.protocols.modbus.conversation import Image, driven


def words(*numbers: int) -> bytes:
    return b"".join(struct.pack(">H", number & 0xFFFF) for number in numbers)


def device(base: int, meter: int = 203, common: int = 66) -> Image:
    """Common model, the meter, the end: 230.1 V and 49.98 Hz on a meter that takes 1234.5 W and has counted 9000 Wh."""
    body = [0] * 107
    body[0:2] = [meter, 105]
    body[8:11], body[15] = [2301, 2302, -0x8000], -1
    body[16], body[17] = 4998, -2
    body[18], body[22] = 12345, -1
    body[46:48], body[54] = [0, 900], 1
    image = Image({})
    image.put(3, base, b"SunS" + words(1, common) + bytes(2 * common) + words(*body) + words(0xFFFF, 0))
    return image


def found(image: Image) -> SunSpecDevice | None:
    result = driven(discover(7, RtuWire()), {7: image.answer})
    assert result is None or isinstance(result, SunSpecDevice)
    return result


@pytest.mark.parametrize("base", [40000, 50000, 0])
@pytest.mark.parametrize("meter", [201, 202, 203, 204])
def test_the_meter_is_found_wherever_it_stands(base: int, meter: int) -> None:
    image = device(base, meter, 65)
    result = found(image)
    assert result is not None
    assert (result.base, [(link.id, link.address, link.length) for link in result.chain]) == (
        base,
        [(1, base + 2, 65), (meter, base + 69, 105)],
    )
    assert result.meter is not None
    values = {}
    for read in result.meter.plan(result.meter.quantities):
        values.update(
            {v.part.name: v for v in read.decode(read.request.decode_reply(image.answer(read.request.encode())))}
        )
    assert str(values["voltage_l1"]) == "230.100"
    assert str(values["voltage_l3"]) == ""
    assert str(values["frequency"]) == "49.980"
    assert str(values["active_power"]) == "1.234500"
    assert str(values["active_energy_import"]) == "9.0000"


def test_only_reading_functions_are_used() -> None:
    image = device(40000)
    found(image)
    assert all(isinstance(request, ReadRegisters) for request in image.asked)


@pytest.mark.parametrize("image", [Image({}), Image({3: dict.fromkeys(range(40000, 40010), 0x5375)})])
def test_no_marker_no_device(image: Image) -> None:
    assert found(image) is None


def test_a_chain_without_an_end_ends() -> None:
    image = Image({})
    image.put(3, 40000, b"SunS" + words(1, 2) + bytes(4))
    result = found(image)
    assert result is not None
    assert [link.id for link in result.chain] == [1]
    assert result.meter is None


def test_the_built_in_layout_is_that_of_the_shipped_model() -> None:
    shipped = load("sunspec_203")
    assert isinstance(shipped, ModbusModel)
    built = meter_of([Model(203, 40070, 105)])
    assert built is not None
    places = {r.part.name: (r.address, r.form.name, r.factor, r.scale) for r in built.registers}
    for register in shipped.registers:
        if register.part.quantity is not None:
            place = (register.address, register.form.name, register.factor, register.scale)
            assert places[register.part.name] == place


DER = {
    "group": {
        "points": [
            {"name": "ID", "type": "uint16"},
            {"name": "L", "type": "uint16"},
            {"name": "Alrm", "type": "bitfield32"},
            {"name": "W", "type": "int16", "sf": "W_SF"},
            {"name": "Hz", "type": "uint32", "sf": "Hz_SF"},
            {"name": "TotWhInj", "type": "uint64", "sf": "TotWh_SF"},
            {"name": "Name", "type": "string", "size": 8},
            {"name": "W_SF", "type": "sunssf"},
            {"name": "Hz_SF", "type": "sunssf"},
            {"name": "TotWh_SF", "type": "sunssf"},
        ]
    }
}
"""The shape of model 701 in sunspec/models, shortened."""


def test_models_of_sunspecs_own_files_are_read_as_data() -> None:
    der = points(DER)
    assert [(p.name, p.offset, p.type, p.factor) for p in der if p.factor] == [
        ("W", 4, "s16", 19),
        ("Hz", 5, "u32", 20),
        ("TotWhInj", 7, "u64", 21),
    ]
    meter = meter_of([Model(701, 100, 20)], lambda _: der)
    assert meter is not None
    (read,) = meter.plan(meter.quantities)
    data = words(1500) + struct.pack(">I", 50000) + struct.pack(">Q", 77) + bytes(16) + words(-1, -3, 2)
    assert {v.part.name: str(v) for v in read.decode(data)} == {
        "active_power": "-0.150000",
        "frequency": "50.000",
        "active_energy_export": "7.7000",
    }


@pytest.mark.parametrize("document", [None, {}, {"group": {"points": [{"name": "x", "type": "odd"}]}}])
def test_other_documents_are_refused(document: object) -> None:
    with pytest.raises(ValueError, match="not a SunSpec model"):
        points(document)


def test_what_is_known_without_the_package() -> None:
    assert points_of(203) == METER_POINTS
    assert points_of(1) is None
