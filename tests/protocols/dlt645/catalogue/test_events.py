"""Family 03, 1D and 1E: counts and records, their bytes, order and names (DL/T 645-2007, Table A.4)."""

from __future__ import annotations

from typing import Final

import pytest

from protocols.dlt645.catalogue import item
from protocols.dlt645.formats import Entry, Hex, Moment
from protocols.errors import BadAnswer, ModelError
from protocols.model import Obis, Unit

# DI2 (and DI1 where it is one kind): bytes of the count, bytes of a record, Chinese name, whether phases have their own
PHASED: Final = {
    0x01: (131, "失压"), 0x02: (131, "欠压"), 0x03: (131, "过压"), 0x04: (131, "断相"), 0x0B: (115, "失流"),
    0x0C: (115, "过流"), 0x0D: (115, "断流"), 0x0E: (76, "潮流反向"), 0x0F: (76, "过载"),
}  # fmt: skip
WHOLE: Final = {
    0x05: (15, "全失压"), 0x06: (12, "辅助电源失电"), 0x07: (76, "电压逆相序"), 0x08: (76, "电流逆相序"),
    0x09: (78, "电压不平衡"), 0x0A: (78, "电流不平衡"),
}  # fmt: skip
REGISTERS: Final = {
    0x00: (50, "编程"), 0x01: (106, "电表清零"), 0x02: (202, "需量清零"), 0x03: (14, "事件清零"), 0x04: (16, "校时"),
    0x05: (682, "时段表编程"), 0x06: (94, "时区表编程"), 0x07: (11, "周休日编程"), 0x08: (1026, "节假日编程"),
    0x09: (11, "有功组合方式编程"), 0x0A: (11, "无功组合方式1编程"), 0x0B: (11, "无功组合方式2编程"),
    0x0C: (16, "结算日编程"), 0x0D: (60, "开表盖"), 0x0E: (60, "开端钮盒"),
}  # fmt: skip


@pytest.mark.parametrize("di2", PHASED)
def test_event_of_a_phase(di2: int) -> None:
    size, zh = PHASED[di2]
    counts = item(f"03{di2:02X}0000")
    assert counts.longest == 18
    assert counts.name_zh == f"A/B/C相{zh}总次数,总累计时间"
    assert [part.unit for part, _ in counts.parts] == [Unit.NONE, Unit.MINUTE] * 3
    assert [part.name_zh[:2] for part, _ in counts.parts] == ["A相", "A相", "B相", "B相", "C相", "C相"]
    for phase in (1, 2, 3):
        for back in (1, 10):
            record = item(f"03{di2:02X}{phase:02X}{back:02X}")
            assert record.longest == size
            assert record.name_zh == f"(上{back}次){'ABC'[phase - 1]}相{zh}记录"
            assert [part.name for part, _ in record.parts[:2]] == ["start", "end"]
    for code in (f"03{di2:02X}000B", f"03{di2:02X}0001", f"03{di2:02X}0100", f"03{di2:02X}010B", f"03{di2:02X}0401"):
        with pytest.raises(ModelError):
            item(code)


@pytest.mark.parametrize("di2", WHOLE)
def test_event_of_the_whole_meter(di2: int) -> None:
    size, zh = WHOLE[di2]
    assert item(f"03{di2:02X}0000").longest == 6
    assert item(f"03{di2:02X}0000").name_zh == f"{zh}总次数,总累计时间"
    for back in (1, 10):
        assert item(f"03{di2:02X}00{back:02X}").longest == size
        assert item(f"03{di2:02X}00{back:02X}").name_zh == f"(上{back}次){zh}记录"
    for code in (f"03{di2:02X}000B", f"03{di2:02X}0101"):
        with pytest.raises(ModelError):
            item(code)


@pytest.mark.parametrize("di1", REGISTERS)
def test_what_people_did(di1: int) -> None:
    size, zh = REGISTERS[di1]
    count = item(f"0330{di1:02X}00")
    assert (count.longest, count.name_zh) == (3, f"{zh}总次数")
    for back in (1, 10):
        assert item(f"0330{di1:02X}{back:02X}").longest == size
        assert item(f"0330{di1:02X}{back:02X}").name_zh == f"(上{back}次){zh}记录"
    with pytest.raises(ModelError):
        item(f"0330{di1:02X}0B")


def test_voltage_record_tells_each_phase_in_turn() -> None:
    names = [part.name for part, _ in item("03010201").parts]
    assert names[2:6] == [
        "active_energy_import_increment", "active_energy_export_increment",
        "reactive_energy_import_increment", "reactive_energy_export_increment",
    ]  # fmt: skip
    assert names[6:15] == [
        "active_energy_import_l1_increment", "active_energy_export_l1_increment",
        "reactive_energy_import_l1_increment", "reactive_energy_export_l1_increment",
        "voltage_l1_at_start", "current_l1_at_start", "active_power_l1_at_start", "reactive_power_l1_at_start",
        "power_factor_l1_at_start",
    ]  # fmt: skip
    assert [name.replace("l1", "l2") for name in names[6:15]] == names[15:24]
    assert [name.replace("l1", "l3") for name in names[6:15]] == names[24:33]
    assert names[33:] == ["charge", "charge_l1", "charge_l2", "charge_l3"]
    assert {part.unit for part, _ in item("03010201").parts[33:]} == {Unit.AMPERE_HOUR}
    assert names[:33] == [part.name for part, _ in item("030B0201").parts]


def test_a_record_by_its_bytes() -> None:
    begin, end, rate = bytes.fromhex("003015221126"), bytes.fromhex("451016221126"), bytes.fromhex("3412")
    energies = bytes.fromhex("78563412" + "00000000" + "01000080") + bytes(52)
    values = item("03090001").decode(begin + end + rate + energies)
    assert [str(value) for value in values[:6]] == [
        "2026-11-22T15:30:00", "2026-11-22T16:10:45", "12.34", "123456.78", "0.00", "-0.01",
    ]  # fmt: skip
    assert [value.part.unit for value in values[2:6]] == [Unit.PERCENT, Unit.KWH, Unit.KWH, Unit.KVARH]


def test_event_that_never_was_is_nothing() -> None:
    assert {str(value) for value in item("03110001").decode(bytes(12))} == {""}
    assert {str(value) for value in item("03300001").decode(b"\xff" * 50)} == {""}


def test_all_phase_voltage_loss_has_its_current_between_the_times() -> None:
    assert [part.name for part, _ in item("03050001").parts] == ["start", "current", "end"]


def test_voltage_quality_is_by_month() -> None:
    found = item("03100200")
    assert (found.longest, found.name_zh) == (27, "(本月)B相电压合格率统计数据")
    assert item("0310000C").name_zh == "(上12月)电压合格率统计数据"
    assert [form.length for _, form in found.parts] == [3, 3, 3, 3, 3, 2, 4, 2, 4]
    assert found.parts[6][1] == Moment("MMDDhhmm")
    for code in ("0310000D", "03100400"):
        with pytest.raises(ModelError):
            item(code)


def test_power_down() -> None:
    assert item("03110000").parts[0][0].obis == Obis(0, 0, 96, 7, 0)
    assert item("0311000A").longest == 12
    for code in ("0311000B", "03110101"):
        with pytest.raises(ModelError):
            item(code)


@pytest.mark.parametrize(
    ("di1", "zh", "unit"),
    [
        (1, "正向有功", Unit.KW),
        (2, "反向有功", Unit.KW),
        (3, "第一象限无功", Unit.KVAR),
        (6, "第四象限无功", Unit.KVAR),
    ],
)
def test_demand_over_limit(di1: int, zh: str, unit: Unit) -> None:
    found = item(f"0312{di1:02X}01")
    assert (found.longest, found.name_zh) == (20, f"(上1次){zh}需量超限记录")
    assert found.parts[2][0].unit is unit
    assert [form.length for _, form in found.parts] == [6, 6, 3, 5]
    assert item("03120000").longest == 18
    with pytest.raises(ModelError):
        item("03120701")


def test_programming_names_ten_identifiers() -> None:
    found = item("03300001")
    assert [form for _, form in found.parts] == [Moment("YYMMDDhhmmss"), *[Hex(4)] * 11]
    values = found.decode(bytes.fromhex("121110221126" + "01000000" + "03010004") + b"\xff" * 36)
    assert [value.text for value in values[:4]] == ["2026-11-22T10:11:12", "00000001", "04000103", None]


def test_clears_tell_what_was_there_in_the_order_of_phases() -> None:
    energy = [part.name for part, _ in item("03300101").parts[2:]]
    assert energy[:3] == ["active_energy_import_before", "active_energy_export_before", "reactive_energy_q1_before"]
    assert [name for name in energy if "_l2_" in name] == energy[12:18]
    demand = item("03300201").parts[2:]
    assert [form.length for _, form in demand] == [3, 5] * 24
    assert demand[-2][0].name == "reactive_demand_q4_l3_max_before"


def test_clock_setting_begins_with_the_operator() -> None:
    assert [part.name for part, _ in item("03300401").parts] == ["operator", "clock_before", "clock_after"]


def test_schedules_as_they_were_before() -> None:
    assert [form for _, form in item("03300501").parts[2:]] == [Entry("hhmmNN")] * 2 * 8 * 14
    assert [form for _, form in item("03300601").parts[2:]] == [Entry("MMDDNN")] * 2 * 14
    assert [form for _, form in item("03300801").parts[2:]] == [Entry("YYMMDDNN")] * 254
    assert [form for _, form in item("03300C01").parts[2:]] == [Moment("DDhh")] * 3


def test_covers_have_codes_of_their_own() -> None:
    assert item("03300D00").parts[0][0].obis == Obis(0, 0, 96, 20, 0)
    assert item("03300E00").parts[0][0].obis == Obis(0, 0, 96, 20, 5)
    assert [part.name for part, _ in item("03300D01").parts[2:4]] == [
        "active_energy_import_before", "active_energy_export_before",
    ]  # fmt: skip
    assert [part.name for part, _ in item("03300D01").parts[8:9]] == ["active_energy_import_after"]


@pytest.mark.parametrize(("family", "zh"), [("1D", "跳闸"), ("1E", "合闸")])
def test_relay_records_whole_and_part_by_part(family: str, zh: str) -> None:
    record = item(f"{family}00FF0A")
    assert record.longest == 34
    assert item(f"{family}000001").name_zh == f"{zh}总次数"
    assert item(f"{family}000101").name_zh == f"(上1次){zh}发生时刻"
    for number, (part, form) in enumerate(record.parts, 1):
        (alone,) = item(f"{family}00{number:02X}0A").parts
        assert alone[1] == form
        assert alone[0].unit is part.unit
    for code in (f"{family}000002", f"{family}00FF0B", f"{family}000901", f"{family}010101"):
        with pytest.raises(ModelError):
            item(code)


def test_purchases() -> None:
    assert item("03320301").parts[0][0].unit is Unit.KWH
    assert item("03330301").parts[0][0].unit is Unit.YUAN
    assert [item(f"0333{n:02X}01").longest for n in range(1, 7)] == [5, 2, 4, 4, 4, 4]
    for code in ("03330701", "03330100", "0333010B", "03340001"):
        with pytest.raises(ModelError):
            item(code)


def test_counts_and_records_there_are() -> None:
    """Nine kinds by phase, six of the whole meter, quality by month, power down, six demands, fifteen registers."""
    found = 0
    for di2 in range(0x32):
        for di1 in range(0x10):
            for di0 in range(0x0F):
                try:
                    item(f"03{di2:02X}{di1:02X}{di0:02X}")
                except ModelError:
                    continue
                found += 1
    assert found == 9 * (1 + 3 * 10) + 6 * 11 + 4 * 13 + 11 + (1 + 6 * 10) + 15 * 11


@pytest.mark.parametrize("code", ["03010101", "030E0301", "03110001", "03300501", "03300801", "1D00FF01"])
def test_record_of_another_length_is_a_bad_answer(code: str) -> None:
    size = item(code).longest
    for length in (0, size - 1, size + 1, 6):
        with pytest.raises(BadAnswer, match="bytes of data"):
            item(code).decode(b"\xff" * length)
