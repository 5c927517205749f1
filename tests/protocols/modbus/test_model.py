"""Model files: what they may say, how they refuse, and what a model answers."""

from __future__ import annotations

import struct
import tomllib
from collections.abc import Iterator
from decimal import Decimal

import pytest

from protocols import models
from protocols.errors import BadAnswer, CommunicationError, FrameError, ModelError, Refused
from protocols.meter_model import Golden, Head
from protocols.modbus import ModbusModel, RtuWire, TcpWire, parse_model, raw_read, rtu, tcp
from protocols.modbus.pdu import exception_reply
from protocols.modbus.rtu import RtuFrame
from protocols.modbus.tcp import TcpFrame
from protocols.model import Quality
from protocols.quantities import quantity
from tests.protocols.modbus.conversation import answered, opened

SMALL = """
[modbus]
function = 4
type = "u32"
max_registers = 20
not_available = ["FFFFFFFF", "8000"]
[[register]]
quantity = "active_energy_import"
address = 0
scale = "0.01"
[[register]]
quantity = "voltage_l1"
address = 2
type = "u16"
scale = "0.1"
[[register]]
quantity = "active_power"
address = 0x40
function = 3
type = "s32"
word_order = "low"
unit = "W"
scale = "0.0001"
not_available = ["7FFFFFFF"]
"""


def model(text: str = SMALL) -> ModbusModel:
    return parse_model(Head("m", "M", "Maker", "modbus", "test", ()), tomllib.loads(text))


def changed(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new)


def shipped() -> Iterator[tuple[ModbusModel, Golden]]:
    for name in models.names():
        whole = models.load(name)
        if isinstance(whole, ModbusModel):
            assert whole.head.name == name
            assert whole.head.golden, f"{name} has no golden conversation"
            for golden in whole.head.golden:
                yield whole, golden


@pytest.mark.parametrize(("whole", "golden"), [pytest.param(m, g, id=m.head.name) for m, g in shipped()])
def test_golden_conversations(whole: ModbusModel, golden: Golden) -> None:
    found = {value.part.name: value.text or value.decimal for value in whole.decode_golden(golden)}
    assert found == {
        name: text if isinstance(found[name], str) else Decimal(text) for name, text in golden.values.items()
    }


@pytest.mark.parametrize("name", sorted({model.head.name for model, _ in shipped()}))
def test_every_register_is_proved_by_a_golden_conversation(name: str) -> None:
    whole = models.load(name)
    assert isinstance(whole, ModbusModel)
    assert len(whole.head.golden) >= 2
    assert {r.part.name for r in whole.registers} == {word for golden in whole.head.golden for word in golden.values}
    assert "tried" in whole.head.source, "says whether anybody here has had such a meter on a line"


@pytest.mark.parametrize("name", sorted({model.head.name for model, _ in shipped()}))
def test_every_plan_gives_all_quantities(name: str) -> None:
    whole = models.load(name)
    given = [quantity.name for read in whole.plan(whole.quantities) for quantity in read.quantities]
    assert sorted(given) == sorted(quantity.name for quantity in whole.quantities)


def test_the_sdm630_is_wholly_proved_by_its_golden_conversations() -> None:
    cases = [(m, g) for m, g in shipped() if m.head.name == "eastron_sdm630"]
    assert len(cases) >= 2
    proved = {name for _, golden in cases for name in golden.values}
    assert proved == {q.name for q in cases[0][0].quantities}


def test_the_whole_sdm630_is_three_reads_of_different_length() -> None:
    whole = next(m for m, _ in shipped() if m.head.name == "eastron_sdm630")
    assert [read.label for read in whole.plan(whole.quantities)] == ["input 0..35", "input 52..79", "input 342..343"]
    bill = whole.plan([quantity("active_energy_import"), quantity("active_energy_export")])
    assert [read.label for read in bill] == ["input 72..75"]


def test_the_map_in_words() -> None:
    registers = {r.part.name: r for r in model().registers}
    assert [r.part.item for r in registers.values()] == ["holding 64", "input 0", "input 2"]
    power = registers["active_power"].decode(bytes.fromhex("03e80000"))
    assert (str(power), power.part.unit.value) == ("0.100000", "kW")
    assert registers["active_power"].decode(bytes.fromhex("ffff7fff")).quality is Quality.NOT_AVAILABLE
    assert registers["active_power"].decode(bytes.fromhex("ffffffff")).number == -100  # its own words count
    assert registers["active_energy_import"].decode(bytes.fromhex("ffffffff")).quality is Quality.NOT_AVAILABLE
    assert registers["voltage_l1"].decode(bytes.fromhex("8000")).quality is Quality.NOT_AVAILABLE
    assert registers["voltage_l1"].decode(bytes.fromhex("ffff")).decimal == Decimal("6553.5")


def test_plan_and_read_over_rtu() -> None:
    small = model()
    (read,) = small.plan([quantity("voltage_l1"), quantity("active_energy_import")])
    assert [q.name for q in read.quantities] == ["active_energy_import", "voltage_l1"]
    exchange = read.exchange("7", RtuWire())
    ask = opened(exchange)
    assert ask.data == rtu.encode(7, bytes.fromhex("0400000003"))
    values = answered(exchange, RtuFrame(7, bytes.fromhex("040600bc614e08fc")))
    assert [(v.part.name, str(v)) for v in values] == [
        ("active_energy_import", "123456.7800"),
        ("voltage_l1", "230.000"),
    ]


def test_read_over_tcp_and_refusal() -> None:
    exchange = model().read("active_power").exchange("255", TcpWire())
    assert opened(exchange).data == tcp.encode(1, 255, bytes.fromhex("0300400002"))
    with pytest.raises(Refused, match="illegal data address"):
        exchange.send(TcpFrame(1, 255, exception_reply(3, 2)))


def test_a_plan_asks_each_table_for_its_own() -> None:
    small = model()
    assert [read.label for read in small.plan(small.quantities)] == ["holding 64..65", "input 0..2"]
    assert small.plan([]) == ()


def test_what_the_model_lacks_is_named() -> None:
    with pytest.raises(ModelError, match="model m has no frequency, voltage_l2"):
        model().plan([quantity("voltage_l2"), quantity("voltage_l1"), quantity("frequency")])
    with pytest.raises(ModelError, match="model m has no frequency"):
        model().read("1-0:14.7.0")


@pytest.mark.parametrize(
    ("item", "label", "name"),
    [
        ("voltage_l1", "input 2", "voltage_l1"),
        ("1-0:32.7.0*255", "input 2", "voltage_l1"),
        ("input:2", "input 2", "voltage_l1"),
        ("4:0x02", "input 2", "voltage_l1"),
        ("holding:64", "holding 64..65", "active_power"),
        ("3:0x40", "holding 64..65", "active_power"),
        ("input:2:s16", "input 2", "input 2"),
        ("input:100", "input 100", "input 100"),
        ("Holding:0x64:FLOAT32", "holding 100..101", "holding 100"),
        ("holding:9:u64:cdab", "holding 9..12", "holding 9"),
    ],
)
def test_items(item: str, label: str, name: str) -> None:
    read = model().read(item)
    assert read.label == label
    (value,) = read.decode(bytes(2 * read.request.count))
    assert value.part.name == name


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ("holding:", "unknown register"),
        ("holding:x", "expected input:52"),
        ("holding:65536", "0..65535"),
        ("holding:-1", "0..65535"),
        ("holding:65535:u32", "past register 65535"),
        ("holding:1:u24", "unknown type 'u24', expected one of u16"),
        ("holding:1:u32:abdc", "unknown order 'abdc', expected one of abcd"),
    ],
)
def test_items_that_do_not_exist(item: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        model().read(item)
    with pytest.raises(ModelError, match=told):
        raw_read(item)


@pytest.mark.parametrize("item", ["", "52", "coils:5", "5:1:u16", "voltage_l9", ":"])
def test_items_that_are_no_registers_at_all(item: str) -> None:
    with pytest.raises(ModelError, match="unknown quantity"):
        model().read(item)
    with pytest.raises(ModelError, match="unknown register"):
        raw_read(item)


def test_a_register_without_a_model() -> None:
    read = raw_read("holding:100:u16")
    exchange = read.exchange("1", RtuWire())
    assert opened(exchange).data.hex() == rtu.encode(1, bytes.fromhex("0300640001")).hex()
    (value,) = answered(exchange, RtuFrame(1, bytes.fromhex("0302cafe")))
    assert (value.part.item, value.number, value.part.quantity) == ("holding 100", 0xCAFE, None)
    assert raw_read("input:7").request.count == 1


def test_registers_by_hand_follow_the_order_of_the_model() -> None:
    low = model(changed("max_registers = 20", 'max_registers = 20\nword_order = "low"'))
    raw = struct.pack(">f", 230.2)
    assert str(low.read("input:50:float32").decode(raw[2:] + raw[:2])[0]) == "230.2"
    assert str(low.read("input:50:float32:abcd").decode(raw)[0]) == "230.2"


@pytest.mark.parametrize(("text", "normal"), [("1", "1"), ("007", "7"), (" 247 ", "247"), ("0", "0"), ("255", "255")])
def test_addresses(text: str, normal: str) -> None:
    assert model().check_address(text) == normal


@pytest.mark.parametrize("text", ["", "256", "-1", "1.0", "0x10", "1 2", "١", "123456789012"])
def test_addresses_that_no_unit_has(text: str) -> None:
    with pytest.raises(ModelError, match=r"expected a number 1\.\.247"):
        model().check_address(text)


def test_addresses_may_count_as_the_manual_does() -> None:
    text = changed("max_registers = 20", "address_base = 30001")
    text = text.replace("address = 0\n", "address = 30001\n").replace("address = 2\n", "address = 30003\n")
    text = text.replace("address = 0x40", "address = 30065")
    assert [r.part.item for r in model(text).registers] == [r.part.item for r in model().registers]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (changed("voltage_l1", "voltage_l9"), r"register\[1\]\.quantity: unknown quantity 'voltage_l9'"),
        (changed("voltage_l1", "active_energy_import"), r"register\[1\]\.quantity: active_energy_import .* twice"),
        (changed("address = 2\n", "address = 1\n"), "voltage_l1 at input 1 overlaps .*_import at input 0, expected 2"),
        (changed('type = "u16"', 'type = "u24"'), r"register\[1\]\.type is 'u24', expected one of u16, s16"),
        (changed('type = "u32"\n', ""), r"register\[0\]\.type is None, expected one of"),
        (changed("function = 4\n", ""), r"register\[0\]\.function is missing"),
        (changed("function = 4\n", "function = 5\n"), r"modbus\.function"),
        (changed("[modbus]", "[modbus]\nholez = true"), "unknown field `holez`.*modbus"),
        (changed("address = 2\n", "address = 2\ncolour = 1\n"), r"unknown field `colour`.*register\[1\]"),
        (SMALL + "[more]\n", "unknown field `more`"),
        (changed("address = 2\n", ""), r"missing required field `address`.*register\[1\]"),
        (changed("address = 2\n", "address = 65536\n"), r"register\[1\]\.address is 65536.*0\.\.65535"),
        (changed("address = 0\n", "address = 65535\n"), r"register\[0\]\.address is 65535.*0\.\.65534"),
        (changed("max_registers = 20", "address_base = 1"), r"register\[0\]\.address is 0.*that is -1"),
        (changed("max_registers = 20", "max_registers = 126"), r"modbus\.max_registers is 126, expected 1\.\.125"),
        (changed("max_registers = 20", "max_registers = 0"), r"modbus\.max_registers is 0, expected 1\.\.125"),
        (changed("max_registers = 20", "max_registers = 1"), r"register\[0\]\.type: u32 takes 2 registers"),
        (changed('scale = "0.1"', 'scale = "tenth"'), r"register\[1\]\.scale is 'tenth', expected a decimal"),
        (changed('scale = "0.1"', 'scale = "0"'), r"register\[1\]\.scale is '0', expected a decimal"),
        (changed('scale = "0.1"', 'scale = "nan"'), r"register\[1\]\.scale"),
        (changed('scale = "0.1"', 'scale = "1e99"'), r"register\[1\]\.scale"),
        (changed('scale = "0.1"', "scale = 0.1"), r"Expected `str.*register\[1\]\.scale"),
        (changed('scale = "0.1"', 'unit = "A"'), r"\[1\]\.unit is 'A', voltage_l1 is kept in V: expected 'V' or 'mV'"),
        (changed('scale = "0.1"', 'unit = "mV"'), r"register\[1\]\.scale is missing: .* from mV to V"),
        (changed('word_order = "low"', 'word_order = "middle"'), r"register\[2\]\.word_order"),
        (changed('"7FFFFFFF"', '"7FFF"'), r"register\[2\]\.not_available: '7FFF', expected 8 hex digits"),
        (changed('"8000"', '"80"'), r"not_available: '80', expected 4, 8, 12 or 16 hex digits"),
        (changed('"8000"', '"zz"'), r"not_available: 'zz'"),
        ("[modbus]\nregister = []\n", "unknown field|register"),
        ("register = []\n[modbus]\n", "at least one"),
    ],
)  # fmt: skip
def test_files_that_are_wrong_are_told_where(text: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        model(text)


def golden(request: bytes, reply: bytes) -> Golden:
    return Golden(request, reply, {}, "constructed")


def test_a_golden_conversation_may_be_tcp() -> None:
    ask, answer = bytes.fromhex("0400000003"), bytes.fromhex("040600bc614e08fc")
    values = model().decode_golden(golden(tcp.encode(5, 1, ask), tcp.encode(5, 1, answer)))
    assert [str(value.decimal) for value in values] == ["123456.7800", "230.000"]


ASK = rtu.encode(1, bytes.fromhex("0400000003"))


@pytest.mark.parametrize(
    ("request_", "reply", "error"),
    [
        (ASK, rtu.encode(2, bytes.fromhex("040600bc614e08fc")), BadAnswer),  # another unit
        (ASK, rtu.encode(1, bytes.fromhex("040400bc614e")), BadAnswer),  # another length
        (ASK, tcp.encode(1, 1, bytes.fromhex("040600bc614e08fc")), BadAnswer),  # another framing
        (ASK, rtu.encode(1, bytes.fromhex("8402")), Refused),
        (ASK, rtu.encode(1, bytes.fromhex("040600bc614e08fc"))[:-1], FrameError),
        (ASK, b"", FrameError),
        (ASK[:-1] + b"\x00", ASK, FrameError),
        (rtu.encode(1, bytes.fromhex("0600010003")), rtu.encode(1, bytes.fromhex("0600010003")), BadAnswer),
        (tcp.encode(1, 1, ASK[1:-2]), tcp.encode(2, 1, bytes.fromhex("040600bc614e08fc")), BadAnswer),
    ],
)
def test_golden_conversations_that_are_none(request_: bytes, reply: bytes, error: type[CommunicationError]) -> None:
    with pytest.raises(error):
        model().decode_golden(golden(request_, reply))
