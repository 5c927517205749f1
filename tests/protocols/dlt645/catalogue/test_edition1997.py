"""DL/T 645-1997, Annex A: identifiers of two bytes."""

from __future__ import annotations

from typing import Final

import pytest

from protocols.dlt645.blocks import Blocks
from protocols.dlt645.catalogue import item
from protocols.dlt645.formats import Bits, Digits, Entry, Format, Hex, Moment, Number
from protocols.errors import BadAnswer, ModelError
from protocols.model import Obis, Unit
from protocols.quantities import quantity

# DI0H of reactive: Chinese name, OBIS C (the fourth quadrant stands before the second)
REACTIVE: Final = {
    1: ("正向无功", 3), 2: ("反向无功", 4), 3: ("一象限无功", 5), 4: ("四象限无功", 8), 5: ("二象限无功", 6),
    6: ("三象限无功", 7),
}  # fmt: skip
PERIODS: Final = {0: ("", 255), 4: ("(上月)", 101), 8: ("(上上月)", 102)}

# Format, unit
SINGLES: Final[dict[str, tuple[Format, Unit]]] = {
    "B611": (Number(2), Unit.VOLT),
    "B623": (Number(2, 2), Unit.AMPERE),
    "B630": (Number(3, 4), Unit.KW),
    "B634": (Number(2, 2), Unit.KW),
    "B643": (Number(2, 2), Unit.KVAR),
    "B650": (Number(2, 3), Unit.NONE),
    "B210": (Moment("MMDDhhmm"), Unit.NONE),
    "B212": (Number(2), Unit.NONE),
    "B214": (Number(3), Unit.MINUTE),
    "B310": (Number(2), Unit.NONE),
    "B323": (Number(3), Unit.MINUTE),
    "B333": (Moment("MMDDhhmm"), Unit.NONE),
    "C010": (Moment("YYMMDDWW"), Unit.NONE),
    "C011": (Moment("hhmmss"), Unit.NONE),
    "C020": (Bits(1), Unit.NONE),
    "C022": (Bits(1), Unit.NONE),
    "C030": (Number(3), Unit.IMPULSES_KWH),
    "C034": (Digits(6), Unit.NONE),
    "C112": (Number(1), Unit.MINUTE),
    "C117": (Moment("DDhh"), Unit.NONE),
    "C119": (Number(4, 1), Unit.KWH),
    "C11A": (Number(4, 1), Unit.KVARH),
    "C211": (Number(2), Unit.MILLISECOND),
    "C212": (Hex(4), Unit.NONE),
    "C32E": (Entry("MMDDNN"), Unit.NONE),
    "C33A": (Entry("hhmmNN"), Unit.NONE),
    "C3AA": (Entry("hhmmNN"), Unit.NONE),
    "C41D": (Entry("MMDDNN"), Unit.NONE),
    "C41E": (Number(1), Unit.NONE),
    "C511": (Number(2), Unit.MINUTE),
}


@pytest.mark.parametrize("code", SINGLES)
def test_singles(code: str) -> None:
    found = item(code, "1997")
    assert [(form, part.unit) for part, form in found.parts] == [SINGLES[code]]
    assert found.writable is code.startswith("C")


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("row", REACTIVE)
def test_reactive_grid(row: int, period: int) -> None:
    zh, obis_c = REACTIVE[row]
    period_zh, obis_f = PERIODS[period]
    ((part, form),) = item(f"9{period + 1}{row}E", "1997").parts
    assert (form, part.unit, part.obis) == (Number(4, 2), Unit.KVARH, Obis(1, 0, obis_c, 8, 14, obis_f))
    assert part.name_zh == f"{period_zh}费率14{zh}电能"
    ((part, form),) = item(f"A{period + 1}{row}0", "1997").parts
    assert (form, part.unit, part.obis) == (Number(3, 4), Unit.KVAR, Obis(1, 0, obis_c, 6, 0, obis_f))
    ((part, form),) = item(f"B{period + 1}{row}0", "1997").parts
    assert (form, part.unit, part.obis) == (Moment("MMDDhhmm"), Unit.NONE, Obis(1, 0, obis_c, 134, 0, obis_f))
    assert part.name_zh == f"{period_zh}{zh}总最大需量发生时间"


def test_present_values_are_quantities() -> None:
    assert item("9010", "1997").parts[0][0].quantity is quantity("active_energy_import")
    assert item("B612", "1997").parts[0][0].quantity is quantity("voltage_l2")
    assert item("9410", "1997").parts[0][0].quantity is None
    (value,) = item("B612", "1997").decode(bytes.fromhex("2002"))
    assert (str(value), value.steps) == ("220", 220000)


def test_voltage_has_no_decimals_and_reactive_power_two() -> None:
    assert str(item("B611", "1997").decode(bytes.fromhex("3102"))[0]) == "231"
    assert str(item("B621", "1997").decode(bytes.fromhex("3412"))[0]) == "12.34"
    assert str(item("B630", "1997").decode(bytes.fromhex("563412"))[0]) == "12.3456"
    assert str(item("B640", "1997").decode(bytes.fromhex("3412"))[0]) == "12.34"


def test_block_of_rates_is_closed_or_not() -> None:
    found = item("901F", "1997")
    raw = bytes.fromhex("34120000" + "00010000" + "00020000")
    for answer in (raw, raw + b"\xaa"):
        assert [str(value) for value in found.decode(answer)] == ["12.34", "1.00", "2.00"]
    assert found.encode([1234, 100, 200]) == raw + b"\xaa"
    assert found.longest == 15 * 4 + 1
    for wrong in (b"", b"\xaa", raw[:-1], raw + b"\xaa\xaa", bytes(64)):
        with pytest.raises(BadAnswer):
            found.decode(wrong)


def test_set_of_blocks_with_an_empty_one() -> None:
    found = item("91FF", "1997")
    assert isinstance(found.shape, Blocks)
    assert len(found.shape.blocks) == 6
    raw = found.shape.encode_blocks([[1, 2], [3], [], [4], [], []])
    assert raw.hex() == "01000000" + "02000000" + "aa" + "03000000" + "aa" + "aa" + "04000000" + "aa" * 3
    assert [(value.part.item, value.number) for value in found.decode(raw)] == [
        ("911F", 1), ("911F", 2), ("912F", 3), ("914F", 4),
    ]  # fmt: skip
    with pytest.raises(BadAnswer, match="blocks"):
        found.decode(raw[:-2])


def test_all_energies_are_two_active_and_six_reactive_of_three_periods() -> None:
    for code in ("9FFF", "AFFF"):
        found = item(code, "1997").shape
        assert isinstance(found, Blocks)
        assert len(found.blocks) == 3 * (2 + 6)


@pytest.mark.parametrize(
    ("code", "sizes"),
    [
        ("B61F", [2] * 3), ("B62F", [2] * 3), ("B63F", [3] * 4 + [2] * 2), ("B64F", [2] * 4), ("B65F", [2] * 4),
        ("B21F", [4, 4, 2, 2, 3]), ("C01F", [4, 3]), ("C02F", [1] * 3), ("C03F", [3, 3, 6, 6, 6]), ("C31F", [1] * 5),
        ("C32F", [3] * 14), ("C3AF", [3] * 10), ("C41F", [3] * 13 + [1]),
    ],
)  # fmt: skip
def test_rows_as_one_block(code: str, sizes: list[int]) -> None:
    found = item(code, "1997")
    assert [form.length for _, form in found.parts] == sizes
    with pytest.raises(BadAnswer):
        found.decode(bytes(sum(sizes) - 1))


def test_word_of_bits_that_is_aa_does_not_end_its_block() -> None:
    found = item("C02F", "1997")
    for raw in (b"\x01\x02\xaa", b"\x01\x02\xaa\xaa"):
        assert [value.number for value in found.decode(raw)] == [1, 2, 0xAA]
    assert [value.number for value in found.decode(b"\xaa\xaa\xaa")] == [0xAA] * 3


def test_variables_as_a_set() -> None:
    found = item("B6FF", "1997")
    assert isinstance(found.shape, Blocks)
    assert [len(block.parts) for block in found.shape.blocks] == [3, 3, 6, 4, 4]


@pytest.mark.parametrize(
    "code",
    ["9001", "9030", "9170", "9210", "93FF", "9F1F", "90F0", "B215", "B335", "B610", "B614", "B636", "C012", "C023",
     "C21F", "C32F0", "C3B1", "C33B", "C330", "D110", "D210", "BFFF", "FFFF", "0000"],
)  # fmt: skip
def test_what_no_rule_describes(code: str) -> None:
    with pytest.raises(ModelError):
        item(code, "1997")


def test_identifiers_there_are() -> None:
    """3 families of 24 rows by 15 rates, their blocks and sets; variables, parameters, their blocks and sets.

    And 9000, a captured extension.
    """
    found = []
    for number in range(0x10000):
        try:
            found.append(item(f"{number:04X}", "1997").code)
        except ModelError:
            continue
    item.cache_clear()
    grid = [code for code in found if code[0] in "9A" or (code[0] == "B" and code[1] in "014589")]
    assert len(grid) == 3 * 24 * 16 + 3 * 6 + 2 + 1
    variables = 5 + 16 + (3 + 3 + 6 + 4 + 4)
    parameters = 2 + 3 + 5 + 10 + 2 + 5 + 14 + 80 + 14 + 2
    blocks = (1 + 4 + 5) + 2 + (1 + 1 + 1 + 1 + 1 + 1 + 8 + 1 + 1)
    assert len(found) - len(grid) == variables + parameters + blocks


def test_combined_active_energy_of_a_meter_that_has_it() -> None:
    """Captured (KTS-Intek/DLT645, log of two meters): 81H, 9000, 38 00 00 00."""
    assert [str(value) for value in item("9000", "1997").decode(bytes.fromhex("38000000"))] == ["0.38"]
