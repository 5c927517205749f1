"""Family 06 and the record of Annex B: A0 A0, bytes, time, six blocks closed by AA, sum, E5."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.catalogue import item
from protocols.dlt645.item import Item
from protocols.dlt645.load_record import LoadRecord, LoadRecords, decode_records
from protocols.errors import BadAnswer, ModelError
from protocols.quantities import quantity

SIZES: Final = (17, 24, 8, 16, 16, 6)
"""Bytes of the classes."""
# Voltages 220.1 220.2 220.3 V, currents 1.001 -1.002 1.003 A, 50.01 Hz at 2026-11-22 10:15.
FIRST: Final = "0122" + "0222" + "0322" + "011000" + "021080" + "031000" + "0150"


def by_hand(body: str, start: str = "a0a0") -> bytes:
    """A record around `body`, built from the annex and not by what is tested."""
    content = bytes.fromhex(body)
    raw = bytes.fromhex(start) + bytes((len(content),)) + content
    return raw + bytes((sum(raw) % 256, 0xE5))


RECORD: Final = by_hand("1510221126" + FIRST + "aa" * 6)


def shape(found: Item) -> LoadRecords:
    assert isinstance(found.shape, LoadRecords)
    return found.shape


@pytest.mark.parametrize("number", range(7))
def test_names_and_parts_of_a_class(number: int) -> None:
    found = item(f"06{number:02X}0001")
    prefix = f"第{number}类" if number else ""
    assert found.name_zh == prefix + "给定时间负荷记录块"
    assert item(f"06{number:02X}0000").name_zh == prefix + "最早负荷记录块"
    assert item(f"06{number:02X}0002").name_zh == prefix + "最近一个负荷记录块"
    size = sum(form.length for _, form in found.parts)
    assert size == 5 + (SIZES[number - 1] if number else sum(SIZES))


@pytest.mark.parametrize("code", ["06070000", "06000003", "06010100", "060000FF"])
def test_what_is_no_load_record(code: str) -> None:
    with pytest.raises(ModelError):
        item(code)


def test_record_of_one_class_by_its_bytes() -> None:
    (record,) = decode_records(item("06010001"), RECORD)
    assert record.time == "2026-11-22T10:15"
    assert record.good
    assert [str(value) for value in record.values] == [
        "220.1", "220.2", "220.3", "1.001", "-1.002", "1.003", "50.01",
    ]  # fmt: skip
    assert record.values[0].part.quantity is quantity("voltage_l1")
    assert record.values[0].steps == 220100


def test_full_record_has_98_bytes_between_count_and_sum() -> None:
    found = item("06000000")
    raw = found.encode(["2026-11-22T10:15", *range(29)])
    assert raw[2] == 98
    assert len(raw) == 103
    (record,) = decode_records(found, raw)
    assert [value.number for value in record.values] == list(range(29))
    assert [value.part.name for value in record.values][7:9] == ["active_power", "active_power_l1"]


def test_several_records_come_one_behind_the_other() -> None:
    later = by_hand("3010221126" + FIRST + "aa" * 6)
    found = item("06010000")
    assert [record.time for record in decode_records(found, RECORD + later)] == ["2026-11-22T10:15", "2026-11-22T10:30"]
    values = found.decode(RECORD + later)
    assert [value.part.name for value in values[:2]] == ["time", "voltage_l1"]
    assert [value.text for value in values if value.part.name == "time"] == ["2026-11-22T10:15", "2026-11-22T10:30"]


def test_no_record_is_no_error() -> None:
    assert decode_records(item("06000001"), b"") == []
    assert item("06000001").decode(b"") == []


def test_record_that_the_meter_calls_not_right_has_no_values() -> None:
    bad = by_hand("1510221126" + "ee" * 17 + "aa" * 6, start="e0e0")
    assert decode_records(item("06010001"), bad + RECORD)[0] == LoadRecord("2026-11-22T10:15", False, ())
    assert decode_records(item("06010001"), by_hand("ee" * 5, "e0e0")) == [LoadRecord(None, False, ())]
    assert len(decode_records(item("06010001"), bad + RECORD)[1].values) == 7


def test_item_parts_are_of_another_time_and_no_quantities() -> None:
    assert {part.quantity for part, _ in item("06000001").parts} == {None}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (RECORD[1:], "starts"),
        (RECORD[:-1], "cut short"),
        (RECORD[:2], "cut short"),
        (RECORD[:-1] + b"\xe6", "expected E5"),
        (RECORD[:-2] + bytes((RECORD[-2] ^ 1, 0xE5)), "sum"),
        (RECORD + b"\x00", "starts"),
        (by_hand("1510221126" + FIRST + "aa" * 5), "6 blocks"),
        (by_hand("1510221126" + FIRST + "aa" * 7), "6 blocks"),
        (by_hand("1510221126" + FIRST[2:] + "aa" * 6), "class 1"),
        (by_hand("1510221126" + "aa" + FIRST + "aa" * 5), "class 2"),
        (by_hand("1525221126" + FIRST + "aa" * 6), "hh is 25"),
        (by_hand("1510221126" + "0b" + FIRST[2:] + "aa" * 6), "BCD"),
    ],
)
def test_wrong_record_is_a_bad_answer(raw: bytes, reason: str) -> None:
    with pytest.raises(BadAnswer, match=reason):
        decode_records(item("06010001"), raw)


@given(classes=st.sets(st.integers(1, 6)), number=st.integers(0, 799))
def test_any_choice_of_classes_comes_back(classes: set[int], number: int) -> None:
    records = shape(item("06000001"))
    blocks = {each: [number] * len(records.blocks[each - 1].parts) for each in classes}
    raw = records.encode_record("2026-11-22T10:15", blocks)
    (record,) = decode_records(item("06000001"), raw)
    assert len(record.values) == sum(map(len, blocks.values()))
    assert {value.number for value in record.values} <= {number}


def test_other_items_hold_no_records() -> None:
    with pytest.raises(ValueError, match="no load records"):
        decode_records(item("00010000"), RECORD)
    with pytest.raises(ValueError, match="whole records"):
        item("06010001").encode(["2026-11-22T10:15", 1])
