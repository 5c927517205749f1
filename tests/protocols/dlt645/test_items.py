"""What identifiers hold, restated as rules (DL/T 645-2007, Annex A) beside the rules that are tested."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.formats import Moment, Number, Text
from protocols.dlt645.item import Item
from protocols.dlt645.items import RATES, SETTLEMENTS, item, resized
from protocols.errors import BadAnswer, ModelError
from protocols.model import Obis, Quality, Unit
from protocols.quantities import BY_OBIS

# Table A.1: DI2 -> Chinese name, unit, whether the top bit is a sign.
ENERGIES: Final = {
    0x00: ("组合有功", Unit.KWH, True),
    0x01: ("正向有功", Unit.KWH, False),
    0x02: ("反向有功", Unit.KWH, False),
    0x03: ("组合无功1", Unit.KVARH, True),
    0x04: ("组合无功2", Unit.KVARH, True),
    0x05: ("第一象限无功", Unit.KVARH, False),
    0x06: ("第二象限无功", Unit.KVARH, False),
    0x07: ("第三象限无功", Unit.KVARH, False),
    0x08: ("第四象限无功", Unit.KVARH, False),
    0x09: ("正向视在", Unit.KVAH, False),
    0x0A: ("反向视在", Unit.KVAH, False),
}
DEMAND_UNITS: Final = {Unit.KWH: Unit.KW, Unit.KVARH: Unit.KVAR, Unit.KVAH: Unit.KVA}

# Table A.3: identifier of the block -> parts, bytes and decimals of each, unit, sign.
BLOCKS_OF_PHASES: Final = {
    "0201FF00": (3, 2, 1, Unit.VOLT, False),
    "0202FF00": (3, 3, 3, Unit.AMPERE, True),
    "0203FF00": (4, 3, 4, Unit.KW, True),
    "0204FF00": (4, 3, 4, Unit.KVAR, True),
    "0205FF00": (4, 3, 4, Unit.KVA, False),
    "0206FF00": (4, 2, 3, Unit.NONE, True),
    "0207FF00": (3, 2, 1, Unit.DEGREE, False),
    "0208FF00": (3, 2, 2, Unit.PERCENT, False),
    "0209FF00": (3, 2, 2, Unit.PERCENT, False),
    "020A01FF": (21, 2, 2, Unit.PERCENT, False),
    "020B03FF": (21, 2, 2, Unit.PERCENT, False),
}

# Tables A.3 and A.4: bytes, decimals, unit, sign.
SINGLES: Final = {
    "02800001": (3, 3, Unit.AMPERE, True),
    "02800002": (2, 2, Unit.HERTZ, False),
    "02800003": (3, 4, Unit.KW, True),
    "02800004": (3, 4, Unit.KW, True),
    "02800005": (3, 4, Unit.KVAR, True),
    "02800006": (3, 4, Unit.KVA, False),
    "02800007": (2, 1, Unit.CELSIUS, True),
    "02800008": (2, 2, Unit.VOLT, False),
    "02800009": (2, 2, Unit.VOLT, False),
    "0280000A": (4, 0, Unit.MINUTE, False),
    "04000103": (1, 0, Unit.MINUTE, False),
    "04000204": (1, 0, Unit.NONE, False),
    "04000409": (3, 0, Unit.IMPULSES_KWH, False),
}

grid = st.tuples(st.sampled_from(sorted(ENERGIES)), st.integers(0, RATES), st.integers(0, SETTLEMENTS))


def shape(found: Item) -> tuple[int, int, Unit, bool]:
    (part, form), *_ = found.parts
    assert isinstance(form, Number)
    assert part.decimals == form.decimals
    return form.length, form.decimals, part.unit, form.signed


@given(place=grid)
def test_energy_is_a_number_of_four_bytes(place: tuple[int, int, int]) -> None:
    quantity, rate, settlement = place
    name, unit, signed = ENERGIES[quantity]
    found = item(f"00{quantity:02X}{rate:02X}{settlement:02X}")
    assert len(found.parts) == 1
    assert shape(found) == (4, 2, unit, signed)
    assert name in found.name_zh
    assert (f"费率{rate}" in found.name_zh) is bool(rate)
    assert found.name_zh.startswith(f"(上{settlement}结算日)") is bool(settlement)
    assert not found.writable


@given(place=grid.filter(lambda place: place[0] != 0))
def test_demand_is_a_number_of_three_bytes_and_its_time(place: tuple[int, int, int]) -> None:
    quantity, rate, settlement = place
    name, unit, signed = ENERGIES[quantity]
    found = item(f"01{quantity:02X}{rate:02X}{settlement:02X}")
    assert shape(found) == (3, 4, DEMAND_UNITS[unit], signed)
    (_, _), (time, moment) = found.parts
    assert moment == Moment("YYMMDDhhmm")
    assert time.name_zh.endswith("发生时间")
    assert found.longest == 8
    assert name in found.name_zh


@given(place=grid)
def test_obis_code_follows_rate_and_settlement(place: tuple[int, int, int]) -> None:
    """IEC 62056-6-1: E is the rate, F the billing period: 255 now, 101 the last one."""
    quantity, rate, settlement = place
    ((part, _),) = item(f"00{quantity:02X}{rate:02X}{settlement:02X}").parts
    assert part.obis is not None
    assert (part.obis.a, part.obis.b, part.obis.d, part.obis.e) == (1, 0, 8, rate)
    assert part.obis.f == (100 + settlement if settlement else 255)
    assert part.obis.c == (quantity or 15)
    assert part.quantity is BY_OBIS.get(part.obis)


@pytest.mark.parametrize("quantity", sorted(ENERGIES))
def test_block_of_rates_ends_after_the_rates_that_the_meter_has(quantity: int) -> None:
    energies = item(f"00{quantity:02X}FF00")
    assert [len(energies.decode(bytes(4 * count))) for count in (1, 5, 64)] == [1, 5, 64]
    for length in (0, 3, 6, 4 * 65):
        with pytest.raises(BadAnswer, match=f"{length} bytes"):
            energies.decode(bytes(length))


def test_block_of_demands_ends_after_a_time() -> None:
    demands = item("0101FF00")
    assert [len(demands.decode(bytes(8 * count))) for count in (1, 5, 64)] == [2, 10, 128]
    for length in (0, 3, 11, 8 * 65):
        with pytest.raises(BadAnswer, match=f"{length} bytes"):
            demands.decode(bytes(length))


def test_block_of_settlements_has_thirteen_values() -> None:
    found = item("000100FF")
    assert [str(part.obis) for part, _ in found.parts][:3] == ["1-0:1.8.0*255", "1-0:1.8.0*101", "1-0:1.8.0*102"]
    assert len(found.decode(bytes(52))) == 13
    with pytest.raises(BadAnswer, match="48 bytes of data, expected 52"):
        found.decode(bytes(48))


@pytest.mark.parametrize("phase", [1, 2, 3])
@pytest.mark.parametrize("quantity", [base for base in ENERGIES if base])
def test_energy_of_a_phase_stands_14h_above_and_has_no_rates(quantity: int, phase: int) -> None:
    di2 = quantity + 0x14 * phase
    name, unit, signed = ENERGIES[quantity]
    found = item(f"00{di2:02X}0000")
    assert shape(found) == (4, 2, unit, signed)
    assert found.name_zh == f"{'ABC'[phase - 1]}相{name}电能"
    assert found.parts[0][0].obis == Obis(1, 0, quantity + 20 * phase, 8)
    with pytest.raises(ModelError):
        item(f"00{di2:02X}0100")


@pytest.mark.parametrize("di2", [*range(0x80, 0x87), *range(0x94, 0x9B), *range(0xA8, 0xAF), *range(0xBC, 0xC3)])
def test_fundamental_harmonic_and_loss_energies_have_no_obis_code(di2: int) -> None:
    found = item(f"00{di2:02X}0000")
    assert shape(found) == (4, 2, Unit.KWH, False)
    assert found.parts[0][0].obis is None


@pytest.mark.parametrize("code", BLOCKS_OF_PHASES)
def test_block_of_phases(code: str) -> None:
    count, size, decimals, unit, signed = BLOCKS_OF_PHASES[code]
    found = item(code)
    assert len(found.parts) == found.least == count
    assert found.longest == count * size
    assert shape(found) == (size, decimals, unit, signed)
    assert len({form for _, form in found.parts}) == 1


@pytest.mark.parametrize("code", BLOCKS_OF_PHASES)
def test_block_holds_what_its_single_items_hold(code: str) -> None:
    block = item(code)
    if code[4:6] == "FF":
        first = 4 - len(block.parts)
        codes = [f"{code[:4]}{phase:02X}00" for phase in range(first, 4)]
    else:
        codes = [f"{code[:6]}{order:02X}" for order in range(1, 22)]
    singles = [item(single).parts[0] for single in codes]
    assert [(p.name, p.obis, p.unit, f) for p, f in block.parts] == [(p.name, p.obis, p.unit, f) for p, f in singles]


@pytest.mark.parametrize("code", SINGLES)
def test_single_numbers(code: str) -> None:
    assert shape(item(code)) == SINGLES[code]


@pytest.mark.parametrize(
    ("code", "size"), [("04000403", 32), ("04000404", 6), ("04000407", 4), ("0400040B", 10), ("0400040D", 16)]
)
def test_texts(code: str, size: int) -> None:
    ((_, form),) = item(code).parts
    assert form == Text(size)


def test_clock_and_parameters_are_writable_and_nameplates_are_not() -> None:
    assert [item(code).writable for code in ("04000101", "0400010C", "04000103", "04000401")] == [True] * 4
    assert [item(code).writable for code in ("04000404", "04000409", "04000501")] == [False] * 3


def test_status_words_stand_alone_and_in_one_block() -> None:
    words = item("040005FF")
    assert [part.name for part, _ in words.parts] == [f"status_word_{number}" for number in range(1, 8)]
    assert [value.number for value in words.decode(bytes.fromhex("0100" + "0080" + "5000" + "0000" * 4))][:3] == [
        1, 0x8000, 0x50,
    ]  # fmt: skip
    assert item("04000503").parts[0][0].quantity is words.parts[2][0].quantity


@pytest.mark.parametrize(
    "code",
    [
        "",
        "0001",
        "000100000",
        "0001000G",
        "00 01 00 00",
        "00014000",  # rate 64
        "0001000D",  # settlement 13
        "0001FFFF",  # two blocks at once
        "000B0000",  # no such energy
        "00280000",  # between the phases
        "00470000",
        "00870000",
        "00800100",  # no rates there
        "01000000",  # combined active energy has no demand
        "01800000",
        "02010000",  # voltages have no total
        "02010400",
        "02010101",
        "020A0000",
        "020A0116",  # harmonic 22
        "02800000",
        "0280000B",
        "02800101",
        "04000500",
        "04000508",
        "05000000",
        "FFFFFFFF",
    ],
)
def test_identifier_that_no_rule_describes_is_refused(code: str) -> None:
    with pytest.raises(ModelError):
        item(code)


def test_identifier_is_sent_low_byte_first() -> None:
    assert item("0001FF0c".upper()).wire.hex() == "0cff0100"
    assert item("0001ff00") == item(" 0001FF00 ")


codes = (
    grid.map(lambda place: "00{:02X}{:02X}{:02X}".format(*place))
    | grid.filter(lambda place: place[0] != 0).map(lambda place: "01{:02X}{:02X}{:02X}".format(*place))
    | st.sampled_from([*BLOCKS_OF_PHASES, *SINGLES, "0001FF00", "0102FF01", "0400010C", "04000402", "040005FF"])
)


@given(code=codes, data=st.data())
def test_any_item_comes_back(code: str, data: st.DataObject) -> None:
    found = item(code)
    count = data.draw(st.sampled_from([found.least, len(found.parts)]))
    given_values: list[int | str | None] = []
    for _, form in found.parts[:count]:
        if isinstance(form, Number):
            number = data.draw(st.none() | st.integers(-form.limit + 1 if form.signed else 0, form.limit - 1))
            given_values.append(number)
        elif isinstance(form, Moment):
            text = {"YYMMDDhhmm": "2026-11-22T15:30", "YYMMDDWWhhmmss": "2026-11-22T15:30:45"}[form.pattern]
            given_values.append(data.draw(st.sampled_from([None, text])))
        elif code == "040005FF":
            given_values.append(data.draw(st.integers(0, 0xFFFF)))
        else:
            given_values.append(data.draw(st.text("0123456789", min_size=2 * form.length, max_size=2 * form.length)))
    values = found.decode(found.encode(given_values))
    assert [value.text if value.text is not None else value.number for value in values] == given_values
    for value, put in zip(values, given_values, strict=True):
        assert value.quality is (Quality.NOT_AVAILABLE if put is None else Quality.GOOD)


@pytest.mark.parametrize(
    ("code", "values"),
    [("00010000", []), ("00010000", [1, 2]), ("0101FF00", [1, "2611221530", 2]), ("0201FF00", [1])],
)
def test_wrong_count_of_values_is_refused(code: str, values: list[int | str | None]) -> None:
    with pytest.raises(ValueError, match="takes"):
        item(code).encode(values)


def test_nothing_names_every_part() -> None:
    values = item("0201FF00").nothing()
    assert [value.part.name for value in values] == ["voltage_l1", "voltage_l2", "voltage_l3"]
    assert {value.quality for value in values} == {Quality.NOT_AVAILABLE}


def test_resized_item_takes_the_meters_digits() -> None:
    found = resized(item("02010100"), Number(3, 3))
    (value,) = found.decode(bytes.fromhex("563422"))
    assert str(value) == "223.456"
    assert value.steps == 223456
    with pytest.raises(BadAnswer, match="2 bytes of data, expected 3"):
        found.decode(b"\0\0")
