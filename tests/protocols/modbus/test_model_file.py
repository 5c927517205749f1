"""What model files may say besides plain registers, and how they refuse."""

from __future__ import annotations

from decimal import Decimal

import pytest

from protocols.errors import ModelError
from protocols.meter_model import Golden
from protocols.modbus import RtuWire, rtu
from protocols.modbus.bits import WriteBit, WriteBits
from protocols.modbus.pdu import ReadRegisters, WriteRegister, WriteRegisters, parse_request
from protocols.modbus.writes import Safety
from protocols.model import Quality, Unit
from protocols.quantities import quantity
from tests.protocols.modbus.conversation import opened
from tests.protocols.modbus.test_model import model

RICH = """
[modbus]
function = 3
type = "u16"
not_available = { u16 = ["FFFF"], s16 = "8000" }
[[modbus.block]]
first = 0
last = 9
[[modbus.block]]
first = 90
last = 99
[[register]]
quantity = "voltage_l1"
address = 0
type = "s16"
scale_register = 2
[[register]]
quantity = "voltage_l2"
address = 1
type = "s16"
scale_register = 2
[[register]]
quantity = "active_energy_import"
address = 6
type = "bcd32"
scale = "0.01"
[[register]]
name = "serial_number"
obis = "0-0:96.1.0"
address = 90
type = "string4"
[[register]]
name = "temperature"
unit = "°C"
address = 94
type = "s16"
scale = "0.1"
[[register]]
name = "phase_lost"
address = 95
type = "bit0"
[[register]]
name = "cover_open"
address = 95
type = "bit7"
[[register]]
name = "relay_closed"
address = 7
function = 1
[[write]]
name = "relay"
class = "relay"
function = 5
address = 7
values = { open = "0", close = "1" }
[[write]]
name = "relays"
class = "relay"
function = 15
address = 8
[[write]]
name = "clear_demand"
class = "reset"
function = 6
address = 200
values = { now = "2" }
[[write]]
name = "baud_rate"
class = "parameter"
address = 201
type = "float32"
[[write]]
name = "most"
class = "limit"
function = 6
address = 210
type = "u16"
scale = "0.1"
[[write]]
name = "owner"
class = "parameter"
address = 300
type = "string4"
[identify]
vendor = ["ACME"]
product = ["M3"]
[[identify.register]]
address = 11
equals = ["341"]
"""


def changed(old: str, new: str) -> str:
    assert old in RICH
    return RICH.replace(old, new, 1)


def test_scale_factors_travel_with_their_values() -> None:
    rich = model(RICH)
    (read,) = rich.plan([quantity("voltage_l2")])
    assert read.label == "holding 1..2"
    assert [str(v) for v in read.decode(bytes.fromhex("08feffff"))] == ["230.200"]
    assert read.decode(bytes.fromhex("08fe8000"))[0].quality is Quality.NOT_AVAILABLE
    assert rich.read("voltage_l1").label == "holding 0..2"
    (both,) = rich.plan([quantity("voltage_l1"), quantity("active_energy_import")])
    assert (both.label, [v.part.name for v in both.decode(bytes(16))]) == (
        "holding 0..7",
        ["voltage_l1", "active_energy_import"],
    )


def test_words_of_absence_hold_for_their_type() -> None:
    registers = {r.part.name: r for r in model(RICH).registers}
    assert registers["voltage_l1"].decode(b"\x80\x00").quality is Quality.NOT_AVAILABLE
    assert registers["voltage_l1"].decode(b"\xff\xff").decimal == -1


def test_registers_without_a_quantity_are_read_by_name() -> None:
    rich = model(RICH)
    assert "serial_number" not in {q.name for q in rich.quantities}
    for item in ("serial_number", "0-0:96.1.0*255"):
        read = rich.read(item)
        assert read.label == "holding 90..93"
        (value,) = read.decode(b"AB-1234\0")
        assert (value.text, value.part.name, value.quality) == ("AB-1234", "serial_number", Quality.GOOD)
    (value,) = rich.read("temperature").decode(b"\xff\xfb")
    assert (value.decimal, value.part.unit) == (Decimal("-0.5"), "°C")
    assert [rich.read(name).decode(b"\x00\x80")[0].number for name in ("phase_lost", "cover_open")] == [0, 1]
    assert opened(rich.read("relay_closed").exchange("1", RtuWire())).data == rtu.encode(1, b"\x01\x00\x07\x00\x01")


def test_golden_conversations_hold_texts_and_bits() -> None:
    ask = ReadRegisters(3, 90, 6)
    reply = ask.encode_reply(b"AB-1234\0" + b"\x00\xfa" + b"\x00\x81")
    golden = Golden(rtu.encode(1, ask.encode()), rtu.encode(1, reply), {}, "constructed")
    assert {v.part.name: str(v) for v in model(RICH).decode_golden(golden)} == {
        "serial_number": "AB-1234",
        "temperature": "25.0",
        "phase_lost": "1",
        "cover_open": "1",
    }


@pytest.mark.parametrize(
    ("name", "value", "request_", "told"),
    [
        ("relay", "close", WriteBit(7, True), "close"),
        ("relay", "0", WriteBit(7, False), "open"),
        ("relays", "1", WriteBits(8, 1, b"\x01"), "1"),
        ("clear_demand", "now", WriteRegister(200, 2), "now"),
        ("baud_rate", "2.5", WriteRegisters(201, bytes.fromhex("40200000")), "2.5"),
        ("most", "5.5", WriteRegister(210, 55), "5.5"),
        ("owner", "ACME", WriteRegisters(300, b"ACME\0\0\0\0"), "ACME"),
    ],
)
def test_writes_are_described_encoded_and_decoded(name: str, value: str, request_: object, told: str) -> None:
    point = model(RICH).writes[name]
    assert point.request(value) == request_
    assert point.read_back(parse_request(point.request(value).encode())) == told
    assert point.read_back(WriteRegister(1, 1)) is None
    assert point.read_back(ReadRegisters(3, 200, 1)) is None


def test_writes_have_a_class() -> None:
    assert {name: point.safety for name, point in model(RICH).writes.items()} == {
        "relay": Safety.RELAY,
        "relays": Safety.RELAY,
        "clear_demand": Safety.RESET,
        "baud_rate": Safety.PARAMETER,
        "most": Safety.LIMIT,
        "owner": Safety.PARAMETER,
    }
    assert model(RICH).writes["most"].register.part.unit is Unit.KW


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("relay", "2", "does not fit bit"),
        ("relay", "ajar", "expected a number or 'open' or 'close'"),
        ("clear_demand", "65536", "does not fit u16"),
        ("owner", "much too long", "does not fit string4"),
    ],
)
def test_what_cannot_be_written(name: str, value: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        model(RICH).writes[name].request(value)


def test_how_it_is_known() -> None:
    clue = model(RICH).identity
    assert clue.named({0: b"Acme Ltd", 1: b"x-m3-y"})
    assert clue.named({0: b"ACME", 5: b"M3"})
    assert not clue.named({0: b"ACME", 1: b"M4"})
    assert not clue.named({0: b"Other", 1: b"M3"})
    assert not clue.named({})
    assert not model("[modbus]\nfunction=3\ntype='u16'\n[[register]]\nquantity='voltage_l1'\naddress=0").identity.named(
        {0: b"", 1: b""}
    )
    (register,) = clue.registers
    assert register.matches(register.register.decode(b"\x01\x55"))
    assert not register.matches(register.register.decode(b"\x01\x56"))


def test_a_meter_that_refuses_keeps_what_it_has() -> None:
    rich = model(RICH)
    (read,) = rich.plan(rich.quantities)
    assert read.label == "holding 0..7"
    less = rich.without(read)
    assert [r.label for r in less.plan(less.quantities)] == ["holding 0..2", "holding 6..7"]
    without_energy = less.without(less.plan([quantity("active_energy_import")])[0])
    assert [q.name for q in without_energy.quantities] == ["voltage_l1", "voltage_l2"]
    with pytest.raises(ModelError, match="has no active_energy_import"):
        without_energy.plan([quantity("active_energy_import")])
    assert len(rich.quantities) == 3, "the kind itself is not changed"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (changed('name = "serial_number"', 'name = "voltage_l3"'), r"register\[3\]\.name is 'voltage_l3', expected"),
        (changed('name = "serial_number"', 'name = "Serial No"'), r"register\[3\]\.name is 'Serial No'"),
        (changed('name = "serial_number"', ""), r"register\[3\]: expected either quantity or name"),
        (changed('name = "temperature"', 'name = "serial_number"'), r"register\[4\]\.name: serial_number .* twice"),
        (changed('unit = "°C"', 'obis = "0-0:96.1.0"'), r"register\[4\]\.obis: 0-0:96\.1\.0\*255 is serial_number too"),
        (changed('"0-0:96.1.0"', '"1-0:1.8.0"'), r"is the quantity active_energy_import, expected quantity"),
        (changed('"0-0:96.1.0"', '"96.1"'), r"register\[3\]\.obis: not an OBIS code"),
        (changed('unit = "°C"', 'unit = "K"'), r"register\[4\]\.unit is 'K', expected one of kWh"),
        (changed("last = 9\n", "last = 1\n"), r"scale_register of voltage_l1: unknown registers lie between"),
        (changed("scale_register = 2", "scale_register = 0"), r"\[0\]\.scale_register is 0: that is the register"),
        (changed('type = "bit0"', 'type = "bit7"'), "cover_open at holding 95 overlaps phase_lost"),
        (changed('type = "bit0"', 'type = "u16"'), "cover_open at holding 95 overlaps phase_lost"),
        (changed("address = 7\nfunction = 1\n", 'address = 7\nfunction = 1\ntype = "u16"\n'), 'is a "bit"'),
        (changed('type = "string4"', 'type = "string4"\nscale_register = 2'), "string4 has no scale factor"),
        (changed('u16 = ["FFFF"]', 'u16 = ["FFFFFFFF"]'), "'FFFFFFFF', expected 4 hex digits"),
        (changed('u16 = ["FFFF"]', 'u24 = "FFFFFF"'), r"modbus\.not_available\.u24: expected a type"),
        (changed("last = 9\n", "last = -1\n"), r"modbus\.block\[0\]: 0\.\.-1, expected first <= last"),
        (changed("[[modbus.block]]", "holes = 125\n[[modbus.block]]"), r"modbus\.holes is 125"),
        (changed('class = "relay"', 'class = "harmless"'), r"write\[0\]\.class"),
        (changed('class = "relay"\n', ""), r"missing required field `class`.*write\[0\]"),
        (changed("function = 5", "function = 4"), r"write\[0\]\.function is 4, expected one of 5, 6, 15, 16"),
        (changed('close = "1"', 'close = "shut"'), r"write\[0\]\.values\.close is 'shut'"),
        (changed('close = "1"', 'close = "2"'), "does not fit bit"),
        (changed('name = "relays"', 'name = "relay"'), r"write\.name: the same name"),
        (changed('function = 6\naddress = 200', 'function = 6\ntype = "u32"\naddress = 200'), "writes one register"),
        (changed('type = "float32"', 'type = "bit3"'), "other bits too"),
        (changed('equals = ["341"]', "equals = []"), r"identify\.register\[0\]\.equals: expected at least one"),
        (changed('vendor = ["ACME"]', 'maker = ["ACME"]'), "unknown field `maker`"),
    ],
)  # fmt: skip
def test_files_that_are_wrong_are_told_where(text: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        model(text)
